"""The life of jobs: enqueue, claim, finish, requeue. Every write about a running job carries its token."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.clock import to_micros
from holdfast.model.job import ClaimedJob, NewJob
from holdfast.model.lifecycle import Finish, Requeue
from holdfast.model.tenant import Scope
from holdfast.storage import rows as decode
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.ops import gated, stored, suspended
from holdfast.storage.ops.ending import Ending as Ending
from holdfast.storage.ops.ending import Held as Held
from holdfast.storage.ops.ending import Lease as Lease
from holdfast.storage.ops.ending import finish_row, requeue_row
from holdfast.storage.ops.ending import lease_of as lease_of
from holdfast.storage.ops.fenced import fenced, let_go


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
    tenant: str
    due: Any
    seq: int


HEAD = Place(-(2**31), "", None, 0)


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
    """Take ready jobs under a new token each, in order of priority, tenant, due time and sequence.

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
        wanted.tasks, after.rank, after.tenant, after.due, after.seq,
    )  # fmt: skip
    if wanted.queues is None:
        return one("claim", *values)
    return one("claim_queues", *values, tuple(dict.fromkeys(wanted.queues)))


def claim_again(wanted: Wanted) -> Statement:
    return one("claim_again", wanted.worker, wanted.claim, wanted.lease)


def in_order(rows: Sequence[Row]) -> list[ClaimedJob]:
    return sorted((decode.claimed(row) for row in rows), key=_order)


def _order(job: ClaimedJob) -> tuple[int, str, Any, int]:
    return (-job.priority, job.tenant, job.due, job.seq)


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
            written += yield from fenced("finish", finished, rows, answers, watched)
        if requeued:
            rows = [requeue_row(ending) for ending in requeued]
            written += yield from fenced("requeue", requeued, rows, answers, watched)
        if others or watched:
            yield from suspended.after(written)
        if watched:
            yield from let_go(watched, released)
        if gates:
            kept = {id(ending) for ending in ours}  # the others were handed over: newer versions come to their gates
            yield from gated.after(written, enters=any(id(ending) not in kept for ending in written))
        return [answers[id(ending)] for ending in ours]

    more = gates or others
    wakes = more or any(isinstance(each.verdict, Requeue) and each.verdict.delay <= 0 for each in endings)
    single = not more and finishes in (0, len(endings))
    return Op("end", steps, single=single, wakes=wakes, woken=lambda: bool(released))
