"""Whose turn it is: how a worker shares what it takes among tenants that wait.

A line is what one tenant has ready at one priority. A claim asks the best lines in turn, each for as many jobs as its
weight gives it, whatever waits behind: who has 100,000 jobs in line gets as much as who has one. What a tenant leaves
is the others' at once, for nobody waits for a line that is empty.

Turns are start times of fair queueing, counted by each worker for itself: a job begins at the turn of the job that
began last, or where its tenant's last turn ended, whichever is later, and a turn of weight w takes 1/w.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace
from typing import Any, NamedTuple

from holdfast.model.job import ClaimedJob

MOST_LINES = 32
"""Lines at which a claim looks at least, however few jobs it is for."""

MOST_TAGS = 4096
"""Tenants of which is known when their last turn ends; of more, those that were served longest ago are forgotten."""

YOUNG = 10
"""Looks after which a worker knows by itself whose turn it is."""


class Line(NamedTuple):
    """Ready jobs of a tenant at a priority (`rank`, best first); of one queue, or of all (None)."""

    rank: int
    tenant: str
    weight: int
    queue: str | None = None


class Ask(NamedTuple):
    """How many jobs of a line to take, from a place in it on."""

    line: Line
    most: int
    due: Any = None
    seq: int = 0


@dataclass
class Served:
    """When the last turn of each tenant ends, and at which turn the job begins that began last."""

    now: float = 0.0
    ends: dict[str, float] = field(default_factory=dict[str, float])
    _held: Mapping[str, int] = field(default_factory=dict[str, int])

    def begin(self, tenant: str) -> float:
        """When its next turn comes: no later than after what it has in hand, for what was given back was no turn."""
        end = self.ends.get(tenant)
        if end is None or end <= self.now:
            return self.now
        return min(end, self.now + 1 + self._held.get(tenant, 0))

    def recount(self, now: float, held: Mapping[str, int]) -> None:
        """A job of turn `now` began last, and so many of each tenant were taken and have not begun."""
        self.now = max(self.now, now)
        self._held = held
        if len(self.ends) > MOST_TAGS:
            self.ends = {tenant: self.ends[tenant] for tenant in list(self.ends)[-MOST_TAGS // 2 :]}


@dataclass
class Turns:
    """What a worker remembers of the lines that it works on.

    wide: the last look did not see all lines, and the next one goes on behind `cursor`.
    """

    served: Served = field(default_factory=Served)
    cursor: str = ""
    wide: bool = False
    lines: Sequence[Line] = ()
    """Of the last look, those that may have more."""
    looks: int = 0
    _places: dict[Line, tuple[Any, int]] = field(default_factory=dict[Line, tuple[Any, int]])

    @property
    def young(self) -> bool:
        """Whether it has seen too little to know whose turn it is: it goes on where others were."""
        return self.looks < YOUNG

    def looked(self, lines: Sequence[Line], wide: bool) -> None:
        """These are the lines now, best first, and from `cursor` on; all there are, unless `wide`."""
        self.looks += 1
        self.lines = lines
        self.wide = wide
        self._places.clear()

    def ask(self, lines: Sequence[Line], wide: bool, batch: int, caps: Mapping[str, int] | None = None) -> list[Ask]:
        """Whom to ask for how many: in all `batch` of the best rank, and as many again of the others, for the case that
        it has fewer. Changes nothing.

        caps: the most that may be taken of a queue.
        """
        if not lines:
            return []
        room = dict(caps or {})
        best = [line for line in lines if line.rank == lines[0].rank]
        rest = lines[len(best) :]
        counts = self._visits(best, batch, room) if wide and not rest else self._shares(best, batch, room)
        each = max(1, batch // len(rest)) if rest else 0
        for line in rest[:batch]:
            counts[line] = _within(room, line, each)
        places = self._places if lines is self.lines else {}
        asked = ((line, count, *places.get(line, (None, 0))) for line, count in counts.items() if count > 0)
        return [Ask(*one) for one in asked]

    def _visits(self, lines: Sequence[Line], batch: int, room: dict[str, int]) -> dict[Line, int]:
        """Where there are more lines than anybody looks at: each as often as its weight says, one after the other."""
        counts: dict[Line, int] = {}
        for line in lines:
            if batch <= 0:
                break
            counts[line] = _within(room, line, min(line.weight, batch))
            batch -= counts[line]
        return counts

    def _shares(self, lines: Sequence[Line], batch: int, room: dict[str, int]) -> dict[Line, int]:
        """Who comes next, `batch` times."""
        ends: dict[str, float] = {}
        counts = dict.fromkeys(lines, 0)
        waiting = [(self.served.begin(line.tenant), place, line) for place, line in enumerate(lines)]
        heapify(waiting)
        while batch > 0 and waiting:
            at, place, line = waiting[0]
            begin = max(at, ends.get(line.tenant, at))
            if begin > at:
                heapreplace(waiting, (begin, place, line))
            elif not _within(room, line, 1):
                heappop(waiting)
            else:
                counts[line] += 1
                batch -= 1
                ends[line.tenant] = end = at + 1 / line.weight
                heapreplace(waiting, (end, place, line))
        return counts

    def took(self, asked: Sequence[Ask], jobs: Iterable[ClaimedJob], cursor: str) -> list[ClaimedJob]:
        """These jobs came of what was asked, each tenant's in order: as they are to begin, each with its turn."""
        weights = {one.line.tenant: one.line.weight for one in asked if one.line.weight != 1}
        ends = self.served.ends
        taken: list[ClaimedJob] = []
        begun: dict[str, float] = {}
        for job in jobs:
            tenant = job.tenant
            begin = begun[tenant] if tenant in begun else self.served.begin(tenant)
            begun[tenant] = begin + 1 / weights.get(tenant, 1)
            taken.append(ClaimedJob(*job[:-1], begin))
        for tenant, end in begun.items():
            ends.pop(tenant, None)  # the newest last
            ends[tenant] = end
        if self.wide:
            spent = {one.line.tenant for one in asked}
            self.lines = [line for line in self.lines if line.tenant not in spent]
        else:
            self._keep(asked, taken)
        self.cursor = cursor
        return sorted(taken, key=lambda job: (-job.priority, job.turn, job.due, job.seq))

    def _keep(self, asked: Sequence[Ask], taken: Sequence[ClaimedJob]) -> None:
        """Of what is known of the lines, what still helps: those that gave less than was asked have no more."""
        by_queue = any(one.line.queue is not None for one in asked)
        last: dict[tuple[int, str, str | None], ClaimedJob] = {}
        counted: dict[tuple[int, str, str | None], int] = {}
        for job in taken:
            key = (-job.priority, job.tenant, job.queue if by_queue else None)
            last[key] = job
            counted[key] = counted.get(key, 0) + 1
        short: set[Line] = set()
        for one in asked:
            key = (one.line.rank, one.line.tenant, one.line.queue)
            if counted.get(key, 0) < one.most:
                short.add(one.line)
            else:
                self._places[one.line] = (last[key].due, last[key].seq)
        if short:
            self.lines = [line for line in self.lines if line not in short]


def _within(room: dict[str, int], line: Line, count: int) -> int:
    """As many as the line's queue lets in, of which there is then less room."""
    if line.queue is None or line.queue not in room:
        return count
    count = min(count, room[line.queue])
    room[line.queue] -= count
    return count
