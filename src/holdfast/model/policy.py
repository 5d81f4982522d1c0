"""What a job carries for its worker and its retention that no statement has to look at."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Literal, TypeAlias, cast

from holdfast.errors import InvalidOption
from holdfast.model import undoing
from holdfast.model.duration import DAY, LONGEST
from holdfast.model.need import WHENS, Need
from holdfast.model.retry import NO_RETRY, Retry
from holdfast.model.text import shown

OnTimeout: TypeAlias = Literal["fail", "stall"]
OnCrash: TypeAlias = Literal["retry", "stall"]

SAID = {"r": "retry", "s": "keep_succeeded", "f": "keep_failed"}
"""Options of which a queue has defaults, by a letter: nearly every job of a task with `retry=` stores one."""

KEEPS = ("keep_succeeded", "keep_failed")


def letters(names: Iterable[str]) -> str:
    """How `said` has these."""
    wanted = set(names)
    return "".join(letter for letter, name in SAID.items() if name in wanted)


_encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Policy:
    """How one job is treated when it fails, runs too long, crashes or ends.

    retry: the waits between runs. Its `attempts` is always 1: the number of runs is a column of the job.
    on_timeout: "fail" (an attempt that failed) or "stall" (a person decides).
    on_crash: "retry" (run again) or "stall".
    max_crashes: the crash that ends the job; None: none does.
    keep_succeeded, keep_failed: seconds the finished row is kept, 7 and 30 days; 0: not at all.
    raw: whether the arguments are a raw job's. Statements look for it where some worker takes raw jobs of any type.
    awaited: whether another job waits for its end in the middle of its body, which is then woken.
    said: which of `retry`, `keep_succeeded` and `keep_failed` the job or its task asked for, by the letters of SAID; of
        the others its queue may say something.
    after: what it waits for, or did; batch: the batch that counts it.
    undo: None for a job that has nothing to undo; else as `holdfast.model.undoing` says it.

    >>> Policy(on_crash="stall").dumps()
    '{"on_crash":"stall"}'
    """

    retry: Retry = NO_RETRY
    on_timeout: OnTimeout = "fail"
    on_crash: OnCrash = "retry"
    max_crashes: int | None = 3
    keep_succeeded: float = 7 * DAY
    keep_failed: float = 30 * DAY
    raw: bool = False
    awaited: bool = False
    said: str = ""
    after: tuple[Need, ...] = ()
    batch: str | None = None
    undo: str | None = None

    def __post_init__(self) -> None:
        if self.retry.attempts != 1:
            object.__setattr__(self, "retry", self.retry.with_attempts(1))

    def says(self, name: str) -> bool:
        """Whether the job or its task asked for this option of SAID."""
        return any(SAID.get(letter) == name for letter in self.said)

    def dumps(self) -> str:
        """Compact JSON of what differs from the defaults; the default policy is `{}`."""
        if self == _DEFAULT:
            return "{}"
        stored: dict[str, Any] = {}
        for name in _PLAIN:
            value = getattr(self, name)
            if value != getattr(_DEFAULT, name):
                stored[name] = value
        if retry := self.retry.to_json():
            stored["retry"] = retry
        return _encode(stored)

    @staticmethod
    def loads(text: str) -> "Policy":
        """The policy `dumps` wrote; names it does not know are left out. InvalidOption for anything else."""
        return _loads(text)

    @staticmethod
    def read(text: str) -> "Policy":
        """The policy of a stored job; the default one where nobody understands it, for no row may stop the others."""
        try:
            return _loads(text)
        except InvalidOption:
            return _DEFAULT


_DEFAULT = Policy()
_PLAIN = tuple(each.name for each in fields(Policy) if each.name != "retry")


def is_awaited(text: str) -> bool:
    """Whether a stored policy says that another job waits for the end of this one."""
    return '"awaited"' in text


def awaited_policy(text: str, kept: float) -> str:
    """The same policy of a job that another waits for, whose row must outlive its end: for so many seconds at least,
    whatever its queue says."""
    policy = Policy.read(text)
    said = {*policy.said, *(letter for letter, name in SAID.items() if name.startswith("keep"))}
    return replace(
        policy,
        keep_succeeded=max(policy.keep_succeeded, kept),
        keep_failed=max(policy.keep_failed, kept),
        awaited=True,
        said="".join(letter for letter in SAID if letter in said),
    ).dumps()


def raw_policy(text: str) -> str:
    """The same policy of a raw job."""
    return replace(Policy.loads(text), raw=True).dumps()


def linked_policy(text: str, after: tuple[Need, ...], batch: str | None) -> str:
    """The same policy of a job that waits for others, or is one of a batch."""
    return replace(Policy.loads(text), after=after, batch=batch).dumps()


def _is_need(value: Any) -> bool:
    return isinstance(value, list) and len(cast(Any, value)) == 2 and isinstance(value[0], str) and value[1] in WHENS


def _is_after(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_need, cast(Any, value)))


def _is_keep(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST


_FITS: dict[str, Callable[[Any], bool]] = {
    "on_timeout": lambda value: value in ("fail", "stall"),
    "on_crash": lambda value: value in ("retry", "stall"),
    "max_crashes": lambda value: value is None or type(value) is int,
    "keep_succeeded": _is_keep,
    "keep_failed": _is_keep,
    "raw": lambda value: type(value) is bool,
    "awaited": lambda value: type(value) is bool,
    "said": lambda value: isinstance(value, str),
    "after": _is_after,
    "batch": lambda value: value is None or isinstance(value, str),
    "undo": lambda value: value is None or (isinstance(value, str) and undoing.fits(value)),
}


@lru_cache(maxsize=1024)
def _loads(text: str) -> Policy:
    try:
        stored = json.loads(text)
        plain = {name: stored[name] for name in _PLAIN if name in stored}
        if not all(_FITS[name](value) for name, value in plain.items()):
            raise ValueError(plain)
        if "after" in plain:
            plain["after"] = tuple(Need(*need) for need in plain["after"])
        return replace(_DEFAULT, retry=Retry.from_json(stored.get("retry", {})), **plain)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidOption(f"a stored policy must be a JSON object, not {shown(text)}") from error
