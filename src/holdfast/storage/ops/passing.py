"""The pass over what was left in notes about jobs that wait: a page in one transaction."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.model.batch import BatchRecord, verdict
from holdfast.model.job import JobRecord, JobState
from holdfast.model.lifecycle import Finish
from holdfast.model.need import WAITS
from holdfast.model.policy import Policy
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.ops import batches, waits
from holdfast.storage.ops.inspect import read_removed
from holdfast.storage.ops.jobs import Ending, Held, Lease, end
from holdfast.storage.ops.waits import Key, Settling, note

PAGE = 500
STOPS = 200
"""Jobs of a batch that are cancelled at once."""


@dataclass(frozen=True, slots=True)
class Due:
    """Whether there is something to do, and whether anybody waits at all."""

    now: bool
    any: bool


def due() -> Op[Due]:
    """Look whether there is something for `calls` to do; changes nothing."""

    def steps(again: bool) -> Steps[Due]:
        now, there = (yield one("wait_due"))[0]
        return Due(bool(now), bool(there))

    return Op("wait_due", steps, single=True)


@dataclass(frozen=True, slots=True)
class Passed:
    """What a page came to: notes taken, jobs let go, jobs that were cancelled because they waited in vain or their
    batch was, and batches that were counted."""

    taken: int
    released: int
    ended: tuple[tuple[Lease, Finish], ...] = ()
    counted: tuple[BatchRecord, ...] = ()


def calls(removed: dict[str, JobRecord] | None = None, batch: int = PAGE) -> Op[Passed]:
    """See to a page of notes. Repeating it is harmless: what a first try did is noted no more.

    removed: filled with the records, as they were before, of jobs that are removed at their end; None: not asked for.
    """

    def steps(again: bool) -> Steps[Passed]:
        notes = yield one("wait_calls", batch)
        work = Settling(decides=True)
        ours = [row for row in notes if row[2] not in ("close", "stop")]
        stops = yield from _close([row for row in notes if row[2] in ("close", "stop")], work)
        yield from _refuse_rings([(row[0], row[1]) for row in ours if row[2] == "watch"], work)
        yield from waits.work_on(ours, work, keep=True)
        counted = yield from _count(work)
        ended: list[tuple[Lease, Finish]] = []
        if work.vain:
            ends = [
                Ending(
                    Lease(tenant, id, token, gates),
                    Finish(JobState.CANCELLED, Policy.read(policy).keep_failed, WAITS),
                )
                for (tenant, id), (token, policy, gates) in work.vain.items()
            ]
            ended += yield from _cancel(ends, removed, work)
        for (tenant, id), after in stops.items():
            ended += yield from _stop((tenant, id), after, removed, work)
        if left := work.notes():
            yield Statement("wait_note", left)
        return Passed(len(notes) - len(left), work.released, tuple(ended), tuple(counted))

    return Op("wait_calls", steps)


def _refuse_rings(keys: Sequence[Key], work: Settling) -> Steps[None]:
    """Two requests that came at the same moment may have made a ring, each without seeing the other."""
    keys = sorted(set(keys))
    if not keys:
        return
    found = yield Statement("waits_above", keys)
    rings = {keys[int(ordinal) - 1] for ordinal, id in found if id == keys[int(ordinal) - 1][1]}
    if rings:
        yield Statement("waits_fail", sorted(rings))
        work.left += [note("look", *key) for key in sorted(rings)]


def _close(notes: Sequence[Row], work: Settling) -> Steps[dict[Key, str | None]]:
    """Close batches to which somebody was adding: those whose jobs are to stop, and after which of them."""
    stops = {(tenant, id): after for tenant, id, what, after, _ in notes if what == "stop"}
    keys = sorted({(row[0], row[1]) for row in notes})
    if not keys:
        return {}
    found = yield Statement("batch_close", [(*key, int(key in stops)) for key in keys])
    closed = {keys[int(row[0]) - 1] for row in found}
    for key in closed:
        work.counts[(*key, "added")] += 0
    missed = [key for key in keys if key not in closed]
    if missed:
        live = {missed[int(row[0]) - 1] for row in (yield Statement("waited", missed)) if row[2] is None}
        work.left += [note("stop" if key in stops else "close", *key, stops.get(key), 0) for key in sorted(live)]
    return {key: after for key, after in stops.items() if key in closed}


def _count(work: Settling) -> Steps[list[BatchRecord]]:
    """Add up what batches count, and end those of which all jobs have ended: their records."""
    keys = sorted({(tenant, id) for tenant, id, _ in work.counts})
    if not keys:
        return []
    counts, work.counts = work.counts, type(work.counts)()
    names = ("added", "succeeded", "failed", "cancelled", "stalled")
    folded: list[Key] = []
    over: list[tuple[str, str, str]] = []
    rows = [(*key, *(counts[(*key, name)] for name in names)) for key in keys]
    for ordinal, state, open, stopped, total, *ends in (yield Statement("batch_fold", rows)):
        key = keys[int(ordinal) - 1]
        folded.append(key)
        if state is None and not open and total == sum(ends):
            over.append((*key, verdict(total, ends[0], bool(stopped))))
    missed = [key for key in keys if key not in folded]
    if missed:  # locked by somebody just now, or removed
        there = {missed[int(row[0]) - 1] for row in (yield Statement("waited", missed))}
        again = [(*key, name) for key in sorted(there) for name in names]
        work.counts.update({what: counts[what] for what in again if counts[what]})
    if over:
        ended = [over[int(row[0]) - 1] for row in (yield Statement("batch_end", over))]
        yield from waits.work_on([note("ended", *each) for each in ended], work, keep=True)
    records: list[BatchRecord] = []
    for tenant in sorted({tenant for tenant, _ in folded}):
        found = yield from batches.read([id for owner, id in folded if owner == tenant], tenant)
        records += [each for each in found if each is not None]
    return records


def _cancel(
    ends: Sequence[Ending], removed: dict[str, JobRecord] | None, work: Settling
) -> Steps[list[tuple[Lease, Finish]]]:
    if removed is not None:
        yield from read_removed(ends, removed)
    keys = [(ending.lease.tenant, ending.lease.id) for ending in ends]
    done: list[tuple[Lease, Finish]] = []
    gone: list[Key] = []
    for key, ending, held in zip(keys, ends, (yield from end(ends).steps(False)), strict=True):
        if held is Held.DONE and isinstance(ending.verdict, Finish):
            done.append((ending.lease, ending.verdict))
            gone.append(key)
        else:
            work.left.append(note("look", *key))
    if gone:
        yield Statement("waits_drop", gone)
    return done


def _stop(
    key: Key, after: str | None, removed: dict[str, JobRecord] | None, work: Settling
) -> Steps[list[tuple[Lease, Finish]]]:
    """Cancel a page of a batch's jobs: those that wait; those that run are asked to stop."""
    tenant, batch = key
    ids = [id for (id,) in (yield one("batch_members", tenant, batch, after or None, STOPS))]
    if not ids:
        return []
    ends: list[Ending] = []
    running: list[Row] = []
    locked = yield Statement("lock", [(tenant, id) for id in ids])
    for ordinal, state, token, _, policy, _, _, gates in locked:
        lease = Lease(tenant, ids[int(ordinal) - 1], token, gates)
        if state == JobState.RUNNING:
            running.append((tenant, lease.id, token, "explicit"))
        else:
            ends.append(Ending(lease, Finish(JobState.CANCELLED, Policy.read(policy).keep_failed, "explicit")))
    if running:
        yield Statement("ask_stop", running)
    if len(locked) < len(ids):  # somebody has the others locked just now
        work.left.append(note("stop", tenant, batch, after or ""))
    elif len(ids) == STOPS:
        work.left.append(note("stop", tenant, batch, ids[-1]))
    return (yield from _cancel(ends, removed, work)) if ends else []
