"""Calls that every type checker must refuse, each at the line that is marked. Read by checkers, never run."""

from datetime import timedelta

from holdfast.model.retry import Retry
from holdfast.task import Context, TaskSet

tasks = TaskSet()


@tasks.task
def plain(to: str, subject: str = "hi") -> int:
    return len(to + subject)


@tasks.task(queue="mail")
async def later(ctx: Context[int], to: str, *, copies: int = 1) -> list[str]:
    return [to] * copies


@tasks.task
def no_arguments() -> None: ...


plain.enqueue()  # type: ignore[call-arg]
plain.enqueue(1)  # type: ignore[arg-type]
plain.enqueue("a", "b", "c")  # type: ignore[call-arg]
plain.enqueue("a", subjct="b")  # type: ignore[call-arg]
plain.call(to=None)  # type: ignore[arg-type]
plain(1)  # type: ignore[arg-type]
plain.using(priority=1).enqueue(1)  # type: ignore[arg-type]
plain.using(delay="5m").call("a", "b", 3)  # type: ignore[call-arg]
no_arguments.enqueue("a")  # type: ignore[call-arg]
later.enqueue("a", 2)  # type: ignore[call-arg]
later.enqueue("a", copies="2")  # type: ignore[arg-type]
later.enqueue(copies=2)  # type: ignore[call-arg]

plain.using(prority=1)  # type: ignore[call-arg]
plain.using(priority="high")  # type: ignore[arg-type]
plain.using(delay=[5])  # type: ignore[list-item]
plain.using(run_at="tomorrow")  # type: ignore[arg-type]
plain.using(run_at=timedelta(hours=1))  # type: ignore[arg-type]
plain.using(on_timeout="explode")  # type: ignore[arg-type]
plain.using(retry="often")  # type: ignore[arg-type]
plain.using(tags=[1])  # type: ignore[list-item]
plain.using(metadata=["a"])  # type: ignore[arg-type]
Retry(attempts="5")  # type: ignore[arg-type]
Retry(give_up_on=int)  # type: ignore[arg-type]


@tasks.task(queu="mail")  # type: ignore[call-overload]
def misspelt(to: str) -> None: ...


@tasks.task(timeout=[30])  # type: ignore[call-overload]
def mistyped(to: str) -> None: ...


async def use() -> None:
    number: str = plain.enqueue("a").result()  # type: ignore[assignment]
    await plain("a")  # type: ignore[misc]
    await plain.aenqueue(1)  # type: ignore[arg-type]
    (await later.aenqueue("a")).result().upper()  # type: ignore[attr-defined]
    print(number)
