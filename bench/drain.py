"""How fast does one worker process drain a queue of no-op jobs, 100 or 10 at once?

Jobs have two small arguments; results and history are kept; every job is counted. Clocked from the first job's
start to the last ending's commit, so opening and closing are left out on both sides.
"""

import asyncio
import time
from typing import Any

from measure import HISTORY, ROUNDS, Contest, Figures, Place, check_finished, interleave, place, query
from raw import Worker

from holdfast import Holdfast

JOBS = 30_000
CONCURRENCY = (100, 10)


class Counted:
    """The handler: counts how often each job ran and remembers when the first one did."""

    def __init__(self, place: Place, jobs: int) -> None:
        self.place = place
        self.ran = bytearray(jobs)
        self.left = jobs
        self.all_ran = asyncio.Event()
        self.began = self.python = self.server = 0.0

    async def noop(self, a: int, b: str) -> None:
        if not self.began:
            self.server = self.place.server_seconds()
            self.python = time.process_time()
            self.began = time.time()
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


def contests(place: Place, jobs: int = JOBS) -> list[Contest]:
    def contest(kind: str, who: str, drain: Any, concurrency: int) -> Contest:
        figures = Figures(f"drain, {concurrency} at once", kind, who, "jobs/s")

        def run() -> None:
            with place.database(kind) as url:
                place.raw[kind].fill(url, [f'{{"a":{number},"b":"x"}}' for number in range(jobs)])

                async def once() -> None:
                    counted = Counted(place, jobs)
                    spent = await asyncio.wait_for(drain(place, kind, url, counted, concurrency), 120)
                    check_finished(url, kind, jobs, counted.ran)
                    figures.note(jobs / (ended_at(url, kind) - counted.began), **spent)

                asyncio.run(once())

        return figures, run

    return [
        contest(kind, who, drain, concurrency)
        for concurrency in CONCURRENCY
        for kind in ("postgres", "sqlite")
        for who, drain in (("raw", drain_raw), ("holdfast", drain_ours))
    ]


if __name__ == "__main__":
    from report import show

    with place() as here:
        show(interleave(contests(here), ROUNDS))
