"""`holdfast jobs`: look at jobs, and do something to one (see `verbs`)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, cast

import typer

from holdfast.cli import verbs
from holdfast.cli.commands import Command, Group
from holdfast.cli.options import AsJson, Schema, Url, Verbose
from holdfast.cli.release import release
from holdfast.cli.screen import print_json, stderr, stdout
from holdfast.cli.target import asked, existing
from holdfast.cli.times import exact
from holdfast.model.job import JobState

program = typer.Typer(cls=Group, help="Look at jobs, cancel, retry, end and delete them.", no_args_is_help=True)


@program.command("list", cls=Command)
def list_(
    context: typer.Context,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help=f"Only jobs in this state: {', '.join(JobState)}.")
    ] = None,
    queue: Annotated[str | None, typer.Option("--queue", "-q", metavar="NAME", help="Only jobs of this queue.")] = None,
    task: Annotated[str | None, typer.Option("--task", "-t", metavar="NAME", help="Only jobs of this task.")] = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Only jobs with this tag.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", help="At most so many, 1 to 1000.")] = 50,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="The next page: the cursor that the last one ended with.")
    ] = None,
    payload: Annotated[bool, typer.Option("--payload", help="Show arguments and results too.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """List jobs, newest first.

    In a terminal it is a table, in a pipe lines with tabs. The cursor of the next page stands on stderr, and as
    "next" in JSON.
    """
    from holdfast.cli import tables
    from holdfast.cli.documents import job_document

    app = existing(asked(context, url, schema, verbose))
    try:
        page = app.jobs.list(state=state, queue=queue, task=task, tag=tag, limit=limit, after=after)
    finally:
        app.close()
    if as_json:
        print_json({"jobs": [job_document(job, payload, tracebacks=False) for job in page], "next": page.next})
        return
    tables.print_jobs(stdout(), list(page), payload)
    if not page:
        stderr().print("no jobs", style="dim")
    elif page.next is not None:
        stderr().print(f"more: --after {page.next}", style="dim", soft_wrap=True)


@program.command("show", cls=Command)
def show(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    hide_payload: Annotated[bool, typer.Option("--hide-payload", help="Leave out arguments, result and data.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Show everything about one job and its steps, with -v the tracebacks too."""
    from holdfast.cli.details import print_job
    from holdfast.cli.documents import job_document
    from holdfast.cli.steps import print_steps, step_documents
    from holdfast.cli.waits import waits_of
    from holdfast.errors import JobNotFound

    wanted = asked(context, url, schema, verbose)
    app = existing(wanted)
    try:
        job = app.jobs.get(id)
        where = app.store.where
        waits = waits_of(app, job) if job is not None else []
        steps = app.steps.list(id, version=job.version) if job is not None else ()
    finally:
        app.close()
    if job is None:
        raise JobNotFound(f"there is no job {id} (any more) in {where}", id)
    if as_json:
        print_json(
            {
                **job_document(job, not hide_payload, tracebacks=True),
                "waits_for": [asdict(one) for one in waits],
                "steps": step_documents(steps, not hide_payload),
            }
        )
    else:
        print_job(stdout(), job, not hide_payload, wanted.verbose > 0, waits)
        print_steps(stdout(), steps)


def _plain(value: Any) -> Any:
    """The same with instants as JSON has them."""
    if isinstance(value, datetime):
        return exact(value)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in cast("Mapping[str, Any]", value).items()}
    return [_plain(each) for each in cast("Sequence[Any]", value)] if isinstance(value, list | tuple) else value


@program.command("explain", cls=Command)
def explain(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Say why a job does not run, or has not run yet, and when it should start, where that is known."""
    app = existing(asked(context, url, schema, verbose))
    try:
        found = app.jobs.explain(id)
    finally:
        app.close()
    if as_json:
        print_json(_plain(asdict(found)))
        return
    print(f"{found.task} {found.id} is {found.state}")
    for reason in found.reasons:
        print(f"  {reason.code}: {reason.text}")
    if found.expected_at is not None:
        print(f"  expected to start at {found.expected_at:%Y-%m-%d %H:%M:%S} UTC")


for verb in (*verbs.ALL, release):
    program.command(verb.__name__, cls=Command)(verb)
