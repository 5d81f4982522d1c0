"""How many jobs are worth taking ahead."""

import pytest

from holdfast.worker import pace
from holdfast.worker.pace import AHEAD, MOST, Pace


class Hand:
    """A clock that this test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    hand = Hand()
    monkeypatch.setattr(pace, "monotonic", hand)
    return hand


def go(pace: Pace, hand: Hand, rate: float, seconds: float) -> None:
    """End `rate` bodies a second for so long, looked at every 10 ms."""
    for _ in range(round(seconds * 100)):
        hand.now += 0.01
        for _ in range(round(rate / 100)):
            pace.ended()
        pace.look()


def test_a_slow_worker_keeps_to_its_floor(hand: Hand) -> None:
    slow = Pace(20)
    go(slow, hand, rate=200, seconds=1)
    assert slow.ahead == 20


def test_a_fast_one_takes_a_moment_of_work(hand: Hand) -> None:
    fast = Pace(20)
    go(fast, hand, rate=10_000, seconds=1)
    assert 0.9 * 10_000 * AHEAD <= fast.ahead <= 10_000 * AHEAD


def test_it_is_bounded(hand: Hand) -> None:
    very_fast = Pace(20)
    go(very_fast, hand, rate=10_000_000, seconds=0.5)
    assert very_fast.ahead == MOST
    assert Pace(3000).ahead == 3000


def test_it_slows_down_again(hand: Hand) -> None:
    worker = Pace(20)
    go(worker, hand, rate=10_000, seconds=1)
    go(worker, hand, rate=0, seconds=1)
    assert worker.ahead == 20


def test_looks_in_a_row_change_nothing(hand: Hand) -> None:
    worker = Pace(20)
    worker.ended()
    worker.look()
    assert worker.ahead == 20
