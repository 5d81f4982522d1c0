"""What this worker knows of queues that are paused, limited or have defaults: read when it matters, and never old.

No job begins by knowledge that was asked for more than three quarters of a second ago: it is at most half a second old
when a claim has answered, and while jobs wait that were taken ahead it is looked at every quarter. A worker that finds
nothing to do asks nothing, one that works in a fleet of which no queue was spoken asks twice a second.
"""

from collections import Counter
from dataclasses import replace

from holdfast.clock import monotonic
from holdfast.errors import HoldfastError
from holdfast.events.bus import Bus
from holdfast.model.job import ClaimedJob
from holdfast.model.queue import NO_RULES
from holdfast.model.tenant import DEFAULT_TENANT
from holdfast.model.turns import Served, Turns
from holdfast.storage.base import Store
from holdfast.storage.ops import queues, ruled
from holdfast.storage.ops.jobs import Wanted, claim
from holdfast.worker.ahead import Ahead

FRESH = 0.5
"""Seconds for which what was read is good."""


ALONE = frozenset({DEFAULT_TENANT})
"""Of whom jobs are where nobody speaks of tenants."""


class Rulebook:
    """Claims by what it knows, and says which of the claimed jobs must not begin after all."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store = store
        self._bus = bus
        self._asked_at = float("-inf")
        self.rules = NO_RULES
        self.next_at = float("inf")
        """When a limited queue may let in more (monotonic)."""
        self.ahead = Ahead()
        self._shared = False
        self._served = Served()
        self._turns: dict[tuple[str, ...] | None, Turns] = {}

    @property
    def _old(self) -> bool:
        return monotonic() - self._asked_at > FRESH

    @property
    def patience(self) -> float:
        """For how many seconds at most a worker may rest: what holds jobs up may be over sooner than anybody rings."""
        if not (self.rules.restricted or self.rules.held):
            return float("inf")
        return min(FRESH, max(0.0, self.next_at - monotonic()))

    async def look(self) -> None:
        """Read, unless that was done just now. Raises what the store does."""
        if self._old:
            asked_at = monotonic()
            found = await self._store.arun(queues.rules(), "read")
            self._asked_at = asked_at
            if found != self.rules:
                self.rules = found

    async def before(self) -> None:
        """Before a claim: it must not begin by guessing, nor look away from what was let go meanwhile."""
        if self._asked_at == float("-inf") or self.rules.restricted or self.rules.held:
            await self.look()

    async def claim(self, wanted: Wanted, free: int, again: bool) -> list[ClaimedJob]:
        """One claim, by the rules as they are known."""
        self.next_at = float("inf")
        turns = self._take_turns(wanted) if self._shared or self.rules.shared or self.rules.held else None
        if turns is None and not self.rules.defaults and not self.rules.restrict(wanted.queues):
            jobs = await self._store.arun(claim(wanted, again), "claim")
            self._shared = not {job.tenant for job in jobs} <= ALONE
            return jobs
        found = await self._store.arun(ruled.claim(wanted, self.rules, free, again, turns), "claim")
        if found.next_in is not None:
            self.next_at = monotonic() + found.next_in
        if turns is None or found.turns is None:
            self._shared = any(job.tenant != DEFAULT_TENANT for job in found.jobs)
            return found.jobs
        if found.turns.looked:
            turns.looked(found.turns.lines, found.turns.wide)
            self._shared = any(line.tenant != DEFAULT_TENANT for line in turns.lines)
            if not self._shared and self.rules.shared:
                self.rules = replace(self.rules, shared=False)
        return turns.took(found.turns.asks, found.jobs, found.turns.cursor)

    def _take_turns(self, wanted: Wanted) -> Turns:
        """Whose turn it is, by what has begun."""
        self._served.recount(self.ahead.turn, Counter(held.job.tenant for held in self.ahead))
        return self._turns.setdefault(wanted.queues, Turns(self._served))

    async def after(self) -> None:
        """After a claim that took jobs: what it went by may have been old by the time it was made."""
        try:
            await self.look()
        except HoldfastError as error:  # they begin by what was known when they were claimed
            self._bus.tell("database.away", what="what was said of queues could not be read", cause=error)
