"""SAQ 0.26 on PostgreSQL."""

import asyncio
import time
from typing import Any

from kit import Counted, Waits, aproduce, main, now, rate_of
from saq import Worker
from saq.queue.postgres import PostgresQueue


async def one_by_one(url: str, jobs: int, callers: int = 1) -> dict[str, Any]:
    queue = PostgresQueue.from_url(url)
    await queue.connect()

    async def caller(first: int) -> None:
        for number in range(first, jobs, callers):
            await queue.enqueue("noop", a=number, b="x")

    began = time.perf_counter()
    await asyncio.gather(*(caller(first) for first in range(callers)))
    took = time.perf_counter() - began
    await queue.disconnect()
    return rate_of(jobs, took)


async def fill(url: str, jobs: int) -> dict[str, Any]:
    return await one_by_one(url, jobs, callers=50)


async def drain(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    queue, counted = PostgresQueue.from_url(url), Counted(jobs)
    ran = asyncio.Event()

    async def noop(context: Any, *, a: int, b: str) -> None:
        if counted(a):
            ran.set()

    await queue.connect()
    worker: Any = Worker(queue, [("noop", noop)], concurrency=concurrency)
    working = asyncio.create_task(worker.start())
    await ran.wait()
    found = counted.found()
    await worker.stop()
    working.cancel()
    return found


async def work(url: str, jobs: int) -> None:
    queue, waits = PostgresQueue.from_url(url), Waits(jobs)

    async def noop(context: Any, *, a: int, b: str) -> None:
        waits(a)

    await queue.connect()
    worker: Any = Worker(queue, [("noop", noop)], concurrency=10)
    await worker.start()


async def produce(url: str, jobs: int, rate: float) -> dict[str, Any]:
    queue = PostgresQueue.from_url(url)
    await queue.connect()
    found = await aproduce(jobs, rate, lambda many: queue.enqueue("noop", a=now(), b="x"))
    await queue.disconnect()
    return found


if __name__ == "__main__":
    main(
        {
            "fill": fill, "drain": drain, "one_by_one": one_by_one, "together": one_by_one,
            "work": work, "produce": produce,
        }
    )  # fmt: skip
