"""A program that does nothing but work: by itself, at the post a supervisor gave it, or as the supervisor."""

import asyncio
import gc

from holdfast.config import Settings
from holdfast.errors import DatabaseUnavailable
from holdfast.events.bus import Bus
from holdfast.worker.hand import UNREACHABLE
from holdfast.worker.post import Wear, my_post
from holdfast.worker.supervisor import Release, Supervisor
from holdfast.worker.until_told import work_until_told
from holdfast.worker.worker import Worker

YOUNG = 10_000
"""Objects made between two looks for garbage in cycles: at Python's 700 these are a sixth of the CPU of a short job.
Only a program that does nothing else sets it."""


def run_worker(worker: Worker, settings: Settings, grace: float, bus: Bus, release: Release) -> int:
    """Until told to stop; answers the exit status."""
    post = my_post()
    wear = Wear(settings.max_jobs, settings.max_memory)
    if post is None and settings.supervised:
        return Supervisor(settings.processes or 1, grace, release, bus).run()
    if post is not None:
        worker.follow(post.fit(worker.plan, settings.processes or 1), post.say_ready)
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    try:
        return asyncio.run(work_until_told(worker, grace, post, wear))
    except DatabaseUnavailable as error:
        if post is None:
            raise
        bus.tell("database.away", what="the worker cannot start", cause=error)
        return UNREACHABLE
