"""How fast does one worker process drain a queue of no-op jobs, 1, 10, 100 or 500 at once?

Jobs have two small arguments; results and history are kept; every job is counted. Clocked from the first job's
start to the last ending's commit, so opening and closing are left out on both sides.
"""

import asyncio
import time
from typing import Any

from measure import HISTORY, KINDS, ROUNDS, Contest, Figures, Place, check_finished, interleave, place, query, sized
from raw import Worker

from holdfast import Holdfast

JOBS = {100: 50_000, 10: 25_000, 1: 3_000, 500: 25_000}
"""For each concurrency."""


class Counted:
    """The handler: counts how often each job ran and remembers when the first one did."""

    def __init__(self, place: Place, jobs: int) -> None:
        self.place = place
        self.ran = bytearray(jobs)
        self.left = jobs
        self.began = self.python = self.server = 0.0

    def ready(self) -> None:
        """Called on the event loop that will wait for the last job."""
        self.all_ran = asyncio.Event()

    def begin(self) -> None:
        self.server = self.place.server_seconds()
        self.python = time.process_time()
        self.began = time.time()

    async def noop(self, a: int, b: str) -> None:
        if not self.began:
            self.begin()
        self.ran[a] += 1
        self.left -= 1
        if not self.left:
            self.all_ran.set()

    def spent(self) -> dict[str, float]:
        """CPU µs per job since the first."""
        jobs = len(self.ran)
        python = time.process_time() - self.python
        return {"python": python / jobs * 1e6, "server": (self.place.server_seconds() - self.server) / jobs * 1e6}


def ended_at(url: str, kind: str) -> float:
    """When the last ending was written, by the machine's wall clock."""
    moment = query(url, f"select max(finished_at) from {HISTORY[kind]}")[0]
    return moment / 1e6 if isinstance(moment, int) else moment.timestamp()


async def drain_raw(place: Place, kind: str, url: str, counted: Counted, concurrency: int) -> dict[str, float]:
    hands = place.raw[kind].hands(url)
    await Worker(hands, counted.noop, concurrency).drain()
    return counted.spent()


async def drain_ours(place: Place, kind: str, url: str, counted: Counted, concurrency: int) -> dict[str, float]:
    app = Holdfast(url)

    app.task(name="noop")(counted.noop)

    async with app.worker(concurrency=concurrency):
        await counted.all_ran.wait()
    spent = counted.spent()
    await app.aclose()
    return spent


def drained(place: Place, kind: str, url: str, drain: Any, counted: Any, concurrency: int) -> tuple[float, Any]:
    """Fill, drain, count: the rate, and CPU µs per job."""
    jobs = len(counted.ran)
    place.raw[kind].fill(url, [f'{{"a":{number},"b":"x"}}' for number in range(jobs)])

    async def once() -> dict[str, float]:
        counted.ready()
        return await asyncio.wait_for(drain(place, kind, url, counted, concurrency), 120)

    spent = asyncio.run(once())
    check_finished(url, kind, jobs, counted.ran)
    return jobs / (ended_at(url, kind) - counted.began), spent


def contests(place: Place) -> list[Contest]:
    def contest(kind: str, who: str, drain: Any, concurrency: int) -> Contest:
        figures = Figures(f"drain, {concurrency} at once", kind, who, "jobs/s")

        def run() -> None:
            with place.database(kind) as url:
                rate, spent = drained(place, kind, url, drain, Counted(place, sized(JOBS[concurrency])), concurrency)
                figures.note(rate, **spent)

        return figures, run

    return [
        contest(kind, who, drain, concurrency)
        for concurrency in JOBS
        for kind in KINDS
        for who, drain in (("raw", drain_raw), ("holdfast", drain_ours))
    ]


if __name__ == "__main__":
    from report import show

    with place() as here:
        show(interleave(contests(here), ROUNDS))
