"""How many durable jobs a second, of 1 and of 10 steps that do nothing? Beside it a raw loop that commits as many rows.

`python bench/durable.py` asks on both databases: one worker in this process, 100 bodies at once, each step recorded
before the next one begins; then one job at a time. The raw loop writes a row for each step and each end on the same
database, 100 to a commit: what the database itself gives.
"""

import argparse
import asyncio
import os
import sqlite3
import sys
import time
from statistics import median
from typing import Any

from measure import place

from holdfast import Holdfast, step

FLIGHT = 100


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2_000, help="jobs of each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is asked (%(default)s)")
    asked = parser.parse_args()
    if os.getloadavg()[0] > 1:
        print("the machine is busy with other things: these figures say little", file=sys.stderr)
    with place() as here:
        for kind in ("postgres", "sqlite"):
            for steps in (1, 10):
                many = median([ask(here, kind, steps, asked.jobs, FLIGHT) for _ in range(asked.rounds)])
                one = median([ask(here, kind, steps, max(asked.jobs // 20, 20), 1) for _ in range(asked.rounds)])
                loop = median([raw(here, kind, asked.jobs * steps) for _ in range(asked.rounds)])
                print(
                    f"{kind:<9} {steps:>2} steps: {many:8,.0f} jobs/s with {FLIGHT} at once "
                    f"({many * steps:8,.0f} steps/s, raw loop {loop:8,.0f} rows/s: {many * steps / loop:.2f}), "
                    f"{one:7,.0f} jobs/s one at a time",
                    flush=True,
                )
    return 0


def nothing(n: int) -> int:
    return n


async def anothing(n: int) -> int:
    return n


def ask(here: Any, kind: str, steps: int, jobs: int, flight: int) -> float:
    """Jobs a second."""
    with here.database(kind) as url:
        app = Holdfast(url)
        if kind == "postgres":
            app.migrate()

        @app.task
        async def work(n: int) -> int:
            for each in range(steps):
                n = await step(anothing, each)
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


def raw(here: Any, kind: str, rows: int) -> float:
    """Rows a second, 100 to a commit."""
    with here.database(kind) as url:
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
        for start in range(0, rows, FLIGHT):
            cursor.execute(begin)
            cursor.executemany(statement, [(f"job {n}", start, "1") for n in range(min(FLIGHT, rows - start))])
            cursor.execute("commit")
        took = time.perf_counter() - began
        connection.close()
        return rows / took


if __name__ == "__main__":
    raise SystemExit(main())
