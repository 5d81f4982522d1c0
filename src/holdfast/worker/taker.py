"""Asks the database for jobs until it is known what it gave: nothing that is ours may wait for its lease to run out.

A claim whose answer was lost is repeated under its own id, which finds what it had taken. Rarely the repetition comes
before the first try has been committed (by a server that was slow, and could not know that we had gone); so what was
in doubt is looked after for a while.
"""

import asyncio
import random
from dataclasses import replace

from holdfast.clock import monotonic
from holdfast.errors import HoldfastError, OutcomeUnknown
from holdfast.events.bus import Bus
from holdfast.model.job import ClaimedJob
from holdfast.model.queue import Rules
from holdfast.storage.base import Store
from holdfast.storage.ops.doubt import claimed_under
from holdfast.storage.ops.jobs import Wanted, lease_of
from holdfast.worker.holding import Holdings
from holdfast.worker.rulebook import Rulebook

PAUSE = 0.5
"""Seconds, about, between two tries to learn what a claim took; each try has the store's own patience."""

LEASES = 3
"""Leases for which a claim that was in doubt is looked after."""

MOST_DOUBTED = 20


class Taker:
    """`take` is a claim; `strays` are jobs of earlier ones that came to light later."""

    def __init__(self, store: Store, holdings: Holdings, bus: Bus, lease: float) -> None:
        self._store = store
        self._holdings = holdings
        self._bus = bus
        self._lease = lease
        self.book = Rulebook(store, bus)
        self._barred: list[ClaimedJob] = []
        self._doubted: list[tuple[Wanted, float]] = []
        self._look_at = float("inf")
        self.turned_at = monotonic()
        """When the claim loop, or a try of a claim of its own, began last: what the watch over it goes by."""

    async def take(self, wanted: Wanted, free: int, insist: bool = True) -> list[ClaimedJob]:
        """One claim, while `free` jobs could begin at once. Raises what the store does where nothing was taken;
        OutcomeUnknown only without `insist`, for a caller for whom somebody waits, and then after it was asked about
        once."""
        await self.book.before()
        known = self.book.rules
        jobs = await self._take(wanted, free, insist)
        if jobs:
            await self.book.after()
        rules = self.book.rules
        return jobs if rules is known else self._allowed(jobs, replace(rules, limited=rules.limited - known.restricted))

    def _allowed(self, jobs: list[ClaimedJob], rules: Rules) -> list[ClaimedJob]:
        self._barred += [job for job in jobs if rules.shut(job)]
        return [job for job in jobs if not rules.shut(job)]

    def barred(self) -> list[ClaimedJob]:
        """Jobs that were taken of queues that turned out to be shut, since this was asked last: to be given back."""
        found, self._barred = self._barred, []
        return found

    async def _take(self, wanted: Wanted, free: int, insist: bool) -> list[ClaimedJob]:
        asked_at = monotonic()
        tries = float("inf") if insist else 2
        again = False
        while True:
            self.turned_at = monotonic()
            tries -= 1
            try:
                jobs = await self.book.claim(wanted, free, again)
            except HoldfastError as error:
                again = again or isinstance(error, OutcomeUnknown)
                if not again:
                    raise
                if tries <= 0:
                    raise error if isinstance(error, OutcomeUnknown) else _still_unknown(error) from error
                self._bus.tell("database.away", what="it is not known yet which jobs were claimed", cause=error)
                await asyncio.sleep(PAUSE * random.uniform(0.5, 1.5))
            else:
                if self._store.trouble_at >= asked_at:
                    self._doubt(wanted)
                return jobs

    async def strays(self, claiming: bool) -> list[ClaimedJob]:
        """Jobs that were given to us and of which we have not heard, under a full lease from now. To be called at
        every turn of the claim loop; none while a claim is under way (`claiming`), for its jobs are no strays."""
        self.turned_at = now = monotonic()
        if claiming or now < self._look_at:
            return []
        found: list[ClaimedJob] = []
        known = {held.lease for held in self._holdings}  # before the look too: one may end while it is under way
        for wanted, _ in self._doubted:
            jobs = await self._store.arun(claimed_under(wanted), "claim")
            found += jobs
        known |= {held.lease for held in self._holdings}
        self._doubted = [(wanted, until) for wanted, until in self._doubted if now < until]
        self._look_at = now + self._lease / 3 if self._doubted else float("inf")
        if found:
            await self.book.after()
        return self._allowed(
            [job for job in found if lease_of(job) not in known], replace(self.book.rules, limited=frozenset())
        )

    def _doubt(self, wanted: Wanted) -> None:
        now = monotonic()
        self._doubted = [*self._doubted[-MOST_DOUBTED + 1 :], (wanted, now + LEASES * self._lease)]
        self._look_at = min(self._look_at, now + min(1.0, self._lease / 3))


def _still_unknown(error: HoldfastError) -> OutcomeUnknown:
    return OutcomeUnknown(f"it is not known whether jobs were claimed ({error}); those that were run again later")
