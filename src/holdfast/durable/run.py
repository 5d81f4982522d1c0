"""One attempt's steps: asked for by its body, replayed from the record or done and recorded."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context as ContextVars
from datetime import datetime
from typing import Any, TypeVar

from holdfast.bound import Surface
from holdfast.clock import monotonic
from holdfast.durable import children, trying, undoing
from holdfast.durable.faults import failed
from holdfast.durable.journal import Asked, Journal, marked
from holdfast.durable.steps import StepFunction, StepOptions
from holdfast.durable.waits import FOREVER, Wait, Waits
from holdfast.errors import (
    HoldfastError,
    LeaseLost,
    MisuseError,
    NonDeterminism,
)
from holdfast.handle import Job
from holdfast.model.branch import Branch
from holdfast.model.job import ClaimedJob, JobState, NewJob
from holdfast.model.lifecycle import Finish, Requeue, Verdict
from holdfast.model.outcome import Outcome, Parked
from holdfast.model.step import Waits as Kept
from holdfast.model.tenant import Scope
from holdfast.running import Body, check_stop
from holdfast.storage.op import Op
from holdfast.storage.ops import steps as ops
from holdfast.storage.ops.jobs import Held
from holdfast.storage.ops.steps import Begun, Entry, StepKey, StepRecord, StepRow
from holdfast.task import Call
from holdfast.waiting import running_job

R = TypeVar("R")

NEAR = 0.05
"""Seconds of a wait that was found to have so few left, for which a job keeps its slot."""

AFTERMATH = 5.0
"""Seconds that tasks get to end which a body left behind."""

LOCKED_PAUSE = 0.02
"""Seconds before a piece is tried again of a job whose row somebody had locked."""


class Run:
    """Made when a body asks for its first piece. Everything here happens on the worker's loop."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._job = body.job
        self.office = self._office = body.office
        self._journal: Journal | None = None
        self._opening: asyncio.Future[Journal] | None = None
        self._begun: Begun | None = None
        self._early: list[StepRow] = []
        self._broken: NonDeterminism | None = None
        self._waits = Waits(body.root, self._suspend, self._look)
        self._looking: asyncio.Task[None] | None = None
        self._recording: set[asyncio.Future[Held]] = set()
        self._reading: undoing.Reading | None = None
        self._owed = 0

    @property
    def job(self) -> ClaimedJob:
        return self._job

    @property
    def broken(self) -> NonDeterminism | None:
        """How its code differs from the record."""
        return self._broken

    @property
    def body(self) -> Body:
        return self._body

    # What bodies ask for

    async def step(
        self, line: Branch, name: str, options: StepOptions, function: StepFunction, args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:  # fmt: skip
        """The result of a function, called once and recorded."""
        asked = await self.ask(line, name, "step", marked(args, kwargs))
        known = asked.known
        if self._reading is not None:
            self._reading.saw(asked.key, options)
        if known is not None and known.state != "waiting":
            return self.answer(asked, known, function.load)
        return await trying.do(self, line, asked, name, options, function, args, kwargs)

    def owe(self) -> int:
        """A step that can be undone was done: which of the job's it is, from 1."""
        self._owed += 1
        return self._owed

    def counted(self, verdict: Verdict) -> Verdict:
        ends = self._owed and isinstance(verdict, Finish) and verdict.undoes
        return Requeue(JobState.SUSPENDED, "undo", uncounted=True) if ends else verdict

    async def undo(self, again: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """What the job did is undone; `again` runs its body."""
        await undoing.undo_all(self, again)

    def read(self, journal: Journal | None, reading: "undoing.Reading | None") -> None:
        """From here on the body is run on this record alone; None: no more."""
        self._journal, self._reading, self._broken = journal, reading, None

    async def sleep(self, line: Branch, seconds: float) -> None:
        """Until so many seconds have passed since this was first asked for."""
        asked = await self.ask(line, "sleep", "sleep", None)
        if asked.known is None and seconds > 0:
            row = StepRow(asked.key, asked.place, "sleep", "waiting", delay=seconds)
            await self.until(line, asked, row, seconds)
        elif asked.known is not None:
            await self.until(line, asked, None, asked.known.left)

    async def invoke(self, line: Branch, call: Call[Any], timeout: float | None = None) -> Any:
        """What a child returned."""
        return await children.invoke(self, line, call, timeout)

    async def wait_for_job(
        self, line: Branch, id: str, state: str | None, timeout: float | None, load: Callable[[str], Any]
    ) -> Any:
        return await children.wait_for_job(self, line, id, state, timeout, load)

    async def patched(self, line: Branch, id: str) -> bool:
        """Whether a change of the code applies to this job."""
        check_stop(self._body)
        answer = (self._journal or await self._opened()).patch(line.path, id)
        if isinstance(answer, bool) or self._reading is not None:
            return bool(answer)
        await self.put(answer, StepRow(answer.key, answer.place, "patch", "done", result="true"))
        return True

    async def cancel(self, line: Branch, id: str) -> JobState:
        return await children.cancel(self, line, id)

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """This line waits for others of its body."""
        line = running_job.get()
        assert line is not None
        self._waits.hold(line)
        try:
            yield
        finally:
            self._waits.let_go(line)

    async def enqueue(
        self, line: Branch, surface: Surface, calls: Sequence[Call[Any]], new: Sequence[NewJob]
    ) -> list[Job[Any]]:
        """Handles of jobs that are stored once."""
        return await children.enqueue(self, line, surface, calls, new)

    # What pieces are made of

    async def ask(self, line: Branch, name: str, kind: str, mark: str | None) -> Asked:
        """The next piece of a line. Raises NonDeterminism, or what ends the body."""
        check_stop(self._body)
        journal = self._journal or await self._opened()
        if self._broken is not None:
            raise self._broken
        try:
            asked = journal.ask(line.path, name, kind, mark)
        except NonDeterminism as broken:
            self._broken = broken
            raise
        if self._reading is not None:
            self._reading.look(asked)
        return asked

    def answer(self, asked: Asked, known: StepRecord, load: Callable[[str], Any]) -> Any:
        """What a piece came to, as it is recorded."""
        if known.state == "failed":
            raise failed(asked.key.name, known.error or "{}")
        return load(known.result or "null")

    async def put(self, asked: Asked, row: StepRow) -> None:
        """Record a piece; durable when it returns. Raises LeaseLost."""
        for entry in self._unwritten():
            self._record(entry)
        answer = self._record(self._entry(row))
        if await asyncio.shield(answer) is not Held.DONE:
            raise LeaseLost(f"another worker holds job {self._job.id} now")

    def keep_undo(self, asked: Asked) -> None:
        """Have recorded elsewhere what an earlier attempt did under this name, for it is still to be undone."""
        there = None if self._journal is None else self._journal.replaced(asked)
        if there is not None:
            key = StepKey(undoing.earlier(there), there.key.name, there.key.nth)
            self._early.append(
                StepRow(key, -1, there.kind, "done", there.mark, there.result, tries=there.tries, undo=there.undo)
            )

    async def begin_journal(self) -> None:
        """Before a piece is recorded that may be rolled back: have recorded what is to come before it."""
        for entry in self._unwritten():
            self._record(entry)
        if self._begun is not None:
            first = self._entry(StepRow(StepKey("", "", 0), 0, "", ""))
            await self.busy(self._office.store.arun(ops.begin(first)))

    def entry(self, row: StepRow) -> Entry:
        """A piece to be recorded, once there is a journal."""
        return Entry(self._body.lease, self._job.version, self._job.attempt, row)

    def _record(self, entry: Entry) -> "asyncio.Future[Held]":
        answer = self._office.record(entry)
        self._recording.add(answer)
        answer.add_done_callback(self._recording.discard)
        return answer

    async def write(self, op: Callable[[Entry], Op[Held]], row: StepRow) -> Held:
        """Record a piece by an op of its own."""
        for entry in self._unwritten():
            self._record(entry)
        written = op(self._entry(row))
        held = Held.LOCKED
        while held is Held.LOCKED:
            held = await self.busy(self._office.store.arun(written))
            if held is Held.LOCKED:
                await self.busy(asyncio.sleep(LOCKED_PAUSE))
        return held

    def _entry(self, row: StepRow) -> Entry:
        begun, self._begun = self._begun, None
        return Entry(self._body.lease, self._job.version, self._job.attempt, row, begun)

    def _unwritten(self) -> list[Entry]:
        """Pieces that are known and not recorded yet."""
        rows, self._early = self._early, []
        return [self._entry(row) for row in rows]

    async def busy(self, work: Awaitable[R]) -> R:
        """Do what the job is not suspended during."""
        self._waits.begin()
        try:
            return await work
        finally:
            self._waits.end()

    # Waiting

    def now(self) -> datetime:
        return self._office.now()

    async def until(self, line: Branch, asked: Asked, row: StepRow | None, left: float | None) -> None:
        """Until a time is over; `row`: what is to be recorded of it first."""
        if left is None or left > 0:
            await self.wait(Wait(asked, line, row, None if left is None else monotonic() + left))

    async def wait(self, wait: Wait) -> None:
        """Until something may have come to its end."""
        if self._body.effects is not None:
            raise MisuseError(
                f"task {self._job.task} has transaction=, which would stay open while its job waits: give the "
                "transaction to a task of its own, and invoke it"
            )
        await self._waits.wait(wait)
        check_stop(self._body)

    def _suspend(self) -> None:
        """Nothing of the body runs: give its slot back, and have recorded what it waits for."""
        waits = self._waits.all()
        delay = min((left for each in waits for left in each.looks()), default=FOREVER)
        # Both are counted from the same instant, so that the job is not woken before its wait is over.
        rows = [each.row._replace(delay=each.left) for each in waits if each.row is not None]
        new = [*self._unwritten(), *map(self._entry, rows)]
        for each in waits:
            each.row = None
        journals = tuple(ops.journal_row(entry) for entry in new if entry.begun is not None)
        job = self._job
        kept = Kept(
            tuple(map(ops.entry_row, new)),
            journals,
            tuple((job.tenant, job.id, job.version, *each.asked.key) for each in waits if each.answered),
            tuple({each.job: None for each in waits if each.job}),
            tuple({each.job: None for each in waits if each.job and each.foreign}),
        )
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

    async def look_at(self, wait: Wait) -> None:
        """What is recorded of a piece that waits, as the database has it now."""
        wait.known = await self.recorded(wait.asked)

    async def recorded(self, asked: Asked) -> StepRecord | None:
        """What is recorded of a piece, as the database has it now."""
        found = await self.busy(self._office.store.arun(self._read(), "read"))
        return found.get(asked.key)

    def _read(self) -> Op[dict[StepKey, StepRecord]]:
        job = self._job
        return ops.waiting(job.id, job.version, Scope(job.tenant))

    async def _look_now(self) -> None:
        """Which waits are over, as the database has it."""
        try:
            found = await self._office.store.arun(self._read(), "read")
            for each in self._waits.all():
                record = found.get(each.asked.key)
                if record is None:
                    continue
                each.known = record
                if record.left is not None:
                    each.ends_at = monotonic() + record.left
                if record.state != "waiting" or (record.left is not None and record.left <= 0) or each.job is not None:
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
        if job.token > 1 or ops.FORK in (job.metadata or ""):
            kept = await self._office.store.arun(ops.read(job.id, job.version, Scope(job.tenant)), "read")
        if kept is None:
            self._begun = Begun(code)
        elif kept.code != code:
            self._broken = NonDeterminism(
                f"the job began under version {kept.code} of task {job.task}, and this code is version {code}"
            )
        if kept is not None and any(one.state == "waiting" for one in kept.steps):
            self._office.resumed(self._body)
        journal = Journal([] if kept is None else kept.steps, job.attempt)
        self._owed = 0 if kept is None else sum(one.undo is not None for one in kept.steps)
        for path, name, mark, done in self._body.early or ():  # stored before this was asked for
            asked = journal.ask(path, name, "enqueue", mark)
            self._early.append(StepRow(asked.key, asked.place, "enqueue", "done", mark, done))
        self._journal = journal
        return journal

    # What its attempt comes to

    async def close_lines(self, *others: "asyncio.Task[Any]") -> None:
        """End the tasks that the body left behind, and these, and have recorded what they did."""
        lines = (line.task for line in self._body.others or ())
        left = [task for task in (*lines, *others) if task is not None and not task.done()]
        for task in left:
            task.cancel()
        if waited := [*left, *self._recording]:
            await asyncio.wait(waited, timeout=AFTERMATH)

    async def judged(self, outcome: Outcome | None) -> Outcome | None:
        """What an attempt comes to that ended so: where its code does not fit the record, it is set aside.

        Tasks that the body left behind end first, and what was done is recorded: the next attempt must not run beside
        them.
        """
        await self.close_lines()
        if self._broken is None or outcome is None or self._body.stop is not None:
            return outcome
        entry = {"attempt": self._job.attempt, "kind": "NonDeterminism", "message": str(self._broken), "traceback": ""}
        return Parked(json.dumps(entry))
