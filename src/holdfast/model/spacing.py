"""How far apart things must be: a rate such as "2/s", or the time between two."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from holdfast.errors import InvalidOption
from holdfast.model.duration import LONGEST, UNITS, Duration, seconds
from holdfast.model.text import check_name, shown

Rate: TypeAlias = Duration
"""Rate text (`"2/s"`, `"2 per second"`, `"100/15m"`), or the time between two as a duration."""

_RATE = re.compile(r"\s*(\d{1,15}(?:\.\d{0,15})?)\s*(?:/|\s[pP][eE][rR]\s)\s*(\S.*)", re.ASCII)
_EXPECTED = "a rate such as '2/s' or '100 per minute', or the time between two such as '500ms'"


@dataclass(frozen=True)
class Spacing:
    """How far apart the jobs of a task must be, or of all who share it.

    per: a rate (`"2/s"` is one every half second) or the time between two (`"5s"`, seconds, a timedelta); not 0.
    by: a function of the task's own arguments; each value that it answers (what JSON can hold) is spaced by itself.
    name: tasks that name the same spacing share it; None: each task has its own.
    max_wait: of `debounce` only: the longest time a job is put off by newer ones; None: any time.

    Raises InvalidOption.

    >>> Spacing("2/s", by=lambda to, subject: to.split("@")[1]).seconds
    0.5
    """

    per: Rate
    by: Callable[..., Any] | None = None
    name: str | None = None
    max_wait: Duration | None = None

    def __post_init__(self) -> None:
        spaced(self.per, "per")
        if self.by is not None and not callable(self.by):
            raise InvalidOption(f"by must be a function of the task's arguments, not {shown(self.by)}")
        if self.name is not None:
            check_name(self.name, "a spacing's name")
        if self.max_wait is not None:
            seconds(self.max_wait, "max_wait")

    @property
    def seconds(self) -> float:
        """The time between two."""
        return spaced(self.per, "per")

    @staticmethod
    def of(value: "Spacing | Rate", what: str) -> "Spacing":
        """A spacing as a user gave it; InvalidOption names the option `what`."""
        if isinstance(value, Spacing):
            return value
        spaced(value, what)
        return Spacing(value)


@dataclass(frozen=True, slots=True)
class Space:
    """A spacing as it holds for one job: whose turn it is by (`name`), how many seconds lie between two."""

    name: str
    seconds: float
    max_wait: float | None = None


def spaced(value: Rate, what: str) -> float:
    """Seconds between two, from a rate or a duration, to the microsecond; InvalidOption for none at all.

    >>> spaced("4 per minute", "throttle")
    15.0
    """
    number = _from_rate(value) if isinstance(value, str) else None
    if number is None:
        try:
            number = seconds(value, what)
        except InvalidOption:
            raise InvalidOption(f"{what} must be {_EXPECTED}, not {shown(value)}") from None
    number = round(number, 6)
    if not 0 < number <= LONGEST:
        raise InvalidOption(f"{what} must be {_EXPECTED}, and not 0: {shown(value)}")
    return number


@lru_cache(maxsize=256)
def _from_rate(text: str) -> float | None:
    """Seconds between two of `"2/s"`, 0 for a rate of 0 or one too high to tell apart, None for what is no rate."""
    found = _RATE.fullmatch(text)
    if found is None or len(text) > 100:
        return None
    count, unit = float(found[1]), found[2].strip()
    try:
        period = seconds(f"1{unit}" if unit.lower() in UNITS else unit)
    except InvalidOption:
        return None
    return period / count if count else 0.0
