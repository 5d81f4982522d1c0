"""The life of jobs: enqueue, claim, finish, requeue. Every write about a running job carries its token."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from holdfast.clock import to_micros
from holdfast.model.conflict import NEWER, ended_for_newer
from holdfast.model.job import ClaimedJob, JobState, NewJob
from holdfast.model.lifecycle import Finish, Requeue
from holdfast.model.policy import is_awaited
from holdfast.model.tenant import Scope
from holdfast.storage import rows as decode
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.ops import gated, stored, suspended, waits


class Held(Enum):
    """What became of a fenced write."""

    DONE = "done"
    LOCKED = "locked"
    """Ours, but somebody's transaction had the row: try again."""
    REPLACED = "replaced"
    """Done, and not tried again: a newer request took the job's place."""
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


def new_row(job: NewJob) -> Row:
    run_at = None if job.run_at is None else to_micros(job.run_at)
    return (
        job.tenant, job.id, job.queue, job.task, job.args, job.priority, job.delay, run_at, job.max_attempts,
        job.timeout, job.policy, job.tags, job.metadata, job.expires, job.deadline,
    )  # fmt: skip


def enqueue(jobs: Sequence[NewJob], scope: Scope) -> Op[None]:
    """Store jobs under ids that their caller made.

    Repeated: those that are there stay as they are, and one that already ran and left the hot table is not put back.
    """
    rows = [new_row(job) for job in jobs]
    more = any(job.gates is not None or job.linked for job in jobs)

    def steps(again: bool, lent: bool = False) -> Steps[None]:
        if more:
            yield from stored.store(jobs, rows, again, lent)
            return
        yield Statement("enqueue_again" if again else "enqueue", rows)
        if again:
            yield Statement("enqueue_undo", [row[:2] for row in rows])

    wakes = any(not job.delay for job in jobs)
    return Op("enqueue", steps, scope, single=not more, wakes=wakes, lent=lambda: steps(False, lent=True))


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the order of ready jobs; `due` is what the database gave, and means nothing elsewhere."""

    rank: int
    due: Any
    seq: int


HEAD = Place(-(2**31), None, 0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a claimer asks for: up to `batch` jobs after `after`, of `queues` and of `tasks` (None: all)."""

    worker: str
    claim: str
    lease: float
    batch: int
    queues: tuple[str, ...] | None = None
    after: Place = HEAD
    most_crashes: int = 2**31 - 1
    tasks: tuple[str, ...] | None = None


def claim(wanted: Wanted, again: bool = False) -> Op[list[ClaimedJob]]:
    """Take ready jobs under a new token each, in order of priority, due time and sequence.

    Repeated, by its lane or by a caller who says `again`: the claim's own id finds what it had taken; if nothing, it
    was not committed, and is made now.
    """
    statement = asked(wanted)

    def steps(repeated: bool) -> Steps[list[ClaimedJob]]:
        found = (yield claim_again(wanted)) if repeated or again else []
        return in_order(found or (yield statement))

    return Op("claim", steps, single=not again)


def asked(wanted: Wanted) -> Statement:
    after = wanted.after
    values: Row = (
        wanted.worker, wanted.claim, wanted.lease, wanted.batch, wanted.most_crashes,
        wanted.tasks, after.rank, after.due, after.seq,
    )  # fmt: skip
    if wanted.queues is None:
        return one("claim", *values)
    return one("claim_queues", *values, tuple(dict.fromkeys(wanted.queues)))


def claim_again(wanted: Wanted) -> Statement:
    return one("claim_again", wanted.worker, wanted.claim, wanted.lease)


def in_order(rows: Sequence[Row]) -> list[ClaimedJob]:
    return sorted((decode.claimed(row) for row in rows), key=_order)


def _order(job: ClaimedJob) -> tuple[int, Any, int]:
    return (-job.priority, job.due, job.seq)


class Ending(NamedTuple):
    """A claim, what is to become of its job, and for how long the body ran (None: it never started)."""

    lease: Lease
    verdict: Finish | Requeue
    elapsed: float | None = None


def end(endings: Sequence[Ending]) -> Op[list[Held]]:
    """Write verdicts about running jobs, each under its token. At most one ending per job.

    Repeated: a job that ended so under our own token, or is back in the queue under it, was written by the first try.
    """
    finishes = sum(isinstance(ending.verdict, Finish) for ending in endings)
    gates = any(ending.lease.gates for ending in endings)
    others = any(suspended.concerns(ending) for ending in endings)
    released: list[Row] = []

    def steps(again: bool) -> Steps[list[Held]]:
        ours = (yield from gated.before(endings)) if gates else endings
        finished = [ending for ending in ours if isinstance(ending.verdict, Finish)]
        requeued = [ending for ending in ours if isinstance(ending.verdict, Requeue)]
        answers: dict[int, Held] = {}
        written: list[Ending] = []
        watched: list[Ending] = []
        if finished:
            rows = [finish_row(ending) for ending in finished]
            written += yield from _fenced("finish", finished, rows, answers, watched)
        if requeued:
            rows = [_requeue_row(ending) for ending in requeued]
            written += yield from _fenced("requeue", requeued, rows, answers, watched)
        if others:
            yield from suspended.after(written)
        if watched:
            released.extend((yield waits.over(map(over, watched))))
        if gates:
            kept = {id(ending) for ending in ours}  # the others were handed over: newer versions come to their gates
            yield from gated.after(written, enters=any(id(ending) not in kept for ending in written))
        return [answers[id(ending)] for ending in ours]

    more = gates or others
    wakes = more or any(isinstance(each.verdict, Requeue) and each.verdict.delay <= 0 for each in endings)
    single = not more and finishes in (0, len(endings))
    return Op("end", steps, single=single, wakes=wakes, woken=lambda: bool(released))


RESCUED = frozenset({"rescued", "suspect"})
"""Reasons of jobs that a rescue has put back."""

HANDED = 4
"""What held.sql says of a row on which a newer version waits for the end of this one."""

WATCHED = 5
"""And of one for whose end others wait."""

HANDED_ON = 6
"""And of one on which a newer version waits that is to wait for others, too."""


def over(ending: Ending) -> tuple[str, str, str]:
    """The job that ended, and how."""
    assert isinstance(ending.verdict, Finish)
    return (ending.lease.tenant, ending.lease.id, ending.verdict.state.value)


def unwatched(endings: Sequence[Ending]) -> Steps[list[Ending]]:
    """Write ends of jobs that others wait for, who are to be seen to then; those that somebody has locked are not."""
    keys = [(ending.lease.tenant, ending.lease.id, ending.lease.token) for ending in endings]
    marked = [endings[int(row[0]) - 1] for row in (yield Statement("unwatch", keys))]
    done = (yield Statement("finish", [finish_row(ending) for ending in marked])) if marked else []
    return [marked[int(row[0]) - 1] for row in done]


def end_locked(endings: Sequence[Ending], released: list[Row]) -> Steps[list[Ending]]:
    """End jobs that wait and are locked already, and let go who waited for them: what was written.

    released: gets something where that made others ready.
    """
    done = {int(row[0]) for row in (yield Statement("finish", [finish_row(ending) for ending in endings]))}
    written = [ending for ordinal, ending in enumerate(endings, 1) if ordinal in done]
    missed = [ending for ordinal, ending in enumerate(endings, 1) if ordinal not in done]
    if missed and (watched := (yield from unwatched(missed))):
        written += watched
        released.extend((yield waits.over(map(over, watched))))
    return written


def superseded(ending: Ending, policy: str) -> Ending:
    """The end of a version that a newer one waits for: it is not tried again."""
    return ending._replace(verdict=ended_for_newer(ending.verdict, policy))


def _fenced(
    name: str, endings: Sequence[Ending], rows: Sequence[Row], answers: dict[int, Held], watched: list[Ending]
) -> Steps[list[Ending]]:
    """Write, and ask about the rows that did not answer: only they cost a second statement. Answers what it wrote.

    watched: filled with those of them for which others waited.
    """
    done = {row[0] for row in (yield Statement(name, rows))}
    for ordinal, ending in enumerate(endings, 1):
        answers[id(ending)] = Held.DONE if ordinal in done else Held.LOST
    missed = [ending for ordinal, ending in enumerate(endings, 1) if ordinal not in done]
    written = [ending for ordinal, ending in enumerate(endings, 1) if ordinal in done] if missed else list(endings)
    if not missed:
        return written
    keys = [(ending.lease.tenant, ending.lease.id, ending.lease.token) for ending in missed]
    handed: list[tuple[Ending, Ending]] = []
    marked: list[Ending] = []
    waiting: list[tuple[str, str]] = []
    for ordinal, place, state, reason, policy in (yield Statement("held", keys)):
        ending = missed[int(ordinal) - 1]
        if place == WATCHED and isinstance(ending.verdict, Finish):
            marked.append(ending)
        answers[id(ending)] = _judge(ending.verdict, place, state, reason)
        if place in (HANDED, HANDED_ON):
            handed.append((ending, superseded(ending, policy)))
        if place == HANDED_ON:
            waiting.append((ending.lease.tenant, ending.lease.id))
    if marked:
        watched += yield from unwatched(marked)
        written += watched
        answers.update((id(ending), Held.DONE) for ending in watched)
    if handed:
        for row in (yield Statement("hand_over", [finish_row(end) for _, end in handed])):
            ending, end = handed[int(row[0]) - 1]
            answers[id(ending)] = Held.DONE if end.verdict is ending.verdict else Held.REPLACED
            written.append(end)
    if waiting:
        yield from waits.begun(waiting)
    return written


def _judge(verdict: Finish | Requeue, place: int, state: str, reason: str | None) -> Held:
    """`place` as held.sql says it: 1 running under our token, 2 in history, 3 back in the queue, 4 and 6 to be handed
    over, 5 either of 1 and 3, and waited for.

    A rescue ends and requeues under the same token, but says other things than we do.
    """
    if place == 2:
        if isinstance(verdict, Requeue):
            return Held.REPLACED if reason == NEWER else Held.LOST
        ours = (verdict.state, verdict.reason) == (state, reason)
        return Held.DONE if ours else Held.LOST
    back = place == 3 or (place == WATCHED and state != JobState.RUNNING)
    if back and isinstance(verdict, Requeue):
        return Held.LOST if reason in RESCUED and reason != verdict.reason else Held.DONE
    return Held.LOCKED


def finish_row(ending: Ending) -> Row:
    verdict = ending.verdict
    assert isinstance(verdict, Finish)
    lease = ending.lease
    return (
        lease.tenant, lease.id, lease.token, verdict.state.value, verdict.reason, verdict.result, verdict.error,
        ending.elapsed, verdict.keep,
    )  # fmt: skip


def _requeue_row(ending: Ending) -> Row:
    verdict = ending.verdict
    assert isinstance(verdict, Requeue)
    lease = ending.lease
    return (
        lease.tenant, lease.id, lease.token, verdict.state.value, verdict.reason, verdict.delay, verdict.error,
        ending.elapsed, int(verdict.uncounted), int(verdict.crashed),
    )  # fmt: skip
