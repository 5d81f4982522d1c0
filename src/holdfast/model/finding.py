"""What an examination finds: how bad, what it is, what to do."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of what was found, and one of what to do about it."""

    level: Level
    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at.

    needs_tables: it is left out where Holdfast's tables are missing or of another version.
    """

    name: str
    run: Callable[[], Iterable[Finding]]
    needs_tables: bool = True


def fine(what: str) -> Finding:
    return Finding(Level.OK, what)


def warning(what: str, remedy: str) -> Finding:
    return Finding(Level.WARNING, what, remedy)


def problem(what: str, remedy: str) -> Finding:
    return Finding(Level.PROBLEM, what, remedy)


def size(amount: float) -> str:
    """Bytes for people.

    >>> size(3_500_000)
    '3.3 MB'
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TB"


def span(seconds: float) -> str:
    """A length of time for people, in its largest unit.

    >>> span(7300)
    '2 h'
    """
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
