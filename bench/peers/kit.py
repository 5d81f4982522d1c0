"""What each peer's script does: ask one question of its library, and print what it found as a line of JSON.

Runs with the peer's own interpreter, so it imports nothing but the standard library. Rates are taken as kindly as can
be: a drain ends when the last handler has returned, whatever is still to be acknowledged.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any


class Counted:
    """Counts how often each job ran, and knows when all have."""

    def __init__(self, jobs: int) -> None:
        self.ran = bytearray(jobs)
        self.left = jobs
        self.began = self.cpu = self.ended = 0.0

    def __call__(self, number: int) -> bool:
        """One ran; whether it was the last."""
        if not self.began:
            self.began, self.cpu = time.perf_counter(), time.process_time()
        if not self.ran[number]:
            self.left -= 1
        self.ran[number] = min(self.ran[number] + 1, 255)
        if not self.left and not self.ended:
            self.ended = time.perf_counter()
        return not self.left

    def found(self) -> dict[str, Any]:
        jobs = len(self.ran)
        seconds = self.ended - self.began
        python = (time.process_time() - self.cpu) / jobs * 1e6
        return {
            "rate": jobs / seconds,
            "python": python,
            "lost": self.ran.count(0),
            "doubled": jobs - self.ran.count(1),
        }


def rate(jobs: int, seconds: float) -> dict[str, Any]:
    return {"rate": jobs / seconds}


def main(questions: dict[str, Callable[..., Any]]) -> None:
    """`script.py QUESTION URL '{"jobs": 1000}'`."""
    name, url, given = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    answer = questions[name](url, **given)
    if asyncio.iscoroutine(answer):
        answer = asyncio.run(answer)
    print(json.dumps(answer))
