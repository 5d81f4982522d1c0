"""Jobs that were taken and have not begun, best first."""

from bisect import insort
from collections.abc import Callable, Iterator
from typing import Any

from holdfast.clock import monotonic
from holdfast.worker.holding import Holding

SHY = 1.0
"""Seconds for which nothing is taken ahead after jobs had to be given back whose place waits for nobody: each costs a
look."""


class Ahead:
    """In the order in which they are to begin; what is added is mostly worse than all before it."""

    def __init__(self) -> None:
        self._held: list[Holding] = []
        self._shy_until: float | None = None
        self.turn = 0.0
        """Of the job that began last."""

    @property
    def shy(self) -> bool:
        return self._shy_until is not None and monotonic() < self._shy_until

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Holding]:
        return iter(self._held)

    @property
    def worst(self) -> tuple[int, float, Any, int] | None:
        """The place in the order of the last one."""
        return self._held[-1].order if self._held else None

    def add(self, held: Holding) -> None:
        if self._held and _order(held) < _order(self._held[-1]):
            insort(self._held, held, key=_order)
        else:
            self._held.append(held)

    def take_best(self) -> Holding:
        best = self._held.pop(0)
        self.turn = best.job.turn
        return best

    def take_all(self) -> list[Holding]:
        taken, self._held = self._held, []
        return taken

    def take_prompt(self) -> list[Holding]:
        """Those that would keep a place from others."""
        prompt = self.take(lambda held: held.prompt)
        if prompt:
            self._shy_until = monotonic() + SHY
        return prompt

    def take(self, which: Callable[[Holding], bool]) -> list[Holding]:
        """Those of which this is true."""
        taken = [held for held in self._held if which(held)]
        if taken:
            self._held = [held for held in self._held if not which(held)]
        return taken


def _order(held: Holding) -> tuple[bool, int, float, Any, int]:
    """Those first that are given back where they cannot be begun at once."""
    job = held.job
    return (not held.prompt, -job.priority, job.turn, job.due, job.seq)
