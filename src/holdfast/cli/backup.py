"""`holdfast backup`: copy a SQLite database while workers run."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from holdfast.cli.options import AppName, AsJson, Schema, Url, Verbose
from holdfast.cli.screen import print_json, printable, stderr
from holdfast.cli.target import app_named, asked, existing

if TYPE_CHECKING:
    from collections.abc import Callable

File: TypeAlias = Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes.")]


def run(
    context: typer.Context,
    file: File,
    app: AppName = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Copy a SQLite database to FILE, also while workers run.

    The copy is of one moment, is checked, and appears under its name only when it is whole. For PostgreSQL it names
    the command that does the same.
    """
    from holdfast.model.finding import size

    wanted = asked(context, url, schema, verbose)
    found = existing(wanted) if app is None else app_named(app, wanted)
    try:
        with shown_progress() as told:
            written = found.store.backup(file, force, told)
        where = found.store.where.removeprefix("the ")
    finally:
        found.close()
    place = str(file.absolute())
    if as_json:
        print_json({"database": where, "file": place, "bytes": written})
    else:
        sys.stdout.write(f"{printable(place)}: {size(written)}, a sound copy of the {printable(where)}\n")


@contextmanager
def shown_progress() -> "Generator[Callable[[int, int], None]]":
    """A bar on stderr where people look at it."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = stderr()
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns: list[Any] = [TextColumn("copying"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("copying", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
