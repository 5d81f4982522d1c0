"""Writes what became of jobs: all that has ended since the last write goes in one batch, with no timer."""

import asyncio
import json
import random
from collections.abc import Callable

from holdfast.errors import DatabaseUnavailable, HoldfastError, OutcomeUnknown, ReadOnlyDatabase
from holdfast.events.bus import Bus
from holdfast.model.job import JobRecord, JobState
from holdfast.model.lifecycle import Finish, Requeue
from holdfast.model.text import clean_text
from holdfast.storage.base import Store
from holdfast.storage.ops.ending import superseded
from holdfast.storage.ops.gated import keys
from holdfast.storage.ops.gates import pass_on
from holdfast.storage.ops.jobs import Ending, Held, end
from holdfast.worker.holding import Holding, Holdings
from holdfast.worker.narrator import Narrator
from holdfast.worker.teller import Teller

LOCKED_PAUSE = 0.05
"""Seconds before a row is tried again that somebody's transaction had locked."""

MOST = 500
"""Endings in one statement."""


class Finisher:
    """`submit` an ending from the worker's loop; it is written soon, and for as long as it takes."""

    def __init__(
        self,
        store: Store,
        holdings: Holdings,
        bus: Bus,
        teller: Teller,
        narrator: Narrator,
        written: Callable[[float | None], None],
    ) -> None:
        self._store = store
        self._holdings = holdings
        self._bus = bus
        self._teller = teller
        self._narrator = narrator
        self._written = written
        self._pending: list[Ending] = []
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def backlog(self) -> int:
        return len(self._pending)

    def submit(self, ending: Ending) -> None:
        if not self._pending:
            self._work.set()
            self._idle.clear()
        self._pending.append(ending)

    def settled(self, ending: Ending, removed: JobRecord | None) -> None:
        """An ending that its body's own transaction wrote."""
        if removed is not None and self._narrator.listens():
            self._narrator.keep(removed)
        self._settle([ending], [Held.DONE])
        if ending.lease.gates:  # it was no transaction of ours, and left a note to the leader, who may be slower
            self._passing = asyncio.ensure_future(self._store.arun(pass_on(keys(ending.lease))))
            self._passing.add_done_callback(lambda done: done.cancelled() or done.exception())

    def forget(self, held: Holding) -> None:
        """A job of which nothing is to be written: its lease is another's."""
        self._holdings.drop(held.lease)
        self._bus.tell("lease.lost", queue=held.job.queue, task=held.job.task, id=held.lease.id)

    async def flushed(self) -> None:
        """Wait until everything submitted is written."""
        await self._idle.wait()

    async def run(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._pending:
                batch, self._pending = self._pending[:MOST], self._pending[MOST:]
                try:
                    if self._teller.pending:  # what a body said comes before its end, for its token ends with it
                        await self._teller.flush()
                    await self._write(batch)
                except BaseException:  # written once more, each answers that it is done
                    self._pending = batch + self._pending
                    self._work.set()
                    raise
            self._idle.set()

    async def _write(self, batch: list[Ending]) -> None:
        """Until the database has answered for every one of them."""
        pause = 0.1
        while batch:
            try:
                await self._narrator.remember(batch)
                answers = await self._store.arun(end(batch))
            except (DatabaseUnavailable, OutcomeUnknown, ReadOnlyDatabase) as error:
                self._bus.tell("database.away", what="results wait to be written", cause=error)
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(pause * 2, 5.0)
            except HoldfastError as error:
                await self._isolate(batch, error)
                return
            else:
                batch = self._settle(batch, answers)
                if batch:
                    await asyncio.sleep(LOCKED_PAUSE)

    def _settle(self, batch: list[Ending], answers: list[Held]) -> list[Ending]:
        """Let go of what is written or lost; answer what must be tried again."""
        again: list[Ending] = []
        quiet = self._narrator.quiet()
        for ending, answer in zip(batch, answers, strict=True):
            if answer is Held.LOCKED:
                again.append(ending)
                continue
            held = self._holdings.drop(ending.lease)
            if answer is Held.LOST:
                queue, task = (None, None) if held is None else (held.job.queue, held.job.task)
                self._bus.tell("lease.lost", queue=queue, task=task, id=ending.lease.id)
                self._narrator.lost(ending)
            elif not quiet:
                if answer is Held.REPLACED and held is not None:
                    ending = superseded(ending, held.job.policy)
                if answer is Held.UNDOING:
                    undo = Requeue(JobState.SUSPENDED, "undo", error=ending.verdict.error)
                    ending = ending._replace(verdict=undo)
                self._narrator.ended(ending)
        delays = [one.verdict.delay for one in batch if isinstance(one.verdict, Requeue) and one.verdict.delay > 0]
        self._written(min(delays, default=None))
        return again

    async def _isolate(self, batch: list[Ending], error: HoldfastError) -> None:
        """The database refused something in this batch: write one by one, and fail the one it will not hold."""
        if len(batch) > 1:
            for ending in batch:
                await self._write([ending])
            return
        ending = batch[0]
        if isinstance(ending.verdict, Finish) and ending.verdict.reason == "invalid_result":
            self._bus.tell("database.away", what=f"the end of job {ending.lease.id} could not be written", cause=error)
            self._holdings.drop(ending.lease)  # its lease runs out, and the rescue counts it
            self._written(None)
            return
        failed = Finish(JobState.FAILED, 30 * 86400.0, "invalid_result", error=_refusal(error))
        await self._write([Ending(ending.lease, failed, ending.elapsed)])


def _refusal(error: HoldfastError) -> str:
    return json.dumps({"attempt": 0, "kind": "InvalidResult", "message": clean_text(str(error)), "traceback": ""})
