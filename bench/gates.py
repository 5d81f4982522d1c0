"""What do keys, groups, limits and dependencies cost a job that has one, and what do they cost the others?

The same 20,000 no-op jobs, stored 5,000 a call and drained, without anything and with each; the ratio is to `plain`,
round by round. Then plain jobs are drained beside 200,000 of a full group, and beside 100,000 groups of two, whose
queue nobody serves: each such database is made once for all rounds. Who drains there does not lead: a leader counts
all live jobs for a quarter of a second in fifteen, which would be a fifth of so short a drain.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from drain import Counted, ended_at
from measure import HISTORY, KINDS, ROUNDS, Contest, Figures, Place, check_finished, interleave, place, query, sized

from holdfast import Holdfast, Limit
from holdfast.ids import new_id
from holdfast.storage.ops.jobs import Wanted, claim

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


CROWD = "drain of plain jobs beside those that gates hold back"
EMPTY = "a claim that finds nothing beside them"
BESIDE = ("plain", "beside a full group of 200,000", "beside 100,000 groups of 2")
ALONE = f"{DRAINED}, {FEW} at once"
WAYS = (
    Way("plain"),
    Way("key", {"key": lambda a, b: f"key{a}"}),
    Way(f"{GROUPS} groups", {"group": lambda a, b: f"g{a % GROUPS}"}),
    Way("limit of 100", {"limit": Limit(concurrency=100, name="all")}),
    Way("limit of 1000", {"limit": Limit(concurrency=1000, name="all")}),
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


async def drained(
    app: Holdfast, counted: Counted, concurrency: int, queues: list[str] | None = None, leader: bool = True
) -> dict[str, float]:
    async with app.worker(queues=queues, concurrency=concurrency, leader=leader):
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


class Crowded:
    """A database in which many jobs are held back, and plain ones are drained beside them."""

    def __init__(self, url: str, kind: str, level: str) -> None:
        self.url, self.kind = url, kind
        self.drained = 0
        with closing(Holdfast(url)) as app:
            crowd = {
                BESIDE[0]: {},
                BESIDE[1]: {"group": "full"},
                BESIDE[2]: {"group": lambda a, b: f"many{a % sized(100_000)}"},
            }[level]
            held = app.task(name="held", queue="held", **crowd)(nothing)
            for start in range(0, sized(200_000) if crowd else 0, PAGE):
                app.enqueue_many([held.call(number, "x") for number in range(start, start + PAGE)])

    def round(self, place: Place, figures: Figures, claims: Figures) -> None:
        jobs = sized(JOBS)
        counted = Counted(place, jobs)
        app = Holdfast(self.url)
        task = app.task(name="noop")(counted.noop)
        claims.note(claim_takes(app))
        store(app, task, WAYS[0], jobs)

        async def drain() -> dict[str, float]:
            counted.ready()
            try:
                return await drained(app, counted, 100, ["default"], leader=False)
            finally:
                await app.aclose()

        spent = asyncio.run(drain())
        self.drained += jobs
        kept = query(self.url, f"select count(*), count(distinct id) from {HISTORY[self.kind]} where task = 'noop'")
        assert kept == (self.drained, self.drained), f"{kept} ended of {self.drained}"
        figures.note(jobs / (ended_at(self.url, self.kind) - counted.began), **spent)


async def nothing(a: int, b: str) -> None: ...


def claim_takes(app: Holdfast) -> float:
    """The median time of a claim that finds nothing, in ms."""
    times: list[float] = []
    for _ in range(100):
        began = time.perf_counter()
        app.store.run(claim(Wanted("bench", new_id(), 30.0, 10, ("default",))), "claim")
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e3


def crowds(place: Place) -> list[Contest]:
    def contest(kind: str, level: str) -> Contest:
        figures = Figures(CROWD, kind, level, "jobs/s")
        claims = Figures(EMPTY, kind, level, "ms", "less")
        made: list[Crowded] = []

        def run() -> None:
            if not made:
                made.append(Crowded(place.lasting(kind), kind, level))
            made[0].round(place, figures, claims)

        return [figures, claims], run

    return [contest(kind, level) for kind in KINDS for level in BESIDE]


def contests(place: Place) -> list[Contest]:
    return costs(place) + crowds(place)


if __name__ == "__main__":
    from report import show

    with place() as here:
        show(interleave(contests(here), ROUNDS))
