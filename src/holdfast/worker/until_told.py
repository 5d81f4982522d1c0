"""A worker alone in its process: it works until a signal says to stop, and stops at once at the second."""

import asyncio
import signal
from collections.abc import Callable

from holdfast.worker.worker import Worker


def on_loop() -> bool:
    """Whether this thread runs an event loop just now."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def work_until_told(worker: Worker, grace: float) -> None:
    """Start, wait for SIGTERM or SIGINT, stop within `grace` seconds."""
    told = asyncio.Event()
    insisted = asyncio.Event()

    def hear() -> None:
        (insisted if told.is_set() else told).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, hear)
        except NotImplementedError:  # Windows
            signal.signal(number, _handler(loop, hear))
    await worker.start()
    await told.wait()
    stopping = asyncio.create_task(worker.stop(grace))
    insisting = asyncio.create_task(insisted.wait())
    await asyncio.wait({stopping, insisting}, return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        worker.hurry()
    await stopping
    insisting.cancel()


def _handler(loop: asyncio.AbstractEventLoop, hear: Callable[[], None]) -> Callable[[int, object], None]:
    def handler(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(hear)

    return handler
