"""What running bodies say of themselves: progress and log lines, and what others ask of them."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from holdfast.model.tenant import Scope
from holdfast.storage import rows as decode
from holdfast.storage.op import Op, Statement, Steps, one
from holdfast.storage.ops.jobs import Lease


@dataclass(frozen=True, slots=True)
class Line:
    """A log line on its way: `number` counts those of its claim, `ago` is how many seconds ago it was said, `keep` how
    long to keep it."""

    lease: Lease
    number: int
    attempt: int
    ago: float
    level: str
    message: str
    step: str | None
    keep: float


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A log line as read back."""

    at: datetime
    level: str
    message: str
    attempt: int
    step: str | None


def say(progress: Sequence[tuple[Lease, str]], lines: Sequence[Line]) -> Op[None]:
    """Store progress (JSON text) and log lines, each under its token. Repeating it changes nothing."""
    progress_rows = [(lease.tenant, lease.id, lease.token, text) for lease, text in progress]
    line_rows = [
        (said.lease.tenant, said.lease.id, said.lease.token, said.number, said.attempt, said.ago, said.level,
         said.message, said.step, said.keep)
        for said in lines
    ]  # fmt: skip

    def steps(again: bool) -> Steps[None]:
        if progress_rows:
            yield Statement("progress", progress_rows)
        if line_rows:
            yield Statement("log", line_rows)

    return Op("say", steps, single=not (progress_rows and line_rows))


def logs(id: str, scope: Scope, limit: int = 1000) -> Op[list[LogEntry]]:
    """The log lines of one job, oldest first."""

    def steps(again: bool) -> Steps[list[LogEntry]]:
        return [
            LogEntry(decode.moment(at), level, message, attempt, step)
            for attempt, at, level, message, step in (yield one("logs", scope.tenant, id, limit))
        ]

    return Op("logs", steps, scope, single=True)


@dataclass(frozen=True, slots=True)
class Asked:
    """A running job that is asked to stop for `reason`, or, without one, that is another's now."""

    lease: Lease
    reason: str | None


def stops(leases: Sequence[Lease]) -> Op[list[Asked]]:
    """Which of these running jobs are to stop."""
    rows = [(lease.tenant, lease.id, lease.token) for lease in leases]

    def steps(again: bool) -> Steps[list[Asked]]:
        return [Asked(leases[int(ordinal) - 1], reason) for ordinal, reason, _ in (yield Statement("stops", rows))]

    return Op("stops", steps, single=True)
