"""The input of a job as its identity: equal arguments, however they were passed, are one input."""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from holdfast.errors import InvalidOption
from holdfast.model.duration import Duration, seconds
from holdfast.model.policy import Policy
from holdfast.model.text import LONGEST_NAME, shown


@dataclass(frozen=True)
class Cache:
    """How long a success answers for the same input; `cache="1d"` is `Cache("1d")`.

    period: seconds, text or timedelta from the end of the job; 0: only a live job is joined.
    failures: whether a final failure is given again, too.

    >>> Cache("1d", failures=True).seconds
    86400.0
    """

    period: Duration
    failures: bool = False

    def __post_init__(self) -> None:
        seconds(self.period, "cache")
        if type(self.failures) is not bool:
            raise InvalidOption(f"failures must be True or False, not {shown(self.failures)}")

    @property
    def seconds(self) -> float:
        """How long, in seconds."""
        return seconds(self.period, "cache")

    @staticmethod
    def of(value: "Cache | Duration") -> "Cache":
        """A cache as a user gave it."""
        return value if isinstance(value, Cache) else Cache(value)

    def keeps(self, policy: Policy) -> dict[str, float]:
        """Retention that outlasts the cache, by option name."""
        kept = {"keep_succeeded": max(policy.keep_succeeded, self.seconds)}
        if self.failures:
            kept["keep_failed"] = max(policy.keep_failed, self.seconds)
        return kept


def canonical(args: str) -> str:
    """Arguments as JSON text of one form: names sorted, no blanks, whatever order they came in.

    >>> canonical('{"b": 1, "a": [2, 1]}')
    '{"a":[2,1],"b":1}'
    """
    value: Any = json.loads(args)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def input_name(task: str, args: str) -> str:
    """The name of an input among all inputs of a tenant: of one length, however long the arguments are."""
    return digest(f"{task} {canonical(args)}")


def digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def short(name: str) -> str:
    """`name`, or what stands for it where it is too long for an index."""
    return name if len(name) <= LONGEST_NAME else f"{name[:180]}…{digest(name)}"
