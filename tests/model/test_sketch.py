"""Many durations in little room: quantiles are right to a twentieth, whatever is added to what."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.model import sketch
from holdfast.model.sketch import Quantiles


def key_of(micros: int) -> int:
    """As the statements make it."""
    text = str(micros)
    return sketch.rounded(int(text[:2]) * 100 + max(len(text) - 2, 0))


@given(st.integers(0, 10**15))
def test_a_duration_lies_within_its_key(micros: int) -> None:
    key = key_of(micros)
    assert sketch.low(key) <= micros < sketch.high(key)
    assert micros < 20 or sketch.high(key) <= sketch.low(key) * 1.16


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_longer_ones_have_later_keys(one: int, other: int) -> None:
    assert (one <= other) or sketch.low(key_of(one)) >= sketch.low(key_of(other))


def test_quantiles_of_parts_are_those_of_the_whole() -> None:
    chance = random.Random(5)
    values = sorted(int(chance.lognormvariate(12, 2)) for _ in range(5000))
    parts = [Counter(key_of(value) for value in values[start::7]) for start in range(7)]
    found = sketch.quantiles(sketch.loads(sketch.dumps(part)) for part in parts)
    assert found.count == 5000
    for share, quantile in ((0.5, found.p50), (0.9, found.p90), (0.95, found.p95), (0.99, found.p99)):
        assert quantile == pytest.approx(values[int(share * 5000) - 1] / 1e6, rel=0.08)
    assert found.max is not None
    assert values[-1] / 1e6 <= found.max <= values[-1] / 1e6 * 1.16


@pytest.mark.parametrize("text", ["", "[]", "nonsense", '{"x": 1}', "{", "null", '{"1": "y"}'])
def test_what_nobody_understands_counts_nothing(text: str) -> None:
    assert sketch.quantiles([sketch.loads(text)]) == Quantiles()
