"""`holdfast jobs cancel|retry|delete|edit|rescue`: for named jobs, or all that meet conditions."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from holdfast.cli.exits import report
from holdfast.cli.given import By, Which, conditions, instant, opened
from holdfast.cli.options import AsJson
from holdfast.cli.screen import print_json, stderr
from holdfast.errors import HoldfastError, InvalidOption

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.many import Changed
    from holdfast.model.job import JobRecord

MOST = 10_000

Ids: TypeAlias = Annotated[
    list[str] | None, typer.Argument(metavar="ID", help="Jobs by their ids. Else all that meet the conditions.")
]
DryRun: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Change nothing: count what would be changed.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="Say that you mean all that meet the conditions.")]
AtMost: TypeAlias = Annotated[
    int, typer.Option("--limit", "-n", metavar="N", help="Change at most so many that meet the conditions.")
]


@opened
@conditions
def cancel(
    app: "Holdfast",
    which: Which,
    ids: Ids = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    limit: AtMost = MOST,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Cancel jobs: those with these ids, or all that meet the conditions.

    What waits never starts; what runs is asked to stop, within a second; what has ended stays as it is.
    """
    if named(ids, which, dry_run):
        each(ids or (), as_json, app.jobs.cancel, _cancelled)
    else:
        all_of(
            "cancel", which, dry_run, yes, as_json,
            lambda dry: app.jobs.cancel_many(dry_run=dry, limit=limit, by=by, **which),
        )  # fmt: skip


def _cancelled(job: "JobRecord") -> str:
    if not job.state.finished:
        return f"{job.state.value}: it is asked to stop"
    return "cancelled" if job.state == "cancelled" else f"{job.state.value} already: nothing changed"


@opened
@conditions
def retry(
    app: "Holdfast",
    which: Which,
    ids: Ids = None,
    delay: Annotated[
        str | None, typer.Option(metavar="DURATION", help="With ids: wait so long first, as in 5m.")
    ] = None,
    rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="With conditions: how fast they become ready, as in 10/s.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run those that succeeded again, too.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    limit: AtMost = MOST,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Run failed, cancelled and stalled jobs again, each with its full number of attempts."""
    if named(ids, which, dry_run):
        each(ids or (), as_json, lambda id: app.jobs.retry(id, delay=delay or "0s", force=force), _retried)
    else:
        all_of(
            "retry", which, dry_run, yes, as_json,
            lambda dry: app.jobs.retry_many(rate=rate, force=force, dry_run=dry, limit=limit, by=by, **which),
        )  # fmt: skip


def _retried(job: "JobRecord") -> str:
    return f"{job.state}: version {job.version}"


@opened
@conditions
def delete(
    app: "Holdfast",
    which: Which,
    ids: Ids = None,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Say that you mean it.")] = False,
    limit: AtMost = MOST,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Remove jobs in any state, with all their versions and log lines; a running body can write nothing any more."""
    if named(ids, which, dry_run):
        if not yes:
            what = f"job {ids[0]} and all that is known of it" if ids and len(ids) == 1 else "them for good"
            raise InvalidOption(f"this removes {what}: give --yes if you mean it")
        each(ids or (), as_json, app.jobs.delete, lambda job: f"deleted; it was {job.state}")
    else:
        all_of(
            "delete", which, dry_run, yes, as_json,
            lambda dry: app.jobs.delete_many(dry_run=dry, limit=limit, by=by, **which),
        )  # fmt: skip


@opened
@conditions
def edit(
    app: "Holdfast",
    which: Which,
    ids: Ids = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="What to change: queue, priority, delay, run_at, args, timeout, tags, metadata, retry, on_timeout, "
            "on_crash, max_crashes, keep_succeeded, keep_failed. VALUE is JSON or text. Repeatable.",
        ),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    limit: AtMost = MOST,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Change what is said of jobs that wait: holdfast jobs edit ID --set priority=10 --set 'args={"to": "a@b.c"}'."""
    changes = changes_of(set_ or ())
    if named(ids, which, dry_run):
        each(ids or (), as_json, lambda id: app.jobs.edit(id, by=by, **changes), lambda job: f"{job.state}: edited")
    else:
        all_of(
            "edit", which, dry_run, yes, as_json,
            lambda dry: app.jobs.edit_many(changes, dry_run=dry, limit=limit, by=by, **which),
        )  # fmt: skip


def changes_of(given: Sequence[str]) -> dict[str, Any]:
    """What --set says: each value as JSON where it is JSON, else as the text that it is."""
    changes: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidOption(f"--set must be NAME=VALUE, such as priority=10, not {text!r}")
        try:
            changes[name] = json.loads(value)
        except (ValueError, RecursionError):
            changes[name] = value
        if name == "run_at" and isinstance(changes[name], str):
            changes[name] = instant(value.strip('"'), "--set run_at=")
    return changes


@opened
@conditions
def rescue(
    app: "Holdfast",
    which: Which,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="DURATION", help="Of those that run for so long by now, as in 10m.")
    ] = "0s",
    force: Annotated[
        bool, typer.Option("--force", help="Take those from living workers, too: what these still write is refused.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    limit: AtMost = MOST,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Put running jobs back whose lease ran out, now; each counts a crash. The leader does so by itself."""
    all_of(
        "rescue", which, dry_run, yes or not force, as_json,
        lambda dry: app.jobs.rescue(older_than, force=force, dry_run=dry, limit=limit, by=by, **which),
    )  # fmt: skip


# How


def named(ids: Sequence[str] | None, which: Which, dry_run: bool) -> bool:
    """Whether jobs were named, and not conditions."""
    if ids and (which or dry_run):
        raise InvalidOption("name jobs by their ids, or give conditions, not both; --dry-run is of conditions")
    return bool(ids)


def each(
    ids: Sequence[str], as_json: bool, do: Callable[[str], "JobRecord"], what: Callable[["JobRecord"], str]
) -> None:
    """Do it to each, and say on a line what became of it; as JSON, the records without arguments and results. What
    cannot be done to one does not keep the others from it, and is the exit code at the end."""
    from holdfast.cli.documents import job_document

    if len(ids) == 1:
        job = do(ids[0])
        if as_json:
            print_json(job_document(job, payload=False, tracebacks=False))
        else:
            sys.stdout.write(f"{job.id}\t{what(job)}\n")
        return
    done: list[JobRecord] = []
    worst = 0
    for id in ids:
        try:
            job = do(id)
        except HoldfastError as error:
            worst = max(worst, report(error, 0))
            continue
        done.append(job)
        if not as_json:
            sys.stdout.write(f"{job.id}\t{what(job)}\n")
    if as_json:
        print_json({"jobs": [job_document(job, payload=False, tracebacks=False) for job in done]})
    if worst:
        raise typer.Exit(worst)


def all_of(verb: str, which: Which, dry_run: bool, yes: bool, as_json: bool, do: "Callable[[bool], Changed]") -> None:
    """Do it to all that meet the conditions, or say to how many it would be done."""
    if not (dry_run or yes):
        would = do(True)
        raise InvalidOption(
            f"this would {verb} {would:,} {_jobs(would)}: give --yes if you mean {_it(would)}, --dry-run to only count"
        )
    changed = do(dry_run)
    if as_json:
        print_json({"verb": verb, "changed": int(changed), "more": changed.more, "dry_run": dry_run})
        return
    sys.stdout.write(f"{verb}\t{int(changed)}\n")
    said = f"{changed:,} {_jobs(changed)} {'would be changed' if dry_run else 'changed'}"
    more = "; there may be more: the same again goes on" if changed.more else ""
    stderr().print(said + more, style="dim", soft_wrap=True)


def _jobs(number: int) -> str:
    return "job" if number == 1 else "jobs"


def _it(number: int) -> str:
    return "it" if number == 1 else "them"


ALL = (cancel, retry, delete, edit, rescue)
