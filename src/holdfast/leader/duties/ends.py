"""Tells the ends of jobs to those who hear of them."""

from holdfast.delivery import match_all, tell_all
from holdfast.storage.base import Store
from holdfast.storage.ops import ends

EVERY = 1.0
"""Seconds between two passes while anybody hears of ends; workers that these trigger look by themselves, too."""

IDLE = 5.0
"""Seconds between two looks whether anybody does by now."""

MOST_PAGES = 50


def run_once(store: Store, pages: int = MOST_PAGES) -> float | None:
    """Make messages of ends and give them to jobs that wait; in how many seconds to do so again. None: nobody hears,
    which costs one read."""
    if not store.run(ends.wanted(), "read"):
        return None
    tell_all(store, pages)
    match_all(store)
    return EVERY


def prune_once(store: Store) -> int:
    """Tell no more what nobody hears; of how many pipes."""
    return store.run(ends.drop())
