"""All duties, once: for systems that are only called now and then, for tests, and for `holdfast leader --once`."""

from dataclasses import dataclass

from holdfast.events.bus import Bus
from holdfast.leader.duties import bury, ends, gates, overdue, promote, prune, rescue, schedules, stats, upkeep, waits
from holdfast.leader.duties.rescue import Rescued
from holdfast.leader.duties.upkeep import Upkeep
from holdfast.storage.base import Store


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of duties did: jobs promoted, jobs cancelled because their own time was over, jobs that schedules
    made, jobs rescued, finished jobs removed, and the upkeep of tables and the list of workers."""

    promoted: int
    overdue: int
    fired: int
    rescued: Rescued
    pruned: int
    upkeep: Upkeep


def run_once(store: Store, bus: Bus, lease: float, find: schedules.Find = schedules.nobody) -> Round:
    """Do every duty once. `lease`: seconds that workers' claims last, for which an outage is waited out.

    find: the tasks of this process, which schedules are checked against.
    """
    schedules.revive(store, find)
    promoted, cancelled, fired = keep_time(store, bus, find)
    rescued = mourn(store, bus) + rescue.run_settled(store, bus, lease)
    waits.run_once(store, bus)
    ends.run_once(store)
    gates.run_once(store)
    gates.sweep_once(store)
    pruned = prune.run_once(store, pages=1)
    if pruned:
        bus.tell("history.pruned", count=pruned)
    if unused := gates.prune_once(store, pages=1):
        bus.tell("gate.pruned", count=unused)
    waits.prune_once(store, pages=1)
    ends.prune_once(store)
    stats.fold_once(store)  # no walk through the live jobs: whoever calls this waits for it
    stats.prune_once(store, bus.now(), pages=1)
    return Round(promoted, cancelled, fired, rescued, pruned, upkeep.run_once(store))


def mourn(store: Store, bus: Bus) -> Rescued:
    """Release what workers held that are dead for sure, where the store can know."""
    rescued = Rescued()

    def release(boot: str) -> None:
        nonlocal rescued
        rescued += bury.run_once(store, bus, boot)

    store.mourn(release)
    return rescued


def keep_time(store: Store, bus: Bus, find: schedules.Find = schedules.nobody) -> tuple[int, int, int]:
    """Make ready what is due, end what is past its own time, fire the schedules that are due: how many of each. Gates
    and waits that ask for it are looked at."""
    promoted = promote.run_once(store)
    cancelled = overdue.run_once(store, bus) if promoted.overdue else 0
    fired = 0
    if promoted.schedule_in is not None and promoted.schedule_in <= 0:
        fired = schedules.run_once(store, bus, find).fired
    if promoted.noted:
        waits.run_once(store, bus)
    gates.run_once(store)
    return promoted.count, cancelled, fired
