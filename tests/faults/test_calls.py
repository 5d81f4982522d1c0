"""Each call to the database fails once, in each way: the answer is honest, and what was done was done once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from tests.faults.audit import Database
from tests.faults.conftest import COUNTS
from tests.faults.faulty import Fault, Wire, wired

from holdfast import Holdfast, TaskSet
from holdfast.errors import DatabaseError, DatabaseUnavailable, HoldfastError, OutcomeUnknown
from holdfast.ids import new_id
from holdfast.model.job import ClaimedJob, JobState, NewJob
from holdfast.model.lifecycle import Finish, Requeue
from holdfast.model.tenant import Scope
from holdfast.storage.ops import duties, jobs, leases, workers
from holdfast.storage.ops.jobs import Ending, Held, Wanted, lease_of

tasks = TaskSet()
ran: dict[int, int] = {}


@tasks.task
async def count_up(n: int) -> int:
    ran[n] = ran.get(n, 0) + 1
    return n


@dataclass
class Desk:
    """An app on a wire, and the test's own way into its database."""

    app: Holdfast
    wire: Wire
    database: Database

    @property
    def store(self) -> Any:
        return self.app.store

    def rows(self, ids: list[str]) -> dict[str, list[tuple[str, str, int]]]:
        """Where each job is: state and token, from the live jobs and from history."""
        live = "holdfast_jobs" if self.database.kind == "sqlite" else "holdfast.jobs"
        ended = live.replace("jobs", "history")
        column = "id" if self.database.kind == "sqlite" else "id::text"
        found: dict[str, list[tuple[str, str, int]]] = {id: [] for id in ids}
        for table in (live, ended):
            marks = ", ".join(["%s"] * len(ids))
            for id, state, token in self.database.ask(
                f"select {column}, state, token from {table} where {column} in ({marks})", *ids
            ):
                found[id].append((table.rpartition("_" if "_" in table else ".")[2], state, token))
        return found

    def running(self, worker: str) -> set[str]:
        column = "id" if self.database.kind == "sqlite" else "id::text"
        return {row[0] for row in self.database.ask(f"select {column} from {{jobs}} where worker = %s", worker)}

    def new(self, number: int, queue: str = "default") -> list[NewJob]:
        return [NewJob(new_id(), "count_up", '{"n":0}', queue=queue) for _ in range(number)]

    def store_new(self, number: int, queue: str) -> list[NewJob]:
        made = self.new(number, queue)
        self.store.run(jobs.enqueue(made, Scope()))
        return made

    def take(self, number: int, lease: float = 30.0) -> list[ClaimedJob]:
        """Claims of so many fresh jobs."""
        queue = new_id()
        self.store_new(number, queue)
        taken: list[ClaimedJob] = self.store.run(
            jobs.claim(Wanted(new_id(), new_id(), lease, number, queues=(queue,))), "claim"
        )
        assert len(taken) == number
        return taken


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    app = Holdfast(database.url, lease=1, poll_interval=0.05)
    app.include(tasks)
    assert app.store
    app.check()
    app.jobs.list(limit=1)
    with wired(app.store) as wire:
        yield Desk(app, wire, database)
        wire.heal()
    app.close()


Check = Callable[[Any], None]
"""Given what the call answered or raised: says what is wrong with the database's state, by assertions."""
Scene = Callable[[Desk], tuple[Callable[[], Any], Check]]
"""Prepares one call, and answers it with its check."""


def enqueue_one(desk: Desk) -> tuple[Callable[[], Any], Check]:
    return enqueue(desk, 1)


def enqueue_many(desk: Desk) -> tuple[Callable[[], Any], Check]:
    return enqueue(desk, 5)


def enqueue(desk: Desk, number: int) -> tuple[Callable[[], Any], Check]:
    new = desk.new(number, new_id())
    ids = [job.id for job in new]

    def check(answer: Any) -> None:
        copies = [len(places) for places in desk.rows(ids).values()]
        stored_or_none(answer, copies)
        if sum(copies):
            assert {places[0][1] for places in desk.rows(ids).values()} == {"ready"}

    return (lambda: desk.store.run(jobs.enqueue(new, Scope()))), check


def stored_or_none(answer: Any, copies: list[int]) -> None:
    if isinstance(answer, OutcomeUnknown):
        assert copies in ([0] * len(copies), [1] * len(copies))
    elif isinstance(answer, HoldfastError):
        assert copies == [0] * len(copies), f"{answer!r}, and it was stored"
    else:
        assert copies == [1] * len(copies), f"{answer!r}, and it was not stored once"


def enqueue_together(desk: Desk) -> tuple[Callable[[], Any], Check]:
    """Three callers share a batch, and one of them asks for what the database refuses."""
    first, last = desk.new(2, new_id()), desk.new(1, new_id())
    taken = desk.new(1, new_id())
    desk.store.run(jobs.enqueue(taken, Scope()))

    async def all_three() -> list[Any]:
        return await asyncio.gather(
            *(desk.store.arun(jobs.enqueue(new, Scope())) for new in (first, taken, last)), return_exceptions=True
        )

    def check(answer: Any) -> None:
        for new, one in zip((first, last), (answer[0], answer[2]), strict=True):
            stored_or_none(one, [len(places) for places in desk.rows([job.id for job in new]).values()])
        assert [len(places) for places in desk.rows([taken[0].id]).values()] == [1]

    return (lambda: asyncio.run(all_three())), check


def enqueue_and_run(desk: Desk) -> tuple[Callable[[], Any], Check]:
    """Before the enqueue is repeated, others have run the job to its end."""
    new = desk.new(1, new_id())
    ids = [new[0].id]

    def run_it() -> None:
        others = Holdfast(desk.database.url)
        wanted = Wanted(new_id(), new_id(), 30.0, 1, queues=(new[0].queue,))
        found = others.store.run(jobs.claim(wanted), "claim")
        others.store.run(jobs.end(verdicts(found)))
        others.close()

    def call() -> Any:
        desk.wire.meanwhile = run_it
        try:
            return desk.store.run(jobs.enqueue(new, Scope()))
        finally:
            desk.wire.meanwhile = None

    def check(answer: Any) -> None:
        places = desk.rows(ids)[ids[0]]
        stored_or_none(answer, [len(places)])
        assert places in ([], [("jobs", "ready", 0)], [("history", "succeeded", 1)])

    return call, check


def claim(desk: Desk) -> tuple[Callable[[], Any], Check]:
    queue, worker = new_id(), new_id()
    desk.store_new(4, queue)

    def check(answer: Any) -> None:
        held = desk.running(worker)
        if isinstance(answer, OutcomeUnknown):
            assert len(held) in (0, 3)
        elif isinstance(answer, HoldfastError):
            assert not held, "an error, and jobs were taken"
        else:
            assert {job.id for job in answer} == held, "the answer and the database differ"
            assert len(held) == 3
            assert {job.token for job in answer} == {1}

    wanted = Wanted(worker, new_id(), 30.0, 3, queues=(queue,))
    return (lambda: desk.store.run(jobs.claim(wanted), "claim")), check


def verdicts(taken: list[ClaimedJob]) -> list[Ending]:
    """One of each kind."""
    kinds = [
        Finish(JobState.SUCCEEDED, 3600.0, result="7"),
        Finish(JobState.FAILED, 0.0, error='{"attempt": 1, "kind": "E", "message": ""}'),
        Requeue(JobState.SCHEDULED, "retry", 60.0, '{"attempt": 1, "kind": "E", "message": ""}'),
        Requeue(JobState.READY, uncounted=True),
    ]
    return [Ending(lease_of(job), verdict) for job, verdict in zip(taken, kinds, strict=False)]


EXPECTED = [("history", "succeeded", 1), ("history", "failed", 1), ("jobs", "scheduled", 1), ("jobs", "ready", 1)]


def end_one(desk: Desk) -> tuple[Callable[[], Any], Check]:
    return end(desk, 1)


def end_mixed(desk: Desk) -> tuple[Callable[[], Any], Check]:
    return end(desk, 4)


def end(desk: Desk, number: int) -> tuple[Callable[[], Any], Check]:
    taken = desk.take(number)

    def check(answer: Any) -> None:
        places = list(desk.rows([job.id for job in taken]).values())
        untouched = [[("jobs", "running", 1)]] * number
        written = [[place] for place in EXPECTED[:number]]
        if isinstance(answer, OutcomeUnknown):
            assert places in (untouched, written)
        elif isinstance(answer, HoldfastError):
            assert places == untouched
        else:
            assert answer == [Held.DONE] * number
            assert places == written

    return (lambda: desk.store.run(jobs.end(verdicts(taken)))), check


def end_of_another(desk: Desk) -> tuple[Callable[[], Any], Check]:
    """A late end: the job has another claim by now."""
    stale = desk.take(2)
    desk.store.run(jobs.end([Ending(lease_of(job), Requeue(JobState.READY, uncounted=True)) for job in stale]))
    again = desk.store.run(jobs.claim(Wanted(new_id(), new_id(), 30.0, 2, queues=(stale[0].queue,))), "claim")
    assert {job.token for job in again} == {2}

    def check(answer: Any) -> None:
        if not isinstance(answer, HoldfastError):
            assert answer == [Held.LOST] * 2
        assert list(desk.rows([job.id for job in stale]).values()) == [[("jobs", "running", 2)]] * 2

    return (lambda: desk.store.run(jobs.end(verdicts(stale)))), check


def renew(desk: Desk) -> tuple[Callable[[], Any], Check]:
    taken = desk.take(2, lease=5.0)

    def check(answer: Any) -> None:
        if not isinstance(answer, HoldfastError):
            assert answer == [Held.DONE] * 2
        assert list(desk.rows([job.id for job in taken]).values()) == [[("jobs", "running", 1)]] * 2

    return (lambda: desk.store.run(leases.renew([(lease_of(job), 0.1) for job in taken], 30.0), "lease")), check


def rescue(desk: Desk) -> tuple[Callable[[], Any], Check]:
    taken = desk.take(3, lease=-1.0)

    def check(answer: Any) -> None:
        places = list(desk.rows([job.id for job in taken]).values())
        untouched, back = [[("jobs", "running", 1)]] * 3, [[("jobs", "ready", 1)]] * 3
        if isinstance(answer, OutcomeUnknown):
            assert places in (untouched, back)
        elif isinstance(answer, HoldfastError):
            assert places == untouched
        else:
            assert places == back
        crashes = desk.database.ask("select max(crashes) from {jobs}")[0][0]
        assert crashes <= 1

    def judged(lapsed: Any) -> Requeue:
        return Requeue(JobState.READY, "rescued", uncounted=True, crashed=True)

    return (lambda: desk.store.run(duties.rescue(judged))), check


def sign(desk: Desk) -> tuple[Callable[[], Any], Check]:
    """A worker's life besides its jobs: signs of life, leadership, leaving."""
    boot = new_id()
    said = workers.Sign(boot, "w", "host", 1, None, "count_up", 30.0, 0, "0")

    def call() -> None:
        desk.store.run(workers.seen(said), "lease")
        assert desk.store.run(duties.lead(boot, boot, 5.0)) is not None
        desk.store.run(duties.promote())
        desk.store.run(duties.prune())
        desk.store.run(workers.unblock(["count_up"]))
        desk.store.run(duties.abdicate(boot, boot))
        desk.store.run(workers.gone(boot), "lease")

    def check(answer: Any) -> None:
        table = "holdfast_workers" if desk.database.kind == "sqlite" else "holdfast.workers"
        there = desk.database.ask(f"select count(*) from {table} where boot = %s", boot)[0][0]
        if not isinstance(answer, HoldfastError):
            assert there == 0

    return call, check


def work_once(desk: Desk) -> tuple[Callable[[], Any], Check]:
    numbers = [next(numbered) for _ in range(3)]
    made = desk.app.enqueue_many([count_up.call(n) for n in numbers])

    def check(answer: Any) -> None:
        desk.wire.heal()
        for _ in range(100):
            if all(desk.app.jobs.get(job.id).state.finished for job in made):  # type: ignore[union-attr]
                break
            desk.app.work_once(queues=["default"])
        ended_once(desk, [job.id for job in made], numbers)

    return (lambda: desk.app.work_once(batch=5, queues=["default"])), check


def worker(desk: Desk) -> tuple[Callable[[], Any], Check]:
    """A worker starts, works and stops."""
    numbers = [next(numbered) for _ in range(3)]
    made = desk.app.enqueue_many([count_up.call(n) for n in numbers])

    async def work() -> None:
        async with desk.app.worker(queues=["default"], poll_interval=0.05):
            for job in made:
                while True:
                    try:
                        await job.aresult(5)
                        break
                    except DatabaseUnavailable:
                        await asyncio.sleep(0.01)

    def check(answer: Any) -> None:
        if not isinstance(answer, HoldfastError):
            ended_once(desk, [job.id for job in made], numbers)
            assert {ran[n] for n in numbers} == {1}

    return (lambda: asyncio.run(work())), check


def ended_once(desk: Desk, ids: list[str], numbers: list[int]) -> None:
    assert list(desk.rows(ids).values()) == [[("history", "succeeded", 1)]] * len(ids) or all(
        [place[:2] for place in places] == [("history", "succeeded")] for places in desk.rows(ids).values()
    )
    assert all(ran[n] >= 1 for n in numbers)


numbered = count()

SCENES: list[Scene] = [
    enqueue_one,
    enqueue_many,
    enqueue_together,
    enqueue_and_run,
    claim,
    end_one,
    end_mixed,
    end_of_another,
    renew,
    rescue,
    sign,
    work_once,
    worker,
]
WHOLE = (work_once, worker)
"""Scenes whose calls come from several threads: only their kinds are the same from run to run."""


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_nth_call_fails(scene: Scene, desk: Desk, record_property: pytest.RecordProperty) -> None:
    fail_each_call(scene, scene.__name__, desk, record_property)


def fail_each_call(scene: Scene, name: str, desk: Desk, record_property: pytest.RecordProperty) -> None:
    """The scene once for every call it makes, and every way in which that may fail."""
    faults = answered = refused = unknown = 0
    for moment in ("unsent", "before", "after"):
        for lasting in (False, True):
            if lasting and scene in WHOLE:
                continue
            for at in count(1):
                fault = Fault(at, moment, lasting)
                call, check = scene(desk)
                desk.wire.arm(fault)
                answer = outcome(call)
                hit = desk.wire.hit
                calls = list(desk.wire.calls)
                desk.wire.heal()
                try:
                    assert lasting or not isinstance(answer, DatabaseError), f"{answer!r}: one lost call is repeated"
                    check(answer)
                except AssertionError as error:
                    raise AssertionError(f"{name}, {fault} (of {calls}): {answer!r}: {error}") from error
                if not hit:
                    break
                faults += 1
                answered += not isinstance(answer, DatabaseError)
                refused += isinstance(answer, DatabaseError) and not isinstance(answer, OutcomeUnknown)
                unknown += isinstance(answer, OutcomeUnknown)
    counts = {"faults": faults, "answered": answered, "refused": refused, "unknown": unknown, "dishonest answers": 0}
    record_property(COUNTS, (f"n-th call {desk.database.kind}", counts))


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except DatabaseError as error:
        return error
