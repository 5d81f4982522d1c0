"""What a queue lets in, and what it gives jobs that say nothing of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from holdfast.model.job import JobState
from holdfast.model.policy import Policy
from holdfast.model.queue import NO_DEFAULTS, TOGETHER, Allowance, Defaults, Queue, QueueStats, Rules, allowance
from holdfast.model.retry import Retry


@pytest.mark.parametrize(
    ("concurrency", "running", "most", "now"),
    [(None, 0, 7, 7), (3, 0, 7, 3), (3, 2, 7, 1), (3, 3, 7, 0), (3, 9, 7, 0), (100, 0, 7, 7), (1, 0, 0, 0)],
)
def test_places(concurrency: int | None, running: int, most: int, now: int) -> None:
    assert allowance(concurrency, None, None, running, most) == Allowance(now, None)


@pytest.mark.parametrize("ahead", [None, -5.0, 0.0])
def test_a_slow_pace_lets_in_one(ahead: float | None) -> None:
    assert allowance(None, 2.0, ahead, 0, 10) == Allowance(1, pytest.approx(2.0))


def test_before_its_time_nothing_is_let_in() -> None:
    assert allowance(None, 2.0, 1.5, 0, 10) == Allowance(0, pytest.approx(1.5))


def test_who_has_no_room_is_told_nothing_of_the_pace() -> None:
    assert allowance(None, 0.001, None, 0, 3) == Allowance(3, None), "more may start at once"
    assert allowance(2, 1.0, None, 2, 3) == Allowance(0, None)


@given(some.floats(0.0001, 10), some.lists(some.tuples(some.floats(0, 1), some.integers(0, 50)), max_size=60))
def test_over_any_time_no_more_start_than_the_pace_allows(spacing: float, looks: list[tuple[float, int]]) -> None:
    """As the database keeps it: `next` moves on by one spacing for each start, from now at least."""
    now = due = 0.0
    starts: list[float] = []
    for wait, most in looks:
        now += wait
        let = allowance(None, spacing, due - now, 0, most)
        assert 0 <= let.now <= most
        if let.now:
            due = max(due, now) + let.now * spacing
        starts += [now] * let.now
    together = max(1, round(TOGETHER / spacing + 0.5))
    for first in range(0, len(starts), 7):
        for last in range(first, len(starts)):
            allowed = (starts[last] - starts[first]) / spacing + together
            assert last - first + 1 <= allowed + 1e-6 * allowed


@given(some.floats(0.0001, 10), some.floats(-20, 20), some.integers(1, 100))
def test_the_wait_that_is_told_suffices(spacing: float, ahead: float, most: int) -> None:
    let = allowance(None, spacing, ahead, 0, most)
    if let.next_in is None:
        assert let.now == most
    else:
        due = max(ahead, 0.0) + let.now * spacing
        assert allowance(None, spacing, due - let.next_in - 1e-6, 0, 1).now == 1


def test_defaults_are_stored_and_read() -> None:
    told = Defaults(Retry(4, backoff=["1s", "5s"], jitter=0), 60.0, None)
    assert Defaults.read(told.dumps()) == told
    assert Defaults.read("{}") == NO_DEFAULTS
    assert not NO_DEFAULTS
    assert Defaults(keep_failed=0.0)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"retry":5}', '{"keep_failed":"x"}', "{"])
def test_what_nobody_understands_is_no_default(text: str) -> None:
    assert Defaults.read(text) == NO_DEFAULTS


def test_what_jobs_are_given() -> None:
    told = Defaults(Retry(4, base=1), 60.0, 90.0)
    assert told.given("{}", 1) == (Policy(Retry(base=1), keep_succeeded=60.0, keep_failed=90.0).dumps(), 4)
    all_said = Policy(said="rsf").dumps()
    assert told.given(all_said, 2) == (all_said, 2)
    policy, attempts = told.given(Policy(said="s", keep_succeeded=1.0, raw=True).dumps(), 1)
    assert (Policy.loads(policy).keep_succeeded, Policy.loads(policy).raw, attempts) == (1.0, True, 4)
    assert Defaults(keep_failed=5.0).given("{}", 3)[1] == 3
    assert NO_DEFAULTS.given("{}", 3) == ("{}", 3)


def test_whom_rules_concern() -> None:
    rules = Rules(frozenset({"a"}), frozenset({"b"}))
    assert rules.restricted == {"a", "b"}
    assert [rules.restrict(queues) for queues in (None, ("a",), ("c", "b"), ("c",), ())] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert not Rules(defaults={"a": Defaults(keep_failed=1.0)}).restrict(None)


def test_how_counts_are_shown() -> None:
    stats = QueueStats("q", {**dict.fromkeys(JobState, 0), JobState.READY: 10_000}, frozenset({JobState.READY}))
    assert (stats.shown("ready"), stats.shown(JobState.FAILED)) == ("10,000+", "0")


def test_of_a_queue_nothing_need_be_said() -> None:
    assert (Queue("q").paused, Queue("q").defaults) == (False, NO_DEFAULTS)
