"""Bodies that wait, kept in memory: when their job is claimed here again they simply go on.

The database knows nothing of it. A body is dropped where its job went on elsewhere, where there are too many, and when
the worker stops: it is cancelled, for Python cannot let go of a frame without running its `finally`, and nothing that
it does from then on is recorded. Its job is replayed from its record by whoever claims it next.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context as ContextVars

from holdfast.clock import monotonic
from holdfast.errors import HoldfastError
from holdfast.model.lifecycle import Requeue
from holdfast.storage.base import Store
from holdfast.storage.ops.telling import stops
from holdfast.worker.holding import Holding, Holdings

CAP = 1000
"""Bodies kept; the one that has waited longest goes first."""

LOOK = 5.0
"""Seconds between two looks whether the jobs of parked bodies still wait."""

AFTERMATH = 5.0
"""Seconds that dropped bodies get for their `finally`."""


class Parking:
    """One per worker; everything here happens on its loop."""

    def __init__(self, store: Store, holdings: Holdings) -> None:
        self._store = store
        self._holdings = holdings
        self._parked: dict[str, tuple[Holding, float]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self.suspend: Callable[[Holding, Requeue], None] = lambda held, verdict: None
        """The runner's: frees the slot, and has the job written as suspended."""
        self.resumed: Callable[[Holding], None] = lambda held: None
        """Called when a body goes on."""

    def __len__(self) -> int:
        return len(self._parked)

    def park(self, held: Holding, verdict: Requeue) -> None:
        """A body waits from now on."""
        self.suspend(held, verdict)
        self._parked[held.job.id] = held, held.elapsed() or 0.0
        while len(self._parked) > CAP:
            self.drop(next(iter(self._parked)))
        if self._looking is None and self._parked:
            self._looking = asyncio.Task(self._look(), loop=asyncio.get_running_loop(), context=ContextVars())

    def take(self, held: Holding) -> Holding | None:
        """A job was claimed: the body of it that waits here, which goes on under this claim; else None."""
        if held.job.id not in self._parked:
            return None
        parked, elapsed = self._parked[held.job.id]
        if parked.job.version != held.job.version or parked.lease.token + 1 != held.lease.token:
            self.drop(held.job.id)
            return None
        del self._parked[held.job.id]
        self._holdings.drop(held.lease)
        parked.job, parked.lease, parked.leased_at = held.job, held.lease, held.leased_at
        parked.stop, parked.stop_reason, parked.deadline_at = held.stop, held.stop_reason, held.deadline_at
        parked.started_at = monotonic() - elapsed
        self._holdings.add(parked)
        self.resumed(parked)
        if parked.run is not None:
            parked.run.resume()
        return parked

    def drop(self, id: str) -> None:
        """Let go of a body."""
        held, _ = self._parked.pop(id)
        held.evicted = True
        body = held.body
        if body is None or body.done():
            return
        for line in held.others or ():
            if line.task is not None:
                line.task.cancel()
        body.cancel()
        self._ending.add(body)
        body.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Let go of all, and wait for their ends."""
        if self._looking is not None:
            self._looking.cancel()
        for id in list(self._parked):
            self.drop(id)
        if self._ending:
            await asyncio.wait(self._ending, timeout=AFTERMATH)

    async def _look(self) -> None:
        """Now and then: let go of bodies whose job went on elsewhere, was cancelled or deleted."""
        try:
            while self._parked:
                await asyncio.sleep(LOOK)
                leases = [held.lease for held, _ in self._parked.values()]
                try:
                    lost = {one.lease.id for one in await self._store.arun(stops(leases), "read") if one.reason is None}
                except HoldfastError:  # it is asked again
                    continue
                for lease in leases:
                    if lease.id in lost and lease.id in self._parked and self._parked[lease.id][0].lease == lease:
                        self.drop(lease.id)
        finally:
            self._looking = None
