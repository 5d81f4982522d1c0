"""What do keys, groups, limits and dependencies cost a job that has one, and what do they cost the others?

The same 20,000 no-op jobs, stored 5,000 a call and drained, without anything and with each. `of plain` is the ratio
within one round. Then plain jobs are drained beside 200,000 that a full group holds back, and beside 100,000 groups of
a job each, whose queue nobody serves: each such database is made once for all rounds, by SQL, of copies of real rows.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drain import Counted, ended_at
from measure import KINDS, Contest, Figures, Place, check_finished, interleave, place, sized

from holdfast import Holdfast, Limit

JOBS = 20_000
PAGE = 5_000
GROUPS = 1_000
FEW = 10
STORED, DRAINED = "enqueue in bulk, by what decides", "drain, by what decides"


@dataclass(frozen=True)
class Way:
    """What jobs have: options of the task, and of one of them by its number."""

    who: str
    task: Mapping[str, Any] = field(default_factory=dict[str, Any])
    each: Callable[[int], dict[str, Any]] | None = None
    after: bool = False
    concurrency: int = 100
    question: str = DRAINED


ALONE = f"{DRAINED}, {FEW} at once"
WAYS = (
    Way("plain"),
    Way("key", {"key": lambda a, b: f"key{a}"}),
    Way(f"{GROUPS} groups", {"group": lambda a, b: f"g{a % GROUPS}"}),
    Way("limit of 100", {"limit": Limit(concurrency=100, name="all")}),
    Way("after a job", after=True),
    Way("plain", concurrency=FEW, question=ALONE),
    Way(f"{FEW} groups", {"group": lambda a, b: f"g{a % FEW}"}, concurrency=FEW, question=ALONE),
    Way(f"limit of {FEW}", {"limit": Limit(concurrency=FEW, name="all")}, concurrency=FEW, question=ALONE),
)


def store(app: Holdfast, task: Any, way: Way, jobs: int) -> float:
    """The rate at which they are stored."""
    if way.after:
        first = app.task(name="first")(first_of_all)
        task = task.using(after=first.enqueue())
    calls = [task.call(number, "x") for number in range(jobs)]
    began = time.perf_counter()
    for start in range(0, jobs, PAGE):
        app.enqueue_many(calls[start : start + PAGE])
    return jobs / (time.perf_counter() - began)


async def first_of_all() -> None: ...


async def drained(app: Holdfast, counted: Counted, concurrency: int) -> dict[str, float]:
    async with app.worker(concurrency=concurrency):
        await asyncio.wait_for(counted.all_ran.wait(), 120)
    return counted.spent()


def once(place: Place, kind: str, way: Way, stored: Figures | None, ended: Figures) -> None:
    with place.database(kind) as url:
        jobs = sized(JOBS)
        counted = Counted(place, jobs)
        app = Holdfast(url)
        task = app.task(name="noop", **way.task)(counted.noop)
        python, server = time.process_time(), place.server_seconds()
        rate = store(app, task, way, jobs)
        if stored is not None:
            python, server = time.process_time() - python, place.server_seconds() - server
            stored.note(rate, python=python / jobs * 1e6, server=server / jobs * 1e6)

        async def drain() -> dict[str, float]:
            counted.ready()
            try:
                return await drained(app, counted, way.concurrency)
            finally:
                await app.aclose()

        spent = asyncio.run(drain())
        check_finished(url, kind, jobs + way.after, bytearray(counted.ran + b"\1" * way.after))
        ended.note(jobs / (ended_at(url, kind) - counted.began), **spent)


def costs(place: Place) -> list[Contest]:
    def contest(kind: str, way: Way) -> Contest:
        stored = Figures(STORED, kind, way.who, "jobs/s") if way.question == DRAINED else None
        ended = Figures(way.question, kind, way.who, "jobs/s")
        return ([stored, ended] if stored else [ended], lambda: once(place, kind, way, stored, ended))

    return [contest(kind, way) for kind in KINDS for way in WAYS]


def contests(place: Place) -> list[Contest]:
    return costs(place)


if __name__ == "__main__":
    import sys

    from report import show

    only = sys.argv[1:]
    with place() as here:
        rounds = 2
        found = [
            (figures, run)
            for figures, run in contests(here)
            if not only or all(any(word in f"{one.database} {one.who}" for one in figures) for word in only)
        ]
        show(interleave(found, rounds))
