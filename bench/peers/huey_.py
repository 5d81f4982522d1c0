"""Huey 3.5 on SQLite. It removes a job when it takes it, so it forgets what it held; one thread is its fastest.

`fsync=True` commits as safely as SQLite can by itself. Its consumer polls: every 10 ms here.
"""

import time
from typing import Any

from huey import SqliteHuey
from huey.consumer import Consumer
from kit import Counted, Waits, beats, main, now, rate_of


def _huey(url: str) -> Any:
    return SqliteHuey("bench", filename=url.removeprefix("sqlite:///") + ".huey", fsync=True, results=False)


def fill(url: str, jobs: int) -> dict[str, Any]:
    huey = _huey(url)

    @huey.task(name="noop")
    def noop(a: int, b: str) -> None: ...

    began = time.perf_counter()
    for number in range(jobs):
        noop(number, "x")
    return rate_of(jobs, time.perf_counter() - began)


def drain(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    huey, counted = _huey(url), Counted(jobs)

    @huey.task(name="noop")
    def noop(a: int, b: str) -> None:
        counted(a)

    while (task := huey.dequeue()) is not None:
        huey.execute(task)
    return counted.found()


def work(url: str, jobs: int) -> None:
    huey, waits = _huey(url), Waits(jobs)

    @huey.task(name="noop")
    def noop(a: int, b: str) -> None:
        waits(a)

    Consumer(huey, workers=1, periodic=False, initial_delay=0.01, max_delay=0.01).run()


def produce(url: str, jobs: int, rate: float) -> dict[str, Any]:
    huey = _huey(url)

    @huey.task(name="noop")
    def noop(a: int, b: str) -> None: ...

    began = time.perf_counter()
    for _ in beats(jobs, rate):
        noop(now(), "x")
    return rate_of(jobs, time.perf_counter() - began)


if __name__ == "__main__":
    main({"fill": fill, "drain": drain, "sync": drain, "one_by_one": fill, "work": work, "produce": produce})
