"""Dramatiq 2.2 on Redis, with 8 threads, its default."""

import threading
import time
from collections.abc import Callable
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from kit import Counted, Waits, beats, main, now, rate_of


def _noop(url: str, told: Callable[[int], object] = lambda number: None) -> tuple[RedisBroker, Any]:
    broker = RedisBroker(url=url)
    dramatiq.set_broker(broker)

    @dramatiq.actor(actor_name="noop")
    def noop(a: int, b: str) -> None:
        told(a)

    return broker, noop


def fill(url: str, jobs: int) -> dict[str, Any]:
    _, noop = _noop(url)
    began = time.perf_counter()
    for number in range(jobs):
        noop.send(number, "x")
    return rate_of(jobs, max(time.perf_counter() - began, 1e-9))


def drain(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    counted, ran = Counted(jobs), threading.Event()

    def told(number: int) -> None:
        if counted(number):
            ran.set()

    broker, _ = _noop(url, told)
    worker = dramatiq.Worker(broker, worker_threads=8)
    worker.start()
    ran.wait()
    found = counted.found()
    worker.stop()
    return found


def work(url: str, jobs: int) -> None:
    broker, _ = _noop(url, Waits(jobs))
    dramatiq.Worker(broker, worker_threads=8).start()
    threading.Event().wait()


def produce(url: str, jobs: int, rate: float) -> dict[str, Any]:
    _, noop = _noop(url)
    began = time.perf_counter()
    for _ in beats(jobs, rate):
        noop.send(now(), "x")
    return rate_of(jobs, time.perf_counter() - began)


if __name__ == "__main__":
    main({"fill": fill, "sync": drain, "one_by_one": fill, "work": work, "produce": produce})
