"""What people do to one job: look, cancel, retry, delete, resolve, fail; and pausing a worker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from holdfast import Context, Holdfast, JobRecord, JobState, Retry
from holdfast.errors import InvalidOption, JobFailed, JobNotFound, MisuseError, WrongState
from holdfast.ids import new_id
from holdfast.storage.ops import inspect
from holdfast.testing import Clock, drain

from .conftest import MakeApp
from .support import until, vanish

VERBS = ("cancel", "retry", "delete", "resolve", "fail")


@pytest.fixture
def tasks(app: Holdfast, make_app: MakeApp) -> Any:
    """Tasks whose jobs can be brought into any state, and an app that knows none of them."""

    @app.task(name="good", tags=["even"])
    def good(n: int = 0) -> int:
        return n

    @app.task(name="bad", retry=Retry(2, base=0), metadata={"who": "Ada"})
    def bad(n: int = 0) -> None:
        raise ValueError(f"bad {n}")

    @app.task(name="stall", on_crash="stall")
    def stall(text: str = "") -> None: ...

    class Tasks:
        pass

    stranger = make_app()

    @stranger.task
    def unknown() -> None: ...

    tasks: Any = Tasks()
    tasks.stranger = stranger
    tasks.good, tasks.bad, tasks.stall = good, bad, stall
    return tasks


def in_state(app: Holdfast, tasks: Any, clock: Clock, state: JobState) -> Any:
    """A job in that state."""
    match state:
        case JobState.READY:
            return tasks.good.enqueue()
        case JobState.SCHEDULED:
            return tasks.good.using(delay="1h").enqueue()
        case JobState.BLOCKED:
            job = tasks.good.enqueue()
            tasks.stranger.work_once()
            return job
        case JobState.RUNNING:
            job = tasks.good.enqueue()
            vanish(app, job)
            return job
        case JobState.SUCCEEDED:
            job = tasks.good.enqueue()
        case JobState.FAILED:
            job = tasks.bad.enqueue()
        case JobState.CANCELLED:
            job = tasks.good.enqueue()
            app.jobs.cancel(job.id)
            return job
        case _:
            job = tasks.stall.enqueue()
            vanish(app, job)
            clock.advance("31s")
            app.do_duties()
            return job
    drain(app)
    return job


STATES = [state for state in JobState if state is not JobState.SUSPENDED]
WAITING = (JobState.READY, JobState.SCHEDULED, JobState.BLOCKED)


def versions(app: Holdfast, id: str) -> list[JobRecord]:
    return [record for record in app.jobs.list(limit=1000) if record.id == id]


# Reading


def test_get(app: Holdfast, tasks: Any) -> None:
    job = tasks.good.enqueue(3)
    record = app.jobs.get(job.id)
    assert record == job.refresh()
    assert app.jobs.get(job.id.upper()) == record
    assert app.jobs.get(new_id()) is None
    with pytest.raises(InvalidOption):
        app.jobs.get("no id")


async def test_reading_from_an_event_loop(app: Holdfast, tasks: Any) -> None:
    job = await tasks.good.aenqueue(3)
    assert await app.jobs.aget(job.id) == app.jobs.get(job.id)
    assert list(await app.jobs.alist()) == list(app.jobs.list())


def test_list_filters(app: Holdfast, tasks: Any) -> None:
    good, mail = tasks.good.enqueue(1), tasks.good.using(queue="mail", tags=["odd", "x"]).enqueue(2)
    bad = tasks.bad.enqueue(3)
    drain(app, queues=["default"])

    def ids(**which: Any) -> list[str]:
        return [record.id for record in app.jobs.list(**which)]

    assert ids() == [bad.id, mail.id, good.id]
    assert ids(state="ready") == [mail.id]
    assert ids(state=JobState.FAILED) == [bad.id]
    assert ids(queue="mail") == [mail.id]
    assert ids(task="good") == ids(task=tasks.good) == [mail.id, good.id]
    assert ids(tag="odd") == [mail.id]
    assert ids(tag="even") == [good.id]
    assert ids(state="succeeded", queue="default", task="good", tag="even") == [good.id]
    assert ids(state="succeeded", queue="mail") == []
    for wrong in ({"state": "asleep"}, {"limit": 0}, {"limit": 1001}, {"limit": True}, {"after": "x"}):
        with pytest.raises(InvalidOption):
            app.jobs.list(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("which", ["queue", "task", "tag"])
@pytest.mark.parametrize("wrong", ["a\ud800", "a\x00", "", "x" * 256, ["a"], 7, b"a"])
async def test_a_filter_that_can_name_nothing_is_refused(app: Holdfast, which: str, wrong: Any) -> None:
    with pytest.raises(InvalidOption, match=which):
        app.jobs.list(**{which: wrong})
    with pytest.raises(InvalidOption, match=which):
        await app.jobs.alist(**{which: wrong})


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
def test_pages_give_every_version_once(app: Holdfast, tasks: Any, limit: int) -> None:
    jobs = [tasks.bad.enqueue(n) for n in range(5)]
    drain(app)
    for job in (jobs[1], jobs[2], jobs[2]):
        app.jobs.retry(job.id)
        drain(app)
    app.jobs.retry(jobs[4].id)
    whole = app.jobs.list()
    assert [(record.id, record.version) for record in whole] == [
        (jobs[4].id, 2), (jobs[4].id, 1), (jobs[3].id, 1), (jobs[2].id, 3), (jobs[2].id, 2), (jobs[2].id, 1),
        (jobs[1].id, 2), (jobs[1].id, 1), (jobs[0].id, 1),
    ]  # fmt: skip
    found: list[JobRecord] = []
    page = app.jobs.list(limit=limit)
    while True:
        assert len(page) <= limit
        found += page
        if page.next is None:
            break
        tasks.good.enqueue()  # what is new comes before the first page and disturbs none
        page = app.jobs.list(limit=limit, after=page.next)
    assert found == list(whole)


def test_a_cursor_of_another_page_is_refused(app: Holdfast) -> None:
    for cursor in (f"{new_id()}.x", f"{new_id()}.1.2", "5", f"{new_id()}.99999999999"):
        with pytest.raises(InvalidOption):
            app.jobs.list(after=cursor)


# Doing


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("twin", [False, True], ids=["sync", "async"])
def test_a_job_that_is_not_there(app: Holdfast, verb: str, twin: bool) -> None:
    id = new_id()
    with pytest.raises(JobNotFound, match=id):
        asyncio.run(getattr(app.jobs, f"a{verb}")(id)) if twin else getattr(app.jobs, verb)(id)
    assert len(app.jobs.list()) == 0


ALLOWED: dict[str, tuple[JobState, ...]] = {
    "retry": (JobState.FAILED, JobState.CANCELLED, JobState.STALLED),
    "resolve": (*WAITING, JobState.STALLED),
    "fail": (*WAITING, JobState.STALLED),
    "cancel": tuple(STATES),
    "delete": tuple(STATES),
}


@pytest.mark.parametrize("twin", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_in_every_state(app: Holdfast, tasks: Any, clock: Clock, verb: str, twin: bool) -> None:
    """Where the state forbids it, WrongState is raised and nothing has changed."""
    for state in STATES:
        job = in_state(app, tasks, clock, state)
        before = job.refresh()
        assert before.state is state

        def do(id: str = job.id) -> Any:
            return asyncio.run(getattr(app.jobs, f"a{verb}")(id)) if twin else getattr(app.jobs, verb)(id)

        if state in ALLOWED[verb]:
            assert do().id == job.id
        else:
            with pytest.raises(WrongState, match=f"{state}.*nothing changed") as caught:
                do()
            assert caught.value.job_id == job.id
            assert job.refresh() == before
        app.jobs.delete(job.id) if verb != "delete" else None
        assert app.jobs.get(job.id) is None


@pytest.mark.parametrize("state", ALLOWED["retry"])
def test_retry_begins_a_new_version(app: Holdfast, tasks: Any, clock: Clock, state: JobState) -> None:
    job = in_state(app, tasks, clock, state)
    before = job.refresh()
    clock.advance("5s")
    record = app.jobs.retry(job.id)
    assert (record.state, record.version, record.attempt, record.crashes, record.errors) == (
        JobState.READY, 2, 0, 0, (),
    )  # fmt: skip
    for part in ("max_attempts", "args", "queue", "task", "priority", "tags", "metadata", "timeout", "created_at"):
        assert getattr(record, part) == getattr(before, part)
    assert (record.due_at, record.started_at, record.finished_at) == (clock.now(), None, None)
    assert versions(app, job.id) == [record, before], "the old version stays in history"
    drain(app)
    again = job.refresh()
    assert (again.version, again.state.finished) == (2, True)
    if state is JobState.FAILED:
        assert (again.attempt, len(again.errors)) == (2, 2), "the full number of attempts"


def test_retry_later_and_again(app: Holdfast, tasks: Any, clock: Clock) -> None:
    job = tasks.bad.enqueue(1)
    drain(app)
    record = app.jobs.retry(job.id, delay="10m")
    assert (record.state, record.due_at) == (JobState.SCHEDULED, clock.now() + timedelta(minutes=10))
    assert drain(app).claimed == 0
    with pytest.raises(WrongState):
        app.jobs.retry(job.id)
    clock.advance("10m")
    assert drain(app).claimed == 2
    assert app.jobs.retry(job.id).version == 3
    assert [record.version for record in versions(app, job.id)] == [3, 2, 1]


def test_retry_takes_a_success_only_by_force(app: Holdfast, tasks: Any) -> None:
    job = tasks.good.enqueue(5)
    drain(app)
    with pytest.raises(WrongState):
        app.jobs.retry(job.id)
    assert app.jobs.retry(job.id, force=True).version == 2
    drain(app)
    assert (job.result(), job.refresh().version) == (5, 2)


def test_large_arguments_come_along(app: Holdfast, tasks: Any, clock: Clock) -> None:
    @app.task
    def work(text: str) -> int:
        return len(text)

    job = work.enqueue("x" * 100_000)
    app.jobs.cancel(job.id)
    app.jobs.retry(job.id)
    drain(app)
    assert job.result() == 100_000


def test_only_one_of_many_retries_counts(app: Holdfast, tasks: Any) -> None:
    told: list[int] = []
    app.on("job.retried", lambda event: told.append(event.job.version))  # type: ignore[union-attr]
    jobs = [tasks.bad.enqueue(n) for n in range(10)]
    drain(app)
    told.clear()
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def retry() -> None:
        for job in jobs:
            start.wait(20)
            try:
                app.jobs.retry(job.id)
                outcomes.append("retried")
            except WrongState:
                outcomes.append("refused")

    threads = [threading.Thread(target=retry) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert {job.refresh().version for job in jobs} == {2}
    assert (outcomes.count("retried"), outcomes.count("refused")) == (10, 30)
    assert told == [2] * 10


def test_delete_fences_whoever_runs_it(live: Holdfast, make_app: MakeApp) -> None:
    begun, seen = threading.Event(), list[str]()
    lost: list[Any] = []
    live.on("lease.lost", lost.append)

    @live.task
    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    other = make_app(clock=None)
    with live.worker():
        job = work.enqueue()
        assert begun.wait(10)
        record = other.jobs.delete(job.id)
        assert record.state is JobState.RUNNING
        assert other.jobs.get(job.id) is None
        until(lambda: seen and lost)
    assert live.jobs.get(job.id) is None
    assert [(event.details["id"], event.task, event.queue) for event in lost] == [(job.id, "work", "default")]


def test_a_deleted_jobs_end_is_not_written(live: Holdfast) -> None:
    begun, release = threading.Event(), threading.Event()
    lost: list[Any] = []
    live.on("lease.lost", lost.append)

    @live.task
    def work(ctx: Context) -> None:
        ctx.log.info("begun")
        begun.set()
        release.wait(20)
        ctx.log.info("too late")
        ctx.progress(1)

    with live.worker():
        job = work.enqueue()
        assert begun.wait(10)
        live.jobs.delete(job.id)
        release.set()
        until(lambda: lost)
    assert live.jobs.get(job.id) is None
    assert len(live.jobs.list()) == 0


def test_delete_takes_all_versions(app: Holdfast, tasks: Any) -> None:
    job, other = tasks.bad.enqueue(), tasks.bad.enqueue()
    for _ in range(3):
        drain(app)
        app.jobs.retry(job.id)
    assert app.jobs.delete(job.id).version == 4
    assert versions(app, job.id) == []
    assert other.refresh().state is JobState.FAILED
    with pytest.raises(JobNotFound):
        app.jobs.delete(job.id)


@pytest.mark.parametrize("state", [*WAITING, JobState.STALLED])
def test_resolve_and_fail(app: Holdfast, tasks: Any, clock: Clock, state: JobState) -> None:
    job = in_state(app, tasks, clock, state)
    record = app.jobs.resolve(job.id, {"by": "hand"})
    assert (record.state, record.reason, record.result) == (JobState.SUCCEEDED, "resolved", {"by": "hand"})
    assert record.finished_at is not None
    assert versions(app, job.id) == [record]

    other = in_state(app, tasks, clock, state)
    record = app.jobs.fail(other.id, "no use")
    assert (record.state, record.reason) == (JobState.FAILED, "no use")
    with pytest.raises(JobFailed):
        other.result()
    clock.advance("2h")
    assert drain(app).claimed == 0
    assert app.jobs.retry(other.id).state is JobState.READY


def test_resolve_refuses_what_json_cannot_hold(app: Holdfast, tasks: Any) -> None:
    job = tasks.good.enqueue()
    before = job.refresh()
    for wrong in (object(), float("nan")):
        with pytest.raises(InvalidOption):
            app.jobs.resolve(job.id, wrong)
    with pytest.raises(InvalidOption):
        app.jobs.fail(job.id, "")
    assert job.refresh() == before


def test_what_is_kept_for_no_time_is_still_answered(app: Holdfast, tasks: Any, clock: Clock) -> None:
    clock.advance("1h")
    task = tasks.good.using(keep_succeeded=0, keep_failed=0)
    told: list[Any] = []
    app.on("job.finished", told.append)
    resolved = app.jobs.resolve(task.enqueue().id, 5)
    assert (resolved.state, resolved.result) == (JobState.SUCCEEDED, 5)
    assert app.jobs.fail(task.enqueue().id).state is JobState.FAILED
    assert app.jobs.cancel(task.enqueue().id).state is JobState.CANCELLED
    assert [event.job.state for event in told] == ["succeeded", "failed", "cancelled"]
    assert {event.at for event in told} == {resolved.finished_at} == {clock.now()}, "by the app's clock"
    assert len(app.jobs.list()) == 0


def test_verbs_wait_for_a_row_that_a_transaction_holds(live: Holdfast, make_app: MakeApp) -> None:
    """On PostgreSQL a stranger's lock is waited for, a while; on SQLite there is one writer at a time anyway."""

    @live.task
    def work() -> None: ...

    job = work.enqueue()
    other = make_app(clock=None)
    table = '"holdfast".jobs' if "PostgreSQL" in live.store.where else "holdfast_jobs"
    answers: list[JobState] = []
    with live.transaction() as connection:
        connection.execute(f"update {table} set priority = 5")
        thread = threading.Thread(target=lambda: answers.append(other.jobs.cancel(job.id).state))
        thread.start()
        thread.join(0.3)
        assert answers == []
    thread.join(10)
    assert answers == [JobState.CANCELLED]
    assert job.refresh().priority == 5


# A worker


def test_a_paused_worker_begins_nothing(live: Holdfast) -> None:
    @live.task
    def work() -> str:
        return "done"

    worker = live.worker(poll_interval="10s")
    with pytest.raises(MisuseError):
        worker.pause()
    with worker:
        work.enqueue().result(timeout=10)
        worker.pause()
        job = work.enqueue()
        with pytest.raises(TimeoutError):
            job.result(timeout=0.5)
        assert job.refresh().state is JobState.READY
        worker.resume()
        assert job.result(timeout=5) == "done", "at once, not at the next look"


def test_what_runs_goes_on_in_a_paused_worker(live: Holdfast) -> None:
    begun, release = threading.Event(), threading.Event()

    @live.task
    def work() -> str:
        begun.set()
        release.wait(20)
        return "done"

    worker = live.worker()
    with worker:
        job = work.enqueue()
        assert begun.wait(10)
        worker.pause()
        release.set()
        assert job.result(timeout=10) == "done"


def test_drained_says_which_queues_are_dry(app: Holdfast, tasks: Any, clock: Clock) -> None:
    def dry() -> list[str]:
        return app.store.run(inspect.drained(["default", "mail", "never"]), "read")

    everything = ["default", "mail", "never"]
    assert dry() == everything
    states: list[tuple[Callable[[], Any], bool]] = [
        (lambda: in_state(app, tasks, clock, JobState.READY), False),
        (lambda: in_state(app, tasks, clock, JobState.RUNNING), False),
        (lambda: in_state(app, tasks, clock, JobState.SCHEDULED), True),
        (lambda: in_state(app, tasks, clock, JobState.BLOCKED), True),
        (lambda: in_state(app, tasks, clock, JobState.FAILED), True),
    ]
    for make, is_dry in states:
        job = make()
        assert dry() == (everything if is_dry else everything[1:]), job.refresh().state
        app.jobs.delete(job.id)

    @app.task(retry=Retry(2, base="1m"))
    def again() -> None:
        raise OSError

    job = again.enqueue()
    drain(app)
    assert dry() == everything[1:], "it waits for another run"
