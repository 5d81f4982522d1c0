"""What the tests of a store are written with: jobs in one line, and a look at one of them."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import pytest

from holdfast.ids import new_id
from holdfast.model.filter import JobFilter
from holdfast.model.gate import Pass, dump_passes
from holdfast.model.job import ClaimedJob, JobRecord, JobState, NewJob
from holdfast.model.lifecycle import Finish, Requeue
from holdfast.model.tenant import Scope
from holdfast.storage.base import Store
from holdfast.storage.op import Op
from holdfast.storage.ops import gates, inspect, jobs, lists
from holdfast.storage.ops.inspect import Gone
from holdfast.storage.ops.jobs import HEAD, Ending, Held, Lease, Place, Wanted, lease_of
from holdfast.testing.clock import Clock

R = TypeVar("R")
OURS = Scope("default")
LEASE = 30.0
FOREVER = 600.0
"""Seconds that finished jobs are kept here: no test that does not mean it lives so long."""


class Fixtures:
    """What the tests ask for. A store's own class supplies `store`, and `peer` where it can."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("supply a fixture `store`: see holdfast.testing.conformance")

    @pytest.fixture
    def peer(self, store: Store) -> Store:
        return store


def job(**columns: Any) -> NewJob:
    given: dict[str, Any] = {"id": new_id(), "task": "add", "args": '{"a":1}', **columns}
    return NewJob(**given)


def add(store: Store, *wanted: NewJob) -> list[str]:
    """Enqueue, in one op; answers the ids."""
    store.run(jobs.enqueue(wanted, OURS))
    return [each.id for each in wanted]


def listed(store: Store, most: int, **conditions: Any) -> list[JobRecord]:
    """The newest jobs that meet the conditions."""
    return [record for record, _ in store.run(lists.page(JobFilter.of(**conditions), OURS, most)).jobs]


def wanted(
    batch: int = 100,
    *,
    worker: str = "worker",
    claim: str | None = None,
    queues: tuple[str, ...] | None = None,
    tasks: tuple[str, ...] | None = None,
    after: Place = HEAD,
    **others: Any,
) -> Wanted:
    return Wanted(
        worker, claim or new_id(), LEASE, batch, queues=queues, tasks=tasks, after=after, **others
    )  # fmt: skip


def take(store: Store, batch: int = 100, **others: Any) -> list[ClaimedJob]:
    """Claim."""
    return store.run(jobs.claim(wanted(batch, **others)))


def take_one(store: Store, **others: Any) -> ClaimedJob:
    (taken,) = take(store, 1, **others)
    return taken


def running(store: Store, **columns: Any) -> ClaimedJob:
    """A new job that is claimed at once; the queue must be empty before."""
    add(store, job(**columns))
    return take_one(store)


def finish(
    held: ClaimedJob | Lease,
    state: JobState = JobState.SUCCEEDED,
    *,
    keep: float = FOREVER,
    reason: str | None = None,
    result: str | None = None,
    error: str | None = None,
    elapsed: float | None = 1.0,
) -> Ending:
    lease = lease_of(held) if isinstance(held, ClaimedJob) else held
    return Ending(lease, Finish(state, keep, reason, result, error), elapsed)


def requeue(
    held: ClaimedJob | Lease, state: JobState = JobState.READY, *, elapsed: float | None = 1.0, **others: Any
) -> Ending:
    lease = lease_of(held) if isinstance(held, ClaimedJob) else held
    return Ending(lease, Requeue(state, **others), elapsed)


def end(store: Store, *endings: Ending) -> list[Held]:
    return store.run(jobs.end(endings))


def end_one(store: Store, ending: Ending) -> Held:
    (answer,) = end(store, ending)
    return answer


def error_entry(message: str = "it broke", **others: Any) -> str:
    """An entry of a job's error history as workers write it."""
    return json.dumps({"attempt": 1, "kind": "ValueError", "message": message, "traceback": "", **others})


def look(store: Store, id: str, scope: Scope = OURS) -> JobRecord | Gone | None:
    (found,) = store.run(inspect.get([id], scope))
    return found


def see(store: Store, id: str, scope: Scope = OURS) -> JobRecord:
    """The job, which must be there."""
    found = look(store, id, scope)
    assert isinstance(found, JobRecord), f"job {id} is {found}"
    return found


def states(store: Store, ids: Iterable[str]) -> list[str]:
    asked = list(ids)
    found = store.run(inspect.get(asked, OURS))
    assert all(isinstance(each, JobRecord) for each in found), found
    return [str(each.state) for each in found if isinstance(each, JobRecord)]


def repeated(op: Op[R]) -> Op[R]:
    """The op as it is run again after a try whose outcome is unknown."""
    return Op(op.name, lambda again: op.steps(True), op.scope, single=False, wakes=op.wakes)


def seconds_between(earlier: datetime, later: datetime | None) -> float:
    assert later is not None
    return (later - earlier).total_seconds()


def gated(*passes: Pass, **columns: Any) -> NewJob:
    group = next((each.gate.removeprefix("group:") for each in passes if each.group), None)
    return job(group=group, gates=dump_passes(passes), **columns)


def grouped(name: str = "a", size: int = 1, **columns: Any) -> NewJob:
    more = {key: columns.pop(key) for key in ("block", "stop") if key in columns}
    return gated(Pass(f"group:{name}", size=size, **more), **columns)


def limited(name: str = "api", size: int | None = 1, weight: int = 1, spacing: float | None = None) -> Pass:
    return Pass(f"limit:{name}", f"limit:{name}", weight, size, spacing)


def ids_of(taken: Sequence[ClaimedJob]) -> list[str]:
    return [each.id for each in taken]


def drain(store: Store, most: int = 100) -> list[str]:
    """Claim one at a time and finish it, until there is nothing to claim: the order in which they ran."""
    ran: list[str] = []
    while taken := take(store, 1):
        ran.append(taken[0].id)
        assert end_one(store, finish(taken[0])) is Held.DONE
        assert len(ran) <= most
    return ran


def sweep(store: Store) -> None:
    """One pass of the duty."""
    store.run(gates.calls())
