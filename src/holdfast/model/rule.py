"""Schedules: rules by which jobs come into being, and what a rule makes of the instants that have come.

Pure: instants come in, instants go out. What is stored of a schedule is a `Spec` as JSON text, and where it stands.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from typing_extensions import TypedDict

from holdfast.clock import MICROSECOND, from_micros, to_micros
from holdfast.errors import InvalidOption
from holdfast.model.cron import Cron, Missing, Twice
from holdfast.model.duration import YEAR, Duration, seconds
from holdfast.model.options import check_moment
from holdfast.model.period import Period
from holdfast.model.text import shown
from holdfast.model.zone import zone

CatchUp: TypeAlias = Literal["none", "latest", "all"] | int
Overlap: TypeAlias = Literal["allow", "skip", "queue-one", "cancel-old"]
Every: TypeAlias = Duration
CronOption: TypeAlias = str | Sequence[str]

MOST_CRONS = 100
MOST_CAUGHT_UP = 1000
"""Instants that one firing makes up for at most; with `catch_up="all"` the next firing goes on."""

MOST_GONE_THROUGH = 50
"""Instants that are gone through one by one before the newest are looked for: looking costs as much as 50."""

MISSED_AFTER = timedelta(minutes=1)
"""With `catch_up="none"`, an instant that is not fired within this is missed."""

CATCH_UPS = ("none", "latest", "all")
OVERLAPS: tuple[Overlap, ...] = ("allow", "skip", "queue-one", "cancel-old")


class ScheduleArguments(TypedDict, total=False, closed=True):
    """When a schedule fires, beside its `cron` or `every`: see Spec."""

    tz: str
    start_at: datetime | None
    end_at: datetime | None
    max_runs: int | None
    catch_up: CatchUp
    overlap: Overlap
    jitter: Duration
    twice: Twice | None
    missing: Missing | None


@dataclass(frozen=True, slots=True)
class Spec:
    """When a schedule fires.

    cron: an expression, or several, of which instants that coincide fire once: five fields, or six with seconds first.
    every: a period from 1 s to 1,000 years; in text, days, weeks, months and years are those of the zone's calendar.
    tz: the IANA zone of both, UTC.
    start_at: the first instant of `every`, or the one before which no cron fires; None: `every` fires at once when it
        is first declared.
    end_at: no instant after it fires. max_runs: it fires so often in all.
    catch_up: of instants that were missed: "none" (late by over a minute is missed), the "latest", the newest n (a
        number), or "all".
    overlap: what happens while an earlier job of it lives: "allow" another; "skip" the instant; "queue-one": the newest
        instant waits until no job lives; "cancel-old": cancel those, then enqueue.
    jitter: each job starts up to so much later, by chance; its tick is the instant itself.
    twice: of a local time that happens twice, "once" is the first alone, "both" are both.
    missing: a local time that does not exist fires at the "next" valid instant, or is left out ("skip").
        Not given, expressions that hold in every hour go by the time that passes, and all others fire once and at the
        next valid instant.
    """

    cron: tuple[str, ...] = ()
    every: str | None = None
    tz: str = "UTC"
    start_at: datetime | None = None
    end_at: datetime | None = None
    max_runs: int | None = None
    catch_up: CatchUp = "latest"
    overlap: Overlap = "allow"
    jitter: float = 0.0
    twice: Twice | None = None
    missing: Missing | None = None

    @classmethod
    def of(cls, cron: CronOption | None = None, every: Every | None = None, **given: Any) -> "Spec":
        """A spec as a user gave it; InvalidOption names what cannot be used.

        >>> Spec.of(cron="0 3 * * *", tz="Europe/Oslo").tz
        'Europe/Oslo'
        """
        if (cron is None) == (every is None):
            raise InvalidOption("a schedule has either cron= or every=, and one of them")
        unknown = given.keys() - _CHECKS.keys()
        if unknown:
            raise InvalidOption(
                f"a schedule has no {', '.join(sorted(unknown))}; it has cron, every, {', '.join(_CHECKS)}"
            )
        checked = {name: _CHECKS[name](value) for name, value in given.items()}
        if cron is not None:
            checked["cron"] = tuple(dict.fromkeys(each.text for each in _crons(cron)))
        else:
            checked["every"] = str(Period.of(cast("Every", every)))
            if checked.get("twice") == "both":
                raise InvalidOption("twice: an interval fires once a period; 'both' is for cron=")
        spec = cls(**checked)
        if spec.end_at is not None and spec.start_at is not None and spec.end_at < spec.start_at:
            raise InvalidOption(f"end_at must not be before start_at: {spec.end_at} is")
        return spec

    def dumps(self) -> str:
        """As JSON text of one form: two of one meaning are one text."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        plain = {name: value for name, value in given.items() if value != _DEFAULTS[name]}
        for name in ("start_at", "end_at"):
            if name in plain:
                plain[name] = to_micros(plain[name])
        return json.dumps(plain, sort_keys=True, separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> "Spec":
        """What `dumps` wrote; InvalidOption for what it did not, or where its zone is not known here any more."""
        try:
            plain: dict[str, Any] = dict(json.loads(text))
            for name in ("start_at", "end_at"):
                if plain.get(name) is not None:
                    plain[name] = from_micros(plain[name])
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise InvalidOption(f"what is stored of the schedule cannot be understood: {shown(text)}") from error
        return cls.of(**plain)

    def rule(self, anchor: datetime) -> "Rule":
        """Its arithmetic; `anchor` is the instant on whose grid an interval without `start_at` lies."""
        return Rule(self, anchor)

    def describe(self) -> str:
        """For people: `0 3 * * MON-FRI Europe/Oslo`, `every 15m`."""
        what = " | ".join(self.cron) if self.cron else f"every {self.every}"
        return what if self.tz == "UTC" else f"{what} {self.tz}"


class Rule:
    """The instants of a spec, one after the other."""

    def __init__(self, spec: Spec, anchor: datetime) -> None:
        self._spec = spec
        self._tz = zone(spec.tz)
        self._crons = tuple(Cron.of(text) for text in spec.cron)
        self._period = None if spec.every is None else Period.of(spec.every)
        self._anchor = anchor if spec.start_at is None else spec.start_at

    def next(self, after: datetime) -> datetime | None:
        """The first instant after `after`; None where there is none any more."""
        spec = self._spec
        if self._period is not None:
            found = self._period.next(after, self._anchor, self._tz, spec.missing or "next")
        else:
            if spec.start_at is not None:
                after = max(after, spec.start_at - MICROSECOND)
            each = (cron.next(after, self._tz, spec.twice, spec.missing) for cron in self._crons)
            found = min((one for one in each if one is not None), default=None)
        return None if found is None or (spec.end_at is not None and found > spec.end_at) else found

    def first(self, now: datetime) -> datetime | None:
        """The first instant of a schedule that is declared now: an interval's own beginning, at once or later."""
        return self.next(now if self._period is None else now - MICROSECOND)

    def several(self, after: datetime, count: int) -> list[datetime]:
        """The next `count` instants, or as many as there are."""
        found: list[datetime] = []
        while len(found) < count and (one := self.next(after)) is not None:
            found.append(one)
            after = one
        return found

    def latest(self, after: datetime, now: datetime) -> datetime | None:
        """The last instant after `after` and by `now`, found without going through those between."""
        first = self.next(after)
        if first is None or first > now:
            return None
        low, high, step = first, now, timedelta(seconds=1)
        while now - step > low:
            found = self.next(now - step)
            if found is not None and found <= now:
                low = found
                break
            high, step = now - step, step * 2
        while (following := self.next(low)) is not None and following <= now:
            middle = low + (high - low) / 2
            found = self.next(middle)
            if middle > low and found is not None and found <= now:
                low = max(found, following)
            else:
                low, high = following, middle
        return low


class Firing(NamedTuple):
    """What is to be done about a schedule that is due: the instants that make a job each, the last instant that has
    come (fired or missed), and the one it waits for from now on (None: its end)."""

    instants: Sequence[datetime]
    last: datetime
    next: datetime | None


def firing(spec: Spec, rule: Rule, due: datetime, now: datetime, fired: int, waited: bool = False) -> Firing:
    """Judge a schedule of which `due` and perhaps later instants have come by `now`.

    fired: how often it has fired. waited: it was held up by a job of its own, so nothing of it counts as missed.
    """
    left = MOST_CAUGHT_UP if spec.max_runs is None else max(0, spec.max_runs - fired)
    alone = spec.overlap != "allow"  # of several jobs made at once, each would be in the way of the next
    if spec.catch_up == "all" and not alone:
        come = _come(rule, due, now, MOST_CAUGHT_UP)
        chosen = come[: min(left, MOST_CAUGHT_UP)]
        last = chosen[-1] if chosen else come[-1]
    else:
        wanted = 1 if alone or isinstance(spec.catch_up, str) else spec.catch_up
        most = max(MOST_GONE_THROUGH, wanted)
        come = _come(rule, due, now, most + 1)
        chosen = come[-wanted:] if len(come) <= most else _newest(rule, come, now, wanted)
        last = chosen[-1]
        if spec.catch_up == "none" and not waited and now - last > MISSED_AFTER:
            chosen = []
        chosen = chosen[:left]
    if spec.max_runs is not None and len(chosen) >= left:
        return Firing(chosen, last, None)
    return Firing(chosen, last, rule.next(last))


def _come(rule: Rule, due: datetime, now: datetime, most: int) -> list[datetime]:
    come = [due]
    while len(come) < most and (one := rule.next(come[-1])) is not None and one <= now:
        come.append(one)
    return come


def _newest(rule: Rule, come: list[datetime], now: datetime, count: int) -> list[datetime]:
    """The newest instants of more than can be gone through."""
    found: list[datetime] = []
    end = now
    while len(found) < count and (one := rule.latest(come[-1], end)) is not None:
        found.append(one)
        end = one - MICROSECOND
    return (come + found[::-1])[-count:]


def delay_of(jitter: float, tenant: str, name: str, instant: datetime) -> float:
    """Seconds by which a job of this instant starts later: the same whoever asks."""
    if not jitter:
        return 0.0
    from hashlib import blake2b

    drawn = blake2b(f"{tenant} {name} {to_micros(instant)}".encode("utf-8", "replace"), digest_size=8).digest()
    return round(jitter * int.from_bytes(drawn, "big") / 2**64, 6)


@lru_cache(maxsize=4096)
def rule_of(text: str, anchor: datetime) -> tuple[Spec, Rule]:
    """A stored spec and its rule; InvalidOption where they are none, or the zone is not known here."""
    spec = Spec.loads(text)
    return spec, spec.rule(anchor)


def _crons(given: object) -> list[Cron]:
    if isinstance(given, str):
        return [Cron.of(given)]
    if isinstance(given, bytes | Mapping) or not isinstance(given, Iterable):
        raise InvalidOption(f"cron must be an expression, or a list of them, not {shown(given)}")  # pyright: ignore[reportUnknownArgumentType]
    found: list[Cron] = []
    for place, one in enumerate(cast("Iterable[object]", given), 1):
        if place > MOST_CRONS:
            raise InvalidOption(f"cron: a schedule has at most {MOST_CRONS} expressions")
        found.append(Cron.of(one, f"cron[{place - 1}]"))
    if not found:
        raise InvalidOption("cron must have an expression, and the list is empty")
    return found


def _check_catch_up(value: object) -> CatchUp:
    if type(value) is int and 0 <= value <= MOST_CAUGHT_UP:
        return "none" if value == 0 else "latest" if value == 1 else value
    if value not in CATCH_UPS:
        raise InvalidOption(
            f"catch_up must be {', '.join(map(repr, CATCH_UPS))} or a number up to {MOST_CAUGHT_UP}, not {shown(value)}"
        )
    return cast("CatchUp", value)


def _check_overlap(value: object) -> Overlap:
    found = value.replace("_", "-").replace(" ", "-") if isinstance(value, str) else value
    for each in OVERLAPS:
        if found == each:
            return each
    raise InvalidOption(f"overlap must be one of {', '.join(map(repr, OVERLAPS))}, not {shown(value)}")


def _check_max_runs(value: object) -> int | None:
    if value is None or (type(value) is int and 1 <= value < 2**31):
        return value
    raise InvalidOption(f"max_runs must be a whole number from 1, or None, not {shown(value)}")


def _check_jitter(value: Any) -> float:
    found = seconds(value, "jitter")
    if found > YEAR:
        raise InvalidOption(f"jitter must be at most a year, not {shown(value)}")
    return found


def _one_of(what: str, *choices: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value is not None and value not in choices:
            raise InvalidOption(f"{what} must be {' or '.join(map(repr, choices))}, not {shown(value)}")
        return value

    return check


def _moment(what: str) -> Callable[[Any], datetime | None]:
    return lambda value: None if value is None else check_moment(value, what)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "tz": lambda value: zone(value).key,
    "start_at": _moment("start_at"),
    "end_at": _moment("end_at"),
    "max_runs": _check_max_runs,
    "catch_up": _check_catch_up,
    "overlap": _check_overlap,
    "jitter": _check_jitter,
    "twice": _one_of("twice", "once", "both"),
    "missing": _one_of("missing", "next", "skip"),
}
_DEFAULTS = {each.name: each.default for each in fields(Spec)}
