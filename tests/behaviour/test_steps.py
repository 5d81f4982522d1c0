"""Steps: done once, recorded, and replayed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from holdfast import Cancel, Context, Fail, Holdfast, JobState, Retry, RetryIn, patched, sleep, step
from holdfast.errors import InvalidOption, JobNotFound, LeaseLost, MisuseError, StepFailed, StepTimeout, WrongState
from holdfast.ids import new_id
from holdfast.testing import Clock, drain

from .support import until

NOW = Retry(attempts=9, backoff=0, jitter=0)


class Done(Counter[str]):
    """Counts what was done."""

    def do(self, what: str) -> str:
        self[what] += 1
        return what


class Song(BaseModel):
    title: str


def test_a_step_is_done_once_though_the_job_runs_again(app: Holdfast) -> None:
    done = Done()

    @app.task(retry=NOW)
    async def work(ctx: Context[Any], x: str) -> list[str]:
        first = await step(done.do, x)

        async def fetch(name: str) -> str:
            return done.do(name)

        second = await step("fetch", fetch, first + "b")
        done.do("body")
        if ctx.job.attempt < 3:
            raise ValueError
        return [first, second]

    job = work.enqueue("a")
    assert drain(app).succeeded == 1
    assert job.result() == ["a", "ab"]
    assert done == {"a": 1, "ab": 1, "body": 3}


def test_results_have_the_type_of_the_annotation_now_and_at_a_replay(app: Holdfast) -> None:
    seen: list[Any] = []

    def find(title: str) -> Song:
        return Song(title=title)

    def pair() -> tuple[int, str]:
        return 1, "a"

    def untyped():  # type: ignore[no-untyped-def]
        return (1, 2)

    @app.task(retry=NOW)
    async def work(ctx: Context[Any]) -> None:
        seen.append([await step(find, "x"), await step(pair), await step(untyped)])
        if ctx.job.attempt == 1:
            raise ValueError

    work.enqueue()
    drain(app)
    assert seen == [[Song(title="x"), (1, "a"), [1, 2]]] * 2


def test_steps_of_one_name_are_counted(app: Holdfast) -> None:
    done = Done()

    @app.task(retry=NOW)
    async def work(ctx: Context[Any]) -> list[str]:
        found = [await step("part", done.do, str(n)) for n in range(5)]
        if ctx.job.attempt == 1:
            raise ValueError
        return found

    job = work.enqueue()
    drain(app)
    assert job.result() == list("01234")
    assert set(done.values()) == {1}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_gathered_branches_never_swap(app: Holdfast, data: st.DataObject) -> None:
    """Branches of equal steps, nested, that wait and fail as chance has it: each replays what it did itself."""
    width = data.draw(st.integers(2, 4))
    pauses = st.lists(st.integers(0, 3), min_size=2 * width, max_size=2 * width)
    plans = [data.draw(pauses) for _ in range(3)]
    cut = [data.draw(st.integers(0, 2 * width)), data.draw(st.integers(0, 2 * width)), 99]
    done = Done()

    async def fetch(n: int) -> str:
        return done.do(f"page {n}")

    async def parse(page: str) -> str:
        return done.do(f"parsed {page}")

    @app.task(name=new_id(), retry=NOW)
    async def work(ctx: Context[Any]) -> list[Any]:
        plan, left = plans[ctx.job.attempt - 1], cut[ctx.job.attempt - 1]

        async def yields(times: int) -> None:
            for _ in range(times):
                await asyncio.sleep(0)

        async def branch(n: int) -> str:
            nonlocal left
            await yields(plan[2 * n])
            page = await step("fetch", fetch, n)
            left -= 1
            if left < 0:
                raise ValueError
            await yields(plan[2 * n + 1])
            inner = await asyncio.gather(step("parse", parse, page), step("parse", parse, page + "'"))
            return ", ".join(inner)

        return await asyncio.gather(*(branch(n) for n in range(width)))

    job = work.enqueue()
    drain(app)
    assert job.result() == [f"parsed page {n}, parsed page {n}'" for n in range(width)]
    assert all(done[f"page {n}"] == 1 for n in range(width))
    assert all(times <= 3 for times in done.values())


def test_a_failing_step_is_tried_again(app: Holdfast) -> None:
    tried: list[int] = []

    def flaky() -> int:
        tried.append(1)
        if len(tried) < 3:
            raise ValueError("not yet")
        return len(tried)

    @app.task
    async def work() -> int:
        return await step.using(backoff="1ms")(flaky)

    job = work.enqueue()
    drain(app)
    assert job.result() == 3


def failing(error: BaseException) -> Callable[[], None]:
    def broken() -> None:
        raise error

    return broken


def test_a_failure_is_recorded_and_raised_the_same_way_at_each_replay_of_its_attempt(live: Holdfast) -> None:
    from .support import vanish

    raised: list[Any] = []
    done = Done()

    def broken() -> None:
        done.do("broken")
        raise KeyError("no such song")

    @live.task(max_crashes=None)
    async def work(ctx: Context[Any]) -> str:
        try:
            await step.using(retry=1)(broken)
        except StepFailed as error:
            raised.append((type(error), error.step, error.kind, error.message, str(error)))
        if len(raised) == 1:
            raise LeaseLost  # as if this process had died here
        return "went on"

    job = work.enqueue()
    with live.worker(lease="1s", poll_interval="100ms"):
        until(lambda: job.refresh().state is JobState.SUCCEEDED)
    assert done["broken"] == 1
    assert raised[0] == raised[1]
    assert raised[0][1:4] == ("broken", "KeyError", "'no such song'")
    assert vanish is not None


def test_a_new_attempt_tries_failed_steps_anew_and_keeps_the_others(app: Holdfast) -> None:
    done = Done()

    def flaky(attempt: int) -> str:
        done.do("flaky")
        if done["flaky"] == 1:
            raise ValueError
        return "ok"

    @app.task(retry=NOW)
    async def work(ctx: Context[Any]) -> str:
        await step("before", done.do, "before")
        return await step.using(retry=1)("flaky", flaky, 0)

    job = work.enqueue()
    drain(app)
    assert job.result() == "ok"
    assert done == {"before": 1, "flaky": 2}


def test_what_a_step_may_be_told_of_its_tries(app: Holdfast) -> None:
    heard: list[Any] = []

    def broken() -> None:
        raise ValueError("x")

    def decide(tries: int, error: BaseException) -> bool | str:
        heard.append((tries, type(error)))
        return "1ms" if tries < 3 else False

    @app.task
    async def work() -> list[str]:
        told: list[str] = []
        for how in (
            step.using(retry=decide), step.using(retry=2, backoff=["1ms"]), step.using(retry=Retry(2, backoff="1ms")),
            step.using(retry=5, backoff=lambda tries, error: "1ms" if tries < 2 else None),
        ):  # fmt: skip
            try:
                await how("broken", broken)
            except StepFailed as error:
                told.append(error.kind)
        return told

    job = work.enqueue()
    drain(app)
    assert job.result() == ["ValueError"] * 4
    assert heard == [(1, ValueError), (2, ValueError), (3, ValueError)]


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_a_step_that_takes_too_long_is_stopped(app: Holdfast, kind: str) -> None:
    told = threading.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            told.set()

    def slow_thread(ctx: Context[Any]) -> None:
        until(lambda: ctx.cancelled)
        told.set()

    @app.task
    async def work() -> str:
        try:
            await step.using(timeout="50ms", retry=1)("slow", slow if kind == "async" else slow_thread)
        except TimeoutError as error:
            return error.message if isinstance(error, StepTimeout) else "?"
        return "?"

    job = work.enqueue()
    drain(app)
    assert job.result() == "it took longer than 0.05 s"
    assert told.wait(5)


def double(x: int) -> int:
    return 2 * x


def hang(x: int) -> None:
    time.sleep(60)


def die_of(x: int) -> None:
    raise ValueError(f"{x} is wrong")


@step.define(cpu=True)
def triple(x: int) -> int:
    return 3 * x


def test_a_step_in_a_process_of_its_own(app: Holdfast) -> None:
    cpu = step.using(cpu=True, retry=1)

    @app.task
    async def work() -> list[Any]:
        found: list[Any] = [await cpu(double, 4), await triple(2)]
        for function, how in ((die_of, cpu), (hang, step.using(cpu=True, retry=1, timeout="100ms"))):
            try:
                await how(function, 7)
            except StepFailed as error:
                found.append((error.kind, error.message))
        return found

    job = work.enqueue()
    drain(app)
    assert job.result() == [8, 6, ["ValueError", "7 is wrong"], ["timeout", "it took longer than 0.1 s"]]


def test_a_step_sees_its_context_and_logs_under_its_name(app: Holdfast) -> None:
    app_deps = {"a": 1}

    def look(ctx: Context[Any], x: int) -> tuple[str, int]:
        ctx.log.info("looking at %s", x)
        return ctx.job.task, x

    @app.task
    async def work() -> Any:
        return await step(look, 7)

    job = work.enqueue()
    drain(app)
    assert job.result() == ["work", 7]
    (line,) = job.logs()
    assert (line.message, line.step, line.attempt) == ("looking at 7", "look", 1)
    assert app_deps


def test_signals_of_a_step(app: Holdfast) -> None:
    tried: list[int] = []

    def later() -> str:
        tried.append(1)
        if len(tried) == 1:
            raise RetryIn("1ms")
        return "ok"

    @app.task(retry=3)
    async def ends(how: str) -> str:
        if how == "later":
            return await step(later)
        error: Exception = Cancel("enough") if how == "cancel" else Fail("never")
        await step("broken", failing(error))
        return "?"

    jobs = {how: ends.enqueue(how) for how in ("later", "cancel", "fail")}
    drain(app)
    assert {how: job.refresh().state.value for how, job in jobs.items()} == {
        "later": "succeeded",
        "cancel": "cancelled",
        "fail": "failed",
    }
    assert jobs["cancel"].record.reason == "enough"


def test_a_large_result_and_one_that_is_no_json_are_refused(app: Holdfast) -> None:
    def large() -> str:
        return "x" * (2**20 + 1)

    def odd() -> object:
        return object()

    @app.task
    async def work() -> list[str]:
        told: list[str] = []
        for function in (large, odd):
            try:
                await step.using(backoff="1ms")(function)
            except StepFailed as error:
                told.append(f"{error.kind}: {error.message}")
        return told

    job = work.enqueue()
    drain(app)
    first, second = job.result()
    assert first.startswith("InvalidResult: ")
    assert "store it elsewhere" in first
    assert second.startswith("InvalidResult: ")


def test_bad_use_is_told(app: Holdfast) -> None:
    async def nothing() -> None: ...

    async def nested() -> None:
        await step(nothing)

    told: list[str] = []

    @app.task
    async def work() -> None:
        for call in (
            lambda: step("name"),  # type: ignore[call-overload]
            lambda: step("", nothing),
            lambda: step("x", 5),  # type: ignore[call-overload]
            lambda: step(lambda: 1),
            lambda: step.using(timeout=0)(nothing),
            lambda: step.using(attempts=2),  # type: ignore[call-arg]
            lambda: step.using(retry=Retry(2), backoff=1),
        ):
            with pytest.raises(InvalidOption):
                await call()
        with pytest.raises(StepFailed, match="MisuseError: step within step nested"):
            await step.using(retry=1)(nested)
        told.append("all")

    job = work.enqueue()
    drain(app)
    assert told == ["all"], job.refresh().errors

    @app.task
    def plain() -> None:
        asyncio.run(nested())

    job = plain.enqueue()
    drain(app)
    assert job.refresh().errors[-1].kind == "MisuseError"
    assert "async body" in job.record.errors[-1].message
    with pytest.raises(MisuseError, match="none runs here"):
        asyncio.run(nested())


def test_a_defined_step_is_a_plain_call_elsewhere(app: Holdfast) -> None:
    done = Done()

    @step.define
    async def greet(name: str) -> str:
        return done.do(f"Hello, {name}")

    @step.define(name="louder", retry=2)
    def shout(text: str) -> str:
        return done.do(text.upper())

    assert asyncio.run(greet("Ada")) == "Hello, Ada"
    assert asyncio.run(shout("a")) == "A"
    assert shout.plain("b") == "B"
    done.clear()

    @app.task(retry=NOW)
    async def work(ctx: Context[Any]) -> str:
        text = await shout(await greet("Bob"))
        if ctx.job.attempt == 1:
            raise ValueError
        return text

    job = work.enqueue()
    drain(app)
    assert job.result() == "HELLO, BOB"
    assert set(done.values()) == {1}


def test_code_that_changed_is_found_before_any_effect_and_the_job_is_parked(app: Holdfast) -> None:
    done = Done()
    names = ["charge"]

    @app.task(retry=NOW)
    async def work(ctx: Context[Any]) -> None:
        try:
            await step(names[0], done.do, names[0])
        except Exception:
            done.do("swallowed")
        if ctx.job.attempt == 1:
            names[0] = "refund"
            raise ValueError

    job = work.enqueue()
    drain(app)
    assert done == {"charge": 1}
    record = job.refresh()
    assert (record.state, record.reason) == (JobState.BLOCKED, "nondeterminism")
    assert record.errors[-1].kind == "NonDeterminism"
    assert "- step charge\n+ step refund" in record.errors[-1].message
    assert record.attempt == 1, "it has spent no attempt"


def test_a_cancelled_job_starts_no_further_step(live: Holdfast) -> None:
    done = Done()
    inside = threading.Event()
    go_on = threading.Event()

    def first() -> None:
        inside.set()
        go_on.wait(10)

    @live.task
    async def work() -> None:
        try:
            await step(first)
        except BaseException:
            await step("second", done.do, "second")
            raise

    job = work.enqueue()
    with live.worker():
        assert inside.wait(10)
        live.jobs.cancel(job.id)
        until(lambda: job.refresh().state is JobState.CANCELLED)
        go_on.set()
    assert not done


def test_plain_jobs_pay_nothing_and_steps_share_their_writes(
    app: Holdfast, count_statements: Callable[[Holdfast], list[str]]
) -> None:
    @app.task
    async def plain() -> None: ...

    @app.task
    async def durable() -> None:
        for _ in range(3):
            await step(double, 2)

    app.enqueue_many([plain.call() for _ in range(100)])
    statements = count_statements(app)
    drain(app, concurrency=100)
    assert not {"step", "steps", "journal", "journal_get"} & set(statements)
    app.enqueue_many([durable.call() for _ in range(100)])
    statements.clear()
    drain(app, concurrency=100)
    counts = Counter(statements)
    assert counts["step"] <= 60, "300 steps of 100 jobs"
    assert counts["steps"] == counts["journal_get"] == counts["held"] == 0, "a first claim has nothing to read"


def test_pieces_are_forgotten_with_their_job(app: Holdfast, clock: Clock) -> None:
    @app.task(keep_succeeded="1d")
    async def work() -> int:
        return await step(double, 2)

    work.enqueue()
    drain(app)
    clock.advance("3d")
    app.do_duties()
    assert app.store.run(count_steps()) == 0


def count_steps() -> Any:
    from holdfast.storage.op import Op, one

    def steps(again: bool) -> Any:
        return len((yield one("journals_due", 1000)))

    return Op("count", steps)


def test_g28_a_recorded_step_is_not_done_again(app: Holdfast) -> None:
    done = Done()

    @app.task(retry=NOW)
    async def work(ctx: Context[Any]) -> list[str]:
        found = await asyncio.gather(*(step("part", done.do, str(n)) for n in range(3)))
        if ctx.job.attempt < 4:
            raise ValueError
        return found

    job = work.enqueue()
    drain(app)
    assert job.result() == ["0", "1", "2"]
    assert set(done.values()) == {1}


def test_what_was_recorded_is_listed_and_a_parked_job_released(app: Holdfast) -> None:
    names = ["charge"]

    @app.task(retry=NOW)
    async def work(ctx: Context[Any]) -> str:
        await asyncio.gather(step(names[0], double, 2), step("other", double, 3))
        if ctx.job.attempt == 1 and names[0] == "charge":
            names[0] = "refund"
            raise ValueError
        return "done"

    job = work.enqueue()
    drain(app)
    found = {(one.line, one.name): (one.state, one.result) for one in app.steps.list(job.id)}
    assert found == {("0", "charge"): ("done", 4), ("1", "other"): ("done", 6)}
    names[0] = "charge"
    app.steps.release(job.id)
    drain(app)
    assert job.result() == "done"
    with pytest.raises(WrongState, match="not parked"):
        app.steps.release(job.id)
    with pytest.raises(JobNotFound):
        app.steps.list(new_id())


def test_patched_code_goes_its_old_way_in_jobs_that_had_passed_it(app: Holdfast, clock: Clock) -> None:
    new_code: list[bool] = []
    ways: dict[str, list[str]] = {}  # by job: which of the two goes on first is nobody's promise

    @app.task
    async def work(which: str) -> None:
        way = "old"
        if new_code:
            way = "new" if await patched("tax") else "old"
        ways.setdefault(which, []).append(await step(way, str, way))
        await sleep("1h")
        if new_code:
            ways[which].append("again " + str(await patched("tax")))

    work.enqueue("before")
    drain(app)
    new_code.append(True)
    work.enqueue("after")
    drain(app)
    clock.advance("1h")
    drain(app, concurrency=1)
    assert ways == {"before": ["old", "old", "again False"], "after": ["new", "new", "again True"]}


def test_a_job_that_began_under_another_version_of_its_code_is_parked(app: Holdfast, clock: Clock) -> None:
    @app.task(version=1)
    async def work() -> None:
        await sleep("1h")

    job = work.enqueue()
    drain(app)
    work.version = "2"
    clock.advance("1h")
    drain(app)
    assert (job.refresh().state, job.record.reason) == (JobState.BLOCKED, "nondeterminism")
    assert "version 1" in job.record.errors[-1].message
    work.version = "1"
    app.steps.release(job.id)
    drain(app)
    assert job.refresh().state is JobState.SUCCEEDED


def test_a_fork_begins_with_what_was_done_before_a_step(app: Holdfast) -> None:
    done = Done()

    @app.task
    async def work(amount: int) -> str:
        await step("look", done.do, "look")
        return await step("charge", done.do, f"charge {amount}")

    job = work.enqueue(5)
    drain(app)
    other = app.steps.fork(job.id, before="charge", args={"amount": 7})
    drain(app)
    record = app.jobs.get(other)
    assert record is not None
    assert record.result == "charge 7"
    assert done == {"look": 1, "charge 5": 1, "charge 7": 1}
    with pytest.raises(InvalidOption, match="no step"):
        app.steps.fork(job.id, before="refund")
