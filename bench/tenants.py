"""What does it cost that tenants take turns, and how fair is it?

The same 100,000 no-op jobs are drained by one worker, 100 at once: all of one tenant, a job each of 100,000 tenants,
and of 100 tenants of whom the largest has a thousand times the backlog of the smallest. Jain's index (1: all had as
much, 1/n: one had all) is taken of what these had when the smallest backlog was done.
"""

import asyncio
from array import array
from collections import Counter
from collections.abc import Callable
from typing import Any

from drain import Counted, ended_at
from measure import KINDS, ROUNDS, Contest, Figures, Place, check_finished, interleave, place, sized

from holdfast import Holdfast

JOBS = 100_000
PAGE = 5_000
TENANTS = 100
SKEW = 1_000
ONLY: list[str] = []
QUESTION = "drain, by tenants"
FAIR = f"Jain's index of {TENANTS} tenants, backlogs 1:{SKEW}"


def skewed(jobs: int) -> list[int]:
    """How many jobs each of the tenants has; the last gets what is left."""
    shares = [SKEW ** (place / (TENANTS - 1)) for place in range(TENANTS)]
    counts = [max(1, int(jobs * share / sum(shares))) for share in shares]
    counts[-1] += jobs - sum(counts)
    return counts


def by_backlog(jobs: int) -> list[str]:
    """Whose each job is, the largest backlog first."""
    counts = skewed(jobs)
    return [f"t{place:02}" for place in reversed(range(TENANTS)) for _ in range(counts[place])]


WAYS: dict[str, Callable[[int], list[str]]] = {
    "one tenant": lambda jobs: ["default"] * jobs,
    "a tenant each": lambda jobs: [f"tenant {number}" for number in range(jobs)],
    f"{TENANTS} tenants, 1:{SKEW}": by_backlog,
}


def jain(served: "array[int]", whose: list[str]) -> float:
    """Of what each tenant had when the first had all of its jobs."""
    left = Counter(whose)
    had: Counter[str] = Counter()
    for number in served:
        had[whose[number]] += 1
        if had[whose[number]] == left[whose[number]]:
            break
    each = [had[tenant] for tenant in left]
    return sum(each) ** 2 / (len(each) * sum(one * one for one in each))


def once(place: Place, kind: str, who: str, ended: Figures, fair: Figures | None) -> None:
    with place.database(kind) as url:
        jobs = sized(JOBS)
        whose = WAYS[who](jobs)
        counted = Counted(place, jobs)
        served = array("l")
        app = Holdfast(url)

        async def noop(a: int, b: str) -> None:
            served.append(a)
            await counted.noop(a, b)

        task: Any = app.task(name="noop")(noop)
        for start in range(0, jobs, PAGE):
            app.enqueue_many(
                task.using(tenant=whose[number]).call(number, "x") for number in range(start, min(jobs, start + PAGE))
            )

        async def drain() -> dict[str, float]:
            counted.ready()
            try:
                async with app.worker(concurrency=100):
                    await asyncio.wait_for(counted.all_ran.wait(), 120)
                return counted.spent()
            finally:
                await app.aclose()

        spent = asyncio.run(drain())
        check_finished(url, kind, jobs, counted.ran)
        ended.note(jobs / (ended_at(url, kind) - counted.began), **spent)
        if fair is not None:
            fair.note(jain(served, whose))


def contests(place: Place) -> list[Contest]:
    def contest(kind: str, who: str) -> Contest:
        ended = Figures(QUESTION, kind, who, "jobs/s")
        fair = Figures(FAIR, kind, "holdfast", "") if who.startswith(str(TENANTS)) else None
        return ([ended, fair] if fair else [ended], lambda: once(place, kind, who, ended, fair))

    return [contest(kind, who) for kind in KINDS for who in WAYS if not ONLY or who in ONLY]


if __name__ == "__main__":
    from report import show

    with place() as here:
        show(interleave(contests(here), ROUNDS))
