"""Cron expressions: when they hold, on the wall of a zone and as instants.

`minute hour day-of-month month day-of-week`, with seconds as an optional first field; lists, ranges, steps, names,
`L`, `MON#2`, and `@daily` and its kin. cronsim does the arithmetic on local times; which instants these are on a day
when clocks are changed is decided here.
"""

import re
from copy import copy
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from holdfast.errors import InvalidOption
from holdfast.model.text import shown
from holdfast.model.zone import local_of, repeated_end, wall

LONGEST_CRON = 256
Twice: TypeAlias = Literal["once", "both"]
Missing: TypeAlias = Literal["next", "skip"]

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FIELDS = {
    "second": "0 to 59",
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31, or L, and its month must have that day",
    "month": "1 to 12, or JAN to DEC",
    "day-of-week": "0 to 7 (both are Sunday), or SUN to SAT",
}
_BAD = re.compile(r"Bad ([a-z-]+)")
_START = datetime(2000, 1, 1)  # noqa: DTZ001 - a time on the wall
SECOND = timedelta(seconds=1)


class Cron:
    """One expression.

    text: as it was given, in one form. every_hour: it holds in each of the 24 hours, so that it names no time of day.
    """

    __slots__ = ("_sim", "every_hour", "text")

    def __init__(self, text: str, sim: CronSim) -> None:
        self.text = text
        self._sim = sim
        self.every_hour = len(sim.hours) == 24

    def __repr__(self) -> str:
        return f"<Cron {self.text}>"

    @staticmethod
    def of(text: object, what: str = "cron") -> "Cron":
        """An expression as a user gave it; InvalidOption names the field that cannot be.

        >>> Cron.of("0 3 * * MON-FRI").text
        '0 3 * * MON-FRI'
        """
        if not isinstance(text, str):
            raise InvalidOption(f"{what} must be text such as '0 3 * * MON-FRI', not {shown(text)}")
        if len(text) > LONGEST_CRON:
            raise InvalidOption(f"{what} must have at most {LONGEST_CRON} characters, not {len(text)}")
        return _parsed(text, what)

    def next_local(self, local: datetime) -> datetime | None:
        """The first time on the wall after `local` (to the second) at which it holds; None for never."""
        sim = copy(self._sim)
        sim.dt = local.replace(microsecond=0, fold=0)
        try:
            return next(sim)
        except (StopIteration, OverflowError, ValueError):  # nothing for 50 years, or past the year 9999
            return None

    def next(
        self, after: datetime, tz: ZoneInfo, twice: Twice | None = None, missing: Missing | None = None
    ) -> datetime | None:
        """The first instant after `after` at which it holds in `tz`.

        twice: "once" or "both" instants of a time that happens twice. missing: whether a time that does not exist is
        moved to the "next" valid instant, or to "skip". None: an expression that names hours happens once and is moved;
        one that holds in every hour goes by the time that passes, as if clocks were never changed.
        """
        twice = twice or ("both" if self.every_hour else "once")
        missing = missing or ("skip" if self.every_hour else "next")
        try:
            found = self._first(after, tz, missing)
            if twice == "both":
                again = self._again(after, tz)
                found = again if found is None else found if again is None else min(found, again)
        except OverflowError:
            return None
        return found

    def _first(self, after: datetime, tz: ZoneInfo, missing: Missing) -> datetime | None:
        """Among the only or the first instants of each time."""
        local = local_of(after, tz)
        if local.fold:
            span = repeated_end(after, tz)
            if span is not None:
                local = span[1] - SECOND
        while (held := self.next_local(local)) is not None:
            found = wall(held, tz)
            if found.missing and missing == "skip":
                local = max(held, local_of(found.first, tz) - SECOND)
            elif found.first > after:
                return found.first
            else:
                local = held
        return None

    def _again(self, after: datetime, tz: ZoneInfo) -> datetime | None:
        """Among the second instants, in so far as their first ones are past."""
        span = repeated_end(after, tz)
        if span is None:
            return None
        local = local_of(after, tz)
        held = self.next_local(local if local.fold else span[0] - SECOND)
        return None if held is None or held >= span[1] else wall(held, tz).second


@lru_cache(maxsize=4096)
def _parsed(given: str, what: str) -> Cron:
    text = " ".join(given.split())
    if text.startswith("@"):
        if text.lower() not in ALIASES:
            raise InvalidOption(f"{what}: there is no {shown(text)}; there are {', '.join(ALIASES)}")
        text = ALIASES[text.lower()]
    if not text.isascii():
        raise InvalidOption(f"{what} must be ASCII, its digits too: {shown(text)} is not")
    count = len(text.split())
    if count not in (5, 6):
        raise InvalidOption(
            f"{what} must have five fields (minute hour day-of-month month day-of-week), or six with seconds before "
            f"them: {shown(text)} has {count}"
        )
    try:
        sim = CronSim(text, _START)
    except CronSimError as error:
        raise InvalidOption(_why(text, str(error), what)) from None
    except Exception:  # whatever else it makes of what it does not understand
        raise InvalidOption(f"{what}: {shown(text)} is no cron expression") from None
    cron = Cron(text, sim)
    if cron.next_local(_START) is None:
        raise InvalidOption(f"{what}: {shown(text)} never happens: no day-of-month is such a day-of-week")
    return cron


def _why(text: str, said: str, what: str) -> str:
    found = _BAD.match(said)
    if found is None or found[1] not in FIELDS:
        return f"{what}: {shown(text)} is no cron expression"
    name = found[1]
    parts = text.split()
    value = parts[list(FIELDS).index(name) - (6 - len(parts))]
    return f"{what}: the {name} field of {shown(text)} cannot be {shown(value)}: it takes {FIELDS[name]}"
