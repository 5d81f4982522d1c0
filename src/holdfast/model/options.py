"""What may be said about one job beside its arguments: by a task's decorator, by `using`, by an app's defaults."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import Enum
from typing import Any, Final, cast

from typing_extensions import TypedDict

from holdfast.errors import InvalidOption
from holdfast.model.duration import Duration, seconds
from holdfast.model.jsontext import dump_json
from holdfast.model.policy import OnCrash, OnTimeout, Policy
from holdfast.model.retry import NO_RETRY, Retry, RetryOption
from holdfast.model.text import check_name, shown

MOST_TAGS = 100
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_HIGHEST_PRIORITY = 2**31 - 1
_MOST_CRASHES = 2**31 - 1


class Unset(Enum):
    """The type of UNSET: an option nobody gave, which is another thing than None."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return self.name


UNSET: Final = Unset.UNSET


class OptionArguments(TypedDict, total=False, closed=True):
    """The options of one job, as `using` and the decorator take them; JobOptions says what each means."""

    queue: str
    priority: int
    delay: Duration | None
    run_at: datetime | None
    retry: RetryOption
    expires: Duration | None
    deadline: Duration | None
    timeout: Duration | None
    on_timeout: OnTimeout
    on_crash: OnCrash
    max_crashes: int | None
    keep_succeeded: Duration
    keep_failed: Duration
    tags: Iterable[str]
    metadata: Mapping[str, Any] | None
    tenant: str


@dataclass(frozen=True, slots=True)
class JobOptions:
    """Options that were given, checked and in one form; `UNSET` where nobody said anything.

    queue: the lane the job waits in, "default".
    priority: higher first, a 32-bit whole number, 0.
    delay, run_at: seconds from now, or an instant (UTC), before which it does not start; one of them.
    expires: seconds from enqueue within which it must have started, or it is cancelled (reason `expired`); None: ever.
    deadline: seconds from enqueue for its whole life, waits and retries included; past them it is stopped and cancelled
        (reason `deadline`); None: no end.
    retry: how often it runs and how long it waits in between, once.
    timeout: seconds one attempt may run, 1 h; None: any time.
    on_timeout, on_crash, max_crashes, keep_succeeded, keep_failed: see Policy.
    tags, metadata: JSON text of names to find it by, and of a mapping it carries.
    tenant: whose job it is, "default".
    """

    queue: str | Unset = UNSET
    priority: int | Unset = UNSET
    delay: float | Unset | None = UNSET
    run_at: datetime | Unset | None = UNSET
    expires: float | Unset | None = UNSET
    deadline: float | Unset | None = UNSET
    retry: Retry | Unset = UNSET
    timeout: float | Unset | None = UNSET
    on_timeout: OnTimeout | Unset = UNSET
    on_crash: OnCrash | Unset = UNSET
    max_crashes: int | Unset | None = UNSET
    keep_succeeded: float | Unset = UNSET
    keep_failed: float | Unset = UNSET
    tags: str | Unset | None = UNSET
    metadata: str | Unset | None = UNSET
    tenant: str | Unset = UNSET
    _columns: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "JobOptions":
        """Options as a user gave them, checked; InvalidOption names the one that cannot be used."""
        checked: dict[str, Any] = {}
        for name, value in given.items():
            check = _CHECKS.get(name)
            if check is None:
                raise InvalidOption(_unknown(name))
            checked[name] = check(value)
        if checked.get("delay") is not None and checked.get("run_at") is not None:
            raise InvalidOption("give delay or run_at, not both")
        return cls(**checked)

    def over(self, below: "JobOptions") -> "JobOptions":
        """These options, and those of `below` where nothing is said here."""
        given = {name: value for name in _CHECKS if (value := getattr(self, name)) is not UNSET}
        # One says when the job is due: who gives the one takes back the other.
        if "delay" in given or "run_at" in given:
            given = {"delay": UNSET, "run_at": UNSET} | given
        return replace(below, **given)

    def columns(self) -> Mapping[str, Any]:
        """What these options make of a NewJob, by field name; its own defaults are left out."""
        if self._columns is None:
            object.__setattr__(self, "_columns", _columns(self))
        return self._columns or {}


NO_OPTIONS = JobOptions()
_OWN_COLUMNS = ("queue", "priority", "delay", "run_at", "expires", "deadline", "timeout", "tags", "metadata", "tenant")
_POLICY = tuple(each.name for each in fields(Policy))


def _columns(options: JobOptions) -> dict[str, Any]:
    found = {name: value for name in _OWN_COLUMNS if (value := getattr(options, name)) is not UNSET}
    policy = {name: value for name in _POLICY if (value := getattr(options, name)) is not UNSET}
    if policy:
        found["max_attempts"] = policy.get("retry", NO_RETRY).attempts
        found["policy"] = Policy(**policy).dumps()
    return found


_ELSEWHERE = {"connection": "task.using(…)", "transaction": "the decorator"}


def _unknown(name: str) -> str:
    if name in _ELSEWHERE:
        return f"option {name!r} is given to {_ELSEWHERE[name]} only"
    close = get_close_matches(name, _CHECKS, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(_CHECKS)}"
    return f"there is no option {shown(name)}{hint}"


def _check_number(what: str, lowest: int, highest: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidOption(f"{what} must be a whole number, not {shown(value)}")
        if not lowest <= value <= highest:
            raise InvalidOption(f"{what} must be {lowest} to {highest}, not {shown(value)}")
        return int(value)

    return check


def _check_choice(what: str, *choices: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in choices:
            raise InvalidOption(f"{what} must be {' or '.join(map(repr, choices))}, not {shown(value)}")
        return str(value)

    return check


def _check_name(what: str) -> Callable[[Any], str]:
    return lambda value: check_name(value, what)


def _check_duration(what: str) -> Callable[[Any], float]:
    return lambda value: seconds(value, what)


def _or_none(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


def check_moment(value: Any, what: str) -> datetime:
    """An aware datetime from 1970 on, in UTC; InvalidOption for anything else."""
    if not isinstance(value, datetime):
        raise InvalidOption(f"{what} must be an aware datetime, not {shown(value)}")
    if value.utcoffset() is None:
        raise InvalidOption(f"{what} must say its time zone, such as datetime.now(UTC): {shown(value)} does not")
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        moment = None
    if moment is None or moment < EARLIEST:
        raise InvalidOption(f"{what} must be from 1970 to 9999, not {shown(value)}")
    return moment


def _check_retry(value: Any) -> Retry:
    return Retry.of(value)


def _check_tags(value: object) -> str | None:
    given = cast("Iterable[object]", value)
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidOption(f"tags must be a list of names, not {shown(given)}")
    tags = list(dict.fromkeys(check_name(tag, "a tag") for tag in given))
    if len(tags) > MOST_TAGS:
        raise InvalidOption(f"a job has at most {MOST_TAGS} tags, not {len(tags)}")
    return dump_json(tags, "tags") if tags else None


def _check_metadata(value: object) -> str | None:
    if not isinstance(value, Mapping):
        raise InvalidOption(f"metadata must be a mapping, not {shown(value)}")
    given = dict(cast("Mapping[object, object]", value))
    for key in given:
        if not isinstance(key, str):
            raise InvalidOption(f"metadata must have text as keys, not {shown(key)}")
    return dump_json(given, "metadata") if given else None


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "queue": _check_name("queue"),
    "priority": _check_number("priority", -_HIGHEST_PRIORITY - 1, _HIGHEST_PRIORITY),
    "delay": _or_none(_check_duration("delay")),
    "run_at": _or_none(lambda value: check_moment(value, "run_at")),
    "expires": _or_none(_check_duration("expires")),
    "deadline": _or_none(_check_duration("deadline")),
    "retry": _check_retry,
    "timeout": _or_none(_check_duration("timeout")),
    "on_timeout": _check_choice("on_timeout", "fail", "stall"),
    "on_crash": _check_choice("on_crash", "retry", "stall"),
    "max_crashes": _or_none(_check_number("max_crashes", 1, _MOST_CRASHES)),
    "keep_succeeded": _check_duration("keep_succeeded"),
    "keep_failed": _check_duration("keep_failed"),
    "tags": _check_tags,
    "metadata": _or_none(_check_metadata),
    "tenant": _check_name("tenant"),
}
