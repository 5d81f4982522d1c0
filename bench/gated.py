"""What groups and limits cost: a drain without them, with them, and behind a full group of 200,000 blocked jobs.

    python -m bench.gated [url] [jobs]

Everything runs in this process against one database, made anew: rounds of plain and gated drains take turns, so that
both meet the same machine. A figure is jobs a second from the first claim to the last end.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from holdfast import Holdfast, Limit
from holdfast.ids import new_id
from holdfast.storage.ops.jobs import Wanted, claim

ROUNDS = 3
CROWD = 200_000
GROUPS = 100_000


def make(url: str) -> Holdfast:
    app = Holdfast(url, migrate=True)

    @app.task
    async def plain(number: int) -> None: ...

    @app.task(group=lambda number: f"g{number % 1000}")
    async def grouped(number: int) -> None: ...

    @app.task(limit=Limit(concurrency=50, name="all"))
    async def limited(number: int) -> None: ...

    @app.task(group="crowd", queue="crowd")
    async def crowd(number: int) -> None: ...

    @app.task(group=lambda number: f"many{number}", queue="many")
    async def many(number: int) -> None: ...

    return app


def fill(app: Holdfast, name: str, count: int) -> float:
    task = next(task for task in app.tasks if task.name == name)
    began = time.monotonic()
    for start in range(0, count, 2000):
        app.enqueue_many([task.call(number) for number in range(start, min(count, start + 2000))])
    return count / (time.monotonic() - began)


async def drain(app: Holdfast, count: int) -> float:
    left = count
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ended(event: object) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            loop.call_soon_threadsafe(done.set)

    app.on("job.succeeded")(ended)
    began = time.monotonic()
    async with app.worker(queues=["default"], concurrency=100):
        await done.wait()
    took = time.monotonic() - began
    app.off("job.succeeded", ended)
    return count / took


def claim_time(app: Holdfast) -> float:
    """The median time of a claim that finds nothing, in ms."""
    times: list[float] = []
    for _ in range(50):
        began = time.perf_counter()
        app.store.run(claim(Wanted("bench", new_id(), 30.0, 10, ("default",))), "claim")
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2] * 1000


def compare(app: Holdfast, jobs: int, title: str) -> None:
    print(title)
    rates: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name in ("plain", "grouped", "limited"):
            stored = fill(app, name, jobs)
            rates.setdefault(f"{name} enqueue", []).append(stored)
            rates.setdefault(f"{name} drain", []).append(asyncio.run(drain(app, jobs)))
    plain = {what: sorted(rates[f"plain {what}"])[ROUNDS // 2] for what in ("enqueue", "drain")}
    for name, found in rates.items():
        middle = sorted(found)[ROUNDS // 2]
        print(f"  {name:18} {middle:9.0f} jobs/s  {middle / plain[name.split()[1]]:5.2f} of plain")
    print(f"  a claim that finds nothing: {claim_time(app):.2f} ms")


def main() -> None:
    folder = tempfile.mkdtemp()
    url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{Path(folder) / 'bench.db'}"
    jobs = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    app = make(url)
    compare(app, jobs, f"{app.store.where}, {jobs} jobs a round")
    print(f"stored a full group of {CROWD} jobs at {fill(app, 'crowd', CROWD):.0f} jobs/s")
    print(f"stored a job in each of {GROUPS} groups at {fill(app, 'many', GROUPS):.0f} jobs/s")
    compare(app, jobs, "behind both")
    app.close()


if __name__ == "__main__":
    main()
