"""Chancy 0.26 with its executor for coroutines. It acknowledges from memory once a second: that is not waited for."""

import asyncio
import time
from typing import Any

from chancy import Chancy, Queue, Worker, job
from kit import Counted, main, rate

PAGE = 1000
ASYNC = "chancy.executors.asyncex.AsyncExecutor"
counted: Counted
ran = asyncio.Event()


@job(queue="default")
async def noop(a: int, b: str) -> None:
    if counted(a):
        ran.set()


async def fill(url: str, jobs: int) -> dict[str, Any]:
    async with Chancy(url) as chancy:
        await chancy.migrate()
        began = time.perf_counter()
        for start in range(0, jobs, PAGE):
            page = [noop.job.with_kwargs(a=n, b="x") for n in range(start, min(start + PAGE, jobs))]
            async for _ in chancy.push_many(page, batch_size=PAGE):
                pass
        return rate(jobs, time.perf_counter() - began)


async def drain(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    global counted
    counted = Counted(jobs)
    async with Chancy(url) as chancy:
        await chancy.declare(
            Queue("default", concurrency=concurrency, executor=ASYNC, polling_interval=1, eager_polling=True)
        )
        async with Worker(chancy, register_signal_handlers=False):
            await ran.wait()
    return counted.found()


async def one_by_one(url: str, jobs: int, callers: int = 1) -> dict[str, Any]:
    async with Chancy(url) as chancy:
        await chancy.migrate()

        async def caller() -> None:
            for number in range(jobs // callers):
                await chancy.push(noop.job.with_kwargs(a=number, b="x"))

        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(callers)))
        return rate(jobs, time.perf_counter() - began)


if __name__ == "__main__":
    main({"fill": fill, "drain": drain, "one_by_one": one_by_one, "together": one_by_one})
