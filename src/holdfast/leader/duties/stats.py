"""Counting for people: what ended is added up, and live jobs are counted on a walk where they are too many for whoever
asks. Nothing else depends on it."""

from collections.abc import Sequence
from datetime import datetime

from holdfast.clock import monotonic
from holdfast.storage.base import Store
from holdfast.storage.op import Row
from holdfast.storage.ops import stats
from holdfast.storage.rows import moment

EVERY = 5.0
"""Seconds between two turns."""

BEHIND = 1.0
"""Seconds between two turns while there is more than one can do."""

BUDGET = 0.25
"""Seconds of a turn for what ended, and as many for the walk: the leader has other duties."""

WALK_EVERY = 15.0
"""Seconds between two walks. One that took longer than a twentieth of that is followed by a longer pause."""

SHARE = 20
MOST_PAGES = 20
PRUNE_EVERY = 3600.0


def fold_once(store: Store, budget: float = BUDGET) -> bool:
    """Add up what ended, for so many seconds; whether that was all. Costs one read where nothing did."""
    until = monotonic() + budget
    while store.run(stats.ahead(), "read"):
        if store.run(stats.fold()) < stats.PAGE:
            break
        if monotonic() >= until:
            return False
    return True


def prune_once(store: Store, now: datetime, pages: int = MOST_PAGES) -> int:
    """Forget what was counted too long ago; how many minutes, hours and days."""
    total = 0
    for _ in range(pages):
        removed = store.run(stats.prune(now))
        total += removed
        if removed < 1000:
            break
    return total


class Walk:
    """Counts the live jobs, page by page over several turns."""

    def __init__(self) -> None:
        self._after = ("", stats.FIRST)
        self._sums: dict[tuple[str, ...], tuple[int, datetime]] = {}
        self._pages = 0
        self._known: bool | None = None
        """Whether something is kept of an earlier walk, if we know."""

    def go_on(self, store: Store, now: datetime, budget: float = BUDGET) -> bool:
        """Look at pages for so many seconds; whether the walk has come to its end, and what it counted is kept."""
        until = monotonic() + budget
        while True:
            page = store.run(stats.walk(*self._after), "read")
            self._add(page.rows)
            self._pages += 1
            if page.size < stats.WALK:
                self._keep(store, now)
                return True
            self._after = (page.tenant, page.id)
            if monotonic() >= until:
                return False

    def _add(self, rows: Sequence[Row]) -> None:
        for *names, count, due in rows:
            before = self._sums.get(tuple(names), (0, moment(due)))
            self._sums[tuple(names)] = (before[0] + int(count), min(before[1], moment(due)))

    def _keep(self, store: Store, now: datetime) -> None:
        """Where there was but one page, whoever asks counts for himself."""
        rows = [(*names, *sums) for names, sums in self._sums.items()] if self._pages > 1 else []
        if self._known is None:
            self._known = store.run(stats.live_known(), "read")
        if rows or self._known:
            store.run(stats.live_counted(rows, now))
        self._known, self._after, self._pages = bool(rows), ("", stats.FIRST), 0
        self._sums = {}


class Counting:
    """The duty of one leader."""

    def __init__(self) -> None:
        self._walk = Walk()
        self._walked = 0.0
        self._walk_at = self._prune_at = float("-inf")

    def run(self, store: Store, now: datetime) -> float:
        """One turn; answers in how many seconds the next may be."""
        all_folded = fold_once(store)
        began = monotonic()
        if began >= self._walk_at:
            whole = self._walk.go_on(store, now)
            self._walked += monotonic() - began
            if whole:
                self._walk_at = monotonic() + max(WALK_EVERY, SHARE * self._walked)
                self._walked = 0.0
        if began >= self._prune_at:
            prune_once(store, now)
            self._prune_at = began + PRUNE_EVERY
        return EVERY if all_folded and self._walk_at > began else BEHIND
