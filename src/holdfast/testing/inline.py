"""Jobs that run where they are enqueued, for tests that only want to see what they do."""

import asyncio
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from holdfast.app import Holdfast
from holdfast.handle import Job
from holdfast.task import Call
from holdfast.testing.drain import adrain
from holdfast.waiting import running_job
from holdfast.worker.until_told import on_loop


@contextmanager
def inline(app: Holdfast) -> Generator[None]:
    """Within it, `enqueue` and `aenqueue` on this app return when the job has run.

    The job is stored, claimed, run and finished as a worker would, together with whatever else is ready and what
    its body enqueues. A job due later stays, as does one that waits for its next try. A body that raises fails its
    job and not the caller: `job.result()` says so.

    >>> with inline(app):
    ...     assert greet.enqueue("Ada").result() == "Hello, Ada!"
    """
    store, astore = app.enqueue, app.aenqueue

    def enqueue(calls: Sequence[Call[Any]]) -> list[Job[Any]]:
        jobs = store(calls)
        if running_job.get() is None:  # else the drain that runs this body goes on to what it enqueued
            _drain(app)
        return jobs

    async def aenqueue(calls: Sequence[Call[Any]]) -> list[Job[Any]]:
        jobs = await astore(calls)
        if running_job.get() is None:
            await adrain(app)
        return jobs

    before = {name: value for name, value in vars(app).items() if name in ("enqueue", "aenqueue")}
    vars(app).update(enqueue=enqueue, aenqueue=aenqueue)
    try:
        yield
    finally:
        del vars(app)["enqueue"], vars(app)["aenqueue"]
        vars(app).update(before)


def _drain(app: Holdfast) -> None:
    """Drain, also where this thread has an event loop: it stands still meanwhile, as it would for any sync call."""
    if not on_loop():
        asyncio.run(adrain(app))
        return
    errors: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(adrain(app))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, name="holdfast-inline")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
