"""Runs a step's function: on the loop, on a thread, or in a process."""

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

from holdfast.context import Connecting, Context, JobView
from holdfast.durable.steps import StepFunction, StepOptions
from holdfast.errors import JobStopped, StepTimeout
from holdfast.model.branch import Branch, Inside
from holdfast.running import Body, check_stop
from holdfast.waiting import running_job


class StepPort:
    """What the context of a step's function reaches its worker through; usable from any thread."""

    def __init__(self, body: Body, step: str) -> None:
        self._body = body
        self._step = step
        self.over = False

    @property
    def stopped(self) -> bool:
        return self.over or self._body.stop is not None

    @property
    def evicted(self) -> bool:
        return self._body.evicted

    def check(self) -> None:
        check_stop(self._body)
        if self.over:
            raise JobStopped(f"step {self._step} is over its time")

    def progress(self, state: dict[str, object]) -> None:
        self._body.office.progress(self._body, state)

    def line(self, level: str, message: str) -> None:
        self._body.office.line(self._body, level, message, self._step)

    def extend(self, seconds: float) -> None:
        self._body.extension += seconds


async def perform(
    body: Body, line: Branch, name: str, options: StepOptions, function: StepFunction, args: tuple[Any, ...],
    kwargs: Mapping[str, Any], nth: int = 0, effects: Connecting | None = None,
) -> Any:  # fmt: skip
    """One try. Raises what the function raises, StepTimeout when it takes too long."""
    port = StepPort(body, name)
    if function.takes_context and not options.cpu:
        args = (_context(body, port, effects), *args)
    inside = Inside(line.root, line.path, name)
    inside.nth = nth
    token = running_job.set(inside)
    limit = asyncio.timeout(options.timeout)
    try:
        async with limit:
            if options.cpu:
                return await body.office.process(_context(body, port), body, name, function.function, args, kwargs)
            if function.is_async:
                return await function.function(*args, **kwargs)
            return await on_thread(function.function, args, kwargs)
    except TimeoutError as error:
        if limit.expired():
            raise StepTimeout(name, "timeout", f"it took longer than {options.timeout:g} s") from error
        raise
    finally:
        port.over = True
        running_job.reset(token)


def _context(body: Body, port: StepPort, effects: Connecting | None = None) -> Context[Any]:
    job = body.job
    view = JobView(
        job.id, job.task, job.queue, job.tenant, job.priority, job.version, job.attempt, job.max_attempts, job.crashes
    )
    return body.office.context(body, view, port, effects)


class Threads:
    """Threads for steps' plain functions: they end with the program, whatever hangs on them."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._mutex = threading.Lock()
        self._idle = 0

    def run(self, work: Callable[[], None]) -> None:
        with self._mutex:
            new = self._idle <= 0
            if not new:
                self._idle -= 1
        if new:
            threading.Thread(target=self._serve, name="holdfast-step", daemon=True).start()
        self._work.put(work)

    def _serve(self) -> None:
        while True:
            self._work.get()()
            with self._mutex:
                self._idle += 1


_threads = Threads()


def _after_fork() -> None:
    global _threads
    _threads = Threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


async def on_thread(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call a plain function on a thread. Who waits can give up; the thread then goes on by itself."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()
    context = copy_context()

    def settle(value: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(value)
        else:
            done.set_exception(error)

    def work() -> None:
        value: Any = None
        error: BaseException | None = None
        try:
            value = context.run(function, *args, **kwargs)
        except StopIteration as stop:  # a future cannot hold it
            error = RuntimeError(f"the function raised StopIteration({stop})")
        except BaseException as raised:
            error = raised
        try:
            loop.call_soon_threadsafe(settle, value, error)
        except RuntimeError:  # the loop has closed: nobody waits any more
            return

    _threads.run(work)
    return await done
