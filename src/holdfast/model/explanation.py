"""Why a job does not run, or has not run yet: reasons for people, each with a code and data for programs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Why:
    """One reason.

    code: stable across versions, such as `queue_paused`; text: the same for people, without a full stop.
    until: when it is over, where that is known. data: names and numbers that the text speaks of.
    """

    code: str
    text: str
    until: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Explanation:
    """What holds a job up; `str()` of it is the sentence.

    id, task, queue, state: of the job. reasons: the weightiest first; of a job that has ended, how it did.
    expected_at: when it should start, where that is known.

    >>> print(app.jobs.explain(job.id))
    send_mail 0190… is ready, but queue mail was paused by ops 5 min ago
    """

    id: str
    task: str
    queue: str
    state: str
    reasons: tuple[Why, ...]
    expected_at: datetime | None = None

    def __str__(self) -> str:
        said = "; ".join(reason.text for reason in self.reasons)
        but = ", but " if self.state == "ready" else ": "
        start = f"; expected to start at {self.expected_at:%Y-%m-%d %H:%M:%S} UTC" if self.expected_at else ""
        return f"{self.task} {self.id} is {self.state}{but}{said}{start}"
