"""Which queues a worker serves, and how many slots each may take."""

from collections.abc import Mapping
from typing import TypeAlias

Share: TypeAlias = tuple[tuple[str, ...] | None, int]
"""Queues to ask together (None: all there are), and for how many jobs."""


class Slots:
    """Counts, by queue, the jobs in this worker's hands. `queues`: None for all, or queue and its slots (None: any)."""

    def __init__(self, queues: Mapping[str, int | None] | None) -> None:
        self._queues = queues
        self._taken: dict[str, int] = {}
        self.names = None if queues is None else tuple(queues)
        self.split = queues is not None and any(slots is not None for slots in queues.values())
        """Whether some queue has slots of its own."""

    def enter(self, queue: str) -> None:
        if self.split:
            self._taken[queue] = self._taken.get(queue, 0) + 1

    def leave(self, queue: str) -> None:
        if self.split:
            self._taken[queue] -= 1

    def shares(self, room: int) -> list[Share]:
        """Whom to ask for how many: queues with slots of their own one by one, the others together."""
        if self._queues is None:
            return [(None, room)]
        shared = tuple(name for name, slots in self._queues.items() if slots is None)
        shares: list[Share] = [(shared, room)] if shared else []
        for name, slots in self._queues.items():
            free = 0 if slots is None else min(room, slots - self._taken.get(name, 0))
            if free > 0:
                shares.append(((name,), free))
        return shares
