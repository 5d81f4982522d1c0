"""How many durable jobs a second, of 1 and of 10 steps? How long does a replay take, and how late does one wake?

One worker in this process, 100 bodies at once, each step recorded before the next one begins; then one job at a time.
The raw loop commits as many rows of that size on the same database, 100 to a commit: what the database itself gives.
A replay is that of a job which has recorded 100 and 1,000 steps: from the first line of its body to the last answer.
10,000 jobs that sleep are to wake within one second, evenly: how late does each go on?
"""

import asyncio
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from beside import LABELS, STEPS
from measure import KINDS, ROUNDS, Contest, Figures, Place, interleave, place, sized

from holdfast import Holdfast, Snooze, sleep, step

JOBS = {"steps1": 4_000, "steps10": 1_000, "steps10one": 100}
RAW_ROWS = 20_000
RECORDED = (100, 1_000)
SLEEPERS = 10_000
SETTLE = 12.0
"""Seconds that they get to fall asleep."""


async def nothing(n: int) -> int:
    return n


def opened(url: str, kind: str) -> Holdfast:
    app = Holdfast(url)
    if kind == "postgres":
        app.migrate()
    return app


def drain(url: str, kind: str, steps: int, flight: int, jobs: int) -> float:
    """Jobs a second."""
    app = opened(url, kind)

    @app.task
    async def work(n: int) -> int:
        for each in range(steps):
            n = await step(nothing, each)
        return n

    app.enqueue_many([work.call(n) for n in range(jobs)])

    async def run() -> float:
        began = time.perf_counter()
        report = await app.worker(concurrency=flight, leader=False).once(jobs, None)
        assert report.succeeded == jobs, report
        return jobs / (time.perf_counter() - began)

    try:
        return asyncio.run(run())
    finally:
        app.close()


def raw(url: str, kind: str, rows: int) -> float:
    """Rows a second, 100 to a commit."""
    if kind == "sqlite":
        connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        begin, mark = "begin immediate", "?"
    else:
        import psycopg

        connection = psycopg.connect(url, autocommit=True)
        begin, mark = "begin", "%s"
    connection.execute("create table raw_steps (id text, n int, result text, primary key (id, n))")
    statement = f"insert into raw_steps values ({mark}, {mark}, {mark})"
    began = time.perf_counter()
    cursor = connection.cursor()
    for start in range(0, rows, 100):
        cursor.execute(begin)
        cursor.executemany(statement, [(f"job {n}", start, "1") for n in range(100)])
        cursor.execute("commit")
    took = time.perf_counter() - began
    connection.close()
    return rows / took


def replay(url: str, kind: str, steps: int) -> float:
    """Milliseconds."""
    app, took = opened(url, kind), list[float]()

    @app.task
    async def work() -> None:
        began = time.perf_counter()
        for each in range(steps):
            await step(nothing, each)
        took.append(time.perf_counter() - began)
        if len(took) == 1:
            raise Snooze(0)

    job = work.enqueue()
    while len(took) < 2:
        app.work_once()
    assert job.result(timeout=5) is None
    app.close()
    return took[1] * 1e3


def wake(url: str, kind: str, jobs: int) -> list[float]:
    """Seconds by which each of them went on late."""
    app, late = opened(url, kind), list[float]()

    @app.task
    async def work(until: datetime) -> None:
        await sleep(until)
        late.append((datetime.now(UTC) - until).total_seconds())

    first = datetime.now(UTC) + timedelta(seconds=max(2.0, SETTLE * jobs / SLEEPERS))
    app.enqueue_many([work.call(first + timedelta(seconds=n / jobs)) for n in range(jobs)])
    with app.worker(concurrency=100):
        while len(late) < jobs:
            time.sleep(0.1)
    app.close()
    assert min(late) > -0.001, "nobody wakes early"
    return late


def contests(place: Place) -> list[Contest]:
    found: list[Contest] = []
    for kind in KINDS:
        for asked, (steps, flight) in STEPS.items():
            found.append(_drain(place, kind, asked, steps, flight))
        found.append(_raw(place, kind))
        found += [_replay(place, kind, steps) for steps in RECORDED]
        found.append(_wake(place, kind))
    return found


def _drain(place: Place, kind: str, asked: str, steps: int, flight: int) -> Contest:
    figures = Figures(LABELS[asked], kind, "holdfast", "jobs/s")

    def run() -> None:
        with place.database(kind) as url:
            figures.note(drain(url, kind, steps, flight, sized(JOBS[asked], 20)))

    return figures, run


def _raw(place: Place, kind: str) -> Contest:
    figures = Figures("rows that a raw loop commits, 100 at once", kind, "raw", "rows/s")

    def run() -> None:
        with place.database(kind) as url:
            figures.note(raw(url, kind, sized(RAW_ROWS, 1_000)))

    return figures, run


def _replay(place: Place, kind: str, steps: int) -> Contest:
    figures = Figures(f"replay of {steps:,} steps", kind, "holdfast", "ms", "less")

    def run() -> None:
        with place.database(kind) as url:
            figures.note(replay(url, kind, steps))

    return figures, run


def _wake(place: Place, kind: str) -> Contest:
    figures = Figures("lateness of 10,000 jobs that wake within a second", kind, "holdfast", "ms", "less")

    def run() -> None:
        with place.database(kind) as url:
            figures.note_waits(wake(url, kind, sized(SLEEPERS, 500)))

    return figures, run


if __name__ == "__main__":
    from report import show

    with place() as here:
        show(interleave(contests(here), ROUNDS))
