"""The wait pass: sees to what transactions left in notes about jobs that wait for others, cancels those that wait in
vain, counts batches and lets go what follows them."""

from dataclasses import dataclass

from holdfast.events.bus import Bus
from holdfast.leader.telling import tell_ended, wanted
from holdfast.model.batch import BatchRecord
from holdfast.model.job import JobRecord
from holdfast.storage.base import Store
from holdfast.storage.ops import batches, passing

EVERY = 0.25
"""Seconds between two passes while anybody waits."""

IDLE = 60.0
"""Seconds between two passes while nobody does: who promotes sees when something is noted."""

BUSY = 0.02
"""Seconds to the next pass where one could not do everything."""

MOST_PAGES = 100


@dataclass(frozen=True, slots=True)
class Passed:
    """How many jobs were let go or cancelled, and in how many seconds to pass again; None: nobody waits."""

    count: int
    next_in: float | None


def run_once(store: Store, bus: Bus, pages: int = MOST_PAGES) -> Passed:
    """See to what is noted, `pages` x 500 notes at most. Costs one read where there is nothing to do."""
    count = 0
    for _ in range(pages):
        due = store.run(passing.due(), "read")
        if not due.now:
            return Passed(count, EVERY if due.any else None)
        removed: dict[str, JobRecord] = {}
        done = store.run(passing.calls(removed if wanted(bus) else None))
        tell_ended(store, bus, done.ended, removed)
        for record in done.counted:
            _tell(bus, record)
        count += done.released + len(done.ended)
        if done.released:
            store.ring()
        if done.taken <= 0:  # what is left is locked by somebody
            break
    return Passed(count, BUSY)


def _tell(bus: Bus, record: BatchRecord) -> None:
    bus.tell("batch.finished" if record.finished else "batch.progress", batch=record)


def prune_once(store: Store, pages: int = 20) -> int:
    """Forget batches whose time is over; how many."""
    total = 0
    for _ in range(pages):
        gone = store.run(batches.prune())
        total += gone
        if gone < 1000:
            break
    return total
