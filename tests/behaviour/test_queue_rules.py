"""Queues that are paused, limited or have defaults: as an app says so, and as workers heed it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from holdfast import Holdfast, JobState, Retry
from holdfast.errors import InvalidOption, JobFailed
from holdfast.storage.ops import queues as ops
from holdfast.testing import Clock, drain

from .conftest import MakeApp
from .support import Level, auntil, until

Facts = Callable[[str], list[Any]]


def test_paused_and_resumed(app: Holdfast, clock: Clock, facts: Facts) -> None:
    @app.task(queue="mail")
    def send(n: int) -> int:
        return n

    said = app.queues.pause("mail", by="ann")
    assert (said.paused, said.paused_at, said.paused_by) == (True, clock.now(), "ann")
    job = send.enqueue(1)
    assert drain(app).claimed == 0
    clock.advance(60)
    assert app.queues.pause("mail", by="bob") == said, "it stays as it was paused first"
    assert app.queues.get("mail") == said
    assert drain(app).claimed == 0
    assert app.queues.resume("mail").paused is False
    assert app.queues.resume("mail").paused is False
    assert drain(app).claimed == 1
    assert job.result() == 1
    ((paused,), (resumed,)) = facts("queue.paused"), facts("queue.resumed")
    assert (paused.queue, paused.details["by"], resumed.queue) == ("mail", "ann", "mail")


async def test_the_same_on_a_loop(app: Holdfast) -> None:
    assert (await app.queues.apause("q")).paused
    assert (await app.queues.aconfigure("q", concurrency=3, rate="10/s")).rate == 0.1
    assert (await app.queues.aget("q")).concurrency == 3
    assert [queue.name for queue in await app.queues.alist()] == ["q"]
    assert (await app.queues.aresume("q")).paused is False
    assert (await app.queues.astats("q")).counts[JobState.READY] == 0


def test_who_paused_it_is_known_without_being_told(app: Holdfast) -> None:
    assert "@" in (app.queues.pause("q").paused_by or "")


def test_in_the_callers_transaction(app: Holdfast, facts: Facts) -> None:
    app.migrate()

    def pause_and_fail() -> None:
        with app.transaction() as connection:
            app.bind(connection).queues.pause("q")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pause_and_fail()
    assert not app.queues.get("q").paused
    with app.transaction() as connection:
        app.bind(connection).queues.pause("q")
    assert app.queues.get("q").paused
    assert facts("queue.paused") == []


def test_what_is_said_survives_and_what_is_not_said_stays(app: Holdfast, make_app: MakeApp) -> None:
    app.queues.configure("q", display_name="Mail", concurrency=3, rate="2/s", retry=4, keep_failed="90d")
    app.queues.configure("q", keep_succeeded=0)
    app.close()
    found = make_app().queues.get("q")
    assert (found.display_name, found.concurrency, found.rate, found.retry) == ("Mail", 3, 0.5, Retry(4))
    assert (found.keep_succeeded, found.keep_failed) == (0.0, 90 * 86400.0)
    cleared = make_app().queues.configure("q", display_name=None, rate=None, retry=None, keep_succeeded=None)
    assert (cleared.display_name, cleared.concurrency, cleared.rate, cleared.retry) == (None, 3, None, None)


@pytest.mark.parametrize(
    "what",
    [
        {}, {"concurrency": 0}, {"concurrency": True}, {"concurrency": "3"}, {"rate": 0}, {"rate": "often"},
        {"keep_failed": "soon"}, {"keep_succeeded": -1}, {"retry": 0}, {"retry": lambda attempt, error: 1.0},
        {"retry": Retry(3, give_up_on=ValueError)}, {"display_name": ""}, {"display_name": "a\x00"},
    ],
)  # fmt: skip
def test_what_cannot_be_said_changes_nothing(app: Holdfast, what: dict[str, Any]) -> None:
    app.queues.configure("q", concurrency=2)
    before = app.queues.get("q")
    with pytest.raises(InvalidOption):
        app.queues.configure("q", **what)
    assert app.queues.get("q") == before
    for verb in (app.queues.pause, app.queues.resume, app.queues.get, app.queues.stats):
        with pytest.raises(InvalidOption):
            verb("")
    with pytest.raises(InvalidOption):
        app.queues.pause("q", by="")


def test_a_limited_queue_is_drained_all_the_same(app: Holdfast) -> None:
    level = Level()

    @app.task(queue="q")
    async def work() -> None:
        with level.inside():
            await asyncio.sleep(0.001)

    app.queues.configure("q", concurrency=2)
    for _ in range(7):
        work.enqueue()
    assert drain(app, concurrency=5).succeeded == 7
    assert level.most == 2


def test_defaults_of_a_queue_and_who_is_above_them(make_app: MakeApp) -> None:
    app = make_app(defaults={"retry": 9, "keep_failed": "1d"})
    app.queues.configure("q", retry=Retry(3, base=0), keep_failed="90d")

    @app.task(queue="q")
    def silent() -> None:
        raise ValueError

    @app.task(queue="q", retry=1)
    def told() -> None:
        raise ValueError

    jobs = [
        silent.enqueue(),
        told.enqueue(),
        silent.using(keep_failed="2d").enqueue(),
        silent.using(queue="p").enqueue(),
    ]
    assert jobs[0].refresh().max_attempts == 9, "it is given them when it begins"
    drain(app)
    found = [job.refresh() for job in jobs]
    assert [record.max_attempts for record in found] == [3, 1, 3, 9]
    assert [record.attempt for record in found[:3]] == [3, 1, 3]
    assert [record.keep_failed / 86400 for record in found] == [90, 90, 2, 1]
    assert [record.state for record in found] == ["failed", "failed", "failed", "scheduled"]


def test_a_worker_learns_of_a_pause_and_of_its_end(make_app: MakeApp) -> None:
    app, ops_desk = make_app(clock=None, poll_interval=60), make_app(clock=None)
    ran: list[float] = []

    @app.task(queue="q")
    async def work() -> None:
        ran.append(time.monotonic())
        await asyncio.sleep(0.001)

    stop = threading.Event()

    def feed() -> None:
        while not stop.is_set():
            app.enqueue_many([work.call() for _ in range(20)])
            time.sleep(0.01)

    feeder = threading.Thread(target=feed)
    with app.worker(concurrency=5):
        feeder.start()
        until(lambda: len(ran) > 200)
        ops_desk.queues.pause("q")
        answered = time.monotonic()
        time.sleep(2)
        assert [at - answered for at in ran if at > answered + 1] == []
        count = len(ran)
        ops_desk.queues.resume("q")
        until(lambda: len(ran) > count + 100, 5)
        stop.set()
        feeder.join()


@pytest.mark.parametrize("queues", [None, ["q", "p"], {"q": 5, "p": None}])
def test_a_pause_while_a_claim_is_made(live: Holdfast, queues: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker has read that nothing is said, and claims; before it begins what it took, the queue is paused."""
    ran: list[str] = []

    @live.task(queue="q")
    def work() -> None:
        ran.append("q")

    @live.task(queue="p")
    def other() -> None:
        ran.append("p")

    from holdfast.worker import rulebook

    claim = rulebook.Rulebook.claim
    paused = threading.Event()

    async def claim_and_pause(self: Any, *asked: Any) -> Any:
        jobs = await claim(self, *asked)
        if any(job.queue == "q" for job in jobs) and not paused.is_set():
            await live.queues.apause("q")
            paused.set()
        return jobs

    monkeypatch.setattr(rulebook.Rulebook, "claim", claim_and_pause)
    monkeypatch.setattr(rulebook, "FRESH", 0.0)
    with live.worker(queues, concurrency=5):
        job = work.enqueue()
        assert paused.wait(10)
        other.enqueue().result(timeout=10)
        until(lambda: job.refresh().state is JobState.READY)
        assert ran == ["p"]
        assert (job.refresh().attempt, job.refresh().crashes) == (0, 0)
        live.queues.resume("q")
        job.result(timeout=10)


async def test_what_was_taken_ahead_of_a_paused_queue_goes_back(make_app: MakeApp) -> None:
    live, ops_desk = make_app(clock=None), make_app(clock=None)
    hold, held = asyncio.Event(), asyncio.Event()
    ran: list[int] = []

    @live.task(queue="q")
    async def quick(n: int) -> None:
        ran.append(n)

    @live.task(queue="q")
    async def gate() -> None:
        held.set()
        await hold.wait()

    await live.aenqueue_many([quick.call(n) for n in range(100)])
    async with live.worker(concurrency=1):
        await auntil(lambda: len(ran) == 100)
        jobs = await live.aenqueue_many([gate.call(), *[quick.call(n) for n in range(5)]])
        await held.wait()
        await ops_desk.queues.apause("q")
        await asyncio.sleep(1)
        hold.set()
        await jobs[0].aresult(timeout=20)
        await asyncio.sleep(0.2)
        assert len(ran) == 100
        assert {job.refresh().state for job in jobs[1:]} == {JobState.READY}
        await ops_desk.queues.aresume("q")
        for job in jobs[1:]:
            await job.aresult(timeout=20)
        assert {job.refresh().attempt for job in jobs} == {1}


@pytest.mark.parametrize("queues", [None, ["q", "p"], {"q": 8, "p": None}])
def test_several_workers_share_a_limit(make_app: MakeApp, queues: Any) -> None:
    level = Level()
    apps = [make_app(clock=None) for _ in range(3)]
    tasks = []
    for app in apps:

        @app.task(queue="q", name="work")
        async def work() -> None:
            with level.inside():
                await asyncio.sleep(0.005)

        @app.task(queue="p", name="free")
        async def free() -> None:
            await asyncio.sleep(0)

        tasks.append((work, free))
    apps[0].queues.configure("q", concurrency=3)
    jobs = apps[0].enqueue_many([call for _ in range(60) for call in (tasks[0][0].call(), tasks[0][1].call())])
    workers = [app.worker(queues, concurrency=8) for app in apps]
    for worker in workers:
        worker.__enter__()
    try:
        for job in jobs:
            job.result(timeout=30)
    finally:
        for worker in workers:
            worker.__exit__(None, None, None)
    assert level.total == 60
    assert level.most == 3


def test_a_worker_goes_on_as_soon_as_a_place_is_free(make_app: MakeApp) -> None:
    """Nobody rings at the end of a job, and this worker looks once a minute by itself."""
    app = make_app(clock=None, poll_interval=60)

    @app.task(queue="q")
    async def work() -> None:
        await asyncio.sleep(0.01)

    app.queues.configure("q", concurrency=1)
    with app.worker(concurrency=5):
        jobs = app.enqueue_many([work.call() for _ in range(20)])
        began = time.monotonic()
        jobs[-1].result(timeout=30)
        assert time.monotonic() - began < 8


def test_a_pace_is_kept_by_several_workers(make_app: MakeApp) -> None:
    starts: list[float] = []
    apps = [make_app(clock=None, poll_interval=60) for _ in range(2)]
    for app in apps:

        @app.task(queue="q", name="work")
        async def work() -> None:
            starts.append(time.monotonic())

    apps[0].queues.configure("q", rate="10/s")
    with apps[0].worker(concurrency=5), apps[1].worker(concurrency=5):
        began = time.monotonic()
        for job in apps[0].enqueue_many([work.call() for _ in range(12)]):
            job.result(timeout=30)
    assert len(starts) == 12
    assert max(starts) - began >= 1.1


def test_a_limit_set_at_run_time_holds(make_app: MakeApp) -> None:
    app = make_app(clock=None)
    level = Level()
    late = Level()
    slow = threading.Event()

    @app.task(queue="q")
    async def work(strict: bool) -> None:
        with (late if strict else level).inside():
            await asyncio.sleep(0.02)

    with app.worker(concurrency=10):
        for job in app.enqueue_many([work.call(False) for _ in range(30)]):
            job.result(timeout=30)
        assert level.most > 2
        app.queues.configure("q", concurrency=2)
        slow.wait(1.0)
        for job in app.enqueue_many([work.call(True) for _ in range(30)]):
            job.result(timeout=30)
        assert late.most <= 2
        app.queues.configure("q", concurrency=None)
        slow.wait(1.0)
        late.most = 0
        for job in app.enqueue_many([work.call(True) for _ in range(30)]):
            job.result(timeout=30)
        assert late.most > 2


def test_a_failed_attempt_waits_by_the_rule_of_its_queue(app: Holdfast, clock: Clock) -> None:
    app.queues.configure("q", retry=Retry(2, backoff="5m", jitter=0))

    @app.task(queue="q")
    def fails() -> None:
        raise ValueError

    job = fails.enqueue()
    drain(app)
    record = job.refresh()
    assert (record.state, record.max_attempts) == (JobState.SCHEDULED, 2)
    assert (record.due_at - clock.now()).total_seconds() == pytest.approx(300, abs=1)
    clock.advance("6m")
    drain(app)
    with pytest.raises(JobFailed):
        job.result()


def test_a_list_of_queues(app: Holdfast) -> None:
    @app.task(queue="b")
    def work() -> None: ...

    work.enqueue()
    app.queues.configure("a", display_name="The first")
    assert [(queue.name, queue.display_name) for queue in app.queues.list()] == [("a", "The first"), ("b", None)]


def test_counts(app: Holdfast, monkeypatch: pytest.MonkeyPatch) -> None:
    @app.task(queue="q")
    def work(n: int) -> None: ...

    app.enqueue_many([work.call(n) for n in range(5)])
    assert app.queues.stats("q").counts[JobState.READY] == 5
    found = app.store.run(ops.stats("q", most=3))
    assert found.shown("ready") == "3+"
    drain(app)
    assert app.queues.stats("q").counts == {**dict.fromkeys(JobState, 0), JobState.SUCCEEDED: 5}


# What it costs


def test_where_nothing_is_said_claims_are_plain(
    app: Holdfast, count_statements: Callable[[Holdfast], list[str]]
) -> None:
    @app.task
    async def work() -> None: ...

    app.enqueue_many([work.call() for _ in range(500)])
    statements = count_statements(app)
    drain(app, concurrency=100)
    counts = Counter(statements)
    assert counts["queue_rules"] <= 1 + counts["claim"] / 10
    assert not {"queue_lock", "queues_ready", "claim_capped", "restate"} & set(counts)


def test_a_queue_with_defaults_alone_is_claimed_from_plainly(
    app: Holdfast, count_statements: Callable[[Holdfast], list[str]]
) -> None:
    @app.task(queue="q")
    async def work() -> None: ...

    app.queues.configure("q", keep_failed="90d")
    app.enqueue_many([work.call() for _ in range(10)])
    statements = count_statements(app)
    drain(app, concurrency=100)
    counts = Counter(statements)
    assert counts["restate"] >= 1
    assert not {"queue_lock", "queues_ready", "claim_capped"} & set(counts)


def test_what_a_limited_queue_costs(app: Holdfast, count_statements: Callable[[Holdfast], list[str]]) -> None:
    from holdfast.storage.ops import queues, ruled
    from holdfast.testing.conformance.kit import add, job, wanted

    app.queues.configure("q", concurrency=5, rate="1000/s")
    add(app.store, *(job(queue="q") for _ in range(5)))
    statements = count_statements(app)
    rules = app.store.run(queues.rules())
    assert len(app.store.run(ruled.claim(wanted(queues=("q", "p")), rules, 5)).jobs) == 5
    told = [name for name in statements if name != "notify"]
    assert told == ["queue_rules", "turn_lines", "queue_lock", "queue_running", "claim_capped", "queue_started"]
    statements.clear()
    app.store.run(ruled.claim(wanted(queues=("p",)), rules, 5))
    assert [name for name in statements if name != "notify"] == ["claim_queues"]
