"""One attempt's steps: asked for by its body, replayed from the record or done and recorded."""

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context as ContextVars
from datetime import datetime
from typing import Any, TypeVar

from holdfast.clock import monotonic
from holdfast.durable.journal import Asked, Journal, marked
from holdfast.durable.performing import perform
from holdfast.durable.steps import StepFunction, StepOptions
from holdfast.durable.waits import FOREVER, Wait, Waits
from holdfast.errors import (
    BodyFailed,
    HoldfastError,
    InvalidResult,
    LeaseLost,
    MisuseError,
    NonDeterminism,
    StepFailed,
    StepTimeout,
)
from holdfast.model.branch import Branch
from holdfast.model.job import JobState
from holdfast.model.lifecycle import Requeue
from holdfast.model.lifecycle import Waits as Kept
from holdfast.model.outcome import Outcome, Parked
from holdfast.model.signals import RetryIn, Signal
from holdfast.model.tenant import Scope
from holdfast.model.text import clean_text
from holdfast.running import Body, check_stop
from holdfast.storage.ops import steps as ops
from holdfast.storage.ops.jobs import Held
from holdfast.storage.ops.steps import Begun, Entry, StepRecord, StepRow

R = TypeVar("R")

MOST_ERROR = 32 * 1024
"""Bytes of a step's traceback that are kept."""

SHORT = 1.0
"""Seconds of a wait between two tries of a step for which a job keeps its slot."""

NEAR = 0.05
"""Seconds of a wait that was found to have so few left, for which a job keeps its slot."""

LARGEST = 1024 * 1024
"""Bytes of a step's result that are kept."""


AFTERMATH = 5.0
"""Seconds that tasks get to end which a body left behind."""


class Run:
    """Made when a body asks for its first piece. Everything here happens on the worker's loop."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._job = body.job
        self._office = body.office
        self._journal: Journal | None = None
        self._opening: asyncio.Future[Journal] | None = None
        self._begun: Begun | None = None
        self._broken: NonDeterminism | None = None
        self._waits = Waits(body.root, self._suspend, self._look)
        self._looking: asyncio.Task[None] | None = None
        self._recording: set[asyncio.Future[Held]] = set()

    # What bodies ask for

    async def step(
        self, line: Branch, name: str, options: StepOptions, function: StepFunction, args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:  # fmt: skip
        """The result of a function, called once and recorded."""
        asked = await self.ask(line, name, "step", marked(args, kwargs))
        known = asked.known
        if known is not None and known.state != "waiting":
            return self.answer(asked, known, function.load)
        tries = 0
        if known is not None:
            tries = known.tries
            await self._wait(line, asked, None, known.left)
        error: BaseException
        while True:
            tries += 1
            began = monotonic()
            try:
                value = await self._busy(perform(self._body, line, name, options, function, args, kwargs))
                text = function.dump(value)
                if len(text) > LARGEST:
                    raise InvalidResult(
                        f"the result of step {name} has {len(text):,} characters, and {LARGEST:,} are the most: "
                        "store it elsewhere, and return where"
                    )
            except Signal as signal:
                if not isinstance(signal, RetryIn):
                    raise
                error, wait = signal, options.wait(tries, signal)
                wait = signal.after if wait is not None else None
            except Exception as raised:
                error, wait = raised, None if isinstance(raised, InvalidResult) else options.wait(tries, raised)
            else:
                await self.put(asked, StepRow(asked.key, asked.place, "step", "done", asked.mark, text, None, tries,
                                              monotonic() - began))  # fmt: skip
                return function.load(text)
            entry = error_entry(error)
            if wait is None:
                await self.put(asked, StepRow(asked.key, asked.place, "step", "failed", asked.mark, None, entry, tries,
                                              monotonic() - began))  # fmt: skip
                raise failed(name, entry) from error
            self._office.line(self._body, "WARNING", f"try {tries} failed: {clean_text(repr(error), 500)}", name)
            if wait <= SHORT:
                await self._busy(asyncio.sleep(wait))
            else:
                await self._wait(line, asked, StepRow(asked.key, asked.place, "step", "waiting", asked.mark, None, entry,
                                                      tries, monotonic() - began, wait), wait)  # fmt: skip

    async def sleep(self, line: Branch, seconds: float) -> None:
        """Until so many seconds have passed since this was first asked for."""
        asked = await self.ask(line, "sleep", "sleep", None)
        if asked.known is None and seconds > 0:
            row = StepRow(asked.key, asked.place, "sleep", "waiting", delay=seconds)
            await self._wait(line, asked, row, seconds)
        elif asked.known is not None:
            await self._wait(line, asked, None, asked.known.left)

    # What pieces are made of

    async def ask(self, line: Branch, name: str, kind: str, mark: str | None) -> Asked:
        """The next piece of a line. Raises NonDeterminism, or what ends the body."""
        check_stop(self._body)
        journal = self._journal or await self._opened()
        if self._broken is not None:
            raise self._broken
        try:
            return journal.ask(line.path, name, kind, mark)
        except NonDeterminism as broken:
            self._broken = broken
            raise

    def answer(self, asked: Asked, known: StepRecord, load: Callable[[str], Any]) -> Any:
        """What a piece came to, as it is recorded."""
        if known.state == "failed":
            raise failed(asked.key.name, known.error or "{}")
        return load(known.result or "null")

    async def put(self, asked: Asked, row: StepRow) -> None:
        """Record a piece; durable when it returns. Raises LeaseLost."""
        begun, self._begun = self._begun, None
        answer = self._office.record(self._body, row, begun)
        self._recording.add(answer)
        answer.add_done_callback(self._recording.discard)
        if await asyncio.shield(answer) is not Held.DONE:
            raise LeaseLost(f"another worker holds job {self._job.id} now")

    async def _busy(self, work: Awaitable[R]) -> R:
        """Do what the job is not suspended during."""
        self._waits.begin()
        try:
            return await work
        finally:
            self._waits.end()

    # Waiting

    def now(self) -> datetime:
        return self._office.now()

    async def _wait(
        self, line: Branch, asked: Asked, row: StepRow | None, left: float | None, job: str | None = None
    ) -> None:
        """Until it is over; `row`: what is to be recorded of it first."""
        if left is not None and left <= 0:
            return
        if self._body.effects is not None:
            raise MisuseError(
                f"task {self._job.task} has transaction=, which would stay open while its job waits: give the "
                "transaction to a task of its own, and invoke it"
            )
        await self._waits.wait(Wait(asked, line, row, None if left is None else monotonic() + left, job))
        check_stop(self._body)

    def _suspend(self) -> None:
        """Nothing of the body runs: give its slot back, and have recorded what it waits for."""
        waits = self._waits.all()
        delay = min((each.left for each in waits if each.left is not None), default=FOREVER)
        lease, version, attempt = self._body.lease, self._job.version, self._job.attempt
        # Both are counted from the same instant, so that the job is not woken before its wait is over.
        rows = [each.row._replace(delay=each.left) for each in waits if each.row is not None]
        new = [Entry(lease, version, attempt, row, self._begun) for row in rows]
        for each in waits:
            each.row = None
        journals = tuple(ops.journal_row(entry) for entry in new[:1] if entry.begun is not None)
        if new:
            self._begun = None
        kept = Kept(tuple(map(ops.entry_row, new)), journals, tuple({each.job: None for each in waits if each.job}))
        reason = "sleep" if all(each.asked.kind == "sleep" for each in waits) else "wait"
        self._office.suspend(
            self._body, Requeue(JobState.SUSPENDED, reason, max(delay, 0.001), uncounted=True, waits=kept)
        )

    def resume(self) -> None:
        """The job is claimed again: see what is over."""
        self._job = self._body.job
        self._waits.suspended = False
        self._look()

    def _look(self) -> None:
        if self._looking is None:
            self._looking = asyncio.Task(self._look_now(), loop=asyncio.get_running_loop(), context=ContextVars())

    async def _look_now(self) -> None:
        """Which waits are over, as the database has it."""
        try:
            job = self._job
            found = await self._office.store.arun(ops.waiting(job.id, job.version, Scope(job.tenant)), "read")
            for each in self._waits.all():
                record = found.get(each.asked.key)
                if record is None:
                    continue
                each.known = record
                if record.left is not None:
                    each.ends_at = monotonic() + record.left
                if record.state != "waiting" or (record.left is not None and record.left <= 0):
                    each.end()
                elif record.left is not None and record.left < NEAR:  # not worth to be suspended for
                    each.near = True
                    asyncio.get_running_loop().call_later(record.left, each.end)
        except HoldfastError:  # it is asked again
            await asyncio.sleep(0.1)
        finally:
            self._looking = None
            self._waits.stir()

    async def _opened(self) -> Journal:
        """The journal: read, unless this is the job's very first claim."""
        if self._opening is None:
            # A task of our own, which is no line of the body.
            self._opening = asyncio.Task(self._open(), loop=asyncio.get_running_loop(), context=ContextVars())
        return await asyncio.shield(self._opening)

    async def _open(self) -> Journal:
        job, code = self._job, self._office.version(self._body)
        kept = None
        if job.token > 1:
            kept = await self._office.store.arun(ops.read(job.id, job.version, Scope(job.tenant)), "read")
        if kept is None:
            self._begun = Begun(code)
        elif kept.code != code:
            self._broken = NonDeterminism(
                f"the job began under version {kept.code} of task {job.task}, and this code is version {code}"
            )
        self._journal = Journal([] if kept is None else kept.steps, job.attempt)
        return self._journal

    # What its attempt comes to

    async def judged(self, outcome: Outcome | None) -> Outcome | None:
        """What an attempt comes to that ended so: where its code does not fit the record, it is set aside.

        Tasks that the body left behind end first, and what was done is recorded: the next attempt must not run beside
        them.
        """
        left = [line.task for line in self._body.others or () if line.task is not None and not line.task.done()]
        for task in left:
            task.cancel()
        if waited := [*left, *self._recording]:
            await asyncio.wait(waited, timeout=AFTERMATH)
        if self._broken is None or outcome is None or self._body.stop is not None:
            return outcome
        entry = {"attempt": self._job.attempt, "kind": "NonDeterminism", "message": str(self._broken), "traceback": ""}
        return Parked(json.dumps(entry))


def error_entry(error: BaseException) -> str:
    """An error as JSON text, made storable whatever it holds."""
    try:
        if isinstance(error, StepFailed | BodyFailed):
            kind, message, trace = error.kind, error.message, error.traceback
        else:
            kind, message = type(error).__qualname__, str(error)
            trace = "" if isinstance(error, Signal) else "".join(traceback.format_exception(error))
    except BaseException as inner:  # it is the user's code that is asked
        kind, message, trace = type(error).__name__, f"(looking at the error raised {type(inner).__name__})", ""
    return json.dumps({"kind": kind, "message": clean_text(message, 8192), "traceback": clean_text(trace, MOST_ERROR)})


def failed(name: str, entry: str) -> StepFailed:
    """The error of a step, the same now and at each replay."""
    told = json.loads(entry)
    kind = StepTimeout if told["kind"] == "timeout" else StepFailed
    return kind(name, told["kind"], told["message"], told.get("traceback", ""))
