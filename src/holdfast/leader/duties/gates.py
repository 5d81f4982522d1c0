"""The gate pass: looks at gates that ask for it, because a lock was not to be had, a job came on a borrowed connection,
a rate lets the next one start, or an offer was left unclaimed."""

from dataclasses import dataclass

from holdfast.model.offers import Key
from holdfast.storage.base import Store
from holdfast.storage.ops import gates

EVERY = 0.25
"""Seconds between two passes while there are gates."""

IDLE = 60.0
"""Seconds between two passes while there are none: who promotes sees when there are some."""

MOST_PAGES = 20
SWEEP_EVERY = 5.0
"""Seconds between two pages of the slow look at all gates."""

BUSY = 0.02
"""Seconds to the next pass where one could not do everything."""


@dataclass(frozen=True, slots=True)
class Looked:
    """How many gates were looked at, and in how many seconds to look again; None: there are no gates."""

    count: int
    next_in: float | None


def run_once(store: Store, pages: int = MOST_PAGES) -> Looked:
    """Look at what asks for it, `pages` x 200 gates at most. Costs one read where there is nothing to do."""
    count = 0
    for _ in range(pages):
        due = store.run(gates.due(), "read")
        if not due.now:
            return Looked(count, _pace(due))
        found = store.run(gates.calls())
        count += found
        if 0 < found < gates.PAGE:  # those that are still due now are locked by somebody
            break
    return Looked(count, BUSY)


def _pace(due: gates.Due) -> float | None:
    if not due.any:
        return None
    return EVERY if due.next_in is None else min(EVERY, max(due.next_in, BUSY))


def sweep_once(store: Store, after: Key = ("", "")) -> Key:
    """Look at a page of all gates in which jobs wait, after `after`; where the next page begins."""
    return store.run(gates.sweep(after)) or ("", "")


def prune_once(store: Store, pages: int = MOST_PAGES) -> int:
    """Remove gates that nobody has used for a day; how many."""
    total = 0
    for _ in range(pages):
        removed = store.run(gates.prune())
        total += removed
        if removed < 1000:
            break
    return total
