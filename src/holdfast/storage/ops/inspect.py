"""Reading: jobs by id, pages of jobs, counts, workers. Nothing here writes."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime

from holdfast.model.job import JobRecord, NewJob
from holdfast.model.lifecycle import Finish
from holdfast.model.tenant import ALL, Scope
from holdfast.storage import rows as decode
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.ops.jobs import Ending, Lease
from holdfast.storage.rows import moment


@dataclass(frozen=True, slots=True)
class Gone:
    """The job ended and its row was removed at once, as its retention asked."""

    id: str


def get(ids: Sequence[str], scope: Scope) -> Op[list[JobRecord | Gone | None]]:
    """The newest version of each job, in the order asked; None for what is absent."""
    return _read("get", [(scope.tenant, id) for id in ids], scope)


def ended_under(leases: Sequence[Lease]) -> Op[list[JobRecord | Gone | None]]:
    """The versions that ended under these tokens, for telling of their ends: a newer one may be there by now."""
    return _read("ended_under", [(lease.tenant, lease.id, lease.token) for lease in leases], ALL)


def _read(name: str, rows: Sequence[Row], scope: Scope) -> Op[list[JobRecord | Gone | None]]:
    def steps(again: bool) -> Steps[list[JobRecord | Gone | None]]:
        found: list[JobRecord | Gone | None] = [None] * len(rows)
        for row in (yield Statement(name, rows)):
            found[row[0] - 1] = _seen(row[1:])
        return found

    return Op(name, steps, scope, single=True)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a job that ended (None: it never ran, or is kept no more), and the id of the job that came in its
    place."""

    record: JobRecord | None = None
    successor: str | None = None


def version(id: str, number: int, scope: Scope) -> Op[Version]:
    """A version of a job that ended."""

    def steps(again: bool) -> Steps[Version]:
        for _, *row, successor in (yield Statement("version", [(scope.tenant, id, number)])):
            return Version(None if decode.is_stub(tuple(row)) else decode.record(tuple(row)), successor)
        return Version()

    return Op("version", steps, scope, single=True)


def get_new(jobs: Sequence[NewJob]) -> list[Op[list[JobRecord | Gone | None]]]:
    """What reads jobs that were just stored: an op for each of their tenants."""
    tenants = dict.fromkeys(job.tenant for job in jobs)
    return [get([job.id for job in jobs if job.tenant == tenant], Scope(tenant)) for tenant in tenants]


def read_removed(endings: Sequence[Ending], records: dict[str, JobRecord]) -> Steps[None]:
    """Within another op, before jobs end: the records of those whose end removes them."""
    gone = [one.lease for one in endings if isinstance(one.verdict, Finish) and one.verdict.keep <= 0]
    if gone:
        for row in (yield Statement("get", [(lease.tenant, lease.id) for lease in gone])):
            if isinstance(found := _seen(row[1:]), JobRecord):
                records[found.id] = found


def _seen(row: Row) -> JobRecord | Gone:
    return Gone(row[1]) if decode.is_stub(row) else decode.record(row)


def count(scope: Scope) -> Op[dict[str, int]]:
    """Jobs by state. Reads every row: for tests, demos and small databases."""

    def steps(again: bool) -> Steps[dict[str, int]]:
        counts: dict[str, int] = {}
        for state, number in (yield one("count", scope.tenant)):
            counts[state] = counts.get(state, 0) + number
        return counts

    return Op("count", steps, scope, single=True)


def drained(queues: Sequence[str]) -> Op[list[str]]:
    """Which of these queues have run dry: nothing there is ready, runs, or waits for another run."""
    statement = one("drained", tuple(queues))

    def steps(again: bool) -> Steps[list[str]]:
        return [name for (name,) in (yield statement)]

    return Op("drained", steps, single=True)


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker process as the others see it."""

    boot: str
    name: str
    host: str
    pid: int
    queues: str | None
    tasks: str
    lease: float
    running: int
    concurrency: int
    paused: bool
    version: str
    _: KW_ONLY
    started_at: datetime
    seen_at: datetime
    alive: bool

    def serves(self, queue: str) -> bool:
        """Whether it takes jobs of this queue."""
        return self.queues is None or queue in decode.names(self.queues)

    def knows(self, task: str) -> bool:
        """Whether it has this task."""
        return task in decode.names(self.tasks)


def workers() -> Op[list[WorkerRecord]]:
    """The workers that are or were lately here, newest first, 1,000 at most."""

    def steps(again: bool) -> Steps[list[WorkerRecord]]:
        return [_worker(row) for row in (yield one("workers"))]

    return Op("workers", steps, single=True)


def _worker(row: Row) -> WorkerRecord:
    *said, started_at, seen_at, alive = row
    said[9] = bool(said[9])
    return WorkerRecord(*said, started_at=moment(started_at), seen_at=moment(seen_at), alive=bool(alive))
