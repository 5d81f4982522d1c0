"""Starts attempts, keeps their time limits, and turns what they end in into verdicts for the finisher."""

import asyncio
import signal
from collections.abc import Callable
from contextvars import Context as ContextVars
from typing import Any

from holdfast.clock import monotonic
from holdfast.context import Context
from holdfast.events.bus import Bus
from holdfast.model.job import ClaimedJob
from holdfast.model.lifecycle import Requeue, decide
from holdfast.model.outcome import Crashed, Outcome, Raised, Released, Stopped, Succeeded, TimedOut, UnknownTask
from holdfast.model.retry import Retry
from holdfast.storage.ops.jobs import Ending
from holdfast.worker.attempt import AnyTask, error_text, judge, ran_over, run_async
from holdfast.worker.bodies import Threads
from holdfast.worker.effects import Committed
from holdfast.worker.failures import tell_failure
from holdfast.worker.finisher import Finisher
from holdfast.worker.holding import Holding, Stop
from holdfast.worker.limits import TimeLimits
from holdfast.worker.processes import Limits, Processes
from holdfast.worker.tally import Tally

SHORT = 0.05
"""Bodies that take less than this on average (seconds) are worth taking ahead."""

DEAF = 5.0
"""Seconds after which a body that was cancelled and goes on is given up: its outcome is written all the same."""


class Runner:
    """Runs what the claimer took. Everything here happens on the worker's event loop."""

    def __init__(
        self,
        find: Callable[[ClaimedJob], AnyTask | None],
        finisher: Finisher,
        bus: Bus,
        context: Callable[[Holding, AnyTask], Context[Any]],
        freed: Callable[[Holding], None],
        tally: Tally,
        limits: Limits,
        fallback: Retry,
    ) -> None:
        self._find = find
        self._finisher = finisher
        self._bus = bus
        self._context = context
        self._freed = freed
        self._tally = tally
        self._fallback = fallback
        self._loop = asyncio.get_running_loop()
        self._threads = Threads(self._loop, self._ended)
        self._processes = Processes(self._loop, self._begun, self._ended, limits)
        self._active: dict[Holding, AnyTask] = {}
        self._limits = TimeLimits(self._loop, self.running, self.stop)
        self.started: Callable[[Holding], None] = lambda held: None
        """Called when a body begins."""
        self.settled: Callable[[], None] = lambda: None
        """Called when the outcome of an attempt is known, though its body may go on."""
        self.parked: Callable[[Holding], Holding | None] = lambda held: None
        """Answers the body that was parked of a job which is claimed again, and has it go on."""
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
        if held.stop == "cancel":
            self.give_back(held, Stopped(held.stop_reason or "explicit"))
            return
        task = self._find(held.job)
        if (parked := self.parked(held)) is not None and task is not None:
            self._active[parked] = task
            self._limits.watch(parked)
            return
        if task is None:
            self._bus.tell("task.unknown", task=held.job.task)
            self.give_back(held, UnknownTask())
            return
        held.fallback = self._fallback
        try:
            context = self._context(held, task)
        except Exception as error:  # of a row that a stranger wrote, say: it must stop no other job
            self.give_back(held, Raised(error_text(held, error), None))
            return
        self._active[held] = task
        if task.cpu:  # it begins when a process is free, and says so
            self._processes.start(held, task, context)
        else:
            held.started_at = monotonic()
            if task.is_async:
                # A fresh set of context variables: nothing leaks in from the job whose end made this one begin.
                held.body = asyncio.Task(self._run(held, task, context), loop=self._loop, context=ContextVars())
            else:
                self._threads.start(held, task, context)
            self.started(held)
        self._limits.watch(held)

    def give_back(self, held: Holding, outcome: Outcome) -> None:
        """A job whose body was not begun, or is given up: write that, and be done with it."""
        self._write(held, outcome)
        self._freed(held)

    def suspend(self, held: Holding, verdict: Requeue) -> None:
        """A body waits: its slot is free, and its job is not held any more."""
        del self._active[held]
        self._finisher.submit(Ending(held.lease, verdict, held.elapsed()))
        self._freed(held)

    def stop(self, held: Holding, why: Stop, reason: str | None = None) -> None:
        """Make a body end: an async one is cancelled, a process killed; a thread is told, and its slot stays taken
        until it ends."""
        if held.stop is not None:
            return
        held.stop, held.stop_reason = why, reason
        if held not in self._active:
            return
        task = self._active[held]
        if held.body is not None:
            held.body.cancel()
            held.body.add_done_callback(lambda body: self._swept(held))
            if why not in ("lost", "shutdown"):
                self._loop.call_later(DEAF, self._give_up, held)
        elif task.cpu:
            self._processes.stop(held)
        elif why in ("timeout", "deadline"):
            self._write(held, ran_over(held, task))
        elif why == "shutdown":
            self._write(held, Released())

    def _swept(self, held: Holding) -> None:
        """A body that was cancelled before its first step has not come to its end here."""
        if held in self._active:
            outcome = (
                Released() if held.stop == "shutdown" else judge(held, self._active[held], asyncio.CancelledError())
            )
            self._ended(held, outcome)

    @property
    def leaked(self) -> int:
        """Slots taken by bodies that go on though their job's end is written: a thread cannot be stopped."""
        return sum(held.written for held in self._active)

    def running(self) -> list[Holding]:
        return list(self._active)

    def unsettled(self) -> bool:
        """Whether a body runs whose outcome is still to come."""
        return any(not held.written for held in self._active)

    def any_stoppable(self) -> bool:
        """Whether such a body runs that can be made to end."""
        return any((task.is_async or task.cpu) and not held.written for held, task in self._active.items())

    def abandon(self) -> None:
        """Bodies that would not end when cancelled or killed: their jobs are given back all the same, and fenced."""
        for held, task in self._active.items():
            if not (task.is_async or task.cpu):
                continue
            if held.stop == "shutdown":
                self._give_up(held, Released())
            else:
                self._give_up(held)
            if held.body is not None:  # nor shall it hold up the end of the event loop, which waits for all tasks
                asyncio.tasks._unregister_task(held.body)
                setattr(held.body, "_log_destroy_pending", False)  # noqa: B010 - private to asyncio

    def _give_up(self, held: Holding, outcome: Outcome | None = None) -> None:
        """Write what a body that goes on in spite of everything came to. It keeps its slot, as it does its work."""
        task = self._active.get(held)
        if task is None or held.written:
            return
        outcome = outcome or judge(held, task, asyncio.CancelledError())
        if outcome is not None:
            self._write(held, outcome)

    def close(self) -> None:
        self._threads.close()
        self._processes.close()
        self._limits.close()

    async def _run(self, held: Holding, task: AnyTask, context: Context[Any]) -> None:
        try:
            outcome = await run_async(held, task, context)
        except Exception as error:  # a fault of ours must not leave the job hanging
            outcome = Raised(error_text(held, error), None)
        if held.evicted:
            return
        if held.stop == "shutdown" and not isinstance(outcome, Succeeded):
            outcome = Released()
        self._ended(held, outcome)

    def _begun(self, held: Holding) -> None:
        """A process began."""
        self.started(held)
        self._limits.watch(held)

    def _ended(self, held: Holding, outcome: Outcome | None) -> None:
        del self._active[held]
        held.body = None  # its context knows the job: a ring for the collector costs 6 us a job
        elapsed = held.elapsed() or 0.0
        self.mean += (elapsed - self.mean) * 0.1
        if outcome is None:
            self._finisher.forget(held)
        elif isinstance(outcome, Committed):
            self._tally.count(outcome.ending.verdict)
            self._finisher.settled(outcome.ending, outcome.removed)
        elif not held.written:
            self._write(held, outcome)
        self._freed(held)

    def _write(self, held: Holding, outcome: Outcome) -> None:
        held.written = True
        self.settled()
        if isinstance(outcome, Crashed):  # a body raised KeyboardInterrupt: that ends the worker, as Ctrl-C does
            signal.raise_signal(signal.SIGINT)
        verdict = decide(held.job, outcome, held.policy)
        self._tally.count(verdict if held.run is None else held.run.counted(verdict))
        if isinstance(outcome, Raised | TimedOut):
            tell_failure(self._bus, held, verdict)
        elapsed = None if isinstance(outcome, Released | UnknownTask) else held.elapsed()
        self._finisher.submit(Ending(held.lease, verdict, elapsed))
