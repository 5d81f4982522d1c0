"""Keys: at most one live job of a queue has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from holdfast import Context, Holdfast, Job, JobState
from holdfast.errors import Busy, InvalidArguments, InvalidOption, JobCancelled, JobNotFound, KeyTaken, Superseded
from holdfast.storage.ops.jobs import Held, Wanted, claim, end, lease_of
from holdfast.testing import Clock, drain
from holdfast.testing.conformance.kit import error_entry, finish, requeue, take_one

Facts = Callable[[str], list[Any]]


def names(app: Holdfast) -> dict[str, int]:
    return {state: number for state, number in app.jobs.count().items() if number}


@pytest.fixture
def work(app: Holdfast) -> Any:
    def work(n: int, more: int = 0) -> int:
        return n

    return app.task(work)


def test_a_kept_key_answers_the_live_job(app: Holdfast, work: Any, facts: Facts) -> None:
    first = work.using(key="a").enqueue(1)
    second = work.using(key="a").enqueue(2)
    assert (first.created, second.created) == (True, False)
    assert second.id == first.id
    assert [event.job.id for event in facts("job.enqueued")] == [first.id]
    assert [event.job.id for event in facts("job.deduplicated")] == [first.id]
    assert names(app) == {"ready": 1}
    drain(app)
    assert second.result() == 1


def test_the_key_is_free_once_the_job_has_ended(app: Holdfast, work: Any) -> None:
    first = work.using(key="a").enqueue(1)
    drain(app)
    second = work.using(key="a").enqueue(2)
    assert second.created
    assert second.id != first.id
    app.jobs.cancel(second.id)
    assert work.using(key="a").enqueue(3).created


def test_keys_are_of_one_queue_and_tenant(work: Any) -> None:
    assert all(
        work.using(key="a", **options).enqueue(1).created for options in ({}, {"queue": "b"}, {"tenant": "acme"})
    )
    assert work.using(key="b").enqueue(1).created


def test_a_key_may_be_a_function_of_the_arguments(app: Holdfast) -> None:
    @app.task(key=lambda n, more: f"{n}-{more}")
    def work(n: int, more: int = 5) -> None: ...

    first = work.enqueue(1)
    assert first.record.key == "1-5"
    assert work.enqueue(1, more=5).id == first.id
    assert work.enqueue(1, 6).created


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (lambda n: f"{n}", "1"),
        (lambda more: f"{more}", "5"),
        (lambda more, n: f"{more}{n}", "51"),
        (lambda a, b: f"{a}{b}", "15"),
        (lambda *rest: f"{rest}", "(1, 5)"),
        (lambda n, **rest: f"{n}{rest}", "1{'more': 5}"),
        (lambda: "all", "all"),
        (lambda n, other="x": f"{n}{other}", "15"),
    ],
)
def test_a_key_function_may_leave_arguments_out(app: Holdfast, key: Any, found: str) -> None:
    @app.task(key=key)
    def work(n: int, more: int = 5) -> None: ...

    assert work.enqueue(1).record.key == found


def test_a_key_function_that_raises(app: Holdfast) -> None:
    @app.task(key=lambda n: n["x"])
    def work(n: int) -> None: ...

    with pytest.raises(InvalidOption, match="work: an option's function raised TypeError"):
        work.enqueue(1)
    assert names(app) == {}


def test_a_task_may_have_no_key_for_some_arguments(app: Holdfast) -> None:
    @app.task(key=lambda n: "one" if n else None)
    def work(n: int) -> None: ...

    assert [work.enqueue(0).created for _ in range(2)] == [True, True]
    assert [work.enqueue(1).created for _ in range(2)] == [True, False]


def test_replace_keeps_the_id_and_begins_anew(app: Holdfast, work: Any, clock: Clock) -> None:
    first = work.using(key="a", retry=3, priority=5, tags=["old"]).enqueue(1, more=1)
    clock.advance(5)
    second = work.using(key="a", on_conflict="replace", delay="1m", tags=["new"]).enqueue(2)
    assert (second.id, second.created, second.version) == (first.id, True, 2)
    record = second.record
    assert (record.version, record.state, record.args, record.tags) == (2, JobState.SCHEDULED, {"n": 2}, ("new",))
    assert (record.priority, record.max_attempts, record.attempt) == (0, 1, 0)
    assert (record.due_at - record.created_at).total_seconds() == 60
    with pytest.raises(Superseded) as caught:
        first.result(timeout=5)
    assert (caught.value.job.id, caught.value.job.version) == (second.id, 2)
    clock.advance(60)
    app.promote()
    drain(app)
    assert caught.value.job.result() == second.result() == 2


def test_replace_of_a_job_that_waits_for_its_next_attempt(app: Holdfast, clock: Clock) -> None:
    @app.task(key="a", retry=3, on_conflict="replace")
    def work(n: int) -> int:
        if n == 1:
            raise ValueError
        return n

    work.enqueue(1)
    drain(app)
    second = work.enqueue(2)
    record = second.record
    assert (record.state, record.attempt, record.errors, record.reason) == (JobState.READY, 0, (), None)
    drain(app)
    assert second.result() == 2


def hold(app: Holdfast) -> Any:
    return take_one(app.store)


def test_replace_while_the_old_one_runs(app: Holdfast, work: Any, facts: Facts) -> None:
    first = work.using(key="a").enqueue(1)
    held = hold(app)
    second, third = (work.using(key="a", on_conflict="replace", priority=n).enqueue(n) for n in (2, 3))
    assert (second.id, second.version, third.version) == (first.id, 2, 3)
    assert (third.record.state, third.record.args, third.record.version) == (JobState.RUNNING, {"n": 1}, 1)
    assert len(facts("job.enqueued")) == 3

    assert app.store.run(end([finish(held, result="1")])) == [Held.DONE]
    record = third.refresh()
    assert (record.state, record.version, record.args, record.priority) == (JobState.READY, 3, {"n": 3}, 3)
    assert app.store.run(end([finish(held, result="1")])) == [Held.DONE]
    assert third.refresh() == record
    assert first.result(timeout=5) == 1
    with pytest.raises(Superseded) as caught:
        second.result(timeout=5)
    assert caught.value.job.version == 3
    drain(app)
    assert third.result() == 3
    assert [(one.version, one.state) for one in app.jobs.list()] == [(3, "succeeded"), (1, "succeeded")]


def test_a_replaced_job_is_not_tried_again(app: Holdfast, work: Any) -> None:
    first = work.using(key="a", retry=5).enqueue(1)
    held = hold(app)
    second = work.using(key="a", on_conflict="replace").enqueue(2)

    op = end([requeue(held, JobState.SCHEDULED, reason="retry", delay=60.0, error=error_entry())])
    assert app.store.run(op) == app.store.run(op) == [Held.REPLACED]
    assert (second.refresh().state, second.record.args) == (JobState.READY, {"n": 2})
    with pytest.raises(Superseded) as caught:
        first.result(timeout=5)
    assert caught.value.job.version == 2
    old = app.jobs.list()[1]
    assert (old.version, old.state, old.reason, len(old.errors)) == (1, JobState.CANCELLED, "superseded", 1)


def test_a_cancel_gives_up_what_waits_as_well(app: Holdfast, work: Any) -> None:
    work.using(key="a").enqueue(1)
    held = hold(app)
    second = work.using(key="a", on_conflict="replace").enqueue(2)
    app.jobs.cancel(second.id)

    app.store.run(end([finish(held, JobState.CANCELLED, reason="explicit")]))
    with pytest.raises(JobCancelled):
        second.result(timeout=5)
    assert names(app) == {"cancelled": 1}


def test_merge(app: Holdfast, clock: Clock) -> None:
    @app.task(key="a", on_conflict=lambda live, new: {"ids": live["ids"] + new["ids"]}, delay="1m")
    def work(ids: list[int]) -> list[int]:
        return ids

    first = work.enqueue([1])
    clock.advance(10)
    second = work.enqueue([2])
    third = work.enqueue([3])
    assert (second.id, second.created, third.id) == (first.id, False, first.id)
    record = first.record
    assert (record.args, record.version) == ({"ids": [1, 2, 3]}, 1)
    assert (record.due_at - record.created_at).total_seconds() == 60
    clock.advance(50)
    app.promote()
    drain(app)
    assert first.result() == second.result() == [1, 2, 3]


def test_merge_while_it_runs(app: Holdfast) -> None:
    @app.task(key="a", on_conflict=lambda live, new: {"ids": live["ids"] + new["ids"]})
    def work(ids: list[int]) -> list[int]:
        return ids

    first = work.enqueue([1])
    held = hold(app)
    second, third = work.enqueue([2]), work.enqueue([3])

    app.store.run(end([finish(held, result="[1]")]))
    assert first.result(timeout=5) == [1]
    drain(app)
    assert third.result() == [1, 2, 3]
    with pytest.raises(Superseded):
        second.result(timeout=5)


def test_merge_by_name_puts_the_newer_arguments_over_the_older(app: Holdfast, work: Any) -> None:
    first = work.using(key="a").enqueue(1, more=1)
    work.using(key="a", on_conflict="merge").enqueue(2)
    assert first.record.args == {"n": 2, "more": 1}


@pytest.mark.parametrize("merged", [None, {"n": "x"}, {"more": 1}, {"x": 1}])
def test_a_merge_that_cannot_be_changes_nothing(app: Holdfast, work: Any, merged: Any) -> None:
    first = work.using(key="a").enqueue(1)
    with pytest.raises((InvalidOption, InvalidArguments)):
        work.using(key="a", on_conflict=lambda live, new: merged).enqueue(2)
    assert first.refresh().args == {"n": 1}


def test_reject(app: Holdfast, work: Any, facts: Facts) -> None:
    first = work.using(key="a").enqueue(1)
    with pytest.raises(KeyTaken) as caught:
        work.using(key="a", on_conflict="reject").enqueue(2)
    assert isinstance(caught.value.job, Job)
    assert caught.value.job.id == first.id
    (event,) = facts("job.refused")
    assert (event.job.id, event.task, event.details["why"]) == (first.id, "work", "key_taken")
    assert event.details["request"].args == '{"n":2}'
    assert names(app) == {"ready": 1}


def test_a_bulk_answers_each_in_its_place(app: Holdfast, work: Any) -> None:
    first = work.using(key="a").enqueue(1)
    rejecting, replacing = work.using(key="a", on_conflict="reject"), work.using(key="b", on_conflict="replace")
    jobs = app.enqueue_many(
        [work.call(0), rejecting.call(2), work.using(key="b").call(3), work.using(key="b").call(4), replacing.call(5),
         replacing.call(6), work.using(key="c").call(7)]
    )  # fmt: skip
    assert [job.created for job in jobs] == [True, False, True, False, True, True, True]
    assert isinstance(jobs[1].refused, KeyTaken)
    assert jobs[1].id == first.id
    with pytest.raises(KeyTaken):
        jobs[1].result()
    assert len({job.id for job in jobs[2:6]}) == 1
    assert (jobs[5].record.args, jobs[5].version) == ({"n": 6}, 3)
    assert names(app) == {"ready": 4}


async def test_async_too(app: Holdfast, work: Any) -> None:
    first = await work.using(key="a").aenqueue(1)
    second = await work.using(key="a").aenqueue(1)
    assert (second.id, second.created) == (first.id, False)
    with pytest.raises(KeyTaken):
        await work.using(key="a", on_conflict="reject").aenqueue(2)
    merged = await work.using(key="a", on_conflict="merge").aenqueue(3)
    assert (await merged.arefresh()).args == {"n": 3}
    third = await work.using(key="a", on_conflict="replace").aenqueue(4)
    with pytest.raises(Superseded):
        await first.aresult(timeout=5)
    assert third.version == 2


def test_large_arguments_are_replaced_and_merged(app: Holdfast) -> None:
    @app.task(key="a", on_conflict="replace")
    def work(text: str) -> int:
        return len(text)

    for size in (10, 5000, 3, 9000):
        job = work.enqueue("x" * size)
        assert len(job.refresh().args["text"]) == size
    merged = work.using(on_conflict=lambda live, new: {"text": live["text"] + new["text"]}).enqueue("y")
    assert len(merged.refresh().args["text"]) == 9001
    held = hold(app)
    again = work.enqueue("z" * 4000)

    app.store.run(end([finish(held)]))
    assert again.refresh().args == {"text": "z" * 4000}
    assert app.jobs.list()[1].args == {"text": "x" * 9000 + "y"}
    drain(app)
    assert again.result() == 4000


def test_claims_of_replaced_jobs(app: Holdfast, work: Any) -> None:
    """A worker that held an earlier version has no say about the newer one."""
    work.using(key="a").enqueue(1)
    held = hold(app)

    app.store.run(end([requeue(held, uncounted=True)]))
    second = work.using(key="a", on_conflict="replace").enqueue(2)
    assert app.store.run(end([finish(held)])) == [Held.LOST]
    (again,) = app.store.run(claim(Wanted("w", second.id, 30.0, 5)))
    assert lease_of(again) != lease_of(held)
    assert again.version == 2


def test_jobs_by_their_key(app: Holdfast, work: Any) -> None:
    keyed = work.using(key="a", queue="q")
    first = keyed.enqueue(1)
    assert app.jobs.get(queue="q", key="a") == first.refresh()
    assert app.jobs.get(key="a") is None
    assert app.jobs.cancel(queue="q", key="a").state is JobState.CANCELLED
    assert app.jobs.get(queue="q", key="a") == first.refresh()
    second = keyed.enqueue(2)
    assert app.jobs.get(queue="q", key="a") == second.refresh()
    assert app.jobs.delete(queue="q", key="a").id == second.id
    assert app.jobs.get(queue="q", key="a") == first.refresh()
    assert app.jobs.delete(queue="q", key="a").id == first.id
    assert app.jobs.get(queue="q", key="a") is None
    for verb in (app.jobs.cancel, app.jobs.delete):
        with pytest.raises(JobNotFound, match="no job with the key 'a' in queue 'q'"):
            verb(queue="q", key="a")


async def test_jobs_by_their_key_async(app: Holdfast, work: Any) -> None:
    first = await work.using(key="a").aenqueue(1)
    assert await app.jobs.aget(key="a") == await first.arefresh()
    assert (await app.jobs.acancel(key="a")).id == first.id
    assert (await app.jobs.adelete(key="a")).id == first.id
    assert await app.jobs.aget(key="a") is None


@pytest.mark.parametrize(
    "named", [{}, {"queue": "q"}, {"id": "x", "key": "a"}, {"key": ""}, {"key": 5}, {"key": "x" * 256}]
)
def test_what_names_no_job(app: Holdfast, named: Any) -> None:
    for verb in (app.jobs.get, app.jobs.cancel, app.jobs.delete):
        with pytest.raises(InvalidOption):
            verb(**named)


def test_a_retried_job_takes_its_key_again(app: Holdfast, work: Any) -> None:
    first = work.using(key="a").enqueue(1)
    app.jobs.cancel(first.id)
    assert app.jobs.retry(first.id).key == "a"
    assert work.using(key="a").enqueue(2).id == first.id
    app.jobs.cancel(first.id)
    second = work.using(key="a").enqueue(3)
    with pytest.raises(KeyTaken) as caught:
        app.jobs.retry(first.id)
    assert caught.value.job.id == second.id
    assert first.refresh().state is JobState.CANCELLED
    drain(app)
    app.jobs.retry(first.id)
    drain(app)
    assert first.result() == 1
    third = work.using(key="a").enqueue(4)
    with pytest.raises(KeyTaken):
        app.jobs.retry(first.id, force=True)
    assert third.refresh().state is JobState.READY


async def test_a_retry_whose_key_is_taken_async(app: Holdfast, work: Any) -> None:
    first = await work.using(key="a").aenqueue(1)
    await app.jobs.acancel(first.id)
    await work.using(key="a").aenqueue(2)
    with pytest.raises(KeyTaken):
        await app.jobs.aretry(first.id)


def test_what_is_told_of_jobs_that_are_replaced_while_they_run(app: Holdfast, facts: Facts) -> None:
    @app.task(key="a", retry=3, on_conflict="replace")
    def work(n: int) -> int:
        if n < 3:
            work.enqueue(n + 1)
        if n == 1:
            raise ValueError
        return n

    work.enqueue(1)
    drain(app)
    told = [(event.name, event.job.version, event.job.args, event.job.state) for event in facts("job.finished")]
    assert told == [
        ("job.finished", 1, {"n": 1}, "cancelled"),
        ("job.finished", 2, {"n": 2}, "succeeded"),
        ("job.finished", 3, {"n": 3}, "succeeded"),
    ]
    assert [(event.job.version, event.job.reason) for event in facts("job.cancelled")] == [(1, "superseded")]
    assert len(facts("job.attempt_failed")) == 1
    assert not facts("job.retried")
    assert [event.job.result for event in facts("job.succeeded")] == [2, 3]


def test_a_transactional_body_that_is_replaced(app: Holdfast, database_url: str) -> None:
    @app.task(key="a", on_conflict="replace", transaction=True)
    def work(ctx: Context, n: int) -> int:
        if n == 1:
            work.enqueue(2)
        ctx.connection.execute("create table if not exists done (n int)")
        ctx.connection.execute(f"insert into done values ({n})")
        return n

    first = work.enqueue(1)
    drain(app)
    assert first.result(timeout=5) == 1
    assert first.refresh().version == 2
    with app.transaction() as connection:
        assert sorted(connection.execute("select n from done").fetchall()) == [(1,), (2,)]
        connection.execute("drop table done")


def test_a_bulk_that_replaces_one_key_over_and_over(app: Holdfast, work: Any) -> None:
    jobs = app.enqueue_many([work.using(key="a", on_conflict="replace").call(n) for n in range(150)])
    assert [job.version for job in jobs] == list(range(1, 151))
    assert jobs[-1].record.args == {"n": 149}


def test_a_key_that_somebodys_transaction_holds(
    make_app: Any, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for, but not for ever, and jobs of other keys are not held up for as long."""
    app = make_app(url=postgres_url)

    @app.task
    def work(n: int) -> None: ...

    monkeypatch.setattr("holdfast.admission.BUSY_FOR", 0.1)
    with app.transaction() as connection:
        held = work.using(key="a", connection=connection).enqueue(1)
        with pytest.raises(Busy, match="nothing changed"):
            work.using(key="a").enqueue(2)
        assert work.using(key="b").enqueue(3).created
        work.enqueue(4)
    assert work.using(key="a").enqueue(5).id == held.id
