"""`holdfast jobs release`: a parked job goes on."""

from typing import Annotated

import typer

from holdfast.cli.options import Schema, Url, Verbose
from holdfast.cli.screen import stdout
from holdfast.cli.target import asked, existing


def release(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Let a job go on that is parked, for its code asked for other steps than it had recorded.

    Do it once code that fits is deployed: `holdfast jobs show` says what was recorded and what was asked for.
    """
    app = existing(asked(context, url, schema, verbose))
    try:
        app.steps.release(id)
    finally:
        app.close()
    stdout().print(f"{id} goes on")
