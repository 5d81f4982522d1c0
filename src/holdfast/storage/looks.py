"""What is to happen a little later: one thread for all, which lives while there is something to wait for.

An enqueue in a transaction whose commit nobody tells of is followed by looks: rings after 10, 50, 250 ms and 1 s.
"""

import heapq
import logging
import math
import os
import threading
from collections.abc import Callable
from functools import partial
from itertools import count

from holdfast.clock import monotonic

log = logging.getLogger("holdfast.storage")

PACE = (0.01, 0.05, 0.25, 1.0)
"""Seconds from an enqueue to the looks that follow it."""

GRID = 0.01
"""Looks of one store come no closer together: a thousand enqueues a second cost a hundred rings, not four thousand."""


class Alarm:
    """Something to be called once, unless it is called off before."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def off(self) -> None:
        self.call = None


class Alarms:
    """Calls what is due, on a thread of its own."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._waiting: list[tuple[float, int, Alarm]] = []
        self._numbers = count()
        self._running = False

    def set(self, seconds: float, call: Callable[[], None]) -> Alarm:
        alarm = Alarm(call)
        with self._news:
            heapq.heappush(self._waiting, (monotonic() + seconds, next(self._numbers), alarm))
            if self._running:
                self._news.notify()
            else:
                self._running = True
                threading.Thread(target=self._work, name="holdfast-alarms", daemon=True).start()
        return alarm

    def _work(self) -> None:
        while (alarm := self._next()) is not None:
            call = alarm.call
            try:
                if call is not None:
                    call()
            except Exception:
                log.exception("what was to happen a little later raised")

    def _next(self) -> Alarm | None:
        with self._news:
            while self._waiting:
                left = self._waiting[0][0] - monotonic()
                if left <= 0 or self._waiting[0][2].call is None:
                    return heapq.heappop(self._waiting)[2]
                self._news.wait(left)
            self._running = False
            return None


class Looks:
    """Rings for one store after the enqueues of which nobody says when they are committed."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._planned: set[int] = set()
        self._closed = False

    def close(self) -> None:
        """Ring no more."""
        self._closed = True

    def follow(self) -> None:
        """There was such an enqueue just now."""
        now = monotonic()
        for seconds in PACE:
            tick = math.ceil((now + seconds) / GRID)
            if tick not in self._planned:
                self._planned.add(tick)
                alarms().set(tick * GRID - now, partial(self._look, tick))

    def _look(self, tick: int) -> None:
        self._planned.discard(tick)
        if not self._closed:
            self._ring()


_alarms = Alarms()


def alarms() -> Alarms:
    """Those of this process."""
    return _alarms


def _after_fork() -> None:
    global _alarms
    _alarms = Alarms()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
