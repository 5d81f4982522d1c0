"""What is known of all jobs together: how many stand where, how many ended when, how long they waited and ran."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias, cast

from holdfast.clock import from_micros, to_micros
from holdfast.errors import InvalidOption
from holdfast.model.duration import DAY, HOUR, MINUTE, Duration, seconds
from holdfast.model.job import FINISHED, JobState
from holdfast.model.options import check_moment
from holdfast.model.sketch import Quantiles
from holdfast.model.text import shown

Grain: TypeAlias = Literal["minute", "hour", "day"]
GRAINS: Mapping[str, float] = {"minute": MINUTE, "hour": HOUR, "day": DAY}
KEPT: Mapping[str, float] = {"minute": 2 * DAY, "hour": 60 * DAY, "day": 3 * 366 * DAY}
"""Seconds for which what was counted is known."""

LAST: Mapping[str, str] = {"minute": "1h", "hour": "24h", "day": "30d"}
MOST_SLOTS = 3000
LIVE = tuple(state for state in JobState if state not in FINISHED)


@dataclass(frozen=True, slots=True)
class Slot:
    """How many jobs ended in the minute, hour or day that begins `at` (UTC), by how they ended."""

    at: datetime
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    stalled: int = 0

    @property
    def finished(self) -> int:
        """All of them."""
        return self.succeeded + self.failed + self.cancelled + self.stalled


@dataclass(frozen=True, slots=True)
class Times:
    """How long jobs waited from being due to the start of their last run, and how long that run took."""

    waits: Quantiles
    runs: Quantiles


@dataclass(frozen=True, slots=True)
class Standing:
    """So many live jobs of one task in one queue are in one state; `due`: the earliest time at which one of them is or
    was due."""

    queue: str
    task: str
    state: JobState
    count: int
    due: datetime


@dataclass(frozen=True, slots=True)
class Live:
    """How many live jobs there are.

    standings: by queue, task and state.
    as_of: when they were counted. With fewer than 10,000 that is now; with more the leader counts them on its rounds.
    complete: False where there are more and nobody has counted them yet: then these are the oldest 10,000.
    oldest_due: when the ready job that waits longest was due; None: none waits.
    next_due: when the next scheduled job is due.
    """

    standings: tuple[Standing, ...]
    as_of: datetime
    complete: bool
    oldest_due: datetime | None
    next_due: datetime | None

    @property
    def total(self) -> int:
        return sum(one.count for one in self.standings)

    @property
    def by_state(self) -> dict[JobState, int]:
        """Every live state, also those in which there is none."""
        return {state: sum(one.count for one in self.standings if one.state is state) for state in LIVE}

    @property
    def by_queue(self) -> dict[str, dict[JobState, int]]:
        return _by({one.queue for one in self.standings}, self.standings, "queue")

    @property
    def by_task(self) -> dict[str, dict[JobState, int]]:
        return _by({one.task for one in self.standings}, self.standings, "task")


def _by(names: Iterable[str], standings: Iterable[Standing], part: str) -> dict[str, dict[JobState, int]]:
    counts = {name: dict.fromkeys(LIVE, 0) for name in sorted(names)}
    for one in standings:
        counts[getattr(one, part)][one.state] += one.count
    return counts


@dataclass(frozen=True, slots=True)
class Ended:
    """How many jobs of one task in one queue ended in a time, and when one failed last."""

    queue: str
    task: str
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    stalled: int = 0
    last_failed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs of a queue or task are in each state: the live ones now, the others by when they ended.

    name: of the queue or task. counts: every state, also those in which there is none.
    """

    name: str
    counts: Mapping[JobState, int]
    last_failed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Today:
    """At a glance.

    queues: in how many queues there are live jobs, or jobs that ended in the last 24 hours.
    pending: how many jobs live: they wait, run or will run again.
    schedules: how many of them will fire. next_schedule: when the first does.
    succeeded_today, failed_today: how many jobs ended so in the last 24 hours. last_failed_at: when one failed last, in
    the last 30 days. oldest_due, next_due: see Live.
    """

    queues: int
    pending: int
    schedules: int
    succeeded_today: int
    failed_today: int
    last_failed_at: datetime | None
    next_schedule: datetime | None
    oldest_due: datetime | None
    next_due: datetime | None


def counted(live: Live, ended: Iterable[Ended], part: Literal["queue", "task"]) -> list[Counts]:
    """Live and ended jobs together, by the names of queues or tasks."""
    found: dict[str, dict[JobState, int]] = {}
    failed: dict[str, datetime] = {}
    for name, states in (live.by_queue if part == "queue" else live.by_task).items():
        found.setdefault(name, dict.fromkeys(JobState, 0)).update(states)
    for one in ended:
        name = getattr(one, part)
        counts = found.setdefault(name, dict.fromkeys(JobState, 0))
        for state in FINISHED:
            counts[state] += getattr(one, state.value)
        if one.last_failed_at is not None:
            failed[name] = max(failed.get(name, one.last_failed_at), one.last_failed_at)
    return [Counts(name, found[name], failed.get(name)) for name in sorted(found)]


@dataclass(frozen=True, slots=True)
class Span:
    """The minutes, hours or days of a histogram: all that begin from `low` on and before `high`, in microseconds."""

    grain: Grain
    low: int
    high: int

    @property
    def step(self) -> int:
        return int(GRAINS[self.grain]) * 1_000_000

    def filled(self, slots: Mapping[int, Slot]) -> list[Slot]:
        """Every one of them in order, those without jobs as well."""
        return [slots.get(at) or Slot(from_micros(at)) for at in range(self.low, self.high, self.step)]


@dataclass(frozen=True, slots=True)
class Asked:
    """A time that stats are asked for: the `last` so many seconds up to now, or `since` an instant, `until` another."""

    grain: Grain
    last: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    where: Mapping[str, str | None] = field(default_factory=dict[str, Any])

    @staticmethod
    def of(by: str, last: Duration | None, since: datetime | None, until: datetime | None) -> "Asked":
        """Raises InvalidOption for what is no time, is the wrong way round, or has too many slots."""
        if by not in GRAINS:
            raise InvalidOption(f"by must be 'minute', 'hour' or 'day', not {shown(by)}")
        if last is not None and (since is not None or until is not None):
            raise InvalidOption("give last, or since and until: not both")
        if until is not None and since is None:
            raise InvalidOption("until needs since: an end needs a beginning")
        length = None if since is not None else seconds(LAST[by] if last is None else last, "last")
        if length == 0:
            raise InvalidOption("last must be longer than 0 s")
        asked = Asked(
            cast("Grain", by),
            length,
            None if since is None else check_moment(since, "since"),
            None if until is None else check_moment(until, "until"),
        )
        if asked.since is not None and asked.until is not None and asked.until <= asked.since:
            raise InvalidOption(f"until must come after since: {shown(until)} does not")
        if length is not None and length / GRAINS[by] > MOST_SLOTS:
            raise InvalidOption(f"{shown(last)} by the {by} are more than {MOST_SLOTS:,} slots: take a larger one")
        return asked

    def span(self, now: datetime) -> Span:
        """Whole minutes, hours or days (UTC): the one that is under way is the last. Raises InvalidOption."""
        step = int(GRAINS[self.grain]) * 1_000_000
        until = to_micros(now) + 1 if self.until is None else to_micros(self.until)
        high = -(-until // step) * step
        if self.since is None:
            return Span(self.grain, high - math.ceil((self.last or 0) * 1_000_000 / step) * step, high)
        low = to_micros(self.since) // step * step
        if (high - low) / step > MOST_SLOTS:
            raise InvalidOption(
                f"from {self.since.isoformat()} on there are more than {MOST_SLOTS:,} {self.grain}s: take a larger "
                "slot or a later beginning"
            )
        return Span(self.grain, low, max(low, high))


def fine_grain(length: float) -> Grain:
    """What a time of so many seconds is put together of."""
    if length <= 6 * HOUR:
        return "minute"
    return "hour" if length <= 7 * DAY else "day"
