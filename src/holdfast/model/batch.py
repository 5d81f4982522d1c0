"""A batch as people read it: a named set of jobs, counted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

BatchState: TypeAlias = Literal["open", "running", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """What is known about a batch. Instants are aware UTC.

    state: `open` while jobs are being added, `running` until all have ended; then `succeeded` if all did, `cancelled`
        if it was cancelled, else `failed`.
    total: its jobs; `succeeded`, `failed`, `cancelled`, `stalled`: how many of them have ended so.
    """

    id: str
    name: str
    tenant: str
    state: BatchState
    total: int
    succeeded: int
    failed: int
    cancelled: int
    stalled: int
    created_at: datetime
    finished_at: datetime | None

    @property
    def ended(self) -> int:
        """How many of its jobs have ended."""
        return self.succeeded + self.failed + self.cancelled + self.stalled

    @property
    def left(self) -> int:
        """How many of its jobs have not."""
        return self.total - self.ended

    @property
    def progress(self) -> float:
        """The part of its jobs that has ended, 0 to 1; of none 1."""
        return self.ended / self.total if self.total else 1.0

    @property
    def finished(self) -> bool:
        """Whether it has ended: what was to follow it has been decided, once."""
        return self.finished_at is not None


def verdict(total: int, succeeded: int, stopped: bool) -> str:
    """The state of a batch whose jobs have all ended."""
    return "cancelled" if stopped else "succeeded" if succeeded == total else "failed"
