"""`holdfast check`: what would keep an app's tasks from running, told before it is deployed."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.exits import Exit
from holdfast.cli.options import AsJson, Schema, Url, Verbose
from holdfast.cli.screen import print_json, printable, stderr, stdout
from holdfast.cli.target import app_named, asked

if TYPE_CHECKING:
    from holdfast.worker.readiness import Problem


def run(
    context: typer.Context,
    app: Annotated[str, typer.Argument(metavar="MODULE:APP", help="The app, as in shop.jobs:app.")],
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Look for what would keep an app's tasks from running; exit 1 where there is something.

    Declared tasks without a handler, handlers that do not fit, consumers that cannot be built, annotations that
    cannot be kept as JSON, bodies that no process could import. The code alone is looked at: no database is opened.
    """
    found = app_named(app, asked(context, url, schema, verbose))
    problems, names = found.problems(), sorted(task.name for task in found.tasks)
    if as_json:
        print_json({"app": app, "tasks": names, "problems": [asdict(problem) for problem in problems]})
    else:
        _print(problems)
        told = f"{_counted(len(names), 'task')}, {_counted(len(problems), 'problem')}"
        stderr().print(told, style="red" if problems else "green")
    if problems:
        raise typer.Exit(Exit.FAILED)


def _print(problems: "list[Problem]") -> None:
    """Aligned for people; lines of kind, name and message with tabs in a pipe."""
    from rich.text import Text

    console = stdout()
    for problem in problems:
        if console.is_terminal:
            line = Text.assemble((f"{problem.kind:<12}", "yellow"), printable(problem.message))
            console.print(line, soft_wrap=True)
        else:
            sys.stdout.write(f"{problem.kind}\t{printable(problem.name)}\t{printable(problem.message)}\n")


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
