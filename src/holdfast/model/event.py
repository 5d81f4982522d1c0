"""What is told: a name, an instant, and the things it is about."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from holdfast.model.batch import BatchRecord
from holdfast.model.job import AttemptError, JobRecord, JobState

JOB_EVENTS = (
    "job.enqueued",
    "job.deduplicated",
    "job.refused",
    "job.claimed",
    "job.started",
    "job.progress",
    "job.attempt_failed",
    "job.retried",
    "job.snoozed",
    "job.suspended",
    "job.resumed",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.stalled",
    "job.finished",
    "job.deleted",
)
OTHER_EVENTS = (
    "lease.lost",
    "job.rescued",
    "queue.drained",
    "queue.paused",
    "queue.resumed",
    "history.pruned",
    "gate.pruned",
    "batch.progress",
    "batch.finished",
    "worker.started",
    "worker.stopping",
    "worker.stopped",
    "schedule.fired",
    "schedule.parked",
    "message.parked",
)
EVENTS = (*JOB_EVENTS, *OTHER_EVENTS)
"""Every name a subscriber can ask for."""

ENDED = {
    JobState.SUCCEEDED: "job.succeeded",
    JobState.FAILED: "job.failed",
    JobState.CANCELLED: "job.cancelled",
    JobState.STALLED: "job.stalled",
}
"""What is told of a job that ended so; `job.finished` follows."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact, told in the process that made it so, after its commit.

    name, at: which, and when it was told.
    job: the whole record, of `job.*` events.
    queue, task: the names it is about.
    error, will_retry: of `job.attempt_failed`.
    count: of `history.pruned` and `gate.pruned`.
    batch: the record of a batch, of `batch.*` events.
    details: whatever else there is, by name; `by` of `queue.paused`, `pipe` and `message` of `message.parked`.
    schedule, tick, reason: of `schedule.fired` and `schedule.parked`: its name; the instant its job is for; why it
        cannot fire.
    """

    name: str
    at: datetime
    job: JobRecord | None = None
    queue: str | None = None
    task: str | None = None
    error: AttemptError | None = None
    will_retry: bool | None = None
    count: int | None = None
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    schedule: str | None = None
    tick: datetime | None = None
    reason: str | None = None
    batch: BatchRecord | None = None
