"""How attempts end, as the operations that write it are told, and what became of such a write."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from holdfast.model.conflict import ended_for_newer
from holdfast.model.job import ClaimedJob
from holdfast.model.lifecycle import Finish, Requeue
from holdfast.model.policy import is_awaited
from holdfast.storage.op import Row


class Held(Enum):
    """What became of a fenced write."""

    DONE = "done"
    LOCKED = "locked"
    """Ours, but somebody's transaction had the row: try again."""
    REPLACED = "replaced"
    """Done, and not tried again: a newer request took the job's place."""
    UNDOING = "undoing"
    """Not yet: the job lives on until what it did is undone."""
    LOST = "lost"
    """Another claim has the job, or it is gone: nothing was written."""


class Lease(NamedTuple):
    """The name of a claim: a job and the token that fences it."""

    tenant: str
    id: str
    token: int
    gates: str | None = None
    awaited: bool = False


def lease_of(job: ClaimedJob) -> Lease:
    return Lease(job.tenant, job.id, job.token, job.gates, is_awaited(job.policy))


class Ending(NamedTuple):
    """A claim, what is to become of its job, and for how long the body ran (None: it never started)."""

    lease: Lease
    verdict: Finish | Requeue
    elapsed: float | None = None


def over(ending: Ending) -> tuple[str, str, str]:
    """The job that ended, and how."""
    assert isinstance(ending.verdict, Finish)
    return (ending.lease.tenant, ending.lease.id, ending.verdict.state.value)


def superseded(ending: Ending, policy: str) -> Ending:
    """The end of a version that a newer one waits for: it is not tried again."""
    return ending._replace(verdict=ended_for_newer(ending.verdict, policy))


def finish_row(ending: Ending) -> Row:
    verdict = ending.verdict
    assert isinstance(verdict, Finish)
    lease = ending.lease
    return (
        lease.tenant, lease.id, lease.token, verdict.state.value, verdict.reason, verdict.result, verdict.error,
        ending.elapsed, verdict.keep,
    )  # fmt: skip


def requeue_row(ending: Ending) -> Row:
    verdict = ending.verdict
    assert isinstance(verdict, Requeue)
    lease = ending.lease
    return (
        lease.tenant, lease.id, lease.token, verdict.state.value, verdict.reason, verdict.delay, verdict.error,
        ending.elapsed, int(verdict.uncounted), int(verdict.crashed),
    )  # fmt: skip
