"""`holdfast jobs cancel|retry|delete|resolve|fail|logs|body`: do something to one job, or read what it said."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from holdfast.cli.options import AsJson, Schema, Url, Verbose
from holdfast.cli.screen import print_json, printable, stderr
from holdfast.cli.target import asked, existing
from holdfast.cli.times import exact
from holdfast.errors import InvalidOption, JobNotFound

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.model.job import JobRecord

Id: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]


def cancel(
    context: typer.Context,
    id: Id,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Cancel a job.

    What waits never starts; what runs is asked to stop, within a second; what has ended stays as it is.
    """
    app = existing(asked(context, url, schema, verbose))
    _say(app, as_json, lambda: app.jobs.cancel(id), _cancelled)


def _cancelled(job: "JobRecord") -> str:
    if not job.state.finished:
        return f"{job.state.value}: it is asked to stop"
    return "cancelled" if job.state == "cancelled" else f"{job.state.value} already: nothing changed"


def retry(
    context: typer.Context,
    id: Id,
    delay: Annotated[str, typer.Option(metavar="DURATION", help="Wait so long first, as in 5m.")] = "0s",
    force: Annotated[bool, typer.Option("--force", help="Run one that succeeded again, too.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Run a failed, cancelled or stalled job again, with its full number of attempts."""
    app = existing(asked(context, url, schema, verbose))
    _say(app, as_json, lambda: app.jobs.retry(id, delay=delay, force=force), _retried)


def _retried(job: "JobRecord") -> str:
    return f"{job.state}: version {job.version}"


def delete(
    context: typer.Context,
    id: Id,
    yes: Annotated[bool, typer.Option("--yes", help="Say that you mean it.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Remove a job in any state, with all its versions and log lines; a running body can write nothing any more."""
    if not yes:
        raise InvalidOption(f"this removes job {id} and all that is known of it: give --yes if you mean it")
    app = existing(asked(context, url, schema, verbose))
    _say(app, as_json, lambda: app.jobs.delete(id), lambda job: f"deleted; it was {job.state}")


def resolve(
    context: typer.Context,
    id: Id,
    result: Annotated[str, typer.Option("--result", metavar="JSON", help="What it shall have returned.")] = "null",
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """End a job by hand that waits or has stalled: as succeeded."""
    value = _parsed(result)
    app = existing(asked(context, url, schema, verbose))
    _say(app, as_json, lambda: app.jobs.resolve(id, value), lambda job: job.state.value)


def fail(
    context: typer.Context,
    id: Id,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")] = "by hand",
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """End a job by hand that waits or has stalled: as failed."""
    app = existing(asked(context, url, schema, verbose))
    _say(app, as_json, lambda: app.jobs.fail(id, reason), lambda job: job.state.value)


def logs(
    context: typer.Context,
    id: Id,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", help="At most so many, 1 to 1000.")] = 1000,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Show what a job's attempts said with `ctx.log`, oldest first."""
    app = existing(asked(context, url, schema, verbose))
    try:
        lines = app.jobs.logs(id, limit=limit)
        if not lines and app.jobs.get(id) is None:
            raise JobNotFound(f"there is no job {id} (any more) in {app.store.where}", id)
    finally:
        app.close()
    if as_json:
        print_json({"lines": [{**asdict(line), "at": exact(line.at)} for line in lines]})
        return
    for line in lines:
        sys.stdout.write(f"{exact(line.at)}\t{line.attempt}\t{printable(line.level)}\t{printable(line.message)}\n")
    if not lines:
        stderr().print("no lines", style="dim")


def body(
    context: typer.Context,
    id: Id,
    result: Annotated[bool, typer.Option("--result", help="The bytes that the task answered instead.")] = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Write a raw job's bytes to standard output, exactly as they came."""
    app = existing(asked(context, url, schema, verbose))
    try:
        job = app.jobs.get(id)
        where = app.store.where
    finally:
        app.close()
    if job is None:
        raise JobNotFound(f"there is no job {id} (any more) in {where}", id)
    found = job.result if result else job.raw
    data: bytes | None = getattr(found, "body", None)
    if data is None:
        raise InvalidOption(f"job {id} is no raw one" if job.raw is None else f"job {id} has answered no bytes")
    sys.stdout.buffer.write(data)


def _say(app: "Holdfast", as_json: bool, do: Callable[[], "JobRecord"], what: Callable[["JobRecord"], str]) -> None:
    """Do it, and say on one line what became of the job; as JSON, its record without arguments and result."""
    from holdfast.cli.documents import job_document

    try:
        job = do()
    finally:
        app.close()
    if as_json:
        print_json(job_document(job, payload=False, tracebacks=False))
    else:
        sys.stdout.write(f"{job.id}\t{what(job)}\n")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidOption(f"--result must be JSON, such as '\"done\"' or 5: {error}") from error


ALL = (cancel, retry, delete, resolve, fail, logs, body)
