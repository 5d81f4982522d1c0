"""Durations as people write them, and back.

A duration is a `timedelta`, a number of seconds, or text: number-unit pairs (`"90s"`, `"1h 30m"`,
`"2 weeks"`), a number alone (seconds), or ISO 8601 (`"PT1H30M"`). Units are ms, s, m, h, d, w, mo, y and
their usual spellings in any case; a year is 365.25 days, a month the twelfth part of it. Inside Holdfast
a duration is a float of seconds.
"""

import math
import re
from datetime import timedelta
from typing import TypeAlias

from holdfast.errors import InvalidOption
from holdfast.model.text import shown

Duration: TypeAlias = timedelta | float | str

MINUTE, HOUR, DAY, WEEK = 60.0, 3_600.0, 86_400.0, 604_800.0
YEAR = 365.25 * DAY
MONTH = YEAR / 12
LONGEST = 1_000 * YEAR
LONGEST_TEXT = 100

UNITS: dict[str, float] = {
    **dict.fromkeys(("ms", "msec", "msecs", "milli", "millis", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), MINUTE),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), HOUR),
    **dict.fromkeys(("d", "day", "days"), DAY),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), WEEK),
    **dict.fromkeys(("mo", "mon", "mons", "mos", "month", "months"), MONTH),
    **dict.fromkeys(("y", "yr", "yrs", "year", "years"), YEAR),
}

_NUMBER = r"(?:\d{1,50}(?:\.\d{0,50})?|\.\d{1,50})"
_ALONE = re.compile(_NUMBER, re.ASCII)
_PAIR = re.compile(rf"\s*({_NUMBER})\s*([a-z]{{1,12}})", re.ASCII | re.IGNORECASE)
_ISO = re.compile(
    rf"p(?=[\dt])(?:({_NUMBER})y)?(?:({_NUMBER})m)?(?:({_NUMBER})w)?(?:({_NUMBER})d)?"
    rf"(?:t(?=[\d.])(?:({_NUMBER})h)?(?:({_NUMBER})m)?(?:({_NUMBER})s)?)?",
    re.ASCII | re.IGNORECASE,
)
_ISO_UNITS = (YEAR, MONTH, WEEK, DAY, HOUR, MINUTE, 1.0)
_EXPECTED = "a duration such as '90s', '1h 30m', 'PT90S', a number of seconds or a timedelta"


def seconds(value: Duration, what: str = "duration") -> float:
    """Seconds of a duration, 0 to 1,000 years, to the microsecond; `what` names the option in the message.

    Raises InvalidOption for anything that is no duration, is negative or is longer than 1,000 years.

    >>> seconds("1h 30m", "timeout")
    5400.0
    """
    number = _number(value)
    if number is None or math.isnan(number):
        raise InvalidOption(f"{what} must be {_EXPECTED}, not {shown(value)}")
    if number < 0:
        raise InvalidOption(f"{what} must not be negative: {shown(value)}")
    if number > LONGEST:
        raise InvalidOption(f"{what} must be at most 1000 years, not {shown(value)}")
    return round(number, 6) + 0.0  # never -0.0


def format_duration(number: float) -> str:
    """A duration for people: its two largest units, such as '250ms', '1.5s', '1m 30s', '2h', '3d 4h'.

    >>> format_duration(5400)
    '1h 30m'
    """
    if number < 0:
        return "-" + format_duration(-number)
    if number < 0.9995:
        return f"{number * 1000:.3f}".rstrip("0").rstrip(".") + "ms" if number else "0s"
    if number < 59.9995:
        return f"{number:.3f}".rstrip("0").rstrip(".") + "s"
    for large, small, names in ((DAY, HOUR, "dh"), (HOUR, MINUTE, "hm"), (MINUTE, 1.0, "ms")):
        parts, ratio = round(number / small), round(large / small)
        if parts >= ratio:
            rest = f" {parts % ratio}{names[1]}" if parts % ratio else ""
            return f"{parts // ratio}{names[0]}{rest}"
    return "1m"


def _number(value: object) -> float | None:
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _from_text(text: str) -> float | None:
    if len(text) > LONGEST_TEXT:
        return None
    text = text.strip(" \t")
    if not text.startswith("-"):
        return _unsigned(text)
    size = _unsigned(text[1:])  # no duration either, but the message can say why
    return None if size is None else -size


def _unsigned(text: str) -> float | None:
    if _ALONE.fullmatch(text):
        return float(text)
    if iso := _ISO.fullmatch(text):
        return sum(float(part) * unit for part, unit in zip(iso.groups(), _ISO_UNITS, strict=True) if part)
    return _from_pairs(text)


def _from_pairs(text: str) -> float | None:
    total, position = 0.0, 0
    while position < len(text):
        pair = _PAIR.match(text, position)
        unit = UNITS.get(pair[2].lower()) if pair else None
        if pair is None or unit is None:
            return None
        total += float(pair[1]) * unit
        position = pair.end()
    return total if text else None
