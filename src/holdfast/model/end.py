"""Ends of jobs, as messages have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic

from typing_extensions import TypeVar

from holdfast.model.job import JobState

R = TypeVar("R", default=Any)


@dataclass(frozen=True, slots=True)
class JobEnd(Generic[R]):
    """How a job of a task ended.

    state: succeeded, failed, cancelled or stalled; `reason` says why, as its record does.
    args: its arguments by name, as JSON has them; `result`: what it returned, None unless it succeeded.
    error: kind and message of its last error, None where there is none. `at`: when it ended, UTC.

    >>> @app.task(triggers=[encode.succeeded.into(lambda end: {"path": end.result})])
    """

    id: str
    version: int
    task: str
    tenant: str
    state: JobState
    reason: str | None
    args: Mapping[str, Any]
    result: R
    error: "EndError | None"
    at: datetime


@dataclass(frozen=True, slots=True)
class EndError:
    """The last error of a job that ended."""

    kind: str
    message: str
