"""A job in this worker's hands, from claim to acknowledged ending."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from holdfast.clock import monotonic
from holdfast.model.branch import Branch
from holdfast.model.job import ClaimedJob
from holdfast.model.lifecycle import SUSPECT_CRASHES
from holdfast.model.policy import Policy
from holdfast.model.retry import NO_RETRY
from holdfast.storage.ops.jobs import Lease, lease_of

if TYPE_CHECKING:
    from holdfast.running import Early, Recorded
    from holdfast.worker.effects import Effects
    from holdfast.worker.office import Office

Stop: TypeAlias = Literal["timeout", "lost", "shutdown", "cancel", "deadline"]

NEVER = float("inf")


class Holding(Branch):
    """What is known of it here, and the root of its body's lines. Times are monotonic seconds of this machine."""

    # Most jobs leave these as they are, and are spared writing them.
    started_at: float | None = None
    deadline_at = NEVER
    extension = 0.0
    fallback = NO_RETRY
    lines = 0
    """How many lines its body has logged."""
    stop: Stop | None = None
    stop_reason: str | None = None
    noticed = False
    """Its body looked (`ctx.cancelled`) and was told to stop: when it then returns, it has done so."""
    written = False
    effects: "Effects | None" = None
    body: asyncio.Task[None] | None = None
    suspect = False
    evicted = False
    """It was parked, and its memory is wanted: its body ends, and nothing it says counts."""
    run: "Recorded | None" = None
    """Its steps, once its body has asked for one."""
    office: "Office"
    prompt = False
    """Its place in a group, limit or limited queue waits for nobody: it is begun at once or given back."""
    early: "list[Early] | None" = None
    """Jobs that its body stored before that."""

    def __init__(self, job: ClaimedJob) -> None:
        self.job = job
        self.lease = lease_of(job)
        self.policy = Policy.read(job.policy)
        self.claimed_at = self.leased_at = monotonic()
        if job.deadline_in is not None:
            self.deadline_at = self.claimed_at + job.deadline_in
        if job.crashes >= SUSPECT_CRASHES:
            self.suspect = self.policy.max_crashes is not None

    @property
    def order(self) -> tuple[int, float, Any, int]:
        return self.job.order

    def elapsed(self) -> float | None:
        """Running time of the body so far, None before its start."""
        return None if self.started_at is None else monotonic() - self.started_at

    def limit_at(self) -> float:
        """When the time limit of a started body is over; never, without one."""
        if self.job.timeout is None or self.started_at is None:
            return NEVER
        return self.started_at + self.job.timeout + self.extension

    def overdue_at(self) -> float:
        """When it must stop: at its time limit or at the job's deadline."""
        return min(self.limit_at(), self.deadline_at)


class Holdings:
    """All jobs in this worker's hands, by id and token. Read by the lease thread through snapshots."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], Holding] = {}

    def add(self, holding: Holding) -> None:
        self._held[holding.lease.id, holding.lease.token] = holding

    def drop(self, lease: Lease) -> Holding | None:
        return self._held.pop((lease.id, lease.token), None)

    def find(self, lease: Lease) -> Holding | None:
        return self._held.get((lease.id, lease.token))

    def holds_earlier(self, lease: Lease) -> bool:
        """Whether an earlier claim of the same job is still in hand: its ending is being written."""
        return any(id == lease.id and token < lease.token for id, token in list(self._held))

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Holding]:
        return iter(list(self._held.values()))

    def has_suspect(self) -> bool:
        return any(holding.suspect for holding in self)
