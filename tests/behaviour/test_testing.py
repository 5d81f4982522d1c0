"""What `holdfast.testing` gives to programs' own tests."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from holdfast import Holdfast, JobState, Retry
from holdfast.errors import InvalidOption, JobFailed, MisuseError
from holdfast.testing import Clock, DrainLimit, adrain, assert_enqueued, drain, inline

from .conftest import MakeApp


def test_a_clock_stands_still_until_it_is_moved() -> None:
    start = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    clock = Clock(start)
    assert clock.now() == clock.now() == start
    assert clock.advance("1h 30m") == clock.now() == start + timedelta(minutes=90)
    assert clock.advance(0.000001) == start + timedelta(minutes=90, microseconds=1)
    assert clock.advance(timedelta(days=1)) > start
    assert clock.set(start.astimezone(timezone(timedelta(hours=2)))) == start
    assert clock.now().tzinfo is UTC
    assert repr(clock) == "<Clock at 2026-03-29T01:30:00+00:00>"
    assert clock.fixed() == int(start.timestamp()) * 1_000_000


def test_a_clock_begins_at_the_present_second() -> None:
    now = Clock().now()
    assert now.microsecond == 0
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=10)


@pytest.mark.parametrize("by", ["soon", -1, "-5m", float("nan")])
def test_a_clock_refuses_what_is_no_duration(by: Any) -> None:
    clock = Clock()
    before = clock.now()
    with pytest.raises(InvalidOption):
        clock.advance(by)
    assert clock.now() == before


def test_a_clock_refuses_naive_datetimes() -> None:
    with pytest.raises(InvalidOption, match="time zone"):
        Clock(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(InvalidOption):
        Clock().set(datetime(2026, 1, 1))  # noqa: DTZ001


def test_drain_runs_what_jobs_make_ready(app: Holdfast) -> None:
    ran: list[int] = []

    @app.task
    def down(n: int) -> None:
        ran.append(n)
        if n:
            down.enqueue(n - 1)
            down.using(delay="1h").enqueue(-n)

    down.enqueue(3)
    report = drain(app)
    assert ran == [3, 2, 1, 0]
    assert (report.claimed, report.succeeded) == (4, 4)
    assert app.jobs.count() == {"succeeded": 4, "scheduled": 3}


def test_drain_stops_at_its_limit(app: Holdfast) -> None:
    @app.task
    def forever() -> None:
        forever.enqueue()

    forever.enqueue()
    with pytest.raises(DrainLimit, match="more than 50 jobs"):
        drain(app, limit=50)
    with pytest.raises(AssertionError):
        drain(app, limit=0)


def test_a_limit_that_suffices_is_no_error(app: Holdfast) -> None:
    @app.task
    def work() -> None: ...

    app.enqueue_many([work.call() for _ in range(5)])
    assert drain(app, limit=5).succeeded == 5
    assert drain(app, limit=0).claimed == 0


def test_drain_of_some_queues(app: Holdfast) -> None:
    @app.task
    def work() -> None: ...

    for queue in "abc":
        work.using(queue=queue).enqueue()
    assert drain(app, queues=["a", "b"]).succeeded == 2
    assert drain(app, queues=[]).claimed == 0
    assert drain(app).succeeded == 1


def test_drain_with_several_bodies_at_once(app: Holdfast) -> None:
    meet = threading.Barrier(4, timeout=20)

    @app.task
    def work() -> None:
        meet.wait()

    app.enqueue_many([work.call() for _ in range(8)])
    assert drain(app, concurrency=4).succeeded == 8


async def test_drain_on_a_loop(app: Holdfast) -> None:
    @app.task
    async def work() -> int:
        return 1

    job = await work.aenqueue()
    with pytest.raises(MisuseError, match="adrain"):
        drain(app)
    assert (await adrain(app)).succeeded == 1
    assert await job.aresult() == 1


@pytest.mark.parametrize("is_async", [True, False])
def test_inline_runs_a_job_where_it_is_enqueued(app: Holdfast, is_async: bool) -> None:
    async def loop(n: int) -> int:
        return n + 1

    def thread(n: int) -> int:
        return n + 1

    work: Any = app.task(name="work")(loop if is_async else thread)
    with inline(app):
        job = work.enqueue(1)
        assert job.refresh().state is JobState.SUCCEEDED
        assert job.result() == 2
        assert [one.result() for one in app.enqueue_many([work.call(n) for n in range(3)])] == [1, 2, 3]
        assert work.via(app).enqueue(4).result() == 5
    assert work.enqueue(1).refresh().state is JobState.READY, "afterwards it is as before"
    assert "enqueue" not in vars(app)


async def test_inline_on_a_loop(app: Holdfast) -> None:
    @app.task
    async def loop(n: int) -> int:
        await asyncio.sleep(0)
        return n

    @app.task
    def thread(n: int) -> int:
        return n

    with inline(app):
        assert await (await loop.aenqueue(1)).aresult() == 1
        assert await (await thread.aenqueue(2)).aresult() == 2
        assert await loop.enqueue(3).aresult() == 3, "also by the sync verb"
        assert thread.enqueue(4).result() == 4


def test_inline_runs_what_bodies_enqueue_too(app: Holdfast) -> None:
    ran: list[str] = []

    @app.task
    def child(name: str) -> None:
        ran.append(name)

    @app.task
    async def parent() -> None:
        ran.append("parent")
        child.enqueue("by a sync call")
        await child.aenqueue("awaited")

    with inline(app):
        parent.enqueue()
    assert ran == ["parent", "by a sync call", "awaited"]


def test_inline_leaves_what_is_due_later(app: Holdfast, clock: Clock) -> None:
    @app.task(retry=Retry(2, "5m"))
    def flaky() -> None:
        raise ValueError("as expected")

    with inline(app):
        later = flaky.using(delay="1h").enqueue()
        job = flaky.enqueue()
        assert later.refresh().state is JobState.SCHEDULED
        assert (job.refresh().state, job.record.attempt) == (JobState.SCHEDULED, 1)


def test_inline_fails_the_job_and_not_the_caller(app: Holdfast) -> None:
    @app.task
    def bad() -> None:
        raise ValueError("in the body")

    with inline(app):
        job = bad.enqueue()
        with pytest.raises(JobFailed, match="in the body"):
            job.result()
    with pytest.raises(RuntimeError), inline(app):
        raise RuntimeError
    assert "enqueue" not in vars(app)


def test_inline_within_inline(app: Holdfast) -> None:
    @app.task
    def work() -> int:
        return 1

    with inline(app):
        with inline(app):
            assert work.enqueue().result() == 1
        assert work.enqueue().result() == 1
    assert work.enqueue().state is JobState.READY


def test_inline_is_for_one_app(make_app: MakeApp) -> None:
    app, other = make_app(), make_app(url="sqlite:///:memory:")

    @other.task
    def elsewhere() -> None: ...

    with inline(app):
        assert elsewhere.enqueue().state is JobState.READY


def test_arguments_in_assert_enqueued_are_compared_as_stored(app: Holdfast) -> None:
    @app.task
    def work(data: dict[str, Any], when: datetime, raw: bytes = b"") -> None: ...

    moment = datetime(2026, 1, 1, tzinfo=UTC)
    work.enqueue({"a": [1, {"b": None}]}, moment, raw=b"\xff\x00")
    assert assert_enqueued(app, work, data={"a": [1, {"b": None}]}, when=moment, raw=b"\xff\x00")
    with pytest.raises(AssertionError):
        assert_enqueued(app, work, data={"a": [1]})
    with pytest.raises(AssertionError):
        assert_enqueued(app, work, other=1)


def test_the_fixtures(holdfast_app: Callable[..., Holdfast], holdfast_clock: Clock) -> None:
    app = holdfast_app()

    @app.task
    def work() -> str:
        return "done"

    job = work.using(delay="1h").enqueue()
    assert job.record.created_at == holdfast_clock.now()
    assert drain(app).claimed == 0
    holdfast_clock.advance("1h")
    assert drain(app).succeeded == 1
    assert holdfast_app().jobs.get(job.id) is not None, "one database for all of a test's apps"
    assert holdfast_app("sqlite:///:memory:", clock=Clock(datetime(2000, 1, 1, tzinfo=UTC))).jobs.count() == {}


PROGRAM = """
from holdfast.testing import drain

def test_it(holdfast_app, holdfast_clock):
    app = holdfast_app()

    @app.task
    def work(n: int) -> int:
        return n

    job = work.using(delay="1d").enqueue(1)
    holdfast_clock.advance("1d")
    assert drain(app).succeeded == 1
    assert job.result() == 1
"""


@pytest.mark.slow
@pytest.mark.parametrize("without", [False, True])
def test_pytest_finds_the_fixtures_by_itself(tmp_path: Path, without: bool) -> None:
    (tmp_path / "test_program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    command += ["-p", "no:holdfast"] if without else []
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ("1 passed" in done.stdout) == (not without), done.stdout + done.stderr
    assert ("fixture 'holdfast_app' not found" in done.stdout) == without
