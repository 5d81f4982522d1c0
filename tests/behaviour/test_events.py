"""What is told, when, and with what; that it costs nothing where nobody listens, and that no listener can do harm."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import Cancel, Context, Fail, Holdfast, JobState, Retry, Snooze
from holdfast.errors import InvalidOption, KeyTaken
from holdfast.model.event import EVENTS, JOB_EVENTS
from holdfast.testing import Clock, drain

from .conftest import MakeApp
from .support import until, vanish


class Heard:
    """All that an app tells."""

    def __init__(self, app: Holdfast) -> None:
        self.events: list[Any] = []
        app.on("*", self.events.append)

    def of(self, job: Any) -> list[str]:
        return [event.name for event in self.events if event.job is not None and event.job.id == job.id]

    def one(self, name: str, job: Any = None) -> Any:
        (found,) = self.all(name, job)
        return found

    def all(self, name: str, job: Any = None) -> list[Any]:
        return [event for event in self.events if event.name == name and (job is None or event.job.id == job.id)]

    def names(self) -> Iterator[str]:
        return (event.name for event in self.events)


@pytest.fixture
def heard(app: Holdfast) -> Heard:
    return Heard(app)


ENDS = ("job.enqueued", "job.claimed", "job.started")
KINDS = pytest.mark.parametrize("is_async", [False, True], ids=["thread", "async"])
KEPT = pytest.mark.parametrize("keep", ["1d", 0], ids=["kept", "removed"])


def task(app: Holdfast, is_async: bool, what: Callable[[Context], Any], **options: Any) -> Any:
    if is_async:

        @app.task(name="body", **options)
        async def abody(ctx: Context) -> Any:
            return what(ctx)

        return abody

    @app.task(name="body", **options)
    def body(ctx: Context) -> Any:
        return what(ctx)

    return body


@KINDS
@KEPT
def test_of_a_success(app: Holdfast, clock: Clock, heard: Heard, is_async: bool, keep: Any) -> None:
    job = task(
        app, is_async, lambda ctx: ctx.progress(1) or {"n": 5}, keep_succeeded=keep, tags=["x"], queue="mail"
    ).enqueue()
    drain(app)
    assert heard.of(job) == [*ENDS, "job.progress", "job.succeeded", "job.finished"]
    enqueued, claimed, started, progress, succeeded, finished = (
        event for event in heard.events if event.job is not None
    )
    for event in (enqueued, claimed, started, progress, succeeded, finished):
        assert (event.queue, event.task, event.job.tags, event.job.id) == ("mail", "body", ("x",), job.id)
        assert event.at.tzinfo is not None
    assert (enqueued.job.state, enqueued.job.attempt) == (JobState.READY, 0)
    for event in (claimed, started, progress):
        assert (event.job.state, event.job.attempt, event.job.result, event.job.finished_at) == (
            JobState.RUNNING, 1, None, None,
        )  # fmt: skip
    assert progress.job.progress == {"done": 1}
    assert succeeded.job == finished.job
    record = finished.job
    assert (record.state, record.result, record.attempt, record.reason) == (JobState.SUCCEEDED, {"n": 5}, 1, None)
    assert record.finished_at is not None
    if keep:
        assert record == job.refresh()
    else:
        assert app.jobs.get(job.id) is None


@KINDS
@KEPT
def test_of_failures(app: Holdfast, heard: Heard, is_async: bool, keep: Any) -> None:
    def fail(ctx: Context) -> None:
        raise ValueError(f"run {ctx.job.attempt}")

    job = task(app, is_async, fail, retry=Retry(2, base=0), keep_failed=keep).enqueue()
    drain(app)
    again = ("job.claimed", "job.started", "job.attempt_failed")
    assert heard.of(job) == ["job.enqueued", *again, "job.retried", *again, "job.failed", "job.finished"]
    first, second = heard.all("job.attempt_failed")
    for number, event in enumerate((first, second), 1):
        assert (event.error.kind, event.error.message, event.error.attempt) == ("ValueError", f"run {number}", number)
        assert event.error.at is not None
        assert "ValueError" in event.error.traceback
        assert event.will_retry is (number == 1)
    assert first.job.state is JobState.READY
    assert first.job.finished_at is None
    retried = heard.one("job.retried")
    assert (retried.job.state, retried.job.reason) == (JobState.READY, "retry")
    record = heard.one("job.finished").job
    assert record == heard.one("job.failed").job
    assert (record.state, record.attempt, len(record.errors)) == (JobState.FAILED, 2, 2)
    assert [error.message for error in record.errors] == ["run 1", "run 2"]
    assert (app.jobs.get(job.id) is None) is (keep == 0)


@KEPT
def test_of_what_a_body_asks_for(app: Holdfast, clock: Clock, heard: Heard, keep: Any) -> None:
    def ask(ctx: Context) -> None:
        raise {"cancel": Cancel("why"), "fail": Fail("no"), "snooze": Snooze("1h")}[ctx.job.metadata["how"]]

    body = task(app, False, ask, keep_failed=keep, keep_succeeded=keep)
    jobs = {how: body.using(metadata={"how": how}).enqueue() for how in ("cancel", "fail", "snooze")}
    drain(app)
    assert heard.of(jobs["cancel"]) == [*ENDS, "job.cancelled", "job.finished"]
    assert heard.one("job.cancelled").job.reason == "why"
    assert heard.of(jobs["fail"]) == [*ENDS, "job.attempt_failed", "job.failed", "job.finished"]
    assert heard.of(jobs["snooze"]) == [*ENDS, "job.snoozed"]
    snoozed = heard.one("job.snoozed").job
    assert (snoozed.state, snoozed.reason, snoozed.attempt) == (JobState.SCHEDULED, "snooze", 0)


@KEPT
def test_of_jobs_whose_time_is_over(app: Holdfast, clock: Clock, heard: Heard, keep: Any) -> None:
    body = task(app, False, lambda ctx: None, keep_failed=keep)
    expired, late = body.using(expires="1s").enqueue(), body.using(deadline="1s", delay="1h").enqueue()
    clock.advance("2s")
    drain(app)
    for job, reason in ((expired, "expired"), (late, "deadline")):
        assert heard.of(job) == ["job.enqueued", "job.cancelled", "job.finished"]
        record = heard.one("job.finished", job).job
        assert (record.state, record.reason) == (JobState.CANCELLED, reason)
        assert record.finished_at is not None
        assert (app.jobs.get(job.id) is None) is (keep == 0)


@KEPT
@pytest.mark.parametrize(
    ("options", "cancel", "ends"),
    [
        ({"on_crash": "stall"}, False, "job.stalled"),
        ({"max_crashes": 1}, False, "job.failed"),
        ({}, True, "job.cancelled"),
        ({}, False, None),
    ],
)
def test_of_a_crash(
    app: Holdfast, clock: Clock, heard: Heard, keep: Any, options: Any, cancel: bool, ends: str | None
) -> None:
    job = task(app, False, lambda ctx: None, keep_failed=keep, **options).enqueue()
    vanish(app, job)
    if cancel:
        app.jobs.cancel(job.id)
    clock.advance("31s")
    app.do_duties()
    rescued = heard.one("job.rescued")
    assert (rescued.details["id"], rescued.task, rescued.queue) == (job.id, "body", "default")
    assert heard.of(job) == ["job.enqueued", *([ends, "job.finished"] if ends else [])]
    if ends:
        record = heard.one("job.finished").job
        assert record.state == ends.removeprefix("job.")
        assert [error.kind for error in record.errors] == ([] if cancel else ["crashed"])


def test_of_a_time_out_that_stalls(live: Holdfast) -> None:
    heard = Heard(live)

    @live.task(timeout="100ms", on_timeout="stall")
    async def slow() -> None:
        await asyncio.sleep(20)

    job = slow.enqueue()
    with live.worker():
        until(lambda: "job.finished" in heard.of(job))
    assert heard.of(job) == [*ENDS, "job.attempt_failed", "job.stalled", "job.finished"]
    assert heard.one("job.attempt_failed").error.kind == "timeout"
    assert heard.one("job.attempt_failed").will_retry is False
    assert (heard.one("job.stalled").job.state, heard.one("job.stalled").job.reason) == ("stalled", "timeout")


@KEPT
def test_of_what_people_do(app: Holdfast, heard: Heard, keep: Any) -> None:
    body = task(app, False, lambda ctx: Fail, keep_failed="1d", keep_succeeded=keep)
    cancelled, deleted, resolved, failed = (body.using(delay="1h").enqueue() for _ in range(4))
    app.jobs.cancel(cancelled.id)
    app.jobs.cancel(cancelled.id)
    app.jobs.retry(cancelled.id)
    app.jobs.delete(deleted.id)
    app.jobs.resolve(resolved.id, 5)
    app.jobs.fail(failed.id, "no use")
    assert heard.of(cancelled) == ["job.enqueued", "job.cancelled", "job.finished", "job.retried"]
    assert heard.one("job.retried").job.version == 2
    assert heard.of(deleted) == ["job.enqueued", "job.deleted"]
    assert heard.one("job.deleted").job.state is JobState.SCHEDULED
    assert heard.of(resolved) == ["job.enqueued", "job.succeeded", "job.finished"]
    assert heard.one("job.succeeded").job.result == 5
    assert heard.of(failed) == ["job.enqueued", "job.failed", "job.finished"]


async def test_of_what_people_do_on_event_loops(app: Holdfast, heard: Heard) -> None:
    body = task(app, False, lambda ctx: None)
    job, deleted = await body.aenqueue(), await body.aenqueue()
    await app.jobs.acancel(job.id)
    await app.jobs.aretry(job.id)
    await app.jobs.afail(job.id)
    await app.jobs.adelete(deleted.id)
    assert heard.of(job) == [
        "job.enqueued", "job.cancelled", "job.finished", "job.retried", "job.failed", "job.finished",
    ]  # fmt: skip
    assert heard.of(deleted) == ["job.enqueued", "job.deleted"]


def test_what_is_not_begun_is_not_started(app: Holdfast, make_app: MakeApp) -> None:
    task(app, False, lambda ctx: None).enqueue()
    other = make_app()
    heard = Heard(other)

    @other.task
    def unknown() -> None: ...

    other.work_once()
    assert [name for name in heard.names() if name.startswith("job.")] == ["job.claimed"]


def test_told_where_it_was_done_and_nowhere_else(app: Holdfast, make_app: MakeApp) -> None:
    other = make_app()
    here, there = Heard(app), Heard(other)
    job = task(app, False, lambda ctx: None).enqueue()
    task(other, False, lambda ctx: None)
    drain(other)
    assert here.of(job) == ["job.enqueued"]
    assert there.of(job) == ["job.claimed", "job.started", "job.succeeded", "job.finished"]


def test_of_jobs_enqueued_in_the_callers_transaction(app: Holdfast, heard: Heard) -> None:
    """Their commit is the caller's: `job.claimed` is the first that is told."""
    body = task(app, False, lambda ctx: None)
    with app.transaction() as connection:
        job = body.using(connection=connection).enqueue()
    drain(app)
    assert heard.of(job) == ["job.claimed", "job.started", "job.succeeded", "job.finished"]


def test_of_a_batch(app: Holdfast, heard: Heard) -> None:
    body = task(app, False, lambda ctx: None)
    jobs = app.enqueue_many([body.call() for _ in range(5)])
    assert [event.job.id for event in heard.all("job.enqueued")] == [job.id for job in jobs]


def test_of_a_body_with_a_transaction_of_its_own(app: Holdfast, heard: Heard) -> None:
    @app.task(transaction=True, keep_succeeded=0)
    def work(ctx: Context) -> int:
        ctx.connection.execute("select 1")
        return 5

    job = work.enqueue()
    drain(app)
    assert heard.of(job) == [*ENDS, "job.succeeded", "job.finished"]
    assert heard.one("job.finished").job.result == 5


def test_of_retention(app: Holdfast, clock: Clock, heard: Heard) -> None:
    jobs = [task(app, False, lambda ctx: None, keep_succeeded="800d", group="one").enqueue() for _ in range(1)]
    drain(app)
    clock.advance("801d")
    app.do_duties()
    assert heard.one("history.pruned").count == len(jobs)
    assert heard.one("gate.pruned").count == 1
    app.do_duties()
    assert len(heard.all("history.pruned")) == 1


def test_of_a_worker(live: Holdfast) -> None:
    heard = Heard(live)
    with live.worker(name="Ada"):
        pass
    told = [name for name in heard.names() if name.startswith("worker.")]
    assert told == ["worker.started", "worker.stopping", "worker.stopped"]
    assert {event.details["name"] for event in heard.events if event.name in told} == {"Ada"}


def test_of_a_lost_lease(live: Holdfast) -> None:
    heard = Heard(live)
    begun = threading.Event()

    @live.task(queue="mail")
    def work(ctx: Context) -> None:
        begun.set()
        until(lambda: ctx.cancelled)

    with live.worker():
        job = work.enqueue()
        assert begun.wait(10)
        live.jobs.delete(job.id)
        until(lambda: heard.all("lease.lost"))
    lost = heard.one("lease.lost")
    assert (lost.details["id"], lost.task, lost.queue) == (job.id, "work", "mail")
    assert "job.finished" not in heard.of(job)


# Drained


def test_a_queue_that_runs_dry_is_told_once(live: Holdfast) -> None:
    heard = Heard(live)

    @live.task(queue="mail")
    def work() -> None: ...

    with live.worker(queues=["mail", "other"], poll_interval="50ms"):
        until(lambda: len(heard.all("queue.drained")) == 2)  # at the start, too
        assert sorted(event.queue for event in heard.all("queue.drained")) == ["mail", "other"]
        work.using(delay="1h").enqueue()  # what is due later does not count
        for number in (3, 4):
            work.enqueue().result(timeout=10)
            until(lambda number=number: len(heard.all("queue.drained")) == number)
        threading.Event().wait(0.4)
    with live.worker(queues=["mail"], poll_interval="50ms"):
        threading.Event().wait(0.3)
    drained = heard.all("queue.drained")
    assert [event.queue for event in drained[2:]] == ["mail", "mail"]
    assert all(event.job is None for event in drained)


def test_a_queue_is_not_dry_while_a_job_runs_or_waits_for_another_run(live: Holdfast, make_app: MakeApp) -> None:
    begun, release = threading.Event(), threading.Event()

    @live.task(retry=Retry(2, base="1s", jitter=0))
    def work(ctx: Context) -> None:
        begun.set()
        release.wait(20)
        if ctx.job.attempt == 1:
            raise OSError

    other = make_app(clock=None)
    heard = Heard(other)
    task(other, False, lambda ctx: None)
    with live.worker(), other.worker(tasks=["body"], poll_interval="50ms", leader=False):
        until(lambda: heard.all("queue.drained"))  # the default queue, empty at the start
        heard.events.clear()
        other._bus.drained.clear()  # type: ignore[reportPrivateUsage]
        job = work.enqueue()
        assert begun.wait(10)
        heard.events.clear()
        threading.Event().wait(0.4)
        release.set()
        until(lambda: job.refresh().state is JobState.SCHEDULED)
        threading.Event().wait(0.3)
        assert not heard.all("queue.drained") or job.refresh().state is not JobState.SCHEDULED
        job.result(timeout=10)
        until(lambda: heard.all("queue.drained"))


def test_draining_tells_it_too(app: Holdfast, heard: Heard) -> None:
    body = task(app, False, lambda ctx: None, queue="mail")
    drain(app)
    assert [event.queue for event in heard.all("queue.drained")] == ["mail"]
    body.enqueue()
    app.work_once()
    assert [event.queue for event in heard.all("queue.drained")] == ["mail", "mail"]


# Listening


def test_nobody_asked_nothing_is_asked(app: Holdfast, count_statements: Any) -> None:
    body = task(app, False, lambda ctx: None)
    names = count_statements(app)
    for _ in range(3):
        body.enqueue()
    drain(app)
    assert not {"get", "drained", "list", "progress", "log"} & set(names)
    assert names.count("enqueue") == 3
    assert 1 <= names.count("finish") <= 3


def test_one_event_asked_for_costs_one_query_for_many(app: Holdfast, count_statements: Any) -> None:
    app.on("job.failed", lambda event: None)
    body = task(app, False, lambda ctx: None)
    names = count_statements(app)
    app.enqueue_many([body.call() for _ in range(20)])
    drain(app, concurrency=20)
    assert "ended_under" not in names, "no job failed"
    told: list[Any] = []
    app.on("job.succeeded", told.append)
    app.enqueue_many([body.call() for _ in range(20)])
    drain(app, concurrency=20)
    assert len(told) == 20
    assert 1 <= names.count("ended_under") <= 10
    assert "get" not in names


def test_filters_and_off(app: Holdfast) -> None:
    heard: dict[str, list[str]] = {}

    def listen(name: str) -> Callable[[Any], None]:
        return lambda event: heard.setdefault(name, []).append(event.job.metadata["name"])

    @app.task
    def one() -> None: ...

    @app.task(queue="mail")
    def two() -> None: ...

    app.on("job.succeeded", listen("one"), task=one)
    app.on("job.succeeded", listen("two"), task="two")
    app.on("job.succeeded", listen("mail"), queue="mail")
    app.on("job.succeeded", listen("none"), queue="mail", task=one)
    every = app.on("job.succeeded", listen("every"))
    gone = app.on("job.succeeded", listen("gone"), task=one)
    app.off("job.succeeded", gone)

    @app.on("job.failed")
    @app.on("job.succeeded", queue="mail")
    def decorated(event: Any) -> None:
        heard.setdefault("decorated", []).append(event.job.metadata["name"])

    one.using(metadata={"name": "1"}).enqueue()
    two.using(metadata={"name": "2"}).enqueue()
    drain(app)
    app.off("job.succeeded", every)
    app.off("job.succeeded", every)
    one.using(metadata={"name": "3"}).enqueue()
    drain(app)
    assert heard == {
        "one": ["1", "3"], "two": ["2"], "mail": ["2"], "every": ["1", "2"], "decorated": ["2"],
    }  # fmt: skip


def test_one_function_under_several_filters(app: Holdfast) -> None:
    heard: list[str] = []

    def listen(event: Any) -> None:
        heard.append(event.queue)

    app.on("job.enqueued", listen, queue="a")
    app.on("job.enqueued", listen, queue="b")
    body = task(app, False, lambda ctx: None)
    for queue in "abc":
        body.using(queue=queue).enqueue()
    assert heard == ["a", "b"]
    app.off("job.enqueued", listen)
    for queue in "abc":
        body.using(queue=queue).enqueue()
    assert heard == ["a", "b"], "off takes all of them"


def test_methods_may_listen(app: Holdfast) -> None:
    class Listener:
        heard = 0

        def hear(self, event: Any) -> None:
            self.heard += 1

    one = Listener()
    app.on("job.enqueued", one.hear)
    body = task(app, False, lambda ctx: None)
    body.enqueue()
    app.off("job.enqueued", one.hear)
    body.enqueue()
    assert one.heard == 1


def test_a_name_that_is_no_event(app: Holdfast) -> None:
    with pytest.raises(InvalidOption, match=r"did you mean 'job.failed'"):
        app.on("job.fail", print)
    with pytest.raises(InvalidOption):
        app.on("", print)


def test_a_coroutine_function_would_never_run(app: Holdfast) -> None:
    async def listen(event: Any) -> None: ...

    with pytest.raises(InvalidOption, match="plain function"):
        app.on("job.failed", listen)


@pytest.mark.parametrize("error", [ValueError, SystemExit, asyncio.CancelledError], ids=lambda kind: kind.__name__)
@KEPT
def test_a_listener_that_raises_changes_nothing(
    app: Holdfast, caplog: pytest.LogCaptureFixture, error: type[BaseException], keep: Any
) -> None:
    after = list[str]()

    def bad(event: Any) -> None:
        raise error("a bug")

    app.on("*", bad)
    app.on("*", lambda event: after.append(event.name))
    body = task(app, False, lambda ctx: 5, keep_succeeded=keep)
    job = body.enqueue()
    with caplog.at_level(logging.CRITICAL, "holdfast"):
        assert drain(app).succeeded == 1
        cancelled = body.using(delay="1h").enqueue()
        assert app.jobs.cancel(cancelled.id).state is JobState.CANCELLED
        app.do_duties()
    assert after.count("job.succeeded") == 1
    assert after.count("job.finished") == 2
    assert keep == 0 or job.result() == 5


def test_a_listener_may_use_the_app(live: Holdfast) -> None:
    """In a worker listeners are called on its loop: what they do may block it, and must not lock it up."""

    @live.task
    def first() -> None: ...

    @live.task
    def second(id: str) -> str:
        return id

    followers: list[Any] = []

    @live.on("job.succeeded", task=first)
    def follow(event: Any) -> None:
        followers.append(second.enqueue(event.job.id))
        assert live.jobs.get(event.job.id) is not None

    with live.worker():
        jobs = [first.enqueue() for _ in range(10)]
        until(lambda: len(followers) == 10)
        assert {job.result(timeout=10) for job in followers} == {job.id for job in jobs}


def test_the_order_of_each_job(live: Holdfast) -> None:
    heard = Heard(live)

    @live.task(retry=Retry(2, base=0))
    async def work(ctx: Context) -> int:
        ctx.progress(1)
        if ctx.job.attempt == 1 and ctx.job.metadata["n"] % 3 == 0:
            raise OSError
        return ctx.job.metadata["n"]

    with live.worker(concurrency=20):
        jobs = [work.using(metadata={"n": n}, keep_succeeded=n % 2).enqueue() for n in range(60)]
        until(lambda: len(heard.all("job.finished")) == 60)
    for number, job in enumerate(jobs):
        # told on the enqueuer's thread, all others by the worker: it may come later than the first of those
        names = [name for name in heard.of(job) if name not in ("job.progress", "job.enqueued")]
        failed = ["job.attempt_failed", "job.retried", "job.claimed", "job.started"] if number % 3 == 0 else []
        assert names == ["job.claimed", "job.started", *failed, "job.succeeded", "job.finished"]
        assert heard.one("job.finished", job).job.result == number


def test_what_a_stopping_worker_did_is_told(live: Holdfast) -> None:
    for _ in range(5):
        heard = Heard(live)
        body = live.task(name=f"body{_}")(lambda: None)
        with live.worker():
            jobs = live.enqueue_many([body.call() for _ in range(30)])
            until(lambda jobs=jobs: any(job.refresh().state.finished for job in jobs))
        done = {job.id for job in jobs if job.refresh().state is JobState.SUCCEEDED}
        assert {event.job.id for event in heard.all("job.finished")} >= done
        live._bus.off("*", heard.events.append)  # type: ignore[reportPrivateUsage]


def test_records_of_events_can_be_written_as_json(app: Holdfast, heard: Heard) -> None:
    from holdfast.cli.documents import job_document

    task(app, False, lambda ctx: 5).enqueue()
    drain(app)
    for event in heard.all("job.finished"):
        assert json.loads(json.dumps(job_document(event.job, True, True)))["state"] == "succeeded"


def test_requests_that_were_not_stored(app: Holdfast) -> None:
    @app.task
    def body() -> None: ...

    heard = Heard(app)
    keyed = body.using(key="a", queue="q")
    first = keyed.enqueue()
    keyed.enqueue()
    with pytest.raises(KeyTaken):
        keyed.using(on_conflict="reject").enqueue()
    told = [(event.name, event.job.id, event.queue, event.task) for event in heard.events]
    assert told == [
        (name, first.id, "q", "body") for name in ("job.enqueued", "job.deduplicated", "job.refused")
    ]  # fmt: skip
    assert heard.events[-1].details["why"] == "key_taken"


def test_every_event_is_tested_here() -> None:
    others = ("schedules", "batches", "pipes", "queue_rules", "waits")
    files = (Path(__file__), *(Path(__file__).with_name(f"test_{name}.py") for name in others))
    source = "".join(file.read_text("utf-8") for file in files)
    assert not {name for name in EVENTS if f'"{name}"' not in source}
    assert set(JOB_EVENTS) < set(EVENTS)


async def test_jobs_of_every_tenant_are_told_when_they_are_enqueued(app: Holdfast) -> None:
    @app.task
    def body() -> None: ...

    heard = Heard(app)
    tenants = ["default", "red", "blue", "red"]
    jobs = app.enqueue_many([body.using(tenant=tenant).call() for tenant in tenants])
    jobs += await app.aenqueue_many([body.using(tenant=tenant).call() for tenant in tenants])
    told = [(event.job.id, event.job.tenant) for event in heard.events if event.name == "job.enqueued"]
    assert sorted(told) == sorted((job.id, tenant) for job, tenant in zip(jobs, tenants * 2, strict=True))
