"""Which jobs are meant: by state, queue, task and whatever else is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from difflib import get_close_matches
from typing import Any, TypeAlias, cast

from holdfast.clock import MICROSECOND, to_micros
from holdfast.errors import InvalidOption
from holdfast.model.conflict import check_key
from holdfast.model.job import FINISHED, JobRecord, JobState
from holdfast.model.options import check_moment
from holdfast.model.text import check_name, shown

Instants: TypeAlias = tuple[datetime | None, datetime | None]
When: TypeAlias = datetime | Instants
"""An instant, or a range from the first one on and before the second; one end may be None."""

LIVE = frozenset(JobState) - FINISHED
HIGHEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Conditions that jobs fulfil, all of them; None asks nothing.

    states: one of these. queue, task, key, group: this very one. tag: among others.
    priority: from the first to the second, both included.
    created, due, finished: from the first instant on and before the second.
    error: this text is in the kind or message of one of its errors; capitals matter.
    """

    states: tuple[JobState, ...] | None = None
    queue: str | None = None
    task: str | None = None
    tag: str | None = None
    key: str | None = None
    group: str | None = None
    priority: tuple[int | None, int | None] = (None, None)
    created: Instants = (None, None)
    due: Instants = (None, None)
    finished: Instants = (None, None)
    error: str | None = None

    @staticmethod
    def of(**given: Any) -> JobFilter:
        """Conditions as a user gave them, checked: InvalidOption names the one that cannot be."""
        checked: dict[str, Any] = {}
        for name, value in given.items():
            check = _CHECKS.get(name)
            if check is None:
                raise InvalidOption(_unknown(name))
            if value is not None:
                checked["states" if name == "state" else name] = check(value)
        return JobFilter(**checked)

    @property
    def empty(self) -> bool:
        return self == _ALL

    @property
    def live(self) -> bool:
        """Whether live jobs may fulfil it."""
        return self.finished == (None, None) and (self.states is None or not LIVE.isdisjoint(self.states))

    @property
    def ended(self) -> bool:
        """Whether finished jobs may fulfil it."""
        return self.states is None or not FINISHED.isdisjoint(self.states)

    @property
    def unsuccessful(self) -> bool:
        """Whether it takes finished jobs, and none that succeeded."""
        return self.ended and self.states is not None and JobState.SUCCEEDED not in self.states

    def values(self) -> tuple[Any, ...]:
        """What statements are given of it, in the order of their signatures."""
        states = None if self.states is None else " ".join(self.states)
        times = [None if at is None else to_micros(at) for at in (*self.created, *self.due, *self.finished)]
        return (states, self.queue, self.task, self.tag, self.key, self.group, *self.priority, *times, self.error)

    def fits(self, job: JobRecord) -> bool:
        """What the statements ask, of a record at hand."""
        return (
            (self.states is None or job.state in self.states)
            and all(mine in (None, its) for mine, its in self._same(job))
            and (self.tag is None or self.tag in job.tags)
            and _within(self.priority, job.priority, closed=True)
            and _within(self.created, job.created_at)
            and _within(self.due, job.due_at)
            and (
                self.finished == (None, None)
                or (job.finished_at is not None and _within(self.finished, job.finished_at))
            )
            and (self.error is None or any(self.error in one.kind or self.error in one.message for one in job.errors))
        )

    def _same(self, job: JobRecord) -> tuple[tuple[str | None, str | None], ...]:
        return (self.queue, job.queue), (self.task, job.task), (self.key, job.key), (self.group, job.group)

    def told(self) -> dict[str, Any]:
        """What it asks, as plain values for a record of it."""
        found: dict[str, Any] = {}
        for part in fields(self):
            value = getattr(self, part.name)
            if value is None or value == (None, None):
                continue
            if isinstance(value, tuple):
                value = [one.isoformat() if isinstance(one, datetime) else one for one in cast("tuple[Any]", value)]
            found["state" if part.name == "states" else part.name] = value
        return found


def _within(span: tuple[Any, Any], value: Any, closed: bool = False) -> bool:
    low, high = span
    if value is None:
        return False
    return (low is None or value >= low) and (high is None or value < high or (closed and value == high))


def _states(value: Any) -> tuple[JobState, ...]:
    asked: list[object] = (
        [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(cast("Iterable[object]", value))
    )
    if not asked:
        raise InvalidOption("state must name one state or several, not none")
    try:
        return tuple(dict.fromkeys(JobState(cast(str, one)) for one in asked))
    except ValueError:
        raise InvalidOption(f"state must be one of {', '.join(JobState)}, not {shown(asked)}") from None


def _named(what: str) -> Callable[[Any], str]:
    return lambda value: check_name(value, what)


def _whole(value: Any, what: str) -> int:
    if type(value) is not int or not -HIGHEST - 1 <= value <= HIGHEST:
        raise InvalidOption(f"{what} must be a whole number of 32 bits, or two of them, not {shown(value)}")
    return value


def _ends(value: Any, what: str, check: Callable[[Any, str], Any]) -> tuple[Any, Any]:
    """The two ends of a range, one of which may be open."""
    given: tuple[Any, ...] = tuple(value)
    if len(given) != 2:
        raise InvalidOption(f"{what} as a range has two ends, such as (start, None), not {len(given)}")
    low, high = (None if one is None else check(one, what) for one in given)
    if low is None and high is None:
        raise InvalidOption(f"{what} as a range needs a beginning or an end: both are None")
    if low is not None and high is not None and low > high:
        raise InvalidOption(f"{what} ends before it begins: {shown(given)}")
    return low, high


def _priority(value: Any) -> tuple[int | None, int | None]:
    if isinstance(value, tuple | list):
        return _ends(cast(Any, value), "priority", _whole)
    number = _whole(value, "priority")
    return number, number


def _instants(what: str) -> Callable[[Any], Instants]:
    def check(value: Any) -> Instants:
        if isinstance(value, tuple | list):
            return _ends(cast(Any, value), what, check_moment)
        moment = check_moment(value, what)
        return moment, moment + MICROSECOND

    return check


def _error(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 1000 or "\x00" in value:
        raise InvalidOption(f"error must be text of 1 to 1,000 characters, not {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidOption(f"error must not hold lone surrogates: {shown(value)}") from None
    return value


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "state": _states,
    "queue": _named("queue"),
    "task": _named("task"),
    "tag": _named("tag"),
    "key": check_key,
    "group": _named("group"),
    "priority": _priority,
    "created": _instants("created"),
    "due": _instants("due"),
    "finished": _instants("finished"),
    "error": _error,
}
_ALL = JobFilter()


def _unknown(name: str) -> str:
    close = get_close_matches(name, _CHECKS, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(_CHECKS)} and tenant"
    return f"there is no filter {shown(name)}{hint}"
