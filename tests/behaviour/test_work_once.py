"""`work_once`: duties first, then some jobs, then an answer."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from holdfast import Holdfast, JobState, Report, Retry
from holdfast.errors import InvalidOption, MisuseError
from holdfast.testing import Clock, drain

from .conftest import MakeApp
from .support import until, vanish


def test_the_report(app: Holdfast) -> None:
    @app.task
    def good() -> None: ...

    @app.task
    def bad() -> None:
        raise ValueError

    @app.task(retry=Retry(3, "1h"))
    def again() -> None:
        raise ValueError

    app.enqueue_many([good.call(), good.call(), bad.call(), again.call()])
    assert app.work_once() == Report(claimed=4, succeeded=2, failed=1, retried=1)
    assert app.work_once() == Report()


def test_a_batch_and_no_more(app: Holdfast) -> None:
    @app.task
    def work() -> None: ...

    app.enqueue_many([work.call() for _ in range(25)])
    assert [app.work_once(batch=10).succeeded for _ in range(4)] == [10, 10, 5, 0]


def test_jobs_that_jobs_make_count_within_the_batch(app: Holdfast) -> None:
    @app.task
    def chain(n: int) -> None:
        if n > 1:
            chain.enqueue(n - 1)

    chain.enqueue(100)
    assert app.work_once(batch=10).succeeded == 10
    assert app.jobs.count() == {"succeeded": 10, "ready": 1}


def test_it_promotes_rescues_and_runs_in_one_call(make_app: MakeApp, clock: Clock) -> None:
    app = make_app()

    @app.task
    def work(n: int) -> int:
        return n

    lost = work.enqueue(1)
    boot = vanish(app, lost)
    late = work.using(delay="1h").enqueue(2)
    clock.advance("1h")
    assert app.work_once() == Report(claimed=2, succeeded=2)
    assert (lost.result(), late.result()) == (1, 2)
    record = lost.refresh()
    assert (record.crashes, record.attempt) == (1, 1)
    assert [(error.kind, error.worker) for error in record.errors] == [("crashed", boot)]


def test_a_retry_is_promoted_when_due(app: Holdfast, clock: Clock) -> None:
    @app.task(retry=Retry(2, "10m", jitter=0))
    def flaky() -> None:
        raise ValueError

    job = flaky.enqueue()
    assert app.work_once().retried == 1
    assert app.work_once().claimed == 0
    clock.advance("10m")
    assert app.work_once().failed == 1
    assert job.refresh().state is JobState.FAILED


def test_it_prunes(app: Holdfast, clock: Clock) -> None:
    @app.task(keep_succeeded="400d")
    def work() -> None: ...

    job = work.enqueue()
    app.work_once()
    clock.advance(timedelta(days=401))
    app.work_once()
    assert app.jobs.get(job.id) is None


def test_a_deadline_gives_back_what_is_not_done(live: Holdfast) -> None:
    release = threading.Event()

    @live.task
    async def slow() -> None:
        await asyncio.sleep(30)

    @live.task
    def stuck() -> None:
        release.wait(30)

    jobs = [slow.enqueue(), stuck.enqueue(), slow.enqueue(), slow.enqueue()]
    before = time.monotonic()
    report = live.work_once(concurrency=2, deadline="200ms")
    assert time.monotonic() - before < 10
    assert (report.claimed, report.succeeded, report.left) == (2, 0, 2)
    for job in jobs:
        record = job.refresh()
        assert (record.state, record.attempt, record.crashes, record.errors) == (JobState.READY, 0, 0, ())
    release.set()


def test_a_deadline_far_away_does_not_matter(app: Holdfast) -> None:
    @app.task
    def work() -> None: ...

    work.enqueue()
    assert app.work_once(deadline="50s").succeeded == 1


@pytest.mark.parametrize("deadline", ["soon", -1, object()])
def test_a_deadline_that_cannot_be(app: Holdfast, deadline: Any) -> None:
    with pytest.raises(InvalidOption, match="deadline"):
        app.work_once(deadline=deadline)


def test_concurrency_within_one_call(live: Holdfast) -> None:
    meet = threading.Barrier(3, timeout=20)

    @live.task
    def work() -> int:
        return meet.wait()

    jobs = live.enqueue_many([work.call() for _ in range(3)])
    live.work_once(concurrency=3)
    assert sorted(job.result() for job in jobs) == [0, 1, 2]


async def test_on_a_loop_it_is_awaited(app: Holdfast) -> None:
    @app.task
    async def work() -> None: ...

    await work.aenqueue()
    with pytest.raises(MisuseError, match="awork_once"):
        app.work_once()
    assert (await app.awork_once()).succeeded == 1


def test_beside_a_worker_each_job_runs_once(make_app: MakeApp) -> None:
    ran: list[int] = []
    app = make_app(clock=None)

    @app.task
    def work(n: int) -> None:
        ran.append(n)

    jobs = app.enqueue_many([work.call(n) for n in range(200)])
    with app.worker(concurrency=4):
        while app.work_once(batch=5).claimed:
            pass
        for job in jobs:
            job.result(timeout=20)
    assert sorted(ran) == list(range(200))


def test_many_calls_at_once(live: Holdfast) -> None:
    ran: list[int] = []

    @live.task
    def work(n: int) -> None:
        ran.append(n)

    live.enqueue_many([work.call(n) for n in range(60)])
    threads = [threading.Thread(target=live.work_once, args=(20,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(ran) == list(range(60))


def test_no_worker_is_left_on_the_list(app: Holdfast) -> None:
    from holdfast.storage.ops.inspect import workers

    @app.task
    def work() -> int:
        return len(app.store.run(workers(), "read"))

    job = work.enqueue()
    app.work_once()
    assert job.result() == 1
    assert app.store.run(workers(), "read") == []


def test_duties_alone(app: Holdfast, clock: Clock) -> None:
    @app.task
    def work() -> None: ...

    lost = work.enqueue()
    vanish(app, lost)
    late = work.using(delay="5m").enqueue()
    clock.advance("10m")
    app.do_duties()
    assert (lost.refresh().state, late.refresh().state) == (JobState.READY, JobState.READY)
    assert drain(app).succeeded == 2


def test_a_worker_promotes_by_itself(live: Holdfast) -> None:
    @live.task
    def work() -> str:
        return "in time"

    with live.worker(poll_interval=0.2):
        job = work.using(delay=0.3).enqueue()
        assert job.result(timeout=20) == "in time"
    record = job.refresh()
    assert record.started_at is not None
    assert record.started_at >= record.due_at - timedelta(milliseconds=5)


def test_workers_without_a_leader_leave_the_duties_to_others(live: Holdfast) -> None:
    @live.task
    def work() -> None: ...

    job = work.using(delay=0.05).enqueue()
    with live.worker(leader=False, poll_interval=0.05):
        time.sleep(0.5)
        assert job.refresh().state is JobState.SCHEDULED
        with live.worker(poll_interval=0.05):
            until(lambda: job.refresh().state is JobState.SUCCEEDED)


def test_another_worker_takes_the_lead(make_app: MakeApp) -> None:
    one, other = make_app(clock=None), make_app(clock=None)

    def work() -> str:
        return "promoted"

    task = one.task(work)
    other.task(work)
    with other.worker(poll_interval=0.1):
        with one.worker(poll_interval=0.1):
            assert task.using(delay=0.2).enqueue().result(timeout=20) == "promoted"
        assert task.using(delay=0.2).enqueue().result(timeout=20) == "promoted"


@pytest.mark.slow
def test_a_leader_that_vanishes_is_replaced(make_app: MakeApp) -> None:
    from holdfast.ids import new_id
    from holdfast.storage.ops.duties import lead

    app = make_app(clock=None)

    @app.task
    def work() -> str:
        return "promoted"

    assert app.store.run(lead("caretaker", new_id(), 5.0)) is not None, "and is never heard of again"
    with app.worker(poll_interval=0.1):
        began = time.monotonic()
        assert work.using(delay=0.2).enqueue().result(timeout=20) == "promoted"
        assert time.monotonic() - began < 9
