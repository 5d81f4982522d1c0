"""What a job waits for, for people."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.model.job import JobRecord, JobState
from holdfast.model.need import WAITS
from holdfast.storage.ops.waits import awaited

if TYPE_CHECKING:
    from holdfast.app import Holdfast

MOST = 20
"""Jobs that one is shown to wait for."""

HOW = {"succeeded": "", "failed": ", which must not succeed", "finished": ", however that ends"}


@dataclass(frozen=True, slots=True)
class Awaited:
    """A job or batch that one waits for: what it is, how it stands, and how it must end."""

    id: str
    what: str
    state: str
    when: str

    def __str__(self) -> str:
        return f"{self.id} ({self.what}, {self.state}){HOW[self.when]}"


def waits_of(app: "Holdfast", job: JobRecord) -> list[Awaited]:
    """What a blocked job still waits for, `MOST` at most."""
    if job.state is not JobState.BLOCKED or job.reason != WAITS:
        return []
    (needs,) = app.store.run(awaited([job.id], job.tenant), "read")
    return [_seen(app, need.id, need.when) for need, _ in needs[:MOST]]


def _seen(app: "Holdfast", id: str, when: str) -> Awaited:
    record = app.jobs.get(id)
    if record is not None:
        return Awaited(id, record.task, record.state.value, when)
    batch = app.batches.get(id)
    if batch is None:
        return Awaited(id, "removed", "gone", when)
    found = batch.record
    return Awaited(id, f"batch {found.name}", f"{found.ended} of {found.total} ended", when)
