"""Jobs that wait for the ends of others, and batches that count them.

Who is waited for is marked, so that its end is no plain one: it finds who waited, in the same transaction, and lets go
those that have nothing to wait for any more. A mark is set under the lock of the row, which keeps it from ending before
the mark is committed. Nobody is waited for: what is locked, what fails and what batches count is left in notes, and a
pass of the leader's sees to it within a quarter of a second.
"""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.errors import BatchEnded, DependencyCycle, JobNotFound
from holdfast.model.job import JobState, NewJob
from holdfast.model.need import Need
from holdfast.model.policy import Policy
from holdfast.storage.op import Op, Row, Shared, Statement, Steps
from holdfast.storage.ops.gated import entered

Key = tuple[str, str]
DELETED = "deleted"
"""How a job ended that was removed: otherwise than in success."""

MOST_AT_ONCE = 1000
"""Of those that wait for one job or batch, so many are seen to in its own transaction; the pass sees to the others."""


def note(what: str, tenant: str, id: str, state: str | None = None, count: int = 1) -> Row:
    """Something to be seen to: `watch` a job or batch that somebody waits for, what has `ended`, `look` at a job that
    may go on, what a `batch` is to count, a batch whose jobs are to `stop`."""
    return (tenant, id, what, state, count)


def seen_to(notes: Sequence[Row]) -> Shared:
    """Sees to notes at the end of the batch; answers a row where a job was let go."""
    return Shared("wait_note", notes, settle, early=True)


def over(ends: Iterable[tuple[str, str, str]]) -> Shared:
    """Jobs (tenant, id, state) have ended that others may wait for."""
    return seen_to([note("ended", tenant, id, state) for tenant, id, state in ends])


# When jobs are stored


class Link(NamedTuple):
    """A job that was stored: what it waits for, and which batch for it. `replaced`: it was there before."""

    tenant: str
    id: str
    needs: tuple[Need, ...] = ()
    batch: str | None = None
    replaced: bool = False


def wanted(jobs: Sequence[NewJob]) -> Steps[dict[str, tuple[Need, ...]]]:
    """Before jobs are stored: what each of them has to wait for, by id.

    Raises JobNotFound for what is not there, BatchEnded for a batch that takes no more, DependencyCycle for jobs that
    wait for each other.
    """
    _refuse_rings(jobs)
    states: dict[Key, str | None] = {(job.tenant, job.id): None for job in jobs}
    asked = list({(job.tenant, need.id): None for job in jobs for need in job.after}.keys() - states.keys())
    if asked:
        for ordinal, _, state in (yield Statement("waited", asked)):
            states[asked[int(ordinal) - 1]] = state
    for job in jobs:
        for need in job.after:
            if (job.tenant, need.id) not in states:
                raise JobNotFound(
                    f"there is no job or batch {need.id} (any more) to wait for; nothing was stored", need.id
                )
    yield from _join(sorted({(job.tenant, job.batch) for job in jobs if job.batch is not None}))
    return {
        job.id: tuple(need for need in job.after if not _met(need, states[job.tenant, need.id]))
        for job in jobs
        if job.after
    }


def _met(need: Need, state: str | None) -> bool:
    return state is not None and (need.when == "finished" or (need.when == "succeeded") == (state == "succeeded"))


def _join(batches: Sequence[Key]) -> Steps[None]:
    if not batches:
        return
    joined = {int(row[0]) for row in (yield Statement("batch_join", batches))}
    for ordinal, (_, id) in enumerate(batches, 1):
        if ordinal not in joined:
            raise BatchEnded(f"batch {id} takes no more jobs: it has ended, was cancelled, or is not there")


def _refuse_rings(jobs: Sequence[NewJob]) -> None:
    """Of jobs that are stored together."""
    ids = {job.id for job in jobs}
    left = {job.id: {need.id for need in job.after} & ids for job in jobs if job.after}
    while left:
        free = [id for id, needs in left.items() if not needs & left.keys()]
        if not free:
            raise DependencyCycle(f"jobs would wait for each other: {', '.join(left)}; nothing was stored")
        for id in free:
            del left[id]


def link(links: Sequence[Link], lenient: bool = False) -> Steps[None]:
    """After jobs were stored: hold those that wait, and have batches count.

    lenient: a ring is no error, for it cannot be refused any more: the job is cancelled.
    """
    replaced = [(each.tenant, each.id) for each in links if each.replaced]
    if replaced:
        yield Statement("waits_drop", replaced)
    waiting = [each for each in links if each.needs]
    notes: dict[Key, Row] = {}
    if waiting:
        # One that runs is held when what waits on its row begins.
        held = {int(row[0]) for row in (yield Statement("hold", [(each.tenant, each.id) for each in waiting]))}
        waiting = [each for ordinal, each in enumerate(waiting, 1) if ordinal in held]
        rows = [(each.tenant, each.id, need.id, need.when) for each in waiting for need in each.needs]
        if rows:
            yield Statement("wait", rows)
        notes = {(each.tenant, need.id): note("watch", each.tenant, need.id) for each in waiting for need in each.needs}
    members = [(each.tenant, each.batch, each.id) for each in links if each.batch is not None]
    added: Counter[Key] = Counter()
    if members:
        for row in (yield Statement("batch_add", members)):
            tenant, batch, id = members[int(row[0]) - 1]
            added[tenant, batch or ""] += 1
            notes[tenant, id] = note("watch", tenant, id)
    counts = [note("batch", *key, "added", count) for key, count in added.items()]
    rings = yield from _rings(links)
    if rings and not lenient:
        needs = ", ".join(need.id for need in rings[0].needs)
        raise DependencyCycle(f"job {rings[0].id} would wait for {needs}, which wait for it; nothing was stored")
    if rings:
        keys = [(each.tenant, each.id) for each in rings]
        yield Statement("waits_fail", keys)
        notes |= {key: note("look", *key) for key in keys}
    if notes or counts:
        yield seen_to([*notes.values(), *counts])


def _rings(links: Sequence[Link]) -> Steps[list[Link]]:
    """Those that what they wait for waits for: only a job that was there before, or that a batch waits for, can be."""
    asked: dict[Key, list[Link]] = {}
    for each in links:
        if each.needs and each.replaced:
            asked.setdefault((each.tenant, each.id), []).append(each)
        if each.needs and each.batch is not None:
            asked.setdefault((each.tenant, each.batch), []).append(each)
    if not asked:
        return []
    keys = list(asked)
    above: dict[Key, set[str]] = {key: {key[1]} for key in keys}
    for ordinal, id in (yield Statement("waits_above", keys)):
        above[keys[int(ordinal) - 1]].add(id)
    return [each for key in keys for each in asked[key] if any(need.id in above[key] for need in each.needs)]


def begun(keys: Sequence[Key]) -> Steps[None]:
    """Versions of jobs have begun for which their rows waited: hold those that wait for others."""
    links: list[Link] = []
    for ordinal, _, _, _, policy, *_ in (yield Statement("lock", keys)):
        tenant, id = keys[int(ordinal) - 1]
        links.append(Link(tenant, id, Policy.read(policy).after, None, True))
    links = [each for each in links if each.needs]
    if links:
        yield from link(links, lenient=True)


def revived(jobs: Sequence[tuple[str, str, str, str]]) -> Steps[None]:
    """Jobs (tenant, id, policy, how it had ended) begin anew by hand: they wait for what lives of what they waited for,
    and what has ended by now does not count against them."""
    found = [(tenant, id, Policy.read(policy), state) for tenant, id, policy, state in jobs]
    asked = list({(tenant, need.id): None for tenant, _, policy, _ in found for need in policy.after})
    live: set[Key] = set()
    if asked:
        live = {asked[int(row[0]) - 1] for row in (yield Statement("waited", asked)) if row[2] is None}
    links = [
        Link(tenant, id, tuple(need for need in policy.after if (tenant, need.id) in live), None, True)
        for tenant, id, policy, _ in found
    ]
    yield from link([each for each in links if each.needs], lenient=True)
    members = [(tenant, policy.batch, id, state) for tenant, id, policy, state in found if policy.batch is not None]
    if members:
        yield Statement("batch_add", [row[:3] for row in members])
        yield seen_to(
            [note("watch", tenant, id) for tenant, _, id, _ in members]
            + [note("batch", tenant, batch or "", state, -1) for tenant, batch, _, state in members]
        )


# When they end


@dataclass(slots=True)
class Settling:
    """What is being seen to. `decides`: jobs that wait in vain are to be cancelled by who asked, and are in `vain`,
    with their token, policy and gates."""

    decides: bool = False
    left: list[Row] = field(default_factory=list[Row])
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    vain: dict[Key, tuple[int, str, str | None]] = field(default_factory=dict[Key, tuple[int, str, str | None]])
    released: int = 0

    def notes(self) -> list[Row]:
        counted = [note("batch", tenant, id, state, count) for (tenant, id, state), count in self.counts.items()]
        return list(dict.fromkeys([*self.left, *counted]))


def settle(notes: Sequence[Row]) -> Steps[list[Row] | None]:
    """See to notes in the transaction of whoever has them; what cannot be done there is left to the pass."""
    work = Settling()
    yield from work_on(notes, work)
    return [(work.released,)] if work.released else None


def work_on(notes: Sequence[Row], work: Settling, keep: bool = False) -> Steps[None]:
    """Everything but what is to be counted or stopped; `keep`: who asked writes what is left."""
    keys: dict[str, dict[Key, str]] = {"watch": {}, "ended": {}, "look": {}}
    for tenant, id, what, state, count in notes:
        if what == "batch":
            work.counts[tenant, id, state] += count
        elif what in keys:
            keys[what][tenant, id] = state or ""
        else:
            work.left.append((tenant, id, what, state, count))
    ended = keys["ended"]
    if keys["watch"]:
        ended |= yield from _watch(sorted(keys["watch"]), work)
    looks = set(keys["look"])
    if ended:
        looks |= yield from _resolve([(*key, ended[key]) for key in sorted(ended)], work)
    if looks:
        yield from _look(sorted(looks), work)
    if not keep and (rows := work.notes()):
        yield Statement("wait_note", rows)


def _watch(keys: Sequence[Key], work: Settling) -> Steps[dict[Key, str]]:
    """Mark what lives; of the others, how they ended."""
    marked = {int(row[0]) for row in (yield Statement("watch", keys))}
    rest = [key for ordinal, key in enumerate(keys, 1) if ordinal not in marked]
    if not rest:
        return {}
    ended = dict.fromkeys(rest, DELETED)
    batches: list[Key] = []
    for ordinal, kind, state in (yield Statement("waited", rest)):
        key = rest[int(ordinal) - 1]
        if state is not None:
            ended[key] = state
            continue
        del ended[key]
        if kind == "batch":
            batches.append(key)
        else:
            work.left.append(note("watch", *key))
    if batches:
        kept = {int(row[0]) for row in (yield Statement("batch_keep", batches))}
        work.left += [note("watch", *key) for ordinal, key in enumerate(batches, 1) if ordinal not in kept]
    return ended


def _resolve(ends: Sequence[tuple[str, str, str]], work: Settling) -> Steps[set[Key]]:
    """Of those that waited for what has ended: the jobs to look at."""
    looks: set[Key] = set()
    answered: Counter[int] = Counter()
    for ordinal, id, ok, batch in (yield Statement("waits_ended", ends)):
        tenant, _, state = ends[int(ordinal) - 1]
        answered[int(ordinal)] += 1
        if batch:
            work.counts[tenant, id, JobState.CANCELLED.value if state == DELETED else state] += 1
        elif ok or work.decides:
            looks.add((tenant, id))
        else:
            work.left.append(note("look", tenant, id))
    work.left += [note("ended", *ends[ordinal - 1]) for ordinal in answered if answered[ordinal] >= MOST_AT_ONCE]
    return looks


def _look(keys: Sequence[Key], work: Settling) -> Steps[None]:
    """Let go the jobs that have nothing to wait for any more."""
    waiting: dict[Key, Row] = {}
    gone: list[Key] = []
    for ordinal, *row, waits in (yield Statement("wait_lock", keys)):
        key = keys[int(ordinal) - 1]
        if waits:
            waiting[key] = tuple(row)
        else:  # it was released, or run by somebody
            gone.append(key)
    others = [key for key in keys if key not in waiting and key not in gone]
    if others:
        gone += yield from _ended(others, work)
    if gone:
        yield Statement("waits_drop", gone)
    if not waiting:
        return
    mine = list(waiting)
    free: list[Key] = []
    for ordinal, left, failed in (yield Statement("waits_left", mine)):
        key = mine[int(ordinal) - 1]
        if failed and work.decides:
            token, policy, gates = waiting[key]
            work.vain[key] = (token, policy, gates)
        elif failed:
            work.left.append(note("look", *key))
        elif not left:
            free.append(key)
    if free:
        released = yield Statement("release", free)
        work.released += len(released)
        if any(gated for _, gated in released):
            yield entered()


def _ended(keys: Sequence[Key], work: Settling) -> Steps[list[Key]]:
    """Of jobs that could not be locked those that have ended; the others are looked at again."""
    found = yield Statement("waited", keys)
    live = {keys[int(ordinal) - 1] for ordinal, kind, state in found if kind == "job" and state is None}
    work.left += [note("look", *key) for key in sorted(live)]
    return [key for key in keys if key not in live]


def awaited(ids: Sequence[str], tenant: str) -> Op[list[list[tuple[Need, bool]]]]:
    """What jobs wait for (100 for each at most), and whether it has ended otherwise than needed."""

    def steps(again: bool) -> Steps[list[list[tuple[Need, bool]]]]:
        found: list[list[tuple[Need, bool]]] = [[] for _ in ids]
        for ordinal, job, need, failed in (yield Statement("waits_of", [(tenant, id) for id in ids])):
            found[int(ordinal) - 1].append((Need(job, need), bool(failed)))
        return found

    return Op("waits_of", steps, single=True)
