"""What this worker knows of queues that are paused, limited or have defaults: read when it matters, and never old.

No job begins by knowledge that was asked for more than three quarters of a second ago: it is at most half a second old
when a claim has answered, and while jobs wait that were taken ahead it is looked at every quarter. A worker that finds
nothing to do asks nothing, one that works in a fleet of which no queue was spoken asks twice a second.
"""

from holdfast.clock import monotonic
from holdfast.errors import HoldfastError
from holdfast.events.bus import Bus
from holdfast.model.job import ClaimedJob
from holdfast.model.queue import NO_RULES
from holdfast.storage.base import Store
from holdfast.storage.ops import queues, ruled
from holdfast.storage.ops.jobs import Wanted, claim

FRESH = 0.5
"""Seconds for which what was read is good."""


class Rulebook:
    """Claims by what it knows, and says which of the claimed jobs must not begin after all."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store = store
        self._bus = bus
        self._asked_at = float("-inf")
        self.rules = NO_RULES
        self.next_at = float("inf")
        """When a limited queue may let in more (monotonic)."""

    @property
    def _old(self) -> bool:
        return monotonic() - self._asked_at > FRESH

    @property
    def patience(self) -> float:
        """For how many seconds at most a worker may rest: what holds jobs up may be over sooner than anybody rings."""
        if not self.rules.restricted:
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
        if self._asked_at == float("-inf") or self.rules.restricted:
            await self.look()

    async def claim(self, wanted: Wanted, free: int, again: bool) -> list[ClaimedJob]:
        """One claim, by the rules as they are known."""
        self.next_at = float("inf")
        if not self.rules.defaults and not self.rules.restrict(wanted.queues):
            return await self._store.arun(claim(wanted, again), "claim")
        found = await self._store.arun(ruled.claim(wanted, self.rules, free, again), "claim")
        if found.next_in is not None:
            self.next_at = monotonic() + found.next_in
        return found.jobs

    async def after(self) -> None:
        """After a claim that took jobs: what it went by may have been old by the time it was made."""
        try:
            await self.look()
        except HoldfastError as error:  # they begin by what was known when they were claimed
            self._bus.tell("database.away", what="what was said of queues could not be read", cause=error)
