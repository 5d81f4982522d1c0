"""History's partitions are made ahead and dropped behind; workers that vanished and runs of long ago leave the list."""

from dataclasses import dataclass

from holdfast.storage.base import Store
from holdfast.storage.ops import duties, firing

RUNS_KEPT = 90 * 86_400.0
"""Seconds for which it is known that a schedule's instant was fired, for backfills and for its list of runs."""

PAGE = 1000
MOST_PAGES = 100


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Partitions made, partitions dropped, workers forgotten."""

    made: int
    dropped: int
    forgotten: int


def run_once(store: Store) -> Upkeep:
    """Do it all."""
    made, dropped = store.run(duties.partitions())
    for _ in range(MOST_PAGES):
        if store.run(firing.prune_runs(RUNS_KEPT, PAGE)) < PAGE:
            break
    return Upkeep(made, dropped, store.run(duties.prune_workers()))
