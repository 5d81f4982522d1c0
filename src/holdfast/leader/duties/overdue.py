"""Jobs whose own time is over: not started in time, past their deadline, or asked to stop and not running."""

from holdfast.storage.base import Store
from holdfast.storage.ops import manage

PAGE = 500
MOST_PAGES = 20


def run_once(store: Store, pages: int = MOST_PAGES) -> int:
    """Cancel them, `pages` x 500 at most, and ask those that run to stop; answers how many were cancelled."""
    cancelled = asked = 0
    for _ in range(pages):
        done = store.run(manage.overdue(PAGE))
        cancelled += done.cancelled
        asked += done.asked
        if not done.full:
            break
    if asked:
        store.ring()
    return cancelled
