"""How often a task runs, and how long it waits before it runs again."""

import inspect
import random as randomness
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from holdfast.errors import InvalidOption
from holdfast.model.duration import LONGEST, Duration, seconds
from holdfast.model.text import shown

RetryFunction: TypeAlias = Callable[[int, BaseException], Duration | None]
"""Given the attempt that failed (from 1) and its error: how long to wait, or None to give up."""

Kind: TypeAlias = Literal["exponential", "linear", "polynomial", "constant", "table", "function"]
Backoff: TypeAlias = Duration | Sequence[Duration] | RetryFunction

UNLIMITED = 2**31 - 1
LONGEST_TABLE = 100
_FORMULAS: Mapping[str, Callable[[int], float]] = {
    "exponential": lambda attempt: 2.0 ** min(attempt - 1, 64),
    "linear": float,
    "polynomial": lambda attempt: float(attempt * attempt),
    "constant": lambda attempt: 1.0,
}
_GROWING = ("exponential", "linear", "polynomial")
_EXPECTED = (
    "backoff must be 'exponential', 'linear', 'polynomial', 'constant', a duration, a list of durations, "
    "or a function of attempt and error"
)


@dataclass(frozen=True, init=False, slots=True)
class Retry:
    """How often a task runs and how long it waits in between.

    attempts: runs in all, at least 1. Crashes of a worker are counted apart and spend none.
    backoff: the wait before run n+1: "exponential" base·2^(n-1), "linear" base·n, "polynomial" base·n²,
        "constant" base; a duration is constant with that base; a list of durations is a table whose last
        entry repeats; a function of attempt and error answers a duration, or None to give up.
    base: the first wait, 10 s.
    cap: the longest wait before jitter; 15 min where waits grow, no limit where they are spelled out.
    jitter: the share by which a wait is made randomly shorter or longer, 0 to 1; 0 is exact.
    give_up_on: exception classes after which no further run is made.

    Raises InvalidOption. Functions and exception classes are never stored: a worker has them in its code.

    >>> Retry(attempts=5, backoff="exponential", base="1s", jitter=0).wait(3)
    4.0
    """

    attempts: int
    kind: Kind
    base: float
    cap: float | None
    jitter: float
    table: tuple[float, ...]
    function: RetryFunction | None = field(repr=False)
    give_up_on: tuple[type[BaseException], ...]

    def __init__(
        self,
        attempts: int = 1,
        backoff: Backoff = "exponential",
        base: Duration = "10s",
        cap: Duration | None = None,
        jitter: float = 0.1,
        give_up_on: type[BaseException] | Sequence[type[BaseException]] = (),
    ) -> None:
        kind, constant, table, function = _read_backoff(backoff)
        if cap is None and kind in _GROWING:
            cap = "15m"
        put = object.__setattr__
        put(self, "attempts", _check_attempts(attempts))
        put(self, "kind", kind)
        put(self, "base", seconds(base, "base") if constant is None else constant)
        put(self, "cap", None if cap is None else seconds(cap, "cap"))
        put(self, "jitter", _check_jitter(jitter))
        put(self, "table", table)
        put(self, "function", function)
        put(self, "give_up_on", _check_classes(give_up_on))

    @classmethod
    def of(cls, value: "RetryOption") -> "Retry":
        """What `retry=` may be: a Retry, a number of runs, a function that decides alone, None: one run."""
        if value is None:
            return NO_RETRY
        if isinstance(value, Retry):
            return value
        if callable(value):
            return cls(attempts=UNLIMITED, backoff=value, jitter=0)
        return cls(attempts=value)

    def wait(
        self,
        attempt: int,
        error: BaseException | None = None,
        random: Callable[[], float] = randomness.random,
    ) -> float | None:
        """Seconds to wait after run `attempt` (from 1) failed with `error`; None: give up now.

        Whether runs are left is not asked here: the job's own row says how many it has.
        """
        if error is not None and isinstance(error, self.give_up_on):
            return None
        wait = self._plain(attempt, error)
        if wait is None:
            return None
        if self.cap is not None:
            wait = min(wait, self.cap)
        return min(wait * (1 + self.jitter * (2 * random() - 1)), LONGEST)

    def with_code(self, code: "Retry") -> "Retry":
        """These waits, as stored with a job, with the function and exception classes of the worker's code."""
        return _copy(self, function=code.function, give_up_on=code.give_up_on)

    def with_attempts(self, attempts: int) -> "Retry":
        """The same waits for another number of runs."""
        return _copy(self, attempts=_check_attempts(attempts))

    def to_json(self) -> dict[str, Any]:
        """What differs from `Retry()` and can be stored, by name; of a function, only that there is one."""
        differing = (name for name in _STORED if getattr(self, name) != getattr(NO_RETRY, name))
        return {name: getattr(self, name) for name in differing}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Retry":
        """The inverse of `to_json`; names it does not know are left out."""
        return _copy(cls(), **{name: stored[name] for name in _STORED if name in stored})

    def _plain(self, attempt: int, error: BaseException | None) -> float | None:
        if self.kind == "table":
            return self.table[min(attempt, len(self.table)) - 1]
        if self.kind == "function" and self.function is not None:
            answer = self.function(attempt, Exception("unknown") if error is None else error)
            return None if answer is None else seconds(answer, "the wait a retry function answers")
        return self.base * _FORMULAS.get(self.kind, _FORMULAS["exponential"])(attempt)


RetryOption: TypeAlias = Retry | int | RetryFunction | None
_STORED = ("attempts", "kind", "base", "cap", "jitter", "table")


def _copy(retry: Retry, **changes: Any) -> Retry:
    made = object.__new__(Retry)
    for name in Retry.__slots__:
        object.__setattr__(made, name, changes.get(name, getattr(retry, name)))
    object.__setattr__(made, "table", tuple(made.table))
    return made


def _read_backoff(value: Any) -> tuple[Kind, float | None, tuple[float, ...], RetryFunction | None]:
    """The kind, and what goes with it: base of a constant, entries of a table, or a function."""
    if isinstance(value, str) and value in _FORMULAS:
        return cast(Kind, value), None, (), None
    if isinstance(value, list | tuple):
        return "table", None, _read_table(cast("Sequence[Any]", value)), None
    if callable(value):
        if inspect.iscoroutinefunction(value):
            raise InvalidOption("a function for retry must be a plain function, not a coroutine function")
        return "function", None, (), cast(RetryFunction, value)
    try:
        return "constant", seconds(value, "backoff"), (), None
    except InvalidOption as error:
        raise InvalidOption(f"{_EXPECTED}, not {shown(value)}") from error


def _read_table(entries: Sequence[Any]) -> tuple[float, ...]:
    if not 0 < len(entries) <= LONGEST_TABLE:
        raise InvalidOption(f"a backoff table has 1 to {LONGEST_TABLE} durations, not {len(entries)}")
    return tuple(seconds(entry, "an entry of backoff") for entry in entries)


def _check_attempts(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidOption(f"attempts must be a whole number, the runs in all, not {shown(value)}")
    if not 1 <= value <= UNLIMITED:
        raise InvalidOption(f"attempts must be 1 to {UNLIMITED}, the runs in all, not {shown(value)}")
    return value


def _check_jitter(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InvalidOption(f"jitter must be a share from 0 to 1, not {shown(value)}")
    return float(value)


def _check_classes(value: Any) -> tuple[type[BaseException], ...]:
    many = isinstance(value, tuple | list | set | frozenset)
    given = tuple(cast("Iterable[Any]", value)) if many else (value,)
    classes = tuple(each for each in given if isinstance(each, type) and issubclass(each, BaseException))
    if len(classes) != len(given):
        raise InvalidOption(f"give_up_on must hold exception classes only, not {shown(value)}")
    return classes


NO_RETRY = Retry()
