"""`holdfast jobs`: look at jobs, and do something to one (see `verbs`) or to many (see `bulk`)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from holdfast.cli import bulk, verbs
from holdfast.cli.commands import Command, Group
from holdfast.cli.given import After, Limit, Which, conditions, opened
from holdfast.cli.options import AsJson
from holdfast.cli.release import release
from holdfast.cli.screen import print_json, say, stdout
from holdfast.cli.times import exact

if TYPE_CHECKING:
    from holdfast.app import Holdfast

program = typer.Typer(cls=Group, help="Look at jobs, cancel, retry, edit, end and delete them.", no_args_is_help=True)


@program.command("list", cls=Command)
@opened
@conditions
def list_(
    app: "Holdfast",
    which: Which,
    order: Annotated[
        str,
        typer.Option(metavar="ORDER", help="-created: newest first; created; claim: as ready jobs start; -claim."),
    ] = "-created",
    limit: Limit = 50,
    after: After = None,
    before: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="The page before: the cursor that it began with.")
    ] = None,
    payload: Annotated[bool, typer.Option("--payload", help="Show arguments and results too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first: all, or those that meet all of the conditions.

    In a terminal it is a table, in a pipe lines with tabs. The cursors of the pages beside it stand on stderr, and as
    "next" and "previous" in JSON.
    """
    from holdfast.cli import tables
    from holdfast.cli.documents import job_document

    page = app.jobs.list(order=cast("Any", order), limit=limit, after=after, before=before, **which)
    if as_json:
        jobs = [job_document(job, payload, tracebacks=False) for job in page]
        print_json({"jobs": jobs, "next": page.next, "previous": page.previous, "partial": page.partial})
        return
    tables.print_jobs(stdout(), list(page), payload)
    if not page and page.next is None:
        say("no jobs")
    if page.partial:
        say("so many jobs were looked at that more may fit:")
    if page.next is not None:
        say(f"more: --after {page.next}")
    if (after or before) and page.previous is not None:
        say(f"before: --before {page.previous}")


@program.command("count", cls=Command)
@opened
@conditions
def count(app: "Holdfast", which: Which, as_json: AsJson = False) -> None:
    """Count jobs by state: all, or those that meet all of the conditions.

    Of live and of finished jobs the newest 100,000 are looked at. `holdfast stats` counts all, by queue and task.
    """
    from holdfast.cli.tables import print_counts

    found = app.jobs.count(**which)
    if as_json:
        print_json({"counts": dict(found), "total": found.total, "complete": found.complete})
        return
    print_counts(stdout(), found)
    if not found.complete:
        say("only the newest were looked at: there are more")


@program.command("show", cls=Command)
@opened
def show(
    app: "Holdfast",
    verbosity: int,
    id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    hide_payload: Annotated[bool, typer.Option("--hide-payload", help="Leave out arguments, result and data.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show everything about one job and its steps, with -v the tracebacks too."""
    from holdfast.cli.details import print_job
    from holdfast.cli.documents import job_document
    from holdfast.cli.steps import print_steps, step_documents
    from holdfast.cli.waits import waits_of
    from holdfast.errors import JobNotFound

    job = app.jobs.get(id)
    if job is None:
        raise JobNotFound(f"there is no job {id} (any more) in {app.store.where}", id)
    waits, steps = waits_of(app, job), app.steps.list(id, version=job.version)
    if as_json:
        print_json(
            {
                **job_document(job, not hide_payload, tracebacks=True),
                "waits_for": [asdict(one) for one in waits],
                "steps": step_documents(steps, not hide_payload),
            }
        )
    else:
        print_job(stdout(), job, not hide_payload, verbosity > 0, waits)
        print_steps(stdout(), steps)


def _plain(value: Any) -> Any:
    """The same with instants as JSON has them."""
    if isinstance(value, datetime):
        return exact(value)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in cast("Mapping[str, Any]", value).items()}
    return [_plain(each) for each in cast("Sequence[Any]", value)] if isinstance(value, list | tuple) else value


@program.command("explain", cls=Command)
@opened
def explain(
    app: "Holdfast",
    id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    as_json: AsJson = False,
) -> None:
    """Say why a job does not run, or has not run yet, and when it should start, where that is known."""
    found = app.jobs.explain(id)
    if as_json:
        print_json(_plain(asdict(found)))
        return
    print(f"{found.task} {found.id} is {found.state}")
    for reason in found.reasons:
        print(f"  {reason.code}: {reason.text}")
    if found.expected_at is not None:
        print(f"  expected to start at {found.expected_at:%Y-%m-%d %H:%M:%S} UTC")


for verb in (*bulk.ALL, *verbs.ALL, release):
    program.command(verb.__name__, cls=Command)(verb)
