"""Tells the log of attempts that failed."""

import json

from holdfast.events.bus import Bus
from holdfast.model.lifecycle import Finish, Requeue
from holdfast.worker.holding import Holding


def tell_failure(bus: Bus, held: Holding, verdict: Finish | Requeue) -> None:
    """An attempt failed, and this is what comes of it."""
    if not bus.wanted("attempt.failed"):
        return
    what = f"runs again in {verdict.delay:.3g} s" if isinstance(verdict, Requeue) else f"the job ends {verdict.state}"
    job = held.job
    bus.tell(
        "attempt.failed",
        queue=job.queue,
        task=job.task,
        id=job.id,
        attempt=job.attempt,
        kind=_kind(verdict.error),
        what=what,
    )


def _kind(error: str | None) -> str:
    return json.loads(error)["kind"] if error else "unknown"
