"""What is put around every attempt and every enqueue."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import pytest

from holdfast import Context, Holdfast, JobState, Retry
from holdfast.errors import HoldfastError
from holdfast.testing import drain

KINDS = pytest.mark.parametrize("is_async", [False, True], ids=["thread", "async"])
current: ContextVar[str] = ContextVar("current", default="none")


def define(app: Holdfast, is_async: bool, seen: list[str], **options: Any) -> Any:
    if is_async:

        @app.task(name="body", **options)
        async def abody(fail: bool = False) -> str:
            seen.append(f"body {current.get()}")
            if fail:
                raise ValueError("bad")
            return "done"

        return abody

    @app.task(name="body", **options)
    def body(fail: bool = False) -> str:
        seen.append(f"body {current.get()}")
        if fail:
            raise ValueError("bad")
        return "done"

    return body


@KINDS
def test_around_every_attempt_the_first_outermost(app: Holdfast, is_async: bool) -> None:
    seen: list[str] = []

    @app.wrap_attempts
    @contextmanager
    def outer(ctx: Context[Any]) -> Generator[None, None, None]:
        token = current.set(ctx.job.task)
        seen.append(f"outer {ctx.job.attempt}")
        yield
        seen.append("outer left")
        current.reset(token)

    @app.wrap_attempts
    @contextmanager
    def inner(ctx: Context[Any]) -> Generator[None, None, None]:
        seen.append("inner")
        yield
        seen.append("inner left")

    job = define(app, is_async, seen).enqueue()
    drain(app)
    assert job.result() == "done"
    assert seen == ["outer 1", "inner", "body body", "inner left", "outer left"]
    assert current.get() == "none"


@KINDS
def test_what_the_body_raises_passes_through(app: Holdfast, is_async: bool) -> None:
    seen: list[str] = []

    @app.wrap_attempts
    @contextmanager
    def wrap(ctx: Context[Any]) -> Generator[None, None, None]:
        try:
            yield
        except ValueError as error:
            seen.append(f"{error} {ctx.job.attempt}")
            raise
        finally:
            seen.append("left")

    job = define(app, is_async, seen, retry=Retry(2, base=0)).enqueue(True)
    drain(app)
    assert [one for one in seen if not one.startswith("body")] == ["bad 1", "left", "bad 2", "left"]
    assert [error.kind for error in job.refresh().errors] == ["ValueError", "ValueError"]


@KINDS
def test_one_that_swallows_an_error_makes_no_success_of_it(app: Holdfast, is_async: bool) -> None:
    @app.wrap_attempts
    @contextmanager
    def wrap(ctx: Context[Any]) -> Generator[None, None, None]:
        with suppress(ValueError):
            yield

    body = define(app, is_async, [])
    bad, good = body.enqueue(True), body.enqueue()
    drain(app)
    assert bad.refresh().state is JobState.FAILED
    assert "swallowed" in bad.refresh().errors[0].message
    assert good.result() == "done"


@KINDS
def test_one_that_raises_fails_the_attempt(app: Holdfast, is_async: bool) -> None:
    seen: list[str] = []

    @app.wrap_attempts
    @contextmanager
    def wrap(ctx: Context[Any]) -> Generator[None, None, None]:
        if ctx.job.attempt == 1:
            raise OSError("before")
        yield
        if ctx.job.attempt == 2:
            raise OSError("after")

    job = define(app, is_async, seen, retry=Retry(3, base=0)).enqueue()
    drain(app)
    assert job.result() == "done"
    assert len(seen) == 2, "the first attempt's body did not begin"
    assert [error.message for error in job.refresh().errors] == ["before", "after"]


def test_an_async_one_serves_async_bodies_only(app: Holdfast) -> None:
    seen: list[str] = []

    @app.wrap_attempts
    @asynccontextmanager
    async def wrap(ctx: Context[Any]) -> AsyncGenerator[None, None]:
        seen.append(f"in {ctx.job.task}")
        yield
        seen.append(f"out {ctx.job.task}")

    @app.task
    async def loop() -> None: ...

    @app.task
    def thread() -> int:
        return 5

    loop.enqueue()
    job = thread.enqueue()
    drain(app)
    assert seen == ["in loop", "out loop"]
    assert job.result() == 5


def test_deps_are_there_for_wrappers(app: Holdfast) -> None:
    seen: list[Any] = []

    @app.wrap_attempts
    @contextmanager
    def wrap(ctx: Context[Any]) -> Generator[None, None, None]:
        seen.append(ctx.deps)
        yield

    body = define(app, False, [])
    with app.replace_deps(5):
        body.enqueue()
        drain(app)
    assert seen == [5]


def test_enqueues_are_seen_and_changed(app: Holdfast) -> None:
    @app.wrap_enqueues
    def first(new: Any) -> Any:
        return new.with_metadata(trace="t", task=new.task)

    @app.wrap_enqueues
    def second(new: Any) -> Any:
        return new.with_metadata(order=2, trace="later")

    body = define(app, False, [])
    one = body.using(metadata={"mine": 1}).enqueue()
    many = app.enqueue_many([body.call(), body.call()])
    with app.transaction() as connection:
        borrowed = body.using(connection=connection).enqueue()
    for job in (one, *many, borrowed):
        metadata = dict(job.refresh().metadata)
        metadata.pop("mine", None)
        assert metadata == {"trace": "later", "task": "body", "order": 2}
    assert one.refresh().metadata["mine"] == 1


async def test_enqueues_from_event_loops_are_seen_too(app: Holdfast) -> None:
    @app.wrap_enqueues
    def wrap(new: Any) -> Any:
        return new.with_metadata(trace="t")

    job = await define(app, False, []).aenqueue()
    assert job.refresh().metadata == {"trace": "t"}


def test_one_that_raises_stores_nothing(app: Holdfast) -> None:
    @app.wrap_enqueues
    def wrap(new: Any) -> Any:
        if "true" in new.args:
            raise PermissionError("not this one")
        return new

    body = define(app, False, [])
    with pytest.raises(PermissionError):
        app.enqueue_many([body.call(), body.call(True)])
    assert len(app.jobs.list()) == 0


@pytest.mark.parametrize("answer", [None, 5, "x"])
def test_one_that_forgets_to_answer_is_told_so(app: Holdfast, answer: Any) -> None:
    app.wrap_enqueues(lambda new: answer)
    with pytest.raises(HoldfastError, match="wrap_enqueues"):
        define(app, False, []).enqueue()
    assert len(app.jobs.list()) == 0


def test_metadata_that_json_cannot_hold_is_refused(app: Holdfast) -> None:
    app.wrap_enqueues(lambda new: new.with_metadata(trace=object()))
    with pytest.raises(HoldfastError, match="metadata"):
        define(app, False, []).enqueue()
    assert len(app.jobs.list()) == 0
