"""Instants for people, relative and in UTC, and for machines."""

from datetime import UTC, datetime

from holdfast.clock import from_micros, machine_micros

_STEPS = ((60.0, 1.0, "s"), (3600.0, 60.0, "m"), (86_400.0, 3600.0, "h"), (float("inf"), 86_400.0, "d"))


def now() -> datetime:
    """This machine's clock: only relative times depend on it."""
    return from_micros(machine_micros())


def relative(moment: datetime, at: datetime) -> str:
    """How long ago, or in how long: `12s ago`, `in 5m`, `now`.

    >>> relative(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 2, 30, tzinfo=UTC))
    '2h ago'
    """
    seconds = (at - moment).total_seconds()
    size = abs(seconds)
    if size < 1:
        return "now"
    unit, letter = next((unit, letter) for limit, unit, letter in _STEPS if size < limit)
    amount = f"{int(size // unit)}{letter}"
    return f"{amount} ago" if seconds > 0 else f"in {amount}"


def utc(moment: datetime) -> str:
    """For people, to the second: `2026-01-01 09:30:00Z`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def exact(moment: datetime) -> str:
    """For machines: ISO 8601 in UTC with microseconds, `2026-01-01T09:30:00.000000Z`."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
