"""Which jobs a worker takes, how many at once, and in which order."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from holdfast import Holdfast, JobState
from holdfast.errors import ConfigError
from holdfast.testing import Clock, drain

from .conftest import MakeApp
from .support import Level, auntil, until


def where_task(app: Holdfast, ran: list[str]) -> Any:
    @app.task
    def where(name: str) -> None:
        ran.append(name)

    return where


def test_a_list_of_queues(app: Holdfast) -> None:
    ran: list[str] = []
    where = where_task(app, ran)
    for name in ("a", "b", "c"):
        where.using(queue=name).enqueue(name)
    assert app.work_once(queues=["a", "c"]).succeeded == 2
    assert sorted(ran) == ["a", "c"]
    assert app.work_once(queues=[]).claimed == 0, "an empty list is no queue at all"
    assert app.work_once(queues={}).claimed == 0
    assert app.work_once(queues=["nobody's"]).claimed == 0
    assert app.work_once().succeeded == 1, "none given is all of them"


@pytest.mark.parametrize("given", [["a", "c"], ("a", "c"), {"a", "c"}, {"a": 1, "c": 2}, {"a": None, "c": 1}])
def test_a_worker_of_some_queues(live: Holdfast, given: Any) -> None:
    ran: list[str] = []
    where = where_task(live, ran)
    jobs = {name: where.using(queue=name).enqueue(name) for name in ("a", "b", "c")}
    with live.worker(given):
        jobs["a"].result(timeout=20)
        jobs["c"].result(timeout=20)
    assert sorted(ran) == ["a", "c"]
    assert jobs["b"].refresh().state is JobState.READY
    assert jobs["b"].record.attempt == 0


def test_a_worker_of_no_queue_takes_nothing(live: Holdfast) -> None:
    ran: list[str] = []
    job = where_task(live, ran).enqueue("a")
    with live.worker([], poll_interval=0.02):
        time.sleep(0.15)
    with live.worker({}, poll_interval=0.02):
        time.sleep(0.15)
    assert job.refresh().state is JobState.READY
    assert ran == []


def test_slots_of_a_mapping_are_never_exceeded(live: Holdfast) -> None:
    levels = {"narrow": Level(), "wide": Level()}
    every = Level()

    @live.task
    async def work(queue: str) -> None:
        with levels[queue].inside(), every.inside():
            await asyncio.sleep(0.01)

    jobs = live.enqueue_many([work.using(queue=name).call(name) for name in ("narrow", "wide") for _ in range(30)])
    with live.worker({"narrow": 2, "wide": 5}, concurrency=6):
        for job in jobs:
            job.result(timeout=30)
    assert levels["narrow"].most == 2
    assert 3 <= levels["wide"].most <= 5
    assert every.most <= 6


def test_a_full_queue_holds_up_no_other(live: Holdfast) -> None:
    release = threading.Event()

    @live.task
    def slow() -> None:
        assert release.wait(30)

    @live.task
    def fast() -> str:
        return "went by"

    slow_jobs = [slow.using(queue="slow").enqueue() for _ in range(20)]
    with live.worker({"slow": 1, "fast": 2}, concurrency=4):
        until(lambda: slow_jobs[0].refresh().state is JobState.RUNNING)
        for _ in range(5):
            assert fast.using(queue="fast").enqueue().result(timeout=20) == "went by"
        assert live.jobs.count()["running"] <= 1
        release.set()
        for job in slow_jobs:
            job.result(timeout=30)


def test_work_once_keeps_to_the_slots_of_a_mapping(live: Holdfast) -> None:
    level = Level()

    @live.task
    async def work() -> None:
        with level.inside():
            await asyncio.sleep(0.005)

    live.enqueue_many([work.using(queue="narrow").call() for _ in range(8)])
    assert live.work_once(batch=20, concurrency=4, queues={"narrow": 1, "other": 3}).succeeded == 8
    assert level.most == 1


def test_tasks_narrow_what_is_taken(app: Holdfast) -> None:
    ran: list[str] = []

    @app.task
    def one() -> None:
        ran.append("one")

    @app.task(aliases=["second"])
    def two() -> None:
        ran.append("two")

    @app.task
    def three() -> None:
        ran.append("three")

    jobs = [one.enqueue(), two.enqueue(), three.enqueue()]
    assert app.work_once(tasks=[two]).succeeded == 1
    assert app.work_once(tasks=["second"]).claimed == 0
    assert ran == ["two"]
    assert [job.refresh().state for job in jobs] == ["ready", "succeeded", "ready"], "the others are left alone"
    assert app.work_once(tasks=[one, "three"]).succeeded == 2
    with pytest.raises(ConfigError, match="no task 'four'"):
        app.work_once(tasks=["four"])
    assert app.work_once(tasks=[]).claimed == 0


@pytest.mark.parametrize("kind", ["async", "threads", "mixed"])
@pytest.mark.parametrize("concurrency", [1, 4, 20])
def test_concurrency_is_never_exceeded(live: Holdfast, kind: str, concurrency: int) -> None:
    level = Level()

    def thread(n: int) -> None:
        with level.inside():
            time.sleep(0.001 * (n % 7))

    async def loop(n: int) -> None:
        with level.inside():
            await asyncio.sleep(0.001 * (n % 7))

    tasks = [live.task(thread), live.task(loop)]
    chosen = {"async": tasks[1:], "threads": tasks[:1], "mixed": tasks}[kind]
    jobs = live.enqueue_many([chosen[n % len(chosen)].call(n) for n in range(150)])
    with live.worker(concurrency=concurrency):
        for job in jobs:
            job.result(timeout=30)
    assert level.total == 150
    assert level.most <= concurrency
    assert level.most >= min(concurrency, 2)


def test_order_is_priority_then_due_then_sequence(app: Holdfast, clock: Clock) -> None:
    ran: list[str] = []

    @app.task
    def note(name: str) -> None:
        ran.append(name)

    def later(name: str, delay: float, priority: int = 0) -> None:
        note.using(delay=delay, priority=priority).enqueue(name)

    later("low, early", 1, -5)
    later("due 3, first", 3)
    later("due 3, second", 3)
    later("due 2", 2)
    later("high, late", 4, 7)
    later("high, early", 2, 7)
    later("highest", 5, 8)
    clock.advance(10)
    note.enqueue("due now")
    note.using(priority=7).enqueue("high, now")
    drain(app)
    assert ran == [
        "highest",
        "high, early",
        "high, late",
        "high, now",
        "due 2",
        "due 3, first",
        "due 3, second",
        "due now",
        "low, early",
    ]


def test_jobs_of_one_moment_run_in_the_order_they_were_enqueued(app: Holdfast) -> None:
    ran: list[int] = []

    @app.task
    def note(n: int) -> None:
        ran.append(n)

    for start in range(0, 300, 3):
        app.enqueue_many([note.call(start), note.call(start + 1)])
        note.enqueue(start + 2)
    drain(app)
    assert ran == list(range(300))


@pytest.mark.parametrize("queues", [None, ["default", "other"]])
def test_order_holds_with_short_bodies_taken_ahead(live: Holdfast, queues: Any) -> None:
    ran: list[tuple[int, int]] = []

    @live.task
    async def note(priority: int, n: int) -> None:
        ran.append((-priority, n))

    calls = [note.using(priority=n % 3).call(n % 3, n) for n in range(400)]
    jobs = live.enqueue_many(calls)
    with live.worker(queues, concurrency=1):
        for job in jobs:
            job.result(timeout=30)
    assert ran == sorted(ran)


async def test_a_higher_priority_goes_before_what_was_taken_ahead(live: Holdfast) -> None:
    ran: list[str] = []
    hold = asyncio.Event()
    held = asyncio.Event()

    @live.task
    async def quick(n: int) -> None:
        ran.append(f"quick {n}")

    @live.task
    async def gate() -> None:
        held.set()
        await hold.wait()

    @live.task(priority=10)
    async def urgent(n: int) -> None:
        ran.append(f"urgent {n}")

    # Bodies prove short, so that jobs are taken ahead; then a body holds the only slot.
    await live.aenqueue_many([quick.call(n) for n in range(100)])
    async with live.worker(concurrency=1) as worker:
        await auntil(lambda: len(ran) == 100)
        ran.clear()
        claimer = worker._engine.claimer  # type: ignore[union-attr]
        await live.aenqueue_many([gate.call(), *[quick.call(n) for n in range(200)]])
        await held.wait()
        await auntil(lambda: claimer._ahead)
        await live.aenqueue_many([urgent.call(n) for n in range(20)])
        began = time.monotonic()
        await auntil(lambda: sum(one.job.priority == 10 for one in claimer._ahead) == 20)
        assert time.monotonic() - began < 0.9, "before anything goes stale"
        hold.set()
        await auntil(lambda: len(ran) == 220)
    assert ran[:20] == [f"urgent {n}" for n in range(20)]
    assert ran[20:] == [f"quick {n}" for n in range(200)]


async def test_what_is_taken_ahead_and_not_begun_goes_back_uncounted(make_app: MakeApp) -> None:
    live, other = make_app(clock=None), make_app(clock=None)
    hold = asyncio.Event()
    held = asyncio.Event()
    ran: list[int] = []

    async def quick(n: int) -> int:
        ran.append(n)
        return n

    async def gate() -> None:
        held.set()
        await hold.wait()

    task, gate_task = live.task(quick), live.task(gate)
    other.task(quick)
    await live.aenqueue_many([task.call(n) for n in range(100)])
    async with live.worker(concurrency=1):
        await auntil(lambda: len(ran) == 100)
        jobs = await live.aenqueue_many([gate_task.call(), *[task.call(n) for n in range(5)]])
        await held.wait()
        async with other.worker(concurrency=5):
            found = [await job.aresult(timeout=20) for job in jobs[1:]]
        hold.set()
        await jobs[0].aresult(timeout=20)
    assert found == list(range(5))
    assert all(job.refresh().attempt == 1 for job in jobs)


def test_many_workers_run_each_job_once(make_app: MakeApp) -> None:
    ran: list[int] = []

    def work(n: int) -> None:
        ran.append(n)

    apps = [make_app(clock=None) for _ in range(3)]
    tasks = [app.task(work) for app in apps]
    workers = [app.worker(concurrency=5) for app in apps]
    jobs = apps[0].enqueue_many([tasks[0].call(n) for n in range(600)])
    for worker in workers:
        worker.__enter__()
    try:
        for job in jobs:
            job.result(timeout=30)
    finally:
        for worker in workers:
            worker.__exit__()
    assert sorted(ran) == list(range(600))


@pytest.mark.parametrize("batch", [0, -1, True, 1.5, "3"])
def test_a_batch_that_cannot_be(app: Holdfast, batch: Any) -> None:
    with pytest.raises(ConfigError, match="batch"):
        app.worker(batch=batch)
    with pytest.raises(ConfigError, match="batch"):
        app.work_once(batch=batch)


def test_a_batch_bounds_one_claim(live: Holdfast, count_statements: Callable[[Holdfast], list[str]]) -> None:
    @live.task
    async def work() -> None: ...

    jobs = live.enqueue_many([work.call() for _ in range(40)])
    statements = count_statements(live)
    with live.worker(batch=2, concurrency=40):
        for job in jobs:
            job.result(timeout=20)
    assert statements.count("claim") >= 20


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("concurrency", 0),
        ("concurrency", -3),
        ("concurrency", "many"),
        ("concurrency", 10_001),
        ("poll_interval", 0),
        ("poll_interval", "soon"),
        ("poll_interval", -1),
        ("lease", 0.5),
        ("lease", "x"),
        ("queues", ["a", ""]),
        ("queues", ["a\x00"]),
        ("queues", {"a": 0}),
        ("queues", 5),
        ("name", "x" * 256),
    ],
)
def test_settings_of_a_worker_that_cannot_be(app: Holdfast, name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        app.worker(**{name: value})
