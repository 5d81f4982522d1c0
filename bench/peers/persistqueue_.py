"""persist-queue 1.1: its SQLite queue with acknowledgements, which has no worker; a loop takes, runs, acknowledges."""

import time
from typing import Any

import persistqueue
from kit import Counted, main, rate_of


def _queue(url: str) -> Any:
    return persistqueue.SQLiteAckQueue(url.removeprefix("sqlite:///") + ".persist", auto_commit=True)


def fill(url: str, jobs: int) -> dict[str, Any]:
    queue = _queue(url)
    began = time.perf_counter()
    for number in range(jobs):
        queue.put({"a": number, "b": "x"})
    return rate_of(jobs, time.perf_counter() - began)


def drain(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    queue, counted = _queue(url), Counted(jobs)
    while counted.left:
        item = queue.get(block=False)
        counted(item["a"])
        queue.ack(item)
    return counted.found()


if __name__ == "__main__":
    main({"fill": fill, "drain": drain, "one_by_one": fill})
