"""The instant that a schedule meant: its jobs carry it in their metadata, so that no other job pays for it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

TICK = "holdfast:tick"
"""The entry of a job's metadata; names that begin with `holdfast:` are not for others."""


def tick_text(instant: datetime) -> str:
    """As the metadata holds it: ISO 8601 in UTC."""
    return instant.astimezone(UTC).isoformat()


def tick_of(metadata: Mapping[str, Any]) -> datetime | None:
    """The nominal instant of a schedule's job, aware UTC; None of any other."""
    text = metadata.get(TICK) if metadata else None
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None
