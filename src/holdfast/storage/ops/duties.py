"""What the leader does: promote, rescue, prune, keep history's partitions. All bounded; repeating them is harmless."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

import json
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.model.conflict import ended_for_newer
from holdfast.model.job import JobRecord, JobState
from holdfast.model.lifecycle import Requeue, Verdict, decide
from holdfast.model.outcome import Crashed, Stopped
from holdfast.model.policy import Policy, is_awaited
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.ops.gated import entered
from holdfast.storage.ops.inspect import read_removed
from holdfast.storage.ops.jobs import Ending, Held, Lease, end


@dataclass(frozen=True, slots=True)
class Promoted:
    """How many scheduled jobs became ready or came to their gates, in how many seconds the next one is due (None: none
    waits), whether there are jobs whose own time is over, whether some came to their gates, in how many seconds the
    next schedule is due (None: there is none), whether there are gates, and whether the wait pass has something to
    do."""

    count: int
    next_in: float | None
    overdue: bool = False
    gated: bool = False
    schedule_in: float | None = None
    gates: bool = False
    noted: bool = False


def promote(batch: int = 1000) -> Op[Promoted]:
    """Make due jobs ready, one page."""

    def steps(again: bool) -> Steps[Promoted]:
        count, next_in, overdue, gated, schedule_in, gates, noted = (yield one("promote", batch))[0]
        if gated:
            yield entered()
        return Promoted(count, next_in, bool(overdue), bool(gated), schedule_in, bool(gates), bool(noted))

    return Op("promote", steps)


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A running job whose lease ran out, or whose worker is dead."""

    lease: Lease
    attempt: int
    max_attempts: int
    crashes: int
    policy: str
    worker: str
    task: str
    queue: str
    stop_reason: str | None = None

    @staticmethod
    def of(row: Row) -> Lapsed:
        """A row of expired.sql."""
        return Lapsed(Lease(row[0], row[1], row[2], row[-1], is_awaited(row[6])), *row[3:-1])


def judged(lapsed: Lapsed, why: str = "the lease ran out") -> Verdict:
    """What becomes of a job whose worker vanished."""
    if lapsed.stop_reason is not None:
        return decide(lapsed, Stopped(lapsed.stop_reason), Policy.read(lapsed.policy))
    entry = {
        "attempt": lapsed.attempt,
        "kind": "crashed",
        "message": f"its worker vanished while it held this job: {why}",
        "traceback": "",
        "worker": lapsed.worker,
    }
    return decide(lapsed, Crashed(json.dumps(entry)), Policy.read(lapsed.policy))


def put_back_as(verdict: Verdict, held: Held, policy: str) -> Verdict:
    """What a verdict has come to: this version is over and a newer is ready, or what the job did is undone first."""
    if held is Held.REPLACED:
        return ended_for_newer(verdict, policy)
    if held is Held.UNDOING:
        return Requeue(JobState.SUSPENDED, "undo", error=verdict.error, crashed=True)
    return verdict


def rescue(
    judge: Callable[[Lapsed], Verdict],
    batch: int = 200,
    grace: float = 0.0,
    removed: dict[str, JobRecord] | None = None,
) -> Op[list[tuple[Lapsed, Held]]]:
    """Find jobs whose lease ran out and write what `judge` makes of each, in one transaction: one page.

    removed: filled with the records, as they were before, of jobs that are removed at their end; None: not asked for.
    """
    return _put_back("rescue", one("expired", batch, grace), judge, removed)


def bury(
    boot: str, judge: Callable[[Lapsed], Verdict], batch: int = 200, removed: dict[str, JobRecord] | None = None
) -> Op[list[tuple[Lapsed, Held]]]:
    """The same for the jobs of one worker which is dead for sure, however long their leases would last."""
    return _put_back("bury", one("orphaned", boot, batch), judge, removed)


def _put_back(
    name: str, wanted: Statement, judge: Callable[[Lapsed], Verdict], removed: dict[str, JobRecord] | None
) -> Op[list[tuple[Lapsed, Held]]]:
    def steps(again: bool) -> Steps[list[tuple[Lapsed, Held]]]:
        lapsed = [Lapsed.of(row) for row in (yield wanted)]
        if not lapsed:
            return []
        endings = [Ending(job.lease, judge(job)) for job in lapsed]
        if removed is not None:
            yield from read_removed(endings, removed)
        answers = yield from end(endings).steps(again)
        return list(zip(lapsed, answers, strict=True))

    return Op(name, steps, wakes=False)


def prune(batch: int = 1000) -> Op[int]:
    """Remove finished jobs past their retention, one page; answers how many."""

    def steps(again: bool) -> Steps[int]:
        removed: int = (yield one("prune", batch))[0][0]
        return removed

    return Op("prune", steps)


def prune_marks(batch: int = 1000) -> Op[int]:
    """Forget what is known beside the jobs and means nothing any more, one page; answers how many."""

    def steps(again: bool) -> Steps[int]:
        return len((yield one("marks_prune", batch)))

    return Op("prune_marks", steps)


def partitions() -> Op[tuple[int, int]]:
    """Make the history partitions of the coming weeks and drop the outdated: how many of each.

    Repeating it is harmless. In one trip, for history is locked meanwhile."""

    def steps(again: bool) -> Steps[tuple[int, int]]:
        made, dropped = (yield one("partitions"))[0]
        return made, dropped

    return Op("partitions", steps, single=True)


def prune_workers(batch: int = 1000) -> Op[int]:
    """Forget workers that vanished over an hour ago."""

    def steps(again: bool) -> Steps[int]:
        return len((yield one("workers_prune", batch)))

    return Op("prune_workers", steps, single=True)


def lead(role: str, boot: str, length: float) -> Op[int | None]:
    """Take or keep the leadership of `role` for `length` seconds: the term, or None where another has it."""

    def steps(again: bool) -> Steps[int | None]:
        found = yield one("lead", role, boot, length)
        return found[0][0] if found else None

    return Op("lead", steps, single=True)


def abdicate(role: str, boot: str) -> Op[None]:
    """Give the leadership up at once."""

    def steps(again: bool) -> Steps[None]:
        yield one("abdicate", role, boot)

    return Op("abdicate", steps, single=True)
