"""Recorded pieces of jobs: steps, waits, children. Every write carries the token of the claim that it belongs to."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from holdfast.model.job import NewJob
from holdfast.model.step import StepKey as StepKey
from holdfast.model.tenant import Scope
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.ops.gated import entered
from holdfast.storage.ops.jobs import Held, Lease, enqueue
from holdfast.storage.rows import moment, moment_or_none


class StepRow(NamedTuple):
    """A piece as it is written.

    place: its number among all pieces of its line. mark: a digest of what it was given. result, error: JSON texts.
    tries: how often its function ran. elapsed: seconds since it began. delay: of one that waits, seconds until it is
    over, None for ever. topic: what it waits for. undo: of one that can be undone, how (`holdfast.durable.undoing`).
    """

    key: StepKey
    place: int
    kind: str
    state: str
    mark: str | None = None
    result: str | None = None
    error: str | None = None
    tries: int = 1
    elapsed: float = 0.0
    delay: float | None = None
    topic: str | None = None
    undo: str | None = None


class StepRecord(NamedTuple):
    """A piece as it was read. `over`: of one that waits, whether its time has passed; `left`: seconds until then."""

    key: StepKey
    place: int
    kind: str
    state: str
    mark: str | None
    result: str | None
    error: str | None
    attempt: int
    tries: int
    began_at: datetime
    ended_at: datetime | None
    due: datetime | None
    topic: str | None
    undo: str | None
    left: float | None


class Begun(NamedTuple):
    """The first piece of a version makes its journal: `code` is the version of the code that made it."""

    code: str | None


class Entry(NamedTuple):
    """A piece on its way, under a lease."""

    lease: Lease
    version: int
    attempt: int
    row: StepRow
    begun: Begun | None = None


def entry_row(entry: Entry) -> Row:
    lease, row = entry.lease, entry.row
    return (
        lease.tenant, lease.id, lease.token, entry.version, *row.key, row.place, row.kind, row.state, row.mark,
        row.result, row.error, entry.attempt, row.tries, row.elapsed, row.delay, row.topic,
        row.undo,
    )  # fmt: skip


def record(entries: Sequence[Entry]) -> Op[list[Held]]:
    """Write pieces of running jobs, each under its token; a newer word about a piece takes the older's place.

    Repeated, it writes the same again.
    """

    def steps(again: bool) -> Steps[list[Held]]:
        return (yield from write(entries))

    return Op("step", steps, single=all(entry.begun is None and entry.row.undo is None for entry in entries))


def record_once(entry: Entry) -> Op[Held]:
    """`record` in somebody's transaction, after what it belongs to: REPLACED where the piece is recorded already, by
    another transaction that was committed meanwhile. The job's row is locked until the commit. Never repeated."""
    lease = entry.lease

    def steps(again: bool) -> Steps[Held]:
        locked = yield Statement("lock", [lease[:2]])
        key = (lease.tenant, lease.id, entry.version, *entry.row.key)
        if locked and locked[0][2] == lease.token and (yield Statement("step_done", [key])):
            return Held.REPLACED
        (held,) = yield from write([entry])
        return held

    return Op("step_within", steps, Scope(lease.tenant))


def begin(entry: Entry) -> Op[None]:
    """Make the journal of a version before its first piece is recorded. Repeating it is harmless."""

    def steps(again: bool) -> Steps[None]:
        yield Statement("journal", [journal_row(entry)])

    return Op("journal", steps, Scope(entry.lease.tenant), single=True)


def start(entry: Entry, jobs: Sequence[NewJob], scope: Scope, stored: bool = False) -> Op[Held]:
    """Record a piece and store the jobs that it starts: both or neither. `stored`: they may be there already.

    Repeated, jobs that are there stay as they are.
    """
    store = enqueue(jobs, scope)

    def steps(again: bool) -> Steps[Held]:
        (held,) = yield from write([entry])
        if held is Held.DONE:
            yield from store.steps(again or stored)
        return held

    return Op("start", steps, scope, wakes=store.wakes)


def write(entries: Sequence[Entry]) -> Steps[list[Held]]:
    """`record` within another op."""
    new = [entry for entry in entries if entry.begun is not None]
    done = {int(row[0]) for row in (yield Statement("step", [entry_row(entry) for entry in entries]))}
    if new:
        yield Statement("journal", [journal_row(entry) for entry in new])
    owing = {entry.lease[:3] for ordinal, entry in enumerate(entries, 1) if ordinal in done and entry.row.undo}
    if owing:
        yield Statement("undoable", sorted(owing))
    missed = [entry for ordinal, entry in enumerate(entries, 1) if ordinal not in done]
    answers = {id(entry): Held.DONE for entry in entries}
    if missed:
        answers |= {id(entry): Held.LOST for entry in missed}
        keys = [(entry.lease.tenant, entry.lease.id, entry.lease.token) for entry in missed]
        for ordinal, place, *_ in (yield Statement("held", keys)):
            if place not in (2, 3):
                answers[id(missed[int(ordinal) - 1])] = Held.LOCKED
    return [answers[id(entry)] for entry in entries]


def journal_row(entry: Entry) -> Row:
    assert entry.begun is not None
    return (entry.lease.tenant, entry.lease.id, entry.lease.token, entry.version, entry.begun.code)


class Kept(NamedTuple):
    """A version's journal: the version of the code that began it (None: said none), and all its pieces."""

    code: str | None
    steps: list[StepRecord]


def read(id: str, version: int, scope: Scope) -> Op[Kept | None]:
    """What a version of a job has recorded, in the order of its lines and places; None: nothing."""

    def steps(again: bool) -> Steps[Kept | None]:
        found = yield one("journal_get", scope.tenant, id, version)
        if not found:
            return None
        rows = yield one("steps", scope.tenant, id, version)
        return Kept(found[0][0], [decoded(row) for row in rows])

    return Op("steps", steps, scope)


def waiting(id: str, version: int, scope: Scope) -> Op[dict[StepKey, StepRecord]]:
    """What a version of a job has recorded, by key."""

    def steps(again: bool) -> Steps[dict[StepKey, StepRecord]]:
        found = [decoded(row) for row in (yield one("steps", scope.tenant, id, version))]
        return {record.key: record for record in found}

    return Op("waiting", steps, scope, single=True)


def decoded(row: Row) -> StepRecord:
    (
        branch, name, nth, place, kind, state, mark, result, error, attempt, tries, began_at, ended_at, due, topic,
        undo, left,
    ) = row  # fmt: skip
    return StepRecord(
        StepKey(branch, name, nth), place, kind, state, mark, result, error, attempt, tries, moment(began_at),
        moment_or_none(ended_at), moment_or_none(due), topic,
        undo, left,
    )  # fmt: skip


def release(id: str, scope: Scope) -> Op[bool]:
    """Let a parked job go on: whether it was parked. Repeated, it may have been released by the first try."""

    def steps(again: bool) -> Steps[bool]:
        found = yield Statement("step_release", [(scope.tenant, id)])
        if any(gated for _, gated in found):
            yield entered()
        return bool(found) or again

    return Op("release", steps, scope, wakes=True)


FORK = "holdfast:fork"
"""Stands in the metadata of a job that begins with what another had recorded: whose id."""


def fork(new: NewJob, origin: str, kept: Kept, pieces: Sequence[StepRecord], version: int, scope: Scope) -> Op[None]:
    """Store a job that begins with these pieces of another. Repeated, what is there stays as it is."""
    tenant = scope.tenant or new.tenant
    rows = [(tenant, new.id, origin, version, *piece.key) for piece in pieces]
    store = enqueue([new], scope)

    def steps(again: bool) -> Steps[None]:
        yield from store.steps(again)
        yield Statement("journal", [(tenant, new.id, 0, 1, kept.code)])
        if rows:
            yield Statement("step_copy", rows)

    return Op("fork", steps, scope, wakes=True)


def prune(batch: int = 1000) -> Op[int]:
    """Forget the journals of jobs that are gone, one page of those to be looked at; answers how many were looked at."""

    def steps(again: bool) -> Steps[int]:
        looked = yield one("journals_due", batch)
        gone = [(tenant, id, version) for tenant, id, version, there in looked if not there]
        if gone:
            yield Statement("steps_drop", gone)
            yield Statement("journal_drop", gone)
            yield Statement("asks_drop", gone)
        return len(looked)

    return Op("journals_due", steps)
