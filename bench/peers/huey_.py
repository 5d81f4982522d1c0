"""Huey 3.5 on SQLite. It removes a job when it takes it, so it forgets what it held; one thread is its fastest."""

import time
from typing import Any

from huey import SqliteHuey
from kit import Counted, main, rate


def _huey(url: str) -> Any:
    return SqliteHuey("bench", filename=url.removeprefix("sqlite:///") + ".huey", fsync=True, results=False)


def fill(url: str, jobs: int) -> dict[str, Any]:
    huey = _huey(url)

    @huey.task(name="noop")
    def noop(a: int, b: str) -> None: ...

    began = time.perf_counter()
    for number in range(jobs):
        noop(number, "x")
    return rate(jobs, time.perf_counter() - began)


def drain(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    huey, counted = _huey(url), Counted(jobs)

    @huey.task(name="noop")
    def noop(a: int, b: str) -> None:
        counted(a)

    while (task := huey.dequeue()) is not None:
        huey.execute(task)
    return counted.found()


if __name__ == "__main__":
    main({"fill": fill, "drain": drain, "one_by_one": fill})
