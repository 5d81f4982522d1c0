"""Has the messages that trigger this worker's tasks made into jobs, whenever there may be some."""

import asyncio
import contextlib

from holdfast.errors import HoldfastError
from holdfast.events.bus import Bus
from holdfast.worker.plan import Deliver

PAUSE = 0.02
"""Seconds between two looks at least, however often it is told that there may be something."""


class Postman:
    """One per worker, on its loop; the functions of users run on a thread. Without triggers nothing is looked at."""

    def __init__(self, deliver: Deliver, every: float, bus: Bus) -> None:
        self._deliver = deliver
        self._every = every
        self._bus = bus
        self._rung = asyncio.Event()

    def ring(self, loop: asyncio.AbstractEventLoop) -> None:
        """There may be messages. From any thread."""
        if self._deliver.wanted():
            with contextlib.suppress(RuntimeError):  # the loop has closed
                loop.call_soon_threadsafe(self._rung.set)

    async def run(self) -> None:
        while True:
            if self._deliver.wanted():
                try:
                    await asyncio.to_thread(self._deliver.run_once)
                except HoldfastError as error:
                    self._bus.tell("database.away", what="messages could not be made into jobs", cause=error)
                await asyncio.sleep(PAUSE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._rung.wait()
            self._rung.clear()
