"""What process bodies depend on, and what surrounds them."""

import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.behaviour.support import until
from tests.worker import deps_tasks as t

from holdfast import Context, Holdfast, JobState, RawResult
from holdfast.errors import BodyFailed, ConfigError
from holdfast.testing import drain

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process bodies need POSIX")


@pytest.fixture
def make(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Holdfast]]:
    monkeypatch.chdir(tmp_path)
    made: list[Holdfast] = []

    def new(**settings: Any) -> Holdfast:
        app = Holdfast(database_url, migrate=True, cpu_slots=1, **settings)
        app.include(t.tasks)
        made.append(app)
        return app

    for task in t.tasks:  # each test's app is another
        monkeypatch.setattr(task, "_home", type(task._home)())
    yield new
    for app in made:
        app.close()


def results(app: Holdfast, *calls: Any) -> list[Any]:
    jobs = app.enqueue_many(calls)
    drain(app)
    return [job.result() for job in jobs]


def test_made_once_in_each_process(make: Callable[..., Holdfast]) -> None:
    first, second, other = results(make(deps=t.plain_deps), t.use.call(), t.use.call(), t.without.call())
    assert first == second == [first[0], first[0], 1]
    assert first[0] != os.getpid()
    assert other == "did not ask"


def test_left_when_the_process_ends(make: Callable[..., Holdfast]) -> None:
    app = make(deps=t.closing_deps)
    job = t.use.enqueue()
    with app.worker():
        pid = job.result(timeout=30)[1]
    left = Path("closed.txt")
    until(lambda: left.exists() and str(pid) in left.read_text().split())


def test_once_for_each_job(make: Callable[..., Holdfast]) -> None:
    app = make(deps=t.closing_deps, deps_per_job=True)
    first, second = results(app, t.use.call(), t.use.call())
    assert [first[2], second[2]] == [1, 2]
    assert Path("closed.txt").read_text().split() == [str(first[1])] * 2


def test_of_one_task(make: Callable[..., Holdfast]) -> None:
    async_app = make(deps=t.awaited_deps)
    async_app.deps_for("use", t.plain_deps)
    assert results(async_app, t.use.call())[0][2] == 1


@pytest.mark.parametrize("bad", [t.awaited_deps, lambda: 5], ids=["awaited", "nameless"])
def test_what_no_process_can_make_is_told_before_a_worker_starts(make: Callable[..., Holdfast], bad: Any) -> None:
    app = make(deps=bad)
    with pytest.raises(ConfigError, match="task use would have no deps in its process"):
        app.work_once()
    assert [(problem.kind, problem.name) for problem in app.problems()] == [("deps", "use")]
    job = t.without.enqueue(ask=True)
    app.work_once(tasks=["without"])
    assert job.refresh().errors[0].kind == "MisuseError"
    assert "no deps in its process" in job.record.errors[0].message
    with app.replace_deps(5):
        app.work_once(tasks=["use"])


def test_a_maker_that_fails_fails_the_attempt(make: Callable[..., Holdfast]) -> None:
    app = make(deps=t.failing_deps, deps_per_job=True)
    job = t.use.enqueue()
    drain(app)
    assert (job.refresh().errors[0].kind, job.record.errors[0].message) == ("OSError", "no connection")


def test_bodies_that_no_process_could_import_are_told(make: Callable[..., Holdfast]) -> None:
    app = make()

    @app.task(cpu=True)
    def inner() -> None: ...

    assert [(problem.kind, problem.name) for problem in app.problems()] == [("process", "inner")]


def test_raw_and_declared_bodies(make: Callable[..., Holdfast]) -> None:
    app = make()
    jobs = [app.enqueue_raw("bytes", b"\xff", content_type="a/b"), app.enqueue_raw("any", b"\x00", queue="hooks")]
    declared = t.declared.enqueue(pid=1, number=7)
    drain(app)
    first = jobs[0].result()
    assert (first.body, first.content_type, first.data[0]) == (b"\xff", "a/b", "bytes")
    assert first.data[1] != os.getpid()
    assert jobs[1].result() == RawResult("any", b"\x00")
    assert declared.result() == 7


# Wrappers


def surround(app: Holdfast, seen: list[Any]) -> None:
    @app.wrap_attempts
    @contextmanager
    def outer(ctx: Context[Any]) -> Generator[None, None, None]:
        seen.append(f"in {ctx.job.task}")
        try:
            yield
        except BaseException as error:
            kind = error.kind if isinstance(error, BodyFailed) else ""
            seen.append(f"{type(error).__name__} {kind}".strip())
            raise
        finally:
            seen.append("out")


@pytest.mark.parametrize(
    ("how", "told", "state"),
    [
        ("well", None, JobState.SUCCEEDED),
        ("raise", "BodyFailed ValueError", JobState.FAILED),
        ("fail", "BodyFailed Fail", JobState.FAILED),
        ("cancel", "Cancel", JobState.CANCELLED),
        ("snooze", "Snooze", JobState.SCHEDULED),
        ("exit", "BodyFailed ProcessDied", JobState.FAILED),
    ],
)
def test_they_surround_the_attempt_in_the_worker(
    make: Callable[..., Holdfast], how: str, told: str | None, state: JobState
) -> None:
    app, seen = make(), list[Any]()
    surround(app, seen)
    job = t.end.enqueue(how)
    drain(app)
    assert job.refresh().state is state
    assert seen == ["in end", *([told] if told else []), "out"]
    if how == "raise":
        error = job.record.errors[0]
        assert (error.kind, error.message) == ("ValueError", "bad")
        assert "deps_tasks.py" in error.traceback


@pytest.mark.parametrize("when", ["before", "after", "instead", "swallow"])
def test_they_may_fail_an_attempt_and_cannot_save_it(make: Callable[..., Holdfast], when: str) -> None:
    app = make()

    @app.wrap_attempts
    @contextmanager
    def wrap(ctx: Context[Any]) -> Generator[None, None, None]:
        if when == "before":
            raise OSError(when)
        if when == "swallow":
            with suppress(BodyFailed):
                yield
            return
        try:
            yield
        except BodyFailed as error:
            raise OSError(when) from error
        raise OSError(when)

    job = t.end.enqueue("raise" if when in ("instead", "swallow") else "well")
    drain(app)
    error = job.refresh().errors[0]
    assert job.record.state is JobState.FAILED
    assert (error.kind, error.message) == ("OSError", when) if when != "swallow" else "swallowed" in error.message


def test_async_ones_are_left_out_and_deps_are_the_worker_s(make: Callable[..., Holdfast]) -> None:
    app, seen = make(deps=t.plain_deps), list[Any]()

    @app.wrap_attempts
    @asynccontextmanager
    async def later(ctx: Context[Any]) -> Any:
        raise AssertionError("not here")
        yield

    @app.wrap_attempts
    @contextmanager
    def wrap(ctx: Context[Any]) -> Generator[None, None, None]:
        seen.append(ctx.deps.pid)
        yield

    assert results(app, t.use.call())[0][0] != os.getpid()
    assert seen == [os.getpid()]


def test_they_see_a_time_out(make: Callable[..., Holdfast]) -> None:
    from tests.worker import process_tasks

    app, seen = make(), list[Any]()
    surround(app, seen)
    slow = process_tasks.sleep.via(app)
    app.add(process_tasks.sleep)
    job = slow.using(timeout="300ms").enqueue(60)
    with app.worker():
        until(lambda: job.refresh().state.finished)
    assert job.record.errors[0].kind == "timeout"
    assert seen == ["in sleep", "BodyFailed timeout", "out"]
