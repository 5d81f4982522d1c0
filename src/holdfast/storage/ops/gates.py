"""Looks at gates: who makes a place in one, or stores a job that wants one, has the next offered in its transaction.

A look locks gates, then reads them anew, for what it saw before the lock may be old. A gate that somebody else has
locked is not waited for: a note is left, and the leader's pass looks within a quarter of a second.
"""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from holdfast.model.gate import load_passes
from holdfast.model.offers import Key, Plan, Seat, View, plan
from holdfast.storage.op import Op, Row, Shared, Statement, Steps, one
from holdfast.storage.ops.lines import Comer, lined, opening

ENTRIES: Key = ("", "")
"""Stands among gates for: and have those stand in line that came to their gates. The pass takes a note of it so too."""

HEADS = 8
"""Jobs at the head of a line that a first look reads; four times as many at each further one."""

MOST_HEADS = 512
MOST_ROUNDS = 40
PAGE = 200


def looked_at(keys: Iterable[Row], entries: bool = False) -> Shared:
    """The last thing that an op wants which changed something about these gates (tenant, name)."""
    rows = dict.fromkeys([*keys, ENTRIES] if entries else keys)
    return Shared("gate_note", [(*row, 0.0) for row in rows], look)


def look(rows: Sequence[Row], quick: bool = True) -> Steps[None]:
    """Offer the next jobs of these gates; not quick: see also to what was changed by hand."""
    work = Look()
    keys = {(row[0], row[1]) for row in rows}
    if ENTRIES in keys:
        keys = (keys - {ENTRIES}) | (yield from enter(PAGE))
    yield from work.read(sorted(keys), quick)
    yield from work.decide()
    if (yield from work.offer_next()):
        yield from work.decide()
    yield from work.leave()


@dataclass(slots=True)
class Locked:
    """A gate row as gate_lock.sql gave it."""

    size: int | None
    spacing: float | None
    edited: bool
    timed: bool
    old: bool
    odd: bool
    heads: int = HEADS

    @property
    def simple(self) -> bool:
        """Whether one statement may tell who is next."""
        return self.size is not None and self.spacing is None and not (self.timed or self.old or self.odd)


class Look:
    """One look: what is locked and known, and what was found locked by others."""

    def __init__(self) -> None:
        self.locked: dict[Key, Locked] = {}
        self.views: dict[Key, View] = {}
        self.again: set[Key] = set()
        self._asked: set[Key] = set()
        self._simple: set[Key] = set()
        self._barred: set[str] = set()

    def read(self, keys: Sequence[Key], quick: bool = False) -> Steps[None]:
        """Lock gates and see what is in those that could be had; quick: simple ones are left to `offer_next`."""
        keys = [key for key in keys if key not in self._asked]
        self._asked.update(keys)
        if not keys:
            return
        found: list[Key] = []
        for ordinal, size, spacing, *marks in (yield Statement("gate_lock", keys)):
            key = keys[int(ordinal) - 1]
            self.locked[key] = gate = Locked(size, spacing, *map(bool, marks))
            if quick and gate.simple:
                self._simple.add(key)
            else:
                found.append(key)
        missed = [key for key in keys if key not in self.locked]
        if missed:
            self.again.update(missed)
            yield from _restore(missed)
        yield from self._see(found)

    def offer_next(self) -> Steps[bool]:
        """Offer the next of simple gates; whether there are some that need a long look all the same.

        It comes after the others are seen to: a job that stood in another line may come before those in this one.
        """
        keys, self._simple = sorted(self._simple), set()
        if not keys:
            return False
        rows = yield Statement("gate_next", [(*key, self.locked[key].size) for key in keys])
        found = [keys[int(row[0]) - 1] for row in rows]
        for key in found:
            self.locked[key].odd = True
        yield from self._see(found)
        return bool(found)

    def decide(self) -> Steps[None]:
        """Rounds until nothing is left to do."""
        for _ in range(MOST_ROUNDS if self.views else 0):
            if not (yield from self.step()):
                return
        self.again |= set(self.views)

    def _see(self, keys: Sequence[Key]) -> Steps[None]:
        if not keys:
            return
        asked = [(*key, self.locked[key].spacing, self.locked[key].heads) for key in keys]
        for key in keys:
            self.views[key] = View(self.locked[key].size, self.locked[key].spacing, odd=self.locked[key].odd)
        stale: list[Row] = []
        for row in (yield Statement("gate_look", asked)):
            self._enter_view(keys[int(row[0]) - 1], row, stale)
        for key in keys:
            self.views[key].more = len(self.views[key].waits) >= self.locked[key].heads
        if stale:  # rows were removed by hand
            yield Statement("gate_leave", stale)
        stuck = [key for key in keys if self.views[key].stuck and self.locked[key].heads < MOST_HEADS]
        for key in stuck:
            self.locked[key].heads = MOST_HEADS
        yield from self._see(stuck)
        yield from self._learn_places(keys)

    def _enter_view(self, key: Key, row: Row, stale: list[Row]) -> None:
        view = self.views[key]
        _, kind, id, rank, due, seq, weight, state, queue, task, gates, age, passed = row
        if kind == "used":
            view.used, view.stopped, view.closed = int(weight), state == "stop", float(age or 0.0)
            return
        if kind == "gone" or (kind == "waits" and state != "blocked"):
            stale.append((key[0], id, None, 0))
            return
        seat = Seat(key[0], id, (rank, due, seq), weight, (queue, task), load_passes(gates), age or 0.0, passed)
        (view.offers if kind == "offer" else view.waits).append(seat)

    def _learn_places(self, keys: Sequence[Key]) -> Steps[None]:
        """Of jobs with several gates: in which they kept a place while they waited for a retry."""
        several = {seat.id: seat for key in keys for seat in self.views[key].waits if len(seat.passes) > 1}
        if not several:
            return
        places = yield from _places([(seat.tenant, seat.id) for seat in several.values()])
        for key in keys:
            self.views[key].waits = [
                replace(seat, holds=places[seat.tenant, seat.id]) if (seat.tenant, seat.id) in places else seat
                for seat in self.views[key].waits
            ]

    def step(self) -> Steps[bool]:
        """One round: decide and do. False when nothing is left to do."""
        made = plan(self.views, self._barred)
        unknown = [key for key in made.lacking if key not in self._asked]
        locked = [key for key in made.lacking if key in self._simple]
        self._simple.difference_update(locked)
        self.again.update(at for key, (at, _) in made.lacking.items() if key in self._asked and key not in locked)
        if unknown:  # one that nobody used for long may have been pruned since the job was stored
            yield opening((key[0], made.lacking[key][1], None) for key in unknown)
        yield from self._shift(made)
        yield from self._offer(made)
        yield from self._take_back(made)
        yield from self.read(sorted(unknown))
        yield from self._see(locked)
        if made:
            yield from self._read_on({seat.key(to) for seat, _, to in made.shifts})
        return bool(made) or bool(unknown) or bool(locked)

    def _shift(self, made: Plan) -> Steps[None]:
        if made.shifts:
            yield Statement(
                "gate_shift",
                [(seat.tenant, seat.id, at[1], to.gate, to.weight) for seat, at, to in made.shifts],
            )
        if made.keeps:
            yield Statement("gate_seat", [(seat.tenant, seat.id, each.gate, each.weight) for seat, each in made.keeps])

    def _offer(self, made: Plan) -> Steps[None]:
        if not made.offers:
            return
        done = {row[0] for row in (yield Statement("gate_offer", [(seat.tenant, seat.id) for seat in made.offers]))}
        seats: list[Row] = []
        for ordinal, seat in enumerate(made.offers, 1):
            if ordinal in done:
                if len(seat.passes) > 1:
                    seats += [(seat.tenant, seat.id, each.gate, each.weight) for each in seat.wanted]
                continue
            self._barred.add(seat.id)
            for each in seat.wanted:
                self.views[seat.key(each)].free(seat, each.weight)
        if seats:
            yield Statement("gate_seat", seats)

    def _take_back(self, made: Plan) -> Steps[None]:
        if not made.retracts:
            return
        rows = [(seat.tenant, seat.id, at[1], int(passed)) for seat, at, passed in made.retracts]
        done = {row[0] for row in (yield Statement("gate_retract", rows))}
        beside: set[Key] = set()
        for ordinal, (seat, at, passed) in enumerate(made.retracts, 1):
            if ordinal not in done:  # claimed meanwhile: no offer any more, and its place is taken
                view = self.views[at]
                view.offers = [one for one in view.offers if one.id != seat.id]
                continue
            holds = frozenset(each.gate for each in seat.passes if each.group and each.gate != at[1] and not passed)
            for each in seat.passes:
                key = seat.key(each)
                if key in self.views:
                    self.views[key].free(seat, 0 if each.gate in holds else each.weight)
                elif each.gate not in holds:
                    beside.add(key)
            self.views[at].waits.append(replace(seat, age=0.0, passed=0.0 if passed else None, holds=holds))
        yield from self.read(sorted(beside))

    def _read_on(self, joined: Collection[Key]) -> Steps[None]:
        """Lines of which all that was read is gone, while there is more behind it, and those that were joined."""
        further = [key for key, view in self.views.items() if view.more and not view.waits]
        for key in further:
            self.locked[key].heads = min(4 * self.locked[key].heads, MOST_HEADS)
        yield from self._see([*further, *(key for key in joined if key in self.views and key not in further)])

    def leave(self) -> Steps[None]:
        """Set timers, and ask for another look at what could not be had."""
        timers: list[Row] = []
        for key, view in self.views.items():
            gate, delay = self.locked[key], view.timer()
            if delay is not None or gate.timed or gate.old:
                timers.append((*key, delay))
        if timers:
            yield Statement("gate_timer", timers)
        if self.again:
            yield Statement("gate_note", [(*key, 0.0) for key in sorted(self.again)])


def _places(jobs: Sequence[tuple[str, str]]) -> Steps[dict[tuple[str, str], frozenset[str]]]:
    found: dict[tuple[str, str], frozenset[str]] = {}
    for ordinal, gate in (yield Statement("gate_places", jobs)):
        key = jobs[int(ordinal) - 1]
        found[key] = found.get(key, frozenset()) | {gate}
    return found


def _restore(keys: Sequence[Key]) -> Steps[None]:
    """Make gates anew that somebody pruned while a job came to stand in their line."""
    lost = yield Statement("gate_lost", keys)
    passes = [(keys[int(ordinal) - 1][0], each, None) for ordinal, gates in lost for each in load_passes(gates)]
    if passes:
        yield opening(passes)


def enter(batch: int) -> Steps[set[Key]]:
    """Have jobs stand in line that came to their gates; the gates to look at."""
    found = yield one("gate_entries", batch)
    if not found:
        return set()
    comers = [Comer(tenant, queue, task, load_passes(gates)) for tenant, _, gates, queue, task in found]
    stand = yield from lined(comers)
    places = yield from _places([(tenant, id) for tenant, id, *_ in found])
    lines: list[Row] = []
    offered: list[Row] = []
    keys: set[Key] = set()
    for (tenant, id, *_), comer, (_, _, odd) in zip(found, comers, stand, strict=True):
        held = places.get((tenant, id), frozenset())
        first = next((each for each in comer.passes if each.gate not in held), None)
        keys.update((tenant, each.gate) for each in comer.passes)
        if first is None:
            offered.append((tenant, id))
        else:
            lines.append((tenant, id, first.gate, first.weight, odd))
    if offered:
        yield Statement("gate_offer", offered)
    if lines:
        yield Statement("gate_wait", lines)
    return keys


@dataclass(frozen=True, slots=True)
class Due:
    """Whether a gate is to be looked at now, in how many seconds the next one is, whether there are gates at all."""

    now: bool
    next_in: float | None
    any: bool


def due() -> Op[Due]:
    """Look whether there is something for `calls` to do; changes nothing."""

    def steps(again: bool) -> Steps[Due]:
        now, next_in, there = (yield one("gate_due"))[0]
        return Due(bool(now), None if next_in is None or next_in > 1e9 else float(next_in), bool(there))

    return Op("gate_due", steps, single=True)


def calls(batch: int = PAGE) -> Op[int]:
    """Look at the gates that are to be looked at, one page; how many. Repeating it is harmless."""

    def steps(again: bool) -> Steps[int]:
        keys = [(tenant, gate) for tenant, gate in (yield one("gate_calls", batch))]
        yield looked_at(keys, entries=True)
        return len(keys)

    return Op("gate_calls", steps, wakes=True)


def sweep(after: Key = ("", ""), batch: int = PAGE) -> Op[Key | None]:
    """Look at all gates in which jobs wait, one page of gates after `after`; the last of them, None at the end."""

    def steps(again: bool) -> Steps[Key | None]:
        found = yield one("gate_sweep", *after, batch)
        keys = [(tenant, gate) for tenant, gate, waits in found if waits]
        if keys:
            yield from look(keys, quick=False)
        return (found[-1][0], found[-1][1]) if len(found) >= batch else None

    return Op("gate_sweep", steps, wakes=True, apart=True)


def pass_on(keys: Sequence[Key]) -> Op[None]:
    """Look at these gates. Repeating it is harmless."""

    def steps(again: bool) -> Steps[None]:
        yield looked_at(keys)

    return Op("gate_look", steps, wakes=True)


def prune(batch: int = 1000) -> Op[int]:
    """Remove gates that nobody has used for a day; how many."""

    def steps(again: bool) -> Steps[int]:
        return len((yield one("gate_prune", batch)))

    return Op("gate_prune", steps, single=True)


def edit(gate: str, tenant: str, size: int | None, spacing: float | None, edited: bool = True) -> Op[None]:
    """Set the size of a limit and of all its parts; with `edited` the code no longer changes it. Repeating it is
    harmless."""

    def steps(again: bool) -> Steps[None]:
        changed = yield one("gate_edit", tenant, gate, gate, size, spacing, int(edited))
        yield Statement("gate_note", [(tenant, name, 0.0) for (name,) in changed])
        yield looked_at((tenant, name) for (name,) in changed[:PAGE])

    return Op("gate_edit", steps, wakes=True)


def release(gate: str, tenant: str) -> Op[None]:
    """Leave a limit that was set by hand to the code again; it keeps its numbers until then.

    Repeating it is harmless.
    """

    def steps(again: bool) -> Steps[None]:
        found = yield Statement("gate_get", [(tenant, gate, 0)])
        for _, _, size, spacing, *_ in found:
            yield one("gate_edit", tenant, gate, gate, size, spacing, 0)

    return Op("gate_release", steps)


def reconcile(sizes: Sequence[tuple[str, int | None, float | None]]) -> Op[int]:
    """Give limits (name, size, spacing) and their parts the size that the code says, unless it was set by hand: how
    many changed. The pass looks at them."""

    def steps(again: bool) -> Steps[int]:
        changed = yield Statement("gate_reconcile", sizes)
        if changed:
            yield Statement("gate_note", [(tenant, name, 0.0) for _, tenant, name in changed])
        return len(changed)

    return Op("gate_reconcile", steps)


def resume(key: Key) -> Op[bool]:
    """Open a gate that a failure has shut; whether one had. Repeating it is harmless."""

    def steps(again: bool) -> Steps[bool]:
        opened = yield one("gate_resume", *key)
        yield looked_at([key])
        return bool(opened)

    return Op("gate_resume", steps, wakes=True)
