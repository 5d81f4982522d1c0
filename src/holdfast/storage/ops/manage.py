"""What people do to jobs: cancel, delete, retry, resolve, fail. Each looks at the row under its lock, then writes."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from holdfast.model.job import JobRecord, JobState
from holdfast.model.lifecycle import Finish
from holdfast.model.policy import Policy, is_awaited
from holdfast.model.tenant import Scope
from holdfast.storage import rows as decode
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.ops import gated, suspended, waits
from holdfast.storage.ops.fenced import end_locked
from holdfast.storage.ops.inspect import read_removed
from holdfast.storage.ops.jobs import Ending, Held, Lease, end

WAITING = frozenset({JobState.SCHEDULED, JobState.BLOCKED, JobState.READY, JobState.SUSPENDED})


class Answer(Enum):
    """What came of a verb about one job."""

    DONE = "done"
    ASKED = "asked"
    """It runs, and its worker is asked to stop it."""
    ENDED = "ended"
    """It had ended already; nothing changed."""
    FORBIDDEN = "forbidden"
    """Its state does not allow the verb; nothing changed."""
    BUSY = "busy"
    """Somebody's transaction has the row: try again."""
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Live:
    """A live job as lock.sql gives it."""

    lease: Lease
    state: JobState
    policy: Policy
    attempt: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The newest version of a job in history, and whether a live one exists beside it."""

    version: int
    state: JobState
    stub: bool


def _live(ids: Sequence[str], scope: Scope) -> Steps[dict[str, Live]]:
    """Lock what is live of `ids`."""
    found: dict[str, Live] = {}
    for ordinal, state, token, _, policy, _, attempt, gates in (
        yield Statement("lock", [(scope.tenant, id) for id in ids])
    ):
        id = ids[int(ordinal) - 1]
        found[id] = Live(
            Lease(scope.tenant or "", id, token, gates, is_awaited(policy)),
            JobState(state),
            Policy.read(policy),
            attempt,
        )
    return found


def _not_live(ids: Sequence[str], scope: Scope) -> Steps[dict[str, Ended | Answer]]:
    """Of ids that could not be locked: their end in history, BUSY where a live row was locked, or ABSENT."""
    found: dict[str, Ended | Answer] = dict.fromkeys(ids, Answer.ABSENT)
    if not ids:
        return found
    for ordinal, version, state, stub, alive in (yield Statement("ended", [(scope.tenant, id) for id in ids])):
        id = ids[int(ordinal) - 1]
        if alive:
            found[id] = Answer.BUSY
        elif version is not None and not stub:
            found[id] = Ended(version, JobState(state), bool(stub))
    return found


def cancel(ids: Sequence[str], scope: Scope, reason: str = "explicit") -> Op[list[Answer]]:
    """Cancel what waits, and ask running jobs to stop. Either the cancellation or the completion wins, never both.

    Repeated: a job that the first try cancelled has ended, which is an answer of its own.
    """

    def steps(again: bool) -> Steps[list[Answer]]:
        live = yield from _live(ids, scope)
        waiting = [job for job in live.values() if job.state in WAITING]
        running = [job.lease for job in live.values() if job.state is JobState.RUNNING]
        answers: dict[str, Answer] = {}
        if waiting:
            ends = [Ending(job.lease, Finish(JobState.CANCELLED, job.policy.keep_failed, reason)) for job in waiting]
            # The rows are locked: one that is not found was ended by another op of this very batch.
            written = yield from end_locked(ends, [])
            answers.update((job.lease.id, Answer.ASKED if job.policy.undo else Answer.ENDED) for job in waiting)
            answers.update((ending.lease.id, _answer(ending)) for ending in written)
            yield from suspended.after(written)
            yield from gated.after(written)
        if running:
            yield Statement("ask_stop", [(lease.tenant, lease.id, lease.token, reason) for lease in running])
            answers.update((lease.id, Answer.ASKED) for lease in running)
        others = yield from _not_live([id for id in ids if id not in live], scope)
        answers.update((id, Answer.ENDED if isinstance(one, Ended) else one) for id, one in others.items())
        return [answers[id] for id in ids]

    return Op("cancel", steps, scope, wakes=True)


def _answer(written: Ending) -> Answer:
    """A job that has something to undo ends when that is done."""
    return Answer.DONE if isinstance(written.verdict, Finish) else Answer.ASKED


def delete(ids: Sequence[str], scope: Scope) -> Op[list[Answer]]:
    """Remove jobs in any state with all their versions; whoever runs one is fenced.

    Repeated: what is not there any more was removed by the first try, or by somebody else just then.
    """

    def steps(again: bool) -> Steps[list[Answer]]:
        live = yield from _live(ids, scope)
        leases = [job.lease for job in live.values()]
        if leases:
            yield from gated.noted((lease, None) for lease in leases)
            yield Statement("discard", [(lease.tenant, lease.id, lease.token) for lease in leases])
            yield waits.over((lease.tenant, lease.id, waits.DELETED) for lease in leases)
            yield from suspended.over(leases)
            yield from gated.freed(leases)
        others = yield from _not_live([id for id in ids if id not in live], scope)
        gone = [id for id in ids if id in live or isinstance(others[id], Ended)]
        if gone:
            yield Statement("erase", [(scope.tenant, id) for id in gone])
        if ended := [(scope.tenant or "", id) for id in gone if id not in live]:
            yield from gated.reopened(ended)
        return [
            Answer.DONE if id in gone or (again and others[id] is Answer.ABSENT) else _plain(others[id]) for id in ids
        ]

    return Op("delete", steps, scope, wakes=True)


def _plain(found: Ended | Answer) -> Answer:
    return found if isinstance(found, Answer) else Answer.ENDED


RETRIED = frozenset({JobState.FAILED, JobState.CANCELLED, JobState.STALLED})


def retry(
    ids: Sequence[str], scope: Scope, delay: float | Mapping[str, float] = 0.0, force: bool = False
) -> Op[list[Answer]]:
    """Give jobs that ended a new version with its full number of attempts; `force` takes succeeded ones too.

    delay: seconds to wait first, for all of them or by id.

    Repeated: a job that is live again was revived by the first try.
    """

    def steps(again: bool) -> Steps[list[Answer]]:
        found = yield from _not_live(ids, scope)
        fit = {
            id: ended for id, ended in found.items() if isinstance(ended, Ended) and (force or ended.state in RETRIED)
        }
        if fit:
            asked = list(fit)
            delays = delay if isinstance(delay, Mapping) else dict.fromkeys(fit, delay)
            rows = [(scope.tenant, id, ended.version, delays[id]) for id, ended in fit.items()]
            revived = yield Statement("revive", rows)
            begun = {asked[int(row[0]) - 1]: str(row[2]) for row in revived}
            linked = [id for id, policy in begun.items() if '"after"' in policy or '"batch"' in policy]
            if linked:
                yield from waits.revived([(scope.tenant or "", id, begun[id], fit[id].state.value) for id in linked])
            fit = {id: ended for id, ended in fit.items() if id in begun}
            if any(row[1] for row in revived):
                yield gated.entered()
        alive = Answer.DONE if again else Answer.FORBIDDEN
        return [
            Answer.DONE
            if id in fit
            else Answer.FORBIDDEN
            if isinstance(one := found[id], Ended)
            else alive
            if one is Answer.BUSY
            else one
            for id in ids
        ]

    return Op("retry", steps, scope, wakes=isinstance(delay, Mapping) or delay <= 0)


def settle(id: str, scope: Scope, verdict: Finish) -> Op[list[Answer]]:
    """End by hand a job that waits or has stalled. Repeated: it has ended, so that nothing more is changed."""

    def settled(again: bool) -> Steps[Answer]:
        live = yield from _live([id], scope)
        if id in live:
            job = live[id]
            if job.state not in WAITING:
                return Answer.FORBIDDEN
            keep = job.policy.keep_succeeded if verdict.state is JobState.SUCCEEDED else job.policy.keep_failed
            given_up = bool(job.policy.undo)  # it undoes what it did: who says so once more will not wait for it
            end_of = Finish(verdict.state, keep, verdict.reason, verdict.result, verdict.error, undone=given_up)
            held = (yield from end([Ending(job.lease, end_of)]).steps(again))[0]
            return {Held.DONE: Answer.DONE, Held.UNDOING: Answer.ASKED}.get(held, Answer.BUSY)
        found = (yield from _not_live([id], scope))[id]
        if not isinstance(found, Ended):
            return found
        if found.state is not JobState.STALLED:
            return Answer.DONE if again and found.state is verdict.state else Answer.FORBIDDEN
        row = (scope.tenant, id, found.version, verdict.state.value, verdict.reason, verdict.result)
        if not (yield Statement("settle", [row])):
            return Answer.BUSY
        if verdict.state is JobState.SUCCEEDED:
            yield from gated.reopened([(scope.tenant or "", id)])
        yield from _recount((yield Statement("get", [(scope.tenant, id)])), verdict.state)
        return Answer.DONE

    def steps(again: bool) -> Steps[list[Answer]]:
        return [(yield from settled(again))]

    return Op("settle", steps, scope, wakes=True)


def _recount(found: list[Row], state: JobState) -> Steps[None]:
    """A stalled job was settled by hand: its batch counts it otherwise."""
    for row in found:
        record = decode.record(row[1:])
        if record.batch is not None:
            batch = (record.tenant, record.batch)
            yield waits.seen_to([waits.note("batch", *batch, "stalled", -1), waits.note("batch", *batch, state.value)])


@dataclass(frozen=True, slots=True)
class Overdue:
    """How many jobs were cancelled because their own time was over, and how many running ones were asked to stop."""

    cancelled: int
    asked: int
    full: bool
    ended: tuple[tuple[Lease, Finish], ...] = ()


def overdue(batch: int = 500, removed: dict[str, JobRecord] | None = None) -> Op[Overdue]:
    """Cancel jobs that were asked to stop and wait, were not started in time, or are past their deadline: one page.

    removed: filled with the records, as they were before, of jobs that are removed at their end; None: not asked for.

    Repeating it is harmless.
    """

    def steps(again: bool) -> Steps[Overdue]:
        rows = yield one("overdue", batch)
        first = {(row[0], row[1]): row for row in reversed(rows)}
        running = [row for row in first.values() if row[3] == JobState.RUNNING]
        waiting = [row for row in first.values() if row[3] != JobState.RUNNING]
        if running:
            yield Statement("ask_stop", [(tenant, id, token, why) for tenant, id, token, _, _, why, _ in running])
        ended: list[tuple[Lease, Finish]] = []
        if waiting:
            ends = [
                Ending(
                    Lease(tenant, id, token, gates, is_awaited(policy)),
                    Finish(JobState.CANCELLED, Policy.read(policy).keep_failed, why),
                )
                for tenant, id, token, _, policy, why, gates in waiting
            ]
            if removed is not None:
                yield from read_removed(ends, removed)
            for ending, held in zip(ends, (yield from end(ends).steps(again)), strict=True):
                if held is Held.DONE and isinstance(ending.verdict, Finish):
                    ended.append((ending.lease, ending.verdict))
        return Overdue(len(ended), len(running), len(rows) >= batch, tuple(ended))

    return Op("overdue", steps)
