"""Who works, who leads, and what waits for nobody."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from holdfast.model.finding import Check, Finding, fine, problem, span, warning
from holdfast.storage.base import Store
from holdfast.storage.ops import health, inspect
from holdfast.storage.ops.inspect import WorkerRecord

LATE = 30.0
"""Seconds after which a leader should have seen to what lapsed or became due."""
LONG = 300.0
"""Seconds that a job may be due before it is said that workers do not keep up."""
MOST = 1000


def checks(store: Store) -> list[Check]:
    """Every check, in the order in which they are told."""
    looks: list[tuple[str, Callable[[Store], Iterator[Finding]]]] = [
        ("workers", workers),
        ("leader", leader),
        ("late work", late),
        ("waiting jobs", waiting),
        ("unknown tasks", unknown),
    ]
    return [Check(name, partial(look, store)) for name, look in looks]


def alive(store: Store) -> list[WorkerRecord]:
    return [worker for worker in store.run(inspect.workers(), "read") if worker.alive]


def workers(store: Store) -> Iterator[Finding]:
    found = store.run(inspect.workers(), "read")
    here = [worker for worker in found if worker.alive]
    gone = len(found) - len(here)
    lost = f"; {gone} vanished within the last hour without saying so" if gone else ""
    versions = sorted({worker.version for worker in here})
    if len(versions) > 1:
        yield warning(
            f"{len(here)} alive, of different versions: {', '.join(versions)}{lost}",
            "finish the roll-out, if it is none",
        )
    elif gone:
        yield warning(f"{len(here)} alive{lost}", "look into their logs: were they killed, or out of memory?")
    else:
        yield fine(f"{len(here)} alive" + (f": {_named(here)}" if here else ""))


def leader(store: Store) -> Iterator[Finding]:
    leads = [one for one in store.run(health.leaders(), "read") if one.seconds > 0]
    here = alive(store)
    names = {worker.boot: worker.name for worker in here}
    if leads:
        yield fine(f"{names.get(leads[0].boot, 'holdfast leader')}, term {leads[0].term}")
    elif here:
        yield problem(
            "nobody leads: due jobs are not started, lost ones not run again, old ones not removed",
            "start holdfast leader, or a worker without --no-leader",
        )
    else:
        yield fine("nobody leads, for nobody works")


def late(store: Store) -> Iterator[Finding]:
    found = store.run(health.late(LATE), "read")
    kinds = ((found.lapsed, "running", "whose lease ran out"), (found.overdue, "scheduled", "past due"))
    for count, state, which in kinds:
        if count:
            jobs = f"{'over ' if count >= MOST else ''}{count} {state} job{'s' if count > 1 else ''}"
            yield problem(
                f"{jobs} {which}, left alone for {span(LATE)} or more",
                "nobody leads, or the leader does not keep up: start a worker or holdfast leader, and read its log",
            )
    if not (found.lapsed or found.overdue):
        yield fine("none")


def waiting(store: Store) -> Iterator[Finding]:
    queues = store.run(health.waiting(), "read")
    here = alive(store)
    forsaken = {name: age for name, age in queues.items() if not any(worker.serves(name) for worker in here)}
    behind = {name: age for name, age in queues.items() if name not in forsaken and age > LONG}
    if forsaken:
        yield problem(
            f"jobs wait where no live worker serves: {_ages(forsaken)}",
            f"start one: holdfast worker … -q {min(forsaken)}",
        )
    if behind:
        yield warning(
            f"workers do not keep up: {_ages(behind)}", "more workers or a higher --concurrency; are some bodies stuck?"
        )
    if not forsaken and not behind:
        yield fine(f"in {len(queues)} queues, all served" if queues else "none")


def unknown(store: Store) -> Iterator[Finding]:
    tasks = store.run(health.unknown(), "read")
    here = alive(store)
    missing = [task for task in tasks if not any(worker.knows(task) for worker in here)]
    if missing:
        yield problem(
            f"jobs wait for tasks that no live worker has: {_listed(missing)}",
            "start a worker whose app has them, or give them as aliases to the tasks that took their place",
        )
    else:
        yield fine("none")


def _ages(queues: dict[str, float]) -> str:
    oldest = sorted(queues.items(), key=lambda each: -each[1])
    return _listed([f"{name} (for {span(max(age, 0.0))})" for name, age in oldest])


def _named(here: Sequence[WorkerRecord]) -> str:
    return _listed([worker.name for worker in here])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
