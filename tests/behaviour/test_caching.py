"""One run for one input: the live job is joined, its success is given again for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from holdfast import Cache, Holdfast, JobState
from holdfast.errors import InvalidOption, JobFailed
from holdfast.testing import Clock, drain

Facts = Callable[[str], list[Any]]
Count = Callable[[Holdfast], list[str]]


@pytest.fixture
def work(app: Holdfast) -> Any:
    ran: list[Any] = []

    def work(a: Any, b: Any = None, *, c: Any = None) -> Any:
        ran.append(a)
        if a == "fail":
            raise ValueError
        return a

    task: Any = app.task(cache="1d")(work)
    task.ran = ran
    return task


def test_a_live_job_is_joined_and_its_success_is_given_again(app: Holdfast, work: Any, facts: Facts) -> None:
    first = work.enqueue({"x": 1, "y": [2]})
    second = work.enqueue(a={"y": [2], "x": 1})
    assert (second.id, second.created) == (first.id, False)
    drain(app)
    third = work.enqueue({"x": 1, "y": [2]})
    assert (third.id, third.created) == (first.id, False)
    assert third.result() == {"x": 1, "y": [2]}
    assert len(work.ran) == 1
    assert len(facts("job.deduplicated")) == 2
    assert len(facts("job.enqueued")) == 1


def test_another_input_is_another_job(work: Any) -> None:
    assert len({work.enqueue(*args).id for args in ((1,), (2,), ("1",), (1, 2), ([1],), (None,))}) == 6
    assert work.using(tenant="acme").enqueue(1).created
    assert work.using(queue="other").enqueue(1).id == work.enqueue(1).id


def test_the_cache_ends(app: Holdfast, work: Any, clock: Clock) -> None:
    first = work.enqueue(1)
    drain(app)
    clock.advance("23h 59m")
    assert work.enqueue(1).id == first.id
    clock.advance("2m")
    second = work.enqueue(1)
    assert second.created
    assert second.id != first.id
    assert work.enqueue(1).id == second.id


def test_a_shorter_cache_sees_less(app: Holdfast, work: Any, clock: Clock) -> None:
    first = work.enqueue(1)
    drain(app)
    clock.advance("1h")
    assert work.using(cache="2h").enqueue(1).id == first.id
    assert work.using(cache="30m").enqueue(1).created


def test_a_cache_of_nothing_joins_live_jobs_only(app: Holdfast, work: Any) -> None:
    joining = work.using(cache=0)
    first = joining.enqueue(1)
    assert joining.enqueue(1).id == first.id
    drain(app)
    assert joining.enqueue(1).created


def test_the_row_is_kept_for_as_long_as_it_is_cached(app: Holdfast, work: Any, clock: Clock) -> None:
    long = work.using(cache="60d", keep_succeeded=0)
    first = long.enqueue(1)
    drain(app)
    clock.advance("59d")
    app.do_duties()
    assert long.enqueue(1).id == first.id
    clock.advance("2d")
    app.do_duties()
    assert app.jobs.get(first.id) is None
    assert long.enqueue(1).created


def test_failures_are_not_given_again(app: Holdfast, work: Any) -> None:
    first = work.enqueue("fail")
    drain(app)
    assert first.refresh().state is JobState.FAILED
    second = work.enqueue("fail")
    assert second.created
    assert work.find("fail").id == second.id


def test_failures_are_given_again_where_it_was_asked_for(app: Holdfast, work: Any) -> None:
    careful = work.using(cache=Cache("1h", failures=True))
    first = careful.enqueue("fail")
    drain(app)
    second = careful.enqueue("fail")
    assert (second.id, second.created) == (first.id, False)
    with pytest.raises(JobFailed):
        second.result()


def test_cancelled_and_deleted_jobs_are_run_anew(app: Holdfast, work: Any) -> None:
    first = work.enqueue(1)
    app.jobs.cancel(first.id)
    second = work.enqueue(1)
    assert second.created
    drain(app)
    app.jobs.delete(second.id)
    assert work.find(1) is None
    assert work.enqueue(1).created


def test_find(app: Holdfast, work: Any) -> None:
    assert work.find(1) is None
    first = work.enqueue(1)
    assert work.find(a=1).id == first.id
    assert work.find(1).created is False
    app.jobs.cancel(work.find(1).id)
    assert work.find(1) is None
    second = work.enqueue(1)
    drain(app)
    assert work.find(1).id == second.id
    assert work.find(1).result() == 1


async def test_afind(work: Any) -> None:
    assert await work.afind(1) is None
    job = await work.aenqueue(1)
    found = await work.afind(1)
    assert found.id == job.id
    assert (await work.aenqueue(1)).created is False


def test_only_cached_tasks_are_found_by_their_input(app: Holdfast) -> None:
    @app.task
    def plain(n: int) -> None: ...

    with pytest.raises(InvalidOption, match="plain has no cache"):
        plain.find(1)


def test_a_bulk_runs_each_input_once(app: Holdfast, work: Any) -> None:
    first = work.enqueue(1)
    drain(app)
    jobs = app.enqueue_many([work.call(n) for n in (1, 2, 2, 3, 1, 3)])
    assert [job.created for job in jobs] == [False, True, False, True, False, False]
    assert jobs[0].id == jobs[4].id == first.id
    assert jobs[1].id == jobs[2].id
    assert len({job.id for job in jobs}) == 3


def test_a_hit_is_one_read(app: Holdfast, work: Any, count_statements: Count) -> None:
    work.enqueue(1)
    statements = count_statements(app)
    work.enqueue(1)
    app.enqueue_many([work.call(1) for _ in range(10)])
    assert statements == ["joined", "joined"]
    statements.clear()
    work.enqueue(2)
    assert [name for name in statements if name != "notify"] == ["joined", "mark", "enqueue"]


def test_marks_are_forgotten_with_their_jobs(app: Holdfast, work: Any, clock: Clock) -> None:
    from holdfast.storage.ops.duties import prune_marks

    late = work.using(delay="10d").enqueue(1)
    done = work.enqueue(2)
    drain(app)
    clock.advance("5d")
    assert app.store.run(prune_marks()) == 0
    assert work.find(1).id == late.id
    clock.advance("3d")
    assert app.store.run(prune_marks()) == 1
    assert app.jobs.get(done.id) is None
    assert work.find(1).id == late.id
