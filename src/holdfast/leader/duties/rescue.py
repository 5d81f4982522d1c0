"""Jobs whose worker vanished run again, or end where they crash their workers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from holdfast.clock import monotonic
from holdfast.events.bus import Bus
from holdfast.leader.telling import tell_ended, wanted
from holdfast.model.job import JobRecord
from holdfast.model.lifecycle import Finish, Verdict
from holdfast.storage.base import Store
from holdfast.storage.op import Op
from holdfast.storage.ops.duties import Lapsed, judged, put_back_as, rescue
from holdfast.storage.ops.jobs import Held, Lease

PAGE = 200
MOST_PAGES = 50
SETTLING = 3.0
"""Seconds after an outage for which nothing is rescued, however short leases are: a worker looks for the database
every 1.5 s at most, and then must connect."""


@dataclass(frozen=True, slots=True)
class Rescued:
    """How many lapsed jobs were put back, and how many ended because of too many crashes."""

    back: int = 0
    ended: int = 0

    def __add__(self, other: "Rescued") -> "Rescued":
        return Rescued(self.back + other.back, self.ended + other.ended)


def run_settled(store: Store, bus: Bus, lease: float) -> Rescued:
    """`run_once`, but not within a lease of an outage, for as long as workers may not have renewed yet."""
    grace = max(lease, SETTLING)
    if monotonic() - store.trouble_at < grace:
        return Rescued()
    return run_once(store, bus, grace)


def run_once(store: Store, bus: Bus, grace: float = 0.0, pages: int = MOST_PAGES) -> Rescued:
    """Rescue every job whose lease ran out, `pages` x 200 at most.

    grace: seconds for which a database server must have been up, so that its own outage is no crash of anybody.
    """
    return put_back(store, bus, judged, lambda judge, removed: rescue(judge, PAGE, grace, removed), pages)


Find: TypeAlias = Callable[[Callable[[Lapsed], Verdict], dict[str, JobRecord] | None], Op[list[tuple[Lapsed, Held]]]]


def put_back(store: Store, bus: Bus, judge: Callable[[Lapsed], Verdict], find: Find, pages: int) -> Rescued:
    """Write what `judge` makes of the jobs that `find` finds, page by page, tell of them, and wake workers."""
    back = ended = 0
    for _ in range(pages):
        verdicts: dict[str, Verdict] = {}

        def noted(lapsed: Lapsed, verdicts: dict[str, Verdict] = verdicts) -> Verdict:
            verdicts[lapsed.lease.id] = verdict = judge(lapsed)
            return verdict

        removed: dict[str, JobRecord] = {}
        over: list[tuple[Lease, Finish]] = []
        found = store.run(find(noted, removed if wanted(bus) else None))
        for lapsed, answer in found:
            if answer in (Held.DONE, Held.REPLACED, Held.UNDOING):
                verdict = put_back_as(verdicts[lapsed.lease.id], answer, lapsed.policy)
                if isinstance(verdict, Finish):
                    over.append((lapsed.lease, verdict))
                gone = isinstance(verdict, Finish) and answer is Held.DONE
                ended += gone
                back += not gone
                _tell(bus, lapsed, verdict)
        tell_ended(store, bus, over, removed)
        if len(found) < PAGE:
            break
    if back:
        store.ring()
    return Rescued(back, ended)


def _tell(bus: Bus, lapsed: Lapsed, verdict: Verdict) -> None:
    what = f"it is {verdict.state} now ({verdict.reason})" if isinstance(verdict, Finish) else "it runs again"
    counted = isinstance(verdict, Finish) or verdict.crashed
    bus.tell(
        "job.rescued",
        queue=lapsed.queue,
        task=lapsed.task,
        id=lapsed.lease.id,
        worker=lapsed.worker,
        crashes=lapsed.crashes + counted,
        what=what,
    )
