"""Tells of jobs that a duty ended, with their records."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from holdfast.errors import HoldfastError
from holdfast.events.bus import Bus
from holdfast.model.event import ENDED
from holdfast.model.job import JobRecord
from holdfast.model.lifecycle import Finish
from holdfast.storage.base import Store
from holdfast.storage.ops.inspect import ended_under
from holdfast.storage.ops.jobs import Lease
from holdfast.storage.rows import attempt_errors


def wanted(bus: Bus) -> bool:
    """Whether anybody wants to hear of jobs that end."""
    return any(bus.wanted(name) for name in (*ENDED.values(), "job.finished"))


def tell_ended(store: Store, bus: Bus, ended: Sequence[tuple[Lease, Finish]], removed: Mapping[str, JobRecord]) -> None:
    """One query for all. `removed` holds the records, as they were before, of jobs that were removed at their end."""
    if not ended or not wanted(bus):
        return
    try:
        records = _records(store, [lease for lease, _ in ended])
    except HoldfastError as error:
        bus.tell("database.away", what=f"the ends of {len(ended)} jobs were not told", cause=error)
        return
    for lease, verdict in ended:
        record = records.get(lease.id)
        if record is None and lease.id in removed:
            record = _after(removed[lease.id], verdict, bus.now())
        if record is not None:
            for name in (ENDED[verdict.state], "job.finished"):
                bus.tell(name, job=record, queue=record.queue, task=record.task)


def _records(store: Store, leases: Sequence[Lease]) -> dict[str, JobRecord]:
    found = store.run(ended_under(leases), "read")
    return {record.id: record for record in found if isinstance(record, JobRecord)}


def _after(record: JobRecord, verdict: Finish, now: datetime) -> JobRecord:
    """The record a removed job would have."""
    errors = record.errors
    if verdict.error is not None:
        errors = (*errors, *(replace(error, at=now) for error in attempt_errors(f"[{verdict.error}]")))
    return replace(record, state=verdict.state, reason=verdict.reason, errors=errors, finished_at=now)
