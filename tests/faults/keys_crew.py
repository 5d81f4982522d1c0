"""What the processes of the tests of keys do: all enqueue the same keys, and some run what they enqueued."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path
from typing import Any

from holdfast import Holdfast, Job, TaskSet

tasks = TaskSet()
KEYS = 25


@tasks.task(keep_succeeded="1h", max_crashes=None)
def work(key: int, number: int) -> int:
    time.sleep(0.03)
    return number


def answer(where: str, key: int, job: Job[Any], number: int = 0) -> None:
    """Write down, for the test to read, what this process was told."""
    line = json.dumps({"key": key, "id": job.id, "version": job.version, "created": job.created, "number": number})
    with Path(where, f"answers-{os.getpid()}").open("a") as file:
        file.write(line + "\n")


def opened(url: str, where: str) -> Holdfast:
    """An app, once the gate is open."""
    app = Holdfast(url)
    app.include(tasks)
    gate = Path(where, "gate")
    while not gate.exists():
        time.sleep(0.001)
    return app


def write(url: str, where: str, way: str) -> None:
    """Enqueue each key once."""
    app = opened(url, where)
    calls = [
        (work.using(cache="1h") if way == "cache" else work.using(key=f"k{key}")).call(key, 0) for key in range(KEYS)
    ]
    if way == "bulk":
        random.shuffle(calls)
        jobs = app.enqueue_many(calls)
    elif way == "borrowed":
        jobs = []
        for call in calls:
            with app.transaction() as connection:
                jobs += app.bind(connection).enqueue_many([call])
    else:
        jobs = [app.enqueue_many([call])[0] for call in calls]
    for call, job in zip(calls, jobs, strict=True):
        answer(where, json.loads(call.args)["key"], job)
    app.close()


def replace(url: str, where: str, seed: int) -> None:
    """Replace the jobs of a few keys, over and over, until killed or told to stop."""
    app = opened(url, where)
    chance = random.Random(seed)
    number = 0
    while not Path(where, "stop").exists():
        number += 1
        key = chance.randrange(4)
        job = work.using(key=f"k{key}", on_conflict="replace", delay=chance.choice((None, 0.01))).enqueue(key, number)
        answer(where, key, job, number)
    app.close()


def run(url: str, where: str, lease: float) -> None:
    """Be a worker until killed."""
    app = opened(url, where)
    with app.worker(concurrency=4, lease=lease, poll_interval=0.1):
        while not Path(where, "over").exists():
            time.sleep(0.02)
    app.close()
