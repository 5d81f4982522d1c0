"""Runs the claim loop, and begins it anew where it has stopped looking: a worker that lives and claims nothing would be
worse than a dead one, whose work others take over."""

import asyncio
import contextlib
import traceback
from collections.abc import Awaitable, Callable

from holdfast.clock import monotonic
from holdfast.events.bus import Bus

INTERVALS = 10
"""Looks that may be missed."""

LONGEST_WAIT = 120.0
"""Seconds that a look may take at least: a claim keeps trying for 30 s to reach the database, and one call of it that
nobody answers is given up after 35."""


async def watched(
    loop: Callable[[], Awaitable[None]], turned_at: Callable[[], float], poll_interval: float, bus: Bus
) -> None:
    """Run `loop` until it ends. turned_at: when (monotonic) it looked last."""
    limit = max(INTERVALS * poll_interval, LONGEST_WAIT)
    while True:
        begun_at = monotonic()
        running = asyncio.ensure_future(loop())
        try:
            while not running.done():
                stood = monotonic() - max(begun_at, turned_at())
                if stood >= limit:
                    bus.tell("worker.stuck", seconds=stood, stack=_stack(running))
                    break
                await asyncio.wait([running], timeout=limit - stood)
            else:
                return running.result()
        finally:
            await _ended(running)


def _stack(running: "asyncio.Future[None]") -> str:
    """Where it waits, down to what it awaits last."""
    found: list[traceback.FrameSummary] = []
    waits: object = running.get_coro() if isinstance(running, asyncio.Task) else None
    while waits is not None:
        frame = getattr(waits, "cr_frame", None)
        if frame is not None:
            found += traceback.extract_stack(frame, limit=1)
        waits = getattr(waits, "cr_await", None)
    return "".join(traceback.format_list(found)) or "(no frame)"


async def _ended(running: "asyncio.Future[None]") -> None:
    """Cancel it, and wait for it no longer than it deserves."""
    if not running.done():
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await asyncio.wait([running], timeout=1.0)
