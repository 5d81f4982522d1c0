"""Local time: which instants a time on the wall means in a zone, the days on which clocks are changed included."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from holdfast.errors import InvalidOption
from holdfast.model.text import shown

LONGEST_ZONE = 64
SECOND = timedelta(seconds=1)
_NO_ZONES = ("localtime", "posixrules", "posix/", "right/", "Factory")
"""Files beside the zones: another zone on each machine, or one that counts leap seconds."""


def zone(name: object, what: str = "tz") -> ZoneInfo:
    """An IANA zone such as `Europe/Oslo`; InvalidOption for anything else, or where this machine does not know it."""
    if isinstance(name, ZoneInfo):
        name = name.key
    if not isinstance(name, str) or not name.isascii() or not 0 < len(name) <= LONGEST_ZONE:
        raise InvalidOption(f"{what} must be the name of a time zone such as 'Europe/Oslo', not {shown(name)}")
    found = None if name.startswith(_NO_ZONES) else _zone(name)
    if found is None:
        raise InvalidOption(
            f"{what}: there is no time zone {shown(name)} on this machine; names are such as 'Europe/Oslo'"
        )
    return found


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError):  # unknown, a folder, or a path that leads elsewhere
        return None
    except KeyError:
        return None


@dataclass(frozen=True, slots=True)
class Wall:
    """A time on the wall as instants. `first`: the only or earlier one; for a time that does not exist, the instant at
    which the clocks skip it. `second`: the later one of a time that happens twice. `missing`: it does not exist."""

    first: datetime
    second: datetime | None = None
    missing: bool = False


def wall(local: datetime, tz: ZoneInfo) -> Wall:
    """What `local`, a datetime without a zone, means in `tz`."""
    early = local.replace(tzinfo=tz, fold=0).astimezone(UTC)
    late = local.replace(tzinfo=tz, fold=1).astimezone(UTC)
    if early == late:
        return Wall(early)
    if early < late:
        return Wall(early, late)
    return Wall(_change(late, early, tz), missing=True)


def local_of(instant: datetime, tz: ZoneInfo) -> datetime:
    """The time on the wall, without a zone; `fold` tells which of two it is."""
    return instant.astimezone(tz).replace(tzinfo=None)


def repeated_end(instant: datetime, tz: ZoneInfo) -> tuple[datetime, datetime] | None:
    """Where the time on the wall happens twice: the first and the end of all the local times that do, then."""
    local = local_of(instant, tz)
    found = wall(local, tz)
    if found.second is None:
        return None
    change = _change(found.first, found.second, tz)
    shift = found.second - found.first
    start = local_of(change, tz).replace(fold=0)
    return start, start + shift


def _change(before: datetime, after: datetime, tz: ZoneInfo) -> datetime:
    """The instant, after `before` and by `after`, at which the offset becomes that of `after`."""
    offset = after.astimezone(tz).utcoffset()
    while after - before > SECOND:
        middle = before + timedelta(seconds=(after - before) // SECOND // 2)
        if middle.astimezone(tz).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0) if after.microsecond else after
