"""What is told: a name, an instant, and the things it is about."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. `name` is like `job.failed`; `job` is the record or claim it is about, `details` the rest."""

    name: str
    at: datetime
    job: Any = None
    queue: str | None = None
    task: str | None = None
    details: dict[str, Any] = field(default_factory=dict[str, Any])
