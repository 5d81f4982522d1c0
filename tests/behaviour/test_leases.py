"""Leases: renewed while a body runs, taken over when its worker vanishes, and fenced for ever after."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from holdfast import Context, Holdfast, JobState, Retry
from holdfast.errors import DatabaseUnavailable, JobFailed, JobStalled
from holdfast.ids import new_id
from holdfast.leader.duties import rescue
from holdfast.model.lifecycle import Finish
from holdfast.storage.ops.jobs import Ending, Held, Wanted, claim, end, lease_of
from holdfast.testing import Clock, drain

from .conftest import MakeApp
from .support import auntil, until, vanish


def test_a_crash_spends_no_attempt_and_is_counted(app: Holdfast, clock: Clock) -> None:
    @app.task
    def work() -> str:
        return "at last"

    job = work.enqueue()
    boot = vanish(app, job)
    running = job.record
    assert (running.state, running.attempt, running.worker) == (JobState.RUNNING, 1, boot)
    clock.advance(29.9)
    app.do_duties()
    assert job.refresh().state is JobState.RUNNING, "its lease lasts"
    clock.advance(0.2)
    app.do_duties()
    record = job.refresh()
    assert (record.state, record.reason, record.attempt, record.crashes) == (JobState.READY, "rescued", 0, 1)
    assert (record.worker, record.max_attempts) == (None, 1)
    assert [error.kind for error in record.errors] == ["crashed"]
    assert record.errors[0].worker == boot
    assert record.errors[0].at == clock.now()
    drain(app)
    assert job.result() == "at last"
    assert (job.refresh().attempt, job.record.crashes) == (1, 1)


def test_crashes_and_failures_are_counted_apart(app: Holdfast, clock: Clock) -> None:
    @app.task(retry=Retry(2, base=0))
    def work() -> None:
        raise ValueError

    job = work.enqueue()
    vanish(app, job)
    clock.advance("31s")
    app.do_duties()
    assert drain(app).failed == 1
    record = job.refresh()
    assert (record.attempt, record.crashes) == (2, 1)
    assert [error.kind for error in record.errors] == ["crashed", "ValueError", "ValueError"]


def test_a_poison_job_ends_failed_after_three_crashes(app: Holdfast, clock: Clock) -> None:
    @app.task(retry=10)
    def work() -> None: ...

    job = work.enqueue()
    vanish(app, job)
    clock.advance("31s")
    app.do_duties()
    assert (job.refresh().state, job.record.crashes) == (JobState.READY, 1), "the first is an ordinary one"
    vanish(app, job)
    clock.advance("31s")
    app.do_duties()
    record = job.refresh()
    assert (record.state, record.reason, record.crashes) == (JobState.SCHEDULED, "suspect", 2)
    assert record.due_at == clock.now() + timedelta(seconds=10)
    clock.advance("10s")
    app.do_duties()
    vanish(app, job)
    clock.advance("31s")
    app.do_duties()
    record = job.refresh()
    assert (record.state, record.reason, record.crashes) == (JobState.FAILED, "crashed", 3)
    assert [error.kind for error in record.errors] == ["crashed"] * 3
    with pytest.raises(JobFailed) as caught:
        job.result()
    assert caught.value.kind == "crashed"


def test_a_suspect_that_does_no_harm_ends_like_any_job(app: Holdfast, clock: Clock) -> None:
    @app.task
    def work() -> str:
        return "innocent"

    job = work.enqueue()
    for _ in range(2):
        vanish(app, job)
        clock.advance("31s")
        app.do_duties()
    clock.advance("10s")
    assert drain(app).succeeded == 1
    assert (job.result(), job.refresh().crashes, job.record.attempt) == ("innocent", 2, 1)


@pytest.mark.parametrize(("most", "allowed"), [(1, 1), (2, 2), (5, 5)])
def test_max_crashes(app: Holdfast, clock: Clock, most: int, allowed: int) -> None:
    @app.task(max_crashes=most)
    def work() -> None: ...

    job = work.enqueue()
    for crash in range(1, allowed + 1):
        vanish(app, job)
        clock.advance("31s")
        app.do_duties()
        assert job.refresh().crashes == crash
        assert (job.record.state is JobState.FAILED) == (crash == allowed)
        clock.advance("10s")
        app.do_duties()


def test_no_limit_to_crashes_turns_suspicion_off(app: Holdfast, clock: Clock) -> None:
    @app.task(max_crashes=None)
    def work() -> None: ...

    job = work.enqueue()
    for crash in range(1, 8):
        vanish(app, job)
        clock.advance("31s")
        app.do_duties()
        assert (job.refresh().state, job.record.crashes) == (JobState.READY, crash)
    assert drain(app).succeeded == 1


def test_on_crash_stall(app: Holdfast, clock: Clock) -> None:
    @app.task(on_crash="stall", retry=5)
    def work() -> None: ...

    job = work.enqueue()
    vanish(app, job)
    clock.advance("31s")
    app.do_duties()
    record = job.refresh()
    assert (record.state, record.reason) == (JobState.STALLED, "crashed")
    with pytest.raises(JobStalled, match="crashed"):
        job.result()
    clock.advance("1d")
    assert drain(app).claimed == 0, "it is never retried by itself"


def test_suspects_run_one_at_a_time_in_a_process(make_app: MakeApp, clock: Clock) -> None:
    app = make_app()
    most = 0
    now = 0
    lock = threading.Lock()

    @app.task
    def work() -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1

    jobs = app.enqueue_many([work.call() for _ in range(5)])
    for _ in range(2):
        claimed = app.store.run(claim(Wanted(new_id(), new_id(), 30.0, 10)), "claim")
        assert len(claimed) == 5
        clock.advance("31s")
        app.do_duties()
        clock.advance("10s")
        app.do_duties()
    assert all((job.refresh().crashes, job.record.state) == (2, JobState.READY) for job in jobs)
    with app.worker(concurrency=5, poll_interval=0.02):
        for job in jobs:
            job.result(timeout=20)
    assert most == 1
    assert all(job.refresh().attempt == 1 for job in jobs)


def test_an_ordinary_job_passes_a_suspect_that_waits(make_app: MakeApp, clock: Clock) -> None:
    app = make_app()
    began, release = threading.Event(), threading.Event()

    @app.task
    def suspicious() -> None:
        began.set()
        assert release.wait(20)

    @app.task
    def ordinary() -> str:
        return "went by"

    jobs = app.enqueue_many([suspicious.call() for _ in range(3)])
    for _ in range(2):
        app.store.run(claim(Wanted(new_id(), new_id(), 30.0, 10)), "claim")
        clock.advance("31s")
        app.do_duties()
        clock.advance("10s")
        app.do_duties()
    with app.worker(concurrency=3, poll_interval=0.02):
        assert began.wait(20)
        assert ordinary.enqueue().result(timeout=20) == "went by"
        release.set()
        for job in jobs:
            job.result(timeout=20)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_a_lease_is_renewed_while_the_body_runs(make_app: MakeApp, kind: str) -> None:
    app, other = make_app(clock=None), make_app(clock=None)
    ran: list[int] = []

    async def loop(ctx: Context) -> int:
        ran.append(ctx.job.attempt)
        await asyncio.sleep(3)
        return ctx.job.attempt

    def thread(ctx: Context) -> int:
        ran.append(ctx.job.attempt)
        time.sleep(3)
        return ctx.job.attempt

    body: Any = loop if kind == "async" else thread
    task: Any = app.task(name="work")(body)
    other.task(name="work")(body)
    with app.worker(lease=1, poll_interval=0.1), other.worker(lease=1, poll_interval=0.1):
        job = task.enqueue()
        assert job.result(timeout=20) == 1
    record = job.refresh()
    assert (record.attempt, record.crashes, ran) == (1, 0, [1])


@pytest.mark.slow
def test_a_body_that_blocks_the_loop_keeps_its_lease(make_app: MakeApp) -> None:
    app, other = make_app(clock=None), make_app(clock=None)
    ran: list[int] = []

    async def rude() -> str:
        ran.append(1)
        time.sleep(2.5)
        return "done"

    task: Any = app.task(rude)
    other.task(rude)
    with app.worker(lease=1, poll_interval=0.1):
        job = task.enqueue()
        until(lambda: ran)
        with other.worker(lease=1, poll_interval=0.1):
            assert job.result(timeout=20) == "done"
    assert (job.refresh().attempt, job.record.crashes, ran) == (1, 0, [1])


def take_over(app: Holdfast, job: Any) -> Any:
    """What another worker does after this one's lease is thought to have run out: rescue, claim."""
    record = job.refresh()
    assert record.state is JobState.RUNNING
    sql = {
        "SqliteStore": "update holdfast_jobs set lease_until = 0 where id = ?",
        "PostgresStore": "update \"holdfast\".jobs set lease_until = now() - interval '1 day' where id = %s",
    }[type(app.store).__name__]
    while job.refresh().state is JobState.RUNNING:  # once more where its worker has renewed the lease in between
        with app.transaction() as connection:
            connection.execute(sql, (job.id,))
        rescue.run_once(app.store, app._bus)
    assert job.record.state is JobState.READY
    claimed = app.store.run(claim(Wanted(new_id(), new_id(), 60.0, 1)), "claim")
    assert [one.id for one in claimed] == [job.id]
    return claimed[0]


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_a_body_that_lost_its_lease_changes_nothing_and_is_told(make_app: MakeApp, kind: str) -> None:
    app, other = make_app(clock=None), make_app(clock=None)
    began, release = threading.Event(), threading.Event()
    told: list[str] = []
    lost: list[Any] = []
    app.on("lease.lost", lost.append)

    @app.task(name="work", retry=3)
    async def loop(ctx: Context) -> str:
        began.set()
        try:
            while not release.is_set():
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            told.append("cancelled")
            raise
        return "by the late worker"

    @app.task(name="thread", retry=3)
    def thread(ctx: Context) -> str:
        began.set()
        while not ctx.cancelled and not release.wait(0.01):
            pass
        told.append("cancelled" if ctx.cancelled else "not told")
        return "by the late worker"

    job = (loop if kind == "async" else thread).enqueue()
    with app.worker(lease=1, leader=False, concurrency=1, poll_interval=0.05):
        assert began.wait(20)
        taken = take_over(other, job)
        until(lambda: told)
        until(lambda: lost)
        assert told == ["cancelled"]
        release.set()
    record = job.refresh()
    assert (record.state, record.attempt, record.crashes) == (JobState.RUNNING, 1, 1)
    assert record.worker == taken_worker(other, job)
    verdict = Finish(JobState.SUCCEEDED, 60.0, result='"by the new one"')
    assert other.store.run(end([Ending(lease_of(taken), verdict)])) == [Held.DONE]
    assert job.result() == "by the new one"


def taken_worker(app: Holdfast, job: Any) -> str | None:
    return job.refresh().worker


def test_a_late_result_is_refused(make_app: MakeApp) -> None:
    app, other = make_app(clock=None), make_app(clock=None)
    began, release = threading.Event(), threading.Event()
    lost: list[Any] = []
    app.on("lease.lost", lost.append)

    @app.task
    def work() -> str:
        began.set()
        assert release.wait(20)
        return "by the late worker"

    job = work.enqueue()
    with app.worker(lease=60, leader=False, concurrency=1):
        assert began.wait(20)
        taken = take_over(other, job)
        release.set()
        until(lambda: lost)
        assert job.refresh().state is JobState.RUNNING
    assert len(lost) == 1
    verdict = Finish(JobState.SUCCEEDED, 60.0, result='"by the new one"')
    assert other.store.run(end([Ending(lease_of(taken), verdict)])) == [Held.DONE]
    assert job.result() == "by the new one"


def test_an_expired_lease_that_nobody_took_may_still_finish(app: Holdfast, clock: Clock) -> None:
    @app.task
    def work() -> str:
        clock.advance("10m")
        return "late, but the only one"

    job = work.enqueue()
    drain(app)
    assert job.result() == "late, but the only one"
    assert job.refresh().crashes == 0


def test_a_lease_lost_in_the_body_is_no_failure_that_except_catches(make_app: MakeApp) -> None:
    from holdfast.errors import LeaseLost

    app = make_app()

    @app.task(retry=5)
    def work() -> None:
        try:
            raise LeaseLost("another worker holds the job")
        except Exception:
            raise AssertionError("`except Exception` must not catch it") from None

    job = work.enqueue()
    app.work_once()
    record = job.refresh()
    assert (record.state, record.errors) == (JobState.RUNNING, ()), "nothing is written: it is another's job"


async def test_a_worker_that_cannot_renew_claims_nothing_more(
    live: Holdfast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[int] = []

    @live.task
    async def work(n: int) -> None:
        ran.append(n)

    @live.task
    async def long() -> None:
        await asyncio.sleep(60)

    worker = live.worker(lease=1, leader=False, poll_interval=0.02)
    await worker.start()
    await (await work.aenqueue(1)).aresult(timeout=20)
    await long.aenqueue()
    store: Any = live.store
    real = store.run

    def away(op: Any, lane: str = "write") -> Any:
        if lane == "lease":
            raise DatabaseUnavailable("a network that only the lease thread sees")
        return real(op, lane)

    monkeypatch.setattr(store, "run", away)
    await auntil(lambda: not worker._engine.renewer.healthy)  # type: ignore[union-attr]
    assert "leases cannot be renewed" in caplog.text
    job = await work.aenqueue(2)
    await asyncio.sleep(0.3)
    assert ran == [1]
    assert (await job.arefresh()).state is JobState.READY
    monkeypatch.setattr(store, "run", real)
    await job.aresult(timeout=20)
    assert ran == [1, 2]
    await worker.stop(grace=0)


def test_a_job_whose_worker_vanished_runs_on_another(make_app: MakeApp) -> None:
    app = make_app(clock=None)

    @app.task
    def work() -> str:
        return "rescued"

    job = work.enqueue()
    vanish(app, job, lease=0.3)
    with app.worker(lease=1, poll_interval=0.05):
        assert job.result(timeout=20) == "rescued"
    assert (job.refresh().crashes, job.record.attempt) == (1, 1)


async def test_an_abandoned_engine_is_a_crash(make_app: MakeApp) -> None:
    app, other = make_app(clock=None), make_app(clock=None)
    began = asyncio.Event()

    async def work(ctx: Context) -> int:
        began.set()
        if ctx.job.crashes == 0:
            await asyncio.sleep(60)
        return ctx.job.crashes

    task = app.task(work)
    other.task(work)
    worker = app.worker(lease=1, leader=False)
    await worker.start()
    job = await task.aenqueue()
    await began.wait()
    engine = worker._engine
    assert engine is not None
    engine.renewer.stop()  # what a SIGKILL does to it, as far as the database can see
    engine.claimer.paused = True
    async with other.worker(lease=1, poll_interval=0.05):
        assert await job.aresult(timeout=20) == 1
    await worker.stop(grace=0)
    record = await job.arefresh()
    assert (record.state, record.attempt, record.crashes) == (JobState.SUCCEEDED, 1, 1)


def test_the_list_of_workers(live: Holdfast) -> None:
    from holdfast.storage.ops.inspect import workers

    @live.task(aliases=["old"])
    def work() -> None: ...

    with live.worker({"b": None, "a": 2}, name="front desk", lease=7) as worker:
        (record,) = live.store.run(workers(), "read")
        assert (record.boot, record.name, record.lease, record.alive) == (worker.id, "front desk", 7.0, True)
        assert json.loads(record.queues or "") == ["b", "a"]
        assert json.loads(record.tasks) == ["work", "old"]
    assert live.store.run(workers(), "read") == []


def test_two_workers_of_one_name_are_two(live: Holdfast) -> None:
    from holdfast.storage.ops.inspect import workers

    with live.worker(name="same") as one, live.worker(name="same") as other:
        assert one.id != other.id
        assert {record.boot for record in live.store.run(workers(), "read")} == {one.id, other.id}
