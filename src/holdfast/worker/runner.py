"""Starts attempts, keeps their time limits, and turns what they end in into verdicts for the finisher."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from holdfast.clock import monotonic
from holdfast.events.bus import Bus
from holdfast.model.lifecycle import Finish, Requeue, decide
from holdfast.model.outcome import Outcome, Raised, Released, Succeeded, TimedOut, UnknownTask
from holdfast.storage.ops.jobs import Ending
from holdfast.task import Context
from holdfast.worker.attempt import AnyTask, run_async, timed_out
from holdfast.worker.bodies import Threads
from holdfast.worker.finisher import Finisher
from holdfast.worker.holding import Holding, Stop
from holdfast.worker.tally import Tally

SHORT = 0.05
"""Bodies that take less than this on average (seconds) are worth taking ahead."""


class Runner:
    """Runs what the claimer took. Everything here happens on the worker's event loop."""

    def __init__(
        self,
        find: Callable[[str], AnyTask | None],
        finisher: Finisher,
        bus: Bus,
        context: Callable[[Holding, AnyTask], Context[Any]],
        freed: Callable[[Holding], None],
        tally: Tally,
    ) -> None:
        self._find = find
        self._finisher = finisher
        self._bus = bus
        self._context = context
        self._freed = freed
        self._tally = tally
        self._loop = asyncio.get_running_loop()
        self._threads = Threads(self._loop, self._ended)
        self._active: dict[Holding, AnyTask] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = float("inf")
        self.mean = SHORT * 2
        """Moving average of bodies' running time, seconds."""

    @property
    def active(self) -> int:
        """Slots taken, those of timed-out threads that still run among them."""
        return len(self._active)

    def start(self, held: Holding) -> None:
        """Begin an attempt, or give the job back where its task is not known here."""
        if held.stop == "lost":
            self._finisher.forget(held)
            self._freed(held)
            return
        task = self._find(held.job.task)
        if task is None:
            self._bus.tell("task.unknown", task=held.job.task)
            self.give_back(held, UnknownTask())
            return
        held.started_at = monotonic()
        self._active[held] = task
        context = self._context(held, task)
        if task.is_async:
            held.body = self._loop.create_task(self._run(held, task, context))
        else:
            self._threads.start(held, task, context)
        if held.overdue_at() < self._alarm_at:
            self._set_alarm(held.overdue_at())

    def give_back(self, held: Holding, outcome: Outcome) -> None:
        """A job whose body was not begun, or is given up: write that, and be done with it."""
        self._write(held, outcome)
        self._freed(held)

    def stop(self, held: Holding, why: Stop) -> None:
        """Make a body end: an async one is cancelled; a thread is told, and its slot stays taken until it ends."""
        if held.stop is not None:
            return
        held.stop = why
        if held not in self._active:
            return
        task = self._active[held]
        if held.body is not None:
            held.body.cancel()
        elif why == "timeout":
            self._write(held, timed_out(held, task))
        elif why == "shutdown":
            self._write(held, Released())

    def running(self) -> list[Holding]:
        return list(self._active)

    def any_async(self) -> bool:
        return any(held.body is not None for held in self._active)

    def abandon(self) -> None:
        """Async bodies that would not end when cancelled: their jobs are given back all the same, and fenced."""
        for held in self._active:
            if held.body is not None:
                self._write(held, Released())

    def close(self) -> None:
        self._threads.close()
        if self._alarm is not None:
            self._alarm.cancel()

    async def _run(self, held: Holding, task: AnyTask, context: Context[Any]) -> None:
        try:
            outcome = await run_async(held, task, context)
        except asyncio.CancelledError:  # it came before the body's first step
            outcome = timed_out(held, task) if held.stop == "timeout" else None if held.stop == "lost" else Released()
        if held.stop == "shutdown" and not isinstance(outcome, Succeeded):
            outcome = Released()
        self._ended(held, outcome)

    def _ended(self, held: Holding, outcome: Outcome | None) -> None:
        del self._active[held]
        elapsed = held.elapsed() or 0.0
        self.mean += (elapsed - self.mean) * 0.1
        written_before = held.stop is not None and held.body is None
        if outcome is not None and not written_before:
            self._write(held, outcome)
        elif outcome is None:
            self._finisher.forget(held)
        self._freed(held)

    def _write(self, held: Holding, outcome: Outcome) -> None:
        verdict = decide(held.job, outcome, held.policy)
        self._tally.count(verdict)
        if isinstance(outcome, Raised | TimedOut):
            self._tell_failure(held, verdict)
        elapsed = None if isinstance(outcome, Released | UnknownTask) else held.elapsed()
        self._finisher.submit(Ending(held.lease, verdict, elapsed))

    def _tell_failure(self, held: Holding, verdict: Finish | Requeue) -> None:
        if not self._bus.wanted("job.attempt_failed"):
            return
        what = f"runs again in {verdict.delay:.3g} s" if isinstance(verdict, Requeue) else f"it is {verdict.state} now"
        job = held.job
        self._bus.tell(
            "job.attempt_failed",
            job=job,
            queue=job.queue,
            task=job.task,
            id=job.id,
            attempt=job.attempt,
            kind=_kind(verdict.error),
            what=what,
            will_retry=isinstance(verdict, Requeue),
        )

    def _set_alarm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = self._loop.call_later(max(0.0, at - monotonic()), self._ring_alarm)

    def _ring_alarm(self) -> None:
        """Stop what is over its limit and set the alarm for the next: one timer for all, not one a job."""
        now = monotonic()
        self._alarm_at, self._alarm = float("inf"), None
        for held in self.running():
            if held.stop is None and held.overdue_at() <= now:
                self.stop(held, "timeout")
        following = min((held.overdue_at() for held in self._active if held.stop is None), default=float("inf"))
        if following < float("inf"):
            self._set_alarm(following)


def _kind(error: str | None) -> str:
    return json.loads(error)["kind"] if error else "unknown"
