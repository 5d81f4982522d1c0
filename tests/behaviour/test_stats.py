"""`app.stats`: what people ask about all jobs together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast import Holdfast, JobState
from holdfast.errors import InvalidOption
from holdfast.model.stats import Asked, Slot
from holdfast.testing import Clock

NOON = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def app(database_url: str, clock: Clock) -> Any:
    app = Holdfast(database_url, migrate=True, clock=clock)

    @app.task(queue="mail", cron="0 0 1 1 *", args={"n": 0})
    def send(n: int) -> None:
        if n % 2:
            raise ValueError(n)

    @app.task
    def report() -> None: ...

    app.send, app.report = send, report  # type: ignore[attr-defined]
    yield app
    app.close()


def test_the_whole_picture(app: Any, clock: Clock) -> None:
    app.enqueue_many([app.send.call(n) for n in range(6)])
    app.report.using(delay="1h").enqueue()
    clock.advance("10s")
    app.work_once(batch=4)
    now = app.stats.now()
    assert (now.by_state[JobState.READY], now.by_state[JobState.SCHEDULED], now.total) == (2, 1, 3)
    assert (now.oldest_due, now.next_due) == (NOON, NOON + timedelta(hours=1))
    for _ in range(2):  # before the leader has counted them, and after
        today = app.stats.today()
        assert (today.queues, today.pending, today.succeeded_today, today.failed_today) == (2, 3, 2, 2)
        assert (today.schedules, today.next_schedule) == (1, datetime(2027, 1, 1, tzinfo=UTC))
        assert today.last_failed_at == NOON + timedelta(seconds=10)
        mail = {one.name: one.counts for one in app.stats.queues()}["mail"]
        assert (mail[JobState.READY], mail[JobState.SUCCEEDED], mail[JobState.FAILED]) == (2, 2, 2)
        assert {one.name: one.counts[JobState.FAILED] for one in app.stats.tasks()} == {"report": 0, "send": 2}
        assert app.stats.times("1h", task=app.send).waits.p50 == pytest.approx(10, rel=0.06)
        hours = app.stats.histogram("hour", last="3h", task=app.send)
        assert hours[:2] == [Slot(NOON.replace(hour=hour, second=0)) for hour in (10, 11)]
        assert (hours[2].at.hour, hours[2].succeeded, hours[2].failed) == (12, 2, 2)
        clock.advance("10s")
        app.do_duties()
    days = app.stats.histogram("day", since=NOON - timedelta(days=2), until=NOON + timedelta(days=1))
    assert [(slot.at.day, slot.finished) for slot in days] == [(27, 0), (28, 0), (1, 4), (2, 0)]


async def test_the_same_on_an_event_loop(app: Any) -> None:
    await app.report.aenqueue()
    assert (await app.stats.anow()).total == 1
    assert (await app.stats.atoday()).pending == 1
    assert len(await app.stats.ahistogram("minute", last="10m")) == 10
    assert (await app.stats.atimes()).runs.count == 0
    assert [one.name for one in await app.stats.aqueues()] == ["default"]
    assert [one.name for one in await app.stats.atasks()] == ["report"]


BAD: list[Callable[[Holdfast], Any]] = [
    lambda app: app.stats.histogram("week"),  # type: ignore[arg-type]
    lambda app: app.stats.histogram("minute", last="3d"),
    lambda app: app.stats.histogram("day", last="0s"),
    lambda app: app.stats.histogram("day", last="soon"),
    lambda app: app.stats.histogram("day", last="2d", since=NOON),
    lambda app: app.stats.histogram("day", until=NOON),
    lambda app: app.stats.histogram("day", since=NOON, until=NOON),
    lambda app: app.stats.histogram("minute", since=NOON - timedelta(days=9)),
    lambda app: app.stats.histogram("day", since=datetime(2026, 1, 1)),  # noqa: DTZ001
    lambda app: app.stats.histogram(queue=""),
    lambda app: app.stats.times("0s"),
    lambda app: app.stats.times("9y"),
    lambda app: app.stats.ended("x"),
    lambda app: app.stats.queues(-1),
]


def test_what_cannot_be_asked_is_refused() -> None:
    app = Holdfast("sqlite:///:memory:", clock=Clock(NOON))
    for ask in BAD:
        with pytest.raises(InvalidOption):
            ask(app)
    app.close()


def test_slots_are_whole_and_the_last_is_under_way() -> None:
    for by, step in (("minute", 60), ("hour", 3600), ("day", 86_400)):
        span = Asked.of(by, step * 3, None, None).span(NOON)  # type: ignore[arg-type]
        slots = span.filled({})
        assert len(slots) == 3
        assert slots[-1].at <= NOON < slots[-1].at + timedelta(seconds=step)
        assert all(int(slot.at.timestamp()) % step == 0 for slot in slots)
