"""Jobs whose own time is over: not started in time, past their deadline, or asked to stop and not running."""

from holdfast.events.bus import Bus
from holdfast.leader.telling import tell_ended, wanted
from holdfast.model.job import JobRecord
from holdfast.storage.base import Store
from holdfast.storage.ops import manage

PAGE = 500
MOST_PAGES = 20


def run_once(store: Store, bus: Bus, pages: int = MOST_PAGES) -> int:
    """Cancel them, `pages` x 500 at most, and ask those that run to stop; answers how many were cancelled."""
    cancelled = asked = 0
    for _ in range(pages):
        removed: dict[str, JobRecord] = {}
        done = store.run(manage.overdue(PAGE, removed if wanted(bus) else None))
        tell_ended(store, bus, done.ended, removed)
        cancelled += done.cancelled
        asked += done.asked
        if not done.full:
            break
    if asked:
        store.ring()
    return cancelled
