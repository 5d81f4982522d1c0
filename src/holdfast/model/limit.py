"""Limits: how many jobs of some tasks may run at once, and how far apart they start."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, cast

from holdfast.errors import InvalidOption
from holdfast.model.gate import GROUP, LIMIT, THROTTLE, Pass, split
from holdfast.model.inputs import short
from holdfast.model.jsontext import dump_json
from holdfast.model.spacing import Rate, Space, spaced
from holdfast.model.text import check_name, shown

MOST = 2**31 - 1
Ask: TypeAlias = Callable[[Callable[..., Any]], Any]


@dataclass(frozen=True)
class Limit:
    """A limit that all jobs keep whose tasks name it, under any number of workers.

    concurrency: how many places there are, from 1: so many may run at once; None: any number.
    throttle: how far apart starts are: a rate (`"2/s"`) or the time between two; None: any time. One of both is given.
    by: a function of the task's own arguments; each value that it answers has a limit of its own.
    weight: the places one job takes (and that many times the throttle), from 1 to `concurrency`, or a function of the
        arguments.
    name: tasks that name the same limit share it; None: the task has its own, under the task's name.

    Raises InvalidOption.

    >>> Limit(concurrency=5, by=lambda account: account, name="billing").concurrency
    5
    """

    concurrency: int | None = None
    throttle: Rate | None = None
    by: Callable[..., Any] | None = None
    weight: int | Callable[..., int] = 1
    name: str | None = None

    def __post_init__(self) -> None:
        if self.concurrency is None and self.throttle is None:
            raise InvalidOption("a Limit needs concurrency=, throttle= or both")
        if self.concurrency is not None:
            check_places(self.concurrency, "concurrency")
        if self.throttle is not None:
            spaced(self.throttle, "throttle")
        if self.by is not None and not callable(self.by):
            raise InvalidOption(f"by must be a function of the task's arguments, not {shown(self.by)}")
        if not callable(self.weight):
            self._check_weight(self.weight)
        if self.name is not None:
            check_name(self.name, "a limit's name")

    def _check_weight(self, value: Any) -> int:
        weight = check_places(value, "weight")
        if self.concurrency is not None and weight > self.concurrency:
            raise InvalidOption(f"weight is {weight}, and the limit has {self.concurrency} places: it would never run")
        return weight

    @property
    def spacing(self) -> float | None:
        """Seconds between two starts, None for none."""
        return None if self.throttle is None else spaced(self.throttle, "throttle")

    def gate(self, task: str) -> str:
        """The gate it is for jobs of `task`, before it is split."""
        return LIMIT + (self.name or task)

    def pass_for(self, ask: Ask, task: str) -> Pass:
        """What one call of `task` must pass; `ask` calls a function with its arguments."""
        if self.by is None and not callable(self.weight):
            return _same_for_all(self, task)
        base = gate = self.gate(task)
        if self.by is not None:
            value = ask(self.by)
            gate = split(base, value if isinstance(value, str) else dump_json(value, "what by answered"))
        weight = self._check_weight(ask(self.weight) if callable(self.weight) else self.weight)
        return Pass(gate, base, weight, self.concurrency, self.spacing)


@lru_cache(maxsize=256)
def _same_for_all(limit: Limit, task: str) -> Pass:
    """What every call of `task` must pass alike."""
    base = limit.gate(task)
    return Pass(base, base, cast("int", limit.weight), limit.concurrency, limit.spacing)


Limits: TypeAlias = Limit | Iterable[Limit]


def check_places(value: Any, what: str) -> int:
    """A number of places: whole, from 1; InvalidOption for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise InvalidOption(f"{what} must be a whole number from 1, not {shown(value)}")
    return value


def check_limits(value: Any) -> tuple[Limit, ...]:
    """One limit or several; InvalidOption for anything else."""
    given = cast("Any", (value,) if isinstance(value, Limit) else value)
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise InvalidOption(f"limit must be a Limit or several, such as Limit(concurrency=5), not {shown(value)}")
    found: tuple[Any, ...] = tuple(cast("Any", given))
    for one in found:
        if not isinstance(one, Limit):
            raise InvalidOption(f"limit must be a Limit or several, such as Limit(concurrency=5), not {shown(one)}")
    return found


def group_pass(name: str, size: int, block: bool, stop: bool) -> Pass:
    """What a job of a group must pass."""
    return Pass(GROUP + name, size=size, block=block, stop=stop)


def throttle_pass(space: Space) -> Pass:
    """What a throttled job must pass."""
    return Pass(THROTTLE + short(space.name), size=None, spacing=space.seconds)


def told_limits(limits: tuple[Limit, ...], ask: Ask, task: str) -> tuple[Pass, ...]:
    """The gates of one call of `task`; InvalidOption where it names one twice."""
    passes = tuple(limit.pass_for(ask, task) for limit in limits)
    if len(passes) > 1 and len({one.gate for one in passes}) < len(passes):
        raise InvalidOption(f"task {task} has one limit twice: give each a name= of its own")
    return passes
