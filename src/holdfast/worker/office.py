"""What durable bodies reach their worker through. Pieces that many bodies record at once are one write."""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from contextvars import Context as ContextVars
from datetime import datetime
from typing import Any

from holdfast.client import Client
from holdfast.context import Connecting, Context, JobView, Port
from holdfast.errors import BodyFailed, DatabaseUnavailable, HoldfastError, OutcomeUnknown, ReadOnlyDatabase
from holdfast.events.bus import Bus
from holdfast.model.lifecycle import Requeue
from holdfast.model.options import NO_OPTIONS
from holdfast.model.outcome import Outcome, Raised, Snoozed, Stopped, Succeeded
from holdfast.model.signals import Cancel, Snooze
from holdfast.running import Body
from holdfast.storage.ops.jobs import Held
from holdfast.storage.ops.steps import Entry, record
from holdfast.task import Task
from holdfast.worker.attempt import AnyTask
from holdfast.worker.deps import Deps
from holdfast.worker.holding import Holding
from holdfast.worker.plan import Plan
from holdfast.worker.process_deps import frame_for
from holdfast.worker.processes import Limits, Processes
from holdfast.worker.teller import Teller

MOST = 500
"""Pieces in one write."""

LOCKED_PAUSE = 0.02
"""Seconds before a piece is tried again of a job whose row somebody had locked."""

AWAY_PAUSE = 0.1
"""Seconds before a write is tried again while the database is away, at first; five at most."""


class Office:
    """One per worker; everything here happens on its loop."""

    def __init__(
        self, client: Client, bus: Bus, teller: Teller, deps: Deps, plan: Plan, find: Callable[[Any], AnyTask | None]
    ) -> None:
        self.client = client
        self.store = client.store
        self._bus = bus
        self._teller = teller
        self._deps = deps
        self._plan = plan
        self.open = plan.durable
        self._find = find
        self._pending: list[tuple[Entry, asyncio.Future[Held]]] = []
        self._writing: asyncio.Task[None] | None = None
        self.park: Callable[[Holding, Requeue], None] = lambda held, verdict: None
        self.tell_resumed: Callable[[Holding], None] = lambda held: None
        self._pool: Processes | None = None
        self._ended: dict[Holding, asyncio.Future[Outcome | None]] = {}

    def record(self, entry: Entry) -> "asyncio.Future[Held]":
        """Make one piece of a job durable. Answers DONE, or LOST where another worker has the job."""
        answer: asyncio.Future[Held] = asyncio.get_running_loop().create_future()
        self._pending.append((entry, answer))
        if self._writing is None:
            self._writing = asyncio.Task(self._write(), loop=answer.get_loop(), context=ContextVars())
        return answer

    async def _write(self) -> None:
        """Until nothing is left: each write takes all that came during the one before."""
        pause = AWAY_PAUSE
        try:
            while self._pending:
                batch, self._pending = self._pending[:MOST], self._pending[MOST:]
                try:
                    await self._write_batch(batch)
                    pause = AWAY_PAUSE
                except (DatabaseUnavailable, OutcomeUnknown, ReadOnlyDatabase) as error:
                    self._bus.tell("database.away", what=f"{len(batch)} steps cannot be recorded", cause=error)
                    self._pending = batch + self._pending
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 5.0)
        finally:
            self._writing = None

    async def _write_batch(self, batch: list[tuple[Entry, "asyncio.Future[Held]"]]) -> None:
        try:
            found = await self.store.arun(record([entry for entry, _ in batch]))
        except (DatabaseUnavailable, OutcomeUnknown, ReadOnlyDatabase):
            raise
        except HoldfastError as error:
            if len(batch) == 1:
                _settle(batch[0][1], error)
                return
            for one in batch:  # the database refuses something in it: only the guilty errs
                await self._write_batch([one])
            return
        locked = [one for one, held in zip(batch, found, strict=True) if held is Held.LOCKED]
        for (_, answer), held in zip(batch, found, strict=True):
            if held is not Held.LOCKED:
                _settle(answer, held)
        if locked:
            self._pending = locked + self._pending
            if len(locked) == len(self._pending):
                await asyncio.sleep(LOCKED_PAUSE)

    def resumed(self, body: Body) -> None:
        """A body is replayed that had waited."""
        if isinstance(body, Holding):
            self.tell_resumed(body)

    def now(self) -> datetime:
        return self._bus.now()

    def suspend(self, body: Body, verdict: Requeue) -> None:
        """A body waits, and nothing of it runs."""
        if isinstance(body, Holding):
            self.park(body, verdict)

    def context(self, body: Body, view: JobView, port: Port, effects: Connecting | None = None) -> Context[Any]:
        return Context(view, deps=self._deps.value_for(view.task), port=port, effects=effects)

    async def process(
        self, context: Context[Any], body: Body, step: str, function: Any, args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:  # fmt: skip
        """Call a step's function in a process, as the body of a job of its own. Raises BodyFailed."""
        task: AnyTask = Task(function, step, (), True, NO_OPTIONS)
        held = Holding(body.job._replace(args=task.signature.bind_dump(args, kwargs), timeout=None, deadline_in=None))
        answer = self._ended[held] = asyncio.get_running_loop().create_future()
        context.process_deps = frame_for(self._plan.deps, body.job.task)
        self._processes().start(held, task, context)
        try:
            outcome = await answer
        finally:
            del self._ended[held]
            if not answer.done() or answer.cancelled():
                held.stop = "cancel"
                self._processes().stop(held)
        match outcome:
            case Succeeded(result):
                return task.signature.load_result(result)
            case Raised(error):
                entry = json.loads(error)
                raise BodyFailed(entry["kind"], entry["message"], entry.get("traceback", ""))
            case Snoozed(delay):
                raise Snooze(delay)
            case Stopped(reason):
                raise Cancel(reason)
            case _:
                raise BodyFailed("ProcessDied", "its process ended with the worker")

    def _processes(self) -> Processes:
        if self._pool is None:
            plan = self._plan
            limits = Limits(plan.cpu_slots or os.cpu_count() or 1, plan.cpu_jobs, plan.cpu_memory)
            self._pool = Processes(asyncio.get_running_loop(), lambda held: None, self._process_ended, limits)
        return self._pool

    def _process_ended(self, held: Holding, outcome: Outcome | None) -> None:
        answer = self._ended.get(held)
        if answer is not None and not answer.done():
            answer.set_result(outcome)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()

    def progress(self, body: Body, state: dict[str, object]) -> None:
        if isinstance(body, Holding):
            self._teller.progress(body, state)

    def line(self, body: Body, level: str, message: str, step: str) -> None:
        if isinstance(body, Holding):
            self._teller.line(body, level, message, step)

    def version(self, body: Body) -> str | None:
        task = self._find(body.job)
        return None if task is None else task.version


def _settle(answer: "asyncio.Future[Held]", what: Held | Exception) -> None:
    if answer.done():
        return
    if isinstance(what, Held):
        answer.set_result(what)
    else:
        answer.set_exception(what)
