"""What bodies depend on: once per worker or per job, of any kind of maker, closed at the end, replaced in tests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from holdfast import Context, Holdfast, JobState
from holdfast.context import JobView
from holdfast.errors import ConfigError, JobFailed, MisuseError
from holdfast.testing import drain

from .conftest import MakeApp
from .support import until


@dataclass
class Deps:
    name: str
    number: int = 0


class Makers:
    """A maker of each kind, which note what they made and what was closed."""

    def __init__(self) -> None:
        self.made = 0
        self.closed: list[int] = []

    def _make(self) -> Deps:
        self.made += 1
        return Deps("made", self.made)

    def function(self) -> Deps:
        return self._make()

    async def coroutine(self) -> Deps:
        await asyncio.sleep(0)
        return self._make()

    def generator(self) -> Generator[Deps, None, None]:
        deps = self._make()
        try:
            yield deps
        finally:
            self.closed.append(deps.number)

    async def async_generator(self) -> AsyncGenerator[Deps, None]:
        deps = self._make()
        try:
            yield deps
        finally:
            self.closed.append(deps.number)

    def manager(self) -> Any:
        return contextmanager(self.generator)()

    def async_manager(self) -> Any:
        return asynccontextmanager(self.async_generator)()


CLOSED = ("generator", "async_generator", "manager", "async_manager")
KINDS = ("function", "coroutine", *CLOSED)
SYNC = ("function", "generator", "manager")


def use(app: Holdfast) -> tuple[Any, Any]:
    """A thread and an async task that answer the number of their deps."""

    @app.task
    def thread(ctx: Context[Deps]) -> int:
        return ctx.deps.number

    @app.task
    async def loop(ctx: Context[Deps]) -> int:
        return ctx.deps.number

    return thread, loop


@pytest.mark.parametrize("kind", KINDS)
def test_once_per_worker(make_app: MakeApp, kind: str) -> None:
    makers = Makers()
    app = make_app(clock=None, deps=getattr(makers, kind))
    tasks = use(app)
    assert makers.made == 0, "nothing is made before a worker starts"
    for number in (1, 2):
        with app.worker():
            jobs = [task.enqueue() for task in tasks for _ in range(3)]
            assert {job.result(timeout=10) for job in jobs} == {number}
            assert len(makers.closed) == (number - 1 if kind in CLOSED else 0)
        assert makers.closed == (list(range(1, number + 1)) if kind in CLOSED else [])
    assert makers.made == 2


@pytest.mark.parametrize("kind", KINDS)
def test_once_per_job(make_app: MakeApp, kind: str) -> None:
    makers = Makers()
    app = make_app(deps=getattr(makers, kind), deps_per_job=True)
    thread, loop = use(app)
    jobs = [loop.enqueue() for _ in range(3)]
    drain(app)
    assert sorted(job.result() for job in jobs) == [1, 2, 3]
    job = thread.enqueue()
    drain(app)
    if kind in SYNC:
        assert job.result() == 4
        assert makers.closed == ([1, 2, 3, 4] if kind in CLOSED else [])
    else:
        with pytest.raises(JobFailed, match="need an event loop") as caught:
            job.result()
        assert caught.value.kind == ConfigError.__name__


def test_a_task_may_have_its_own(make_app: MakeApp) -> None:
    makers = Makers()
    app = make_app(deps=makers.manager)
    thread, loop = use(app)
    app.deps_for(thread, lambda: Deps("own", 100))
    jobs = thread.enqueue(), loop.enqueue()
    drain(app)
    assert jobs[0].result() == 100
    assert jobs[1].result() < 100
    with pytest.raises(ConfigError):
        app.deps_for("nothing", makers.function)


def test_a_task_of_an_app_without_deps(app: Holdfast) -> None:
    thread, loop = use(app)
    app.deps_for("loop", lambda: Deps("own", 7))
    missing, own = thread.enqueue(), loop.enqueue()
    drain(app)
    assert own.result() == 7
    with pytest.raises(JobFailed, match="has no deps here") as caught:
        missing.result()
    assert caught.value.kind == MisuseError.__name__


@pytest.mark.parametrize("per_job", [False, True])
def test_replaced_in_a_test(make_app: MakeApp, per_job: bool) -> None:
    makers = Makers()
    app = make_app(deps=makers.manager, deps_per_job=per_job)
    thread, loop = use(app)
    app.deps_for(loop, lambda: Deps("own", 100))
    with app.replace_deps(Deps("fake", -1)):
        jobs = thread.enqueue(), loop.enqueue()
        drain(app)
        assert [job.result() for job in jobs] == [-1, -1]
        with app.replace_deps(Deps("inner", -2)):
            job = thread.enqueue()
            drain(app)
            assert job.result() == -2
    assert makers.made == 0
    job = thread.enqueue()
    drain(app)
    assert job.result() > 0


def test_none_is_a_value(make_app: MakeApp) -> None:
    app = make_app(deps=lambda: None)

    @app.task
    def work(ctx: Context[None]) -> bool:
        return ctx.deps is None

    job = work.enqueue()
    drain(app)
    assert job.result() is True


@pytest.mark.parametrize("is_async", [False, True])
def test_a_body_that_fails_is_within_its_deps(make_app: MakeApp, is_async: bool) -> None:
    seen: list[str] = []

    @contextmanager
    def deps() -> Generator[Deps, None, None]:
        try:
            yield Deps("x")
        except ValueError as error:
            seen.append(str(error))
            raise
        finally:
            seen.append("closed")

    app = make_app(deps=deps, deps_per_job=True)
    if is_async:

        @app.task(name="work")
        async def awork(ctx: Context[Deps]) -> None:
            raise ValueError(ctx.deps.name)

        work: Any = awork
    else:

        @app.task(name="work")
        def swork(ctx: Context[Deps]) -> None:
            raise ValueError(ctx.deps.name)

        work = swork
    job = work.enqueue()
    drain(app)
    assert seen == ["x", "closed"]
    assert job.refresh().errors[0].kind == "ValueError"


def test_a_maker_that_fails_for_a_job_fails_the_job(make_app: MakeApp) -> None:
    def deps() -> Deps:
        raise OSError("no connection")

    app = make_app(deps=deps, deps_per_job=True)
    jobs = [task.enqueue() for task in use(app)]
    drain(app)
    for job in jobs:
        assert (job.refresh().errors[0].kind, job.refresh().errors[0].message) == ("OSError", "no connection")


def test_a_maker_that_fails_at_the_start_ends_the_start(make_app: MakeApp) -> None:
    closed: list[str] = []

    @contextmanager
    def first() -> Generator[int, None, None]:
        yield 1
        closed.append("first")

    def second() -> Deps:
        raise OSError("no connection")

    app = make_app(clock=None, deps=first)
    thread, _ = use(app)
    app.deps_for(thread, second)
    worker = app.worker()
    with pytest.raises(OSError, match="no connection"), worker:
        pytest.fail("it started")
    assert not worker.running
    job = thread.enqueue()
    assert job.refresh().state is JobState.READY


def test_closed_at_the_stop_after_errors_of_bodies(make_app: MakeApp) -> None:
    makers = Makers()
    app = make_app(clock=None, deps=makers.async_manager)

    @app.task
    async def fails(ctx: Context[Deps]) -> None:
        raise SystemExit(ctx.deps.number)

    with app.worker():
        job = fails.enqueue()
        until(lambda: job.refresh().state.finished)
    assert makers.closed == [1]


def test_an_error_in_closing_leaves_nothing_else_open(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    makers = Makers()

    @contextmanager
    def bad() -> Generator[Deps, None, None]:
        yield Deps("bad", 100)
        raise OSError("cannot close")

    app = make_app(clock=None, deps=makers.manager)
    thread, loop = use(app)
    app.deps_for(thread, bad)
    told: list[str] = []
    app.on("worker.stopped", lambda event: told.append(event.name))
    with caplog.at_level(logging.ERROR, "holdfast"), app.worker():
        assert thread.enqueue().result(timeout=10) == 100
        assert loop.enqueue().result(timeout=10) == 1
    assert makers.closed == [1]
    assert told == ["worker.stopped"]
    assert "OSError" in caplog.text
    with app.worker():
        assert loop.enqueue().result(timeout=10) == 2


def test_closed_after_the_last_body(make_app: MakeApp) -> None:
    open_now = [False]
    seen: list[bool] = []

    @asynccontextmanager
    async def deps() -> AsyncGenerator[Deps, None]:
        open_now[0] = True
        yield Deps("x")
        open_now[0] = False

    app = make_app(clock=None, deps=deps)

    @app.task
    async def slow(ctx: Context[Deps]) -> None:
        try:
            await asyncio.sleep(20)
        finally:
            seen.append(open_now[0])

    async def stop_while_it_runs() -> None:
        worker = app.worker()
        await worker.start()
        job = await slow.aenqueue()
        while (await job.arefresh()).state is not JobState.RUNNING:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        await worker.stop(grace=0)

    asyncio.run(stop_while_it_runs())
    assert seen == [True]
    assert open_now == [False]


def test_a_context_by_hand(make_app: MakeApp) -> None:
    """As unit tests call bodies."""
    app = make_app(deps=lambda: Deps("real"))

    @app.task
    def work(ctx: Context[Deps], suffix: str) -> str:
        return ctx.deps.name + suffix

    assert work.body(Context(JobView("x", "work"), deps=Deps("fake")), "!") == "fake!"
    with pytest.raises(MisuseError, match="has no deps here"):
        work("!")
