"""Many jobs as one."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from holdfast import Context, Holdfast
from holdfast.errors import BatchEnded, InvalidOption, JobNotFound, MisuseError, ResultTimeout
from holdfast.testing import Clock, drain

from .conftest import MakeApp


def tasks(app: Holdfast) -> tuple[Any, list[int]]:
    ran: list[int] = []

    @app.task
    def work(number: int) -> int:
        if number < 0:
            raise ValueError(number)
        ran.append(number)
        return number

    return work, ran


def test_counts_and_what_follows(app: Holdfast) -> None:
    work, ran = tasks(app)
    with app.batch("import", on_success=work.call(100), on_failure=work.call(101), on_finish=work.call(102)) as batch:
        jobs = batch.enqueue_many(work.call(number) for number in (1, 2, -3))
        assert batch.record.state == "open"
    assert (batch.record.state, batch.record.total, batch.record.left) == ("running", 3, 3)
    drain(app)
    found = batch.record
    assert (found.state, found.succeeded, found.failed, found.progress) == ("failed", 2, 1, 1.0)
    assert sorted(ran) == [1, 2, 101, 102]
    assert [job.refresh().state.value for job in batch.follow] == ["cancelled", "succeeded", "succeeded"]
    assert jobs[0].refresh().batch == batch.id
    assert batch.wait() == found


async def test_on_an_event_loop(app: Holdfast) -> None:
    from holdfast.testing.drain import adrain

    work, ran = tasks(app)
    async with app.batch("import", on_success=work.call(9)) as batch:
        await batch.aenqueue_many([work.call(1)])
        await work.using(batch=batch).aenqueue(2)
    await adrain(app)
    assert ran == [1, 2, 9]
    assert (await batch.await_(timeout=5)).state == "succeeded"
    again = await app.batches.aget(batch.id)
    assert again is not None
    assert (await again.arecord()).total == 2


def test_its_jobs_add_to_it(app: Holdfast) -> None:
    ran: list[int] = []

    @app.task
    def split(ctx: Context, depth: int) -> None:
        ran.append(depth)
        if depth:
            record = app.jobs.get(ctx.job.id)
            assert record is not None
            split.using(batch=record.batch).enqueue(depth - 1)
            split.using(batch=record.batch).enqueue(depth - 1)

    @app.task
    def last() -> None:
        ran.append(-1)

    with app.batch("tree", on_success=last.call()) as batch:
        batch.enqueue_many([split.call(3)])
    drain(app)
    assert len(ran) == 16
    assert ran[-1] == -1
    assert batch.record.total == 15


def test_its_jobs_wait_for_each_other(app: Holdfast) -> None:
    work, ran = tasks(app)
    with app.batch("steps", on_success=work.call(9)) as batch:
        first = work.call(1)
        batch.enqueue_many([work.call(2).after(first), first])
    drain(app)
    assert ran == [1, 2, 9]


def test_an_empty_one(app: Holdfast) -> None:
    work, ran = tasks(app)
    with app.batch("nothing", on_success=work.call(1)) as batch:
        pass
    drain(app)
    assert ran == [1]
    assert batch.record.state == "succeeded"


def test_cancelling(app: Holdfast, facts: Any) -> None:
    work, ran = tasks(app)
    with app.batch("stopped", on_success=work.call(1), on_finish=work.call(2)) as batch:
        jobs = batch.enqueue_many(work.call(number) for number in range(10, 20))
    batch.cancel()
    drain(app)
    assert ran == [2]
    assert batch.record.state == "cancelled"
    assert {event.job.id for event in facts("job.cancelled")} == {*(job.id for job in jobs), batch.follow[0].id}
    with pytest.raises(BatchEnded):
        batch.enqueue_many([work.call(3)])


def test_a_block_that_raises_cancels_it(app: Holdfast) -> None:
    work, ran = tasks(app)
    with suppress(ZeroDivisionError), app.batch("half", on_success=work.call(1)) as batch:
        batch.enqueue_many([work.call(2)])
        raise ZeroDivisionError
    drain(app)
    assert ran == []
    assert batch.record.state == "cancelled"


def test_events(app: Holdfast, facts: Any) -> None:
    work, _ = tasks(app)
    with app.batch("told") as batch:
        batch.enqueue_many([work.call(1), work.call(2)])
    drain(app)
    (finished,) = facts("batch.finished")
    assert (finished.batch.id, finished.batch.succeeded) == (batch.id, 2)
    assert all(event.batch.id == batch.id for event in facts("batch.progress"))


def test_in_the_callers_transaction(app: Holdfast) -> None:
    work, ran = tasks(app)
    with app.transaction() as connection:
        bound = app.bind(connection)
        with bound.batch("mine", on_success=work.call(9)) as batch:
            batch.enqueue_many([work.call(1), work.call(2)])
    drain(app)
    assert ran == [1, 2, 9]
    with suppress(ZeroDivisionError), app.transaction() as connection:
        undone = app.bind(connection).batch("undone", on_finish=work.call(10)).open()
        undone.enqueue_many([work.call(3)])
        raise ZeroDivisionError
    drain(app)
    assert ran == [1, 2, 9]
    assert app.batches.get(undone.id) is None
    assert app.batches.get(batch.id) is not None


def test_found_again_and_listed(app: Holdfast) -> None:
    work, ran = tasks(app)
    ids = []
    for number in range(3):
        with app.batch(f"b{number}") as batch:
            batch.enqueue_many([work.call(number)])
        ids.append(batch.id)
    assert [record.id for record in app.batches.list(limit=2)] == ids[:0:-1]
    assert [record.name for record in app.batches.list(after=ids[1])] == ["b0"]
    found = app.batches.get(ids[0])
    assert found is not None
    work.using(after=found).enqueue(9)
    found.enqueue_many([work.call(8)])
    drain(app)
    assert ran[-1] == 9


def test_waiting_has_an_end(app: Holdfast) -> None:
    batch = app.batch("open").open()
    with pytest.raises(ResultTimeout):
        batch.wait(timeout=0.05)


def test_bad_input(app: Holdfast) -> None:
    work, _ = tasks(app)
    with pytest.raises(InvalidOption):
        app.batch("")
    with pytest.raises(MisuseError, match="call"):
        app.batch("x", on_success=work)  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="follow"):
        app.batch("x", on_success=work.using(key="k").call(1)).open()
    with pytest.raises(JobNotFound, match="open"):
        _ = app.batch("never opened").record
    with pytest.raises(BatchEnded):
        work.using(batch=app.batch("never opened").id).enqueue(1)
    assert app.batches.list() == []
    assert drain(app).claimed == 0


def test_they_are_forgotten_after_a_month(app: Holdfast, clock: Clock) -> None:
    with app.batch("old") as batch:
        pass
    drain(app)
    clock.advance("31d")
    app.do_duties()
    assert app.batches.get(batch.id) is None


def test_a_thousand_jobs_and_one_that_follows(make_app: MakeApp) -> None:
    app = make_app(clock=None)
    work, ran = tasks(app)
    with app.worker(concurrency=20), app.batch("many", on_success=work.call(-0)) as batch:
        for start in range(1, 1001, 100):
            batch.enqueue_many(work.call(number) for number in range(start, start + 100))
        batch.close()
        assert batch.wait(timeout=40).succeeded == 1000
        batch.follow[0].result(timeout=20)
    assert ran.count(0) == 1
    assert sorted(ran) == list(range(1001))
