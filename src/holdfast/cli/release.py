"""`holdfast jobs release`: a parked job goes on."""

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.given import opened
from holdfast.cli.screen import stdout

if TYPE_CHECKING:
    from holdfast.app import Holdfast


@opened
def release(
    app: "Holdfast",
    id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
) -> None:
    """Let a job go on that is parked, for its code asked for other steps than it had recorded.

    Do it once code that fits is deployed: `holdfast jobs show` says what was recorded and what was asked for.
    """
    app.steps.release(id)
    stdout().print(f"{id} goes on")
