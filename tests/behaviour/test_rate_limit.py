"""Rate limits: one is let in, the others are refused until its time is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from holdfast import Holdfast, Spacing
from holdfast.errors import RateLimited
from holdfast.testing import Clock

Facts = Callable[[str], list[Any]]


@pytest.fixture
def work(app: Holdfast) -> Any:
    def work(n: int = 0) -> int:
        return n

    return app.task(rate_limit="6/m")(work)


def test_one_is_let_in_and_the_others_are_refused(app: Holdfast, work: Any, clock: Clock, facts: Facts) -> None:
    assert work.enqueue(1).created
    clock.advance(4)
    with pytest.raises(RateLimited, match=r"in 6s; nothing was stored") as caught:
        work.enqueue(2)
    assert caught.value.retry_after == pytest.approx(6)
    (event,) = facts("job.refused")
    assert (event.job, event.task, event.queue) == (None, "work", "default")
    assert event.details["why"] == "rate_limited"
    assert event.details["retry_after"] == pytest.approx(6)
    assert event.details["request"].args == '{"n":2}'
    clock.advance(5.9)
    with pytest.raises(RateLimited):
        work.enqueue(3)
    clock.advance(0.1)
    assert work.enqueue(4).created
    assert sum(app.jobs.count().values()) == 2


def test_there_is_no_burst_after_a_silence(work: Any, clock: Clock) -> None:
    clock.advance("1h")
    assert work.enqueue().created
    with pytest.raises(RateLimited):
        work.enqueue()


def test_split_and_shared(app: Holdfast) -> None:
    @app.task(rate_limit=Spacing("1/m", by=lambda user: user))
    def hello(user: str) -> None: ...

    @app.task(rate_limit=Spacing("1/m", name="api"))
    def one() -> None: ...

    @app.task(rate_limit=Spacing("1/m", name="api"))
    def other() -> None: ...

    assert hello.enqueue("ada").created
    assert hello.enqueue("bob").created
    with pytest.raises(RateLimited):
        hello.enqueue("ada")
    assert hello.using(tenant="acme").enqueue("ada").created
    assert one.enqueue().created
    with pytest.raises(RateLimited):
        other.enqueue()


def test_a_function_says_how_often(app: Holdfast) -> None:
    @app.task(rate_limit=lambda paying: None if paying else "1/h")
    def work(paying: bool) -> None: ...

    assert [work.enqueue(True).created for _ in range(3)] == [True] * 3
    assert work.enqueue(False).created
    with pytest.raises(RateLimited):
        work.enqueue(False)


def test_a_bulk_answers_each_in_its_place(app: Holdfast, work: Any, clock: Clock) -> None:
    jobs = app.enqueue_many([work.call(n) for n in range(3)])
    assert [job.created for job in jobs] == [True, False, False]
    assert [type(job.refused) for job in jobs] == [type(None), RateLimited, RateLimited]
    with pytest.raises(RateLimited):
        jobs[1].result()
    clock.advance(5)
    later = app.enqueue_many([work.call(n) for n in range(2)])
    assert [job.refused.retry_after for job in later if job.refused] == [pytest.approx(5), pytest.approx(5)]
    assert sum(app.jobs.count().values()) == 1


def test_with_a_key_the_rate_is_looked_at_first(work: Any, clock: Clock) -> None:
    first = work.using(key="a").enqueue()
    with pytest.raises(RateLimited):
        work.using(key="a").enqueue()
    clock.advance(10)
    assert work.using(key="a").enqueue().id == first.id


def test_a_cached_answer_is_not_refused(app: Holdfast, work: Any) -> None:
    first = work.using(cache="1h").enqueue()
    assert work.using(cache="1h").enqueue().id == first.id
    with pytest.raises(RateLimited):
        work.using(cache="1h").enqueue(1)


async def test_async_too(work: Any) -> None:
    await work.aenqueue()
    with pytest.raises(RateLimited):
        await work.aenqueue()
