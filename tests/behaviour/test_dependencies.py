"""Jobs that wait for others, as a user sees them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from holdfast import Context, Holdfast, JobState
from holdfast.errors import DependencyCycle, InvalidOption, JobCancelled, JobNotFound
from holdfast.testing import Clock, drain

from .conftest import MakeApp
from .support import until


def counting(app: Holdfast) -> tuple[Any, list[int]]:
    ran: list[int] = []

    @app.task
    def work(number: int) -> int:
        if number < 0:
            raise ValueError(number)
        ran.append(number)
        return number

    return work, ran


def test_one_after_another(app: Holdfast) -> None:
    work, ran = counting(app)
    first = work.enqueue(1)
    second = work.using(after=first).enqueue(2)
    third = work.using(after=[first.record, second.id]).enqueue(3)
    assert (third.state, third.record.reason) == (JobState.BLOCKED, "dependency")
    assert third.record.after == (first.id, second.id)
    drain(app)
    assert ran == [1, 2, 3]
    assert third.refresh().after == (first.id, second.id)


async def test_also_on_event_loops(app: Holdfast) -> None:
    from holdfast.testing.drain import adrain

    work, ran = counting(app)
    first = await work.aenqueue(1)
    await work.using(after=first).aenqueue(2)
    await adrain(app)
    assert ran == [1, 2]


def test_in_one_bulk(app: Holdfast, count_statements: Any) -> None:
    work, ran = counting(app)
    first = work.call(1)
    second = work.call(2).after(first)
    jobs = app.enqueue_many([work.call(3).after(first, second), second, first])
    assert jobs[0].record.after == (jobs[2].id, jobs[1].id)
    drain(app)
    assert ran == [1, 2, 3]


def test_in_vain(app: Holdfast, facts: Any) -> None:
    work, ran = counting(app)
    first = work.enqueue(-1)
    second = work.using(after=first).enqueue(2)
    third = work.using(after=second).enqueue(3)
    rescue = work.using(after=first, when="failed").enqueue(4)
    finally_ = work.using(after=[first, second], when="finished").enqueue(5)
    drain(app)
    assert sorted(ran) == [4, 5]
    assert [job.refresh().state.value for job in (second, third, rescue, finally_)] == [
        "cancelled", "cancelled", "succeeded", "succeeded",
    ]  # fmt: skip
    with pytest.raises(JobCancelled, match="dependency"):
        third.result(timeout=5)
    assert {event.job.id for event in facts("job.cancelled")} == {second.id, third.id}
    assert [event.job.id for event in facts("job.finished")].count(third.id) == 1


def test_a_retry_is_waited_for(app: Holdfast, clock: Clock) -> None:
    tries: list[int] = []

    @app.task(retry=2)
    def flaky() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError

    work, ran = counting(app)
    work.using(after=flaky.enqueue()).enqueue(1)
    drain(app)
    assert ran == []
    clock.advance("1h")
    drain(app)
    assert ran == [1]


def test_bad_input_stores_nothing(app: Holdfast) -> None:
    work, ran = counting(app)
    unknown = "0190163d-8694-79b5-8c1d-4f0e2a7b6c5d"
    with pytest.raises(JobNotFound, match=unknown):
        app.enqueue_many([work.call(1), work.call(2).after(unknown)])
    for wrong in (5, "x", [work], [None]):
        with pytest.raises(InvalidOption):
            work.using(after=wrong)
    with pytest.raises(InvalidOption, match="when must be"):
        work.using(after=unknown, when="sometimes")
    with pytest.raises(InvalidOption, match="give after, too"):
        work.using(when="finished")
    with pytest.raises(InvalidOption, match="not there"):
        work.using(after=work.call(1)).enqueue(2)
    with pytest.raises(InvalidOption, match="more than once"):
        app.enqueue_many([(first := work.call(1)), first, work.call(2).after(first)])
    with pytest.raises(InvalidOption, match="another job may answer"):
        app.enqueue_many([(keyed := work.using(key="k").call(1)), work.call(2).after(keyed)])
    with pytest.raises(InvalidOption, match="debounce"):
        app.enqueue_many([work.using(debounce="1s").call(1).after(unknown)])
    with pytest.raises(InvalidOption, match="1000"):
        app.enqueue_many([work.call(2).after(*(f"0190163d-8694-79b5-8c1d-{n:012x}" for n in range(1001)))])
    with pytest.raises(InvalidOption, match="using"):
        app.task(after=unknown)(lambda: None)  # type: ignore[call-overload]
    assert drain(app).claimed == 0
    assert ran == []


def test_rings_are_refused(app: Holdfast) -> None:
    work, ran = counting(app)
    first = work.using(key="a").enqueue(1)
    second = work.using(after=first).enqueue(2)
    with pytest.raises(DependencyCycle, match="nothing was stored"):
        work.using(key="a", on_conflict="replace", after=second).enqueue(3)
    drain(app)
    assert ran == [1, 2]


def test_in_the_callers_transaction(app: Holdfast) -> None:
    work, ran = counting(app)
    first = work.enqueue(1)
    with app.transaction() as connection:
        second = work.using(connection=connection, after=first).enqueue(2)
        bound = app.bind(connection)
        third = bound.enqueue_many([work.call(3).after(second)])[0]
        found = bound.jobs.get(third.id)
        assert found is not None
        assert (found.state, found.reason) == (JobState.BLOCKED, "dependency")
    drain(app)
    assert ran == [1, 2, 3]


def test_undone_with_it(app: Holdfast) -> None:
    work, ran = counting(app)
    first = work.enqueue(1)
    undone = rolled_back(app, lambda connection: work.using(connection=connection, after=first).enqueue(2))
    assert app.jobs.get(undone.id) is None
    with app.transaction() as connection:
        with pytest.raises(JobNotFound):
            work.using(connection=connection, after="0190163d-8694-79b5-8c1d-4f0e2a7b6c5d").enqueue(3)
        work.using(connection=connection).enqueue(4)
    drain(app)
    assert ran == [1, 4]


def rolled_back(app: Holdfast, do: Callable[[Any], Any]) -> Any:
    found: Any = None
    with suppress(ZeroDivisionError), app.transaction() as connection:
        found = do(connection)
        raise ZeroDivisionError
    return found


def test_effects_in_one_commit(make_app: MakeApp) -> None:
    """The child is stored, and who waits is let go, by the commit that ends the body."""
    app = make_app(clock=None)
    work, ran = counting(app)

    @app.task(transaction=True)
    def parent(ctx: Context) -> None:
        child = work.using(connection=ctx.connection).enqueue(1)
        work.using(connection=ctx.connection, after=[child, ctx.job.id]).enqueue(2)

    last = work.using(after=parent.enqueue()).enqueue(3)
    with app.worker():
        until(lambda: len(ran) == 3)
    assert ran.index(1) < ran.index(2)
    assert last.result(timeout=5) == 3


def test_cancels_and_batches_are_seen_to_within_a_second(make_app: MakeApp) -> None:
    app = make_app(clock=None)
    work, _ = counting(app)
    with app.worker(), app.batch("all", on_success=work.call(9)) as batch:
        batch.enqueue_many([work.call(1), work.call(2)])
        first = work.enqueue(-1)
        second = work.using(after=first).enqueue(3)
        batch.close()
        assert batch.wait(timeout=20).state == "succeeded"
        assert batch.follow[0].result(timeout=20) == 9
        with pytest.raises(JobCancelled):
            second.result(timeout=20)


def test_many_workers(make_app: MakeApp) -> None:
    """Hundreds of jobs in layers, each after two of the layer before, run by several workers at once."""
    apps = [make_app(clock=None) for _ in range(3)]
    order: list[tuple[int, int]] = []
    for each in apps:

        @each.task(name="place")
        def place(layer: int, number: int) -> None:
            order.append((layer, number))

    app = apps[0]
    task: Any = app.kept().get("place")
    layers = [[task.enqueue(0, number) for number in range(20)]]
    workers = [each.worker(concurrency=8, poll_interval=0.1) for each in apps]
    for worker in workers:
        worker.__enter__()
    try:
        for layer in range(1, 8):
            before = layers[-1]
            layers.append([task.using(after=[before[n], before[n - 1]]).enqueue(layer, n) for n in range(20)])
        for job in layers[-1]:
            job.result(timeout=40)
    finally:
        for worker in workers:
            worker.__exit__(None, None, None)
    assert len(order) == len(set(order)) == 160
    place_of = {each: at for at, each in enumerate(order)}
    for layer, number in order:
        if layer:
            assert place_of[layer, number] > place_of[layer - 1, number]
            assert place_of[layer, number] > place_of[layer - 1, (number - 1) % 20]


def test_with_a_group_a_limit_and_a_delay(app: Holdfast, clock: Clock) -> None:
    ran: list[str] = []

    @app.task(group="one")
    def grouped(name: str) -> None:
        ran.append(name)

    first = grouped.enqueue("a")
    grouped.using(after=first).enqueue("c")
    grouped.using(after=first, delay="1m").enqueue("d")
    grouped.enqueue("b")
    drain(app)
    assert sorted(ran) == ["a", "b", "c"]
    clock.advance("2m")
    drain(app)
    assert ran[-1] == "d"


def test_retried_by_hand(app: Holdfast) -> None:
    fails = [True]
    ran: list[int] = []

    @app.task
    def work(number: int) -> None:
        if fails[0]:
            raise ValueError
        ran.append(number)

    first = work.enqueue(1)
    second = work.using(after=first).enqueue(2)
    drain(app)
    fails[0] = False
    app.jobs.retry(first.id)
    assert app.jobs.retry(second.id).state is JobState.BLOCKED
    drain(app)
    assert ran == [1, 2]


def test_plain_jobs_pay_nothing(app: Holdfast, count_statements: Any) -> None:
    from holdfast.storage.ops.jobs import end
    from holdfast.testing.conformance.kit import finish, take_one

    work, _ = counting(app)
    work.enqueue(0)
    first = take_one(app.store)
    statements = count_statements(app)
    app.store.run(end([finish(first)]))
    assert [name for name in statements if name != "notify"] == ["finish"]


def test_what_waiting_costs(app: Holdfast, count_statements: Any) -> None:
    from holdfast.storage.ops.jobs import end
    from holdfast.testing.conformance.kit import finish, take_one

    work, _ = counting(app)
    first = work.enqueue(0)
    statements = count_statements(app)
    work.using(after=first).enqueue(1)
    assert [name for name in statements if name != "notify"] == ["waited", "enqueue", "hold", "wait", "watch"]
    held = take_one(app.store)
    statements.clear()
    app.store.run(end([finish(held)]))
    assert [name for name in statements if name != "notify"] == [
        "finish", "held", "unwatch", "finish", "waits_ended", "wait_lock", "waits_left", "release",
    ]  # fmt: skip
    assert drain(app).succeeded == 1


def test_a_bulk_of_many_costs_few_statements(app: Holdfast, count_statements: Any) -> None:
    work, ran = counting(app)
    calls = [work.call(0)]
    for number in range(1, 500):
        calls.append(work.call(number).after(calls[number // 2]))
    statements = count_statements(app)
    app.enqueue_many(calls)
    assert [name for name in statements if name != "notify"] == ["enqueue", "hold", "wait", "watch"]
    drain(app)
    assert sorted(ran) == list(range(500))


def test_an_open_transaction_holds_up_nobody(postgres_url: str, make_app: MakeApp) -> None:
    """What is waited for in it runs and ends meanwhile. (On SQLite it is the one writer.)"""
    app = make_app(url=postgres_url)
    work, ran = counting(app)
    first = work.enqueue(1)
    with psycopg.connect(postgres_url) as connection:
        waiting = work.using(connection=connection, after=first).enqueue(2)
        drain(app)
        assert ran == [1]
        connection.commit()
    drain(app)
    assert ran == [1, 2]
    assert waiting.refresh().state is JobState.SUCCEEDED
