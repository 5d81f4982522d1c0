"""Tasks that are triggered by the ends of another task's jobs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast import Cancel, Fail, Holdfast, JobEnd, Task, wait_for
from holdfast.errors import ConfigError, InvalidOption, JobFailed
from holdfast.testing import Clock, drain

from .conftest import MakeApp
from .support import until


def encoding(app: Holdfast) -> Task[[str], int, int]:
    @app.task(name="encode")
    def encode(path: str) -> int:
        if path == "bad":
            raise Fail("no song")
        if path == "unwanted":
            raise Cancel("not now")
        return len(path)

    return encode


@pytest.fixture
def told() -> list[object]:
    return []


def test_each_end_becomes_one_job(app: Holdfast, told: list[object]) -> None:
    encode = encoding(app)

    @app.task(triggers=[encode.succeeded.into(lambda end: {"size": end.result, "path": end.args["path"]})])
    def publish(size: int, path: str) -> None:
        told.append(("published", path, size))

    @app.task(
        triggers=[
            encode.failed.into(lambda end: {"why": end.error and end.error.message}),
            encode.cancelled.into(lambda end: {"why": end.state}),
        ]
    )
    def complain(why: str) -> None:
        told.append(("complained", why))

    app.deliver()
    app.enqueue_many([encode.call(path) for path in ("a", "bb", "bad", "unwanted")])
    for _ in range(3):
        drain(app)
    assert sorted(map(str, told)) == sorted(
        map(
            str, [("published", "a", 1), ("published", "bb", 2), ("complained", "no song"), ("complained", "cancelled")]
        )
    )


def test_jobs_that_never_ran_end_too(app: Holdfast, told: list[object]) -> None:
    encode = encoding(app)

    @app.task(triggers=[encode.finished.into(lambda end: {"end": f"{end.state} {end.reason} {end.result}"})])
    def note(end: str) -> None:
        told.append(end)

    app.deliver()
    jobs = app.enqueue_many([encode.using(delay="1h").call(str(number)) for number in range(20)])
    app.jobs.resolve(jobs[0].id, result=7)
    app.jobs.fail(jobs[1].id, "broken")
    app.jobs.cancel(jobs[2].id)
    app.jobs.cancel_many(task="encode")
    drain(app)
    drain(app)
    assert len(told) == 20
    assert told.count("cancelled explicit None") == 18
    assert app.pipes.stats("holdfast:encode:finished").messages == 20


def test_a_job_that_is_tried_again_by_hand_ends_again(app: Holdfast, told: list[object]) -> None:
    encode = encoding(app)

    @app.task(triggers=[encode.failed.into(lambda end: {"version": end.version})])
    def note(version: int) -> None:
        told.append(version)

    app.deliver()
    job = encode.enqueue("bad")
    drain(app)
    app.jobs.retry(job.id)
    drain(app)
    assert told == [1, 2]


def test_an_end_that_is_committed_late_is_told(
    app: Holdfast, database_url: str, clock: Clock, told: list[object]
) -> None:
    encode = encoding(app)

    @app.task(triggers=[encode.finished.into(lambda end: {"path": end.args["path"]})])
    def note(path: str) -> None:
        told.append(path)

    app.deliver()
    others_write = database_url.startswith("postgres")
    late = encode.using(delay="1d").enqueue("late")
    with app.transaction() as connection:
        app.bind(connection).jobs.cancel(late.id)
        if others_write:
            for _ in range(4):
                clock.advance("10s")
                encode.enqueue("soon")
                drain(app)
    drain(app)
    assert sorted(map(str, told)) == ["late", *(["soon"] * 4 if others_write else [])]


def test_ends_that_several_processes_tell_at_once(app: Holdfast, make_app: MakeApp, told: list[object]) -> None:
    apps = [app, make_app(), make_app()]
    encodes = [encoding(each) for each in apps]
    for each, encode in zip(apps, encodes, strict=True):

        @each.task(name="note", triggers=[encode.finished.into(lambda end: {"path": end.args["path"]})])
        def note(path: str) -> None:
            told.append(path)

        each.deliver()
    app.enqueue_many([encodes[0].call(str(number)) for number in range(120)])
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(drain, apps))
    for each in apps:
        drain(each)
    assert sorted(map(str, told)) == sorted(map(str, range(120)))


def test_only_ends_from_then_on_trigger(app: Holdfast, make_app: MakeApp, clock: Clock, told: list[object]) -> None:
    encode = encoding(app)
    encode.enqueue("before")
    drain(app)
    other = make_app()
    declared = encoding(other)

    @other.task(triggers=[declared.succeeded.into(lambda end: {"path": end.args["path"]})])
    def publish(path: str) -> None:
        told.append(path)

    clock.advance(1)
    other.deliver()
    other_seen = len(told)
    encode.enqueue("after")
    drain(app)
    drain(other)
    assert other_seen == 0
    assert told == ["after"]


def test_what_cannot_trigger_is_refused(app: Holdfast) -> None:
    encode = encoding(app)
    with pytest.raises(ConfigError, match=r"encode.succeeded.into\(function\)"):
        app.task(triggers=[encode.succeeded])(print)  # type: ignore[list-item]
    with pytest.raises(InvalidOption, match="into takes a function"):
        encode.failed.into(5)  # type: ignore[arg-type]


def test_a_body_waits_for_any_job_of_a_task(app: Holdfast, told: list[object]) -> None:
    encode = encoding(app)

    @app.task
    async def watch() -> list[int]:
        first = await wait_for(encode, where={"path": "bb"})
        second = await wait_for(encode, "finished", where=lambda end: end.args["path"] != "a", timeout="1h")
        told.append((second.state, second.error and second.error.kind))
        third: JobEnd[int] = await wait_for(encode, "succeeded")
        return [first.result, third.result]

    job = watch.enqueue()
    drain(app)
    app.enqueue_many([encode.call(path) for path in ("a", "bad")])
    drain(app)
    assert job.state == "suspended"
    for path in ("bb", "cccc"):
        encode.enqueue(path)
        drain(app)
    assert job.result(timeout=0) == [2, 4]
    assert told[0] == ("failed", "Fail")


def test_workers_see_to_it_by_themselves(app: Holdfast) -> None:
    encode = encoding(app)
    ran = threading.Event()

    @app.task(triggers=[encode.succeeded.into(lambda end: {"size": end.result})])
    async def publish(size: int) -> None:
        ran.set()

    @app.task
    async def watch() -> int:
        return (await wait_for(encode, where={"path": "bb"}, since="ever")).result

    app.deliver()  # says that ends are heard, for which a leader looks every 5 s only
    job = watch.enqueue()
    with app.worker(poll_interval="30s"):
        until(lambda: job.refresh().state == "suspended")
        encode.enqueue("bb")
        assert job.result(timeout=20) == 2
        assert ran.wait(20)


def test_ends_that_came_before_the_wait(app: Holdfast, clock: Clock) -> None:
    encode = encoding(app)

    @app.task
    async def past(since: str) -> int:
        return (await wait_for(encode, since=since, timeout="10s")).result

    encode.enqueue("long ago")
    drain(app)
    clock.advance("1h")
    ever, hour = past.enqueue("ever"), past.enqueue("30m")
    drain(app)
    assert ever.result(timeout=0) == 8
    assert hour.state == "suspended"
    clock.advance("1m")
    encode.enqueue("new")
    drain(app)
    with pytest.raises(JobFailed, match="waited for in vain"):
        hour.result(timeout=0)


def test_what_cannot_be_waited_for(app: Holdfast, told: list[object]) -> None:
    encode = encoding(app)

    @app.task
    async def wrong() -> None:
        for wait in (
            lambda: wait_for(encode, "running"),
            lambda: wait_for(encode, where={"title": "a"}),
            lambda: wait_for(encode, where=["a"]),  # type: ignore[call-overload]
            lambda: wait_for(encode, token="0123456789abcdef"),  # type: ignore[call-overload]
        ):
            try:
                await wait()
            except InvalidOption as error:
                told.append(str(error))

    wrong.enqueue()
    drain(app)
    assert [str(each).split()[0] for each in told] == ["a", "task", "where", "token"]
