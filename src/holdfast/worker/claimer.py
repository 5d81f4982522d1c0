"""Takes jobs: for free slots, and ahead of them once bodies prove short.

It claims from the place where the last claim ended, and looks back at the head after every wake-up, after every
local change, and at least every 250 ms while claims find work: a late commit, a retry or a higher priority sorts
before the remembered place. Without the remembered place a snapshot held open by anybody costs 80 % of the rate.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

from holdfast.clock import monotonic
from holdfast.errors import HoldfastError
from holdfast.events.bus import Bus
from holdfast.ids import new_id
from holdfast.model.job import ClaimedJob
from holdfast.model.outcome import Released
from holdfast.storage.base import Store
from holdfast.storage.ops.jobs import HEAD, Place, Wanted
from holdfast.worker.ahead import Ahead
from holdfast.worker.drains import Drains
from holdfast.worker.finisher import Finisher
from holdfast.worker.holding import Holding, Holdings
from holdfast.worker.narrator import Narrator
from holdfast.worker.pace import Pace
from holdfast.worker.plan import Plan
from holdfast.worker.runner import SHORT, Runner
from holdfast.worker.slots import Slots
from holdfast.worker.taker import Taker
from holdfast.worker.tally import Tally

LOOK_BACK = 0.25
"""Seconds between two looks at the head while claims find work."""

STALE = 1.0
"""Seconds after which a job taken ahead and not begun is given back."""

MOST_WAITING = 5000
"""Endings not yet written above which nothing more is taken."""

MOST_AT_ONCE = 500
"""Jobs in one claim."""


class Claimer:
    """Fills the runner."""

    def __init__(
        self,
        store: Store,
        runner: Runner,
        finisher: Finisher,
        holdings: Holdings,
        narrator: Narrator,
        drains: Drains,
        bus: Bus,
        tally: Tally,
        plan: Plan,
        tasks: Callable[[], tuple[str, ...] | None],
        healthy: Callable[[], bool],
    ) -> None:
        self._runner = runner
        self._finisher = finisher
        self._holdings = holdings
        self._narrator = narrator
        self._drains = drains
        self._bus = bus
        self._tally = tally
        self._plan = plan
        self._tasks = tasks
        self._healthy = healthy
        self._slots = Slots(plan.queues)
        self._pace = Pace(2 * plan.concurrency)
        self.taker = Taker(store, holdings, bus, plan.lease)
        self._batch = min(plan.batch or MOST_AT_ONCE, MOST_AT_ONCE)
        self._ahead = self.taker.book.ahead = Ahead()
        self._after = HEAD
        self._last = HEAD
        self._reached: tuple[Any, ...] = ()
        self._looked_back_at = float("-inf")
        self._woken = True
        self._changed = asyncio.Event()
        self._claims: set[asyncio.Task[int]] = set()
        self._held_up = False
        self._stuck = False
        self._probe = 1
        self._beginning = False
        self._stopping = False
        self.paused = False
        self.claimed_once = asyncio.Event()
        self.slot_freed = asyncio.Event()

    # What happens around it

    def wake(self) -> None:
        """There may be work at the head."""
        self._woken = True
        self._changed.set()

    def freed(self, held: Holding) -> None:
        """A slot is free again."""
        self._stuck = False
        self._pace.ended()
        self._slots.leave(held.job.queue)
        self.slot_freed.set()
        self._begin()
        if len(self._ahead) <= self._look_ahead() // 2:
            self._changed.set()

    def written(self) -> None:
        """Endings were written: where too many had waited, or a queue has a limit, there is room again."""
        if self.taker.book.rules.limited:
            self.wake()
        if self._held_up:
            self._held_up = False
            self._changed.set()

    async def stop(self) -> None:
        """Begin and claim nothing more, and wait for claims under way: what they took must not be forgotten."""
        self._stopping = True
        self._changed.set()
        await asyncio.gather(*self._claims, return_exceptions=True)
        for held in self._ahead.take_all():
            self._runner.give_back(held, Released())

    # Its own loop

    async def run(self) -> None:
        """Claim until stopped."""
        pause = 0.1
        while not self._stopping:
            try:
                self._hold(await self.taker.strays(bool(self._claims)))
                found = await self.look()
                pause = 0.1
            except HoldfastError as error:
                self._bus.tell("database.away", what="jobs cannot be claimed", cause=error)
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(pause * 2, 5.0)
                continue
            self.claimed_once.set()
            if not found:
                await self._drains.look()
                await self._rest()

    async def once(self, most: int) -> None:
        """Claim up to `most` jobs in all and wait until the last body has ended; jobs that these make ready, or that
        are tried again at once, are among them."""
        left = most
        complete = True
        while left > 0:
            self.slot_freed.clear()  # before the look, during which the next one may be freed
            room = min(left, self._plan.concurrency - self._runner.active)
            if room > 0:
                taken = await self._take_once(room)
                left -= taken
                if taken == 0 and self._runner.active == 0:
                    if complete:
                        break
                    await self._finisher.flushed()  # what ended last may have made one more ready
                complete = taken == 0
            if self._runner.active:
                await self.slot_freed.wait()
        while self._runner.active:
            self.slot_freed.clear()
            await self.slot_freed.wait()
        if self._bus.wanted("queue.drained"):
            await self._finisher.flushed()
            await self._drains.look(hurry=True)

    async def _take_once(self, room: int) -> int:
        """Up to `room` jobs, of no queue more than it has slots."""
        taken = 0
        for queues, free in self._slots.shares(room):
            taken += await self._take(self._wanted(min(free, room - taken), queues, HEAD), insist=False)
            if taken >= room:
                break
        return taken

    async def look(self) -> bool:
        """One claim, if there is room: True where it may be worth claiming again at once."""
        self._changed.clear()
        self._pace.look()
        self._give_back_stale()
        if self._ahead:
            await self.taker.book.look()
            self._give_back_shut()
        room = 0 if self.paused or not self._healthy() else self._room()
        if room <= 0:
            return False
        if self._slots.split:
            return await self._look_by_queue(room)
        wanted = self._wanted(room, self._slots.names, self._from_where())
        worst = self._ahead.worst
        self._woken = False
        taken = await self._take(wanted)
        full = taken >= wanted.batch
        # Where the head is better than what was taken ahead there may be more of it: look again, and for more at once.
        better = full and worst is not None and self._reached < worst
        self._woken = self._woken or better
        self._probe = self._plan.concurrency if better else 1
        self._after = self._last if full else HEAD
        return full or (taken > 0 and self._room() > 0)

    async def _look_by_queue(self, room: int) -> bool:
        """Always from the head, and each for all the room there is: who has work is not known, and what is too much
        waits its turn."""
        asked = [self._wanted(free, queues, HEAD) for queues, free in self._slots.shares(room)]
        self._woken = False
        taken = await asyncio.gather(*(self._take(wanted) for wanted in asked))
        return any(count >= wanted.batch for count, wanted in zip(taken, asked, strict=True))

    def _wanted(self, room: int, queues: tuple[str, ...] | None, after: Place) -> Wanted:
        most_crashes = 1 if self._holdings.has_suspect() else 2**31 - 1
        batch = min(room, self._batch)
        return Wanted(self._plan.boot, new_id(), self._plan.lease, batch, queues, after, most_crashes, self._tasks())

    def _from_where(self) -> Place:
        now = monotonic()
        if self._woken or now - self._looked_back_at >= LOOK_BACK:
            self._looked_back_at = now
            return HEAD
        return self._after

    async def _take(self, wanted: Wanted, insist: bool = True) -> int:
        """One claim. It goes on where its caller is cancelled: the database may have given us jobs already."""
        task = asyncio.create_task(self._take_now(wanted, insist))
        self._claims.add(task)
        task.add_done_callback(self._claims.discard)
        return await asyncio.shield(task)

    async def _take_now(self, wanted: Wanted, insist: bool) -> int:
        jobs = await self.taker.take(wanted, self._plan.concurrency - self._runner.active, insist)
        self._give_back_shut()
        if jobs:
            last = jobs[-1]
            self._last, self._reached = Place(-last.priority, last.tenant, last.due, last.seq), last.order
        self._hold(jobs)
        return len(jobs)

    def _hold(self, jobs: Sequence[ClaimedJob]) -> None:
        """Begin them, or keep them until a slot is free."""
        if not jobs:
            return
        self._tally.claimed += len(jobs)
        suspect = self._holdings.has_suspect()
        limited = self.taker.book.rules.limited
        prompt = False
        for job in jobs:
            held = Holding(job)
            self._holdings.add(held)
            self._slots.enter(job.queue)
            self._drains.claimed(job.queue)
            self._narrator.note("job.claimed", held.lease, attempt=job.attempt, worker=self._plan.boot)
            if held.suspect and suspect:
                self._runner.give_back(held, Released("look_ahead"))
                continue
            suspect = suspect or held.suspect
            if job.gates is not None or job.queue in limited:
                held.prompt = prompt = True
            self._ahead.add(held)
        self._begin()
        for held in self._ahead.take_prompt() if prompt else ():
            self._runner.give_back(held, Released("look_ahead"))

    def _give_back_shut(self) -> None:
        """What is of a queue that has been paused, or limited, since it was taken."""
        for job in self.taker.barred():
            held = Holding(job)
            self._holdings.add(held)
            self._slots.enter(job.queue)
            self._runner.give_back(held, Released("look_ahead"))
        rules = self.taker.book.rules
        if self._ahead and (rules.restricted or rules.held):
            self._give_back(self._ahead.take(lambda held: rules.shut(held.job)))

    def _give_back(self, untimely: Sequence[Holding]) -> None:
        """Uncounted, for others to run; no more is taken ahead until a slot is free, or this worker would take the same
        again before anybody else could."""
        for held in untimely:
            self._runner.give_back(held, Released("look_ahead"))
            self._stuck = True  # again, for each that goes back frees a place

    def _begin(self) -> None:
        """Start what was taken, best first, in every free slot."""
        if self._beginning:
            return  # called from within: a job given back frees its place at once
        self._beginning = True
        try:
            while self._ahead and self._may_begin():
                self._runner.start(self._ahead.take_best())
        finally:
            self._beginning = False

    def _may_begin(self) -> bool:
        return self._runner.active < self._plan.concurrency and not self.paused and not self._stopping

    def _room(self) -> int:
        self._held_up = self._finisher.backlog > MOST_WAITING
        if self._held_up:
            return 0
        free = self._plan.concurrency - self._runner.active
        ahead = self._look_ahead()
        if ahead and len(self._ahead) > ahead // 2 and not self._looks_back():
            return 0
        return max(free + ahead - len(self._ahead), self._probe if ahead and self._looks_back() else 0)

    def _looks_back(self) -> bool:
        return self._woken or monotonic() - self._looked_back_at >= LOOK_BACK

    def _look_ahead(self) -> int:
        if self._slots.split or self._stuck or self._ahead.shy or self._runner.mean >= SHORT:
            return 0
        return self._pace.ahead

    def _give_back_stale(self) -> None:
        """What could not be begun in time."""
        limit = monotonic() - STALE
        self._give_back(self._ahead.take(lambda held: held.claimed_at < limit))

    async def _rest(self) -> None:
        """Until something changes: a bell, a free slot, or the time for the next look."""
        longest = min(self._plan.poll_interval, self.taker.book.patience)
        try:
            async with asyncio.timeout(min(LOOK_BACK, longest) if self._ahead else longest):
                await self._changed.wait()
        except TimeoutError:
            self._woken = True
