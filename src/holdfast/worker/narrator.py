"""Tells what happened to jobs, with their records, to whoever subscribed: one query for all that happened since.

Where nobody subscribed nothing is asked and nothing is kept.
"""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from holdfast.errors import HoldfastError
from holdfast.events.bus import Bus
from holdfast.model.event import JOB_EVENTS
from holdfast.model.job import JobRecord, JobState
from holdfast.model.lifecycle import Finish, Requeue
from holdfast.model.tenant import Scope
from holdfast.storage.base import Store
from holdfast.storage.ops.inspect import get
from holdfast.storage.ops.jobs import Ending, Lease

FINAL = {
    JobState.SUCCEEDED: "job.succeeded",
    JobState.FAILED: "job.failed",
    JobState.CANCELLED: "job.cancelled",
    JobState.STALLED: "job.stalled",
}
REQUEUED = {"retry": "job.retried", "snooze": "job.snoozed"}


@dataclass(frozen=True, slots=True)
class _Fact:
    """Something that happened to a job; `then` are parts of its record as they were at that moment."""

    name: str
    lease: Lease
    then: dict[str, Any] = field(default_factory=dict[str, Any])
    will_retry: bool | None = None


class Narrator:
    """One per worker; everything here happens on its loop."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store = store
        self._bus = bus
        self._facts: deque[_Fact] = deque()
        self._removed: dict[str, JobRecord] = {}
        self._work = asyncio.Event()

    def listens(self) -> bool:
        """Whether anybody subscribed to anything about jobs."""
        return any(self._bus.wanted(name) for name in JOB_EVENTS)

    def note(self, name: str, lease: Lease, **then: Any) -> None:
        if self._bus.wanted(name):
            self._facts.append(_Fact(name, lease, then))
            self._work.set()

    async def remember(self, endings: Sequence[Ending]) -> None:
        """Before jobs are removed at their end: keep their records for the telling."""
        gone = [one.lease for one in endings if isinstance(one.verdict, Finish) and one.verdict.keep <= 0]
        if gone and self.listens():
            for record in await self._records(gone):
                if isinstance(record, JobRecord):
                    self._removed[record.id] = record

    def keep(self, record: JobRecord) -> None:
        """The record of a job that was removed at its end."""
        self._removed[record.id] = record

    def ended(self, ending: Ending) -> None:
        """An ending was written."""
        verdict = ending.verdict
        error = verdict.error is not None and verdict.state is not JobState.CANCELLED
        if error and self._bus.wanted("job.attempt_failed"):
            then = {"state": verdict.state, "reason": verdict.reason}
            self._facts.append(_Fact("job.attempt_failed", ending.lease, then, isinstance(verdict, Requeue)))
            self._work.set()
        if isinstance(verdict, Finish):
            then = {"state": verdict.state, "reason": verdict.reason}
            if verdict.result is not None:
                then["result"] = json.loads(verdict.result)
            self.note(FINAL[verdict.state], ending.lease, **then)
            self.note("job.finished", ending.lease, **then)
        elif verdict.reason in REQUEUED:
            self.note(REQUEUED[verdict.reason], ending.lease, state=verdict.state, reason=verdict.reason)

    async def run(self) -> None:
        """Tell, until cancelled."""
        while True:
            await self._work.wait()
            await self.flush()

    async def flush(self) -> None:
        """Tell everything that has happened so far."""
        self._work.clear()
        facts = [self._facts.popleft() for _ in range(len(self._facts))]
        if not facts:
            return
        leases = list({fact.lease.id: fact.lease for fact in facts}.values())
        try:
            found = await self._records(leases)
        except HoldfastError as error:
            self._bus.tell("database.away", what=f"{len(facts)} events were not told", cause=error)
            return
        records = {lease.id: record for lease, record in zip(leases, found, strict=True)}
        for fact in facts:
            record = records[fact.lease.id]
            if not isinstance(record, JobRecord):
                record = self._removed.get(fact.lease.id)
            if record is not None:
                self._tell(fact, record)
        for id, record in records.items():
            if not isinstance(record, JobRecord):
                self._removed.pop(id, None)

    def _tell(self, fact: _Fact, record: JobRecord) -> None:
        then = fact.then
        if fact.name in ("job.finished", *FINAL.values()) and record.finished_at is None:
            then = {**then, "finished_at": datetime.now(UTC)}
        job = replace(record, **then)
        error = record.errors[-1] if fact.name == "job.attempt_failed" and record.errors else None
        self._bus.tell(fact.name, job=job, queue=job.queue, task=job.task, error=error, will_retry=fact.will_retry)

    async def _records(self, leases: Sequence[Lease]) -> list[Any]:
        found: dict[str, Any] = {}
        for tenant in {lease.tenant for lease in leases}:
            ids = [lease.id for lease in leases if lease.tenant == tenant]
            answers = await self._store.arun(get(ids, Scope(tenant)), "read")
            found.update(zip(ids, answers, strict=True))
        return [found[lease.id] for lease in leases]
