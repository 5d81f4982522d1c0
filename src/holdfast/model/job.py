"""A job as it is asked for, as it is handed to a worker, and as people read it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from holdfast.model.inputs import Cache
from holdfast.model.jsontext import dump_json
from holdfast.model.need import Need
from holdfast.model.raw import MARK, RawBody, body_of
from holdfast.model.spacing import Space
from holdfast.model.tick import tick_of


class JobState(StrEnum):
    """Where a job stands; `model.lifecycle` holds every legal move."""

    SCHEDULED = "scheduled"
    BLOCKED = "blocked"
    READY = "ready"
    RUNNING = "running"
    SUSPENDED = "suspended"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    STALLED = "stalled"

    @property
    def finished(self) -> bool:
        return self in FINISHED


FINISHED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.STALLED})


class NewJob(NamedTuple):
    """A validated request to run a task once: what `enqueue` stores. Durations are seconds, texts are JSON.

    merge: of a job with a key and `on_conflict="merge"`: makes one JSON text of the live job's arguments and these.
    """

    id: str
    task: str
    args: str
    tenant: str = "default"
    queue: str = "default"
    priority: int = 0
    delay: float | None = None
    run_at: datetime | None = None
    max_attempts: int = 1
    timeout: float | None = 3600.0
    policy: str = "{}"
    tags: str | None = None
    metadata: str | None = None
    expires: float | None = None
    deadline: float | None = None
    key: str | None = None
    on_conflict: str = "keep"
    merge: Callable[[str, str], str] | None = None
    cache: Cache | None = None
    debounce: Space | None = None
    rate_limit: Space | None = None
    group: str | None = None
    gates: str | None = None
    after: tuple[Need, ...] = ()
    batch: str | None = None

    @property
    def linked(self) -> bool:
        """Whether it waits for others, or a batch for it."""
        return bool(self.after) or self.batch is not None

    @property
    def conditional(self) -> bool:
        """Whether it depends on other jobs what becomes of this request."""
        return not (self.key is None and self.cache is None and self.debounce is None and self.rate_limit is None)

    def with_metadata(self, **more: Any) -> "NewJob":
        """The same with these in its metadata as well; InvalidOption for what JSON cannot hold."""
        metadata = {**json.loads(self.metadata or "{}"), **more}
        return self._replace(metadata=dump_json(metadata, "metadata"))


class ClaimedJob(NamedTuple):
    """A job under this worker's lease. `token` fences every write about it.

    A tuple like the others that are made once a job: a frozen dataclass of so many fields takes seven times as long.
    """

    tenant: str
    id: str
    token: int
    version: int
    task: str
    queue: str
    args: str
    priority: int
    attempt: int
    max_attempts: int
    crashes: int
    timeout: float | None
    policy: str
    due: Any
    seq: int
    metadata: str | None = None
    deadline_in: float | None = None
    gates: str | None = None
    turn: float = 0.0
    """When its tenant's turn comes, where several share: see `turns`."""

    @property
    def order(self) -> tuple[int, float, Any, int]:
        """In which jobs that were taken begin."""
        return (-self.priority, self.turn, self.due, self.seq)


@dataclass(frozen=True, slots=True)
class AttemptError:
    """One entry of a job's error history."""

    attempt: int
    kind: str
    message: str
    traceback: str = ""
    data: Any = None
    at: datetime | None = None
    worker: str | None = None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """Everything known about one job. Instants are aware UTC."""

    id: str
    task: str
    queue: str
    tenant: str
    version: int
    state: JobState
    reason: str | None
    priority: int
    args: Mapping[str, Any]
    result: Any
    key: str | None
    group: str | None
    progress: Any
    attempt: int
    max_attempts: int
    crashes: int
    errors: tuple[AttemptError, ...]
    timeout: float | None
    on_timeout: str
    keep_succeeded: float
    keep_failed: float
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]
    schedule_id: str | None
    worker: str | None
    created_at: datetime
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    after: tuple[str, ...] = ()
    batch: str | None = None
    result_text: str | None = field(default=None, repr=False, compare=False)

    @property
    def raw(self) -> RawBody | None:
        """The bytes of a raw job, and what was said of them; None for any other job."""
        try:
            return body_of(self.args) if MARK in self.args else None
        except ValueError:
            return None

    @property
    def tick(self) -> datetime | None:
        """The instant that its schedule meant; None of a job that no schedule made."""
        return tick_of(self.metadata)
