"""Pipes: messages sent from anywhere, and looked at."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass

import pytest

from holdfast import Context, Event, Holdfast, Pipe, TaskSet
from holdfast.errors import ConfigError, InvalidArguments, InvalidOption, MisuseError, UnknownPipe
from holdfast.testing import Clock, drain

from .conftest import MakeApp


@dataclass
class Upload:
    path: str
    size: int = 0


@pytest.fixture
def uploaded(app: Holdfast) -> Pipe[Upload]:
    return app.pipe("song.uploaded", Upload)


def test_messages_are_sent_and_listed(app: Holdfast, uploaded: Pipe[Upload], clock: Clock) -> None:
    first = uploaded.send(Upload("a.wav", 3))
    others = uploaded.send_many([Upload("b.wav"), Upload("c.wav")])
    assert uploaded.send_many([]) == []
    assert all(sent.created for sent in (first, *others))
    page = app.pipes.messages(uploaded, limit=2)
    assert [message.value["path"] for message in page] == ["c.wav", "b.wav"]
    (last,) = app.pipes.messages("song.uploaded", after=page.next)
    assert (last.id, last.value, last.sent_at) == (first.id, {"path": "a.wav", "size": 3}, clock.now())
    assert app.pipes.get(first.id) == last
    (stats,) = app.pipes.list()
    assert (stats.name, stats.messages, stats.pending, stats.parked) == ("song.uploaded", 3, 0, 0)


def test_the_same_on_an_event_loop(app: Holdfast, uploaded: Pipe[Upload]) -> None:
    async def send() -> None:
        sent = await uploaded.asend(Upload("a.wav"), key="a")
        assert await uploaded.asend(Upload("a.wav"), key="a") == sent._replace(created=False)
        await uploaded.asend_many([Upload("b.wav")])
        assert [each.value["path"] for each in await app.pipes.amessages(uploaded)] == ["b.wav", "a.wav"]
        assert (await app.pipes.astats(uploaded)).messages == 2

    asyncio.run(send())


def test_what_is_not_of_the_type_is_refused(app: Holdfast, uploaded: Pipe[Upload]) -> None:
    with pytest.raises(InvalidArguments, match="'size': Input should be a valid integer"):
        uploaded.send(Upload("a.wav", "large"))  # type: ignore[arg-type]
    with pytest.raises(InvalidArguments, match="path"):
        app.pipes.send("song.uploaded", {"size": 3})
    with pytest.raises(InvalidArguments):
        uploaded.send_many([Upload("a.wav"), Upload("b.wav", -0.5)])  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="key"):
        uploaded.send(Upload("a.wav"), key="")
    with pytest.raises(UnknownPipe, match="no pipe 'other'"):
        app.pipes.send("other", 1)
    with pytest.raises(InvalidOption, match="more than 0"):
        app.pipe("gone", int, keep=0)
    with pytest.raises(ConfigError, match="two pipes are named"):
        app.pipe("song.uploaded", int)
    assert app.pipes.list() == []


def test_messages_in_the_callers_transaction(app: Holdfast, uploaded: Pipe[Upload]) -> None:
    with app.transaction() as connection:
        uploaded.using(connection=connection).send(Upload("a.wav"))
        app.bind(connection).pipes.send(uploaded, Upload("b.wav"), key="b")

    def undone() -> None:
        with app.transaction() as connection:
            uploaded.using(connection=connection).send(Upload("c.wav"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert [each.value["path"] for each in app.pipes.messages(uploaded)] == ["b.wav", "a.wav"]


def test_tenants_have_messages_of_their_own(app: Holdfast, uploaded: Pipe[Upload]) -> None:
    acme = app.tenant("acme")
    acme.pipes.send(uploaded, Upload("a.wav"))
    uploaded.using(tenant="acme").send(Upload("b.wav"))
    uploaded.send(Upload("c.wav"))
    assert [each.value["path"] for each in acme.pipes.messages(uploaded)] == ["b.wav", "a.wav"]
    assert [each.value["path"] for each in app.pipes.messages(uploaded)] == ["c.wav"]
    with pytest.raises(InvalidOption, match="tenant 'other'"):
        acme.pipes.send(uploaded.using(tenant="other"), Upload("d.wav"))


def test_pipes_of_a_set(app: Holdfast) -> None:
    tasks = TaskSet()
    numbers = tasks.pipe("numbers", int)
    with pytest.raises(MisuseError, match="include"):
        numbers.send(1)
    app.include(tasks)
    numbers.send(1)
    assert [each.value for each in app.pipes.messages("numbers")] == [1]


def test_messages_are_removed_after_their_retention(app: Holdfast, clock: Clock) -> None:
    app.pipe("short", int, keep="1h").send(1)
    app.pipe("long", int).send(2)
    clock.advance("1h")
    app.do_duties()
    assert [each.name for each in app.pipes.list()] == ["long"]


def test_messages_say_which_job_sent_them(app: Holdfast) -> None:
    numbers = app.pipe("numbers", int)

    @app.task
    def sends() -> None:
        numbers.send(1)

    job = sends.enqueue()
    app.work_once()
    (message,) = app.pipes.messages(numbers)
    assert message.job == job.id


# Triggers


@pytest.fixture
def told() -> list[object]:
    return []


def test_messages_become_jobs_of_every_task_that_they_trigger(app: Holdfast, told: list[object]) -> None:
    numbers = app.pipe("numbers", int)

    @app.task(triggers=[numbers])
    def plain(number: int) -> None:
        told.append(("plain", number))

    @app.task(triggers=[numbers.into(lambda number: {"doubled": 2 * number} if number > 1 else None)])
    def twice(ctx: Context, doubled: int) -> None:
        told.append(("twice", doubled, ctx.job.metadata["holdfast:message"]))

    @app.task(triggers=[numbers.into(lambda number: (several.call(n) for n in range(number)))])
    def several(n: int) -> None:
        told.append(("several", n))

    one, two = numbers.send_many([1, 2])
    drain(app)
    drain(app)
    assert sorted(map(str, told)) == sorted(
        map(str, [("plain", 1), ("plain", 2), ("twice", 4, two.id), ("several", 0), ("several", 0), ("several", 1)])
    )
    assert [message.taken for message in app.pipes.messages(numbers)] == [3, 3]
    assert app.pipes.stats(numbers).pending == 0
    assert one.created


def test_messages_that_jobs_send_trigger_within_the_same_drain(app: Holdfast, told: list[object]) -> None:
    numbers = app.pipe("numbers", int)

    @app.task(triggers=[numbers])
    def down(number: int) -> None:
        told.append(number)
        if number:
            numbers.send(number - 1)

    numbers.send(3)
    drain(app)
    assert told == [3, 2, 1, 0]


def test_workers_deliver_at_once(app: Holdfast) -> None:
    numbers = app.pipe("numbers", int)
    ran = threading.Event()

    @app.task(triggers=[numbers])
    async def soon(number: int) -> None:
        ran.set()

    with app.worker(poll_interval="30s"):
        numbers.send(1)
        assert ran.wait(10)


def test_a_message_waits_for_the_first_task_that_it_triggers(app: Holdfast, told: list[object]) -> None:
    numbers = app.pipe("numbers", int)
    numbers.send(1)
    drain(app)

    @app.task(triggers=[numbers])
    def first(number: int) -> None:
        told.append(("first", number))

    drain(app)

    @app.task(triggers=[numbers])
    def second(number: int) -> None:
        told.append(("second", number))

    numbers.send(2)
    drain(app)
    assert sorted(map(str, told)) == ["('first', 1)", "('first', 2)", "('second', 2)"]


def test_tasks_of_two_programs(app: Holdfast, make_app: MakeApp, told: list[object]) -> None:
    other = make_app()
    here, there = app.pipe("numbers", int), other.pipe("numbers", int)

    @app.task(triggers=[here])
    def left(number: int) -> None:
        told.append(("left", number))

    @other.task(triggers=[there])
    def right(number: int) -> None:
        told.append(("right", number))

    drain(app)
    drain(other)
    here.send(1)
    drain(app)
    assert told == [("left", 1)]
    assert [(one.task, one.parked) for one in app.pipes.pending(here)] == [("right", None)]
    drain(other)
    assert told == [("left", 1), ("right", 1)]


def test_a_function_that_raises_sets_the_message_aside(app: Holdfast, make_app: MakeApp, told: list[object]) -> None:
    numbers = app.pipe("numbers", int)
    events: list[Event] = []
    app.on("message.parked")(events.append)

    @app.task(triggers=[numbers.into(lambda number: broken.call(1 // number))])
    def broken(number: int) -> None:
        told.append(("broken", number))

    @app.task(triggers=[numbers.into(lambda number: app.task)])  # type: ignore[arg-type,return-value]
    def odd(number: int) -> None: ...

    @app.task(triggers=[numbers.into(lambda number: broken.call(number))])
    def strange(number: int) -> None: ...

    (sent,) = numbers.send_many([0])
    numbers.send(1)
    drain(app)
    assert told == [("broken", 1)]
    reasons = {one.task: one.parked for one in app.pipes.pending(numbers) if one.message == sent.id}
    assert reasons["broken"] == "ZeroDivisionError: integer division or modulo by zero"
    assert "must answer arguments by name, odd.call" in str(reasons["odd"])
    assert "must make jobs of it, not of broken" in str(reasons["strange"])
    assert app.pipes.stats(numbers).parked == 5
    assert {event.details["message"] for event in events if event.task == "broken"} == {sent.id}
    assert app.pipes.retry(numbers) == 5

    mended = make_app()

    @mended.task(name="broken", triggers=[mended.pipe("numbers", int)])
    def whole(number: int) -> None:
        told.append(("whole", number))

    drain(mended)
    assert told[1:] == [("whole", 0)]


def test_a_jobs_tenant_is_its_messages(app: Holdfast) -> None:
    numbers = app.pipe("numbers", int)

    def key_of(number: int) -> str:
        return f"n{number}"

    @app.task(triggers=[numbers], key=key_of, queue="mail")
    def owned(number: int) -> None: ...

    app.tenant("acme").pipes.send(numbers, 1)
    numbers.send_many([1, 1])
    app.deliver()
    assert [job.key for job in app.tenant("acme").jobs.list()] == ["n1"]
    assert [(job.key, job.queue) for job in app.jobs.list()] == [("n1", "mail")], "the second found the first's key"


def test_what_cannot_trigger_is_refused(app: Holdfast) -> None:
    numbers = app.pipe("numbers", int)
    with pytest.raises(ConfigError, match="twice"):
        app.task(triggers=[numbers, numbers])(print)
    with pytest.raises(ConfigError, match="triggers are pipes"):
        app.task(triggers=["numbers"])(print)  # type: ignore[list-item]
    with pytest.raises(InvalidOption, match="into takes a function"):
        numbers.into(5)  # type: ignore[arg-type]
