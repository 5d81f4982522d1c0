"""RQ 3.0 on Redis, with the worker that starts no process per job."""

import time
from typing import Any

from kit import Counted, main, rate_of
from redis import Redis
from rq import Queue, SimpleWorker

PAGE = 1000
counted = Counted(0)


def noop(a: int, b: str) -> None:
    counted(a)


def _queue(url: str) -> Queue:
    return Queue("default", connection=Redis(unix_socket_path=url.removeprefix("unix://")))


def fill(url: str, jobs: int) -> dict[str, Any]:
    queue = _queue(url)
    began = time.perf_counter()
    for start in range(0, jobs, PAGE):
        page = range(start, min(start + PAGE, jobs))
        queue.enqueue_many([Queue.prepare_data("rq_.noop", (number, "x")) for number in page])
    return rate_of(jobs, max(time.perf_counter() - began, 1e-9))


def one_by_one(url: str, jobs: int) -> dict[str, Any]:
    queue = _queue(url)
    began = time.perf_counter()
    for number in range(jobs):
        queue.enqueue("rq_.noop", number, "x")
    return rate_of(jobs, time.perf_counter() - began)


def sync(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    import rq_

    rq_.counted = Counted(jobs)
    queue = _queue(url)
    SimpleWorker([queue], connection=queue.connection).work(burst=True, logging_level="ERROR")
    return rq_.counted.found()


if __name__ == "__main__":
    main({"fill": fill, "sync": sync, "one_by_one": one_by_one})
