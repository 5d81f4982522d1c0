"""Procrastinate 3.10 over its async connector. Plain functions run on threads."""

import asyncio
import time
from typing import Any

import procrastinate
from kit import Counted, Waits, aproduce, main, now, rate_of

PAGE = 1000


def _app(url: str, size: int) -> procrastinate.App:
    return procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, min_size=2, max_size=size))


async def fill(url: str, jobs: int) -> dict[str, Any]:
    async with _app(url, 10).open_async() as app:
        await app.schema_manager.apply_schema_async()

        @app.task(name="noop")
        async def noop(a: int, b: str) -> None: ...

        began = time.perf_counter()
        for start in range(0, jobs, PAGE):
            await noop.batch_defer_async(*({"a": n, "b": "x"} for n in range(start, min(start + PAGE, jobs))))
        return rate_of(jobs, time.perf_counter() - began)


async def drain(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    counted = Counted(jobs)
    async with _app(url, 20).open_async() as app:

        @app.task(name="noop")
        async def noop(a: int, b: str) -> None:
            counted(a)

        await app.run_worker_async(concurrency=concurrency, wait=False, install_signal_handlers=False)
    return counted.found()


async def sync(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    counted = Counted(jobs)
    async with _app(url, 20).open_async() as app:

        @app.task(name="noop")
        def noop(a: int, b: str) -> None:
            counted(a)

        await app.run_worker_async(concurrency=concurrency, wait=False, install_signal_handlers=False)
    return counted.found()


async def one_by_one(url: str, jobs: int, callers: int = 1) -> dict[str, Any]:
    async with _app(url, min(callers + 1, 10)).open_async() as app:
        await app.schema_manager.apply_schema_async()

        @app.task(name="noop")
        async def noop(a: int, b: str) -> None: ...

        async def caller() -> None:
            for number in range(jobs // callers):
                await noop.defer_async(a=number, b="x")

        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(callers)))
        return rate_of(jobs, time.perf_counter() - began)


async def work(url: str, jobs: int) -> None:
    waits = Waits(jobs)
    async with _app(url, 20).open_async() as app:

        @app.task(name="noop")
        async def noop(a: int, b: str) -> None:
            waits(a)

        await app.run_worker_async(concurrency=10, install_signal_handlers=False)


async def produce(url: str, jobs: int, rate: float) -> dict[str, Any]:
    async with _app(url, 2).open_async() as app:

        @app.task(name="noop")
        async def noop(a: int, b: str) -> None: ...

        return await aproduce(jobs, rate, lambda many: noop.defer_async(a=now(), b="x"))


if __name__ == "__main__":
    main(
        {
            "fill": fill, "drain": drain, "sync": sync, "one_by_one": one_by_one, "together": one_by_one,
            "work": work, "produce": produce,
        }
    )  # fmt: skip
