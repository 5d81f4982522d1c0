"""What a job's steps did is undone when it ends failed or cancelled."""

import asyncio
from typing import Any

import pytest

from holdfast import Context, Holdfast, Retry, sleep, step
from holdfast.errors import InvalidOption, JobCancelled, JobFailed
from holdfast.model.job import JobState
from holdfast.testing import Clock, drain

DONE: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    DONE.clear()


def book(what: str) -> str:
    DONE.append(f"book {what}")
    return f"{what}!"


def unbook(booked: str) -> None:
    DONE.append(f"undo {booked}")


async def unbook_soon(booked: str, what: str, *, times: int = 1) -> None:
    await asyncio.sleep(0)
    DONE.append(f"undo {booked} {what} {times}")


def test_g29_steps_are_undone_the_last_first_before_a_job_ends_failed(app: Holdfast) -> None:
    @app.task(retry=Retry(attempts=2, backoff=0))
    async def trip() -> None:
        await step.using(undo=unbook)(book, "flight")
        await step(book, "nothing to undo")
        await step.using(undo=unbook_soon)("inn", book, "inn")
        DONE.append(app.jobs.get(job.id).state)  # type: ignore[union-attr]
        raise ValueError("no car")

    job = trip.enqueue()
    drain(app)
    assert DONE[:3] == ["book flight", "book nothing to undo", "book inn"]
    assert DONE[3:] == ["running", "running", "undo inn! inn 1", "undo flight!"]
    record = job.refresh()
    assert (record.state, record.attempt, [each.kind for each in record.errors]) == ("failed", 2, ["ValueError"] * 2)
    with pytest.raises(JobFailed, match="no car"):
        job.result(timeout=5)
    undone = {(each.line, each.name, each.state) for each in app.steps.list(job.id) if each.kind == "undo"}
    assert undone == {("undo", "inn", "done"), ("undo", "book", "done")}


def test_a_job_that_succeeds_undoes_nothing_and_keeps_no_trace_of_it(app: Holdfast) -> None:
    @app.task
    async def trip() -> None:
        await step.using(undo=unbook)(book, "flight")

    job = trip.enqueue()
    drain(app)
    assert (job.refresh().state, DONE) == (JobState.SUCCEEDED, ["book flight"])
    app.jobs.retry(job.id, force=True)
    drain(app)
    assert (job.refresh().state, DONE) == (JobState.SUCCEEDED, ["book flight"] * 2)


def test_functions_made_in_the_body_undo_what_they_were_made_for(app: Holdfast) -> None:
    @app.task
    async def trip(who: str) -> None:
        async def one(what: str) -> None:
            await step.using(undo=lambda booked: DONE.append(f"{who} without {booked}"))("book", book, what)

        await asyncio.gather(one("a"), one("b"))
        raise ValueError

    jobs = [trip.enqueue("Ann"), trip.enqueue("Bo")]
    drain(app)
    assert [job.refresh().state for job in jobs] == ["failed", "failed"]
    for who in ("Ann", "Bo"):
        assert sorted(each for each in DONE if who in each) == [f"{who} without a!", f"{who} without b!"]
    assert DONE.count("book a") == 2


def test_a_suspended_job_that_is_cancelled_is_undone_and_its_key_is_taken_until_then(
    app: Holdfast, clock: Clock
) -> None:
    @app.task
    async def trip(what: str) -> None:
        await step.using(undo=unbook)(book, what)
        await sleep("1h")
        DONE.append("slept")

    job = trip.using(key="trip").enqueue("flight")
    drain(app)
    assert job.refresh().state is JobState.SUSPENDED
    assert app.jobs.cancel(job.id).state is JobState.READY
    assert app.jobs.cancel(job.id).state is JobState.READY  # it is cancelled already
    assert not trip.using(key="trip").enqueue("other").created
    drain(app)
    assert DONE == ["book flight", "undo flight!"]
    assert (job.refresh().state, job.record.reason, job.record.attempt) == ("cancelled", "explicit", 1)
    with pytest.raises(JobCancelled):
        job.result(timeout=5)
    assert trip.using(key="trip").enqueue("other").created


def test_what_fails_to_undo_is_tried_again_and_then_left_to_a_person(app: Holdfast, clock: Clock) -> None:
    broken: list[bool] = [True]

    def flaky(booked: str) -> None:
        DONE.append("try")
        if broken:
            raise OSError("away")

    @app.task(timeout="1m")
    async def trip() -> None:
        await step.using(undo=unbook)(book, "flight")
        await step.using(undo=flaky)("inn", book, "inn")
        raise ValueError("no car")

    job = trip.enqueue()
    drain(app)
    assert DONE.count("try") == 2  # the second after 100 ms
    assert job.refresh().state is JobState.SUSPENDED
    for _ in range(8):
        clock.advance("2d")
        drain(app)
    assert DONE.count("try") == 10
    assert (job.refresh().state, job.record.reason) == (JobState.BLOCKED, "undo")
    assert "undo" in str(app.jobs.explain(job.id))
    broken.clear()
    app.steps.release(job.id)
    drain(app)
    assert DONE[-2:] == ["try", "undo flight!"]
    assert [each.message for each in job.refresh().errors] == ["no car"]
    assert job.record.state is JobState.FAILED


def test_a_person_can_give_up_on_undoing(app: Holdfast, clock: Clock) -> None:
    def never(booked: str) -> None:
        raise OSError("away")

    @app.task
    async def trip() -> None:
        await step.using(undo=never)(book, "flight")
        await sleep("1h")

    job = trip.enqueue()
    drain(app)
    assert app.jobs.fail(job.id, "no use").state is not JobState.FAILED
    drain(app)
    assert job.refresh().state is JobState.SUSPENDED
    assert app.jobs.fail(job.id, "given up").state is JobState.FAILED
    assert job.refresh().reason == "given up"
    app.jobs.retry(job.id)
    drain(app)
    assert (job.refresh().state, DONE) == (JobState.SUSPENDED, ["book flight"] * 2)  # its body runs anew


def test_a_newer_request_waits_until_the_older_is_undone(app: Holdfast, clock: Clock) -> None:
    @app.task
    async def trip(what: str) -> None:
        await step.using(undo=unbook)(book, what)
        if what == "flight":
            await sleep("1h")

    job = trip.using(key="trip").enqueue("flight")
    drain(app)
    trip.using(key="trip", on_conflict="replace").enqueue("train")
    trip.using(key="trip", on_conflict="merge").enqueue("bus")  # with what waits, which is not the job that is undone
    drain(app)
    assert DONE == ["book flight", "undo flight!", "book bus"]
    assert (job.refresh().state, job.record.version) == (JobState.SUCCEEDED, 3)


def test_a_job_that_a_newer_one_waits_for_is_undone_first(app: Holdfast) -> None:
    @app.task
    async def trip(what: str) -> None:
        await step.using(undo=unbook)(book, what)
        if what == "flight":
            trip.using(key="trip", on_conflict="replace").enqueue("train")
            raise ValueError("late")

    job = trip.using(key="trip").enqueue("flight")
    drain(app)
    assert DONE == ["book flight", "undo flight!", "book train"]
    assert job.refresh().state is JobState.SUCCEEDED


def test_a_group_is_kept_until_all_is_undone(app: Holdfast, clock: Clock) -> None:
    @app.task
    async def trip(what: str) -> None:
        await step.using(undo=unbook)(book, what)
        if what == "flight":
            await sleep("1h")

    job = trip.using(group="g").enqueue("flight")
    trip.using(group="g").enqueue("train")
    drain(app)
    app.jobs.cancel(job.id)
    drain(app)
    assert DONE == ["book flight", "undo flight!", "book train"]


def test_a_deadline_undoes(app: Holdfast, clock: Clock) -> None:
    @app.task
    async def trip() -> None:
        await step.using(undo=unbook)(book, "flight")
        await sleep("1h")

    job = trip.using(deadline="1m").enqueue()
    drain(app)
    clock.advance("2m")
    drain(app)
    assert DONE == ["book flight", "undo flight!"]
    assert (job.refresh().state, job.record.reason) == ("cancelled", "deadline")


def test_a_parent_and_what_waits_for_a_job_learn_of_its_end_when_it_is_undone(app: Holdfast) -> None:
    @app.task
    async def trip() -> None:
        await step.using(undo=unbook)(book, "flight")
        raise ValueError("no car")

    @app.task
    async def parent() -> str:
        try:
            await trip.invoke()
        except JobFailed as error:
            DONE.append("parent")
            return error.message
        return ""

    @app.task
    def after() -> None:
        DONE.append("after")

    job = parent.enqueue()
    drain(app)
    assert (job.result(timeout=5), DONE) == ("no car", ["book flight", "undo flight!", "parent"])
    DONE.clear()
    after.using(after=trip.enqueue(), when="failed").enqueue()
    drain(app)
    assert DONE == ["book flight", "undo flight!", "after"]


def test_what_an_attempt_of_before_did_is_undone_too(app: Holdfast) -> None:
    @app.task(retry=Retry(attempts=2, backoff=0))
    async def trip(ctx: Context) -> None:
        await step.using(undo=unbook)(book, "flight")
        if ctx.job.attempt == 1:
            await step.using(undo=unbook)("inn", book, "inn")
        raise ValueError

    trip.enqueue()
    drain(app)
    assert DONE == ["book flight", "book inn", "undo inn!", "undo flight!"]


def test_what_a_later_attempt_does_otherwise_leaves_the_earlier_to_be_undone(app: Holdfast) -> None:
    def refuse(attempt: int) -> None:
        if attempt == 1:
            raise ValueError

    @app.task(retry=Retry(attempts=2, backoff=0))
    async def trip(ctx: Context) -> None:
        attempt = ctx.job.attempt
        await step.using(undo=unbook)("flight", book, f"flight {attempt}" if attempt == 1 else "another")
        await step.using(retry=1)("refuse", refuse, attempt)
        raise ValueError

    job = trip.enqueue()
    drain(app)
    assert DONE == ["book flight 1", "book another", "undo another!", "undo flight 1!"]
    assert job.refresh().state is JobState.FAILED


def test_events_and_the_report_tell_of_one_end(app: Holdfast) -> None:
    told: list[str] = []
    app.on("*", task="trip")(lambda event: told.append(event.name))

    @app.task(name="trip")
    async def trip() -> None:
        await step.using(undo=unbook)(book, "flight")
        raise ValueError

    trip.enqueue()
    report = app.work_once(batch=10)
    ended = [name for name in told if name in ("job.failed", "job.finished", "job.suspended", "job.attempt_failed")]
    assert ended == ["job.attempt_failed", "job.suspended", "job.failed", "job.finished"]
    assert (report.failed, report.succeeded) == (1, 0)


def test_undo_takes_a_function_that_can_be_called_so(app: Holdfast) -> None:
    with pytest.raises(InvalidOption, match="undo takes a function"):
        step.using(undo="unbook")  # type: ignore[typeddict-item]

    @app.task
    async def trip() -> None:
        await step.using(undo=lambda a, b, c: None)(book, "flight")

    job = trip.enqueue()
    drain(app)
    assert job.refresh().errors[0].kind == "InvalidOption"
    assert DONE == []
