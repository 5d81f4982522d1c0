"""One job with all its parts, for people."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from holdfast.cli.screen import printable
from holdfast.cli.tables import STYLES, sized
from holdfast.cli.times import now, relative, utc
from holdfast.cli.waits import MOST, Awaited
from holdfast.model.duration import format_duration
from holdfast.model.job import AttemptError, JobRecord, JobState
from holdfast.model.raw import RawResult

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

LABEL = 10
LONGEST_IN_LINE = 60

Fact = tuple[str, str]


def print_job(
    console: "Console", job: JobRecord, payload: bool, tracebacks: bool, waits: Sequence[Awaited] = ()
) -> None:
    """All that is known; parts that are empty are left out."""
    from rich.text import Text

    at = now()
    console.print(Text.assemble((job.id, "bold"), "  ", (job.state.value, STYLES[job.state])), soft_wrap=True)
    facts = (*_facts(job), *_waits(job, waits), *_raw(job), *_times(job, at), *(_payload(job) if payload else ()))
    for label, value in facts:
        _print_fact(console, label, value)
    for error in job.errors:
        _print_error(console, error, at, payload, tracebacks)
    if job.errors and not tracebacks and any(error.traceback for error in job.errors):
        console.print(Text("  -v shows the tracebacks", "dim"))


def _print_fact(console: "Console", label: str, value: str, style: str = "cyan") -> None:
    """A label, and beside it the value, its further lines indented."""
    from rich.text import Text

    first, *rest = _lines(console, value)
    console.print(Text.assemble("  ", (f"{label:<{LABEL}}", style), first), soft_wrap=True)
    for line in rest:
        console.print(Text.assemble(" " * (LABEL + 2), line), soft_wrap=True)


def _lines(console: "Console", value: str) -> "list[Text]":
    """Wrapped at the edge of a terminal; as they are in a pipe."""
    from rich.text import Text

    text = Text(printable(value, lines=True).expandtabs())
    if console.is_terminal:
        return list(text.wrap(console, max(console.width - LABEL - 2, LABEL))) or [text]
    return list(text.split(allow_blank=True))


def _print_error(console: "Console", error: AttemptError, at: datetime, payload: bool, traceback: bool) -> None:
    when = f"  {_time(error.at, at)}" if error.at is not None else ""
    worker = f"  on {error.worker}" if error.worker else ""
    _print_fact(console, f"attempt {error.attempt}", f"{error.kind}{when}{worker}", "bold red")
    parts = [error.message]
    if payload and error.data is not None:
        parts.append(f"data {_json(error.data)}")
    if traceback and error.traceback:
        parts.append(error.traceback.rstrip())
    for part in filter(None, parts):
        _print_fact(console, "", part)


def _facts(job: JobRecord) -> Iterator[Fact]:
    yield "task", job.task
    yield "queue", job.queue
    if job.tenant != "default":
        yield "tenant", job.tenant
    if job.reason:
        yield "reason", job.reason
    yield "attempt", _attempt(job)
    limit = "none" if job.timeout is None else format_duration(job.timeout)
    yield "timeout", f"{limit}, then {'a retry or failure' if job.on_timeout == 'fail' else 'stalled'}"
    yield "kept", f"{_kept(job.keep_succeeded)} if it succeeds, {_kept(job.keep_failed)} otherwise"
    optional = (
        ("priority", job.priority or None),
        ("version", job.version if job.version > 1 else None),
        ("key", job.key),
        ("group", job.group),
        ("batch", job.batch),
        ("tags", ", ".join(job.tags)),
        ("schedule", job.schedule_id),
        ("worker", job.worker),
    )
    yield from ((label, str(value)) for label, value in optional if value)


def _waits(job: JobRecord, waits: Sequence[Awaited]) -> Iterator[Fact]:
    """What it still waits for, else what it was stored to wait for."""
    if waits:
        yield "waits for", "\n".join(str(one) for one in waits)
    elif job.after:
        more = f" and {len(job.after) - MOST} more" if len(job.after) > MOST else ""
        yield "after", ", ".join(job.after[:MOST]) + more


def _attempt(job: JobRecord) -> str:
    crashes = f", {job.crashes} {'crash' if job.crashes == 1 else 'crashes'}" if job.crashes else ""
    return f"{job.attempt} of {job.max_attempts}{crashes}"


def _kept(seconds: float) -> str:
    return format_duration(seconds) if seconds else "not at all"


def _times(job: JobRecord, at: datetime) -> Iterator[Fact]:
    yield "created", _time(job.created_at, at)
    if job.state is JobState.SCHEDULED or job.due_at > job.created_at:
        yield "due", _time(job.due_at, at)
    for label, moment in (("started", job.started_at), ("finished", job.finished_at)):
        if moment is not None:
            yield label, _time(moment, at)
    if job.finished_at is None:
        yield "updated", _time(job.updated_at, at)
    elif job.started_at is not None:
        yield "took", format_duration((job.finished_at - job.started_at).total_seconds())


def _time(moment: datetime, at: datetime) -> str:
    return f"{relative(moment, at):<9} {utc(moment)}"


def _raw(job: JobRecord) -> Iterator[Fact]:
    """What is said of the bytes of a raw job; they themselves are shown by `holdfast jobs body` alone."""
    if job.raw is not None:
        yield "body", sized(job.raw)
    if isinstance(job.result, RawResult) and job.result.body is not None:
        yield "answer", sized(job.result)


def _payload(job: JobRecord) -> Iterator[Fact]:
    if job.metadata:
        yield "metadata", _json(job.metadata)
    if job.progress is not None:
        yield "progress", _json(job.progress)
    if job.raw is None:
        yield "args", _json(job.args)
    elif job.raw.target is not None:
        yield "target", _json(job.raw.target)
    if job.state is JobState.SUCCEEDED:
        yield "result", _json(job.result.data if isinstance(job.result, RawResult) else job.result)


def _json(value: Any) -> str:
    """On one line where it is short, else indented."""
    line = json.dumps(value, ensure_ascii=False, default=dict)
    return line if len(line) <= LONGEST_IN_LINE else json.dumps(value, ensure_ascii=False, indent=2, default=dict)
