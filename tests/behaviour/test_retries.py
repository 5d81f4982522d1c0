"""Attempts: how many, how long apart, when to give up, and what is kept of each error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from holdfast import Context, Holdfast, JobRecord, JobState, Retry
from holdfast.errors import JobFailed
from holdfast.testing import Clock, drain

from .conftest import MakeApp


class Unlucky(Exception):
    pass


class Hopeless(Unlucky):
    pass


def failing(app: Holdfast, **options: Any) -> Any:
    """A task that always raises."""

    @app.task(name="failing", **options)
    def body() -> None:
        raise Unlucky("not today")

    return body


def waits_of(app: Holdfast, clock: Clock, job: Any) -> list[float]:
    """Run a job through all its attempts; the exact wait before each further one."""
    waits: list[float] = []
    for _ in range(30):
        report = drain(app)
        record: JobRecord = job.refresh()
        if record.state.finished:
            return waits
        assert report.retried >= 1
        assert record.state is JobState.SCHEDULED
        assert record.reason == "retry"
        wait = record.due_at - clock.now()
        waits.append(wait.total_seconds())
        clock.advance(wait - timedelta(microseconds=1))
        assert drain(app).claimed == 0, "it does not run before its time"
        clock.advance(timedelta(microseconds=1))
    raise AssertionError("it never ended")


BACKOFFS: list[tuple[Retry, Sequence[float]]] = [
    (Retry(5, "exponential", base="1s", jitter=0), [1, 2, 4, 8]),
    (Retry(5, "exponential", base="1s", cap="5s", jitter=0), [1, 2, 4, 5]),
    (Retry(5, "linear", base="2s", jitter=0), [2, 4, 6, 8]),
    (Retry(5, "polynomial", base="1s", jitter=0), [1, 4, 9, 16]),
    (Retry(4, "constant", base="7s", jitter=0), [7, 7, 7]),
    (Retry(4, "90s", jitter=0), [90, 90, 90]),
    (Retry(5, ["1s", "1m", "1h"], jitter=0), [1, 60, 3600, 3600]),
    (Retry(5, [timedelta(seconds=1), 0.5], jitter=0), [1, 0.5, 0.5, 0.5]),
    (Retry(8, base="10s", jitter=0), [10, 20, 40, 80, 160, 320, 640]),
    (Retry(9, base="10s", jitter=0), [10, 20, 40, 80, 160, 320, 640, 900]),
]


@pytest.mark.parametrize(("retry", "expected"), BACKOFFS, ids=lambda value: repr(value)[:40])
def test_waits_are_exact(app: Holdfast, clock: Clock, retry: Retry, expected: Sequence[float]) -> None:
    job = failing(app, retry=retry).enqueue()
    assert waits_of(app, clock, job) == list(expected)
    record = job.refresh()
    assert (record.state, record.reason) == (JobState.FAILED, None)
    assert (record.attempt, record.max_attempts) == (retry.attempts, retry.attempts)
    assert [error.attempt for error in record.errors] == list(range(1, retry.attempts + 1))


def test_a_number_is_that_many_runs_ten_percent_around_ten_seconds(app: Holdfast, clock: Clock) -> None:
    job = failing(app, retry=3).enqueue()
    first, second = waits_of(app, clock, job)
    assert 9 <= first <= 11
    assert 18 <= second <= 22


def test_a_base_of_nothing_runs_again_at_once(app: Holdfast) -> None:
    job = failing(app, retry=Retry(3, base=0)).enqueue()
    report = drain(app)
    assert (report.claimed, report.retried, report.failed) == (3, 2, 1)
    assert job.refresh().attempt == 3


def test_one_run_unless_something_else_is_said(app: Holdfast) -> None:
    job = failing(app).enqueue()
    assert drain(app).failed == 1
    record = job.refresh()
    assert (record.attempt, record.max_attempts, record.state) == (1, 1, JobState.FAILED)


def test_a_body_sees_its_attempt(app: Holdfast) -> None:
    seen: list[tuple[int, int]] = []

    @app.task(retry=Retry(3, base=0))
    def work(ctx: Context) -> int:
        seen.append((ctx.job.attempt, ctx.job.max_attempts))
        if ctx.job.attempt < 3:
            raise Unlucky
        return ctx.job.attempt

    job = work.enqueue()
    drain(app)
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert job.result() == 3
    record = job.refresh()
    assert (record.attempt, len(record.errors)) == (3, 2)


def test_a_function_decides_by_attempt_and_error(app: Holdfast, clock: Clock) -> None:
    asked: list[tuple[int, str]] = []

    def decide(attempt: int, error: BaseException) -> str | None:
        asked.append((attempt, str(error)))
        return f"{attempt * 10}s" if attempt < 4 else None

    job = failing(app, retry=decide).enqueue()
    assert waits_of(app, clock, job) == [10, 20, 30]
    assert asked == [(n, "not today") for n in (1, 2, 3, 4)]
    assert job.refresh().attempt == 4


def test_a_function_as_backoff_has_the_number_of_runs_beside_it(app: Holdfast, clock: Clock) -> None:
    job = failing(app, retry=Retry(3, backoff=lambda attempt, error: attempt, jitter=0)).enqueue()
    assert waits_of(app, clock, job) == [1, 2]


@pytest.mark.parametrize("answer", ["nonsense", -1, object()])
def test_a_function_that_answers_nonsense_loses_no_job(app: Holdfast, clock: Clock, answer: Any) -> None:
    job = failing(app, retry=Retry(2, backoff=lambda attempt, error: answer)).enqueue()
    assert drain(app).retried == 1
    record = job.refresh()
    assert record.state is JobState.SCHEDULED
    assert record.due_at > clock.now()
    assert record.errors[0].kind == "Unlucky"


@pytest.mark.parametrize("is_async", [True, False])
def test_a_function_that_raises_loses_no_job(app: Holdfast, clock: Clock, is_async: bool) -> None:
    def decide(attempt: int, error: BaseException) -> None:
        raise RuntimeError("a bug in the rule")

    if is_async:

        @app.task(retry=Retry(2, backoff=decide))
        async def body() -> None:
            raise Unlucky
    else:

        @app.task(retry=Retry(2, backoff=decide))
        def body() -> None:
            raise Unlucky

    job = body.enqueue()
    assert drain(app).retried == 1
    record = job.refresh()
    assert record.state is JobState.SCHEDULED
    assert record.due_at > clock.now()
    assert record.errors[0].kind == "Unlucky"


def test_an_apps_own_rule_counts_with_its_code(make_app: MakeApp, clock: Clock) -> None:
    app = make_app(defaults={"retry": Retry(5, base="1s", jitter=0, give_up_on=Hopeless)})

    @app.task
    def body(hopeless: bool) -> None:
        raise Hopeless if hopeless else Unlucky

    lost, late = body.enqueue(True), body.enqueue(False)
    drain(app)
    assert lost.refresh().state is JobState.FAILED
    assert late.refresh().state is JobState.SCHEDULED
    assert late.record.due_at == clock.now() + timedelta(seconds=1)


def test_an_apps_own_function_decides(make_app: MakeApp, clock: Clock) -> None:
    def decide(attempt: int, error: BaseException) -> int | None:
        return 42 if attempt < 2 else None

    app = make_app(defaults={"retry": decide})
    job = failing(app).enqueue()
    assert waits_of(app, clock, job) == [42]


def test_give_up_on_ends_at_once(app: Holdfast) -> None:
    ran: list[type[Exception]] = []

    @app.task(retry=Retry(5, base=0, give_up_on=(Hopeless, KeyError)))
    def body(kind: str) -> None:
        error: dict[str, type[Exception]] = {"hopeless": Hopeless, "key": KeyError, "other": Unlucky}
        ran.append(error[kind])
        raise error[kind](kind)

    jobs = [body.enqueue(kind) for kind in ("hopeless", "key", "other")]
    drain(app)
    assert [job.refresh().attempt for job in jobs] == [1, 1, 5]
    assert ran.count(Hopeless) == ran.count(KeyError) == 1


def test_the_jobs_own_waits_hold_and_the_code_is_the_tasks(app: Holdfast, clock: Clock) -> None:
    @app.task(retry=Retry(2, base="1h", give_up_on=Hopeless))
    def body(hopeless: bool) -> None:
        raise Hopeless if hopeless else Unlucky

    shorter = body.using(retry=Retry(3, "constant", base="1s", jitter=0))
    assert waits_of(app, clock, shorter.enqueue(False)) == [1, 1]
    assert waits_of(app, clock, shorter.enqueue(True)) == []


def test_the_history_of_errors(app: Holdfast, clock: Clock) -> None:
    @app.task(retry=Retry(3, base="1m", jitter=0))
    async def body(ctx: Context) -> None:
        if ctx.job.attempt == 2:
            raise Hopeless("second")
        raise Unlucky(f"number {ctx.job.attempt}")

    job = body.enqueue()
    moments = []
    for _ in range(3):
        moments.append(clock.now())
        drain(app)
        clock.advance("10m")
    errors = job.refresh().errors
    assert [error.kind for error in errors] == ["Unlucky", "Hopeless", "Unlucky"]
    assert [error.message for error in errors] == ["number 1", "second", "number 3"]
    assert [error.at for error in errors] == moments
    assert [error.attempt for error in errors] == [1, 2, 3]
    for error in errors:
        assert "Traceback (most recent call last)" in error.traceback
        assert "test_retries.py" in error.traceback
        assert error.data is None
    with pytest.raises(JobFailed) as caught:
        job.result()
    assert (caught.value.kind, caught.value.message) == ("Unlucky", "number 3")
    assert caught.value.traceback == errors[-1].traceback
    assert caught.value.job_id == job.id


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text for you")


class Exit(SystemExit):
    pass


class Odd(BaseException):
    pass


BAD_ERRORS: dict[str, Callable[[], BaseException]] = {
    "NUL": lambda: ValueError("a\x00b"),
    "surrogate": lambda: ValueError("a\ud800b"),
    "huge": lambda: ValueError("x" * 5_000_000),
    "unprintable": Unprintable,
    "exit": lambda: Exit(3),
    "odd": lambda: Odd("base"),
    "group": lambda: ExceptionGroup("many", [ValueError("\x00"), TypeError("\udfff")]),
    "generator exit": GeneratorExit,
    "stop": StopIteration,
}


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize("bad", BAD_ERRORS)
def test_whatever_a_body_raises_is_storable(app: Holdfast, bad: str, is_async: bool) -> None:
    make = BAD_ERRORS[bad]
    if is_async:

        @app.task
        async def body() -> None:
            raise make()
    else:

        @app.task
        def body() -> None:
            raise make()

    job = body.enqueue()
    assert drain(app).failed == 1
    record = job.refresh()
    assert record.state is JobState.FAILED
    assert len(record.errors) == 1
    assert len(record.errors[0].message) < 10_000
    assert len(record.errors[0].traceback) < 40_000
    with pytest.raises(JobFailed):
        job.result()


def test_a_thousand_errors_do_not_grow_without_end(app: Holdfast) -> None:
    job = failing(app, retry=Retry(60, base=0)).enqueue()
    drain(app)
    record = job.refresh()
    assert record.attempt == 60
    assert len(record.errors) == 60


def test_a_long_history_of_errors_keeps_its_ends(app: Holdfast) -> None:
    @app.task(retry=Retry(80, base=0))
    def loud() -> None:
        raise Unlucky('"\\\x00é,[' * 600)

    job = loud.enqueue()
    drain(app)
    errors = job.refresh().errors
    attempts = [error.attempt for error in errors]
    assert attempts[:5] == [1, 2, 3, 4, 5]
    assert attempts[-45:] == list(range(36, 81))
    assert len(attempts) <= 51
    assert len({error.message for error in errors}) == 1
    assert all(error.at is not None and error.traceback for error in errors)


def test_events_of_failing_attempts(app: Holdfast, facts: Callable[[str], list[Any]]) -> None:
    job = failing(app, retry=Retry(2, base=0)).enqueue()
    drain(app)
    first, last = facts("job.attempt_failed")
    assert (first.job.id, first.task, first.queue) == (job.id, "failing", "default")
    assert [event.will_retry for event in (first, last)] == [True, False]


def test_a_subscriber_that_raises_changes_nothing(app: Holdfast) -> None:
    def broken(event: object) -> None:
        raise RuntimeError("a bug in a subscriber")

    app.on("*", broken)
    job = failing(app, retry=Retry(2, base=0)).enqueue()
    assert drain(app).failed == 1
    assert job.refresh().attempt == 2
