"""Who is next at some gates: pure decisions over what was read under their locks.

The line of a gate is served strictly in order: who is first and does not fit holds up those behind. Who is first, fits,
and is held up by another gate goes to that one's line, so that a job waits in one line at a time and a full gate is
never walked through. While it waits it holds nothing, but for its place in its group, whose later jobs must not
overtake it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from holdfast.model.gate import Pass

Key: TypeAlias = tuple[str, str]
"""Tenant and name of a gate."""

UNCLAIMED = 1.0
"""Seconds after which an offer that nobody has claimed passes on to a job of another queue."""

UNCLAIMED_HERE = 10.0
"""The same for another task of the same queue: mostly its workers are just busy, and the order is worth the wait."""

PASSED_FOR = 10.0
"""Seconds for which jobs of the queue and task that was passed over come after the others."""

SOON = 0.05


@dataclass(frozen=True, slots=True)
class Seat:
    """A job in a gate's line, or with an offer. `order` is that of claims; `age` that of the offer, in seconds;
    `passed`: seconds since it was passed over; `holds`: the gates in which it has kept its place."""

    tenant: str
    id: str
    order: tuple[int, Any, int]
    weight: int
    lane: tuple[str, str]
    passes: tuple[Pass, ...]
    age: float = 0.0
    passed: float | None = None
    holds: frozenset[str] = frozenset()

    def unclaimed_for(self, lane: tuple[str, str]) -> float:
        """In how many seconds this offer, if nobody claims it, passes on to a job of `lane`; never to one like it."""
        if lane == self.lane:
            return float("inf")
        return (UNCLAIMED_HERE if lane[0] == self.lane[0] else UNCLAIMED) - self.age

    @property
    def wanted(self) -> list[Pass]:
        """The gates in which it has no place yet."""
        return [one for one in self.passes if one.gate not in self.holds]

    def key(self, one: Pass) -> Key:
        return (self.tenant, one.gate)


@dataclass(slots=True)
class View:
    """What is in a gate whose lock we have. `used`: places taken, offers among them; `closed`: seconds for which the
    last start keeps it shut; `stopped`: a failure does."""

    size: int | None
    spacing: float | None = None
    used: int = 0
    stopped: bool = False
    closed: float = 0.0
    offers: list[Seat] = field(default_factory=list[Seat])
    waits: list[Seat] = field(default_factory=list[Seat])
    more: bool = False
    """The line goes on behind `waits`."""
    odd: bool = False
    """Maybe with jobs of other queues and tasks."""

    @property
    def stuck(self) -> bool:
        """Whether all that is seen of the line is held up by who nobody claims, while others may stand behind."""
        if not (self.more and self.odd):
            return False
        held_up = {one.lane for one in self.offers if one.age >= UNCLAIMED}
        held_up |= {one.lane for one in self.waits if one.passed is not None and one.passed < PASSED_FOR}
        return bool(held_up) and all(one.lane in held_up for one in self.waits)

    def room(self, weight: int) -> bool:
        """A job heavier than the whole gate passes when it is empty: it would never run otherwise."""
        if self.stopped or (self.spacing is not None and (self.closed > 0 or self.offers)):
            return False
        return self.size is None or self.used + min(weight, self.size) <= self.size

    def take(self, seat: Seat, weight: int) -> None:
        self.used += weight
        self.offers.append(seat)

    def free(self, seat: Seat, weight: int) -> None:
        if seat.id in {one.id for one in self.offers}:
            self.used -= weight
            self.offers = [one for one in self.offers if one.id != seat.id]

    def line(self) -> Iterator[tuple[tuple[Any, ...], Seat]]:
        """Who waits, with a key to sort by: jobs of a queue and task that was passed over lately come last."""
        passed: dict[tuple[str, str], float] = {}
        for one in self.waits:
            if one.passed is not None and one.passed < PASSED_FOR:
                passed[one.lane] = min(one.passed, passed.get(one.lane, PASSED_FOR))
        for one in self.waits:
            yield ((1, -passed[one.lane], *one.order) if one.lane in passed else (0, 0.0, *one.order)), one

    def timer(self) -> float | None:
        """In how many seconds it is to be looked at again although nothing happened; None: not at all."""
        if not self.waits or self.stopped:
            return None
        times: list[float] = []
        if self.spacing is not None:
            if self.closed > 0:
                times.append(self.closed)
            for offer in self.offers:
                left = self.spacing * offer.weight - offer.age
                times.append(left if left > 0 else 0.25)
        lanes = {one.lane for one in self.waits}
        for offer in self.offers:
            soonest = min((offer.unclaimed_for(lane) for lane in lanes), default=float("inf"))
            if self.more and self.odd:
                soonest = min(soonest, UNCLAIMED - offer.age)
            if soonest < float("inf"):
                times.append(max(SOON, soonest) if soonest > 0 else UNCLAIMED)
        return min(times, default=None)


@dataclass(slots=True)
class Plan:
    """What is to be done: offers to make, lines to change (from a gate to that of the pass), places in groups to take
    for who does so, offers to take back (to the line of a gate, and whether they are passed over)."""

    offers: list[Seat] = field(default_factory=list[Seat])
    shifts: list[tuple[Seat, Key, Pass]] = field(default_factory=list[tuple[Seat, Key, Pass]])
    keeps: list[tuple[Seat, Pass]] = field(default_factory=list[tuple[Seat, Pass]])
    retracts: list[tuple[Seat, Key, bool]] = field(default_factory=list[tuple[Seat, Key, bool]])
    lacking: dict[Key, tuple[Key, Pass]] = field(default_factory=dict[Key, tuple[Key, Pass]])
    """Gates whose lock we have not: whose line is held up by that, and for what pass."""

    def __bool__(self) -> bool:
        return bool(self.offers or self.shifts or self.retracts)


def plan(views: Mapping[Key, View], barred: Collection[str] = ()) -> Plan:
    """Decide, and change `views` to what they are once it is done. `barred`: jobs that somebody has locked."""
    made = Plan()
    shut: set[Key] = set()
    passable: set[Key] = set()
    queue = sorted(
        ((order, key, seat) for key, view in views.items() for order, seat in view.line() if seat.id not in barred),
        key=lambda entry: entry[0],
    )
    for order, at, seat in queue:
        if at in shut:
            if at in passable and len(seat.wanted) == 1:
                passable -= _pass_on(made, views[at], at, seat)
            continue
        full = [one for one in seat.wanted if (key := seat.key(one)) in views and not views[key].room(one.weight)]
        lacking = [one for one in seat.wanted if seat.key(one) not in views]
        if any(seat.key(one) == at for one in full):
            shut.add(at)
            if len(full) == 1 and not lacking and not _take_back(made, views[at], at, seat, newer=order[0] == 0):
                passable |= {at} if any(one.age >= UNCLAIMED for one in views[at].offers) else set()
        elif full:
            made.shifts.append((seat, at, full[0]))
            views[at].waits.remove(seat)
            for one in seat.wanted:
                if one.group and seat.key(one) == at:
                    made.keeps.append((seat, one))
                    views[at].used += one.weight
        elif lacking:
            made.lacking.update({seat.key(one): (at, one) for one in lacking})
            shut.add(at)
        else:
            made.offers.append(seat)
            views[at].waits.remove(seat)
            for one in seat.wanted:
                views[seat.key(one)].take(seat, one.weight)
    return made


def _take_back(made: Plan, view: View, at: Key, seat: Seat, newer: bool) -> bool:
    """Offers that nobody has claimed make room for a better newcomer, or for who waits for another queue or task."""
    worse = [one for one in view.offers if one.order > seat.order] if newer else []
    return _retract(made, view, at, seat, worse, False) or bool(_pass_on(made, view, at, seat))


def _pass_on(made: Plan, view: View, at: Key, seat: Seat) -> set[Key]:
    """Offers that nobody has claimed for a while pass on to a job of another queue or task."""
    stale = [one for one in view.offers if one.unclaimed_for(seat.lane) <= 0]
    return {at} if _retract(made, view, at, seat, stale, True) else set()


def _retract(made: Plan, view: View, at: Key, seat: Seat, victims: list[Seat], passed: bool) -> bool:
    """Take back as few of `victims` as make room for `seat`, the last in order first; none where all would not do."""
    if not victims or view.stopped or view.closed > 0:
        return False
    fresh = {one.id for one in made.offers} | {one.id for one, _, _ in made.retracts}
    chosen: list[Seat] = []
    used = view.used
    for victim in sorted(victims, key=lambda one: one.order, reverse=True):
        if victim.id not in fresh and not _fits(view, seat, at, used, len(chosen)):
            chosen.append(victim)
            used -= _weight(victim, at)
    if not chosen or not _fits(view, seat, at, used, len(chosen)):
        return False
    made.retracts += [(victim, at, passed) for victim in chosen]
    return True


def _fits(view: View, seat: Seat, at: Key, used: int, taken_back: int) -> bool:
    if view.spacing is not None and taken_back < len(view.offers):
        return False
    return view.size is None or used + min(_weight(seat, at), view.size) <= view.size


def _weight(seat: Seat, at: Key) -> int:
    return next((one.weight for one in seat.passes if one.gate == at[1]), seat.weight)
