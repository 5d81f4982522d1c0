"""History's partitions are made ahead and dropped behind; workers that vanished leave the list."""

from dataclasses import dataclass

from holdfast.storage.base import Store
from holdfast.storage.ops import duties


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Partitions made, partitions dropped, workers forgotten."""

    made: int
    dropped: int
    forgotten: int


def run_once(store: Store) -> Upkeep:
    """Do all three."""
    made, dropped = store.run(duties.partitions())
    return Upkeep(made, dropped, store.run(duties.prune_workers()))
