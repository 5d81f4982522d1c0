"""`every=`: the same period again and again on the grid of one instant, in which days, weeks, months and years are
those of the calendar."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from holdfast.clock import MICROSECOND
from holdfast.errors import InvalidOption
from holdfast.model.cron import Missing
from holdfast.model.duration import DAY, MONTH, UNITS, WEEK, YEAR, Duration, seconds
from holdfast.model.text import shown
from holdfast.model.zone import local_of, wall

_PAIR = re.compile(r"\s*(\d{1,15}(?:\.\d{0,15})?)\s*([a-z]{1,12})", re.ASCII | re.IGNORECASE)
_ISO_DATE = re.compile(r"p(?:(\d{1,9})y)?(?:(\d{1,9})m)?(?:(\d{1,9})w)?(?:(\d{1,9})d)?(t.+)?", re.ASCII | re.IGNORECASE)
_CALENDAR = {DAY: (0, 1), WEEK: (0, 7), MONTH: (1, 0), YEAR: (12, 0)}
"""Months and days of a unit of the calendar."""

SHORTEST = 1.0
LONGEST = 1000
_MONTH_DAYS = 30.436875
_EXPECTED = "a period such as '15m', '1 day' or '3 months', a number of seconds or a timedelta"


@dataclass(frozen=True, slots=True)
class Period:
    """months and days of the calendar, then so many microseconds that pass."""

    months: int = 0
    days: int = 0
    micros: int = 0

    @staticmethod
    def of(value: Duration, what: str = "every") -> "Period":
        """A period as a user gave it, 1 s to 1,000 years; InvalidOption for anything else.

        >>> Period.of("1 month")
        Period(months=1, days=0, micros=0)
        """
        found = _from_text(value) if isinstance(value, str) and len(value) <= 100 else None
        if found is None:
            number = seconds(value, what)
            if isinstance(value, str) and not value.strip(" \t").replace(".", "", 1).isdigit():
                raise InvalidOption(f"{what}: days, weeks, months and years must be whole numbers, not {shown(value)}")
            found = Period(micros=round(number * 1_000_000))
        if found.about < SHORTEST:
            raise InvalidOption(f"{what} must be {_EXPECTED}, of 1 s at least: not {shown(value)}")
        if found.about > LONGEST * YEAR:
            raise InvalidOption(f"{what} must be at most {LONGEST} years, not {shown(value)}")
        return found

    @property
    def about(self) -> float:
        """Its length in seconds, about."""
        return (self.months * _MONTH_DAYS + self.days) * DAY + self.micros / 1_000_000

    def next(self, after: datetime, anchor: datetime, tz: ZoneInfo, missing: Missing = "next") -> datetime | None:
        """The first instant after `after` of the grid that begins with `anchor`; None past the year 9999."""
        if after < anchor:
            return anchor
        number = max(0, int((after - anchor).total_seconds() / self.about) - 1)
        try:
            while number > 0 and self._at(number, anchor, tz)[0] > after:
                number -= 1
            while True:
                found, exists = self._at(number, anchor, tz)
                if found > after and (exists or missing == "next"):
                    return found
                number += 1
        except (OverflowError, ValueError):
            return None

    def _at(self, number: int, anchor: datetime, tz: ZoneInfo) -> tuple[datetime, bool]:
        """The instant so many periods after the anchor, each counted from there, and whether its local time exists."""
        passing = number * self.micros * MICROSECOND
        if not (self.months or self.days):
            return anchor + passing, True
        local = local_of(anchor, tz)
        year, month = divmod(local.year * 12 + local.month - 1 + number * self.months, 12)
        if year > 9999:
            raise OverflowError("past the year 9999")
        day = min(local.day, monthrange(year, month + 1)[1])
        moved = local.replace(year=year, month=month + 1, day=day, fold=0) + timedelta(days=number * self.days)
        if moved == local and number == 0:
            return anchor + passing, True  # of a time that happens twice, the one that was meant
        found = wall(moved, tz)
        return found.first + passing, not found.missing

    def __str__(self) -> str:
        return describe(self)


def describe(period: Period) -> str:
    """For people, and as `of` takes it: `1 month`, `1 day 30m`."""
    parts: list[str] = []
    for amount, unit in ((period.months // 12, "year"), (period.months % 12, "month"), (period.days, "day")):
        if amount:
            parts.append(f"{amount} {unit}" + ("s" if amount > 1 else ""))
    left = period.micros
    for size, unit in ((3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s")):
        if left >= size:
            parts.append(f"{left // size}{unit}")
            left %= size
    if left:
        parts.append(f"{left / 1000:.3f}ms".replace(".000ms", "ms"))
    return " ".join(parts)


def _from_text(text: str) -> Period | None:
    """None for what has no unit, or not these."""
    text = text.strip(" \t")
    iso = _ISO_DATE.fullmatch(text)
    if iso and (any(iso.groups()[:4]) or iso[5]):
        years, months, weeks, days = (int(part or 0) for part in iso.groups()[:4])
        time = seconds("P" + iso[5], "every") if iso[5] else 0.0
        return Period(years * 12 + months, weeks * 7 + days, round(time * 1_000_000))
    months = days = 0
    passing = 0.0
    place = 0
    while place < len(text):
        pair = _PAIR.match(text, place)
        unit = UNITS.get(pair[2].lower()) if pair else None
        if pair is None or unit is None:
            return None
        amount = float(pair[1])
        if unit in _CALENDAR:
            if not amount.is_integer():
                return None
            months += int(amount) * _CALENDAR[unit][0]
            days += int(amount) * _CALENDAR[unit][1]
        else:
            passing += amount * unit
        place = pair.end()
    return Period(months, days, round(passing * 1_000_000)) if text else None
