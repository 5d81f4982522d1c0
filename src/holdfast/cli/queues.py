"""`holdfast queues`: look at queues, pause and resume them, limit them, give their jobs defaults."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from holdfast.cli import queue_tables as tables
from holdfast.cli.commands import Command, Group
from holdfast.cli.options import AsJson, Schema, Url, Verbose
from holdfast.cli.screen import print_json, printable, stderr, stdout
from holdfast.cli.target import asked, existing
from holdfast.errors import InvalidOption

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.model.queue import Queue

program = typer.Typer(cls=Group, help="Look at queues, pause, limit and configure them.", no_args_is_help=True)

Name: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="What the queue is called.")]


@program.command("list", cls=Command)
def list_(
    context: typer.Context,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """List queues by name: those of which something was said, and those in which jobs wait or run.

    In a terminal it is a table, in a pipe lines with tabs. A count that ends with + is of all that was looked at.
    """
    app = existing(asked(context, url, schema, verbose))
    try:
        found = [(queue, app.queues.stats(queue.name)) for queue in app.queues.list()]
    finally:
        app.close()
    if as_json:
        print_json({"queues": [tables.document(queue, stats) for queue, stats in found]})
        return
    tables.print_queues(stdout(), found)
    if not found:
        stderr().print("no queues", style="dim")


@program.command("show", cls=Command)
def show(
    context: typer.Context,
    name: Name,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Show what was said of a queue, and how many jobs it has."""
    app = existing(asked(context, url, schema, verbose))
    try:
        queue, stats = app.queues.get(name), app.queues.stats(name)
    finally:
        app.close()
    if as_json:
        print_json(tables.document(queue, stats))
    else:
        tables.print_queue(stdout(), queue, stats)


@program.command("pause", cls=Command)
def pause(
    context: typer.Context,
    name: Name,
    by: Annotated[
        str | None, typer.Option("--by", metavar="WHO", help="Who pauses it, and why. Else the user and host.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Start none of its jobs until it is resumed; those that run go on. Every worker knows it within a second."""
    app = existing(asked(context, url, schema, verbose))
    _say(app, as_json, lambda: app.queues.pause(name, by=by), tables.standing)


@program.command("resume", cls=Command)
def resume(
    context: typer.Context,
    name: Name,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Let its jobs start again."""
    app = existing(asked(context, url, schema, verbose))
    _say(app, as_json, lambda: app.queues.resume(name), tables.standing)


@program.command("configure", cls=Command)
def configure(
    context: typer.Context,
    name: Name,
    display_name: Annotated[
        str | None, typer.Option("--display-name", metavar="TEXT", help="What people call it.")
    ] = None,
    concurrency: Annotated[
        str | None, typer.Option("--concurrency", "-c", metavar="N", help="So many of its jobs at once in the fleet.")
    ] = None,
    rate: Annotated[str | None, typer.Option(metavar="RATE", help="How fast they start, as in 10/s or 5m.")] = None,
    retry: Annotated[
        str | None, typer.Option(metavar="N", help="Runs in all, for jobs that say nothing of it, nor their task.")
    ] = None,
    keep_succeeded: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How long rows of succeeded jobs stay, likewise.")
    ] = None,
    keep_failed: Annotated[str | None, typer.Option(metavar="DURATION", help="And those of the others.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Say something of a queue; what is not given stays, and `none` takes it back. Workers know it within a second."""
    given: dict[str, Any] = {
        "display_name": display_name, "concurrency": _number(concurrency), "rate": rate, "retry": _number(retry),
        "keep_succeeded": keep_succeeded, "keep_failed": keep_failed,
    }  # fmt: skip
    changes = {key: None if value == "none" else value for key, value in given.items() if value is not None}
    if not changes:
        raise InvalidOption("say what to change: --concurrency, --rate, --retry, --keep-failed …; see --help")
    app = existing(asked(context, url, schema, verbose))
    _say(app, as_json, lambda: app.queues.configure(name, **changes), tables.standing)


def _number(text: str | None) -> str | int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else text


def _say(app: "Holdfast", as_json: bool, do: "Callable[[], Queue]", what: "Callable[[Queue], str]") -> None:
    try:
        queue = do()
    finally:
        app.close()
    if as_json:
        print_json(tables.document(queue))
    else:
        sys.stdout.write(f"{printable(queue.name)}\t{printable(what(queue))}\n")
