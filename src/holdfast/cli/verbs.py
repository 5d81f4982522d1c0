"""`holdfast jobs resolve|fail|logs|body`: end one job by hand, or read what it said."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from holdfast.cli.bulk import each
from holdfast.cli.given import opened
from holdfast.cli.options import AsJson
from holdfast.cli.screen import print_json, printable, say
from holdfast.cli.times import exact
from holdfast.errors import InvalidOption, JobNotFound

if TYPE_CHECKING:
    from holdfast.app import Holdfast

Id: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]


@opened
def resolve(
    app: "Holdfast",
    id: Id,
    result: Annotated[str, typer.Option("--result", metavar="JSON", help="What it shall have returned.")] = "null",
    as_json: AsJson = False,
) -> None:
    """End a job by hand that waits or has stalled: as succeeded."""
    value = _parsed(result)
    each([id], as_json, lambda id: app.jobs.resolve(id, value), lambda job: job.state.value)


@opened
def fail(
    app: "Holdfast",
    id: Id,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")] = "by hand",
    as_json: AsJson = False,
) -> None:
    """End a job by hand that waits or has stalled: as failed."""
    each([id], as_json, lambda id: app.jobs.fail(id, reason), lambda job: job.state.value)


@opened
def logs(
    app: "Holdfast",
    id: Id,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", help="At most so many, 1 to 1000.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Show what a job's attempts said with `ctx.log`, oldest first."""
    lines = app.jobs.logs(id, limit=limit)
    if not lines and app.jobs.get(id) is None:
        raise JobNotFound(f"there is no job {id} (any more) in {app.store.where}", id)
    if as_json:
        print_json({"lines": [{**asdict(line), "at": exact(line.at)} for line in lines]})
        return
    for line in lines:
        sys.stdout.write(f"{exact(line.at)}\t{line.attempt}\t{printable(line.level)}\t{printable(line.message)}\n")
    if not lines:
        say("no lines")


@opened
def body(
    app: "Holdfast",
    id: Id,
    result: Annotated[bool, typer.Option("--result", help="The bytes that the task answered instead.")] = False,
) -> None:
    """Write a raw job's bytes to standard output, exactly as they came."""
    job = app.jobs.get(id)
    if job is None:
        raise JobNotFound(f"there is no job {id} (any more) in {app.store.where}", id)
    found = job.result if result else job.raw
    data: bytes | None = getattr(found, "body", None)
    if data is None:
        raise InvalidOption(f"job {id} is no raw one" if job.raw is None else f"job {id} has answered no bytes")
    sys.stdout.buffer.write(data)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidOption(f"--result must be JSON, such as '\"done\"' or 5: {error}") from error


ALL = (resolve, fail, logs, body)
