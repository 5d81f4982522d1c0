"""A running worker's parts, wired together on one event loop.

claimer ─▶ holdings ─▶ runner ─▶ outcome ─▶ lifecycle.decide ─▶ finisher
              ▲ renewed by the lease thread
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.metadata import version
from typing import Any, Protocol, TypeAlias, cast

from holdfast.client import Client
from holdfast.context import Context, JobView
from holdfast.errors import HoldfastError
from holdfast.events.bus import Bus
from holdfast.storage.base import Listener
from holdfast.storage.ops import workers
from holdfast.storage.ops.gates import reconcile
from holdfast.storage.ops.workers import unblock
from holdfast.worker.attempt import AnyTask, judge
from holdfast.worker.branches import number_tasks
from holdfast.worker.claimer import Claimer
from holdfast.worker.crew import Crew
from holdfast.worker.deps import Deps
from holdfast.worker.drains import Drains
from holdfast.worker.effects import Effects
from holdfast.worker.finisher import Finisher
from holdfast.worker.holding import Holding, Holdings, Stop
from holdfast.worker.lease import Renewer
from holdfast.worker.narrator import Narrator
from holdfast.worker.office import Office
from holdfast.worker.parking import Parking
from holdfast.worker.plan import Plan, Tasks
from holdfast.worker.port import BodyPort
from holdfast.worker.postman import Postman
from holdfast.worker.process_deps import frame_for
from holdfast.worker.processes import Limits
from holdfast.worker.readiness import refuse_unready
from holdfast.worker.runner import Runner
from holdfast.worker.tally import Tally
from holdfast.worker.teller import Teller
from holdfast.worker.watchdog import watched

AFTERMATH = 5.0
"""Seconds that cancelled bodies get for their `finally`, and last writes for the database."""

FAULT_PAUSE = 1.0
"""Seconds before a part that failed begins anew."""

UNBLOCK_PAGE = 1000

NOBODYS: Context[Any] = Context(JobView("", ""))
"""For bodies that take none and have nothing around them: nobody sees it, and to make one costs a sixth of a job."""

VERSION = version("holdfast")


class Duties(Protocol):
    """What a worker does besides its jobs, on a thread of its own: the leader's caretaker."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def expect(self, delay: float) -> None: ...
    def join(self, timeout: float) -> None: ...


Before: TypeAlias = Callable[[], Awaitable[Any]]
"""What stores the schedules that tasks declare."""


class Engine:
    """The parts of one worker on one event loop: made when it starts, gone when it has stopped."""

    def __init__(
        self, client: Client, bus: Bus, tasks: Tasks, plan: Plan, duties: Duties | None, before: Before | None = None
    ) -> None:
        self._client = client
        self._store = client.store
        self._bus = bus
        self._tasks = tasks
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._hurried = False
        self._deps = Deps(plan.deps)
        self._crew = Crew(tasks, plan, bus)
        self.tally = Tally()
        self.holdings = Holdings()
        store = self._store
        self.narrator = Narrator(store, bus, self.holdings.holds_earlier)
        self.teller = Teller(store, bus, self.narrator)
        self.finisher = Finisher(store, self.holdings, bus, self.teller, self.narrator, self._written)
        self._office = Office(client, bus, self.teller, self._deps, plan, tasks.find)
        limits = Limits(plan.cpu_slots or os.cpu_count() or 1, plan.cpu_jobs, plan.cpu_memory)
        self.runner = Runner(tasks.find, self.finisher, bus, self._context, self._freed, self.tally, limits, plan.retry)
        self.renewer = Renewer(store, self.holdings, bus, plan.lease, self._sign, self._stop)
        drains = Drains(store, bus, lambda: tasks.queues() if plan.queues is None else tuple(plan.queues))
        self.claimer = Claimer(
            store, self.runner, self.finisher, self.holdings, self.narrator, drains, bus, self.tally, plan,
            tasks.asked, lambda: self.renewer.healthy,
        )  # fmt: skip
        self._parking = Parking(store, self.holdings)
        self._parking.suspend, self.runner.parked = self.runner.suspend, self._parking.take
        self._office.park = self._parking.park
        self._parking.resumed = self._office.tell_resumed = self._resumed
        self.runner.started = self._started
        self.runner.settled = self.claimer.slot_freed.set
        self.leaking = asyncio.Event()
        """Set once a quarter of the slots is taken by threads that were timed out and do not end."""
        self._before = before
        self._declared = tasks.names()
        self._duties = duties
        self._dutiful = False
        self._post: Postman | None = None
        self._listener: Listener | None = None
        self._life: Listener | None = None
        self._jobs: list[asyncio.Task[None]] = []
        self._unnumber: Callable[[], None] = nothing

    async def start(self, ready: Callable[[], None] | None) -> None:
        """Begin; returns once the database has been reached and the first claim was made, before which `ready` is
        called. None: without claims."""
        refuse_unready(self._tasks, self._plan.providers, self._plan.deps)
        limits = self._tasks.limits()
        await asyncio.to_thread(self._store.run, workers.seen(self._sign()), "lease")
        if limits:
            await self._store.arun(reconcile(limits))
        self._unnumber = number_tasks(self._loop)
        self._life = await asyncio.to_thread(self._store.live, self._plan.boot)
        await self._deps.open()
        await self._crew.open()
        parts = (self.finisher.run, self.teller.run, self.narrator.run, self._turn)
        self._jobs = [asyncio.create_task(self._kept_going(part)) for part in parts]
        self.renewer.start()
        if ready is None:
            return
        self._listener = await asyncio.to_thread(self._store.listen, self._bell)
        ready()
        self._jobs += [asyncio.create_task(self._kept_going(part)) for part in (self._free_known, self._claim)]
        if self._plan.deliver is not None:
            self._post = Postman(self._plan.deliver, self._plan.poll_interval, self._bus)
            self._jobs.append(asyncio.create_task(self._kept_going(self._post.run)))
        if self._duties is not None:
            self._duties.start()
            self._dutiful = True
        await self.claimer.claimed_once.wait()

    async def stop(self, grace: float) -> None:
        """Stop claiming, let bodies end for `grace` seconds, give the rest back uncounted, write everything."""
        if self._duties is not None:
            self._duties.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(AFTERMATH, grace)):
                await self.claimer.stop()
        await self._drained(grace, self.runner.unsettled)
        for held in self.runner.running():
            self.runner.stop(held, "shutdown")
        self._hurried = False  # from here on all hurry
        await self._drained(AFTERMATH, self.runner.any_stoppable)
        self.runner.abandon()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(AFTERMATH, grace)):
                await self.finisher.flushed()
        await self._leave()

    async def _leave(self) -> None:
        await self._parking.close()
        self.renewer.stop()
        self.runner.close()
        self._office.close()
        self._unnumber()
        await _cancel(self._jobs)
        await self.narrator.flush(last=True)
        for part in (self._crew, self._deps):
            try:
                await part.close()
            except Exception as error:  # what else is to be left must be left all the same
                self._bus.tell("deps.open", cause=error)
        if self._listener is not None:
            await asyncio.to_thread(self._listener.close)
        if self._duties is not None and self._dutiful:
            await asyncio.to_thread(self._duties.join, AFTERMATH)
        await asyncio.to_thread(self.renewer.join, AFTERMATH)
        try:
            await self._store.arun(workers.gone(self._plan.boot), "lease")
        except HoldfastError as error:
            self._bus.tell("database.away", what="the worker could not sign off", cause=error)
        if self._life is not None:
            await asyncio.to_thread(self._life.close)

    async def _drained(self, seconds: float, left: Callable[[], bool]) -> None:
        """Until nothing is left to wait for, `seconds` at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while left() and not self._hurried:
                    self.claimer.slot_freed.clear()
                    await self.claimer.slot_freed.wait()

    def hurry(self) -> None:
        """Wait no longer for running bodies."""
        self._hurried = True
        self.claimer.slot_freed.set()

    def pause(self, paused: bool) -> None:
        """Take and begin nothing more, or go on. From any thread."""
        self.claimer.paused = paused
        self.renewer.sign_soon()
        if not paused:
            self.wake()

    def wake(self) -> None:
        """Look for work now. From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has closed: the worker left meanwhile
            self._loop.call_soon_threadsafe(self.claimer.wake)

    def _started(self, held: Holding) -> None:
        self.narrator.note("job.started", held.lease, attempt=held.job.attempt, worker=self._plan.boot)

    def _resumed(self, held: Holding) -> None:
        self.narrator.note("job.resumed", held.lease, attempt=held.job.attempt, worker=self._plan.boot)

    def _freed(self, held: Holding) -> None:
        self.claimer.freed(held)

    def _written(self, soonest: float | None) -> None:
        """Endings were written; the first of the jobs put off among them is due in `soonest` seconds."""
        if soonest is not None and self._duties is not None and self._dutiful:
            self._duties.expect(soonest)
        self._client.ended()
        self.claimer.written()

    def _bell(self) -> None:
        self.wake()
        if self._post is not None:
            self._post.ring(self._loop)
        self.renewer.look_soon()

    def _stop(self, held: Holding, why: Stop, reason: str | None) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.runner.stop, held, why, reason)

    async def _kept_going(self, part: Callable[[], Awaitable[None]]) -> None:
        """A part that fails begins anew: a worker that lives but claims or writes nothing would be worse than none."""
        while True:
            try:
                await part()
                return
            except Exception as error:
                self._bus.tell("worker.fault", part=getattr(part, "__qualname__", repr(part)), cause=error)
                await asyncio.sleep(FAULT_PAUSE)

    async def _claim(self) -> None:
        """Claim until stopped, whatever happens."""
        claimer = self.claimer
        await watched(claimer.run, lambda: claimer.taker.turned_at, self._plan.poll_interval, self._bus)

    async def _turn(self) -> None:
        """Tells the lease thread that this loop turns, and sees whether bodies that do not end take too many slots."""
        while True:
            self.renewer.loop_turned()
            if self.runner.leaked * 4 >= self._plan.concurrency and not self.leaking.is_set():
                self._bus.tell("worker.leaking", count=self.runner.leaked, name=self._plan.shown_name)
                self.leaking.set()
            await asyncio.sleep(0.5)

    async def _free_known(self) -> None:
        """Jobs that waited for a worker which knows their task can run: looked for at the start, then now and then,
        for another worker may have put more aside since. What tasks declare that were added meanwhile is stored."""
        while True:
            names, rest = self._tasks.names(), self._tasks.rest()
            if names != self._declared:
                await self._declare()
            if names or rest:
                try:
                    freed = UNBLOCK_PAGE
                    while freed >= UNBLOCK_PAGE:
                        freed = await self._store.arun(unblock(names, UNBLOCK_PAGE, rest))
                        if freed:
                            self._store.ring()
                except HoldfastError as error:
                    self._bus.tell("database.away", what="blocked jobs could not be freed", cause=error)
            await asyncio.sleep(min(self._plan.lease / 3, 1.0 if self._tasks.others_exist else 10.0))

    async def _declare(self) -> None:
        """Store what tasks declare: their schedules, and the sizes of their limits."""
        names = self._tasks.names()
        try:
            if self._before is not None:
                await self._before()
            if limits := self._tasks.limits():
                await self._store.arun(reconcile(limits))
        except HoldfastError as error:
            self._bus.tell("worker.fault", part="what added tasks declare", cause=error)
        self._declared = names

    def _context(self, held: Holding, task: AnyTask) -> Context[Any]:
        held.office = self._office
        maker, wraps = self._deps.maker_for(task.name), self._plan.wraps
        if not (task.takes_context or task.transaction or task.cpu or maker or wraps):
            return NOBODYS
        job = held.job
        view = JobView(
            job.id, job.task, job.queue, job.tenant, job.priority, job.version, job.attempt, job.max_attempts,
            job.crashes, mapping(job.metadata),
        )  # fmt: skip
        if task.transaction is not None:
            held.effects = Effects(
                self._store, task.transaction, held, partial(judge, held, task), partial(self.teller.take, held)
            )
        context: Context[Any] = Context(  # not Context[Any](…), which costs as much again
            view, deps=self._deps.value_for(task.name), port=BodyPort(held, self.teller), effects=held.effects
        )
        context.owner = self._crew.owner(task)
        if task.cpu:
            context.process_deps = frame_for(self._plan.deps, task.name)
        context.maker = maker
        context.wraps = wraps
        return context

    def _sign(self) -> workers.Sign:
        plan = self._plan
        return workers.Sign(
            boot=plan.boot,
            name=plan.shown_name,
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=None if plan.queues is None else json.dumps(tuple(plan.queues)),
            tasks=json.dumps(self._tasks.names() + self._tasks.rest()),
            lease=plan.lease,
            running=self.runner.active,
            concurrency=plan.concurrency,
            paused=self.claimer.paused,
            version=VERSION,
        )


def nothing() -> None: ...


def mapping(text: str | None) -> dict[str, Any]:
    """A job's metadata; what a stranger wrote there that is none counts as nothing."""
    try:
        found: Any = json.loads(text) if text else {}
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
