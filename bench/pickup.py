"""How long until an idle worker in another process has begun a new job? 20 jobs a second.

From the call that stores the job to the first line of its handler, on one wall clock.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from measure import ROUNDS, Contest, Figures, Place, interleave, place

from holdfast import Holdfast

JOBS = 50
APART = 0.05


async def noop(a: int, b: str) -> None:
    """Is only stored here."""


# ---------------------------------------------------------------- the worker's process


def work_raw(url: str, jobs: int) -> None:
    import raw_postgres
    import raw_sqlite

    loops: Any = raw_sqlite if url.startswith("sqlite") else raw_postgres
    stop, waits = threading.Event(), list[float]()
    print("ready", flush=True)
    for job in loops.pick_up(url, stop):
        waits.append(time.time() - job["a"] / 1e6)
        if len(waits) == jobs:
            stop.set()
    print(json.dumps(waits), flush=True)


async def work_ours(url: str, jobs: int) -> None:
    app = Holdfast(url)
    waits, all_ran = list[float](), asyncio.Event()

    @app.task(name="noop")
    async def noop(a: int, b: str) -> None:
        waits.append(time.time() - a / 1e6)
        if len(waits) == jobs:
            all_ran.set()

    async with app.worker():
        print("ready", flush=True)
        await all_ran.wait()
    await app.aclose()
    print(json.dumps(waits), flush=True)


@contextmanager
def worker(who: str, url: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, __file__, "worker", who, url, str(JOBS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        yield process
        if process.poll() is None:
            process.terminate()


# ---------------------------------------------------------------- the caller


def contests(place: Place) -> list[Contest]:
    def contest(kind: str, who: str) -> Contest:
        figures = Figures("pick-up by an idle worker", kind, who, "ms", better="less")

        def run() -> None:
            with place.database(kind) as url, worker(who, url) as process:
                produce(place, kind, who, url)
                assert process.stdout is not None
                waits = sorted(json.loads(process.stdout.readline()))
                assert len(waits) == JOBS
                process.wait(30)
                figures.note(statistics.median(waits) * 1e3, p95=waits[int(JOBS * 0.95)] * 1e3, worst=waits[-1] * 1e3)

        return figures, run

    return [contest(kind, who) for kind in ("postgres", "sqlite") for who in ("raw", "holdfast")]


def produce(place: Place, kind: str, who: str, url: str) -> None:
    """Store a job every 50 ms; its first argument is when, in microseconds."""
    if who == "raw":
        producer = place.raw[kind].Producer(url)
        for _ in range(JOBS):
            producer.store(json.dumps({"a": time.time_ns() // 1000, "b": "x"}))
            time.sleep(APART)
        return
    app = Holdfast(url)
    task = app.task(name="noop")(noop)
    for _ in range(JOBS):
        task.enqueue(time.time_ns() // 1000, "x")
        time.sleep(APART)
    app.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        _, _, who, url, jobs = sys.argv
        if who == "raw":
            work_raw(url, int(jobs))
        else:
            asyncio.run(work_ours(url, int(jobs)))
    else:
        from report import show

        with place() as here:
            show(interleave(contests(here), ROUNDS))
