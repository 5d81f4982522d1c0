"""What several tests here need."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from holdfast import Holdfast, JobState
from holdfast.ids import new_id
from holdfast.storage.looks import Looks
from holdfast.storage.ops.jobs import Wanted, claim


def until(true: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait for something that other threads bring about."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.005)


async def auntil(true: Callable[[], object], seconds: float = 15.0) -> None:
    """`until` for event loops."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not happen"
        await asyncio.sleep(0.005)


class Rung:
    """Counts the rings of an app's store instead of ringing."""

    def __init__(self, app: Holdfast) -> None:
        self.times: list[float] = []
        self.began = time.monotonic()
        desk: Any = app.store.desk
        desk.ring = self.ring
        desk.looks = Looks(self.ring)

    def ring(self) -> None:
        self.times.append(time.monotonic() - self.began)


class Level:
    """How many are inside at once, and how many ever were."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now = 0
        self.most = 0
        self.total = 0

    @contextmanager
    def inside(self) -> Iterator[None]:
        with self._lock:
            self.now += 1
            self.total += 1
            self.most = max(self.most, self.now)
        try:
            yield
        finally:
            with self._lock:
                self.now -= 1


def vanish(app: Holdfast, job: Any, lease: float = 30.0) -> str:
    """A worker claims this job, which must be the next, and is never heard of again. Answers its name."""
    boot = new_id()
    claimed = app.store.run(claim(Wanted(boot, new_id(), lease, 1)), "claim")
    assert [one.id for one in claimed] == [job.id]
    assert job.refresh().state is JobState.RUNNING
    return boot
