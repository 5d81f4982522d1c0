"""What the processes of the test of dependencies do: some store jobs that wait for each other, some run them."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from holdfast import Context, Holdfast, TaskSet

tasks = TaskSet()


def opened(url: str) -> Holdfast:
    app = Holdfast(url)
    app.include(tasks)
    return app


@tasks.task(keep_succeeded="1h", keep_failed="1h", max_crashes=None)
def step(ctx: Context, where: str, fails: bool) -> None:
    """Write down that it ran."""
    with Path(where, f"ran-{os.getpid()}").open("a") as file:
        file.write(f"{ctx.job.id}\n")
    time.sleep(0.004)
    if fails:
        raise ValueError


def store(url: str, where: str, seed: int) -> None:
    """Store jobs after some of those before, in batches, until told to stop; write down what was answered."""
    app, chance = opened(url), random.Random(seed)
    known: list[str] = []
    while not Path(where, "stop").exists():
        with app.batch("layer", on_finish=step.call(where, False), on_success=step.call(where, False)) as batch:
            for _ in range(3):
                needs = chance.sample(known, min(len(known), chance.randrange(3)))
                when = chance.choice(("succeeded", "finished", "failed"))
                call = step.call(where, chance.random() < 0.1).after(*needs, when=when)
                jobs = batch.enqueue_many([call, step.call(where, False).after(call)])
                known = [*known, *(job.id for job in jobs)][-12:]
        with Path(where, f"batches-{os.getpid()}").open("a") as file:
            file.write(f"{batch.id} {batch.follow[0].id} {batch.follow[1].id}\n")
        time.sleep(chance.uniform(0.0, 0.02))
    app.close()


def run(url: str, where: str) -> None:
    """Be a worker until killed."""
    app = opened(url)
    with app.worker(concurrency=4, lease=1.0, poll_interval=0.1):
        while not Path(where, "over").exists():
            time.sleep(0.02)
    app.close()


@tasks.task(keep_succeeded="1h", max_crashes=None)
def noted(where: str, what: str) -> None:
    """Write down what ran, once each time."""
    with Path(where, "noted").open("a") as file:
        file.write(f"{what}\n")


def die(url: str, queue: str, statement: str, after: bool) -> None:
    """Run jobs of a queue, and be killed in the midst of a transaction, before or after the first such statement."""
    app = opened(url)
    store: Any = app.store
    probe = store._open()
    kind = type(probe)
    probe.close()
    execute = kind.execute

    def deadly(self: Any, name: str, rows: Any) -> Any:
        if name == statement and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = execute(self, name, rows)
        if name == statement:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    kind.execute = deadly
    with app.worker([queue], lease=1.0, poll_interval=0.05, leader=False):
        while not all(record.state.finished for record in app.jobs.list(queue=queue)):
            app.do_duties()
            time.sleep(0.01)
    app.close()
