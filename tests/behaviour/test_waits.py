"""Waiting in the middle of a body: sleeps, children, other jobs. Each scenario with its body parked, replayed, or
either as chance has it."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from holdfast import Context, Holdfast, JobState, Retry, cancel, gather, invoke, sleep, step, wait_for
from holdfast.errors import (
    InvalidOption,
    JobCancelled,
    JobFailed,
    JobNotFound,
    MisuseError,
    WaitTimeout,
)
from holdfast.ids import new_id
from holdfast.testing import Clock, drain
from holdfast.worker import parking

from .support import until

NOW = Retry(attempts=9, backoff=0, jitter=0)


class Done(Counter[str]):
    def do(self, what: str) -> str:
        self[what] += 1
        return what


@pytest.fixture(params=["parked", "replayed", "either"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What becomes of the bodies of waiting jobs."""
    if request.param == "replayed":
        monkeypatch.setattr(parking, "CAP", 0)
    if request.param == "either":
        park, chance = parking.Parking.park, random.Random(7)

        def sometimes(self: parking.Parking, held: Any, verdict: Any) -> None:
            park(self, held, verdict)
            if chance.random() < 0.5:
                self.drop(held.job.id)

        monkeypatch.setattr(parking.Parking, "park", sometimes)
    return str(request.param)


@pytest.fixture
def work(live: Holdfast, how: str) -> Holdfast:
    return live


def ran(app: Holdfast, *jobs: Any) -> None:
    """Run a worker until these jobs have ended."""
    with app.worker(concurrency=4, poll_interval="100ms"):
        until(lambda: all(job.refresh().state.finished for job in jobs))


def test_sleeps_pass_by_the_databases_clock_and_survive_everything(app: Holdfast, clock: Clock) -> None:
    done = Done()

    @app.task
    async def remind() -> list[str]:
        first = await step("a", done.do, "a")
        await sleep("30d")
        second = await step("b", done.do, "b")
        await sleep(clock.now() + timedelta(hours=1))
        await sleep(0)
        return [first, second]

    job = remind.enqueue()
    for state, at in (("suspended", "29d"), ("suspended", "1d"), ("suspended", "59m"), ("suspended", "1m")):
        drain(app)
        assert job.refresh().state.value == state
        assert job.record.attempt == 0, "a wait spends no attempt"
        clock.advance(at)
    drain(app)
    assert job.result() == ["a", "b"]
    assert done == {"a": 1, "b": 1}
    assert job.refresh().attempt == 1


def test_a_sleeping_job_holds_no_slot(live: Holdfast, how: str) -> None:
    entered: list[int] = []

    @live.task
    async def nap(n: int) -> int:
        entered.append(n)
        await sleep("300ms")
        return n

    jobs = live.enqueue_many([nap.call(n) for n in range(30)])
    with live.worker(concurrency=2, poll_interval="100ms"):
        until(lambda: len(set(entered)) == 30)
        until(lambda: all(job.refresh().state.finished for job in jobs))
    assert [job.result() for job in jobs] == list(range(30))
    if how == "parked":
        assert len(entered) == 30, "the usual way on needs no replay"


def test_gathered_sleeps_and_steps(work: Holdfast) -> None:
    done = Done()

    async def slow() -> str:
        await asyncio.sleep(0.1)
        return done.do("slow")

    @work.task
    async def body() -> list[Any]:
        async def line(n: int) -> str:
            await sleep(0.05 * n)
            return await step("part", done.do, f"part {n}")

        return await asyncio.gather(line(3), line(1), step(slow), line(2))

    job = body.enqueue()
    ran(work, job)
    assert job.result() == ["part 3", "part 1", "slow", "part 2"]
    assert set(done.values()) == {1}


def test_a_child_is_run_once_and_its_result_is_typed(work: Holdfast) -> None:
    done = Done()

    @work.task
    async def child(n: int) -> tuple[int, str]:
        return n, done.do(f"child {n}")

    @work.task
    async def parent() -> list[Any]:
        first = await child.invoke(1)
        others = await gather(*(child.using(priority=5).invoke(n) for n in range(2, 6)), limit=2)
        return [type(first).__name__, first, await invoke(child, 9), others]

    job = parent.enqueue()
    ran(work, job)
    assert job.result() == ["tuple", [1, "child 1"], [9, "child 9"], [[n, f"child {n}"] for n in range(2, 6)]]
    assert set(done.values()) == {1}
    assert work.jobs.count() == {"succeeded": 7}


def test_with_one_slot_a_parent_waits_for_its_children(work: Holdfast) -> None:
    @work.task
    async def down(n: int) -> int:
        return 0 if n == 0 else 1 + await down.invoke(n - 1)

    job = down.enqueue(4)
    with work.worker(concurrency=1, poll_interval="100ms"):
        until(lambda: job.refresh().state.finished)
    assert job.result() == 4


def test_what_becomes_of_a_child_is_told(work: Holdfast) -> None:
    @work.task
    async def broken(how: str) -> None:
        if how == "hang":
            await sleep("1h")
        raise KeyError("no such song")

    @work.task(retry=1)
    async def parent() -> list[str]:
        told: list[str] = []
        try:
            await broken.invoke("fail")
        except JobFailed as error:
            told.append(f"{error.kind}: {error.message}")
        try:
            await invoke.using(timeout="200ms")(broken, "hang")
        except WaitTimeout:
            told.append("late")
        job = await broken.using(delay="1h").aenqueue("x")
        told.append((await cancel(job)).value)
        try:
            await wait_for(job)
        except JobCancelled as error:
            told.append(error.reason)
        return told

    job = parent.enqueue()
    ran(work, job)
    assert job.result() == ["KeyError: 'no such song'", "late", "scheduled", "explicit"]


def test_another_job_is_waited_for(work: Holdfast) -> None:
    go = threading.Event()

    @work.task
    def other() -> list[int]:
        go.wait(10)
        return [1, 2]

    @work.task
    async def waits(id: str) -> list[Any]:
        state = await wait_for(id, "running", timeout="10s")
        go.set()
        found = await wait_for(id)
        return [state, found, await wait_for(id, "finished")]

    job = waits.enqueue(other.enqueue().id)
    ran(work, job)
    assert job.result() == ["running", [1, 2], "succeeded"]


def test_jobs_are_stored_once_however_often_the_body_runs(work: Holdfast) -> None:
    @work.task
    async def child(n: int) -> int:
        return n

    @work.task(retry=NOW)
    async def parent(ctx: Context[Any]) -> list[str]:
        first = await child.aenqueue(1)
        await sleep("50ms")
        second = await child.aenqueue(2)
        third = await work.aenqueue_many([child.call(3), child.using(key="k").call(4)])
        if ctx.job.attempt < 3:
            raise ValueError
        return [first.id, second.id, *(job.id for job in third)]

    job = parent.enqueue()
    ran(work, job)
    until(lambda: work.jobs.count() == {"succeeded": 5})
    assert len(set(job.result())) == 4


def test_a_job_that_recorded_nothing_stores_its_jobs_once_too(app: Holdfast) -> None:
    @app.task
    async def child(n: int) -> int:
        return n

    @app.task(retry=NOW)
    async def parent(ctx: Context[Any]) -> list[str]:
        found = [(await child.aenqueue(n)).id for n in (1, 1, 2)]
        if ctx.job.attempt < 3:
            raise ValueError
        return found

    job = parent.enqueue()
    drain(app)
    assert len(set(job.result())) == 3
    assert app.jobs.count() == {"succeeded": 4}


def test_children_are_their_parents_tenants(app: Holdfast) -> None:
    @app.task
    async def child() -> None: ...

    @app.task
    async def parent() -> str:
        await sleep("1ms")
        return (await child.aenqueue()).id

    job = parent.using(tenant="acme").enqueue()
    drain(app)
    drain(app)
    assert job is not None


def test_a_step_that_is_to_be_tried_much_later_gives_its_slot_back(app: Holdfast, clock: Clock) -> None:
    tried: list[int] = []

    def flaky() -> str:
        tried.append(1)
        if len(tried) < 3:
            raise ValueError
        return "ok"

    @app.task
    async def work() -> str:
        return await step.using(backoff="10m")(flaky)

    job = work.enqueue()
    for n in (1, 2):
        drain(app)
        assert (job.refresh().state, len(tried)) == (JobState.SUSPENDED, n)
        clock.advance("11m")
    drain(app)
    assert job.result() == "ok"


def test_an_evicted_body_runs_its_finally_and_records_nothing(app: Holdfast, clock: Clock) -> None:
    done = Done()
    seen: list[Any] = []

    @app.task
    async def work(ctx: Context[Any]) -> str:
        try:
            await sleep("1h")
        finally:
            seen.append((ctx.evicted, ctx.cancelled))
            try:
                await step("undo", done.do, "undo")
            except BaseException as error:
                seen.append(type(error).__name__)
                raise
        return "done"

    job = work.enqueue()
    drain(app)
    assert seen == [(True, False), "JobStopped"]
    assert not done
    assert job.refresh().state is JobState.SUSPENDED
    clock.advance("1h")
    drain(app)
    assert job.result() == "done"
    assert done == {"undo": 1}
    assert seen[2:] == [(False, False)]


def test_a_waiting_job_is_cancelled_at_once(live: Holdfast) -> None:
    done = Done()

    @live.task
    async def work() -> None:
        await sleep("1h")
        await step("after", done.do, "after")

    job = work.enqueue()
    with live.worker():
        until(lambda: job.refresh().state is JobState.SUSPENDED)
        assert live.jobs.cancel(job.id).state is JobState.CANCELLED
    assert not done


def test_a_line_that_awaits_something_else_is_cut_off(live: Holdfast) -> None:
    """A second is what it gets; it begins anew when the job goes on."""
    done = Done()

    @live.task
    async def work() -> str:
        async def foreign() -> str:
            done.do("foreign")
            await asyncio.sleep(30 if done["foreign"] == 1 else 0)
            return "came"

        found, _ = await asyncio.gather(foreign(), sleep("1500ms"))
        return found

    job = work.enqueue()
    with live.worker(poll_interval="100ms"):
        until(lambda: job.refresh().state is JobState.SUSPENDED)
        assert done["foreign"] == 1
    ran(live, job)
    assert job.result() == "came"


def test_bad_use_is_told(app: Holdfast) -> None:
    told: list[str] = []

    @app.task(group="g")
    async def child() -> None: ...

    @app.task(group="g")
    async def work(ctx: Context[Any]) -> None:
        for call in (
            lambda: sleep("soon"),
            lambda: wait_for(ctx.job.id),
            lambda: wait_for("x"),
            lambda: wait_for(new_id(), "gone"),
            lambda: invoke(5),  # type: ignore[arg-type]
            lambda: gather(limit=0),
            lambda: cancel(ctx.job.id),
        ):
            with pytest.raises(InvalidOption):
                await call()
        with pytest.raises(JobNotFound):
            await wait_for(new_id())
        with pytest.raises(MisuseError, match="group g"):
            await child.invoke()
        told.append("all")

    job = work.enqueue()
    drain(app)
    assert told == ["all"], job.refresh().errors

    @app.task(transaction=True)
    async def effects(ctx: Context[Any]) -> None:
        await sleep("1h")

    job = effects.enqueue()
    drain(app)
    assert "transaction" in job.refresh().errors[-1].message
    for call in (lambda: sleep(1), lambda: wait_for(new_id()), lambda: child.invoke(), lambda: gather()):
        with pytest.raises(MisuseError):
            asyncio.run(call())


def test_a_failed_child_is_run_anew_by_a_new_attempt(app: Holdfast, clock: Clock) -> None:
    done = Done()

    @app.task
    async def child() -> str:
        if done.do("child") and done["child"] == 1:
            raise ValueError
        return "ok"

    @app.task(retry=NOW)
    async def parent() -> str:
        return await child.invoke()

    job = parent.enqueue()
    for _ in range(9):
        drain(app)
        if job.refresh().state.finished:
            break
        clock.advance("1m")
    assert job.result() == "ok"
    assert done == {"child": 2}


def test_an_answer_of_somebody_else_is_waited_for(live: Holdfast, how: str) -> None:
    """What pipes build on."""
    from holdfast.durable.answers import wait_answered
    from holdfast.running import line_here, run_of
    from holdfast.storage.ops.waking import Answered, answer, waits_for

    @live.task
    async def asks() -> list[Any]:
        line = line_here("ask")
        told: list[Any] = [await wait_answered(run_of(line), line, "approval", "topic", "m", 30.0)]
        try:
            await wait_answered(run_of(line), line, "approval", "topic", "m", 0.2)
        except WaitTimeout:
            told.append("late")
        return told

    job = asks.enqueue()
    with live.worker(poll_interval="100ms"):
        until(lambda: job.refresh().state is JobState.SUSPENDED)
        ((piece,),) = live.store.run(waits_for([("default", "topic")]))
        assert live.store.run(answer([Answered(piece, "done", '"yes"')])) == ([True], [])
        until(lambda: job.refresh().state.finished)
    assert job.result() == ['"yes"', "late"]


def test_it_is_told_that_a_job_waits_and_goes_on(work: Holdfast) -> None:
    heard: list[tuple[str, Any]] = []
    work.on("*", lambda event: heard.append((event.name, event.job and event.job.state)))

    @work.task
    async def nap() -> None:
        await sleep("50ms")

    ran(work, nap.enqueue())
    names = [name for name, _ in heard if name in ("job.suspended", "job.resumed", "job.succeeded")]
    assert names == ["job.suspended", "job.resumed", "job.succeeded"]
    assert ("job.suspended", JobState.SUSPENDED) in heard


def test_a_job_that_is_no_child_wakes_who_waits_for_it(live: Holdfast, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once: nobody looks again by itself here."""
    monkeypatch.setattr("holdfast.durable.waits.OFTEN", 1000.0)
    monkeypatch.setattr("holdfast.durable.waits.SELDOM", 1000.0)
    app = live

    @app.task
    async def slow() -> str:
        await sleep("1s")
        return "slow"

    @app.task
    async def watcher(id: str) -> Any:
        return await wait_for(id)

    @app.task
    def plain() -> str:
        time.sleep(0.3)  # the other is suspended meanwhile
        return "plain"

    jobs: list[Any] = []
    with app.worker(concurrency=4, poll_interval="50ms"):
        for task in (slow, plain):
            other = task.enqueue()
            jobs.append(watcher.enqueue(other.id))
        assert [job.result(timeout=20) for job in jobs] == ["slow", "plain"]
    later = slow.using(delay="1h").enqueue()
    job = watcher.enqueue(later.id)
    drain(app)
    app.jobs.resolve(later.id, "by hand")
    drain(app)
    assert job.result(timeout=5) == "by hand"
