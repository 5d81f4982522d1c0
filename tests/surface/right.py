"""Calls that type checkers must accept, and the types they must find. Read by checkers, never run."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

from pydantic import BaseModel
from typing_extensions import TypedDict

from holdfast.app import Holdfast
from holdfast.consumer import handles, on
from holdfast.context import Context, RawJob
from holdfast.durable.patching import patched
from holdfast.durable.sleep import sleep
from holdfast.durable.step import step
from holdfast.durable.waiting import cancel, gather, invoke, wait_for
from holdfast.handle import Job
from holdfast.many import Changed
from holdfast.model.audit import AuditEntry
from holdfast.model.end import JobEnd
from holdfast.model.event import Event
from holdfast.model.inputs import Cache
from holdfast.model.job import JobState
from holdfast.model.message import Sent
from holdfast.model.raw import RawResult
from holdfast.model.retry import Retry
from holdfast.model.spacing import Spacing
from holdfast.model.stats import Slot
from holdfast.pipe import Pipe
from holdfast.source import Ends
from holdfast.task import Call, Task
from holdfast.taskset import TaskSet

tasks = TaskSet()
app = Holdfast()


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


def domain(to: str, subject: str) -> str:
    return to + subject


assert_type(plain.using(key=domain, on_conflict="replace").enqueue("a"), Job[int])
assert_type(plain.using(on_conflict=lambda live, new: {**live, **new}, key="k").enqueue("a"), Job[int])
assert_type(plain.using(cache="1d").find("a"), Job[int] | None)
assert_type(plain.using(debounce=Spacing("2/s", max_wait=5), rate_limit=domain).call("a"), Call[int])
assert_type(plain.using(cache=Cache("1d", failures=True)).enqueue(to="a"), Job[int])
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
    assert_type(await plain.using(cache=60).afind("a"), Job[int] | None)
    assert_type(await later.using(queue="x").aenqueue("a"), Job[list[str]])
    assert_type(await later("a"), list[str])
    assert_type(await later_with_context("a"), bytes)
    coroutine: Coroutine[Any, Any, int] = later_with_options("a")
    assert_type(await coroutine, int)


def waits(job: Job[int]) -> None:
    assert_type(job.result(timeout=10), int)


# Declared apart from their handlers


class Model(BaseModel):
    scene: str
    frames: int = 1


@dataclass
class Data:
    scene: str
    frames: int = 1


class Typed(TypedDict):
    scene: str
    frames: int


by_model = tasks.declare("by_model", args=Model, result=Path, queue="video", retry=3)
by_data = tasks.declare("by_data", args=Data, result=Path)
by_dict = tasks.declare("by_dict", args=Typed, result=list[int])
no_result = tasks.declare("no_result", args=Data)
bare = tasks.declare("bare", result=int)
barest = tasks.declare("barest")


@tasks.declare
def stub(scene: str, frames: int = 1) -> Path:
    raise NotImplementedError


@tasks.declare(queue="video", name="stub.two")
async def later_stub(scene: str, *, frames: int = 1) -> Path:
    raise NotImplementedError


assert_type(by_model.enqueue(scene="a", frames=2), Job[Path])
assert_type(by_model.enqueue(Model(scene="a")), Job[Path])
assert_type(by_model.using(priority=3).call(Model(scene="a")), Call[Path])
assert_type(by_data.enqueue("a", 2), Job[Path])
assert_type(by_data.enqueue(Data("a")), Job[Path])
assert_type(by_dict.enqueue({"scene": "a", "frames": 2}), Job[list[int]])
assert_type(no_result.enqueue("a"), Job[None])
assert_type(bare.enqueue(), Job[int])
assert_type(barest.enqueue(), Job[None])
assert_type(stub.enqueue("a"), Job[Path])
assert_type(later_stub.enqueue("a", frames=2), Job[Path])


@by_model.handler
def takes_one(args: Model) -> Path:
    return Path(args.scene)


@by_data.handler(cpu=True)
def takes_fields(ctx: Context, scene: str, frames: int = 1) -> Path:
    return Path(scene)


@by_dict.handler
async def takes_a_dict(ctx: Context, args: Typed) -> list[int]:
    return [args["frames"]]


@stub.handler
def stub_body(scene: str, frames: int = 1) -> Path:
    return Path(scene)


@later_stub.handler
async def later_stub_body(ctx: Context, scene: str, *, frames: int = 1) -> Path:
    return Path(scene)


class Handlers(TypedDict):
    render: Callable[[Model], Path]
    count: Callable[[Context, Data], Awaitable[int]]


def render_it(args: Model) -> Path:
    return Path(args.scene)


async def count_it(ctx: Context, args: Data) -> int:
    return args.frames


tasks.handlers(Handlers)({"render": render_it, "count": count_it})
given: Handlers = {"render": render_it, "count": count_it}
tasks.handlers(given)


# Raw


@tasks.task("hook", raw=True, queue="hooks")
def hook(ctx: Context[Deps], item: RawJob) -> RawResult:
    return RawResult(data=item.target, body=item.body, content_type=item.content_type)


@tasks.task(name="hook.later", raw=True)
async def later_hook(item: RawJob) -> int:
    return len(item.body)


assert_type(hook.enqueue(b"x", content_type="a/b"), Job[RawResult])
assert_type(later_hook.using(priority=1).enqueue(b"x", target=[1]), Job[int])
assert_type(app.enqueue_raw("hook", b"x", content_type="a/b", target=1, queue="x", delay="5m"), Job[Any])


# Consumers


@tasks.consumer("mail", retry=3, timeout="5m")
class Mail:
    def __init__(self, deps: Deps) -> None:
        self.bucket = deps.bucket

    @handles("welcome")
    async def welcome(self, ctx: Context, to: str, *, copies: int = 1) -> list[str]:
        return [to] * copies

    @handles("bye", priority=5)
    def bye(self, to: str) -> int:
        return len(to)

    @handles("later")
    async def later(self, to: str) -> None: ...

    @handles("counted")
    def counted(self, ctx: Context[Deps], to: str) -> int:
        return len(ctx.deps.bucket + to)

    @handles("raw", raw=True)
    def raw(self, ctx: Context, item: RawJob) -> RawResult:
        return RawResult(body=item.body)

    @handles()
    def rest(self, **arguments: Any) -> None: ...

    @on("job.stalled")
    def stalled(self, event: Event) -> None: ...


assert_type(Mail.welcome.enqueue("a", copies=2), Job[list[str]])
assert_type(Mail.bye.using(delay="5m").enqueue("a"), Job[int])
assert_type(Mail.later.call("a"), Call[None])
assert_type(Mail.counted.enqueue(to="a"), Job[int])
assert_type(Mail.raw.enqueue(b"a"), Job[RawResult])
assert_type(Mail(Deps("a")).bye("b"), int)
assert_type(Mail(Deps("a")).counted("b"), int)
app.provide(Deps, lambda: Deps("a"))
app.provide(Deps)


# Schedules


@tasks.task(cron="0 3 * * MON-FRI", tz="Europe/Oslo", catch_up=1, queue="night")
async def nightly(ctx: Context) -> int:
    assert_type(ctx.tick, datetime | None)
    return 1


@tasks.task(every="15m", overlap="queue-one", jitter="30s", twice="once")
def poll() -> None: ...


@tasks.task(cron=["0 3 * * *", "@hourly"], args={"to": "a"}, max_runs=3)
def with_arguments(to: str) -> int:
    return len(to)


assert_type(nightly.enqueue(), Job[int])
assert_type(poll.enqueue(), Job[None])
assert_type(with_arguments.enqueue("a"), Job[int])


def schedules(app: Holdfast) -> None:
    made = app.schedules.put("x", plain.call("a"), cron="0 3 * * *", tz="Asia/Tokyo", catch_up="all")
    assert_type(made.next_due, datetime | None)
    app.schedules.put("y", poll, every=timedelta(hours=1), paused=True)
    assert_type(app.schedules.simulate(every="1h", count=3), list[datetime])
    assert_type(app.schedules.backfill("x", datetime.now(UTC), datetime.now(UTC)), int)
    assert_type(app.schedules.trigger("x"), Job[Any])


def waits_and_batches() -> None:
    first = plain.enqueue("a")
    second: Job[int] = plain.using(after=first).enqueue("b")
    plain.using(after=(first, second.record, second.id), when="finished", batch=second.record.batch).enqueue("c")
    assert_type(plain.call("d").after(first, plain.call("e"), when="failed"), Call[int])
    with app.batch("all", on_success=plain.call("f"), on_finish=plain.call("g")) as batch:
        assert_type(batch.enqueue_many(plain.call(name) for name in "hi"), list[Job[int]])
    plain.using(after=batch).enqueue("j")
    assert_type(batch.wait(timeout="1s").progress, float)
    assert_type(app.batches.list()[0].name, str)


async def waits_and_batches_later() -> None:
    async with app.batch("all") as batch:
        assert_type(await batch.aenqueue_many([plain.call("a")]), list[Job[int]])
    assert_type((await batch.await_()).left, int)


# Pipes

numbers = app.pipe("numbers", int)
assert_type(numbers, Pipe[int])
assert_type(numbers.send(1), Sent)
assert_type(numbers.using(connection=None).send_many([1, 2]), list[Sent])
assert_type(app.pipe("any", int | None), Pipe[Any])


@tasks.task(triggers=[numbers.into(lambda number: {"number": number + 1})])
def counts(number: int) -> int:
    return number


@app.task(triggers=[numbers])
def also(number: int) -> None: ...


assert_type(counts.enqueue(1), Job[int])


@app.task(triggers=[counts.succeeded.into(lambda end: {"number": end.result + 1}), numbers])
def after_counts(number: int) -> None: ...


assert_type(counts.failed, Ends[int])


async def sending() -> None:
    assert_type(await wait_for(counts, where={"number": 1}), JobEnd[int])
    assert_type(await wait_for(counts, "finished", where=lambda end: end.result > 1, timeout=1), JobEnd[int])
    assert_type(await numbers.asend(1, key="k"), Sent)
    assert_type(app.pipes.messages(numbers).next, str | None)


# Durable bodies


async def fetch_page(url: str, tries: int = 1) -> Path:
    return Path(url, str(tries))


def count_words(text: str) -> int:
    return len(text)


def told(ctx: Context[Any], text: str) -> float:
    return len(text)


@step.define
def defined(n: int) -> list[str]:
    return [str(n)]


@step.define(retry=5, timeout="1m")
async def defined_later(n: int) -> list[str]:
    return [str(n)]


@app.task(version=2)
async def durable_body(n: int) -> bytes:
    assert_type(await step(fetch_page, "a", tries=2), Path)
    assert_type(await step("name", fetch_page, "a"), Path)
    assert_type(await step(count_words, "a"), int)
    assert_type(await step.using(retry=3, backoff=["1s", "2s"], timeout="5s")("name", count_words, "a"), int)
    assert_type(await step.using(undo=print)(count_words, "a"), int)
    assert_type(await step(told, "a"), float)
    assert_type(await defined(1), list[str])
    assert_type(await defined_later(1), list[str])
    assert_type(await sleep("1h"), None)
    await sleep(datetime(2027, 1, 1, tzinfo=UTC))
    assert_type(await durable_body.invoke(1), bytes)
    assert_type(await invoke.using(timeout="1h")(durable_body, 1), bytes)
    assert_type(await wait_for(await durable_body.aenqueue(1), timeout=5), bytes)
    assert_type(await wait_for(durable_body.enqueue(1), "running"), JobState)
    assert_type(await gather(durable_body.invoke(1), durable_body.invoke(2), limit=2), list[bytes])
    assert_type(await patched("x"), bool)
    assert_type(await cancel(durable_body.enqueue(1)), JobState)
    return b""


def what_was_recorded(job: Job[bytes]) -> None:
    for one in app.steps.list(job.id):
        assert_type(one.name, str)
        assert_type(one.due, datetime | None)
    app.steps.release(job.id)
    assert_type(app.steps.fork(job.id, before="charge", args={"n": 2}), str)


def many_verbs(app: Holdfast) -> None:
    assert_type(app.jobs.rescue("10m", force=True, queue="mail", dry_run=True), Changed)
    assert_type(app.jobs.cancel_many(state=["ready", JobState.SCHEDULED], task=plain), Changed)
    assert_type(app.jobs.retry_many(rate="10/s", error="Timeout").more, bool)
    assert_type(app.jobs.edit_many({"priority": 3}, tag="t", limit=5), Changed)
    assert_type(app.audit.list(limit=5)[0], AuditEntry)


def stats(app: Holdfast) -> None:
    assert_type(app.stats.now().by_state, dict[JobState, int])
    assert_type(app.stats.histogram("day", last="7d", task=plain), list[Slot])
    assert_type(app.stats.times(timedelta(hours=1), queue="mail").runs.p95, float | None)
    assert_type(app.stats.today().last_failed_at, datetime | None)
