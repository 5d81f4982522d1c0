"""arq 0.28 on Redis. It polls; every 10 ms here."""

import asyncio
import time
from typing import Any

from arq import create_pool, func
from arq.connections import RedisSettings
from arq.worker import Worker
from kit import Counted, main, rate_of


def _settings(url: str) -> RedisSettings:
    return RedisSettings(unix_socket_path=url.removeprefix("unix://"))


async def one_by_one(url: str, jobs: int, callers: int = 1) -> dict[str, Any]:
    pool = await create_pool(_settings(url))

    async def caller(first: int) -> None:
        for number in range(first, jobs, callers):
            await pool.enqueue_job("noop", number, "x")

    began = time.perf_counter()
    await asyncio.gather(*(caller(first) for first in range(callers)))
    return rate_of(jobs, max(time.perf_counter() - began, 1e-9))


async def fill(url: str, jobs: int) -> dict[str, Any]:
    return await one_by_one(url, jobs, callers=50)


async def drain(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    counted = Counted(jobs)

    async def noop(context: Any, a: int, b: str) -> None:
        counted(a)

    worker = Worker(
        [func(noop, name="noop")],
        redis_settings=_settings(url),
        burst=True,
        max_jobs=concurrency,
        poll_delay=0.01,
        handle_signals=False,
    )
    await worker.async_run()
    await worker.close()
    return counted.found()


if __name__ == "__main__":
    main({"fill": fill, "drain": drain, "one_by_one": one_by_one, "together": one_by_one})
