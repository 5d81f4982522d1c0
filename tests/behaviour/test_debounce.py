"""Debounce: the newest input wins, and waits until nothing newer comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from holdfast import Holdfast, JobState, Spacing
from holdfast.errors import Superseded
from holdfast.testing import Clock, drain

Facts = Callable[[str], list[Any]]


@pytest.fixture
def work(app: Holdfast) -> Any:
    def work(n: int) -> int:
        return n

    return app.task(debounce="10s")(work)


def tick(app: Holdfast, clock: Clock, seconds: float) -> None:
    clock.advance(seconds)
    app.promote()
    drain(app)


def test_the_newest_input_wins(app: Holdfast, work: Any, clock: Clock, facts: Facts) -> None:
    first = work.enqueue(1)
    assert first.record.state is JobState.SCHEDULED
    tick(app, clock, 6)
    second = work.enqueue(2)
    assert (second.created, second.id != first.id) == (True, True)
    record = first.refresh()
    assert (record.state, record.reason) == (JobState.CANCELLED, "debounced")
    assert [(event.job.id, event.job.reason) for event in facts("job.cancelled")] == [(first.id, "debounced")]
    assert [event.job.id for event in facts("job.finished")] == [first.id]
    with pytest.raises(Superseded) as caught:
        first.result(timeout=5)
    assert caught.value.job.id == second.id
    tick(app, clock, 6)
    assert second.refresh().state is JobState.SCHEDULED
    tick(app, clock, 4)
    assert second.result() == caught.value.job.result() == 2


def test_the_same_input_extends_the_wait(app: Holdfast, work: Any, clock: Clock, facts: Facts) -> None:
    first = work.enqueue(1)
    for _ in range(5):
        tick(app, clock, 6)
        again = work.enqueue(1)
        assert (again.id, again.created) == (first.id, False)
    assert len(facts("job.deduplicated")) == 5
    tick(app, clock, 9)
    assert first.refresh().state is JobState.SCHEDULED
    tick(app, clock, 1)
    assert first.result() == 1


def test_the_longest_wait(app: Holdfast, work: Any, clock: Clock) -> None:
    bounded = work.using(debounce=Spacing("10s", max_wait="25s"))
    jobs = [bounded.enqueue(0)]
    for n in (1, 1, 2, 3):
        tick(app, clock, 6)
        jobs.append(bounded.enqueue(n))
    assert [job.refresh().state for job in jobs[:4]] == ["cancelled"] * 4
    tick(app, clock, 1)
    assert jobs[4].result() == 3
    tick(app, clock, 1)
    later = bounded.enqueue(4)
    tick(app, clock, 9)
    assert later.refresh().state is JobState.SCHEDULED
    tick(app, clock, 1)
    assert later.result() == 4


def test_a_job_that_has_begun_is_left_alone(app: Holdfast, work: Any, clock: Clock) -> None:
    first = work.enqueue(1)
    clock.advance(10)
    app.promote()
    second = work.enqueue(2)
    assert first.refresh().state is JobState.READY
    drain(app)
    assert first.result() == 1
    tick(app, clock, 10)
    assert second.result() == 2


def test_split_and_shared(app: Holdfast, clock: Clock) -> None:
    @app.task(debounce=Spacing("10s", by=lambda user, text: user))
    def draft(user: str, text: str) -> str:
        return text

    @app.task(debounce=Spacing("10s", name="index"))
    def one() -> None: ...

    @app.task(debounce=Spacing("10s", name="index"))
    def other() -> None: ...

    a, b, c = draft.enqueue("ada", "x"), draft.enqueue("bob", "y"), draft.enqueue("ada", "z")
    first, second = one.enqueue(), other.enqueue()
    tick(app, clock, 10)
    assert [job.refresh().state for job in (a, b, c, first, second)] == [
        "cancelled", "succeeded", "succeeded", "cancelled", "succeeded"
    ]  # fmt: skip


def test_a_function_says_how_long(app: Holdfast, clock: Clock) -> None:
    @app.task(debounce=lambda n: "1m" if n > 1 else None)
    def work(n: int) -> None: ...

    assert [work.enqueue(1).record.state for _ in range(2)] == ["ready", "ready"]
    assert work.enqueue(2).record.state is JobState.SCHEDULED


def test_a_bulk_debounces_within_itself(app: Holdfast, work: Any, clock: Clock) -> None:
    jobs = app.enqueue_many([work.call(n) for n in (1, 2, 2, 3)])
    assert [job.created for job in jobs] == [True, True, False, True]
    assert [job.refresh().state for job in jobs] == ["cancelled", "cancelled", "cancelled", "scheduled"]
    with pytest.raises(Superseded) as caught:
        jobs[0].result()
    assert caught.value.job.id == jobs[1].id


def test_one_that_was_cancelled_is_nobodys_loser(app: Holdfast, work: Any, clock: Clock) -> None:
    first = work.enqueue(1)
    app.jobs.cancel(first.id)
    second = work.enqueue(2)
    assert first.refresh().reason == "explicit"
    tick(app, clock, 10)
    assert second.result() == 2


async def test_async_too(app: Holdfast, work: Any) -> None:
    first, second = await work.aenqueue(1), await work.aenqueue(2)
    with pytest.raises(Superseded) as caught:
        await first.aresult(timeout=5)
    assert caught.value.job.id == second.id
