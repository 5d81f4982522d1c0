"""A schedule as it is asked for, stored and read; `rule` says when it fires."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from holdfast.errors import InvalidOption
from holdfast.model.inputs import Cache
from holdfast.model.job import NewJob
from holdfast.model.rule import CatchUp, Overlap, Spec
from holdfast.model.spacing import Space
from holdfast.model.text import shown
from holdfast.model.tick import TICK, tick_text

Source: TypeAlias = Literal["code", "api"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything known about one schedule. Instants are aware UTC.

    name, tenant, task, args: what it is called, whose it is, and what its jobs run.
    source: "code" where a task's decorator declared it, "api" where `schedules.put` did; `deployment` of the former.
    spec: when it fires; None where nobody here understands what is stored.
    paused: whether somebody paused it; parked: why it cannot fire, or None.
    next_due: the next instant, None at its end; last_due: the last instant that has come.
    fired, skipped: jobs it has made, and instants that its overlap rule left out; fired_at: when it last made one.
    """

    name: str
    tenant: str
    task: str
    args: Mapping[str, Any]
    source: Source
    deployment: str | None
    spec: Spec | None
    paused: bool
    parked: str | None
    next_due: datetime | None
    last_due: datetime | None
    fired_at: datetime | None
    fired: int
    skipped: int
    created_at: datetime
    updated_at: datetime

    @property
    def state(self) -> Literal["active", "paused", "parked", "ended"]:
        if self.parked is not None:
            return "parked"
        if self.paused:
            return "paused"
        return "ended" if self.next_due is None else "active"

    @property
    def cron(self) -> tuple[str, ...]:
        return () if self.spec is None else self.spec.cron

    @property
    def every(self) -> str | None:
        return None if self.spec is None else self.spec.every

    @property
    def tz(self) -> str | None:
        return None if self.spec is None else self.spec.tz

    @property
    def catch_up(self) -> CatchUp | None:
        return None if self.spec is None else self.spec.catch_up

    @property
    def overlap(self) -> Overlap | None:
        return None if self.spec is None else self.spec.overlap

    @property
    def when(self) -> str:
        """For people: `0 3 * * * Europe/Oslo`."""
        return "?" if self.spec is None else self.spec.describe()


@dataclass(frozen=True, slots=True)
class ScheduleStats:
    """How the schedules of a tenant stand, and what they did in the last 24 hours.

    active, paused, parked, ended: schedules; next_due: the soonest instant of an active one.
    fired, failed: jobs they made in the last 24 hours, and how many of these have failed for good.
    lateness, worst_lateness: seconds from the instant to the enqueue of the leader's firings, on average and at most;
        None where there were none.
    reasons: why schedules are parked, and how many for each reason: the 20 most common ones.
    """

    active: int
    paused: int
    parked: int
    ended: int
    next_due: datetime | None
    fired: int
    failed: int
    lateness: float | None
    worst_lateness: float | None
    reasons: Mapping[str, int] = field(default_factory=dict[str, int])


class NewSchedule(NamedTuple):
    """A validated request for a schedule: what `put` and declarations store. `args` and `job` are JSON text;
    `formerly`: names that it may have had before."""

    tenant: str
    name: str
    task: str
    args: str
    job: str
    spec: Spec
    source: Source = "api"
    deployment: str | None = None
    paused: bool | None = None
    formerly: tuple[str, ...] = ()


class Timetable(NamedTuple):
    """What a task's decorator said of its schedule: when it fires, and its arguments by name."""

    spec: Spec
    args: Mapping[str, Any]


_TEMPLATE = (
    "queue", "priority", "delay", "max_attempts", "timeout", "policy", "tags", "metadata", "expires", "deadline",
    "key", "on_conflict", "cache", "debounce", "rate_limit", "group", "gates",
)  # fmt: skip
_CLASSES = {"cache": Cache, "debounce": Space, "rate_limit": Space}
_NUMBER = (int, float, type(None))
_KINDS: dict[str, Any] = {
    **dict.fromkeys(_TEMPLATE, (str, type(None))), **dict.fromkeys(_CLASSES, (dict, type(None))),
    **dict.fromkeys(("priority", "max_attempts"), int),
    **dict.fromkeys(("delay", "timeout", "expires", "deadline"), _NUMBER),
}  # fmt: skip
"""What stored values must be: a statement that failed by one would keep all others from firing."""


def template(new: NewJob) -> str:
    """What a schedule keeps of a job beside its task and arguments, as JSON text.

    Raises InvalidOption for what no row can hold, or a schedule says itself.
    """
    if new.run_at is not None:
        raise InvalidOption("run_at belongs to one job: a schedule says itself when its jobs are due")
    if new.merge is not None:
        raise InvalidOption("on_conflict='merge' needs code, which a schedule cannot store: keep, replace or reject")
    kept: dict[str, Any] = {}
    for name in _TEMPLATE:
        value = getattr(new, name)
        if value != _NOTHING[name]:
            kept[name] = asdict(value) if name in _CLASSES else value
    if isinstance(kept.get("cache"), dict):
        kept["cache"]["period"] = new.cache.seconds if new.cache else 0
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


_NOTHING = NewJob("", "", "")._asdict()


def job_of(template: str, id: str, tenant: str, task: str, args: str, tick: datetime, later: float = 0.0) -> NewJob:
    """A job of a schedule, for the instant `tick`, which starts `later` seconds later; InvalidOption where nobody
    understands what is stored."""
    try:
        kept: dict[str, Any] = {name: value for name, value in json.loads(template).items() if name in _TEMPLATE}
        for name, value in kept.items():
            if not isinstance(value, _KINDS[name]) or isinstance(value, bool):
                raise TypeError(f"{name} cannot be {shown(value)}")
        for name, made in _CLASSES.items():
            if kept.get(name) is not None:
                kept[name] = made(**kept[name])
        metadata = {**json.loads(kept.pop("metadata", None) or "{}"), TICK: tick_text(tick)}
        delay = (kept.pop("delay", None) or 0.0) + later
        text = json.dumps(metadata, separators=(",", ":"), ensure_ascii=False)
        return NewJob(id, task, args, tenant, metadata=text, delay=delay or None, **kept)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidOption(f"what is stored of the schedule's jobs cannot be understood: {error}") from error
