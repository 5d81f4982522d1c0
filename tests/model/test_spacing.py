"""Rates and the time between two."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from holdfast.errors import InvalidOption
from holdfast.model.spacing import Spacing, spaced


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2/s", 0.5),
        ("2 per second", 0.5),
        ("2 / s", 0.5),
        (" 4 PER Minute ", 15.0),
        ("100/15m", 9.0),
        ("0.5/s", 2.0),
        ("1/1h 30m", 5400.0),
        ("3/y", 10519200.0),
        ("500ms", 0.5),
        ("5s", 5.0),
        ("PT1M", 60.0),
        (2, 2.0),
        (0.25, 0.25),
        (timedelta(minutes=1), 60.0),
    ],
)
def test_rates_and_durations(text: Any, seconds: float) -> None:
    assert spaced(text, "throttle") == seconds


@pytest.mark.parametrize(
    "value",
    ["0/s", "0", 0, "2/", "/s", "2/fortnight", "-1/s", "two/s", "2/0s", "1e3/s", "", None, True, float("nan"), -1, [],
     "99999999999/s", "1/1001y", "1/s/s", "2perm", timedelta(0)],
)  # fmt: skip
def test_what_is_no_rate(value: Any) -> None:
    with pytest.raises(InvalidOption, match="throttle must be a rate"):
        spaced(value, "throttle")
    with pytest.raises(InvalidOption):
        Spacing(value)


def test_a_spacing_is_checked_as_a_whole() -> None:
    spacing = Spacing("2/s", by=len, name="mail", max_wait="1m")
    assert (spacing.seconds, Spacing.of(spacing, "x")) == (0.5, spacing)
    assert Spacing.of("5s", "x") == Spacing("5s")
    for wrong in ({"by": "domain"}, {"name": ""}, {"name": "x" * 256}, {"max_wait": "soon"}, {"max_wait": -1}):
        with pytest.raises(InvalidOption):
            Spacing("1/s", **wrong)  # type: ignore[arg-type]
