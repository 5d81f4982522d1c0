"""Numbers the tasks that bodies start: a task factory on the loop that runs jobs, chained to the one that was there.

A context variable alone would not do: what two tasks ask for first depends on what they wait for, and only the order in
which they were made is the same at every replay.
"""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from holdfast.waiting import running_job


def number_tasks(loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """Begin; what is answered puts back what was there before."""
    before: Any = loop.get_task_factory()
    make: Any = asyncio.Task if before is None else before

    def numbered(loop: asyncio.AbstractEventLoop, coroutine: Any, **how: Any) -> Any:
        context = how.pop("context", None)
        here = running_job.get() if context is None else context.get(running_job)
        if here is None:
            if context is not None:
                how["context"] = context
            return make(coroutine, loop=loop, **how) if before is None else make(loop, coroutine, **how)
        line = here.fork()
        context = copy_context() if context is None else context
        context.run(running_job.set, line)
        how["context"] = context
        task = make(coroutine, loop=loop, **how) if before is None else make(loop, coroutine, **how)
        if line is not here:
            line.task = task
        return task

    loop.set_task_factory(numbered)

    def put_back() -> None:
        if loop.get_task_factory() is numbered:
            loop.set_task_factory(before)

    return put_back
