"""Why a job does not run: each reason by its code, its sentence, and when it should start."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from holdfast import Holdfast, Limit, Retry, sleep
from holdfast.errors import InvalidOption, JobNotFound
from holdfast.ids import new_id
from holdfast.testing import Clock, drain

from .conftest import MakeApp
from .support import until, vanish


def codes(app: Holdfast, job: Any) -> list[str]:
    found = app.jobs.explain(job.id)
    assert str(found).startswith(f"{found.task} {job.id} is {found.state}")
    assert all(reason.text and not reason.text.endswith(".") for reason in found.reasons)
    return [reason.code for reason in found.reasons]


def test_what_is_due_later(app: Holdfast, clock: Clock) -> None:
    @app.task(retry=Retry(3, "1m"))
    def fails() -> None:
        raise ValueError("no")

    job = fails.using(delay="5m").enqueue()
    found = app.jobs.explain(job.id)
    assert [reason.code for reason in found.reasons] == ["not_due"]
    assert found.expected_at == job.record.due_at
    assert "it is due in 5 min; expected to start at " in str(found)
    clock.advance("5m")
    assert codes(app, job) == ["no_leader"]
    drain(app)
    found = app.jobs.explain(job.id)
    assert [reason.code for reason in found.reasons] == ["retry"]
    assert "attempt 2 of 3" in str(found)
    assert found.expected_at == job.refresh().due_at


def test_what_nobody_takes(app: Holdfast, make_app: MakeApp) -> None:
    @app.task
    def work() -> None: ...

    job = work.using(queue="mail").enqueue()
    assert codes(app, job) == ["no_worker"]
    other = make_app(clock=None)

    @other.task
    def different() -> None: ...

    with other.worker(queues=["slow"], leader=False):
        assert codes(app, job) == ["queue_not_served"]
    with other.worker(queues=["mail"], leader=False):
        until(lambda: codes(other, job) == ["unknown_task"])
        assert "work" in str(other.jobs.explain(job.id))


def test_what_is_held_up_by_its_queue(app: Holdfast, clock: Clock) -> None:
    @app.task(queue="mail")
    def work() -> None: ...

    job = work.enqueue()
    app.queues.pause("mail", by="ops")
    assert codes(app, job) == ["queue_paused", "no_worker"]
    assert "paused by ops" in str(app.jobs.explain(job.id))
    app.queues.resume("mail")
    app.queues.configure("mail", concurrency=1)
    vanish(app, job)
    second = work.enqueue()
    assert codes(app, second) == ["queue_full", "no_worker"]
    app.queues.configure("mail", concurrency=None, rate="1/h")
    app.jobs.delete(job.id)
    third = work.enqueue()
    app.work_once(batch=1)
    found = app.jobs.explain(third.id)
    assert found.reasons[0].code == "queue_paced"
    assert found.reasons[0].until is not None


def test_what_waits_for_others(app: Holdfast, clock: Clock) -> None:
    @app.task
    def work(fail: bool = False) -> None:
        if fail:
            raise ValueError("no")

    first = work.using(delay="1h").enqueue()
    second = work.using(after=first).enqueue()
    found = app.jobs.explain(second.id)
    assert [(reason.code, reason.data["id"]) for reason in found.reasons] == [("dependency", first.id)]
    assert f"waits for job work {first.id} to succeed, which is scheduled" in str(found)


def test_groups_and_limits(app: Holdfast, clock: Clock) -> None:
    @app.task(group="g", on_failure="stop")
    def grouped(fail: bool = False) -> None:
        if fail:
            raise ValueError("no")

    bad, good, last = (grouped.enqueue(fail) for fail in (True, False, False))
    found = app.jobs.explain(good.id)
    assert [reason.code for reason in found.reasons] == ["group_full"]
    assert bad.id in str(found)
    assert "1 job before it" in str(app.jobs.explain(last.id))
    drain(app)
    found = app.jobs.explain(good.id)
    assert [(reason.code, reason.data["job"]) for reason in found.reasons] == [("group_stopped", bad.id)]

    @app.task(limit=Limit(name="api", throttle="1/m"))
    def paced() -> None: ...

    jobs = [paced.enqueue() for _ in range(2)]
    drain(app)
    found = app.jobs.explain(jobs[1].id)
    assert [reason.code for reason in found.reasons] == ["throttled"]
    assert found.expected_at is not None

    @app.task(limit=Limit(name="quick", throttle="1000/s"))
    def quick() -> None: ...

    first, second = quick.enqueue(), quick.enqueue()
    clock.advance(1)
    assert f"limit quick starts one every 1 ms, and job {first.id} is next" in str(app.jobs.explain(second.id))


def test_what_runs_and_what_has_ended(live: Holdfast) -> None:
    begun, go = threading.Event(), threading.Event()

    @live.task
    def work() -> None:
        begun.set()
        go.wait(10)

    job = work.enqueue()
    with live.worker(name="Ada"):
        assert begun.wait(10)
        until(lambda: codes(live, job)[0] in ("running", "taken_ahead"))
        assert "Ada" in str(live.jobs.explain(job.id))
        go.set()
        job.result(timeout=10)
    until(lambda: codes(live, job) == ["ended"])
    assert "succeeded" in str(live.jobs.explain(job.id))


def test_a_lease_that_ran_out_and_time_that_is_over(app: Holdfast, clock: Clock) -> None:
    @app.task
    def work() -> None: ...

    job = work.enqueue()
    vanish(app, job)
    assert codes(app, job) == ["worker_vanished"]
    clock.advance("31s")
    assert codes(app, job) == ["lease_ran_out"]
    late = work.using(expires="1m").enqueue()
    clock.advance("2m")
    assert codes(app, late) == ["expired"]


def test_what_sleeps(app: Holdfast, clock: Clock) -> None:
    @app.task
    async def naps() -> None:
        await sleep("1h")

    job = naps.enqueue()
    drain(app)
    assert codes(app, job) == ["sleeps"]


def test_bad_input(app: Holdfast) -> None:
    with pytest.raises(JobNotFound):
        app.jobs.explain(new_id())
    with pytest.raises(InvalidOption):
        app.jobs.explain("x")
    assert asyncio.iscoroutinefunction(app.jobs.aexplain)


async def test_on_event_loops(app: Holdfast) -> None:
    @app.task
    def work() -> None: ...

    job = await work.aenqueue()
    assert str(await app.jobs.aexplain(job.id)) == str(app.jobs.explain(job.id))
