"""What a step is told: its function, how often it is tried, and how long it may take."""

import inspect
import json
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, TypedDict

from holdfast.errors import InvalidOption
from holdfast.model.bodies import is_async
from holdfast.model.codec import Signature
from holdfast.model.duration import Duration, seconds
from holdfast.model.retry import Backoff, Retry
from holdfast.model.text import check_name, shown
from holdfast.storage.lender import WORKS
from holdfast.storage.lenders import find

WAITS = ("100ms", "30s", "2m", "10m", "30m", "1h", "2h", "12h", "1d")
TRIES = Retry(attempts=3, backoff=WAITS)
"""How a step is tried where nobody says otherwise."""

StepRetry: TypeAlias = Retry | int | Callable[[int, BaseException], Duration | bool | None]


class StepArguments(TypedDict, total=False):
    """Options of one step; `StepOptions` says what they mean."""

    retry: StepRetry
    backoff: Backoff
    timeout: Duration | None
    cpu: bool
    undo: Callable[..., Any]
    transaction: Any


@dataclass(frozen=True, slots=True)
class StepOptions:
    """How a step is done.

    retry: runs in all, 3; a `Retry`; or a function of the try (from 1) and its error that answers whether to go on, or
        after which time.
    backoff: the waits between two tries: a duration, a list of which the last repeats, "exponential" …, or a function
        of try and error. 100 ms, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, 12 h, a day.
    timeout: the longest time of one try, None.
    cpu: run the function in a process of its own, which is killed at the time-out.
    undo: a function, sync or async, that takes back what the step did. Before the job ends failed or cancelled these
        are called for all recorded steps, the last first: with what the step returned, and where the function needs
        more than one argument, with the step's own after it. One that fails is tried 10 times in all, over four days;
        after a crash it may be called again.
    transaction: a connection or session on the app's database (as `Task.using(connection=…)` takes it) with no
        transaction open, that the function uses; a function that opens one; or True for one of our own, each then
        `ctx.connection` of the function's context. What the function writes on it and the step's record are one commit.
    """

    retry: Retry = TRIES
    decide: Callable[[int, BaseException], Any] | None = None
    timeout: float | None = None
    cpu: bool = False
    undo: Callable[..., Any] | None = None
    transaction: Any = None

    @classmethod
    def of(cls, given: StepArguments) -> "StepOptions":
        """Raises InvalidOption."""
        unknown = set(given) - {"retry", "backoff", "timeout", "cpu", "undo", "transaction"}
        if unknown:
            raise InvalidOption(
                f"a step takes no {', '.join(sorted(unknown))}; it takes retry, backoff, timeout, cpu, undo and "
                "transaction"
            )
        retry, backoff, decide = given.get("retry", TRIES.attempts), given.get("backoff"), None
        if isinstance(retry, Retry):
            if backoff is not None:
                raise InvalidOption("give a step retry=Retry(…) or backoff=, not both: a Retry has its own backoff")
        elif callable(retry):
            decide, retry = retry, Retry(attempts=2**31 - 1, backoff=WAITS if backoff is None else backoff)
        else:
            retry = Retry(attempts=retry, backoff=WAITS if backoff is None else backoff)
        timeout = given.get("timeout")
        limit = None if timeout is None else seconds(timeout, "timeout")
        if limit is not None and limit <= 0:
            raise InvalidOption("timeout of a step must be more than 0; None for no limit")
        undo = given.get("undo")
        if undo is not None and not callable(undo):
            raise InvalidOption(f"undo takes a function, which is called with the step's result, not {shown(undo)}")
        cpu, transaction = bool(given.get("cpu", False)), given.get("transaction")
        if cpu and transaction is not None:
            raise InvalidOption("a step in a process of its own has no transaction: give it cpu or transaction")
        if (
            transaction is not None
            and transaction is not True
            and find(transaction) is None
            and not callable(transaction)
        ):
            raise InvalidOption(
                f"transaction must be {WORKS}, a function that opens one, or True; not {shown(transaction)}"
            )
        return cls(retry, decide, limit, cpu, undo, transaction)

    def wait(self, tries: int, error: BaseException) -> float | None:
        """Seconds until the next try after so many; None: no further one."""
        if tries >= self.retry.attempts:
            return None
        if self.decide is None:
            return self.retry.wait(tries, error)
        answer = self.decide(tries, error)
        if answer is None or answer is False:
            return None
        return self.retry.wait(tries, error) if answer is True else seconds(answer, "the wait a retry function answers")


DEFAULT = StepOptions()


class StepFunction:
    """A function that is made a step: how it is called, and its result as JSON text."""

    __slots__ = ("_signature", "_signed", "function", "is_async", "takes_context")

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.function = function
        self.is_async = is_async(function)
        self._signature = Signature(function, name)
        self._signed = True
        try:
            self.takes_context = self._signature.takes_context
        except (TypeError, ValueError):  # a builtin without a signature
            self.takes_context = self._signed = False

    def within(self, function: Callable[..., Any]) -> "StepFunction":
        """The same, called by way of another function."""
        other = copy(self)
        other.function = function
        return other

    def load_call(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments that were kept for it; of one without a signature: its only one."""
        return self._signature.load_call(text) if self._signed else ((json.loads(text),), {})

    def dump(self, value: Any) -> str:
        return self._signature.dump_result(value)

    def load(self, text: str) -> Any:
        return self._signature.load_result(text)


def named(function: Callable[..., Any]) -> str:
    """The name of a step that is called after its function. Raises InvalidOption where it has none of its own."""
    name = getattr(function, "__name__", "<unnamed>")
    if name.startswith("<"):
        raise InvalidOption(f'a step is named after its function; give {shown(function)} a name: step("name", …)')
    return name


def function_of(function: Any, name: str) -> StepFunction:
    """Raises InvalidOption for what cannot be called."""
    if not callable(function) or inspect.isawaitable(function):
        raise InvalidOption(
            f"step {name} takes a function and its arguments, not {shown(function)}: step({name!r}, function, argument)"
        )
    try:
        return _function(function, name)
    except TypeError:  # callable, and has no hash
        return StepFunction(function, name)


@lru_cache(maxsize=1024)
def _function(function: Callable[..., Any], name: str) -> StepFunction:
    return StepFunction(function, name)


def check_step_name(name: object) -> str:
    return check_name(name, "a step's name")


def undone_by(function: Any) -> Callable[..., Any]:
    """The function itself, of a task or a defined step."""
    found: Callable[..., Any] = getattr(function, "plain", None) or getattr(function, "body", None) or function
    return found
