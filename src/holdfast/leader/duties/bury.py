"""A worker that is dead for sure gives up what it held at once: its jobs, its leadership, its place on the list."""

from holdfast.events.bus import Bus
from holdfast.leader.duties.rescue import MOST_PAGES, PAGE, Rescued, put_back
from holdfast.model.lifecycle import Verdict, decide
from holdfast.model.outcome import Released
from holdfast.model.policy import Policy
from holdfast.storage.base import Store
from holdfast.storage.ops import duties, workers
from holdfast.storage.ops.duties import Lapsed, judged

CARETAKER = "caretaker"
"""The role of the one that does the leader's duties."""


def run_once(store: Store, bus: Bus, boot: str, counted: bool = True, why: str = "its process ended") -> Rescued:
    """Release all that worker `boot` holds. The caller knows that its process has ended: nothing here asks.

    counted: whether its end is a crash of what it ran; one that was killed because it was told to stop is none.
    """

    def judge(lapsed: Lapsed) -> Verdict:
        if counted or lapsed.stop_reason is not None:
            return judged(lapsed, why)
        return decide(lapsed, Released(), Policy.read(lapsed.policy))

    store.run(duties.abdicate(CARETAKER, boot))
    found = put_back(store, bus, judge, lambda judge, removed: duties.bury(boot, judge, PAGE, removed), MOST_PAGES)
    store.run(workers.gone(boot))
    return found
