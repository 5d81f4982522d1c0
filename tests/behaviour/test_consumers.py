"""Classes that handle the jobs of a queue."""

import threading
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel
from tests.behaviour.conftest import MakeApp
from tests.behaviour.support import until

from holdfast import Context, Event, Holdfast, JobState, RawJob, RawResult, Retry, TaskSet, handles, on
from holdfast.errors import ConfigError, DuplicateTask, InvalidArguments, InvalidOption, MisuseError
from holdfast.testing import drain


@dataclass
class Smtp:
    sent: list[str] = field(default_factory=list[str])


class Shared:
    """What a test's consumers leave behind."""

    def __init__(self) -> None:
        self.made = 0
        self.smtp = Smtp()
        self.heard: list[tuple[str, str | None]] = []


def mail(app: Holdfast | TaskSet, shared: Shared, **options: Any) -> Any:
    """A consumer with all there is."""

    @app.consumer("mail", **options)
    class Mail:
        def __init__(self, smtp: Smtp, prefix: str = "to ") -> None:
            self.smtp, self.prefix = smtp, prefix
            shared.made += 1

        @handles("welcome")
        async def welcome(self, ctx: Context[Any], to: str, copies: int = 1) -> str:
            self.smtp.sent.append(f"{self.prefix}{to} {copies} {ctx.job.task}")
            return to

        @handles("bye", retry=2)
        def bye(self, to: str) -> int:
            self.smtp.sent.append(f"bye {to} {threading.current_thread() is threading.main_thread()}")
            return self.prefix.count("t")

        @handles("fails")
        def fails(self) -> None:
            raise ValueError("bad")

        @on("job.succeeded")
        @on("job.failed")
        def ended(self, event: Event) -> None:
            assert event.job is not None
            shared.heard.append((event.name, event.job.task))

        @on("queue.drained")
        def drained(self, event: Event) -> None:
            shared.heard.append((event.name, event.queue))

        def helper(self) -> None: ...

    return Mail


def test_handlers_are_tasks_of_the_queue(app: Holdfast) -> None:
    shared = Shared()
    app.provide(Smtp, lambda: shared.smtp)
    consumer = mail(app, shared, retry=3, timeout="5m")
    assert sorted(task.name for task in app.tasks) == ["mail.bye", "mail.fails", "mail.welcome"]
    jobs = [consumer.welcome.enqueue("a", copies=2), consumer.bye.using(priority=5).enqueue("b")]
    first, second = (job.record for job in jobs)
    assert (first.task, first.queue, first.max_attempts, first.timeout) == ("mail.welcome", "mail", 3, 300)
    assert (second.max_attempts, second.priority) == (2, 5)
    drain(app)
    assert [job.result() for job in jobs] == ["a", 1]
    assert shared.smtp.sent == ["bye b False", "to a 2 mail.welcome"]
    assert shared.made == 1
    with pytest.raises(InvalidArguments):
        consumer.welcome.enqueue(5)
    assert app.problems() == []


def test_on_an_instance_a_handler_is_its_method(app: Holdfast) -> None:
    consumer = mail(app, Shared())
    smtp = Smtp()
    instance = consumer(smtp, prefix="for ")
    assert instance.bye("x") == 0
    instance.welcome("y").close()
    with pytest.raises(MisuseError, match="on an instance"):
        consumer.welcome("x")
    assert smtp.sent == ["bye x True"]


def test_events_of_the_queue_alone(app: Holdfast) -> None:
    shared = Shared()
    app.provide(Smtp)

    @app.task
    def other() -> None: ...

    consumer = mail(app, shared)
    consumer.welcome.enqueue("a")
    consumer.fails.enqueue()
    other.enqueue()
    drain(app)
    assert sorted(shared.heard, key=str) == [
        ("job.failed", "mail.fails"),
        ("job.succeeded", "mail.welcome"),
        ("queue.drained", "mail"),
    ]
    shared.heard.clear()
    app.jobs.cancel(consumer.welcome.enqueue("b").id)
    assert shared.heard == [], "no worker runs, so there is no instance to hear"


def test_two_workers_in_one_process_hear_once(make_app: MakeApp) -> None:
    app, shared = make_app(clock=None), Shared()
    app.provide(Smtp)
    consumer = mail(app, shared)
    with app.worker(), app.worker(leader=False):
        jobs = [consumer.welcome.enqueue(str(n)) for n in range(10)]
        for job in jobs:
            job.result(timeout=20)
        until(lambda: sum(name == "job.succeeded" for name, _ in shared.heard) >= 10)
    assert shared.made == 2
    assert sum(name == "job.succeeded" for name, _ in shared.heard) == 10


def test_a_declaration_and_a_handler_in_different_processes(make_app: MakeApp) -> None:
    producer, app, shared = make_app(), make_app(), Shared()
    app.provide(Smtp, lambda: shared.smtp)
    mail(app, shared)

    @producer.declare(name="mail.welcome", queue="mail")
    def welcome(to: str, copies: int = 1) -> str:
        raise NotImplementedError

    job = welcome.enqueue("a")
    drain(app)
    assert (job.result(), shared.smtp.sent) == ("a", ["to a 1 mail.welcome"])


class Letter(BaseModel):
    to: str


@pytest.mark.parametrize("declared_first", [True, False])
def test_a_declaration_and_a_handler_in_one_app(app: Holdfast, declared_first: bool) -> None:
    def declare() -> Any:
        return app.declare("mail.letter", args=Letter, result=str)

    declared = declare() if declared_first else None

    @app.consumer("mail")
    class Mail:
        @handles("letter")
        def letter(self, letter: Letter) -> str:
            return letter.to

    declared = declared or declare()
    jobs = [declared.enqueue(to="a"), declared.enqueue(Letter(to="b"))]
    assert {job.record.queue for job in jobs} == {"mail"}
    assert app.problems() == []
    drain(app)
    assert [job.result() for job in jobs] == ["a", "b"]


def test_a_handler_that_does_not_fit_its_declaration(app: Holdfast) -> None:
    app.declare("mail.letter", args=Letter, result=str)
    with pytest.raises(ConfigError, match="int, not str"):

        @app.consumer("mail")
        class Mail:
            @handles("letter")
            def letter(self, letter: Letter) -> int:
                return 1


def test_whatever_is_left_of_the_queue(make_app: MakeApp) -> None:
    app, producer = make_app(), make_app()

    @app.consumer("mail")
    class Mail:
        @handles("known")
        def known(self) -> str:
            return "known"

        @handles()
        async def rest(self, ctx: Context, arguments: Mapping[str, Any]) -> list[Any]:
            return [ctx.job.task, *(repr(value) for value in arguments.values())]

    @producer.task(queue="mail")
    def strange(a: int, b: str) -> Any: ...

    @producer.task
    def elsewhere() -> None: ...

    known = Mail.known.enqueue()
    job, raw = strange.enqueue(1, "x"), producer.enqueue_raw("bytes", b"\xff", queue="mail", target=[1])
    other = elsewhere.enqueue()
    drain(app)
    assert known.result() == "known"
    assert job.result() == ["strange", "1", "'x'"]
    assert raw.refresh().result == ["bytes", "b'\\xff'", "None", "[1]"]
    assert other.refresh().reason == "unknown_task"
    with pytest.raises(InvalidOption, match="its own name"):
        Mail.rest.enqueue({})  # type: ignore[call-arg, unused-ignore]


def test_what_is_left_as_keywords_or_not_at_all(make_app: MakeApp) -> None:
    app, producer = make_app(), make_app()

    @app.consumer("a")
    class A:
        @handles()
        def rest(self, **arguments: Any) -> Any:
            return arguments

    @app.consumer("b")
    class B:
        @handles()
        def rest(self) -> str:
            return "b"

    @producer.task
    def strange(x: int) -> Any: ...

    jobs = [strange.using(queue=queue).enqueue(5) for queue in ("a", "b")]
    drain(app)
    assert [job.refresh().result for job in jobs] == [{"x": 5}, "b"]

    @app.consumer("c")
    class C:
        @handles()
        def rest(self, one: int, two: int) -> None: ...

    assert [problem.kind for problem in app.problems()] == ["annotations"]


def test_raw_handlers(app: Holdfast) -> None:
    @app.consumer("hooks")
    class Hooks:
        def __init__(self) -> None:
            self.count = 0

        @handles("paid", raw=True)
        def paid(self, ctx: Context, item: RawJob) -> RawResult:
            self.count += 1
            return RawResult(ctx.job.task, item.body, item.content_type)

        @handles(raw=True)
        async def rest(self, item: RawJob) -> str:
            return f"{self.count} {item.type}"

    jobs = [
        Hooks.paid.enqueue(b"\x00", content_type="a/b"),
        app.enqueue_raw("hooks.paid", b"\x01"),
        app.enqueue_raw("other", b"\x02", queue="hooks"),
    ]
    drain(app)
    assert jobs[0].result() == RawResult("hooks.paid", b"\x00", "a/b")
    assert jobs[1].result().body == b"\x01"
    assert jobs[2].result() == "2 other"
    assert Hooks().paid(b"x").body == b"x"


def test_in_a_set_of_tasks_with_transactions(app: Holdfast) -> None:
    tasks = TaskSet()

    @tasks.consumer("orders")
    class Orders:
        @handles("follow", transaction=True)
        def follow(self, ctx: Context, fail: bool) -> None:
            Orders.done.using(connection=ctx.connection).enqueue()
            if fail:
                raise ValueError("no")

        @handles("done")
        async def done(self) -> None: ...

    with pytest.raises(MisuseError, match="no app has taken in"):
        Orders.done.enqueue()
    app.include(tasks)
    jobs = [Orders.follow.enqueue(fail) for fail in (False, True)]
    drain(app)
    assert [job.refresh().state for job in jobs] == [JobState.SUCCEEDED, JobState.FAILED]
    assert len(app.jobs.list(task="orders.done")) == 1


def test_inherited_handlers_serve_each_queue_of_its_own(app: Holdfast) -> None:
    class Base:
        @handles("ping", retry=Retry(give_up_on=(ValueError,), attempts=4, base=0))
        def ping(self, fail: bool = False) -> str:
            if fail:
                raise ValueError
            return type(self).__name__

    with pytest.raises(MisuseError, match=r"@app\.consumer"):
        Base.ping.enqueue()

    @app.consumer("a")
    class A(Base): ...

    @app.consumer("b")
    class B(Base): ...

    jobs = [A.ping.enqueue(), B.ping.enqueue()]
    bad = A.ping.enqueue(fail=True)
    drain(app)
    assert [job.result() for job in jobs] == ["A", "B"]
    assert [job.record.queue for job in jobs] == ["a", "b"]
    assert bad.refresh().attempt == 1


# What it is built from


def test_providers_make_each_thing_once_and_leave_it_at_the_end(app: Holdfast) -> None:
    told: list[str] = []

    class Pool: ...

    class Client:
        def __init__(self, pool: Pool, url: str = "default") -> None:
            self.pool, self.url = pool, url

    class Later: ...

    @contextmanager
    def pool() -> Generator[Pool, None, None]:
        told.append("pool opened")
        yield Pool()
        told.append("pool closed")

    @asynccontextmanager
    async def later(client: Client) -> AsyncGenerator[Later, None]:
        told.append(f"later opened with {client.url}")
        yield Later()
        told.append("later closed")

    async def smtp() -> Smtp:
        return Smtp(["from a coroutine"])

    app.provide(Pool, pool)
    app.provide(Client)
    app.provide(Later, later)
    app.provide(Smtp, smtp)

    @app.consumer("x")
    class X:
        def __init__(self, client: Client, pool: Pool, later: Later, smtp: Smtp) -> None:
            self.same = client.pool is pool
            self.sent = smtp.sent

        @handles("look")
        def look(self) -> list[Any]:
            told.append("body")
            return [self.same, *self.sent]

    job = X.look.enqueue()
    drain(app)
    assert job.result() == [True, "from a coroutine"]
    assert told == ["pool opened", "later opened with default", "body", "later closed", "pool closed"]


@pytest.mark.parametrize("where", ["app", "consumer"])
def test_a_resolver_makes_what_is_not_provided(make_app: MakeApp, where: str) -> None:
    asked: list[Any] = []

    def resolve(kind: Callable[..., Any]) -> Any:
        asked.append(kind)
        return kind()

    app = make_app(**({"resolver": resolve} if where == "app" else {}))
    app.provide(int, lambda: 5)

    @app.consumer("x", resolver=None if where == "app" else resolve)
    class X:
        def __init__(self, smtp: Smtp, number: int, text: str = "default") -> None:
            self.parts = (type(smtp).__name__, number, text)

        @handles("look")
        def look(self) -> list[Any]:
            return list(self.parts)

    job = X.look.enqueue()
    drain(app)
    assert (job.result(), asked) == (["Smtp", 5, "default"], [Smtp])


# What is refused when a worker starts


def refused(app: Holdfast, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        app.work_once()
    with pytest.raises(ConfigError, match=why), app.worker():
        pytest.fail("it started")
    assert [problem.kind for problem in app.problems()] == ["consumer"]
    assert why in app.problems()[0].message


def test_one_without_handlers(app: Holdfast) -> None:
    @app.consumer("x")
    class Empty:
        def method(self) -> None: ...

    refused(app, "consumer test_one_without_handlers.<locals>.Empty of queue x has no handlers")


@pytest.mark.parametrize("word", ["a", "b"])
def test_two_for_one_queue(app: Holdfast, word: str) -> None:
    @app.consumer("x")
    class One:
        @handles("a")
        def a(self) -> None: ...

    @app.consumer("x")
    class Two:
        @handles(word)
        def b(self) -> None: ...

    refused(app, "queue x has two consumers")


def test_one_whose_parameters_nobody_provides(app: Holdfast) -> None:
    @app.consumer("x")
    class X:
        def __init__(self, smtp: Smtp) -> None: ...

        @handles("a")
        def a(self) -> None: ...

    refused(app, "is a Smtp, which nothing provides")

    @app.task
    def other() -> int:
        return 5

    job = other.enqueue()
    app.work_once(tasks=[other])
    assert job.result() == 5
    app.provide(Smtp)
    app.work_once()


def test_one_whose_parameters_are_not_annotated_or_go_in_a_circle(make_app: MakeApp) -> None:
    app = make_app()

    @app.consumer("x")
    class X:
        def __init__(self, smtp) -> None: ...  # type: ignore[no-untyped-def]

        @handles("a")
        def a(self) -> None: ...

    refused(app, "is not annotated")
    app = make_app()

    def one(two: float) -> int: ...
    def two(one: int) -> float: ...

    app.provide(int, one)
    app.provide(float, two)

    @app.consumer("y")
    class Y:
        def __init__(self, number: int) -> None: ...

        @handles("a")
        def a(self) -> None: ...

    refused(app, "in a circle")


def test_one_whose_constructor_or_factory_raises(make_app: MakeApp) -> None:
    for raises in ("constructor", "factory"):
        app, closed = make_app(), []

        @contextmanager
        def number(closed: Any = closed) -> Generator[int, None, None]:
            yield 5
            closed.append("closed")

        def smtp(raises: str = raises) -> Smtp:
            if raises == "factory":
                raise OSError("no connection")
            return Smtp()

        app.provide(int, number)
        app.provide(Smtp, smtp)

        @app.consumer("x")
        class X:
            def __init__(self, number: int, smtp: Smtp) -> None:
                raise OSError("no connection")

            @handles("a")
            def a(self) -> None: ...

        job = X.a.enqueue()
        for _ in range(2):
            with pytest.raises(ConfigError, match=r"cannot be built.*no connection"):
                app.work_once()
        assert closed == ["closed", "closed"]
        assert job.refresh().attempt == 0


def test_definitions_that_cannot_work(app: Holdfast) -> None:
    with pytest.raises(InvalidOption, match=r"job\.failed"):
        on("job.faild")
    with pytest.raises(InvalidOption, match="no queue"):
        on("worker.started")
    with pytest.raises(InvalidOption, match="plain function"):

        @on("job.failed")
        async def later(self: Any, event: Event) -> None: ...

    with pytest.raises(InvalidOption):
        handles("")
    with pytest.raises(InvalidOption, match="prority"):
        handles("a", prority=1)  # type: ignore[call-overload]
    with pytest.raises(InvalidOption, match="queue="):
        app.consumer("x", queue="y")
    with pytest.raises(ConfigError, match="a class"):
        app.consumer("x")(lambda: None)  # type: ignore[arg-type]
    with pytest.raises(DuplicateTask):

        @app.consumer("twice")
        class Twice:
            @handles("a")
            def one(self) -> None: ...
            @handles("a")
            def two(self) -> None: ...


async def test_on_event_loops(app: Holdfast) -> None:
    shared = Shared()
    app.provide(Smtp, lambda: shared.smtp)
    consumer = mail(app, shared)
    jobs = [await consumer.welcome.aenqueue("a"), *await app.aenqueue_many([consumer.bye.call("b")])]
    await app.awork_once()
    assert [await job.aresult() for job in jobs] == ["a", 1]
