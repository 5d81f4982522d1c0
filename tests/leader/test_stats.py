"""The leader counts: bounded turns, and a walk that goes on where the last turn left it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from holdfast import Holdfast
from holdfast.leader.duties import stats as duty
from holdfast.storage.ops import stats
from holdfast.testing import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(stats, "WALK", 4)
    monkeypatch.setattr(stats, "PAGE", 2)
    app = Holdfast(database_url, migrate=True, clock=clock)

    @app.task
    def add(a: int) -> int:
        return a

    app.add_up = add  # type: ignore[attr-defined]
    yield app
    app.close()


def test_turns_are_short_and_come_to_the_end(app: Any, clock: Clock) -> None:
    app.enqueue_many([app.add_up.call(n) for n in range(18)])
    assert not app.stats.now().complete
    app.work_once(batch=7)
    counting = duty.Counting()
    counting.run(app.store, clock.now())
    clock.advance("5s")
    turns = 0
    while counting.run(app.store, clock.now()) == duty.BEHIND or app.store.run(stats.ahead(), "read"):
        clock.advance("5s")
        turns += 1
        assert turns < 20
    now = app.stats.now()
    assert (now.complete, now.total) == (True, 11)
    assert sum(slot.succeeded for slot in app.stats.histogram("day", last="1d")) == 7


def test_a_walk_goes_on_where_it_was_and_forgets_when_few_are_left(app: Any, clock: Clock) -> None:
    app.enqueue_many([app.add_up.call(n) for n in range(9)])
    walk = duty.Walk()
    assert [walk.go_on(app.store, clock.now(), budget=0) for _ in range(3)] == [False, False, True]
    assert app.stats.now().total == 9
    app.work_once(batch=8)
    assert walk.go_on(app.store, clock.now(), budget=0)
    assert not app.store.run(stats.live_known(), "read")
    assert app.stats.now().total == 1
