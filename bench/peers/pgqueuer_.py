"""PgQueuer 1.6 over asyncpg: batches of 500 are its fastest at 100 and more at once; below, as many as are to run.

Plain functions go through asyncio.to_thread, as its documentation says.
"""

import asyncio
import json
import time
from datetime import timedelta
from typing import Any

import asyncpg
from kit import Counted, Waits, aproduce, main, now, rate_of
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries

PAGE = 5000


def payload(number: int) -> bytes:
    return json.dumps({"a": number, "b": "x"}).encode()


async def fill(url: str, jobs: int) -> dict[str, Any]:
    connection = await asyncpg.connect(url)
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    began = time.perf_counter()
    for start in range(0, jobs, PAGE):
        page = range(start, min(start + PAGE, jobs))
        await queries.enqueue(["noop"] * len(page), [payload(number) for number in page], [0] * len(page))
    took = time.perf_counter() - began
    await connection.close()
    return rate_of(jobs, took)


async def drain(url: str, jobs: int, concurrency: int, threads: bool = False, first: int = 0) -> dict[str, Any]:
    counted = Counted(jobs, first)
    connection = await asyncpg.connect(url)
    manager = QueueManager(Queries(AsyncpgDriver(connection)))

    @manager.entrypoint("noop", concurrency_limit=0)
    async def noop(job: Job) -> None:
        number = json.loads(job.payload or b"")["a"]
        if await asyncio.to_thread(counted, number) if threads else counted(number):
            manager.shutdown.set()

    await manager.run(batch_size=concurrency if concurrency < 100 else 500, dequeue_timeout=timedelta(seconds=1))
    await connection.close()
    return counted.found()


async def sync(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    return await drain(url, jobs, concurrency, threads=True)


async def one_by_one(url: str, jobs: int) -> dict[str, Any]:
    connection = await asyncpg.connect(url)
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    began = time.perf_counter()
    for number in range(jobs):
        await queries.enqueue("noop", payload(number))
    took = time.perf_counter() - began
    await connection.close()
    return rate_of(jobs, took)


async def together(url: str, jobs: int, callers: int) -> dict[str, Any]:
    pool = await asyncpg.create_pool(url, min_size=10, max_size=10)
    async with pool.acquire() as connection:
        await Queries.from_asyncpg_connection(connection).install()
    queries = Queries.from_asyncpg_pool(pool)

    async def caller() -> None:
        for number in range(jobs // callers):
            await queries.enqueue("noop", payload(number))

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    took = time.perf_counter() - began
    await pool.close()
    return rate_of(jobs, took)


async def work(url: str, jobs: int) -> None:
    waits = Waits(jobs)
    manager = QueueManager(Queries(AsyncpgDriver(await asyncpg.connect(url))))

    @manager.entrypoint("noop", concurrency_limit=0)
    async def noop(job: Job) -> None:
        waits(json.loads(job.payload or b"")["a"])

    await manager.run(batch_size=100)


async def produce(url: str, jobs: int, rate: float) -> dict[str, Any]:
    queries = Queries(AsyncpgDriver(await asyncpg.connect(url)))

    async def store(many: int) -> None:
        await queries.enqueue(["noop"] * many, [payload(now()) for _ in range(many)], [0] * many)

    return await aproduce(jobs, rate, store)


if __name__ == "__main__":
    main(
        {
            "fill": fill, "drain": drain, "sync": sync, "one_by_one": one_by_one, "together": together,
            "work": work, "produce": produce,
        }
    )  # fmt: skip
