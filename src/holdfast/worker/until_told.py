"""A worker alone in its process: it works until a signal says to stop, and stops at once at the second."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable

from holdfast.worker.post import Post, Wear
from holdfast.worker.worker import Worker

log = logging.getLogger("holdfast")

NO_WEAR = Wear()

INSISTED = 5.0
"""Seconds that a worker told twice to stop gets for its last writes."""


def on_loop() -> bool:
    """Whether this thread runs an event loop just now."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def work_until_told(worker: Worker, grace: float, post: Post | None = None, wear: Wear = NO_WEAR) -> int:
    """Start, wait for SIGTERM or SIGINT, stop within `grace` seconds.

    post: where a supervisor started this process: it alone says to hurry, for a signal may reach both of them, and
    come here twice. It is told when `wear` says that this process should be replaced.

    Answers the exit status: 1 where it stopped by itself, so that its supervisor starts another, because threads that
    do not end take a quarter of its slots.
    """
    told = asyncio.Event()
    insisted = asyncio.Event()

    def hear() -> None:
        (insisted if told.is_set() and post is None else told).set()

    loop = asyncio.get_running_loop()
    for number in _telling():
        try:
            loop.add_signal_handler(number, hear)
        except NotImplementedError:  # Windows
            signal.signal(number, _handler(loop, hear))
    if post is not None:
        post.listen(loop, told.set, insisted.set)
    hearing = asyncio.create_task(told.wait())
    starting = asyncio.create_task(worker.start())
    await asyncio.wait({starting, hearing}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():  # the database is away, say: it need not come back for us to go
        starting.cancel()
        await asyncio.wait({starting}, timeout=INSISTED)
        return 0
    await starting
    reporting = None if post is None else asyncio.create_task(post.report(worker, wear))
    leaking = asyncio.create_task(worker.leaking())
    await asyncio.wait({hearing, leaking}, return_when=asyncio.FIRST_COMPLETED)
    stopping = asyncio.create_task(worker.stop(grace))
    insisting = asyncio.create_task(insisted.wait())
    await asyncio.wait({stopping, insisting}, return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        worker.hurry()
        await asyncio.wait({stopping}, timeout=INSISTED)
    if not stopping.done():
        log.warning("the worker could not stop in order; what it holds runs again when its leases run out")
        logging.shutdown()
        os._exit(1)  # threads wait for a database that is away, and the end of the loop would wait for them
    await stopping
    for task in (insisting, hearing, leaking, reporting):
        if task is not None:
            task.cancel()
    return 0 if told.is_set() else 1


def _telling() -> list[int]:
    """The signals that say to stop: SIGHUP too (the terminal is closed), unless nohup or the like said to ignore it."""
    hang_up: int | None = getattr(signal, "SIGHUP", None)
    ignored = hang_up is None or signal.getsignal(hang_up) is signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGINT, *(() if hang_up is None or ignored else (hang_up,))]


def _handler(loop: asyncio.AbstractEventLoop, hear: Callable[[], None]) -> Callable[[int, object], None]:
    def handler(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(hear)

    return handler
