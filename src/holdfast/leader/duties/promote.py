"""Scheduled jobs become ready when their time has come."""

from holdfast.storage.base import Store
from holdfast.storage.ops import duties

PAGE = 1000
MOST_PAGES = 50


def run_once(store: Store, pages: int = MOST_PAGES) -> duties.Promoted:
    """Promote every due job, `pages` x 1,000 at most; answers how many and when the next is due."""
    total = 0
    next_in: float | None = None
    over = gated = gates = noted = False
    schedule_in: float | None = None
    for _ in range(pages):
        promoted = store.run(duties.promote(PAGE))
        total += promoted.count
        next_in = promoted.next_in
        over, gates, noted = promoted.overdue, promoted.gates, promoted.noted
        schedule_in = promoted.schedule_in
        gated = gated or promoted.gated
        if promoted.count < PAGE:
            break
    else:
        next_in = 0.0
    if total or gated:
        store.ring()
    return duties.Promoted(total, next_in, over, gated, schedule_in, gates, noted)
