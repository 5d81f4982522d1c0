"""Counting: what ended is added up by the leader where history grew, and read with what has grown since.

A read costs what it answers and a look at 20,000 rows of history or 10,000 live jobs at most, whatever the tables hold.
"""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple, TypeVar

from holdfast.clock import from_micros, to_micros
from holdfast.model import sketch
from holdfast.model.job import JobState
from holdfast.model.stats import GRAINS, KEPT, Asked, Ended, Live, Slot, Span, Standing, Times, fine_grain
from holdfast.model.tenant import Scope
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.rows import moment, moment_or_none

PAGE = 1000
"""Rows of history that are added up at once: on SQLite nobody writes meanwhile, for 20 ms."""

AHEAD = 20_000
"""Rows of history, not added up yet, that a read looks at; those after them it leaves out."""

WALK = 10_000
"""Live jobs in a page of a walk; so many a read counts itself."""

MOST = 100_000
"""Rows of what was counted that a read takes."""

TRIES = 5
"""Times that a read begins anew since the leader counted meanwhile."""

END = 253_402_300_799_000_000
FIRST = "00000000-0000-0000-0000-000000000000"

T = TypeVar("T")


class Where(NamedTuple):
    """What a number is asked of: None for all."""

    queue: str | None = None
    task: str | None = None


EVERYTHING = Where()


class Key(NamedTuple):
    grain: str
    at: int
    tenant: str
    queue: str
    task: str


@dataclass(slots=True)
class Sums:
    """What is counted of one minute, hour or day, queue and task."""

    states: Counter[str] = field(default_factory=Counter[str])
    failed_at: int | None = None
    waits: Counter[int] = field(default_factory=Counter[int])
    runs: Counter[int] = field(default_factory=Counter[int])

    def take(self, kind: str, what: str, count: int) -> None:
        """A row of stats_page.sql."""
        match kind:
            case "state":
                self.states[what] += count
            case "failed":
                self.failed_at = max(self.failed_at or 0, count)
            case "wait":
                self.waits[sketch.rounded(int(what))] += count
            case _:
                self.runs[sketch.rounded(int(what))] += count

    def merge(self, other: Sums) -> None:
        self.states.update(other.states)
        if other.failed_at is not None:
            self.failed_at = max(self.failed_at or 0, other.failed_at)
        self.waits.update(other.waits)
        self.runs.update(other.runs)

    def add(self, stored: Row) -> None:
        """A row of stats_get.sql, without its ordinal."""
        *states, failed_at, waits, runs = stored
        self.states.update({name: int(count) for name, count in zip(ORDER, states, strict=True)})
        if failed_at is not None:
            self.failed_at = max(self.failed_at or 0, failed_at)
        self.waits.update(sketch.loads(waits))
        self.runs.update(sketch.loads(runs))

    @property
    def count(self) -> int:
        return sum(self.states.values())

    def row(self) -> Row:
        counts = (self.states[name] for name in ORDER)
        return (*counts, self.failed_at, sketch.dumps(self.waits), sketch.dumps(self.runs))


ORDER = ("succeeded", "failed", "cancelled", "stalled")


def ahead() -> Op[bool]:
    """Whether there is something to be added up."""

    def steps(again: bool) -> Steps[bool]:
        return (yield one("stats_ahead", 0))[0][2] is not None

    return Op("stats_ahead", steps, single=True)


def fold(page: int | None = None) -> Op[int]:
    """Add up the next rows of history; answers how many. How far it came is noted in the same transaction, so that
    repeating it counts none twice."""
    size = PAGE if page is None else page

    def steps(again: bool) -> Steps[int]:
        found = yield one("stats_next", size)
        if not found:  # somebody else counts, or nobody ever did
            yield one("stats_open")
            found = yield one("stats_next", size)
        if not found or found[0][1] is None or found[0][1] <= found[0][0]:
            return 0
        pos, upto = found[0]
        sums = _added_up((yield one("stats_page", pos, upto)), GRAINS)
        count = sum(each.count for key, each in sums.items() if key.grain == "day")
        keys = sorted(sums)
        if keys:
            for ordinal, *stored in (yield Statement("stats_get", keys)):
                sums[keys[ordinal - 1]].add(tuple(stored))
            yield Statement("stats_put", [(*key, *sums[key].row()) for key in keys])
        yield one("stats_moved", "ended", upto)
        return count

    return Op("stats_fold", steps, apart=True)


def _added_up(rows: Iterable[Row], grains: Iterable[str]) -> dict[Key, Sums]:
    minutes: dict[tuple[int, str, str, str], Sums] = {}
    for kind, minute, tenant, queue, task, what, count in rows:
        at = (minute, tenant, queue, task)
        sums = minutes.get(at)
        if sums is None:
            sums = minutes[at] = Sums()
        sums.take(kind, what, int(count))
    found: dict[Key, Sums] = {}
    for grain in grains:
        step = int(GRAINS[grain]) * 1_000_000
        for (minute, *names), sums in minutes.items():
            found.setdefault(Key(grain, minute // step * step, *names), Sums()).merge(sums)
    return found


def prune(now: datetime, batch: int = 1000) -> Op[int]:
    """Forget what was counted too long ago, one page of each grain; answers how many."""
    rows = [(grain, to_micros(now) - int(kept * 1_000_000), batch) for grain, kept in KEPT.items()]

    def steps(again: bool) -> Steps[int]:
        return len((yield Statement("stats_prune", rows)))

    return Op("stats_prune", steps, single=True)


# Reading


class _Tail(NamedTuple):
    """What ended and is not added up yet, and from where on."""

    pos: int
    now: datetime
    sums: Mapping[Key, Sums]

    def of(self, scope: Scope, where: Where, low: int, high: int) -> dict[Key, Sums]:
        return {
            key: sums
            for key, sums in self.sums.items()
            if low <= key.at < high
            and scope.tenant in (None, key.tenant)
            and where.queue in (None, key.queue)
            and where.task in (None, key.task)
        }


def _tail(grain: str) -> Steps[_Tail]:
    pos, now, upto = (yield one("stats_ahead", AHEAD))[0]
    rows = yield one("stats_page", pos, END if upto is None else upto)
    return _Tail(pos, from_micros(now), _added_up(rows, (grain,)))


def _with_tail(grain: str, rest: Callable[[_Tail], Steps[T]]) -> Steps[T]:
    """What `rest` makes of what is added up and of what is not. Each statement of PostgreSQL sees its own instant, so a
    turn of the leader between two of them would be counted twice: then it is read again."""
    tail = yield from _tail(grain)
    found = yield from rest(tail)
    for _ in range(TRIES):
        if (yield one("stats_pos", "ended"))[0][0] == tail.pos:
            break
        tail = yield from _tail(grain)
        found = yield from rest(tail)
    return found


def histogram(asked: Asked, scope: Scope, where: Where = EVERYTHING) -> Op[list[Slot]]:
    """How many jobs ended in each slot of a time, in order, none left out."""

    def rest(tail: _Tail) -> Steps[list[Slot]]:
        span = asked.span(tail.now)
        slots: dict[int, Counter[str]] = {}
        for at, *counts in (yield one("stats_slots", span.grain, span.low, span.high, scope.tenant, *where)):
            slots[at] = Counter(dict(zip(ORDER, map(int, counts), strict=True)))
        for key, sums in tail.of(scope, where, span.low, span.high).items():
            slots.setdefault(key.at, Counter()).update(sums.states)
        return span.filled({at: Slot(from_micros(at), *(found[name] for name in ORDER)) for at, found in slots.items()})

    return Op("stats_slots", lambda again: _with_tail(asked.grain, rest), scope, reads=True)


def _last(length: float, now: datetime) -> Span:
    return Asked(fine_grain(length), length).span(now)


def times(length: float, scope: Scope, where: Where = EVERYTHING) -> Op[Times]:
    """How long jobs waited and ran that ended in the last so many seconds."""

    def rest(tail: _Tail) -> Steps[Times]:
        span = _last(length, tail.now)
        rows = yield one("stats_sketches", span.grain, span.low, span.high, scope.tenant, *where, MOST)
        ahead = tail.of(scope, where, span.low, span.high).values()
        return Times(
            sketch.quantiles([*(sketch.loads(row[0]) for row in rows), *(sums.waits for sums in ahead)]),
            sketch.quantiles([*(sketch.loads(row[1]) for row in rows), *(sums.runs for sums in ahead)]),
        )

    return Op("stats_sketches", lambda again: _with_tail(fine_grain(length), rest), scope, reads=True)


def ended(length: float, scope: Scope) -> Op[list[Ended]]:
    """How many jobs ended in the last so many seconds, by queue and task."""

    def rest(tail: _Tail) -> Steps[list[Ended]]:
        span = _last(length, tail.now)
        found: dict[tuple[str, str], Sums] = {}
        rows = yield one("stats_ended", span.grain, span.low, span.high, scope.tenant, MOST)
        for queue, task, *states, failed_at in rows:
            found.setdefault((queue, task), Sums()).add((*states, failed_at, "{}", "{}"))
        for key, sums in tail.of(scope, EVERYTHING, span.low, span.high).items():
            found.setdefault((key.queue, key.task), Sums()).add(sums.row())
        return [_ended(queue, task, found[queue, task]) for queue, task in sorted(found)]

    return Op("stats_ended", lambda again: _with_tail(fine_grain(length), rest), scope, reads=True)


def _ended(queue: str, task: str, sums: Sums) -> Ended:
    counts = {name: sums.states[name] for name in ORDER}
    failed_at = None if sums.failed_at is None else from_micros(sums.failed_at)
    return Ended(queue, task, **counts, last_failed_at=failed_at)


# Live jobs


class Page(NamedTuple):
    """Live jobs added up: how many, the last one's tenant and id; rows of tenant, state, queue, task, count, due."""

    size: int
    tenant: str
    id: str
    rows: Sequence[Row]


def walk(tenant: str = "", after: str = FIRST, page: int | None = None) -> Op[Page]:
    """A page of the live jobs after one of them."""

    size = WALK if page is None else page

    def steps(again: bool) -> Steps[Page]:
        return _page((yield one("stats_walk", tenant, after, size)))

    return Op("stats_walk", steps, single=True)


def _page(rows: Sequence[Row]) -> Page:
    head, *rest = rows
    return Page(int(head[5]), head[1] or "", head[2] or FIRST, [row[1:] for row in rest])


def live_counted(rows: Iterable[Row], at: datetime) -> Op[None]:
    """Keep how many live jobs there are: rows of tenant, state, queue, task, count, due (an instant). Repeating it is
    harmless."""
    stored = [(*row[:5], to_micros(row[5])) for row in rows]

    def steps(again: bool) -> Steps[None]:
        yield one("stats_live_clear")
        if stored:
            yield Statement("stats_live_put", stored)
        yield one("stats_moved", "live", to_micros(at))

    return Op("stats_live", steps)


def live_known() -> Op[bool]:
    """Whether something is kept of a walk."""

    def steps(again: bool) -> Steps[bool]:
        return bool((yield one("stats_live_get", None, 1)))

    return Op("stats_live_get", steps, single=True)


def live(scope: Scope) -> Op[Live]:
    """How many live jobs there are: counted now where they are few, else what the leader's last walk has counted."""

    def steps(again: bool) -> Steps[Live]:
        now = moment((yield one("moment"))[0][0])
        page = _page((yield one("stats_walk", scope.tenant or "", FIRST, WALK)))
        few = page.size < WALK or scope.tenant not in (None, page.tenant)
        if few:
            return _live([row for row in page.rows if scope.tenant in (None, row[0])], now, True)
        rows = yield one("stats_live_get", scope.tenant, MOST)
        found = (
            _live([row[:6] for row in rows], from_micros(rows[0][6]), True) if rows else _live(page.rows, now, False)
        )
        first, last, oldest, soonest = (yield one("stats_edges"))[0]
        if scope.tenant is None or first == last == scope.tenant:
            return replace(found, oldest_due=moment_or_none(oldest), next_due=moment_or_none(soonest))
        return found

    return Op("stats_live", steps, scope, reads=True)


def _live(rows: Iterable[Row], as_of: datetime, complete: bool) -> Live:
    sums: dict[tuple[str, str, JobState], tuple[int, datetime]] = {}
    for _, state, queue, task, count, due in rows:
        key = (queue, task, JobState(state))
        before = sums.get(key, (0, moment(due)))
        sums[key] = (before[0] + int(count), min(before[1], moment(due)))
    standings = tuple(Standing(*key, *found) for key, found in sorted(sums.items()))
    return Live(
        standings, as_of, complete, _earliest(standings, JobState.READY), _earliest(standings, JobState.SCHEDULED)
    )


def _earliest(standings: Iterable[Standing], state: JobState) -> datetime | None:
    return min((each.due for each in standings if each.state is state), default=None)
