"""Each promise of docs/guarantees.md in one test, named by its number. tests/faults/ holds them under violence."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any

import pytest

from holdfast import Context, Holdfast, JobState, Limit, Retry
from holdfast.errors import DatabaseUnavailable, InvalidArguments, JobFailed, JobNotFound, OutcomeUnknown, WrongState
from holdfast.ids import new_id
from holdfast.model.job import ClaimedJob
from holdfast.model.lifecycle import Finish
from holdfast.storage.base import ConnectionLost
from holdfast.storage.ops.jobs import Ending, Held, Wanted, claim, end, lease_of
from holdfast.testing import Clock
from holdfast.testing.cluster import Cluster

HOUR = 3600.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_app(database_url: str) -> Iterator[Callable[..., Holdfast]]:
    made: list[Holdfast] = []

    def make(**settings: Any) -> Holdfast:
        made.append(Holdfast(database_url, migrate=True, **settings))
        return made[-1]

    yield make
    for app in made:
        app.close()


@pytest.fixture
def still(make_app: Callable[..., Holdfast], clock: Clock) -> Holdfast:
    """An app whose time only the test moves."""
    return make_app(clock=clock)


@pytest.fixture
def live(make_app: Callable[..., Holdfast]) -> Holdfast:
    """An app by the database's own clock, with short leases and looks."""
    return make_app(lease=1, poll_interval=0.05)


def take(app: Holdfast, number: int = 1, lease: float = 30.0) -> list[ClaimedJob]:
    """The claim of a worker of which nothing more is heard."""
    taken = app.store.run(claim(Wanted(new_id(), new_id(), lease, number)), "claim")
    assert len(taken) == number
    return taken


def finish(app: Holdfast, taken: ClaimedJob, result: str) -> Held:
    return app.store.run(end([Ending(lease_of(taken), Finish(JobState.SUCCEEDED, HOUR, result=result), 0.1)]))[0]


def until(true: Callable[[], object], seconds: float = 15.0) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.005)


# ---------------------------------------------------------------- storing


DIES_AFTER_ENQUEUE = """
import os, signal, sys
from holdfast import Holdfast
app = Holdfast(sys.argv[1])
@app.task
def greet(name: str) -> str: ...
ids = [job.id for job in app.enqueue_many([greet.call("a"), greet.call("b")])] + [greet.enqueue("c").id]
os.write(1, " ".join(ids).encode())
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_g1_stored_when_said(live: Holdfast, database_url: str) -> None:
    live.migrate()
    told = subprocess.run([sys.executable, "-c", DIES_AFTER_ENQUEUE, database_url], capture_output=True, check=False)
    ids = told.stdout.decode().split()
    assert len(ids) == 3, told.stderr.decode()
    assert [live.jobs.get(id).state for id in ids] == [JobState.READY] * 3  # type: ignore[union-attr]


def test_g1_all_of_many_or_none(live: Holdfast) -> None:
    @live.task
    def echo(value: Any) -> Any: ...

    with pytest.raises(InvalidArguments):
        live.enqueue_many([echo.call(1), echo.call(float("nan")), echo.call(3)])
    assert not live.jobs.count()


def test_g2_a_job_exists_if_the_callers_transaction_commits(live: Holdfast) -> None:
    @live.task
    def greet(name: str) -> str: ...

    live.migrate()
    made: list[str] = []

    def buy(amount: int) -> float:
        with live.transaction() as connection:
            made.append(greet.using(connection=connection).enqueue("Ada").id)
            return 1 / amount

    buy(1)
    with pytest.raises(ZeroDivisionError):
        buy(0)
    assert [live.jobs.get(id) is not None for id in made] == [True, False]

    def give_up(amount: int) -> float:
        with live.transaction() as connection:
            live.bind(connection).jobs.cancel(made[0])
            return 1 / amount

    states: list[JobState] = []
    for amount in (0, 1):
        with suppress(ZeroDivisionError):
            give_up(amount)
        states.append(live.jobs.get(made[0]).state)  # type: ignore[union-attr]
    assert states == [JobState.READY, JobState.CANCELLED]


def test_g3_an_answer_that_is_lost_is_asked_for_again(live: Holdfast) -> None:
    @live.task
    def greet(name: str) -> str: ...

    with losing_answers(live, times=1):
        job = greet.enqueue("Ada")
    assert [found.id for found in live.jobs.list()] == [job.id]


def test_g3_an_unknown_outcome_is_called_so(live: Holdfast) -> None:
    @live.task
    def greet(name: str) -> str: ...

    with losing_answers(live, times=1000), pytest.raises(OutcomeUnknown):
        greet.enqueue("Ada")
    assert len(live.jobs.list()) == 1
    with refusing(live), pytest.raises(DatabaseUnavailable):
        greet.enqueue("Ada")
    assert len(live.jobs.list()) == 1


# ---------------------------------------------------------------- running


def test_g4_one_end_that_nothing_changes(still: Holdfast) -> None:
    @still.task
    def greet(name: str) -> str:
        return name

    job = greet.enqueue("Ada")
    assert still.work_once().succeeded == 1
    ended = job.refresh()
    assert still.work_once().claimed == 0
    assert still.jobs.cancel(job.id) == ended
    for verb in (still.jobs.retry, still.jobs.resolve, still.jobs.fail):
        with pytest.raises(WrongState):
            verb(job.id)
    assert job.refresh() == ended
    assert still.jobs.retry(job.id, force=True).version == ended.version + 1


def test_g5_a_job_runs_until_it_has_ended(live: Holdfast) -> None:
    @live.task
    def greet(name: str) -> str:
        return name

    job = greet.enqueue("Ada")
    take(live, lease=1.0)
    taken_at = time.monotonic()
    with live.worker():
        assert job.result(timeout=10) == "Ada"
    assert 0.9 < time.monotonic() - taken_at < 5.0


def test_g6_no_two_valid_leases(still: Holdfast, clock: Clock) -> None:
    @still.task
    def greet(name: str) -> str: ...

    greet.enqueue("Ada")
    first = take(still, lease=30.0)[0]
    for _ in range(3):
        clock.advance("9s")
        still.do_duties()
        assert not still.store.run(claim(Wanted(new_id(), new_id(), 30.0, 1)), "claim")
    clock.advance("4s")
    still.do_duties()
    second = take(still)[0]
    assert (first.id, first.token + 1) == (second.id, second.token)


def test_g7_the_late_are_refused(still: Holdfast, clock: Clock) -> None:
    @still.task
    def greet(name: str) -> str: ...

    job = greet.enqueue("Ada")
    late = take(still)[0]
    clock.advance("31s")
    still.do_duties()
    prompt = take(still)[0]
    before = job.refresh()
    assert finish(still, late, '"late"') is Held.LOST
    assert job.refresh() == before
    assert finish(still, prompt, '"prompt"') is Held.DONE
    assert finish(still, late, '"late"') is Held.LOST
    assert job.refresh().result == "prompt"


def test_g8_attempts_are_counted_truly(still: Holdfast, clock: Clock) -> None:
    runs = count(1)

    @still.task(retry=Retry(attempts=3, backoff="constant", base=1, jitter=0))
    def fail() -> None:
        raise ValueError(next(runs))

    job = fail.enqueue()
    take(still)
    clock.advance("31s")
    for _ in range(5):
        still.work_once()
        clock.advance("2s")
    assert next(runs) == 4
    record = job.refresh()
    assert (record.state, record.attempt, record.max_attempts, record.crashes) == (JobState.FAILED, 3, 3, 1)
    assert [error.kind for error in record.errors] == ["crashed", "ValueError", "ValueError", "ValueError"]


def test_g8_an_end_after_a_rescue_counts_its_attempt(still: Holdfast, clock: Clock) -> None:
    @still.task
    def greet(name: str) -> str: ...

    job = greet.enqueue("Ada")
    late = take(still)[0]
    clock.advance("31s")
    still.do_duties()
    assert job.refresh().attempt == 0
    assert finish(still, late, '"late"') is Held.DONE
    assert (job.refresh().state, job.refresh().attempt) == (JobState.SUCCEEDED, 1)


def test_g9_the_third_crash_ends_a_job_and_those_beside_it_live(still: Holdfast, clock: Clock) -> None:
    @still.task
    def greet(name: str) -> str:
        return name

    poison = greet.enqueue("poison")
    beside = greet.enqueue("beside")
    for _ in range(2):
        take(still, 2)
        clock.advance("31s")
        still.do_duties()
    assert {job.refresh().state for job in (poison, beside)} == {JobState.SCHEDULED}
    assert not still.store.run(claim(Wanted(new_id(), new_id(), 30.0, 2)), "claim")
    clock.advance("11s")
    still.do_duties()
    taken = take(still, 1)[0]
    assert taken.id == poison.id
    clock.advance("31s")
    still.do_duties()
    record = poison.refresh()
    assert (record.state, record.reason, len(record.errors)) == (JobState.FAILED, "crashed", 3)
    assert still.work_once().succeeded == 1
    assert beside.refresh().state is JobState.SUCCEEDED


def test_g10_an_outage_is_no_crash(own_cluster: Cluster) -> None:
    app = Holdfast(own_cluster.create_database(), migrate=True, lease=1, poll_interval=0.05)

    @app.task
    async def nap(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    with app.worker():
        job = nap.enqueue(0.5)
        until(lambda: job.refresh().state is JobState.RUNNING)
        own_cluster.shut_down("immediate")
        time.sleep(1.5)
        own_cluster.start_again()
        assert job.result(timeout=20) == 0.5
        assert job.refresh().crashes == 0
        assert nap.enqueue(0).result(timeout=20) == 0
    app.close()


def test_g11_a_stop_costs_nothing(live: Holdfast) -> None:
    started = threading.Event()
    long = threading.Event()

    @live.task
    async def nap(ctx: Context) -> int:
        started.set()
        await asyncio.sleep(60 if long.is_set() else 0)
        return ctx.job.attempt

    async def work_and_stop() -> None:
        worker = live.worker()
        await worker.start()
        await asyncio.to_thread(started.wait, 10)
        await worker.stop(grace=0.1)

    long.set()
    job = nap.enqueue()
    asyncio.run(work_and_stop())
    record = job.refresh()
    assert (record.state, record.attempt, record.crashes, record.errors) == (JobState.READY, 0, 0, ())
    long.clear()
    with live.worker():
        assert job.result(timeout=10) == 1


def test_g12_unknown_tasks_wait(live: Holdfast, make_app: Callable[..., Holdfast]) -> None:
    newer = make_app(lease=1, poll_interval=0.05)

    @newer.task
    def novel() -> str:
        return "novel"

    @live.task
    def greet(name: str) -> str:
        return name

    unknown = novel.enqueue()
    with live.worker():
        assert [greet.enqueue("Ada").result(timeout=10) for _ in range(3)] == ["Ada"] * 3
        assert unknown.refresh().attempt == 0
        with newer.worker():
            assert unknown.result(timeout=10) == "novel"
    assert unknown.refresh().crashes == 0


def test_g13_no_row_is_poison(live: Holdfast, make_app: Callable[..., Holdfast]) -> None:
    older = make_app()

    @older.task(name="greet")
    def greet_before(anything: Any) -> str: ...

    @live.task
    def greet(name: str) -> str:
        return name

    odd = [greet_before.enqueue(value) for value in (None, [[]], {"a": {"b": [1]}}, "x" * 100_000, -(2**63))]
    with live.worker():
        assert greet.enqueue("Ada").result(timeout=10) == "Ada"
        for job in odd:
            with pytest.raises(JobFailed):
                job.result(timeout=10)
    assert {job.refresh().reason for job in odd} == {"invalid_arguments"}


def test_g14_in_order(still: Holdfast, clock: Clock) -> None:
    @still.task
    def greet(name: str) -> str: ...

    late = [greet.using(delay="2s").enqueue(f"late {n}") for n in range(2)]
    soon = [greet.using(delay="1s").enqueue(f"soon {n}") for n in range(2)]
    clock.advance("3s")
    now = [greet.enqueue(f"now {n}") for n in range(2)]
    high = [greet.using(priority=1).enqueue(f"high {n}") for n in range(2)]
    still.do_duties()
    expected = [job.id for job in (*high, *soon, *late, *now)]
    assert [job.id for job in take(still, 8)] == expected


def test_g15_not_before_its_time(still: Holdfast, clock: Clock) -> None:
    @still.task(retry=Retry(attempts=2, backoff="constant", base=60, jitter=0))
    def fail_once(ctx: Context) -> int:
        if ctx.job.attempt == 1:
            raise ValueError
        return ctx.job.attempt

    delayed = fail_once.using(delay="1h").enqueue()
    at = fail_once.using(run_at=datetime.fromtimestamp(clock.now().timestamp() + HOUR, UTC)).enqueue()
    clock.advance(HOUR - 0.001)
    assert still.work_once().claimed == 0
    clock.advance("1ms")
    assert still.work_once().retried == 2
    clock.advance("59.999s")
    assert still.work_once().claimed == 0
    clock.advance("1ms")
    assert still.work_once().succeeded == 2
    assert {job.refresh().state for job in (delayed, at)} == {JobState.SUCCEEDED}


def test_g16_cancelled_or_ended(live: Holdfast) -> None:
    ran: set[int] = set()

    @live.task
    async def note(n: int) -> int:
        ran.add(n)
        return n

    jobs = [note.enqueue(n) for n in range(200)]
    told: dict[int, JobState] = {}
    with live.worker(concurrency=5):
        for n in reversed(range(200)):
            was = live.jobs.cancel(jobs[n].id)
            told[n] = was.state
        until(lambda: all(job.refresh().state.finished for job in jobs))
    for n, job in enumerate(jobs):
        state = job.state
        assert state is (JobState.SUCCEEDED if told[n] is JobState.SUCCEEDED else state)
        assert state in (JobState.SUCCEEDED, JobState.CANCELLED)
        if told[n] is JobState.CANCELLED:
            assert state is JobState.CANCELLED
        if state is JobState.SUCCEEDED:
            assert n in ran
    waiting = note.enqueue(1000)
    assert live.jobs.cancel(waiting.id).state is JobState.CANCELLED
    with live.worker():
        assert note.enqueue(1001).result(timeout=10) == 1001
    assert 1000 not in ran


def test_g17_effects_in_one_commit(live: Holdfast) -> None:
    live.migrate()
    with live.transaction() as connection:
        connection.execute("drop table if exists effects")
        connection.execute("create table effects (n int)")

    @live.task(transaction=True)
    def write(ctx: Context, n: int, how: str) -> int:
        ctx.connection.execute(f"insert into effects values ({n})")
        if how == "raise":
            raise ValueError
        return n

    with live.worker():
        done, failed = write.enqueue(1, "return"), write.enqueue(2, "raise")
        assert done.result(timeout=10) == 1
        with pytest.raises(JobFailed):
            failed.result(timeout=10)
    with live.transaction() as connection:
        assert connection.execute("select n from effects").fetchall() == [(1,)]


def test_g18_nothing_disappears(still: Holdfast, clock: Clock) -> None:
    @still.task
    def maybe(n: int) -> int:
        if n % 2:
            raise ValueError
        return n

    still.enqueue_many([maybe.call(n) for n in range(20)])
    maybe.using(delay="1y").enqueue(0)
    still.work_once(batch=8)
    assert sum(still.jobs.count().values()) == 21
    still.work_once(batch=20)
    clock.advance("6d")
    still.do_duties()
    assert still.jobs.count() == {"scheduled": 1, "succeeded": 10, "failed": 10}
    clock.advance("8d")
    still.do_duties()
    assert still.jobs.count() == {"scheduled": 1, "failed": 10}


def test_g19_time_limits_hold(live: Holdfast) -> None:
    @live.task(timeout="100ms")
    async def nap() -> str:
        await asyncio.sleep(10)
        return "late"

    @live.task(timeout="100ms")
    def sleep() -> str:
        time.sleep(0.4)
        return "late"

    with live.worker():
        for job in (nap.enqueue(), sleep.enqueue()):
            with pytest.raises(JobFailed) as failed:
                job.result(timeout=10)
            assert failed.value.kind == "timeout"


# ---------------------------------------------------------------- around it


def test_g20_passwords_stay_out(caplog: pytest.LogCaptureFixture) -> None:
    secret = "correct-horse"
    caplog.set_level(logging.DEBUG)
    app = Holdfast(f"postgresql://ada:{secret}@127.0.0.1:1/shop?connect_timeout=1")

    @app.task
    def greet(name: str) -> str: ...

    with pytest.raises(DatabaseUnavailable) as refused:
        greet.enqueue("Ada")
    shown = [str(refused.value), repr(refused.value), repr(app), repr(app.store), caplog.text]
    chain: BaseException | None = refused.value
    while chain is not None:
        shown.append(str(chain))
        chain = chain.__cause__
    assert "127.0.0.1" in shown[0]
    assert secret not in " ".join(shown)


WRITES = """
import json, sys, time
from holdfast import Holdfast
app = Holdfast(sys.argv[1])
@app.task
def greet(name: str) -> str: ...
app.migrate()
waits = []
end_at = time.monotonic() + 0.7
while (began := time.monotonic()) < end_at:
    greet.enqueue("Ada")
    waits.append(time.monotonic() - began)
print(json.dumps(waits))
"""


def test_g21_many_processes_write_one_file(sqlite_url: str) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", WRITES, sqlite_url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    waits: list[list[float]] = []
    for process in started:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
        waits.append(json.loads(out))
    app = Holdfast(sqlite_url)
    assert app.jobs.count() == {"ready": sum(map(len, waits))}
    app.close()
    assert max(max(one) for one in waits) < 2.0


def test_g22_one_live_job_of_a_key(still: Holdfast) -> None:
    @still.task
    def work(n: int) -> int:
        return n

    def ask(number: int) -> list[str]:
        keyed = work.using(key="a").enqueue(number)
        cached = work.using(cache="1h").enqueue(7)
        return [keyed.id, cached.id]

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(ask, range(20)))
    assert len({tuple(answer) for answer in answers}) == 1
    assert still.jobs.count() == {"ready": 2}
    newer = work.using(key="a", on_conflict="replace").enqueue(99)
    assert still.jobs.count() == {"ready": 2}
    still.work_once()
    assert newer.result(timeout=10) == 99


@contextmanager
def connecting(app: Holdfast, connect: Callable[[Callable[[], Any]], Any]) -> Iterator[None]:
    """Let the lane that writes connect so, given its own way, and have 0.3 s of patience."""
    app.migrate()
    lane: Any = app.store._lanes["write"]  # type: ignore[attr-defined]
    own, patience = lane._connect, lane._patience
    lane._drop_session()
    lane._connect, lane._patience = partial(connect, own), lambda: 0.3
    try:
        yield
    finally:
        lane._connect, lane._patience = own, patience
        lane._drop_session()


def losing_answers(app: Holdfast, times: int) -> AbstractContextManager[None]:
    """The connection goes right after so many statements."""
    left = iter(range(times))

    def connect(own: Callable[[], Any]) -> Any:
        session = own()
        execute = session.execute

        def cut(name: str, rows: Any) -> Any:
            answer = execute(name, rows)
            if next(left, None) is not None:
                raise ConnectionLost(OSError("cut off"), in_doubt=True)
            return answer

        session.execute = cut
        return session

    return connecting(app, connect)


def refusing(app: Holdfast) -> AbstractContextManager[None]:
    """No connection can be had."""

    def connect(own: Callable[[], Any]) -> Any:
        raise DatabaseUnavailable("away")

    return connecting(app, connect)


def test_g23_each_instant_of_a_schedule_has_one_job(make_app: Callable[..., Holdfast]) -> None:
    clock = Clock(datetime(2026, 10, 24, 12, tzinfo=UTC))
    leaders = [make_app(clock=clock), make_app(clock=clock)]
    for app in leaders:

        @app.task(cron="30 2 * * *", tz="Europe/Oslo", catch_up="all")
        def nightly() -> None: ...

        app.declare_schedules()
    for _ in range(4):
        clock.advance("1d")
        for app in leaders:
            app.promote()
            app.declare_schedules()
    ticks = [job.tick for job in leaders[0].schedules.runs("nightly")]
    assert ticks == [
        datetime(2026, 10, 28, 1, 30, tzinfo=UTC),
        datetime(2026, 10, 27, 1, 30, tzinfo=UTC),
        datetime(2026, 10, 26, 1, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    ]
    assert leaders[0].jobs.count() == {"ready": 4}


def test_g24_never_more_than_the_limit(make_app: Callable[..., Holdfast]) -> None:
    apps = [make_app(), make_app()]
    lock, now, most, ran = threading.Lock(), [0], [0], list[int]()
    bodies: list[Any] = []
    for app in apps:

        @app.task(limit=Limit(concurrency=2, name="two"))
        def counted(number: int) -> None:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            time.sleep(0.01)
            with lock:
                now[0] -= 1

        @app.task(group="one")
        def ordered(number: int) -> None:
            ran.append(number)

        bodies.append((counted, ordered))
    jobs = [body.enqueue(number) for number in range(10) for pair in bodies for body in pair]
    with apps[0].worker(concurrency=5), apps[1].worker(concurrency=5):
        for job in jobs:
            job.result(timeout=20)
    assert most == [2]
    assert ran == [number for number in range(10) for _ in bodies]


def test_g25_a_tenant_sees_its_own(make_app: Callable[..., Holdfast]) -> None:
    app = make_app()

    @app.task
    def work() -> None: ...

    acme, beta = app.tenant("acme"), app.tenant("beta")
    (job,) = acme.enqueue_many([work.using(key="k").call()])
    assert beta.jobs.get(job.id) is None
    assert beta.jobs.get(key="k") is None
    with pytest.raises(JobNotFound, match=f"there is no job {job.id}"):
        beta.jobs.cancel(job.id)
    assert beta.jobs.count() == {}
    (other,) = beta.enqueue_many([work.using(key="k").call()])
    assert other.created
    assert other.id != job.id
    assert [one.tenant for one in acme.jobs.list()] == ["acme"]


def test_g26_a_queue_does_as_it_was_told(make_app: Callable[..., Holdfast]) -> None:
    apps = [make_app(), make_app()]
    lock, now, most, begun = threading.Lock(), [0], [0], list[float]()
    bodies: list[Any] = []
    for app in apps:

        @app.task(queue="told")
        def work(number: int) -> None:
            with lock:
                begun.append(time.monotonic())
                now[0] += 1
                most[0] = max(most[0], now[0])
            time.sleep(0.01)
            with lock:
                now[0] -= 1

        bodies.append(work)
    apps[0].queues.configure("told", concurrency=2)
    with apps[0].worker(concurrency=5), apps[1].worker(concurrency=5):
        jobs = apps[0].enqueue_many([bodies[0].call(number) for number in range(400)])
        until(lambda: len(begun) > 20)
        apps[1].queues.pause("told")
        answered = time.monotonic()
        time.sleep(1.5)
        assert max(begun) < answered + 1
        assert len(begun) < 400
        make_app().queues.resume("told")
        for job in jobs:
            job.result(timeout=30)
    assert most == [2]


def test_g27_one_after_another(still: Holdfast) -> None:
    ran: list[str] = []

    @still.task
    def step(name: str) -> None:
        ran.append(name)
        if name == "fails":
            raise ValueError

    first = step.enqueue("first")
    step.using(after=first).enqueue("second")
    fails = step.enqueue("fails")
    vain = step.using(after=fails).enqueue("vain")
    with still.batch("all", on_finish=step.call("last")) as batch:
        batch.enqueue_many([step.call("a"), step.call("b")])
    for _ in range(4):
        still.work_once(batch=100)
    assert ran.index("first") < ran.index("second")
    assert sorted(ran) == ["a", "b", "fails", "first", "last", "second"]
    assert ran[-1] == "last"
    assert (vain.refresh().state, vain.record.reason) == (JobState.CANCELLED, "dependency")


# ---------------------------------------------------------------- what fails here
