"""What an attempt can end in: a small closed set that the runner returns and `lifecycle.decide` judges."""

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(slots=True)
class Succeeded:
    """The body returned; `result` is its JSON text. Not frozen, for it is made once a job."""

    result: str


@dataclass(frozen=True, slots=True)
class Raised:
    """The body raised. `retry_in` is what the task's retry rule says (seconds), None for no further run."""

    error: str
    retry_in: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The attempt ran longer than its time limit."""

    error: str
    retry_in: float | None


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The body asked to be run later, its attempt unspent."""

    delay: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """The job was cancelled: by its own body, by somebody else, or by its deadline."""

    reason: str


@dataclass(frozen=True, slots=True)
class Released:
    """Taken but not to be run here now: given back uncounted."""

    why: Literal["shutdown", "look_ahead"] = "shutdown"


@dataclass(frozen=True, slots=True)
class UnknownTask:
    """This worker has no such task: given back uncounted, to wait for a worker that has it."""


@dataclass(frozen=True, slots=True)
class Parked:
    """The body asks for other steps than it recorded: set aside, uncounted, until code that fits is there."""

    error: str


@dataclass(frozen=True, slots=True)
class Crashed:
    """The worker vanished: the lease ran out with nobody to renew it."""

    error: str


Outcome: TypeAlias = Succeeded | Raised | TimedOut | Snoozed | Stopped | Released | UnknownTask | Parked | Crashed
