"""Workers and a producer of jobs with groups, a limit and a rate, for the test that kills them."""

from __future__ import annotations

import asyncio
import random
import signal
import threading
from contextlib import suppress

from holdfast import Holdfast, Limit, TaskSet
from holdfast.errors import DatabaseError

GROUPS = 6
PLACES = 2
SPACING = 0.04
tasks = TaskSet()
two = Limit(concurrency=PLACES, name="two")


@tasks.task(group=lambda group, number: f"g{group}", max_crashes=None)
async def serial(group: int, number: int) -> None:
    await asyncio.sleep(random.uniform(0, 0.02))


@tasks.task(limit=two, max_crashes=None)
async def pair(number: int) -> None:
    await asyncio.sleep(random.uniform(0, 0.03))


@tasks.task(group=lambda group, number: f"g{group}", limit=two, max_crashes=None)
async def both(group: int, number: int) -> None:
    await asyncio.sleep(random.uniform(0, 0.02))


@tasks.task(throttle=SPACING, max_crashes=None)
async def spaced(number: int) -> None: ...


def open_app(url: str) -> Holdfast:
    app = Holdfast(url)
    app.include(tasks)
    return app


def work(url: str, lease: float, poll_interval: float) -> None:
    """A worker, until SIGTERM."""
    app = open_app(url)

    async def main() -> None:
        told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
        async with app.worker(lease=lease, concurrency=8, poll_interval=poll_interval):
            await told.wait()

    asyncio.run(main())
    app.close()


def produce(url: str, seed: int, most: int) -> None:
    """Enqueue `most` jobs or so, until SIGTERM: alone, in bulk, and in transactions of its own."""
    chance = random.Random(seed)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    app = open_app(url)
    for number in range(most):
        calls = [pair.call(number), *([spaced.call(number)] if number % 4 == 0 else [])]
        with suppress(DatabaseError):
            if chance.random() < 0.3:
                with app.transaction() as connection:
                    app.bind(connection).enqueue_many(calls)
            else:
                app.enqueue_many(calls)
            app.enqueue_many(
                [serial.call(chance.randrange(GROUPS), number), both.call(chance.randrange(GROUPS), number)]
            )
        if stopped.wait(chance.uniform(0, 0.03)):
            break
    app.close()
