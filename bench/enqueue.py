"""How fast are jobs stored: one after the other, by 200 callers at once, and 100,000 in bulk (5,000 a call)?

Every answer means that the job is durable. Each stored job is counted. In bulk, `raw` is our statement, and `raw COPY`
and `raw executemany` the quickest way into the bare table that each database has.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from measure import KINDS, ROUNDS, Contest, Figures, Place, check_stored, interleave, place, sized

from holdfast import Holdfast

ONE_BY_ONE = 1_500
AT_ONCE = 30_000
CALLERS = 200
IN_BULK = 100_000
PAGE = 5_000
QUICKEST = {"postgres": "raw COPY", "sqlite": "raw executemany"}

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
        elif question == "load":
            loops.load(url, args(jobs))
        elif question == "shared":
            await loops.shared(url, args(jobs), CALLERS)
        else:
            await loops.one_by_one(url, args(jobs))

    return store


def stored(kind: str, url: str, jobs: int, store: Callable[[], Awaitable[None]]) -> float:
    """Store, count: the rate."""

    async def once() -> float:
        began = time.perf_counter()
        await store()
        return time.perf_counter() - began

    took = asyncio.run(once())
    check_stored(url, kind, jobs)
    return jobs / took


def contests(place: Place) -> list[Contest]:
    def contest(label: str, kind: str, who: str, store: Store, jobs: int) -> Contest:
        figures = Figures(label, kind, who, "jobs/s")

        def run() -> None:
            with place.database(kind) as url:
                server, python = place.server_seconds(), time.process_time()
                rate = stored(kind, url, jobs, lambda: store(url, jobs))
                python, server = time.process_time() - python, place.server_seconds() - server
                figures.note(rate, python=python / jobs * 1e6, server=max(0.0, server) / jobs * 1e6)

        return figures, run

    found: list[Contest] = []
    one, many, bulk = "enqueue, one after the other", "enqueue, 200 callers at once", "enqueue, 100,000 in bulk"
    for kind in KINDS:
        found += [
            contest(one, kind, "raw", raw(place, kind, "one"), sized(ONE_BY_ONE)),
            contest(one, kind, "holdfast", ours("sync"), sized(ONE_BY_ONE)),
            contest(one, kind, "holdfast, awaited", ours("await"), sized(ONE_BY_ONE)),
            contest(many, kind, "raw", raw(place, kind, "shared"), sized(AT_ONCE, CALLERS)),
            contest(many, kind, "holdfast", ours("shared"), sized(AT_ONCE, CALLERS)),
            contest(bulk, kind, QUICKEST[kind], raw(place, kind, "load"), sized(IN_BULK)),
            contest(bulk, kind, "raw", raw(place, kind, "bulk"), sized(IN_BULK)),
            contest(bulk, kind, "holdfast", ours("bulk"), sized(IN_BULK)),
        ]
    return found


if __name__ == "__main__":
    from report import show

    with place() as here:
        show(interleave(contests(here), ROUNDS))
