"""What `enqueue` stores: options, order, sets of tasks, later starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from holdfast import Holdfast, JobState, Retry, TaskSet
from holdfast.errors import ConfigError, DuplicateTask, InvalidOption, JobNotFound, MisuseError
from holdfast.ids import new_id
from holdfast.testing import Clock, assert_enqueued, drain

from .conftest import MakeApp


def test_a_job_as_enqueued(app: Holdfast, clock: Clock) -> None:
    @app.task
    def add(a: int, b: int = 2) -> int:
        return a + b

    job = add.enqueue(1)
    record = app.jobs.get(job.id)
    assert record is not None
    assert (record.id, record.task, record.queue, record.tenant) == (job.id, "add", "default", "default")
    assert (record.state, record.reason, record.version) == (JobState.READY, None, 1)
    assert record.args == {"a": 1}
    assert (record.result, record.key, record.group, record.progress) == (None, None, None, None)
    assert (record.attempt, record.max_attempts, record.crashes, record.errors) == (0, 1, 0, ())
    assert (record.priority, record.timeout, record.on_timeout) == (0, 3600.0, "fail")
    assert (record.keep_succeeded, record.keep_failed) == (7 * 86400.0, 30 * 86400.0)
    assert (record.tags, record.metadata) == ((), {})
    assert (record.schedule_id, record.worker) == (None, None)
    assert record.created_at == record.due_at == record.updated_at == clock.now()
    assert (record.started_at, record.finished_at) == (None, None)
    assert job.created
    assert job.record == record
    assert job.state == "ready"


def test_times_are_aware_utc_to_the_microsecond(make_app: MakeApp) -> None:
    start = datetime(2031, 5, 6, 7, 8, 9, 123457, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    clock = Clock(start)
    app = make_app(clock=clock)
    task = app.task(lambda_named("noop"))
    job = task.using(delay=0.000001).enqueue()
    clock.advance(0.000001)
    drain(app)
    record = job.refresh()
    assert record.created_at == start
    assert record.due_at == start + timedelta(microseconds=1)
    assert record.created_at.tzinfo is UTC
    for moment in (record.due_at, record.finished_at, record.updated_at):
        assert moment is not None
        assert moment.tzinfo is UTC
        assert moment == start + timedelta(microseconds=1)
    assert record.started_at is not None
    assert record.started_at.tzinfo is UTC
    assert record.finished_at is not None
    assert record.finished_at - timedelta(seconds=1) < record.started_at <= record.finished_at


def lambda_named(name: str) -> Callable[[], None]:
    def body() -> None: ...

    body.__name__ = name
    return body


OPTIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"queue": "mail"}, {"queue": "mail"}),
    ({"queue": "été/Ω 1"}, {"queue": "été/Ω 1"}),
    ({"priority": 5}, {"priority": 5}),
    ({"priority": -(2**31)}, {"priority": -(2**31)}),
    ({"priority": 2**31 - 1}, {"priority": 2**31 - 1}),
    ({"retry": 4}, {"max_attempts": 4}),
    ({"retry": Retry(attempts=3, backoff="1s")}, {"max_attempts": 3}),
    ({"timeout": "90s"}, {"timeout": 90.0}),
    ({"timeout": None}, {"timeout": None}),
    ({"timeout": timedelta(milliseconds=1)}, {"timeout": 0.001}),
    ({"on_timeout": "stall"}, {"on_timeout": "stall"}),
    ({"keep_succeeded": "1d"}, {"keep_succeeded": 86400.0}),
    ({"keep_succeeded": 0}, {"keep_succeeded": 0.0}),
    ({"keep_failed": "2w"}, {"keep_failed": 14 * 86400.0}),
    ({"tags": ["a", "b", "a"]}, {"tags": ("a", "b")}),
    ({"tags": ()}, {"tags": ()}),
    ({"metadata": {"trace": "x", "deep": [1, {"y": None}]}}, {"metadata": {"trace": "x", "deep": [1, {"y": None}]}}),
    ({"metadata": None}, {"metadata": {}}),
    ({"delay": "5m"}, {"state": "scheduled", "due_in": 300}),
    ({"delay": 0}, {"state": "ready", "due_in": 0}),
    ({"delay": None}, {"state": "ready", "due_in": 0}),
    ({"run_at": None}, {"state": "ready", "due_in": 0}),
]


@pytest.mark.parametrize("place", ["using", "decorator", "defaults"])
def test_every_option_of_a_job(make_app: MakeApp, clock: Clock, place: str) -> None:
    for given, expected in OPTIONS:
        if place == "defaults" and given.keys() & {"delay", "run_at"}:
            continue
        app = make_app(defaults=given) if place == "defaults" else make_app()
        name = "noop"
        body = lambda_named(name)
        task = app.task(**given)(body) if place == "decorator" else app.task(body)
        job = (task.using(**given) if place == "using" else task).enqueue()
        record = job.record
        for key, value in expected.items():
            found = (record.due_at - clock.now()).total_seconds() if key == "due_in" else getattr(record, key)
            assert found == value, (given, key)


def test_using_goes_over_the_decorator_and_that_over_the_apps_defaults(make_app: MakeApp) -> None:
    app = make_app(defaults={"queue": "a", "priority": 1, "retry": 2, "keep_failed": "1d"})

    @app.task(queue="b", priority=2, retry=3)
    def work() -> None: ...

    plain = work.enqueue().record
    assert (plain.queue, plain.priority, plain.max_attempts, plain.keep_failed) == ("b", 2, 3, 86400.0)
    other = work.using(queue="c", priority=3).enqueue().record
    assert (other.queue, other.priority, other.max_attempts, other.keep_failed) == ("c", 3, 3, 86400.0)
    again = work.enqueue().record
    assert (again.queue, again.priority) == ("b", 2), "using leaves the task as it is"
    chained = work.using(queue="c").using(priority=9).enqueue().record
    assert (chained.queue, chained.priority, chained.max_attempts) == ("c", 9, 3)


def test_a_tenants_job_is_not_among_the_others(app: Holdfast) -> None:
    task = app.task(lambda_named("noop"))
    job = task.using(tenant="acme").enqueue()
    assert job.record.tenant == "acme"
    assert app.jobs.get(job.id) is None
    assert list(app.jobs.list()) == []
    drain(app)
    assert job.result() is None


def test_a_delay_makes_a_job_scheduled_and_its_time_makes_it_ready(app: Holdfast, clock: Clock) -> None:
    task = app.task(lambda_named("noop"))
    job = task.using(delay="10s").enqueue()
    assert job.state is JobState.SCHEDULED
    clock.advance(9.999999)
    assert drain(app).claimed == 0
    assert job.refresh().state is JobState.SCHEDULED
    clock.advance(0.000001)
    assert drain(app).succeeded == 1
    assert job.refresh().state is JobState.SUCCEEDED


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-9, minutes=-30))])
def test_run_at_is_an_instant_in_any_zone(app: Holdfast, clock: Clock, zone: timezone) -> None:
    task = app.task(lambda_named("noop"))
    job = task.using(run_at=(clock.now() + timedelta(hours=1)).astimezone(zone)).enqueue()
    assert job.record.due_at == clock.now() + timedelta(hours=1)
    assert drain(app).claimed == 0
    clock.advance("1h")
    assert drain(app).claimed == 1


def test_an_instant_gone_by_is_due_now_and_takes_no_earlier_place(app: Holdfast, clock: Clock) -> None:
    order: list[int] = []

    @app.task
    def note(n: int) -> None:
        order.append(n)

    note.enqueue(1)
    job = note.using(run_at=clock.now() - timedelta(days=400)).enqueue(2)
    assert (job.state, job.record.due_at) == (JobState.READY, clock.now())
    drain(app)
    assert order == [1, 2]


def test_of_delay_and_run_at_the_one_given_last_holds(app: Holdfast, clock: Clock) -> None:
    task = app.task(delay="1h")(lambda_named("noop"))
    moment = clock.now() + timedelta(minutes=1)
    assert task.using(run_at=moment).enqueue().record.due_at == moment
    assert task.using(delay=None).enqueue().state is JobState.READY
    with pytest.raises(InvalidOption, match="not both"):
        task.using(delay="1s", run_at=moment)


def test_enqueue_many_answers_in_order(app: Holdfast) -> None:
    @app.task
    def double(n: int) -> int:
        return 2 * n

    @app.task
    def shout(text: str) -> str:
        return text.upper()

    jobs = app.enqueue_many([double.call(1), shout.using(queue="q").call("a"), double.using(priority=3).call(n=2)])
    assert [job.record.args for job in jobs] == [{"n": 1}, {"text": "a"}, {"n": 2}]
    assert [job.record.queue for job in jobs] == ["default", "q", "default"]
    assert len({job.id for job in jobs}) == 3
    drain(app)
    assert [job.result() for job in jobs] == [2, "A", 4]
    assert app.enqueue_many([]) == []


def test_enqueue_many_takes_an_iterator_and_thousands(app: Holdfast) -> None:
    task = app.task(lambda_named("noop"))
    jobs = app.enqueue_many(task.call() for _ in range(12_000))
    assert app.jobs.count() == {"ready": 12_000}
    assert len(jobs) == 12_000
    assert [job.id for job in jobs] == sorted(job.id for job in jobs)


def test_enqueue_many_stores_all_or_none(app: Holdfast) -> None:
    @app.task
    def double(n: int) -> int:
        return 2 * n

    with pytest.raises(InvalidOption):
        app.enqueue_many(double.call(n) for n in [1, 2, "three"])  # type: ignore[arg-type]
    assert app.jobs.count() == {}


async def test_async_verbs(app: Holdfast) -> None:
    @app.task
    async def double(n: int) -> int:
        return 2 * n

    job = await double.aenqueue(4)
    many = await app.aenqueue_many([double.call(n) for n in range(3)])
    assert (await job.arefresh()).state is JobState.READY
    report = await app.awork_once()
    assert report.succeeded == 4
    assert await job.aresult() == 8
    assert await asyncio.gather(*(one.aresult() for one in many)) == [0, 2, 4]


def test_a_set_of_tasks_is_taken_in(app: Holdfast) -> None:
    tasks = TaskSet()

    @tasks.task
    def early(n: int) -> int:
        return n

    with pytest.raises(MisuseError, match=r"app\.include"):
        early.enqueue(1)
    app.include(tasks)
    job = early.enqueue(1)
    drain(app)
    assert job.result() == 1
    assert [task.name for task in app.tasks] == ["early"]


def test_one_set_serves_several_apps(make_app: MakeApp) -> None:
    one, other = make_app(), make_app(url="sqlite:///:memory:")
    tasks = TaskSet()

    @tasks.task
    def echo(n: int) -> int:
        return n

    one.include(tasks)
    other.include(tasks)
    with pytest.raises(MisuseError, match="via"):
        echo.enqueue(1)
    here, there = echo.via(one).enqueue(1), echo.via(other).enqueue(2)
    assert one.jobs.get(there.id) is None
    assert (drain(one).succeeded, drain(other).succeeded) == (1, 1)
    assert (here.result(), there.result()) == (1, 2)


def test_a_second_task_of_one_name_is_refused(app: Holdfast) -> None:
    app.task(lambda_named("same"))
    with pytest.raises(DuplicateTask, match="same"):
        app.task(lambda_named("same"))
    with pytest.raises(DuplicateTask):
        app.task(aliases=["same"])(lambda_named("new"))
    tasks = TaskSet()
    tasks.task(lambda_named("fine"))
    tasks.task(lambda_named("same"))
    with pytest.raises(DuplicateTask):
        app.include(tasks)
    assert [task.name for task in app.tasks] == ["same"], "nothing of a refused set is taken in"


def test_a_name_of_its_own_and_aliases(app: Holdfast) -> None:
    old = app.task(name="mail.send")(lambda_named("send"))
    assert old.enqueue().record.task == "mail.send"
    old_job = app.jobs.list()[0]

    renamed = Holdfast("sqlite:///:memory:")
    assert renamed.task(name="mail.deliver", aliases=["mail.send"])(lambda_named("send")).aliases == ("mail.send",)
    renamed.close()
    assert old_job.task == "mail.send"


def test_an_alias_runs_jobs_stored_under_the_old_name(make_app: MakeApp) -> None:
    before, after = make_app(), make_app()
    job = before.task(name="old")(lambda_named("body")).enqueue()

    @after.task(name="new", aliases=["old", "older"])
    def body() -> str:
        return "by the new code"

    drain(after)
    assert after.jobs.get(job.id).result == "by the new code"  # type: ignore[union-attr]
    assert after.jobs.get(job.id).task == "old"  # type: ignore[union-attr]


def test_unknown_options_are_named(app: Holdfast) -> None:
    task = app.task(lambda_named("noop"))
    with pytest.raises(InvalidOption, match="did you mean 'priority'"):
        task.using(priorty=1)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="no task"):
        app.worker(tasks=["nope"])


def test_a_job_that_is_not_there(app: Holdfast) -> None:
    task = app.task(lambda_named("noop"))
    assert app.jobs.get(new_id()) is None
    with pytest.raises(InvalidOption, match="UUID"):
        app.jobs.get("17")
    job = task.enqueue()
    assert app.jobs.get(job.id.upper().replace("-", "")) == job.record
    job.id = new_id()
    with pytest.raises(JobNotFound, match=job.id):
        job.refresh()
    with pytest.raises(JobNotFound):
        job.result(timeout=5)


def test_a_task_is_still_a_function(app: Holdfast) -> None:
    @app.task(queue="mail")
    def add(a: int, b: int) -> int:
        return a + b

    assert add(1, b=2) == 3
    assert app.jobs.count() == {}


def test_assert_enqueued(app: Holdfast) -> None:
    @app.task
    def send(to: str, when: datetime | None = None) -> None: ...

    moment = datetime(2026, 1, 2, tzinfo=UTC)
    job = send.enqueue("a@b.c", when=moment)
    send.enqueue("x@y.z")
    assert assert_enqueued(app, send, to="a@b.c").id == job.id
    assert assert_enqueued(app, "send", when=moment).id == job.id
    assert assert_enqueued(app, send).args == {"to": "x@y.z"}
    with pytest.raises(AssertionError, match=r"(?s)no job send\(to='nobody'\).*there are 2 of send"):
        assert_enqueued(app, send, to="nobody")
    with pytest.raises(AssertionError, match="there is no job of other at all"):
        assert_enqueued(app, "other")
