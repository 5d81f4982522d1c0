"""DBOS 3.4: plain workflows enqueued on one of its queues, which is polled every 10 ms."""

import asyncio
import time
from typing import Any

from dbos import DBOS
from kit import Counted, main, rate_of

counted: Counted


@DBOS.workflow(name="noop")
def noop(a: int, b: str) -> None:
    counted(a)


@DBOS.step()
async def nothing(n: int) -> int:
    return n


@DBOS.workflow(name="stepped")
async def stepped(number: int, steps: int) -> None:
    for each in range(steps):
        await nothing(each)
    counted(number)


def _launch(url: str, concurrency: int) -> Any:
    url = url.replace("postgresql://", "postgresql+psycopg://") + ("" if "postgresql" in url else ".dbos")
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR", "run_admin_server": False})
    DBOS.launch()
    DBOS.register_queue("bench", worker_concurrency=concurrency, polling_interval_sec=0.01)
    return DBOS.retrieve_queue("bench")


def drain(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    """Its queue works while it is filled, so both are one figure."""
    global counted
    counted = Counted(jobs)
    queue = _launch(url, concurrency)
    began = time.perf_counter()
    for number in range(jobs):
        queue.enqueue(noop, number, "x")
    while counted.left:
        time.sleep(0.01)
    found = counted.found() | rate_of(jobs, time.perf_counter() - began)
    DBOS.destroy()
    return found


def steps(url: str, jobs: int, concurrency: int, steps: int) -> dict[str, Any]:
    """Workflows called from one event loop, so many at once; then enqueued on one of its queues: the better of both."""
    global counted
    queue = _launch(url, concurrency)
    counted = Counted(jobs)
    rates: list[float] = []

    async def called() -> None:
        room = asyncio.Semaphore(concurrency)

        async def one(number: int) -> None:
            async with room:
                await stepped(number, steps)

        began = time.perf_counter()
        await asyncio.gather(*map(one, range(jobs)))
        rates.append(jobs / (time.perf_counter() - began))

    asyncio.run(called())
    found = counted.found()
    counted = Counted(jobs)
    began = time.perf_counter()
    for number in range(jobs):
        queue.enqueue(stepped, number, steps)
    while counted.left:
        time.sleep(0.01)
    rates.append(jobs / (time.perf_counter() - began))
    DBOS.destroy()
    return found | {"rate": max(rates)}


if __name__ == "__main__":
    main({"drain": drain, "steps": steps})
