"""What a body may ask for by raising it, and what time may do to a job."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from holdfast import Cancel, Context, Fail, Holdfast, JobState, Retry, RetryIn, Snooze
from holdfast.errors import InvalidOption, JobCancelled, JobFailed, JobNotFound, JobStalled, ResultGone
from holdfast.testing import Clock, drain

from .conftest import MakeApp
from .support import until, vanish

KINDS = pytest.mark.parametrize("is_async", [False, True], ids=["thread", "async"])


def raising(app: Holdfast, is_async: bool, what: Callable[[Context], Exception | None], **options: Any) -> Any:
    """A task of that kind that raises what `what(ctx)` answers, and returns "done" where it answers None."""
    if is_async:

        @app.task(name="body", **options)
        async def abody(ctx: Context) -> str:
            if (error := what(ctx)) is not None:
                raise error
            return "done"

        return abody

    @app.task(name="body", **options)
    def body(ctx: Context) -> str:
        if (error := what(ctx)) is not None:
            raise error
        return "done"

    return body


@KINDS
def test_retry_in_waits_so_long_and_spends_the_attempt(app: Holdfast, clock: Clock, is_async: bool) -> None:
    def what(ctx: Context) -> Exception | None:
        return RetryIn("5m", why="closed", data={"n": ctx.job.attempt}) if ctx.job.attempt < 3 else None

    job = raising(app, is_async, what, retry=Retry(3, base="1s", jitter=0)).enqueue()
    for attempt in (1, 2):
        assert drain(app).retried == 1
        record = job.refresh()
        assert (record.state, record.reason, record.attempt) == (JobState.SCHEDULED, "retry", attempt)
        assert record.due_at == clock.now() + timedelta(minutes=5)
        clock.advance("5m")
    drain(app)
    assert job.result() == "done"
    errors = job.refresh().errors
    assert [(one.attempt, one.kind, one.message, one.data) for one in errors] == [
        (1, "RetryIn", "closed", {"n": 1}),
        (2, "RetryIn", "closed", {"n": 2}),
    ]
    assert errors[0].at is not None
    assert errors[1].at is not None
    assert errors[1].at - errors[0].at == timedelta(minutes=5)
    assert errors[0].traceback == ""


@KINDS
def test_retry_in_on_the_last_attempt_fails(app: Holdfast, is_async: bool) -> None:
    job = raising(app, is_async, lambda ctx: RetryIn(0, why="no more"), retry=2).enqueue()
    assert drain(app).failed == 1
    record = job.refresh()
    assert (record.state, record.attempt) == (JobState.FAILED, 2)
    with pytest.raises(JobFailed) as caught:
        job.result()
    assert (caught.value.kind, caught.value.message) == ("RetryIn", "no more")


@KINDS
def test_snooze_spends_no_attempt(app: Holdfast, clock: Clock, is_async: bool) -> None:
    left = [1, 1, 1]
    job = raising(app, is_async, lambda ctx: Snooze("1h") if left and left.pop() else None).enqueue()
    for _ in range(3):
        drain(app)
        record = job.refresh()
        assert (record.state, record.reason, record.attempt, record.errors) == (JobState.SCHEDULED, "snooze", 0, ())
        assert record.due_at == clock.now() + timedelta(hours=1)
        clock.advance("1h")
    drain(app)
    assert job.result() == "done"
    assert job.refresh().attempt == 1


def test_a_snooze_of_no_time_runs_again_at_once(app: Holdfast) -> None:
    left = [1]
    job = raising(app, False, lambda ctx: Snooze(0) if left and left.pop() else None).enqueue()
    assert drain(app).claimed == 2
    assert job.result() == "done"


@KINDS
def test_cancel_ends_it_cancelled(app: Holdfast, is_async: bool) -> None:
    job = raising(app, is_async, lambda ctx: Cancel("withdrawn"), retry=5).enqueue()
    assert drain(app).cancelled == 1
    record = job.refresh()
    assert (record.state, record.reason, record.errors) == (JobState.CANCELLED, "withdrawn", ())
    with pytest.raises(JobCancelled) as caught:
        job.result()
    assert caught.value.reason == "withdrawn"


def test_cancel_without_a_word_is_explicit(app: Holdfast) -> None:
    job = raising(app, False, lambda ctx: Cancel()).enqueue()
    drain(app)
    assert job.refresh().reason == "explicit"


@KINDS
def test_fail_ends_it_with_runs_left(app: Holdfast, is_async: bool) -> None:
    job = raising(app, is_async, lambda ctx: Fail("no account", data={"account": 7}), retry=5).enqueue()
    assert drain(app).failed == 1
    record = job.refresh()
    assert (record.state, record.attempt) == (JobState.FAILED, 1)
    (error,) = record.errors
    assert (error.kind, error.message, error.data) == ("Fail", "no account", {"account": 7})


def test_signals_pass_a_broad_except_if_let(app: Holdfast) -> None:
    with pytest.raises(InvalidOption):
        RetryIn("soon")
    with pytest.raises(InvalidOption):
        Snooze(-1)


def test_data_that_json_cannot_hold_is_said_so(app: Holdfast) -> None:
    job = raising(app, False, lambda ctx: Fail("odd", data=object())).enqueue()
    drain(app)
    assert "not kept" in job.refresh().errors[0].data


@KINDS
def test_a_function_decides_over_plain_errors_not_over_signals(app: Holdfast, clock: Clock, is_async: bool) -> None:
    asked: list[str] = []

    def decide(attempt: int, error: BaseException) -> str | None:
        asked.append(type(error).__name__)
        return "10s" if isinstance(error, OSError) else None

    errors: list[Exception] = [OSError("x"), RetryIn("20s"), ValueError("y")]
    job = raising(app, is_async, lambda ctx: errors.pop(0), retry=decide).enqueue()
    waits: list[float] = []
    while not (record := (drain(app), job.refresh())[1]).state.finished:
        waits.append((record.due_at - clock.now()).total_seconds())
        clock.set(record.due_at)
    assert waits == [10, 20]
    assert asked == ["OSError", "ValueError"]
    assert [error.kind for error in record.errors] == ["OSError", "RetryIn", "ValueError"]


# Time


@pytest.mark.parametrize("delay", [None, "5s"])
def test_what_was_not_started_in_time_expires(app: Holdfast, clock: Clock, delay: str | None) -> None:
    ran: list[int] = []

    @app.task(expires="10s", delay=delay)
    def work() -> None:
        ran.append(1)

    late, early = work.enqueue(), work.using(expires="1h").enqueue()
    clock.advance("10s")
    drain(app)
    assert (late.refresh().state, late.refresh().reason) == (JobState.CANCELLED, "expired")
    assert early.refresh().state is JobState.SUCCEEDED
    assert ran == [1]


def test_work_once_expires_too_and_a_blocked_job_as_well(app: Holdfast, clock: Clock, make_app: MakeApp) -> None:
    @app.task(expires="10s")
    def work() -> None: ...

    job, blocked = work.enqueue(), work.enqueue()
    other = make_app()

    @other.task
    def unknown() -> None: ...

    assert other.work_once().left == 2  # they are put aside for who knows them
    assert {job.refresh().state, blocked.refresh().state} == {JobState.BLOCKED}
    clock.advance("11s")
    other.work_once()
    assert {job.refresh().reason, blocked.refresh().reason} == {"expired"}


def test_what_was_started_once_does_not_expire(app: Holdfast, clock: Clock) -> None:
    left: list[Exception] = [Snooze("20s"), OSError("x")]
    job = raising(
        app, False, lambda ctx: left.pop() if left else None, expires="10s", retry=Retry(2, base="20s", jitter=0)
    ).enqueue()
    for _ in range(2):
        drain(app)
        assert job.refresh().state is JobState.SCHEDULED
        clock.advance("20s")
    drain(app)
    assert job.result() == "done"


def test_a_deadline_ends_what_waits_and_what_waits_for_another_run(app: Holdfast, clock: Clock) -> None:
    task = raising(app, False, lambda ctx: OSError("x"), retry=Retry(5, base="1m", jitter=0), deadline="30s")
    waiting = task.using(delay="1h").enqueue()
    retried = task.enqueue()
    drain(app)
    assert retried.refresh().state is JobState.SCHEDULED
    clock.advance("30s")
    drain(app)
    for job in (waiting, retried):
        assert (job.refresh().state, job.refresh().reason) == (JobState.CANCELLED, "deadline")
    assert [error.kind for error in retried.refresh().errors] == ["OSError"]


@KINDS
def test_a_deadline_stops_what_runs(live: Holdfast, is_async: bool) -> None:
    ended: list[str] = []
    if is_async:

        @live.task(deadline="300ms", retry=3)
        async def abody() -> None:
            try:
                await asyncio.sleep(30)
            finally:
                ended.append("yes")

        body: Any = abody
    else:

        @live.task(deadline="300ms", retry=3)
        def tbody(ctx: Context) -> None:
            until(lambda: ctx.cancelled)
            ended.append("yes")

        body = tbody

    with live.worker():
        job = body.enqueue()
        with pytest.raises(JobCancelled) as caught:
            job.result(timeout=10)
        until(lambda: ended)
    assert caught.value.reason == "deadline"
    record = job.refresh()
    assert (record.state, record.attempt) == (JobState.CANCELLED, 1)


@KINDS
def test_extend_gives_the_attempt_more_time(live: Holdfast, is_async: bool) -> None:
    if is_async:

        @live.task(timeout="400ms")
        async def abody(ctx: Context, more: str) -> str:
            ctx.extend(more)
            await asyncio.sleep(0.8)
            return "done"

        body: Any = abody
    else:

        @live.task(timeout="400ms")
        def tbody(ctx: Context, more: str) -> str:
            ctx.extend(more)
            time.sleep(0.8)
            return "done"

        body = tbody

    with live.worker():
        enough, little = body.enqueue("30s"), body.enqueue("100ms")
        assert enough.result(timeout=10) == "done"
        with pytest.raises(JobFailed) as caught:
            little.result(timeout=10)
    assert caught.value.kind == "timeout"


def test_extend_does_not_move_the_deadline(live: Holdfast) -> None:
    @live.task(timeout="200ms", deadline="600ms")
    async def body(ctx: Context) -> None:
        ctx.extend("1h")
        await asyncio.sleep(30)

    with live.worker(), pytest.raises(JobCancelled) as caught:
        body.enqueue().result(timeout=10)
    assert caught.value.reason == "deadline"


def test_a_crash_may_stall(app: Holdfast, clock: Clock) -> None:
    @app.task(on_crash="stall", retry=5)
    def work() -> str:
        return "done"

    job = work.enqueue()
    vanish(app, job)
    clock.advance("31s")
    app.do_duties()
    record = job.refresh()
    assert (record.state, record.reason, record.crashes) == (JobState.STALLED, "crashed", 1)
    assert [error.kind for error in record.errors] == ["crashed"]
    clock.advance("1h")
    drain(app)
    assert job.refresh().state is JobState.STALLED
    with pytest.raises(JobStalled):
        job.result()


# Retention


@KINDS
def test_kept_for_no_time_is_gone_at_its_end(app: Holdfast, is_async: bool) -> None:
    task = raising(app, is_async, lambda ctx: Fail("x") if ctx.job.metadata else None, keep_succeeded=0, keep_failed=0)
    good, bad = task.enqueue(), task.using(metadata={"fail": True}).enqueue()
    cancelled = task.using(delay="1h").enqueue()
    drain(app)
    record = app.jobs.cancel(cancelled.id)
    assert (record.state, record.reason, record.id) == (JobState.CANCELLED, "explicit", cancelled.id)
    assert record.finished_at is not None
    for job in (good, bad, cancelled):
        assert app.jobs.get(job.id) is None
        with pytest.raises(ResultGone):
            job.result()
        with pytest.raises(JobNotFound):
            app.jobs.cancel(job.id)
    assert len(app.jobs.list()) == 0


def test_only_one_kind_is_kept_for_no_time(app: Holdfast) -> None:
    task = raising(app, False, lambda ctx: Fail("x") if ctx.job.metadata else None, keep_succeeded=0)
    good, bad = task.enqueue(), task.using(metadata={"fail": True}).enqueue()
    drain(app)
    assert app.jobs.get(good.id) is None
    assert bad.refresh().state is JobState.FAILED
