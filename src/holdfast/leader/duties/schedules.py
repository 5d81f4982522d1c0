"""Schedules make their jobs when their instants come."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from holdfast.errors import HoldfastError, InvalidOption
from holdfast.events.bus import Bus
from holdfast.leader.telling import tell_ended
from holdfast.model.job import JobRecord, JobState
from holdfast.model.jsontext import shown_text
from holdfast.model.lifecycle import Finish
from holdfast.model.tenant import Scope
from holdfast.storage.base import Store
from holdfast.storage.ops import firing
from holdfast.storage.ops.firing import SUPERSEDED, UNKNOWN, Fired
from holdfast.storage.ops.inspect import get
from holdfast.storage.ops.jobs import Lease
from holdfast.task import Task

PAGE = 200
MOST_PAGES = 50

Find: TypeAlias = Callable[[str], Task[Any, Any, Any] | None]
"""The task of this process that has a name."""


@dataclass(frozen=True, slots=True)
class Firings:
    """Jobs that schedules made, schedules that were parked, and whether any that was due could be looked at."""

    fired: int = 0
    parked: int = 0
    looked: bool = False


def nobody(name: str) -> None:
    """Finds no task: for processes that have none."""


def run_once(store: Store, bus: Bus, find: Find = nobody, pages: int = MOST_PAGES) -> Firings:
    """Fire what is due, `pages` x 200 schedules at most."""
    fired = parked = 0
    looked = False
    for _ in range(pages):
        done = store.run(firing.fire(lambda task, args: refusal(find, task, args), PAGE))
        looked |= done.due > 0
        fired += len(done.fired)
        parked += len(done.parked)
        tell_fired(store, bus, done.fired)
        ended = [(Lease(tenant, id, 0), Finish(JobState.CANCELLED, 1.0, SUPERSEDED)) for tenant, id in done.cancelled]
        tell_ended(store, bus, ended, {})
        for one in done.parked:
            bus.tell("schedule.parked", schedule=one.schedule, task=one.task, reason=one.reason, tenant=one.tenant)
        if not done.full:
            break
    return Firings(fired, parked, looked)


def revive(store: Store, find: Find = nobody) -> int:
    """Have schedules go on that were parked and could fire by now, `MOST_PAGES` x 1,000 of them; answers how many."""
    count = 0
    after = "", ""
    for _ in range(MOST_PAGES):
        found = store.run(firing.revive(lambda task, args: refusal(find, task, args), after))
        count += found.going
        if found.after is None:
            break
        after = found.after
    return count


def refusal(find: Find, task: str, args: str) -> str | None:
    """Why a job of this task cannot run with these arguments: None where it can, UNKNOWN for a task not here."""
    found = find(task)
    if found is None or not found.handled:
        return UNKNOWN
    try:
        found.load(args)
    except InvalidOption as error:
        return f"its arguments are not valid any more: {error}"
    except Exception as error:  # validators may raise anything
        return f"its arguments cannot be validated: {type(error).__name__}: {shown_text(str(error))}"
    return None


def tell_fired(store: Store, bus: Bus, fired: list[Fired]) -> None:
    """Tell of each job, with its record; one query for a tenant's, and none where nobody listens."""
    if not fired or not (bus.wanted("schedule.fired") or bus.wanted("job.enqueued")):
        return
    records: dict[str, JobRecord] = {}
    try:
        for tenant in {one.tenant for one in fired}:
            ids = [one.job for one in fired if one.tenant == tenant]
            found = store.run(get(ids, Scope(tenant)), "read")
            records.update((record.id, record) for record in found if isinstance(record, JobRecord))
    except HoldfastError as error:
        bus.tell("database.away", what=f"{len(fired)} firings were told without their jobs", cause=error)
    for one in fired:
        record = records.get(one.job)
        queue = None if record is None else record.queue
        if record is not None:
            bus.tell("job.enqueued", job=record, queue=queue, task=one.task)
        bus.tell("schedule.fired", job=record, queue=queue, task=one.task, schedule=one.schedule, tick=one.tick)
