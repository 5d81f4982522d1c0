"""`holdfast stats`: how many jobs stand where, how many ended when, how long they waited and ran."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.complete import queue_names, task_names
from holdfast.cli.given import opened
from holdfast.cli.options import AsJson
from holdfast.cli.screen import print_json, stdout

if TYPE_CHECKING:
    from holdfast.app import Holdfast


@opened
def run(
    app: "Holdfast",
    by: Annotated[
        str | None, typer.Option(metavar="SLOT", help="How many ended in each minute, hour or day (UTC) instead.")
    ] = None,
    last: Annotated[
        str | None, typer.Option(metavar="DURATION", help="So long up to now, 24h; with --by 1h, 24h or 30d.")
    ] = None,
    queue: Annotated[
        str | None,
        typer.Option("--queue", "-q", metavar="NAME", help="Only jobs of this queue.", autocompletion=queue_names),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", "-t", metavar="NAME", help="Only jobs of this task.", autocompletion=task_names),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show numbers about all jobs: by state, queue and task, how they ended, how long they waited and ran.

    In a terminal they are tables, in a pipe lines with tabs. No large table is counted for it.
    """
    from holdfast.cli import stats_tables as tables

    where: dict[str, Any] = {"queue": queue, "task": task}
    if by is not None:
        grain: Any = by  # checked there
        slots = app.stats.histogram(grain, last=last, **where)
        if as_json:
            print_json({"by": by, "slots": [tables.document(slot) for slot in slots]})
        else:
            tables.print_slots(stdout(), slots, by)
        return
    found = tables.Overview.of(app.stats, last or "24h", queue, task)
    if as_json:
        print_json(found.document())
    else:
        tables.print_overview(stdout(), found)
