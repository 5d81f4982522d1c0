"""Jobs and the code that runs them: arguments that changed, tasks nobody knows, context, isolation."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest

from holdfast import Context, Holdfast, JobState, Retry, TaskSet
from holdfast.errors import JobFailed, MisuseError
from holdfast.testing import drain

from .conftest import MakeApp
from .support import until


@pytest.mark.parametrize("is_async", [True, False])
def test_arguments_that_no_longer_fit_fail_the_job_at_once(make_app: MakeApp, is_async: bool) -> None:
    old, new = make_app(), make_app()

    @old.task(name="resize")
    def before(path: str, size: str) -> None: ...

    def after(path: str, size: int) -> None: ...

    async def aafter(path: str, size: int) -> None: ...

    new.task(name="resize", retry=Retry(5, base=0))(aafter if is_async else after)
    job = before.using(retry=5).enqueue("secret.png", size="large")
    assert drain(new).failed == 1
    record = job.refresh()
    assert (record.state, record.reason, record.attempt) == (JobState.FAILED, "invalid_arguments", 1)
    assert record.args == {"path": "secret.png", "size": "large"}, "the arguments are kept as they came"
    assert record.errors[0].kind == "InvalidArguments"
    assert "size" in record.errors[0].message
    assert "valid integer" in record.errors[0].message
    with pytest.raises(JobFailed) as caught:
        job.result()
    assert caught.value.kind == "InvalidArguments"


@pytest.mark.parametrize("change", ["one more", "one less", "another name"])
def test_a_signature_that_changed(make_app: MakeApp, change: str) -> None:
    old, new = make_app(), make_app()

    @old.task(name="work")
    def before(a: int, b: int = 2) -> None: ...

    def more(a: int, b: int, c: int) -> None: ...
    def less(a: int) -> None: ...
    def other(x: int, b: int = 2) -> None: ...

    new.task(name="work")({"one more": more, "one less": less, "another name": other}[change])
    job = before.enqueue(1, b=3)
    drain(new)
    assert (job.refresh().state, job.record.reason) == (JobState.FAILED, "invalid_arguments")


def test_a_new_parameter_with_a_default_fits_old_jobs(make_app: MakeApp) -> None:
    old, new = make_app(), make_app()

    @old.task(name="work")
    def before(a: int) -> int:
        return a

    @new.task(name="work")
    def after(a: int, b: int = 10) -> int:
        return a + b

    job = before.enqueue(1)
    drain(new)
    assert job.result() == 11


@pytest.mark.parametrize("is_async", [True, False])
def test_annotations_that_cannot_be_resolved_fail_the_job(make_app: MakeApp, is_async: bool) -> None:
    good, bad = make_app(), make_app()

    @good.task(name="work")
    def fine(a: int) -> None: ...

    def body(a: int) -> None: ...

    async def abody(a: int) -> None: ...

    chosen: Any = abody if is_async else body
    chosen.__annotations__ = {"a": "OnlyUnderTypeChecking", "return": None}
    bad.task(name="work")(chosen)
    job = fine.enqueue(1)
    report = drain(bad)
    assert (report.claimed, report.failed) == (1, 1)
    record = job.refresh()
    assert record.state is JobState.FAILED
    assert "OnlyUnderTypeChecking" in record.errors[0].message


def test_a_task_that_no_worker_knows_waits_and_spends_nothing(make_app: MakeApp) -> None:
    producer, ignorant, knowing = make_app(), make_app(), make_app()

    def work() -> str:
        return "done"

    job = producer.task(work).enqueue()
    report = drain(ignorant)
    assert (report.failed, report.succeeded, report.left) == (0, 0, 1)
    record = job.refresh()
    assert (record.state, record.reason) == (JobState.BLOCKED, "unknown_task")
    assert (record.attempt, record.crashes, record.errors) == (0, 0, ())
    assert drain(ignorant).claimed == 0
    knowing.task(work)
    drain(knowing)
    assert job.result() == "done"
    assert job.refresh().attempt == 1


def test_a_worker_that_knows_the_task_frees_what_waited_for_it(make_app: MakeApp) -> None:
    producer, ignorant, knowing = make_app(), make_app(), make_app()

    def work() -> str:
        return "done"

    task = producer.task(work)
    jobs = producer.enqueue_many([task.call() for _ in range(25)])
    drain(ignorant, concurrency=25)
    assert ignorant.jobs.count() == {"blocked": 25}
    knowing.task(work)
    with knowing.worker():
        assert {job.result(timeout=20) for job in jobs} == {"done"}


def test_work_once_frees_what_waited_for_a_task_it_knows(make_app: MakeApp) -> None:
    producer, ignorant, knowing = make_app(), make_app(), make_app()

    def work() -> str:
        return "done"

    job = producer.task(work).enqueue()
    ignorant.work_once()
    assert job.refresh().state is JobState.BLOCKED
    knowing.task(work)
    assert knowing.work_once().succeeded == 1


@pytest.mark.parametrize("concurrency", [1, 400])
def test_hundreds_of_unknown_jobs_at_once(make_app: MakeApp, concurrency: int) -> None:
    producer, ignorant = make_app(), make_app()

    def work(n: int) -> None: ...

    task = producer.task(work)
    producer.enqueue_many([task.call(n) for n in range(400)])
    known = ignorant.task(name="known")(lambda_named())
    job = known.using(priority=-1).enqueue()
    with ignorant.worker(concurrency=concurrency, poll_interval=0.05):
        assert job.result(timeout=20) == "known"
    counts = ignorant.jobs.count()
    assert counts["succeeded"] == 1
    assert counts["blocked"] + counts.get("ready", 0) == 400, "given back as blocked, or passed by"
    assert all(record.attempt == 0 for record in ignorant.jobs.list(task="work"))


def lambda_named() -> Callable[[], str]:
    def known() -> str:
        return "known"

    return known


def test_two_live_workers_of_different_tasks_on_one_queue(make_app: MakeApp) -> None:
    one, other, producer = make_app(clock=None), make_app(clock=None), make_app(clock=None)

    def left(n: int) -> str:
        return f"left {n}"

    def right(n: int) -> str:
        return f"right {n}"

    one.task(left)
    other.task(right)
    tasks = [producer.task(left), producer.task(right)]
    with one.worker(lease=3, poll_interval=0.1), other.worker(lease=3, poll_interval=0.1):
        jobs = producer.enqueue_many([tasks[n % 2].call(n) for n in range(60)])
        found = [job.result(timeout=20) for job in jobs]
        assert found == [f"{'right' if n % 2 else 'left'} {n}" for n in range(60)]
        later = producer.enqueue_many([tasks[n % 2].call(n) for n in range(60)])
        assert [job.result(timeout=20) for job in later] == found
    assert all(job.refresh().attempt == 1 for job in jobs)


def test_a_task_added_while_a_worker_runs_is_taken_up(make_app: MakeApp) -> None:
    app, producer = make_app(clock=None), make_app(clock=None)

    def late() -> str:
        return "late but there"

    job = producer.task(late).enqueue()
    with app.worker(lease=3, poll_interval=0.05):
        until(lambda: job.refresh().state is JobState.BLOCKED)
        tasks = TaskSet()
        tasks.task(late)
        app.include(tasks)
        assert job.result(timeout=20) == "late but there"
        assert producer.task(name="unused")(late).name == "unused"


def test_the_context_says_which_job_runs(app: Holdfast) -> None:
    seen: list[Any] = []

    @app.task(queue="q", retry=2)
    def work(ctx: Context, n: int) -> str:
        seen.append(ctx)
        ctx.log.info("hello")
        return ctx.job.id

    @app.task
    async def awork(ctx: Context, n: int) -> str:
        seen.append(ctx)
        return ctx.job.id

    job = work.using(priority=3, tenant="acme", metadata={"trace": "x"}).enqueue(1)
    ajob = awork.enqueue(2)
    drain(app)
    assert (job.result(), ajob.result()) == (job.id, ajob.id)
    view = seen[0].job
    assert (view.id, view.task, view.queue, view.tenant, view.priority) == (job.id, "work", "q", "acme", 3)
    assert (view.version, view.attempt, view.max_attempts, view.crashes) == (1, 1, 2, 0)
    assert view.metadata == {"trace": "x"}
    assert not seen[0].cancelled
    with pytest.raises(MisuseError):
        _ = seen[1].deps


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="untouched")


@pytest.mark.parametrize("kind", ["async", "thread", "mixed"])
def test_context_variables_do_not_leak_between_jobs(live: Holdfast, kind: str) -> None:
    def body(n: int) -> str:
        before = VARIABLE.get()
        VARIABLE.set(f"set by {n}")
        return before

    async def abody(n: int) -> str:
        before = VARIABLE.get()
        VARIABLE.set(f"set by {n}")
        await asyncio.sleep(0)
        assert VARIABLE.get() == f"set by {n}"
        return before

    sync, loop = live.task(body), live.task(abody)
    chosen = {"async": [loop], "thread": [sync], "mixed": [sync, loop]}[kind]
    VARIABLE.set("of the test")
    jobs = live.enqueue_many([chosen[n % len(chosen)].call(n) for n in range(40)])
    with live.worker(concurrency=2):
        assert {job.result(timeout=20) for job in jobs} == {"untouched"}


async def test_context_variables_of_the_caller_do_not_reach_jobs_beside_it(live: Holdfast) -> None:
    @live.task
    async def body() -> str:
        return VARIABLE.get()

    VARIABLE.set("of the request")
    async with live.worker():
        job = await body.aenqueue()
        assert await job.aresult(timeout=20) == "untouched"


def test_a_body_in_a_thread_does_not_block_the_loop(live: Holdfast) -> None:
    release = threading.Event()

    @live.task
    def blocking() -> str:
        assert release.wait(20)
        return "released"

    @live.task
    async def turning() -> str:
        await asyncio.sleep(0.01)
        release.set()
        return "turned"

    with live.worker(concurrency=2):
        first = blocking.enqueue()
        until(lambda: first.refresh().state is JobState.RUNNING)
        second = turning.enqueue()
        assert (first.result(timeout=20), second.result(timeout=20)) == ("released", "turned")


def test_keyboard_interrupt_in_a_body_ends_the_worker_and_not_the_job(app: Holdfast) -> None:
    interrupt = True

    @app.task
    async def abody() -> str:
        if interrupt:
            raise KeyboardInterrupt
        return "later"

    @app.task
    def body() -> str:
        if interrupt:
            raise KeyboardInterrupt
        return "later"

    for task in (abody, body):
        interrupt = True
        job = task.enqueue()
        with pytest.raises(KeyboardInterrupt):
            drain(app)
        record = job.refresh()
        assert (record.state, record.attempt, record.crashes) == (JobState.READY, 0, 1), "it counts as a crash"
        assert [error.kind for error in record.errors] == ["KeyboardInterrupt"]
        interrupt = False
        drain(app)
        assert job.result() == "later"


def test_a_body_may_enqueue(app: Holdfast) -> None:
    ran: list[int] = []

    @app.task
    def child(n: int) -> None:
        ran.append(n)

    @app.task
    async def parent(n: int) -> None:
        child.enqueue(n)
        await child.aenqueue(n + 1)

    @app.task
    def sync_parent(n: int) -> None:
        child.enqueue(n)

    parent.enqueue(1)
    sync_parent.enqueue(3)
    assert drain(app).succeeded == 5
    assert sorted(ran) == [1, 2, 3]


def test_callables_of_all_kinds_are_tasks(app: Holdfast) -> None:
    class Adder:
        def __init__(self, base: int) -> None:
            self.base = base

        def add(self, n: int) -> int:
            return self.base + n

        async def aadd(self, n: int) -> int:
            return self.base + n

        def __call__(self, n: int) -> int:
            return self.base + n

    adder = Adder(10)
    add = app.task(name="method")(adder.add)
    aadd = app.task(name="amethod")(adder.aadd)
    call = app.task(name="object")(adder)
    jobs = [add.enqueue(1), aadd.enqueue(2), call.enqueue(3)]
    drain(app)
    assert [job.result() for job in jobs] == [11, 12, 13]


def test_parameters_of_all_kinds(app: Holdfast) -> None:
    @app.task
    def work(a: int, /, b: int, *rest: int, c: int, d: int = 4, **more: int) -> list[Any]:
        return [a, b, list(rest), c, d, more]

    jobs = [work.enqueue(1, 2, c=3), work.enqueue(1, 2, 7, 8, c=3, d=5, e=6), work.enqueue(1, b=2, c=3, a=9)]
    drain(app)
    assert [job.result() for job in jobs] == [
        [1, 2, [], 3, 4, {}],
        [1, 2, [7, 8], 3, 5, {"e": 6}],
        [1, 2, [], 3, 4, {"a": 9}],
    ]
