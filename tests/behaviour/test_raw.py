"""Raw jobs: bytes under a type."""

from typing import Any

import pytest
from tests.behaviour.conftest import MakeApp
from tests.behaviour.support import until

from holdfast import Context, Holdfast, JobState, RawJob, RawResult, TaskSet
from holdfast.errors import ConfigError, DuplicateTask, HoldfastError, InvalidArguments, InvalidOption
from holdfast.testing import drain

BODIES = [b"", b'{"id": 5}', "Grüße".encode(), bytes(range(256)), b"\x00" * 5000, "ü".encode() * 5000]


@pytest.mark.parametrize("is_async", [False, True])
def test_bytes_arrive_as_they_were_and_go_back_so(app: Holdfast, is_async: bool) -> None:
    seen: list[tuple[Any, ...]] = []

    def echo(ctx: Context[Any], item: RawJob) -> RawResult:
        seen.append((ctx.job.id == item.job.id, item.type, item.content_type, item.target))
        return RawResult({"size": len(item.body)}, item.body, item.content_type)

    async def aecho(ctx: Context[Any], item: RawJob) -> RawResult:
        return echo(ctx, item)

    app.task("in.echo", raw=True)(aecho if is_async else echo)
    target = {"tenant": [1, None]}
    jobs = [app.enqueue_raw("in.echo", body, content_type="a/b", target=target) for body in BODIES]
    drain(app, concurrency=3)
    for job, body in zip(jobs, BODIES, strict=True):
        assert job.result() == RawResult({"size": len(body)}, body, "a/b")
        record = job.refresh()
        assert record.raw is not None
        assert (record.raw.body, record.raw.content_type, record.raw.target) == (body, "a/b", target)
        assert record.result == RawResult({"size": len(body)}, body, "a/b")
        assert (record.task, record.state) == ("in.echo", JobState.SUCCEEDED)
    assert seen == [(True, "in.echo", "a/b", target)] * len(BODIES)


@pytest.mark.parametrize(
    "value", [None, 5, {"a": [1]}, "text", {"$raw": "utf-8", "body": "x", "content_type": None, "data": 1}]
)
def test_other_results(app: Holdfast, value: Any) -> None:
    @app.task(name="in", raw=True)
    def take(item: RawJob) -> Any:
        return value

    job = take.enqueue(b"x")
    drain(app)
    assert job.result() == (
        RawResult(value) if value == {**({} if not isinstance(value, dict) else value), "$raw": "utf-8"} else value
    )


def test_a_result_that_cannot_be_kept_fails_the_job(app: Holdfast) -> None:
    @app.task("in", raw=True)
    def take(item: RawJob) -> RawResult:
        return RawResult(body="text")  # type: ignore[arg-type]

    job = app.enqueue_raw("in", b"")
    drain(app)
    assert job.refresh().reason == "invalid_result"


def test_options_of_the_call_and_of_the_task(app: Holdfast) -> None:
    @app.task("in", raw=True, queue="hooks", retry=4, priority=lambda body, content_type, target: len(body))
    def take(ctx: Context, item: RawJob) -> None: ...

    own = app.enqueue_raw("in", b"abc").record
    assert (own.queue, own.max_attempts, own.priority) == ("hooks", 4, 3)
    other = app.enqueue_raw("in", b"abc", queue="x", tags=["t"], delay="5m").record
    assert (other.queue, other.max_attempts, other.tags, other.state) == ("x", 4, ("t",), JobState.SCHEDULED)
    unknown = app.enqueue_raw("elsewhere", b"abc", retry=2).record
    assert (unknown.task, unknown.queue, unknown.max_attempts) == ("elsewhere", "default", 2)


def test_many_and_in_a_transaction(app: Holdfast) -> None:
    @app.task("in", raw=True)
    def take(item: RawJob) -> int:
        return item.body[0]

    calls = [app.call_raw("in", b"\x01"), take.call(b"\x02", target=5), take.using(priority=1).call(body=b"\x03")]
    jobs = app.enqueue_many(calls)
    with app.transaction() as connection:
        jobs.append(app.bind(connection).enqueue_raw("in", b"\x04"))
    drain(app)
    assert [job.result() for job in jobs] == [1, 2, 3, 4]
    assert len(app.jobs.list()) == 4


async def test_on_event_loops(app: Holdfast) -> None:
    @app.task("in", raw=True)
    async def take(item: RawJob) -> int:
        return len(item.body)

    jobs = [await app.aenqueue_raw("in", b"123"), await take.aenqueue(b"1234", "a/b")]
    await app.awork_once()
    assert [await job.aresult() for job in jobs] == [3, 4]
    assert await take(b"12") == 2


@pytest.mark.parametrize("body", ["text", None, 5, b"x" * (1024 * 1024 + 1)])
def test_what_is_no_body_stores_nothing(app: Holdfast, body: Any) -> None:
    with pytest.raises(InvalidArguments):
        app.enqueue_raw("in", body)
    with pytest.raises(HoldfastError):
        app.enqueue_raw("", b"x")
    with pytest.raises(InvalidOption):
        app.enqueue_raw("*", b"x")
    with pytest.raises(HoldfastError):
        app.enqueue_raw("in", b"x", content_type="a\nb")
    with pytest.raises(HoldfastError):
        app.enqueue_raw("in", b"x", target=object())
    with pytest.raises(HoldfastError):
        app.enqueue_raw("in", b"x", queu="a")  # type: ignore[call-arg]
    assert len(app.jobs.list()) == 0


def test_a_megabyte_goes_through(app: Holdfast) -> None:
    @app.task("in", raw=True)
    def take(item: RawJob) -> RawResult:
        return RawResult(body=item.body)

    bodies = [b"\xff" * 1024 * 1024, b'"' * 1024 * 1024]
    jobs = [app.enqueue_raw("in", body) for body in bodies]
    drain(app)
    assert [job.result().body for job in jobs] == bodies


def test_the_rest_of_a_queue(make_app: MakeApp) -> None:
    """Every raw job of the queue that no other raw task takes, and no other job."""
    app, producer = make_app(), make_app()

    @app.task("known", raw=True, queue="hooks")
    def known(item: RawJob) -> str:
        return "known"

    @app.task("*", raw=True, queue="hooks")
    async def rest(ctx: Context, item: RawJob) -> str:
        return f"rest {item.type} {ctx.job.task}"

    @app.task("*", raw=True)
    def default_rest(item: RawJob) -> str:
        return f"default {item.type}"

    @producer.task(queue="hooks", name="plain")
    def plain() -> str:
        return "plain"

    jobs = [
        producer.enqueue_raw("known", b"", queue="hooks"),
        producer.enqueue_raw("new", b"", queue="hooks"),
        producer.enqueue_raw("new", b""),
        producer.enqueue_raw("known", b""),
    ]
    ordinary, elsewhere = plain.enqueue(), producer.enqueue_raw("new", b"", queue="other")
    drain(app)
    assert [job.result() for job in jobs] == ["known", "rest new new", "default new", "known"]
    assert ordinary.refresh().reason == "unknown_task"
    assert elsewhere.refresh().attempt == 0
    assert not elsewhere.record.state.finished
    with pytest.raises(InvalidOption, match="every type"):
        rest.enqueue(b"")
    drain(producer, queues=["hooks"])
    assert ordinary.result() == "plain"


def test_the_rest_is_freed_and_claimed_where_tasks_must_be_named(make_app: MakeApp) -> None:
    app, other = make_app(clock=None), make_app(clock=None)
    raw, strange = [], other.task(queue="hooks", name="strange")(lambda: "strange")

    @other.task(queue="hooks")
    def ours() -> None: ...

    raw.append(other.enqueue_raw("new", b"1", queue="hooks"))
    drain(other)
    assert raw[0].refresh().state is JobState.BLOCKED

    @app.task("*", raw=True, queue="hooks")
    def rest(item: RawJob) -> str:
        return item.body.decode()

    with app.worker(queues=["hooks"], poll_interval="100ms"):
        first = strange.enqueue()
        until(lambda: first.refresh().state is JobState.BLOCKED)  # from here on it names its tasks
        raw.append(other.enqueue_raw("new", b"2", queue="hooks"))
        raw.append(other.enqueue_raw("newer", b"3" * 2000, queue="hooks"))
        assert [job.result(timeout=20) for job in raw] == ["1", "2", "3" * 2000]
        assert first.refresh().state is JobState.BLOCKED
        assert first.record.attempt == 0
    with app.worker(poll_interval="100ms"):
        second = strange.enqueue()
        until(lambda: second.refresh().state is JobState.BLOCKED)
        assert other.enqueue_raw("new", b"4", queue="hooks").result(timeout=20) == "4"
    with app.worker(tasks=[rest]):
        assert other.enqueue_raw("new", b"5", queue="hooks").result(timeout=20) == "5"


def test_a_plain_job_of_a_raw_task_and_the_other_way_round(make_app: MakeApp) -> None:
    one, two = make_app(), make_app()

    @one.task(name="in")
    def plain(size: int = 0) -> None: ...

    @two.task("in", raw=True)
    def raw(item: RawJob) -> None: ...

    with pytest.raises(InvalidOption, match="no raw one"):
        one.enqueue_raw("in", b"")
    job = plain.enqueue(5)
    drain(two)
    assert job.refresh().reason == "invalid_arguments"
    job = raw.enqueue(b"x")
    drain(one)
    assert job.refresh().reason == "invalid_arguments"


def test_definitions_that_cannot_work(app: Holdfast) -> None:
    @app.task("*", raw=True, queue="a")
    def rest(item: RawJob) -> None: ...

    with pytest.raises(DuplicateTask):
        app.task("*", raw=True, queue="a")(lambda item: None)
    app.task("*", raw=True, queue="b")(lambda item: None)
    with pytest.raises(ConfigError, match=r"\(ctx, item\)"):
        app.task("x", raw=True)(lambda: None)
    with pytest.raises(ConfigError, match=r"\(ctx, item\)"):
        app.task("x", raw=True)(lambda ctx, item, more: None)
    with pytest.raises(ConfigError, match="name='x'"):
        app.task("x")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="name='x'"):
        app.task("x", raw=True, name="y")  # type: ignore[call-overload]


def test_in_a_set_with_retries_and_keys(make_app: MakeApp) -> None:
    tasks, app = TaskSet(), make_app()

    @tasks.task("in", raw=True, retry=3, key=lambda body, content_type, target: target["id"])
    def take(ctx: Context, item: RawJob) -> bytes:
        if ctx.job.attempt < 2:
            raise ValueError("again")
        return item.body

    app.include(tasks)
    job = take.enqueue(b"x", target={"id": "5"})
    assert job.record.raw is not None
    drain(app)
    assert job.refresh().attempt == 1
    assert job.record.raw is not None
