"""How long until an idle worker has begun a new job? 20 jobs a second come from another process; then 3,000 a second.

From the call that stores the job to the first line of its handler, on one wall clock. On SQLite also from within the
worker's own process.
"""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from measure import KINDS, ROUNDS, Contest, Figures, Place, interleave, place, sized

from holdfast import Holdfast

JOBS = 50
APART = 0.05
STREAM = 6_000
BEAT = 0.01
A_BEAT = 30


async def noop(a: int, b: str) -> None:
    """Is only stored here."""


def now() -> int:
    return time.time_ns() // 1000


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


async def work_ours(url: str, jobs: int, within: bool = False) -> None:
    app = Holdfast(url)
    waits, all_ran = list[float](), asyncio.Event()

    @app.task(name="noop")
    async def noop(a: int, b: str) -> None:
        waits.append(time.time() - a / 1e6)
        if len(waits) == jobs:
            all_ran.set()

    async with app.worker():
        print("ready", flush=True)
        for _ in range(jobs if within else 0):
            await asyncio.sleep(APART)
            await noop.aenqueue(now(), "x")
        await all_ran.wait()
    await app.aclose()
    print(json.dumps(waits), flush=True)


@contextmanager
def worker(who: str, url: str, jobs: int) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, __file__, "worker", who, url, str(jobs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        yield process
        if process.poll() is None:
            process.terminate()


# ---------------------------------------------------------------- the caller


def produce_raw(place: Place, kind: str, url: str, jobs: int) -> None:
    producer = place.raw[kind].Producer(url)
    for _ in range(jobs):
        producer.store(json.dumps({"a": now(), "b": "x"}))
        time.sleep(APART)


def produce_ours(place: Place, kind: str, url: str, jobs: int) -> None:
    """A job every 50 ms; its first argument is when, in microseconds."""
    app = Holdfast(url)
    task = app.task(name="noop")(noop)
    for _ in range(jobs):
        task.enqueue(now(), "x")
        time.sleep(APART)
    app.close()


def produce_stream(place: Place, kind: str, url: str, jobs: int) -> None:
    """30 callers every 10 ms, whose awaits overlap."""
    app = Holdfast(url)
    task = app.task(name="noop")(noop)

    async def stream() -> None:
        stored: set[asyncio.Task[Any]] = set()
        began = time.perf_counter()
        for beat in range(jobs // A_BEAT):
            await asyncio.sleep(max(0.0, began + beat * BEAT - time.perf_counter()))
            for _ in range(A_BEAT):
                stored.add(asyncio.ensure_future(task.aenqueue(now(), "x")))
        await asyncio.gather(*stored)
        await app.aclose()

    asyncio.run(stream())


def contests(place: Place) -> list[Contest]:
    def contest(question: str, kind: str, who: str, produce: Any, jobs: int) -> Contest:
        figures = Figures(question, kind, who, "ms", better="less")
        program = {"raw": "raw", "holdfast, in the same process": "within"}.get(who, "ours")

        def run() -> None:
            with place.database(kind) as url, worker(program, url, jobs) as process:
                if produce is not None:
                    produce(place, kind, url, jobs)
                assert process.stdout is not None
                waits = json.loads(process.stdout.readline())
                assert len(waits) == jobs, f"{len(waits)} of {jobs}"
                process.wait(30)
                figures.note_waits(waits)

        return figures, run

    one, many = "pick-up by an idle worker", "pick-up at 3,000 a second"
    few, stream = sized(JOBS), sized(STREAM, A_BEAT)
    found = [
        contest(one, kind, who, produce, few)
        for kind in KINDS
        for who, produce in (("raw", produce_raw), ("holdfast", produce_ours))
    ]
    found.append(contest(one, "sqlite", "holdfast, in the same process", None, few))
    return found + [contest(many, kind, "holdfast", produce_stream, stream) for kind in KINDS]


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        _, _, who, url, jobs = sys.argv
        if who == "raw":
            work_raw(url, int(jobs))
        else:
            asyncio.run(work_ours(url, int(jobs), who == "within"))
    else:
        from report import show

        with place() as here:
            show(interleave(contests(here), ROUNDS))
