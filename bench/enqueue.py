"""How fast are jobs stored: one awaited after the other, 200 callers at once, and many in one call?

Every answer means that the job is durable. Each stored job is counted.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from measure import ROUNDS, Contest, Figures, Place, check_stored, interleave, place

from holdfast import Holdfast

ONE_BY_ONE = {"postgres": 1_500, "sqlite": 1_500}
AT_ONCE = 20_000
CALLERS = 200
IN_BULK = 40_000
PAGE = 5_000

Store = Callable[[str, int], Awaitable[None]]


def args(jobs: int) -> list[str]:
    return [f'{{"a":{number},"b":"x"}}' for number in range(jobs)]


async def noop(a: int, b: str) -> None:
    """Is only stored here."""


def ours(question: str) -> Store:
    async def store(url: str, jobs: int) -> None:
        app = Holdfast(url)
        task = app.task(name="noop")(noop)

        async def caller(mine: range) -> None:
            for number in mine:
                await task.aenqueue(number, "x")

        if question == "bulk":
            for start in range(0, jobs, PAGE):
                app.enqueue_many([task.call(number, "x") for number in range(start, min(start + PAGE, jobs))])
        elif question == "sync":
            for number in range(jobs):
                task.enqueue(number, "x")
        else:
            callers = 1 if question == "await" else CALLERS
            await asyncio.gather(*(caller(range(first, jobs, callers)) for first in range(callers)))
        await app.aclose()

    return store


def raw(place: Place, kind: str, question: str) -> Store:
    loops = place.raw[kind]

    async def store(url: str, jobs: int) -> None:
        if question == "bulk":
            loops.fill(url, args(jobs))
        elif question == "shared":
            await loops.shared(url, args(jobs), CALLERS)
        else:
            await loops.one_by_one(url, args(jobs))

    return store


def contests(place: Place) -> list[Contest]:
    def contest(label: str, kind: str, who: str, store: Store, jobs: int) -> Contest:
        figures = Figures(label, kind, who, "jobs/s")

        def run() -> None:
            with place.database(kind) as url:
                server, python, began = place.server_seconds(), time.process_time(), time.perf_counter()
                asyncio.run(store(url, jobs))
                took, python = time.perf_counter() - began, time.process_time() - python
                server = place.server_seconds() - server
                check_stored(url, kind, jobs)
                figures.note(jobs / took, python=python / jobs * 1e6, server=server / jobs * 1e6)

        return figures, run

    found: list[Contest] = []
    for kind in ("postgres", "sqlite"):
        one = "enqueue, one after the other"
        found += [
            contest(one, kind, "raw", raw(place, kind, "one"), ONE_BY_ONE[kind]),
            contest(one, kind, "holdfast", ours("sync"), ONE_BY_ONE[kind]),
            contest(one, kind, "holdfast, awaited", ours("await"), ONE_BY_ONE[kind]),
            contest(f"enqueue, {CALLERS} callers at once", kind, "raw", raw(place, kind, "shared"), AT_ONCE),
            contest(f"enqueue, {CALLERS} callers at once", kind, "holdfast", ours("shared"), AT_ONCE),
            contest("enqueue, 5,000 in one call", kind, "raw", raw(place, kind, "bulk"), IN_BULK),
            contest("enqueue, 5,000 in one call", kind, "holdfast", ours("bulk"), IN_BULK),
        ]
    return found


if __name__ == "__main__":
    from report import show

    with place() as here:
        show(interleave(contests(here), ROUNDS))
