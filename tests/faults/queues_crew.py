"""What the processes of the tests of queues do: run jobs of a queue with a limit, and write down when."""

from __future__ import annotations

import os
import time
from pathlib import Path

from holdfast import Holdfast, TaskSet

tasks = TaskSet()
HERE = Path()


@tasks.task(queue="few", max_crashes=None)
def few(n: int) -> None:
    _noted("few", n)


@tasks.task(queue="many", max_crashes=None)
def many(n: int) -> None:
    _noted("many", n)


def _noted(queue: str, n: int) -> None:
    """Clocks of one machine agree in all its processes."""
    with Path(HERE, f"runs-{os.getpid()}").open("a") as file:
        file.write(f"{queue} {n} begin {time.monotonic()}\n")
        file.flush()
        time.sleep(0.02)
        file.write(f"{queue} {n} end {time.monotonic()}\n")


def run(url: str, where: str, lease: float) -> None:
    """Be a worker until killed or told that it is over."""
    global HERE
    HERE = Path(where)
    app = Holdfast(url)
    app.include(tasks)
    with app.worker(concurrency=6, lease=lease, poll_interval=0.2):
        while not Path(where, "over").exists():
            time.sleep(0.02)
    app.close()
