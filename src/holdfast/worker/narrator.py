"""Tells what happened to jobs, with their records, to whoever subscribed: at most two queries for all that did since.

Where nobody subscribed nothing is asked and nothing is kept.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from holdfast.errors import DatabaseUnavailable, HoldfastError
from holdfast.events.bus import Bus
from holdfast.model.event import ENDED, JOB_EVENTS
from holdfast.model.job import AttemptError, JobRecord, JobState
from holdfast.model.lifecycle import Finish, Requeue
from holdfast.model.tenant import Scope
from holdfast.storage.base import Store
from holdfast.storage.ops.inspect import ended_under, get
from holdfast.storage.ops.jobs import Ending, Lease
from holdfast.storage.rows import attempt_errors

REQUEUED = {
    "retry": "job.retried",
    "snooze": "job.snoozed",
    "sleep": "job.suspended",
    "wait": "job.suspended",
    "undo": "job.suspended",
}
MOST = 500
"""Facts told after one query."""

LAST = ""
"""The name of a fact that nobody is told: nothing more will be said of a removed job."""

_UNFINISHED = {"result": None, "result_text": None, "finished_at": None, "reason": None}


@dataclass(frozen=True, slots=True)
class _Fact:
    """Something that happened to a job; `then` are parts of its record as they were at that moment, `error` is what
    the attempt that ended then failed with, `at` when the job ended."""

    name: str
    lease: Lease
    then: dict[str, Any] = field(default_factory=dict[str, Any])
    error: AttemptError | None = None
    will_retry: bool | None = None
    at: datetime | None = None


class Narrator:
    """One per worker; everything here happens on its loop."""

    def __init__(self, store: Store, bus: Bus, unsettled: Callable[[Lease], bool] = lambda lease: False) -> None:
        """`unsettled`: whether an earlier claim of the same job has an ending under way."""
        self._unsettled = unsettled
        self._store = store
        self._bus = bus
        self._facts: deque[_Fact] = deque()
        self._removed: dict[str, JobRecord] = {}
        self._work = asyncio.Event()
        self._telling = asyncio.Lock()

    def listens(self) -> bool:
        """Whether anybody subscribed to anything about jobs."""
        return any(self._bus.wanted(name) for name in JOB_EVENTS)

    def note(self, name: str, lease: Lease, **then: Any) -> None:
        """Something happened to a running job."""
        if self._bus.wanted(name):
            self._add(_Fact(name, lease, {**_UNFINISHED, "state": JobState.RUNNING, **then}))

    async def remember(self, endings: Sequence[Ending]) -> None:
        """Before jobs are removed at their end: keep their records for the telling. Raises DatabaseUnavailable."""
        gone = [one.lease for one in endings if isinstance(one.verdict, Finish) and one.verdict.keep <= 0]
        gone = [lease for lease in gone if lease.id not in self._removed]
        if not gone or not self.listens():
            return
        try:
            found = await self._records(gone)
        except DatabaseUnavailable:
            raise
        except HoldfastError as error:
            self._bus.tell("database.away", what=f"the ends of {len(gone)} jobs will not be told", cause=error)
            return
        for record in found:
            if isinstance(record, JobRecord):
                self._removed[record.id] = record

    def keep(self, record: JobRecord) -> None:
        """The record of a job that was removed at its end."""
        self._removed[record.id] = record

    def quiet(self) -> bool:
        """Whether of endings there is nobody to tell and nothing to forget."""
        return not self._removed and not self.listens()

    def ended(self, ending: Ending) -> None:
        """An ending was written."""
        verdict, lease = ending.verdict, ending.lease
        error = None if verdict.error is None else _entry(verdict.error, self._bus.now())
        then: dict[str, Any] = {**_UNFINISHED, "state": verdict.state, "reason": verdict.reason}
        if error is not None and self._bus.wanted("job.attempt_failed"):
            self._add(
                _Fact(
                    "job.attempt_failed", lease, then, error, isinstance(verdict, Requeue) and verdict.reason != "undo"
                )
            )
        if isinstance(verdict, Finish):
            del then["finished_at"]
            if verdict.result is not None:
                then |= {"result": json.loads(verdict.result), "result_text": verdict.result}
            now = self._bus.now()
            for name in (ENDED[verdict.state], "job.finished"):
                if self._bus.wanted(name):
                    self._add(_Fact(name, lease, then, error, at=now))
        elif verdict.reason in REQUEUED and self._bus.wanted(REQUEUED[verdict.reason]):
            self._add(_Fact(REQUEUED[verdict.reason], lease, then, error))
        if lease.id in self._removed:
            self._add(_Fact(LAST, lease))
        if self._facts:  # some may have waited for this
            self._work.set()

    def lost(self, ending: Ending) -> None:
        """An ending was not written, for another has the job."""
        if ending.lease.id in self._removed:
            self._add(_Fact(LAST, ending.lease))

    async def run(self) -> None:
        """Tell, until cancelled."""
        while True:
            await self._work.wait()
            await self.flush()

    async def flush(self, last: bool = False) -> None:
        """Tell everything that has happened so far; the `last` time, what waits for its turn too."""
        async with self._telling:
            self._work.clear()
            while facts := self._next(last):
                try:
                    await self._tell_all(facts)
                except asyncio.CancelledError:  # the worker stops: whoever flushes next tells them
                    self._facts.extendleft(reversed(facts))
                    raise
                except HoldfastError as error:
                    self._bus.tell("database.away", what=f"{len(facts)} events were not told", cause=error)

    def _next(self, last: bool) -> list[_Fact]:
        """Facts to be told now, in the order of each job's claims.

        A claim's answer can overtake that of the ending before it, for they come by connections of their own: what
        the next claim of a job began waits until the end of the one before is known.
        """
        taken = [self._facts.popleft() for _ in range(min(len(self._facts), MOST))]
        ready: list[_Fact] = []
        waiting: list[_Fact] = []
        for fact in taken:
            early = not last and fact.lease.token > 1 and self._unsettled(fact.lease)
            (waiting if early else ready).append(fact)
        self._facts.extendleft(reversed(waiting))
        places: dict[str, list[int]] = {}
        for place, fact in enumerate(ready):
            places.setdefault(fact.lease.id, []).append(place)
        for mine in places.values():
            ordered = sorted((ready[place] for place in mine), key=lambda fact: fact.lease.token)
            for place, fact in zip(mine, ordered, strict=True):
                ready[place] = fact
        return ready

    def _add(self, fact: _Fact) -> None:
        self._facts.append(fact)
        self._work.set()

    async def _tell_all(self, facts: Sequence[_Fact]) -> None:
        ends = list(dict.fromkeys(fact.lease for fact in facts if fact.at is not None))
        others = list({fact.lease.id: fact.lease for fact in facts if fact.at is None}.values())
        # Of an end the version is told that ended: its job may live on as a newer one.
        over = await self._store.arun(ended_under(ends), "read") if ends else []
        ended = dict(zip(ends, over, strict=True))
        found = await self._records(others) if others else []
        records = {lease.id: record for lease, record in zip(others, found, strict=True)}
        for fact in facts:
            record = records.get(fact.lease.id) if fact.at is None else ended[fact.lease]
            if fact.name == LAST:
                self._removed.pop(fact.lease.id, None)
            elif isinstance(record, JobRecord):
                self._tell(fact, record)
            elif (removed := self._removed.get(fact.lease.id)) is not None:
                self._tell(fact, _with_error(removed, fact.error))

    def _tell(self, fact: _Fact, record: JobRecord) -> None:
        job = replace(record, **fact.then)
        if fact.at is not None and job.finished_at is None:
            job = replace(job, finished_at=fact.at)
        error = fact.error if fact.name == "job.attempt_failed" else None
        self._bus.tell(fact.name, job=job, queue=job.queue, task=job.task, error=error, will_retry=fact.will_retry)

    async def _records(self, leases: Sequence[Lease]) -> list[Any]:
        found: dict[str, Any] = {}
        for tenant in {lease.tenant for lease in leases}:
            ids = [lease.id for lease in leases if lease.tenant == tenant]
            answers = await self._store.arun(get(ids, Scope(tenant)), "read")
            found.update(zip(ids, answers, strict=True))
        return [found[lease.id] for lease in leases]


def _entry(text: str, at: datetime) -> AttemptError | None:
    """What a verdict says of the error, as it stands in the record."""
    found = attempt_errors(f"[{text}]")
    return replace(found[0], at=at) if found else None


def _with_error(record: JobRecord, error: AttemptError | None) -> JobRecord:
    """The record of a removed job, read before its end, with the error it ended with."""
    return record if error is None else replace(record, errors=(*record.errors, error))
