"""Tasks with deps whose bodies run in processes, for test_process_deps: imported by the tests and by the children."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast import Cancel, Context, Fail, RawJob, RawResult, Snooze, TaskSet

tasks = TaskSet()


@dataclass
class Deps:
    pid: int
    number: int


made = 0


def plain_deps() -> Deps:
    global made
    made += 1
    return Deps(os.getpid(), made)


@contextmanager
def closing_deps() -> Generator[Deps, None, None]:
    yield plain_deps()
    with Path("closed.txt").open("a") as file:
        file.write(f"{os.getpid()}\n")


async def awaited_deps() -> Deps:
    return plain_deps()


def failing_deps() -> Deps:
    raise OSError("no connection")


@tasks.task(cpu=True)
def use(ctx: Context[Deps], twice: bool = False) -> list[int]:
    assert ctx.deps is ctx.deps
    return [ctx.deps.pid, os.getpid(), ctx.deps.number]


@tasks.task(cpu=True)
def without(ctx: Context, ask: bool = False) -> str:
    return type(ctx.deps).__name__ if ask else "did not ask"


@tasks.task(cpu=True)
def end(how: str) -> str:
    match how:
        case "raise":
            raise ValueError("bad")
        case "fail":
            raise Fail("no")
        case "cancel":
            raise Cancel("why")
        case "snooze":
            raise Snooze("5m")
        case "exit":
            os._exit(3)
        case _:
            return how


@tasks.task("bytes", raw=True, cpu=True)
def raw(ctx: Context, item: RawJob) -> RawResult:
    return RawResult([item.type, os.getpid()], item.body, item.content_type)


@tasks.task("*", raw=True, cpu=True, queue="hooks")
def raw_rest(item: RawJob) -> RawResult:
    return RawResult(item.type, item.body)


declared: Any = tasks.declare("declared", args=Deps, result=int)


@declared.handler(cpu=True)
def declared_handler(deps: Deps) -> int:
    return deps.number
