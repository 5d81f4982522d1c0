"""Says, while a system runs, what keeps its database from cleaning up: an old snapshot and its holder, a long log."""

from holdfast.events.bus import Bus
from holdfast.storage.base import Store

EVERY = 60.0


def run_once(store: Store, bus: Bus, before: int = 0) -> int:
    """Tell what strains the database, when it begins and each time it has lasted twice as long; answers for how many
    looks it has lasted now. The look is a few queries, or on SQLite the length of a file.

    before: what the look before this one answered.
    """
    found = list(store.strain())
    if not found:
        return 0
    lasted = before + 1
    if lasted & (lasted - 1) == 0:  # 1, 2, 4, 8 … looks
        for finding in found:
            bus.tell("database.strained", what=finding.what, remedy=finding.remedy)
    return lasted
