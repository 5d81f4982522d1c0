"""Finished jobs go when their retention is over, and marks once they mean nothing."""

from collections.abc import Callable

from holdfast.storage.base import Store
from holdfast.storage.op import Op
from holdfast.storage.ops import bulk, duties, pipes, steps

PAGE = 1000
MOST_PAGES = 20


def run_once(store: Store, pages: int = MOST_PAGES) -> int:
    """Remove what is past its time, `pages` x 1,000 jobs, marks and journals at most; answers how many jobs."""
    _while_full(store, duties.prune_marks, pages)
    _while_full(store, steps.prune, pages)
    _while_full(store, pipes.prune, pages)
    _while_full(store, bulk.prune_audit, pages)
    return _while_full(store, duties.prune, pages)


def _while_full(store: Store, page: Callable[[int], Op[int]], pages: int) -> int:
    total = 0
    for _ in range(pages):
        removed = store.run(page(PAGE))
        total += removed
        if removed < PAGE:
            break
    return total
