"""`holdfast replay`: what the code of today makes of a job's record."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.exits import Exit
from holdfast.cli.options import AsJson, Schema, Url, Verbose
from holdfast.cli.screen import print_json, printable, say, stdout
from holdfast.cli.target import app_named, asked


def run(
    context: typer.Context,
    app: Annotated[str, typer.Argument(metavar="MODULE:APP", help="The app, as in shop.jobs:app.")],
    what: Annotated[
        str, typer.Argument(metavar="ID|PATH", help="A job's id, or a history that was saved, or a folder of such.")
    ],
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE", help="Keep the job's history in a file, and run nothing."),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Run a job's body here on its record alone: no step is called, nothing is stored.

    Each step and wait answers what is recorded; the first that is not ends the replay. Exit 1 where the code asks for
    something else, or comes to another end. --save keeps what a job recorded (its arguments and results are in it), for
    tests to replay.
    """
    from holdfast.testing.history import History, histories
    from holdfast.testing.replay import replay

    found = app_named(app, asked(context, url, schema, verbose))
    try:
        if save is not None:
            save.write_text(History.of(found, what).dumps(), "utf-8")
            say(f"saved {save}")
            return
        jobs = [history for _, history in histories(what)] if Path(what).exists() else [History.of(found, what)]
        if not jobs:
            say(f"there are no histories in {what}")
            raise typer.Exit(Exit.FAILED)
        results = [replay(found, history) for history in jobs]
    finally:
        found.close()
    if as_json:
        print_json([asdict(one) for one in results])
    else:
        from rich.text import Text

        for one in results:
            mark = Text("✓ ", "green") if one.fits else Text("✗ ", "red")
            pieces = f"  ({one.pieces} recorded {'piece' if one.pieces == 1 else 'pieces'} replayed)"
            told = Text(printable(f"{one.task} {one.id}: {one.said}"))
            stdout().print(mark + told + Text(pieces, "dim"), soft_wrap=True)
            for line in one.diff.splitlines():
                style = "red" if line.startswith("-") else "green" if line.startswith("+") else "dim"
                stdout().print(Text("    " + printable(line), style), soft_wrap=True)
    if not all(one.fits for one in results):
        raise typer.Exit(Exit.FAILED)
