"""A worker as users hold it: started and stopped, beside a web app or alone."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import replace

from holdfast.client import Client
from holdfast.config import DEFAULT_GRACE
from holdfast.errors import MisuseError
from holdfast.events.bus import Bus
from holdfast.ids import new_id
from holdfast.worker.engine import Before, Duties, Engine
from holdfast.worker.plan import Plan, Tasks
from holdfast.worker.readiness import refuse_unready
from holdfast.worker.tally import Report


class Worker:
    """Runs jobs, beside a web app (`async with`, `with`) or alone (`app.run_worker()`).

    >>> async with app.worker(queues=["mail"], concurrency=50):
    ...     await serve()
    """

    def __init__(
        self,
        client: Callable[[], Client],
        bus: Bus,
        tasks: Tasks,
        plan: Plan,
        duties: Callable[[Plan], Duties] | None,
        before: Before | None = None,
    ) -> None:
        self._before = before
        self._client = client
        self._bus = bus
        self._tasks = tasks
        self._plan = plan
        self._duties = duties
        self._engine: Engine | None = None
        self._stopping: Engine | None = None
        self._background: _Background | None = None
        self._at_work: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()
        self._ready: Callable[[], None] = nothing

    def _here(self) -> None:
        """In a forked child it is another worker, which does not run: the parent's goes on there, and only there."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._plan = replace(self._plan, boot=new_id())
            self._engine = self._stopping = self._background = self._at_work = None

    @property
    def id(self) -> str:
        """Its random identity, which jobs' records name as their worker."""
        self._here()
        return self._plan.boot

    @property
    def plan(self) -> Plan:
        """What it serves, and how."""
        return self._plan

    @property
    def done(self) -> int:
        """How many attempts of its jobs have ended since it started."""
        counts = {} if self._engine is None else self._engine.tally.counts
        return sum(count for name, count in tuple(counts.items()) if name != "left")

    def follow(self, plan: Plan, ready: Callable[[], None]) -> None:
        """Before it starts: work by another plan, and call `ready` just before the first claim."""
        self._plan = plan
        self._ready = ready

    @property
    def running(self) -> bool:
        """Whether it has started, in this process, and not stopped."""
        self._here()
        return self._engine is not None or self._background is not None

    @property
    def at_work(self) -> bool:
        """Whether it needs the app's connections: from its start until it has stopped, and while it works once. A
        worker whose event loop is closed, or that was left in the parent of a fork, needs nothing any more."""
        self._here()
        return self._at_work is not None and not self._at_work.is_closed()

    def check(self) -> None:
        """Raise ConfigError where a task that it serves could not run; opens nothing. `start` does so too."""
        refuse_unready(self._tasks, self._plan.providers, self._plan.deps)
        for task in self._tasks:
            task.prepare()

    async def start(self) -> None:
        """Start on the running event loop; returns once it claims. Raises what the database raises."""
        if self.running:
            raise MisuseError("this worker runs already; make another with app.worker()")
        duties = None if self._duties is None else self._duties(self._plan)
        engine = Engine(self._client(), self._bus, self._tasks, self._plan, duties, self._before)
        self._engine = engine
        self._at_work = asyncio.get_running_loop()
        try:
            if self._before is not None:
                await self._before()
            await engine.start(self._ready)
        except BaseException:
            self._engine = None
            await engine.stop(0.0)
            self._at_work = None
            raise
        self._bus.tell("worker.started", name=self._plan.shown_name, what=self._what())

    async def stop(self, grace: float = DEFAULT_GRACE) -> None:
        """Take nothing more, wait `grace` seconds for running bodies, give the rest back uncounted."""
        self._here()
        engine, self._engine = self._engine, None
        if engine is not None:
            self._stopping = engine
            self._bus.tell("worker.stopping", name=self._plan.shown_name, what=f"{engine.runner.active} running")
            try:
                await engine.stop(grace)
            finally:
                self._at_work = None
            self._bus.tell("worker.stopped", name=self._plan.shown_name, what=f"{engine.tally.report()}")

    def hurry(self) -> None:
        """While it stops: wait no longer for running bodies."""
        if self._stopping is not None:
            self._stopping.hurry()

    async def leaking(self) -> None:
        """Wait until a quarter of the slots is taken by threads that were timed out and do not end."""
        if self._engine is not None:
            await self._engine.leaking.wait()

    def pause(self) -> None:
        """Take and begin nothing more until `resume`; what runs goes on."""
        self._require().pause(True)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._require().pause(False)

    async def once(self, batch: int, deadline: float | None) -> Report:
        """Claim up to `batch` jobs, run them, and answer what became of them; what is not done by then goes back."""
        self._here()
        engine = Engine(self._client(), self._bus, self._tasks, self._plan, None)
        self._at_work = asyncio.get_running_loop()
        try:
            try:
                await engine.start(None)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(deadline):
                        await engine.claimer.once(batch)
            finally:
                await engine.stop(0.0)
        finally:
            self._at_work = None
        return engine.tally.report()

    async def __aenter__(self) -> "Worker":
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    def __enter__(self) -> "Worker":
        if self.running:
            raise MisuseError("this worker runs already; make another with app.worker()")
        self._background = _Background(self)
        return self

    def __exit__(self, *error: object) -> None:
        self._here()
        background, self._background = self._background, None
        if background is not None:
            background.stop()

    def _require(self) -> Engine:
        self._here()
        if self._engine is None:
            raise MisuseError("this worker does not run")
        return self._engine

    def _what(self) -> str:
        plan = self._plan
        served = "all queues" if plan.queues is None else "queues " + (", ".join(plan.queues) or "none")
        return f"{served}, {plan.concurrency} at once, {len(self._tasks.names())} tasks, {self._client().store.where}"


def nothing() -> None: ...


class _Background:
    """A worker on a thread and event loop of its own, for programs that have none."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="holdfast-worker", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._work())

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            await Worker.start(self._worker)
        except BaseException as error:
            self._error = error
            return
        finally:
            self._ready.set()
        await self._stop.wait()
        await self._worker.stop()
