"""A claim whose answer was lost: what it took is run by who took it, under its first token, and is no crash."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.faults.audit import Database
from tests.faults.faulty import Fault, Wire, wired

from holdfast import Holdfast, Job
from holdfast.clock import monotonic
from holdfast.errors import OutcomeUnknown
from holdfast.storage.ops.jobs import claim
from holdfast.worker.engine import Engine
from holdfast.worker.worker import Worker


async def greet(name: str) -> str:
    return f"hello {name}"


@pytest.fixture
def app(database: Database) -> Iterator[Holdfast]:
    app = Holdfast(database.url, lease=1, poll_interval=0.05)
    app.task(greet)
    app.check()
    app.jobs.list(limit=1)
    yield app
    app.close()


@pytest.fixture
def wire(app: Holdfast) -> Iterator[Wire]:
    with wired(app.store) as wire:
        yield wire
        wire.heal()


async def aenqueue(app: Holdfast, queue: str, name: str) -> Job[str]:
    (task,) = app.tasks
    return await task.using(queue=queue).aenqueue(name)


async def until(reached: Callable[[], Any], what: str) -> None:
    deadline = monotonic() + 10
    while not reached():
        assert monotonic() < deadline, f"not within 10 s: {what}"
        await asyncio.sleep(0.005)


def engine_of(worker: Worker) -> Engine:
    engine = worker._engine
    assert engine is not None
    return engine


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await main()

    asyncio.run(bounded())


def test_a_claim_in_doubt_is_repeated_until_it_is_known(app: Holdfast, wire: Wire) -> None:
    """Its commit came through, its answer did not, and the database stays away for longer than any call waits."""
    told: list[Any] = []
    app._bus.on("database.away", lambda event: told.append(event.details))

    async def main() -> None:
        worker = app.worker(queues=["q"], leader=False)
        async with worker:
            worker.pause()
            job = await aenqueue(app, "q", "you")
            wire.arm(Fault(0, "after", lasting=True), on="claim_queues")
            worker.resume()
            await until(lambda: len([one for one in told if "not known" in one["what"]]) >= 2, "two tries in vain")
            assert all(isinstance(one["cause"], Exception) for one in told)
            wire.heal()
            assert await job.aresult(10) == "hello you"
            record = await job.arefresh()
            assert (record.attempt, record.crashes, record.worker) == (1, 0, worker.id)

    run(main)


def test_what_a_claim_took_after_all_is_found(app: Holdfast, wire: Wire, database: Database) -> None:
    """The server commits the first try only after the repetition has found nothing: these jobs are ours, too."""

    async def main() -> None:
        worker = app.worker(queues=["q"], leader=False)
        async with worker:
            taker = engine_of(worker).claimer.taker
            worker.pause()
            first = await aenqueue(app, "q", "you")
            wire.arm(Fault(0, "before"), on="claim_queues")
            worker.resume()
            assert await first.aresult(10) == "hello you"
            wanted = taker._doubted[0][0]
            late = await aenqueue(app, "late", "latecomer")
            other = Holdfast(database.url)
            taken = await other.store.arun(claim(replace(wanted, queues=("late",))), "claim")
            assert [one.id for one in taken] == [late.id]
            other.close()
            assert await late.aresult(10) == "hello latecomer"
            record = await late.arefresh()
            assert (record.attempt, record.crashes, record.worker) == (1, 0, worker.id)
            await until(lambda: not taker._doubted, "the claim looked after no longer")

    run(main)


def test_work_once_says_that_it_does_not_know(app: Holdfast, wire: Wire) -> None:
    """Somebody waits for it: it asks again once, and raises."""
    asyncio.run(aenqueue(app, "q", "you"))
    wire.arm(Fault(0, "after", lasting=True), on="claim_queues")
    with pytest.raises(OutcomeUnknown):
        app.work_once(queues=["q"])
