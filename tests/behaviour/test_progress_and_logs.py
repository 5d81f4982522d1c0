"""What bodies say while they run: progress and log lines, seen by others, bounded, kept with the job."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import timedelta
from typing import Any

import pytest

from holdfast import Context, Holdfast, JobState, Retry
from holdfast.errors import InvalidOption
from holdfast.testing import Clock, drain
from holdfast.worker.teller import MOST_LINE, MOST_LINES

from .conftest import MakeApp
from .support import until


def test_progress_is_seen_live_by_another_app(live: Holdfast, make_app: MakeApp) -> None:
    steps, release = threading.Semaphore(0), threading.Event()

    @live.task
    def work(ctx: Context) -> None:
        ctx.progress(3, "pages", total=12)
        steps.acquire(timeout=20)
        ctx.progress(0.5)
        release.wait(20)

    other = make_app(clock=None)
    with live.worker():
        job = work.enqueue()
        until(lambda: other.jobs.get(job.id).progress == {"done": 3, "total": 12, "message": "pages"})  # type: ignore[union-attr]
        steps.release()
        until(lambda: other.jobs.get(job.id).progress == {"done": 0.5})  # type: ignore[union-attr]
        assert job.refresh().state is JobState.RUNNING
        release.set()
        job.result(timeout=10)
    assert job.refresh().progress == {"done": 0.5}, "the last stays with the record"


def test_progress_said_often_is_written_seldom(app: Holdfast, count_statements: Any) -> None:
    @app.task
    def work(ctx: Context) -> None:
        for number in range(5000):
            ctx.progress(number)

    job = work.enqueue()
    names = count_statements(app)
    drain(app)
    assert job.refresh().progress == {"done": 4999}
    assert names.count("progress") <= 3


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "3", None, True])
def test_progress_is_a_finite_number(app: Holdfast, bad: Any) -> None:
    refused: list[str] = []

    @app.task
    def work(ctx: Context) -> None:
        for say in (lambda: ctx.progress(bad), lambda: ctx.progress(1, total=bad)):
            try:
                say()
            except InvalidOption as error:
                refused.append(str(error))

    job = work.enqueue()
    drain(app)
    assert len(refused) == (1 if bad is None else 2)
    assert job.refresh().state is JobState.SUCCEEDED


def test_a_new_attempt_keeps_the_last_progress_until_it_says_its_own(app: Holdfast) -> None:
    @app.task(retry=Retry(2, base=0))
    def work(ctx: Context) -> None:
        if ctx.job.attempt == 1:
            ctx.progress(7)
            raise OSError

    job = work.enqueue()
    drain(app)
    assert job.refresh().progress == {"done": 7}


@pytest.mark.parametrize("is_async", [False, True], ids=["thread", "async"])
@pytest.mark.parametrize(("total", "expected"), [(None, {"done": 4, "total": 4}), (8, {"done": 4, "total": 8})])
def test_track_says_how_far_it_is(app: Holdfast, is_async: bool, total: int | None, expected: dict[str, int]) -> None:
    if is_async:

        @app.task(name="work")
        async def awork(ctx: Context) -> list[int]:
            return [item async for item in ctx.track([1, 2, 3, 4], total=total, message="tiles")]

        work: Any = awork
    else:

        @app.task(name="work")
        def swork(ctx: Context) -> list[int]:
            return list(ctx.track([1, 2, 3, 4], total=total, message="tiles"))

        work = swork
    job = work.enqueue()
    drain(app)
    assert job.result() == [1, 2, 3, 4]
    assert job.refresh().progress == {**expected, "message": "tiles"}


def test_track_counts_what_has_no_length(app: Holdfast) -> None:
    @app.task
    def work(ctx: Context) -> int:
        return sum(ctx.track(iter(range(5))))

    job = work.enqueue()
    drain(app)
    assert job.refresh().progress == {"done": 5}


def test_a_plain_call_may_track_and_log(app: Holdfast) -> None:
    @app.task
    def work(ctx: Context) -> int:
        ctx.log.info("hello")
        ctx.progress(1)
        ctx.extend(1)
        return sum(ctx.track([1, 2])) + ctx.cancelled

    assert work() == 3


def test_lines_are_seen_live_in_order_with_their_level(live: Holdfast, make_app: MakeApp) -> None:
    release = threading.Event()

    @live.task
    def work(ctx: Context) -> None:
        ctx.log.debug("not kept")
        ctx.log.info("one %s of %d", "page", 7)
        ctx.log.warning("two %(n)s", {"n": 2})
        ctx.log.error("three 100%")
        release.wait(20)
        ctx.log.critical("four \x00 \udc80")

    other = make_app(clock=None)
    with live.worker():
        job = work.enqueue()
        until(lambda: len(other.jobs.logs(job.id)) == 3)
        assert [(line.level, line.message) for line in other.jobs.logs(job.id)] == [
            ("INFO", "one page of 7"),
            ("WARNING", "two 2"),
            ("ERROR", "three 100%"),
        ]
        release.set()
        job.result(timeout=10)
    lines = job.logs()
    assert lines == other.jobs.logs(job.id)
    assert (lines[-1].level, lines[-1].message) == ("CRITICAL", r"four \x00 \udc80")
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert {(line.attempt, line.step) for line in lines} == {(1, None)}
    record = job.refresh()
    assert record.started_at is not None
    assert record.finished_at is not None
    second = timedelta(seconds=1)
    assert record.started_at - second <= lines[0].at <= record.finished_at + second
    assert [line.message for line in other.jobs.logs(job.id, limit=2)] == [line.message for line in lines[:2]]
    with pytest.raises(InvalidOption):
        other.jobs.logs(job.id, limit=0)


async def test_the_twins_for_event_loops(app: Holdfast) -> None:
    @app.task
    async def work(ctx: Context) -> None:
        ctx.log.info("hello")

    job = await work.aenqueue()
    await app.awork_once()
    assert [line.message for line in await job.alogs()] == ["hello"]
    assert await app.jobs.alogs(job.id) == await job.alogs()


def test_lines_go_to_pythons_logging_too(app: Holdfast, caplog: pytest.LogCaptureFixture) -> None:
    @app.task
    def work(ctx: Context) -> None:
        ctx.log.warning("hello %s", "Ada")

    job = work.enqueue()
    with caplog.at_level(logging.DEBUG, "holdfast.task"):
        drain(app)
    (record,) = [record for record in caplog.records if record.name == "holdfast.task.work"]
    assert record.getMessage() == "hello Ada"
    assert (record.__dict__["job_id"], record.__dict__["attempt"]) == (job.id, 1)


def test_lines_carry_their_attempt(app: Holdfast) -> None:
    @app.task(retry=Retry(3, base=0))
    def work(ctx: Context) -> None:
        ctx.log.info("run %d", ctx.job.attempt)
        if ctx.job.attempt < 3:
            raise OSError

    job = work.enqueue()
    drain(app)
    assert [(line.attempt, line.message) for line in job.logs()] == [(n, f"run {n}") for n in (1, 2, 3)]


def test_lines_are_bounded_in_number_and_length(app: Holdfast) -> None:
    @app.task
    def work(ctx: Context) -> None:
        ctx.log.info("x" * 100_000)
        for number in range(3 * MOST_LINES):
            ctx.log.info("%d", number)

    job = work.enqueue()
    drain(app)
    lines = job.logs()
    assert len(lines) == MOST_LINES
    assert len(lines[0].message.encode()) <= MOST_LINE
    assert lines[1].message == "0"
    assert "not kept" in lines[-1].message


def test_many_threads_and_bodies_speak_at_once(live: Holdfast) -> None:
    @live.task
    def work(ctx: Context) -> None:
        def speak(name: int) -> None:
            for number in range(50):
                ctx.log.info("%d %d", name, number)
                ctx.progress(number)

        threads = [threading.Thread(target=speak, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with live.worker(concurrency=5):
        jobs = [work.enqueue() for _ in range(20)]
        for job in jobs:
            job.result(timeout=30)
    for job in jobs:
        said = [line.message.split() for line in job.logs()]
        assert len(said) == 200
        for name in range(4):
            assert [int(number) for who, number in said if int(who) == name] == list(range(50))
        assert job.refresh().progress == {"done": 49}


def test_what_is_said_just_before_the_end_is_kept(live: Holdfast) -> None:
    """Also where the batch on its way to the database was taken a moment before."""

    @live.task
    async def work(ctx: Context, pause: float) -> None:
        ctx.log.info("begun")
        ctx.progress(1)
        await asyncio.sleep(pause)
        ctx.log.info("ended")
        ctx.progress(2)

    with live.worker(concurrency=60):
        jobs = live.enqueue_many([work.call(0.45 + number / 500) for number in range(60)])
        for job in jobs:
            job.result(timeout=20)
    for job in jobs:
        assert [line.message for line in job.logs()] == ["begun", "ended"]
        assert job.refresh().progress == {"done": 2}


@pytest.mark.parametrize("fails", [False, True])
def test_lines_stay_as_long_as_the_job_and_go_with_it(app: Holdfast, clock: Clock, fails: bool) -> None:
    @app.task(keep_succeeded="2d", keep_failed="3d")
    def work(ctx: Context) -> None:
        ctx.log.info("hello")
        if fails:
            raise OSError

    job = work.enqueue()
    drain(app)
    clock.advance("47h")
    app.do_duties()
    assert [line.message for line in job.logs()] == ["hello"]
    clock.advance("26h")
    app.do_duties()
    assert app.jobs.get(job.id) is None
    assert job.logs() == []


def test_a_deleted_job_takes_its_lines_along(app: Holdfast) -> None:
    @app.task
    def work(ctx: Context) -> None:
        ctx.log.info("hello")

    job, kept = work.enqueue(), work.enqueue()
    drain(app)
    app.jobs.delete(job.id)
    assert job.logs() == []
    assert len(kept.logs()) == 1
