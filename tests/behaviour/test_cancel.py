"""Cancelling: what waits never starts, what runs is asked to stop, and nothing is both cancelled and completed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections import Counter
from random import Random
from typing import Any

import pytest

from holdfast import Context, Holdfast, JobState, Retry, RetryIn
from holdfast.errors import JobCancelled, JobNotFound
from holdfast.ids import new_id
from holdfast.testing import Clock, drain

from .conftest import MakeApp
from .support import until, vanish

OVER = {JobState.SUCCEEDED, JobState.CANCELLED}


def cancelled(job: Any) -> tuple[JobState, str | None]:
    record = job.refresh()
    return record.state, record.reason


EXPLICIT = (JobState.CANCELLED, "explicit")


def test_what_waits_is_cancelled_and_never_starts(app: Holdfast, make_app: MakeApp, clock: Clock) -> None:
    ran: list[str] = []

    @app.task
    def work(name: str) -> None:
        ran.append(name)

    ready, later, blocked = work.enqueue("ready"), work.using(delay="1m").enqueue("later"), work.enqueue("blocked")
    other = make_app()

    @other.task
    def unknown() -> None: ...

    other.work_once(batch=2)
    assert blocked.refresh().state is JobState.BLOCKED or ready.refresh().state is JobState.BLOCKED
    for job in (ready, later, blocked):
        record = app.jobs.cancel(job.id)
        assert (record.state, record.reason) == EXPLICIT
        assert record.finished_at == clock.now()
        assert record.attempt == 0
    clock.advance("1h")
    assert drain(app).claimed == 0
    assert ran == []
    with pytest.raises(JobCancelled):
        ready.result()


def test_a_job_that_waits_for_another_run_is_cancelled(app: Holdfast, clock: Clock) -> None:
    @app.task(retry=Retry(5, base="1m", jitter=0))
    def work() -> None:
        raise OSError

    job = work.enqueue()
    drain(app)
    app.jobs.cancel(job.id)
    clock.advance("1h")
    assert drain(app).claimed == 0
    record = job.refresh()
    assert ((record.state, record.reason), len(record.errors)) == (EXPLICIT, 1)


def test_what_has_ended_stays_as_it_is(app: Holdfast) -> None:
    @app.task
    def work(fail: bool) -> int:
        return 1 // (not fail)

    jobs = [work.enqueue(False), work.enqueue(True), work.enqueue(False)]
    app.jobs.cancel(jobs[2].id)
    drain(app)
    for job in jobs:
        before = job.refresh()
        assert app.jobs.cancel(job.id) == before
        assert job.refresh() == before


async def test_its_twin_for_event_loops(app: Holdfast) -> None:
    @app.task
    def work() -> None: ...

    job = await work.aenqueue()
    assert (await app.jobs.acancel(job.id)).state is JobState.CANCELLED
    with pytest.raises(JobNotFound):
        await app.jobs.acancel(new_id())


def test_no_such_job(app: Holdfast) -> None:
    id = new_id()
    with pytest.raises(JobNotFound, match=id) as caught:
        app.jobs.cancel(id)
    assert caught.value.job_id == id


def how_it_stops(app: Holdfast, how: str, begun: threading.Event, seen: list[float]) -> Any:
    """A task that runs for long and ends soon when it is told to."""

    def pieces() -> Any:
        begun.set()
        for number in range(3000):
            time.sleep(0.01)
            yield number

    def note() -> None:
        seen.append(time.monotonic())

    if how == "async":

        @app.task(name="long", retry=3)
        async def along() -> None:
            begun.set()
            try:
                await asyncio.sleep(30)
            finally:
                note()

        return along
    if how == "async track":

        @app.task(name="long", retry=3)
        async def atrack(ctx: Context) -> None:
            try:
                async for _ in ctx.track(range(3000)):
                    begun.set()
                    await asyncio.sleep(0.01)
            finally:
                note()

        return atrack

    @app.task(name="long", retry=3)
    def long(ctx: Context) -> None:
        try:
            for _ in ctx.track(pieces()) if how == "track" else pieces():
                if how == "check":
                    ctx.check()
                if how == "cancelled" and ctx.cancelled:
                    return
        finally:
            note()

    return long


@pytest.mark.parametrize("how", ["async", "async track", "cancelled", "check", "track"])
def test_what_runs_learns_of_it_within_a_second(live: Holdfast, make_app: MakeApp, how: str) -> None:
    begun, seen = threading.Event(), list[float]()
    task = how_it_stops(live, how, begun, seen)
    other = make_app(clock=None)
    with live.worker():
        job = task.enqueue()
        assert begun.wait(10)
        asked = time.monotonic()
        assert other.jobs.cancel(job.id).state is JobState.RUNNING
        until(lambda: seen)
        until(lambda: job.refresh().state.finished)
    assert cancelled(job) == EXPLICIT
    assert job.refresh().attempt == 1
    assert seen[0] - asked < 1.3, "a second, and what a busy machine takes"


def test_how_soon_bodies_learn_of_it(live: Holdfast) -> None:
    """Asked at any moment of the worker's pace: never later than a second."""
    begun = threading.Semaphore(0)
    seen: dict[str, float] = {}

    @live.task
    def long(ctx: Context) -> None:
        begun.release()
        while not ctx.cancelled:
            time.sleep(0.005)
        seen[ctx.job.id] = time.monotonic()

    asked: dict[str, float] = {}
    with live.worker(concurrency=20):
        jobs = [long.enqueue() for _ in range(12)]
        for _ in jobs:
            begun.acquire()
        for job in jobs:
            asked[job.id] = time.monotonic()
            live.jobs.cancel(job.id)
            time.sleep(0.085)
        until(lambda: len(seen) == len(jobs))
    waits = sorted(seen[id] - asked[id] for id in asked)
    assert waits[len(waits) // 2] < 0.8
    assert waits[-1] < 1.3, "a second, and what a busy machine takes"


def test_a_thread_that_does_not_look_goes_on_to_its_end(live: Holdfast) -> None:
    begun, release = threading.Event(), threading.Event()

    @live.task
    def deaf() -> str:
        begun.set()
        release.wait(20)
        return "done"

    with live.worker():
        job = deaf.enqueue()
        assert begun.wait(10)
        live.jobs.cancel(job.id)
        time.sleep(1.2)
        assert job.refresh().state is JobState.RUNNING
        release.set()
        assert job.result(timeout=10) == "done"


SCRIPT = """
import sys
from holdfast import Holdfast
print(Holdfast(sys.argv[1]).jobs.cancel(sys.argv[2]).state)
"""


def test_from_another_process(live: Holdfast, database_url: str) -> None:
    begun, seen = threading.Event(), list[float]()
    task = how_it_stops(live, "async", begun, seen)
    with live.worker():
        job = task.enqueue()
        assert begun.wait(10)
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, database_url, job.id],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )  # fmt: skip
        assert done.stdout == "running\n", done.stderr
        answered = time.monotonic()
        until(lambda: seen)
        assert seen[0] - answered < 1.3
        until(lambda: job.refresh().state.finished)
    assert cancelled(job) == EXPLICIT


def test_a_worker_that_dies_after_it_was_asked(app: Holdfast, clock: Clock) -> None:
    ran: list[int] = []

    @app.task(retry=5)
    def work() -> None:
        ran.append(1)

    job = work.enqueue()
    vanish(app, job)
    assert app.jobs.cancel(job.id).state is JobState.RUNNING
    clock.advance("31s")
    app.do_duties()
    assert cancelled(job) == EXPLICIT
    assert drain(app).claimed == 0
    assert ran == []


@pytest.mark.parametrize("how", ["retry", "snooze"])
def test_asked_to_stop_it_never_runs_again(app: Holdfast, clock: Clock, how: str) -> None:
    """The attempt ends before its worker learns of it, and the job would run again."""
    ran: list[int] = []

    @app.task(retry=Retry(5, base="1s", jitter=0))
    def work(ctx: Context) -> None:
        ran.append(1)
        app.jobs.cancel(ctx.job.id)
        raise OSError if how == "retry" else RetryIn(0)

    job = work.enqueue()
    drain(app)
    clock.advance("1h")
    drain(app)
    assert ran == [1]
    assert cancelled(job) == EXPLICIT


def test_given_back_by_a_worker_that_stops_it_never_runs_again(live: Holdfast) -> None:
    begun = threading.Event()
    ran: list[int] = []

    @live.task
    def work() -> None:
        ran.append(1)
        begun.set()
        time.sleep(1)

    async def stop_while_it_runs() -> Any:
        worker = live.worker()
        await worker.start()
        job = await work.aenqueue()
        await asyncio.to_thread(begun.wait, 10)
        await live.jobs.acancel(job.id)
        await worker.stop(grace=0)
        return job

    job = asyncio.run(stop_while_it_runs())
    live.work_once()
    assert ran == [1]
    assert cancelled(job) == EXPLICIT


# Races


class Heard:
    """The final events of each job."""

    def __init__(self, *apps: Holdfast) -> None:
        self.names: dict[str, list[str]] = {}
        for app in apps:
            for name in ("job.succeeded", "job.failed", "job.cancelled", "job.stalled", "job.finished"):
                app.on(name, self._hear)

    def _hear(self, event: Any) -> None:
        self.names.setdefault(event.job.id, []).append(event.name)


@pytest.mark.parametrize("same", [True, False], ids=["one app", "two apps"])
def test_either_cancelled_or_completed(live: Holdfast, make_app: MakeApp, same: bool) -> None:
    """Cancelled at all moments from enqueue to end, by the worker's own app or another's."""
    rounds, chance = 200, Random(1)
    effects: list[int] = []

    @live.task
    async def work(number: int) -> int:
        await asyncio.sleep(0.004)
        effects.append(number)
        return number

    other = live if same else make_app(clock=None)
    heard = Heard(*{live, other})
    answers: dict[str, JobState] = {}
    jobs: list[Any] = []
    with live.worker(concurrency=4):
        for number in range(rounds):
            jobs.append(work.enqueue(number))
            time.sleep(chance.choice((0, 0, chance.random() * 0.02)))
            answers[jobs[-1].id] = other.jobs.cancel(jobs[-1].id).state
        until(lambda: all(job.refresh().state.finished for job in jobs), 30)
        until(lambda: len(heard.names) == rounds and all(len(names) >= 2 for names in heard.names.values()))
    check_each_ended_once(jobs, heard)
    for number, job in enumerate(jobs):
        record = job.record
        if answers[job.id] in OVER:
            assert record.state is answers[job.id]
        if record.attempt == 0:
            assert number not in effects, "an answer of ok, and it ran all the same"
    assert Counter(effects).most_common(1)[0][1] == 1


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "thread"])
def test_a_stop_and_an_end_at_the_same_time(live: Holdfast, make_app: MakeApp, is_async: bool) -> None:
    """Bodies end just when their worker learns that they are to stop."""
    rounds = 100
    if is_async:

        @live.task(name="work")
        async def awork(number: int, seconds: float) -> int:
            await asyncio.sleep(seconds)
            return number

        work: Any = awork
    else:

        @live.task(name="work")
        def twork(ctx: Context, number: int, seconds: float) -> int:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                ctx.check()
                time.sleep(0.02)
            return number

        work = twork

    heard = Heard(live)
    other = make_app(clock=None)
    with live.worker(concurrency=rounds):
        # The last ten run until they are stopped, however slow the machine.
        jobs = live.enqueue_many([work.call(n, 0.05 + n / 80 if n < rounds - 10 else 30.0) for n in range(rounds)])
        until(lambda: all(record.state is not JobState.READY for record in live.jobs.list()))
        for job in jobs:
            other.jobs.cancel(job.id)
        until(lambda: all(record.state.finished for record in live.jobs.list()), 30)
        until(lambda: len(heard.names) == rounds and all(len(names) >= 2 for names in heard.names.values()))
    states = check_each_ended_once(jobs, heard)
    assert len(states) == 2, "both must win now and then, or this proves nothing"


def check_each_ended_once(jobs: list[Any], heard: Heard) -> Counter[JobState]:
    """Each record is of one kind, and so is what was told."""
    for number, job in enumerate(jobs):
        record = job.refresh()
        if record.state is JobState.SUCCEEDED:
            assert (record.result, record.reason) == (number, None)
            assert heard.names[job.id] == ["job.succeeded", "job.finished"], record
        else:
            assert (record.state, record.result, record.reason) == (JobState.CANCELLED, None, "explicit")
            assert heard.names[job.id] == ["job.cancelled", "job.finished"], record
    return Counter(job.record.state for job in jobs)


def test_after_ok_a_waiting_job_never_starts(live: Holdfast, make_app: MakeApp) -> None:
    """A worker that claims as fast as it can against two that cancel."""
    rounds = 150
    started: set[str] = set()

    @live.task
    def work(ctx: Context) -> None:
        started.add(ctx.job.id)

    apps = [make_app(clock=None) for _ in range(2)]
    jobs = live.enqueue_many([work.call() for _ in range(rounds)])
    refused: set[str] = set()

    def cancel(app: Holdfast, mine: list[Any]) -> None:
        for job in mine:
            if app.jobs.cancel(job.id).attempt == 0 and app.jobs.get(job.id).state is JobState.CANCELLED:  # type: ignore[union-attr]
                refused.add(job.id)

    threads = [threading.Thread(target=cancel, args=(app, jobs[::-1])) for app in apps]
    with live.worker(concurrency=2):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(50)
        until(lambda: all(job.refresh().state.finished for job in jobs), 30)
    assert not refused & started
    for job in jobs:
        record = job.refresh()
        assert record.state in OVER
        assert (record.id in started) == (record.attempt == 1)


def test_two_who_cancel_one_job_tell_it_once(live: Holdfast) -> None:
    @live.task
    def work() -> None: ...

    heard = Heard(live)
    jobs = live.enqueue_many([work.call() for _ in range(40)])
    start = threading.Barrier(4)

    def cancel() -> None:
        for job in jobs:
            start.wait(30)
            assert live.jobs.cancel(job.id).state is JobState.CANCELLED

    threads = [threading.Thread(target=cancel) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    assert set(map(tuple, heard.names.values())) == {("job.cancelled", "job.finished")}
    assert len(heard.names) == len(jobs)
