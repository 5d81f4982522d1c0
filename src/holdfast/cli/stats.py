"""`holdfast stats`: how many jobs stand where, how many ended when, how long they waited and ran."""

from typing import Annotated, Any

import typer

from holdfast.cli.options import AsJson, Schema, Url, Verbose
from holdfast.cli.screen import print_json, stdout
from holdfast.cli.target import asked, existing


def run(
    context: typer.Context,
    by: Annotated[
        str | None, typer.Option(metavar="SLOT", help="How many ended in each minute, hour or day (UTC) instead.")
    ] = None,
    last: Annotated[
        str | None, typer.Option(metavar="DURATION", help="So long up to now, 24h; with --by 1h, 24h or 30d.")
    ] = None,
    queue: Annotated[str | None, typer.Option("--queue", "-q", metavar="NAME", help="Only jobs of this queue.")] = None,
    task: Annotated[str | None, typer.Option("--task", "-t", metavar="NAME", help="Only jobs of this task.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Show numbers about all jobs: by state, queue and task, how they ended, how long they waited and ran.

    In a terminal they are tables, in a pipe lines with tabs. No large table is counted for it.
    """
    from holdfast.cli import stats_tables as tables

    app = existing(asked(context, url, schema, verbose))
    where: dict[str, Any] = {"queue": queue, "task": task}
    try:
        if by is not None:
            grain: Any = by  # checked there
            slots = app.stats.histogram(grain, last=last, **where)
            if as_json:
                print_json({"by": by, "slots": [tables.document(slot) for slot in slots]})
            else:
                tables.print_slots(stdout(), slots, by)
            return
        found = tables.Overview.of(app.stats, last or "24h", queue, task)
    finally:
        app.close()
    if as_json:
        print_json(found.document())
    else:
        tables.print_overview(stdout(), found)
