"""What comes back: typed values, failures as errors, waits that end, rows that are gone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from holdfast import Holdfast, JobState, Retry
from holdfast.errors import InvalidResult, JobFailed, MisuseError, ResultGone, ResultTimeout
from holdfast.testing import Clock, drain, inline

from .conftest import MakeApp


class Address(BaseModel):
    street: str
    number: int | None = None
    since: datetime | None = Field(default=None, alias="from")


@dataclass
class Order:
    id: UUID
    total: Decimal
    lines: list[tuple[str, int]]
    ship_to: Address | None = None


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


VALUES: list[tuple[Any, Any]] = [
    (None, None),
    (int, 2**63 + 1),
    (int, -1),
    (float, 1e300),
    (float, 0.1),
    (bool, True),
    (str, "naïve Ω 🦑 \" \\ '"),
    (bytes, bytes(range(256))),
    (datetime, datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)),
    (date, date(2024, 2, 29)),
    (time, time(23, 59, 59, 999999)),
    (timedelta, timedelta(days=-1, seconds=3, microseconds=5)),
    (Decimal, Decimal("123456789.123456789123456789")),
    (UUID, UUID("0190163d-8694-79b5-8c1d-4f0e2a7b6c5d")),
    (Path, Path("/tmp/x y")),
    (Colour, Colour.BLUE),
    (Literal["a", "b"], "b"),
    (list[int], [1, 2, 3]),
    (tuple[int, str], (1, "x")),
    (set[int], {1, 2, 3}),
    (frozenset[str], frozenset({"a", "b"})),
    (dict[str, Decimal], {"a": Decimal("0.10")}),
    (dict[int, list[bool]], {1: [True], 2: []}),
    (Address, Address(street="Main", number=7, **{"from": datetime(2020, 1, 1, tzinfo=UTC)})),
    (Order, Order(UUID(int=7), Decimal("9.90"), [("a", 1)], Address(street="x"))),
    (list[Order | None], [None, Order(UUID(int=8), Decimal(0), [])]),
    (int | str, "7"),
    (Any, {"free": [1, None, "x"]}),
]


@pytest.mark.parametrize("is_async", [True, False])
def test_typed_values_go_there_and_back(app: Holdfast, is_async: bool) -> None:
    jobs: list[tuple[Any, Any]] = []
    for place, (kind, value) in enumerate(VALUES):
        jobs.append((echo_of(app, f"echo{place}", kind, is_async).enqueue(value), value))
    drain(app)
    for job, value in jobs:
        found = job.result()
        assert found == value
        assert type(found) is type(value)


def echo_of(app: Holdfast, name: str, kind: Any, is_async: bool) -> Any:
    if is_async:

        async def aecho(value: Any) -> Any:
            return value

        body: Any = aecho
    else:

        def echo(value: Any) -> Any:
            return value

        body = echo
    body.__annotations__ = {"value": kind, "return": kind}
    return app.task(name=name)(body)


def test_no_annotation_means_plain_json(app: Holdfast) -> None:
    @app.task
    def work():  # type: ignore[no-untyped-def]
        return {"a": [1, 2.5, None, True]}

    job = work.enqueue()
    drain(app)
    assert job.result() == {"a": [1, 2.5, None, True]}


def test_a_large_argument_and_result(app: Holdfast) -> None:
    @app.task
    def twice(text: str) -> str:
        return text + text

    text = "é" * 200_000
    job = twice.enqueue(text)
    assert job.record.args == {"text": text}
    drain(app)
    assert job.result() == text * 2
    assert job.refresh().args == {"text": text}


class Wrong(Exception):
    pass


def test_a_failure_carries_kind_message_and_traceback(app: Holdfast) -> None:
    @app.task
    def body() -> None:
        raise Wrong("of this kind")

    job = body.enqueue()
    drain(app)
    with pytest.raises(JobFailed, match=f"job {job.id} failed: Wrong: of this kind") as caught:
        job.result()
    error = caught.value
    assert (error.kind, error.message, error.code) == ("Wrong", "of this kind", "job_failed")
    assert 'raise Wrong("of this kind")' in error.traceback
    assert job.state is JobState.FAILED


async def test_a_failure_for_event_loops(app: Holdfast) -> None:
    @app.task
    async def body() -> None:
        raise Wrong("async")

    job = await body.aenqueue()
    await app.awork_once()
    with pytest.raises(JobFailed, match="async"):
        await job.aresult()


@pytest.mark.parametrize("is_async", [True, False])
def test_a_result_that_its_annotation_refuses(app: Holdfast, is_async: bool) -> None:
    ran: list[int] = []

    def body() -> int:
        ran.append(1)
        return "not a number"  # type: ignore[return-value]

    async def abody() -> int:
        return body()

    task = app.task(name="body", retry=Retry(3, base=0))(abody if is_async else body)
    job = task.enqueue()
    assert drain(app).failed == 1
    record = job.refresh()
    assert (record.state, record.reason) == (JobState.FAILED, "invalid_result")
    assert (record.attempt, len(ran)) == (1, 1), "a bad result is not tried again"
    assert record.errors[0].kind == "InvalidResult"
    assert "valid integer" in record.errors[0].message
    with pytest.raises(JobFailed) as caught:
        job.result()
    assert caught.value.kind == "InvalidResult"


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -float("inf"), "\x00", "\ud800", object(), "x" * 1_100_000, [[0.0, float("nan")]]],
    ids=["nan", "inf", "-inf", "NUL", "surrogate", "object", "large", "deep nan"],
)
def test_a_result_that_no_database_can_hold(app: Holdfast, value: Any) -> None:
    @app.task(retry=3)
    def body() -> Any:
        return value

    job = body.enqueue()
    drain(app)
    assert (job.refresh().state, job.record.reason) == (JobState.FAILED, "invalid_result")


def test_a_result_too_deep(app: Holdfast) -> None:
    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]

    @app.task
    def body() -> Any:
        return deep

    job = body.enqueue()
    drain(app)
    assert (job.refresh().state, job.record.reason) == (JobState.FAILED, "invalid_result")


def test_a_stored_result_that_the_code_no_longer_reads(make_app: MakeApp) -> None:
    old, new = make_app(), make_app()

    @old.task(name="work")
    def before() -> str:
        return "text"

    @new.task(name="work")
    def after() -> int:
        return 1

    new_handle = after.enqueue()
    drain(old)
    with pytest.raises(InvalidResult, match="stored result of work"):
        new_handle.result()
    assert new_handle.refresh().result == "text", "the raw value is kept"


@pytest.mark.parametrize("timeout", [0, 0.01, "50ms", timedelta(milliseconds=30)])
def test_a_wait_that_is_over(app: Holdfast, timeout: Any) -> None:
    @app.task
    def body() -> int:
        return 1

    job = body.enqueue()
    with pytest.raises(ResultTimeout, match=f"job {job.id} had not ended"):
        job.result(timeout=timeout)
    with pytest.raises(TimeoutError):
        asyncio.run(job.aresult(timeout=timeout))
    assert job.refresh().state is JobState.READY, "the job goes on"
    drain(app)
    assert job.result(timeout=timeout) == 1, "a job that has ended answers however short the wait"
    assert asyncio.run(job.aresult(timeout=timeout)) == 1


def test_a_row_removed_at_once_is_gone(app: Holdfast) -> None:
    @app.task(keep_succeeded=0, keep_failed=0)
    def body(fail: bool) -> int:
        if fail:
            raise Wrong
        return 1

    good, bad = body.enqueue(False), body.enqueue(True)
    drain(app)
    for job in (good, bad):
        with pytest.raises(ResultGone, match=job.id):
            job.result(timeout=5)
        assert app.jobs.get(job.id) is None
    assert app.jobs.count() == {}
    assert list(app.jobs.list()) == []


def test_waiting_inside_a_body_is_refused(app: Holdfast) -> None:
    @app.task
    def child() -> int:
        return 1

    @app.task
    def parent() -> None:
        child.enqueue().result(timeout=5)

    @app.task
    async def aparent() -> None:
        await (await child.aenqueue()).aresult(timeout=5)

    for task in (parent, aparent):
        job = task.enqueue()
        drain(app)
        with pytest.raises(JobFailed) as caught:
            job.result()
        assert caught.value.kind == "MisuseError"
        assert "inside its body" in caught.value.message
    with inline(app):
        job = parent.enqueue()
        with pytest.raises(JobFailed):
            job.result()
    assert child.enqueue().id, "outside of bodies nothing is refused afterwards"
    drain(app)


def test_waiting_in_a_thread_of_a_body_is_not_seen_but_in_its_tasks_it_is(app: Holdfast) -> None:
    @app.task
    def child() -> int:
        return 1

    @app.task
    async def parent() -> str:
        job = await child.aenqueue()
        try:
            await asyncio.gather(asyncio.create_task(job.aresult(timeout=1)))
        except MisuseError as error:
            return str(error)
        return "waited"

    job = parent.enqueue()
    drain(app)
    assert "inside its body" in job.result()


def test_many_wait_for_many(live: Holdfast, count_statements: Callable[[Holdfast], list[str]]) -> None:
    @live.task
    def body(n: int) -> int:
        return n

    jobs = [body.enqueue(n) for n in range(40)]
    statements = count_statements(live)
    waiting = threading.Barrier(41)

    def wait(n: int) -> int:
        waiting.wait()
        return jobs[n].result(timeout=20)

    with ThreadPoolExecutor(40) as pool:
        futures = [pool.submit(wait, n) for n in range(40)]
        waiting.wait()
        with live.worker():
            assert [future.result() for future in futures] == list(range(40))
    assert statements.count("get") < 40, "callers share a query"


async def test_many_coroutines_wait(live: Holdfast) -> None:
    @live.task
    async def body(n: int) -> int:
        return n

    jobs = await live.aenqueue_many([body.call(n) for n in range(200)])
    async with live.worker(concurrency=50):
        found = await asyncio.gather(*(job.aresult(timeout=20) for job in jobs))
    assert found == list(range(200))


async def test_a_cancelled_wait_leaves_nothing_behind(live: Holdfast) -> None:
    @live.task
    async def body(n: int) -> int:
        return n

    job = await body.aenqueue(1)
    waiting = asyncio.create_task(job.aresult())
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await live.awork_once()
    assert await job.aresult(timeout=5) == 1


def test_waiters_hear_when_the_app_is_closed(make_app: MakeApp) -> None:
    app = make_app()

    @app.task
    def body() -> int:
        return 1

    job = body.enqueue()
    heard: list[BaseException] = []

    def wait() -> None:
        try:
            job.result(timeout=20)
        except Exception as error:
            heard.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not app._client._parts[1]._watches:  # type: ignore[index]
        pass
    app.close()
    thread.join(5)
    assert not thread.is_alive()
    assert len(heard) == 1
    assert "closed" in str(heard[0])


def test_a_handle_works_after_the_app_was_closed_and_used_again(make_app: MakeApp, database_url: str) -> None:
    app = make_app()

    @app.task
    def body() -> int:
        return 1

    job = body.enqueue()
    app.close()
    assert job.refresh().state is JobState.READY
    drain(app)
    assert job.result(timeout=5) == 1


def test_started_and_finished_times(app: Holdfast, clock: Clock) -> None:
    @app.task(retry=Retry(2, "1m", jitter=0))
    def body() -> None:
        raise Wrong

    job = body.enqueue()
    drain(app)
    assert job.refresh().finished_at is None
    clock.advance("1m")
    drain(app)
    record = job.refresh()
    assert record.finished_at == clock.now()
    assert record.started_at is not None
    assert clock.now() - timedelta(seconds=1) < record.started_at <= clock.now()
    assert record.worker is not None
