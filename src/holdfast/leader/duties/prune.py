"""Finished jobs go when their retention is over."""

from holdfast.storage.base import Store
from holdfast.storage.ops import duties

PAGE = 1000
MOST_PAGES = 20


def run_once(store: Store, pages: int = MOST_PAGES) -> int:
    """Remove what is past its time, `pages` x 1,000 at most; answers how many."""
    total = 0
    for _ in range(pages):
        removed = store.run(duties.prune(PAGE))
        total += removed
        if removed < PAGE:
            break
    return total
