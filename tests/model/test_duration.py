"""Durations: every spelling the reference names, and an InvalidOption for everything else."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import InvalidOption
from holdfast.model.duration import DAY, LONGEST, MONTH, UNITS, YEAR, Duration, format_duration, seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0.0),
        (30, 30.0),
        (0.25, 0.25),
        (timedelta(minutes=5), 300.0),
        (timedelta(microseconds=1), 1e-6),
        ("30", 30.0),
        (" 1.5 ", 1.5),
        ("250ms", 0.25),
        ("90s", 90.0),
        ("5m", 300.0),
        ("5 M", 300.0),
        ("2h", 7200.0),
        ("1h30m", 5400.0),
        ("1 H 30 Min", 5400.0),
        ("1d", DAY),
        ("2 weeks", 14 * DAY),
        ("1mo", MONTH),
        ("1 Month", MONTH),
        ("1y", 365.25 * DAY),
        ("1 year 2 days", YEAR + 2 * DAY),
        (".5d", DAY / 2),
        ("1.d", DAY),
        ("PT90S", 90.0),
        ("pt1h30m", 5400.0),
        ("P1DT2H", DAY + 7200),
        ("P1M", MONTH),
        ("PT1M", 60.0),
        ("P1Y2M3W4DT5H6M7.5S", YEAR + 2 * MONTH + 25 * DAY + 5 * 3600 + 6 * 60 + 7.5),
        ("0s", 0.0),
        ("-0s", 0.0),
        ("1000y", LONGEST),
    ],
)
def test_spellings(value: Duration, expected: float) -> None:
    assert seconds(value, "delay") == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "soon",
        "5 parsecs",
        "s",
        "5m 3",
        "3 5m",
        "1h,30m",
        "1e3s",
        "+5s",
        "P",
        "PT",
        "P1",
        "P1DT",
        "PT1D",
        "1_0s",
        "٣s",
        "5ｓ",
        "--5s",
        "nan",
        "inf",
        "1h\x00",
        "\ud800",
        "1" * 101,
        "5\nm\x0b!",
        float("nan"),
        True,
        None,
        [],
        b"5m",
    ],
)
def test_what_is_no_duration_is_refused_naming_the_option(value: Any) -> None:
    with pytest.raises(InvalidOption, match=r"^delay must be a duration such as '90s'") as raised:
        seconds(value, "delay")
    assert len(str(raised.value).encode()) < 260


@pytest.mark.parametrize("value", [-1, -0.001, "-5s", "-PT5S", timedelta(seconds=-1), float("-inf"), -(10**400)])
def test_a_negative_duration_is_refused(value: Duration) -> None:
    with pytest.raises(InvalidOption, match="delay must not be negative"):
        seconds(value, "delay")


@pytest.mark.parametrize("value", ["1001y", float("inf"), 10**400, LONGEST + 1, timedelta.max, "9" * 50 + "y"])
def test_more_than_a_thousand_years_is_refused(value: Duration) -> None:
    with pytest.raises(InvalidOption, match="delay must be at most 1000 years"):
        seconds(value, "delay")


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from(sorted(UNITS)), st.sampled_from(["", " ", "  "]))))
def test_pairs_add_up_in_any_case_and_spacing(pairs: list[tuple[int, str, str]]) -> None:
    pairs = [*pairs[:5], (1, "s", "")]
    text = "".join(f"{n}{blank}{unit.upper() if n % 2 else unit}{blank}" for n, unit, blank in pairs)
    assert seconds(text[:100] if len(text) <= 100 else "1s", "x") == pytest.approx(
        sum(n * UNITS[unit] for n, unit, _ in pairs) if len(text) <= 100 else 1, abs=1e-6
    )


@given(st.text(max_size=130) | st.text("0123456789.pPtT-+ smhdwoyMHY", max_size=130))
def test_any_text_is_a_duration_or_an_invalid_option(text: str) -> None:
    try:
        assert 0 <= seconds(text, "x") <= LONGEST
    except InvalidOption as error:
        str(error).encode()


@given(st.floats(0, 1e9))
def test_what_people_read_can_be_given_back(number: float) -> None:
    text = format_duration(number)
    assert len(text.split()) <= 2
    assert seconds(text, "x") == pytest.approx(number, rel=0.05, abs=0.00051)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0s"),
        (0.0001, "0.1ms"),
        (0.25, "250ms"),
        (1, "1s"),
        (1.5, "1.5s"),
        (59.9999, "1m"),
        (60, "1m"),
        (90, "1m 30s"),
        (3599.9, "1h"),
        (3600, "1h"),
        (5400, "1h 30m"),
        (86_399, "1d"),
        (90_000, "1d 1h"),
        (7 * DAY, "7d"),
        (-5, "-5s"),
    ],
)
def test_formatted_for_people(number: float, text: str) -> None:
    assert format_duration(number) == text
