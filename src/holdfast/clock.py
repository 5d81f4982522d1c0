"""The one place where Python reads a clock.

Instants that are stored come from the database; `Clock` is how a test puts its own instead. Local waiting is
monotonic and never stored.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """What a store asks for the time that its statements shall see."""

    def fixed(self) -> int | None:
        """Microseconds since 1970 that every statement must use, or None for the database's own clock."""
        ...


class DatabaseClock:
    """The default: statements read the database's clock."""

    def fixed(self) -> int | None:
        return None


def machine_micros() -> int:
    """This machine's wall clock, which on SQLite is the database's clock."""
    return time.time_ns() // 1000


monotonic: Callable[[], float] = time.monotonic


def instant(clock: Clock) -> datetime:
    """About what the store's statements see now, without asking them."""
    fixed = clock.fixed()
    return from_micros(machine_micros() if fixed is None else fixed)


def from_micros(micros: int) -> datetime:
    """An aware UTC datetime, exact to the microsecond."""
    return EPOCH + micros * MICROSECOND


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (moment - EPOCH) // MICROSECOND
