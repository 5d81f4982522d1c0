"""What each peer's script does: ask one question of its library, and print what it found as a line of JSON.

Runs with the peer's own interpreter, so it imports nothing but the standard library. Rates are taken as kindly as can
be: a drain ends when the last handler has returned, whatever is still to be acknowledged.
"""

import asyncio
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any


class Counted:
    """Counts how often each job ran, on whatever thread, and knows when all have; or the `first` so many."""

    def __init__(self, jobs: int, first: int = 0) -> None:
        self.ran = bytearray(jobs)
        self.jobs = first or jobs
        self.left = self.jobs
        self.began = self.cpu = self.ended = 0.0
        self.lock = threading.Lock()

    def __call__(self, number: int) -> bool:
        """One ran; whether it was the last."""
        with self.lock:
            if not self.began:
                self.began, self.cpu = time.perf_counter(), time.process_time()
            if not self.ran[number]:
                self.left -= 1
            self.ran[number] = min(self.ran[number] + 1, 255)
            if not self.left and not self.ended:
                self.ended = time.perf_counter()
            return not self.left

    def found(self) -> dict[str, Any]:
        ran = len(self.ran) - self.ran.count(0)
        return {
            "rate": self.jobs / (self.ended - self.began),
            "python": (time.process_time() - self.cpu) / ran * 1e6,
            "lost": max(0, self.jobs - ran),
            "doubled": ran - self.ran.count(1),
        }


class Waits:
    """Takes the microsecond at which each job was stored; prints how long all waited, and ends the process."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.waits: list[float] = []
        self.lock = threading.Lock()

    def __call__(self, stored: int) -> None:
        with self.lock:
            self.waits.append(time.time() - stored / 1e6)
            if len(self.waits) == self.jobs:
                threading.Timer(0.3, self.tell).start()

    def tell(self) -> None:
        print(json.dumps(self.waits), flush=True)
        os._exit(0)


def now() -> int:
    return time.time_ns() // 1000


def beats(jobs: int, rate: float) -> Iterator[int]:
    """So many jobs a second: every 50 ms one, or every 10 ms a handful. Yields how many are due."""
    apart = 1 / rate if rate <= 100 else 0.01
    many = max(1, round(rate * apart))
    began = time.perf_counter()
    for beat in range(jobs // many):
        time.sleep(max(0.0, began + beat * apart - time.perf_counter()))
        yield many


async def aproduce(jobs: int, rate: float, store: Callable[[int], Awaitable[object]]) -> dict[str, Any]:
    """`store` is told how many jobs to store."""
    apart = 1 / rate if rate <= 100 else 0.01
    many = max(1, round(rate * apart))
    began = time.perf_counter()
    for beat in range(jobs // many):
        await asyncio.sleep(max(0.0, began + beat * apart - time.perf_counter()))
        await store(many)
    return rate_of(jobs, time.perf_counter() - began)


def rate_of(jobs: int, seconds: float) -> dict[str, Any]:
    return {"rate": jobs / seconds}


def main(questions: dict[str, Callable[..., Any]]) -> None:
    """`script.py QUESTION URL '{"jobs": 1000}'`."""
    gc.set_threshold(10_000, *gc.get_threshold()[1:])
    name, url, given = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    answer = questions[name](url, **given)
    if asyncio.iscoroutine(answer):
        answer = asyncio.run(answer)
    print(json.dumps(answer))
