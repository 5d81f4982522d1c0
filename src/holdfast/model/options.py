"""What may be said about one job beside its arguments: by a task's decorator, by `using`, by an app's defaults."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import Enum
from typing import Any, Final, Literal, cast

from typing_extensions import TypedDict

from holdfast.errors import InvalidOption
from holdfast.model.conflict import OnConflict, check_key, check_on_conflict
from holdfast.model.duration import Duration, seconds
from holdfast.model.exclusive import refuse_exclusive
from holdfast.model.gate import Pass, dump_passes
from holdfast.model.inputs import Cache, short
from holdfast.model.jsontext import dump_json
from holdfast.model.labels import check_metadata, check_tags
from holdfast.model.limit import Limit, Limits, check_limits, check_places, group_pass, throttle_pass, told_limits
from holdfast.model.policy import KEEPS, SAID, OnCrash, OnTimeout, Policy, letters
from holdfast.model.retry import NO_RETRY, Retry, RetryOption
from holdfast.model.spacing import Rate, Space, Spacing
from holdfast.model.text import check_name, shown

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
    priority: int | Callable[..., int]
    delay: Duration | None
    run_at: datetime | None
    retry: RetryOption
    expires: Duration | None
    deadline: Duration | None
    timeout: Duration | Callable[..., Duration | None] | None
    on_timeout: OnTimeout
    on_crash: OnCrash
    max_crashes: int | None
    key: str | Callable[..., str | None] | None
    on_conflict: OnConflict
    cache: Cache | Duration | None
    debounce: Spacing | Rate | Callable[..., Spacing | Rate | None] | None
    rate_limit: Spacing | Rate | Callable[..., Spacing | Rate | None] | None
    group: str | Callable[..., str | None] | None
    group_limit: int
    on_retry: Literal["free", "block"]
    on_failure: Literal["continue", "stop"]
    limit: Limits
    throttle: Spacing | Rate | Callable[..., Spacing | Rate | None] | None
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
    key: text, unique per (tenant, queue, key) among live jobs; None: none.
    on_conflict: what a second job of a key does: "keep" the live one, "replace" it, "merge" with it (or a function that
        says how), "reject".
    cache: the same input joins the live job, or is given its success for so long; None: it runs each time.
    debounce: it waits so long, and the newest input wins; a Space once the arguments are known.
    rate_limit: one is accepted in so long, the others are refused.
    group: text; of its live jobs at most `group_limit` (1) run at once, in order; None: none.
    on_retry: whether a job of a group that waits for a retry leaves its place free ("free") or keeps it ("block").
    on_failure: whether a group goes on ("continue") or stops ("stop") when one of its jobs has failed for good.
    limit: Limits it keeps, several for it and other tasks; Passes once the arguments are known.
    throttle: starts are so far apart; a Space once the arguments are known.
    priority, timeout, key, debounce, rate_limit, group and throttle may be functions of the task's arguments until
        these are known.
    tags, metadata: JSON text of names to find it by, and of a mapping it carries.
    tenant: whose job it is, "default".
    """

    queue: str | Unset = UNSET
    priority: int | Callable[..., Any] | Unset = UNSET
    delay: float | Unset | None = UNSET
    run_at: datetime | Unset | None = UNSET
    expires: float | Unset | None = UNSET
    deadline: float | Unset | None = UNSET
    retry: Retry | Unset = UNSET
    timeout: float | Callable[..., Any] | Unset | None = UNSET
    on_timeout: OnTimeout | Unset = UNSET
    on_crash: OnCrash | Unset = UNSET
    max_crashes: int | Unset | None = UNSET
    key: str | Callable[..., Any] | Unset | None = UNSET
    on_conflict: OnConflict | Unset = UNSET
    cache: Cache | Unset | None = UNSET
    debounce: Spacing | Space | Callable[..., Any] | Unset | None = UNSET
    rate_limit: Spacing | Space | Callable[..., Any] | Unset | None = UNSET
    group: str | Callable[..., Any] | Unset | None = UNSET
    group_limit: int | Unset = UNSET
    on_retry: str | Unset = UNSET
    on_failure: str | Unset = UNSET
    limit: tuple[Limit, ...] | tuple[Pass, ...] | Unset = UNSET
    throttle: Spacing | Space | Callable[..., Any] | Unset | None = UNSET
    keep_succeeded: float | Unset = UNSET
    keep_failed: float | Unset = UNSET
    tags: str | Unset | None = UNSET
    metadata: str | Unset | None = UNSET
    tenant: str | Unset = UNSET
    _columns: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)
    _open: tuple[str, ...] | None = field(default=None, init=False, repr=False, compare=False)
    _last: "tuple[JobOptions, JobOptions] | None" = field(default=None, init=False, repr=False, compare=False)
    _said: str | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "JobOptions":
        """Options as a user gave them, checked; InvalidOption names the one that cannot be used."""
        checked: dict[str, Any] = {}
        for name, value in given.items():
            check = _CHECKS.get(name)
            if check is None:
                raise InvalidOption(_unknown(name))
            checked[name] = check(value)
        refuse_exclusive([name for name, value in checked.items() if value is not None])
        return cls(**checked)

    @classmethod
    def of_app(cls, given: Mapping[str, Any]) -> "JobOptions":
        """Defaults for all tasks of an app: nothing that asks for the arguments of one task."""
        options = cls.of(given)
        for name in ("key", *options.open):
            if name in given and given[name] is not None:
                raise InvalidOption(f"{name} is about the arguments of one task: give it to that task, not to the app")
        object.__setattr__(options, "_said", "")
        return options

    def over(self, below: "JobOptions") -> "JobOptions":
        """These options, and those of `below` where nothing is said here; the last answer is kept, for a task's options
        meet the same defaults in each of its jobs."""
        if self._last is not None and self._last[0] is below:
            return self._last[1]
        given = {name: value for name in _CHECKS if (value := getattr(self, name)) is not UNSET}
        # One says when the job is due: who gives the one takes back the other.
        if "delay" in given or "run_at" in given:
            given = {"delay": UNSET, "run_at": UNSET} | given
        both = replace(below, **given)
        if below._said is not None:
            object.__setattr__(both, "_said", self.said + below._said)
        if not (both.key is both.cache is both.debounce is UNSET):
            refuse_exclusive([name for name in _CHECKS if getattr(both, name) not in (None, UNSET)])
        object.__setattr__(self, "_last", (below, both))
        return both

    @property
    def said(self) -> str:
        """Letters of SAID: of what a job or its task says something, above the defaults of the app."""
        if self._said is not None:
            return self._said
        keeps = isinstance(self.cache, Cache)  # for as long as its rows are needed
        return letters(name for name in SAID.values() if getattr(self, name) is not UNSET or (keeps and name in KEEPS))

    @property
    def open(self) -> tuple[str, ...]:
        """Names of the options that can only be told once the task's arguments are known."""
        if self._open is None:
            found = (name for name in ASKED if _asks(getattr(self, name)))
            object.__setattr__(self, "_open", tuple(found))
        return self._open or ()

    def told(self, ask: Callable[[Callable[..., Any]], Any], task: str) -> "JobOptions":
        """The options that were open, as they are for one call of `task`, and nothing else.

        ask: calls a function with the arguments of that call. Raises InvalidOption for what a function cannot mean.
        """
        found: dict[str, Any] = {}
        for name in self.open:
            value = getattr(self, name)
            if callable(value):
                value = _CHECKS[name](ask(value))
            if callable(value):
                raise InvalidOption(f"the function given as {name} answered a function, not {name}")
            if name == "limit":
                found[name] = told_limits(value, ask, task)
            else:
                found[name] = _space(value, ask, task) if _is_spacing(value) else value
        return JobOptions(**found)

    def columns(self, told: "JobOptions | None" = None) -> Mapping[str, Any]:
        """What these options make of a NewJob, by field name; its own defaults are left out.

        told: those that were open, as `told` answered them: they are columns of their own, and change no others.
        """
        if self._columns is None:
            object.__setattr__(self, "_columns", _columns(self))
        columns = self._columns or {}
        if told is None:
            return columns
        columns = columns | {name: getattr(told, name) for name in self.open if name in _OWN_COLUMNS}
        return columns | {"gates": dump_passes(_passes(self, told))} if _GATED.intersection(self.open) else columns


NO_OPTIONS = JobOptions()
ASKED = ("priority", "timeout", "key", "debounce", "rate_limit", "group", "limit", "throttle")
"""Options that may be functions of the task's arguments, or split by one."""

_OWN_COLUMNS = (
    "queue", "priority", "delay", "run_at", "expires", "deadline", "timeout", "tags", "metadata", "tenant",
    "key", "cache", "debounce", "rate_limit", "group",
)  # fmt: skip
_GATED = frozenset(("group", "limit", "throttle"))
INNER = ("raw", "awaited", "said", "after", "batch", "undo")
"""What a policy holds that nobody can ask for."""

_POLICY = tuple(each.name for each in fields(Policy) if each.name not in INNER)


def _columns(options: JobOptions) -> dict[str, Any]:
    found = {name: value for name in _OWN_COLUMNS if (value := getattr(options, name)) is not UNSET}
    policy = {name: value for name in _POLICY if (value := getattr(options, name)) is not UNSET}
    if isinstance(options.cache, Cache):
        policy.update(options.cache.keeps(Policy(**policy)))
    if passes := dump_passes(_passes(options)):
        found["gates"] = passes
    if isinstance(options.on_conflict, str):
        found["on_conflict"] = options.on_conflict
    if policy:
        found["max_attempts"] = policy.get("retry", NO_RETRY).attempts
        found["policy"] = Policy(**policy, said=options.said).dumps()
    return found


def _passes(options: JobOptions, told: JobOptions = NO_OPTIONS) -> list[Pass]:
    """The gates of a job whose arguments are known."""

    def said(name: str) -> Any:
        value = getattr(told, name)
        return getattr(options, name) if value is UNSET else value

    limit, group, throttle = said("limit"), said("group"), said("throttle")
    passes = [one for one in (() if limit is UNSET else limit) if isinstance(one, Pass)]
    if isinstance(group, str):
        size = 1 if isinstance(options.group_limit, Unset) else options.group_limit
        passes.append(group_pass(group, size, options.on_retry == "block", options.on_failure == "stop"))
    if isinstance(throttle, Space):
        passes.append(throttle_pass(throttle))
    return passes


def _is_spacing(value: object) -> bool:
    return isinstance(value, Spacing)


def _asks(value: object) -> bool:
    """Whether only the arguments tell what it means, or whose it is."""
    return callable(value) or isinstance(value, Spacing) or (isinstance(value, tuple) and bool(cast(Any, value)))


def _space(spacing: Spacing, ask: Callable[[Callable[..., Any]], Any], task: str) -> Space:
    whose = f"task {task}" if spacing.name is None else f"name {spacing.name}"
    if spacing.by is not None:
        whose += f" by {dump_json(ask(spacing.by), 'what by answered')}"
    wait = None if spacing.max_wait is None else seconds(spacing.max_wait)
    return Space(short(whose), spacing.seconds, wait)


_ELSEWHERE = {
    **dict.fromkeys(("connection", "after", "when", "batch"), "task.using(…)"),
    "transaction": "the decorator",
}


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


def _or_function(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: value if callable(value) else check(value)


def _check_spacing(what: str, waits: bool = False) -> Callable[[Any], Spacing]:
    def check(value: Any) -> Spacing:
        spacing = Spacing.of(value, what)
        if spacing.max_wait is not None and not waits:
            raise InvalidOption(f"max_wait belongs to debounce: {what} puts nothing off for a newer one")
        return spacing

    return check


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


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "queue": _check_name("queue"),
    "priority": _or_function(_check_number("priority", -_HIGHEST_PRIORITY - 1, _HIGHEST_PRIORITY)),
    "delay": _or_none(_check_duration("delay")),
    "run_at": _or_none(lambda value: check_moment(value, "run_at")),
    "expires": _or_none(_check_duration("expires")),
    "deadline": _or_none(_check_duration("deadline")),
    "retry": _check_retry,
    "timeout": _or_function(_or_none(_check_duration("timeout"))),
    "on_timeout": _check_choice("on_timeout", "fail", "stall"),
    "on_crash": _check_choice("on_crash", "retry", "stall"),
    "max_crashes": _or_none(_check_number("max_crashes", 1, _MOST_CRASHES)),
    "key": _or_function(_or_none(check_key)),
    "on_conflict": check_on_conflict,
    "cache": _or_none(Cache.of),
    "debounce": _or_function(_or_none(_check_spacing("debounce", waits=True))),
    "rate_limit": _or_function(_or_none(_check_spacing("rate_limit"))),
    "group": _or_function(_or_none(_check_name("group"))),
    "group_limit": lambda value: check_places(value, "group_limit"),
    "on_retry": _check_choice("on_retry", "free", "block"),
    "on_failure": _check_choice("on_failure", "continue", "stop"),
    "limit": check_limits,
    "throttle": _or_function(_or_none(_check_spacing("throttle"))),
    "keep_succeeded": _check_duration("keep_succeeded"),
    "keep_failed": _check_duration("keep_failed"),
    "tags": check_tags,
    "metadata": _or_none(check_metadata),
    "tenant": _check_name("tenant"),
}
