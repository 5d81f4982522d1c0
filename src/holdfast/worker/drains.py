"""Notices that a queue has run dry, and tells it once in this process until something is claimed from it again."""

from collections.abc import Callable

from holdfast.clock import monotonic
from holdfast.errors import HoldfastError
from holdfast.events.bus import Bus
from holdfast.storage.base import Store
from holdfast.storage.ops.inspect import drained

PACE = 0.25
"""Seconds between two questions at least."""


class Drains:
    """Asked after looks that found nothing; where nobody subscribed to `queue.drained` it asks nothing."""

    def __init__(self, store: Store, bus: Bus, queues: Callable[[], tuple[str, ...]]) -> None:
        self._store = store
        self._bus = bus
        self._queues = queues
        self._seen: set[str] = set()
        self._asked_at = float("-inf")

    def claimed(self, queue: str) -> None:
        """A job was taken from this queue."""
        self._seen.add(queue)
        self._bus.drained.discard(queue)

    async def look(self, hurry: bool = False) -> None:
        """Ask which queues have run dry, and tell of those that were not told of yet."""
        if not self._bus.wanted("queue.drained") or (monotonic() - self._asked_at < PACE and not hurry):
            return
        open = [name for name in {*self._queues(), *self._seen} if name not in self._bus.drained]
        if not open:
            return
        self._asked_at = monotonic()
        try:
            dry = await self._store.arun(drained(sorted(open)), "read")
        except HoldfastError as error:
            self._bus.tell("database.away", what="whether queues have run dry is not known", cause=error)
            return
        for name in dry:
            if name not in self._bus.drained:
                self._bus.drained.add(name)
                self._bus.tell("queue.drained", queue=name)
