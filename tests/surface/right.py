"""Calls that type checkers must accept, and the types they must find. Read by checkers, never run."""

from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from holdfast.client import Job
from holdfast.context import Context
from holdfast.model.retry import Retry
from holdfast.task import Call, Task
from holdfast.taskset import TaskSet

tasks = TaskSet()


@dataclass
class Deps:
    bucket: str


@tasks.task
def plain(to: str, subject: str = "hi") -> int:
    return len(to + subject)


@tasks.task
async def later(to: str, *, copies: int = 1) -> list[str]:
    return [to] * copies


@tasks.task
def with_context(ctx: Context[Deps], name: str) -> str:
    return ctx.deps.bucket + name


@tasks.task
async def later_with_context(ctx: Context, name: str) -> bytes:
    ctx.log.info("%s %s", ctx.job.attempt, ctx.cancelled)
    return name.encode()


@tasks.task(queue="mail", retry=Retry(attempts=5, backoff="exponential"), timeout="30s", cpu=True)
def plain_with_options(to: str) -> int:
    return len(to)


@tasks.task(name="mail.v2", aliases=["mail.v1"], delay=5, retry=3, tags=["a"], metadata={"a": 1})
async def later_with_options(to: str) -> int:
    return len(to)


@tasks.task(on_timeout="stall", on_crash="stall", max_crashes=None, keep_succeeded="7d", keep_failed=0)
def context_with_options(ctx: Context[Deps], to: str) -> Deps:
    assert_type(ctx.deps, Deps)
    return ctx.deps


@tasks.task(run_at=datetime(2026, 1, 1, tzinfo=UTC), retry=lambda attempt, error: timedelta(seconds=attempt))
async def later_context_with_options(ctx: Context, to: str) -> None: ...


@tasks.task
def no_arguments() -> None: ...


@tasks.task
def many(first: int, /, *rest: int, **named: str) -> None: ...


@tasks.task
def anything(payload: object, size: int) -> int:
    return size


@tasks.task
async def mapping(payload: dict[str, Any]) -> dict[str, Any]:
    return payload


assert_type(plain.enqueue("a"), Job[int])
assert_type(anything.enqueue([1], size=2), Job[int])
assert_type(anything.enqueue(payload=[1], size=2), Job[int])
assert_type(mapping.enqueue({"a": 1}), Job[dict[str, Any]])
assert_type(plain.enqueue("a", subject="b"), Job[int])
assert_type(plain.using(delay="5m", priority=5).enqueue(to="a"), Job[int])
assert_type(plain.call("a"), Call[int])
assert_type(plain("a", "b"), int)
assert_type(later.enqueue("a", copies=2), Job[list[str]])
assert_type(with_context.enqueue("a"), Job[str])
assert_type(with_context("a"), str)
assert_type(later_with_context.call(name="a"), Call[bytes])
assert_type(plain_with_options.enqueue("a"), Job[int])
assert_type(plain_with_options("a"), int)
assert_type(later_with_options.using(retry=None, timeout=None, tenant="acme").enqueue("a"), Job[int])
assert_type(context_with_options.enqueue("a"), Job[Deps])
assert_type(later_context_with_options.enqueue("a"), Job[None])
assert_type(no_arguments.enqueue(), Job[None])
assert_type(many.enqueue(1, 2, 3, a="b"), Job[None])
assert_type(many.using(run_at=datetime.now(UTC)).call(1), Call[None])

mixed: list[Call[Any]] = [plain.call("a"), later.call("b"), no_arguments.call()]
several: list[Task[..., Any, Any]] = [plain, later, with_context]


async def use() -> None:
    assert_type(await plain.aenqueue("a"), Job[int])
    assert_type(await later.using(queue="x").aenqueue("a"), Job[list[str]])
    assert_type(await later("a"), list[str])
    assert_type(await later_with_context("a"), bytes)
    coroutine: Coroutine[Any, Any, int] = later_with_options("a")
    assert_type(await coroutine, int)


def waits(job: Job[int]) -> None:
    assert_type(job.result(timeout=10), int)
