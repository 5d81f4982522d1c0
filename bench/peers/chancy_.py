"""Chancy 0.26 with its executors for coroutines and for threads. It acknowledges from memory once a second: that is not
waited for."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from chancy import Chancy, Queue, Worker, job
from kit import Counted, Waits, aproduce, main, now, rate_of

PAGE = 1000
ASYNC = "chancy.executors.asyncex.AsyncExecutor"
THREADS = "chancy.executors.thread.ThreadedExecutor"
told: Callable[[int], object]
"""What a job's first argument is told to."""


@job(queue="default")
async def noop(a: int, b: str) -> None:
    told(a)


@job(queue="default")
def plain(a: int, b: str) -> None:
    told(a)


async def fill(url: str, jobs: int, body: Any = noop) -> dict[str, Any]:
    async with Chancy(url) as chancy:
        await chancy.migrate()
        began = time.perf_counter()
        for start in range(0, jobs, PAGE):
            page = [body.job.with_kwargs(a=n, b="x") for n in range(start, min(start + PAGE, jobs))]
            async for _ in chancy.push_many(page, batch_size=PAGE):
                pass
        return rate_of(jobs, max(time.perf_counter() - began, 1e-9))


async def drain(url: str, jobs: int, concurrency: int, executor: str = ASYNC) -> dict[str, Any]:
    global told
    counted, ran, loop = Counted(jobs), asyncio.Event(), asyncio.get_running_loop()

    def told(number: int) -> None:
        if counted(number):
            loop.call_soon_threadsafe(ran.set)

    async with Chancy(url) as chancy:
        await _declare(chancy, concurrency, executor)
        async with Worker(chancy, register_signal_handlers=False):
            await ran.wait()
    return counted.found()


async def sync(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    await _clear(url)
    await fill(url, jobs, plain)
    return await drain(url, jobs, concurrency, THREADS)


async def _clear(url: str) -> None:
    """Jobs name their bodies, and those that are there name the coroutine."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("truncate chancy_jobs")


async def _declare(chancy: Chancy, concurrency: int, executor: str) -> None:
    await chancy.declare(
        Queue("default", concurrency=concurrency, executor=executor, polling_interval=1, eager_polling=True)
    )


async def one_by_one(url: str, jobs: int, callers: int = 1) -> dict[str, Any]:
    async with Chancy(url) as chancy:
        await chancy.migrate()

        async def caller() -> None:
            for number in range(jobs // callers):
                await chancy.push(noop.job.with_kwargs(a=number, b="x"))

        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(callers)))
        return rate_of(jobs, time.perf_counter() - began)


async def work(url: str, jobs: int) -> None:
    global told
    told = Waits(jobs)
    async with Chancy(url) as chancy:
        await _declare(chancy, 10, ASYNC)
        async with Worker(chancy, register_signal_handlers=False):
            await asyncio.Event().wait()


async def produce(url: str, jobs: int, rate: float) -> dict[str, Any]:
    async with Chancy(url) as chancy:
        return await aproduce(jobs, rate, lambda many: chancy.push(noop.job.with_kwargs(a=now(), b="x")))


if __name__ == "__main__":
    main(
        {
            "fill": fill, "drain": drain, "sync": sync, "one_by_one": one_by_one, "together": one_by_one,
            "work": work, "produce": produce,
        }
    )  # fmt: skip
