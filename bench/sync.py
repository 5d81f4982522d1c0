"""How fast does one worker process drain jobs whose bodies are plain functions, which run on threads? 100 at once.

Beside it the same jobs with `async def` bodies. Peers at the number of threads that is their best.
"""

import asyncio
import threading
from typing import Any

from drain import Counted, drain_ours, drained
from measure import KINDS, ROUNDS, Contest, Figures, Place, interleave, place, sized

from holdfast import Holdfast

JOBS = 20_000
CONCURRENCY = 100


class Threads(Counted):
    """The handler as a plain function, called on many threads."""

    def ready(self) -> None:
        super().ready()
        self.loop = asyncio.get_running_loop()
        self.lock = threading.Lock()

    def plain(self, a: int, b: str) -> None:
        with self.lock:
            if not self.began:
                self.begin()
            self.ran[a] += 1
            self.left -= 1
            last = not self.left
        if last:
            self.loop.call_soon_threadsafe(self.all_ran.set)


async def drain_threads(place: Place, kind: str, url: str, counted: Threads, concurrency: int) -> dict[str, float]:
    app = Holdfast(url)
    app.task(name="noop")(counted.plain)
    async with app.worker(concurrency=concurrency):
        await counted.all_ran.wait()
    spent = counted.spent()
    await app.aclose()
    return spent


def contests(place: Place) -> list[Contest]:
    def contest(kind: str, who: str, drain: Any) -> Contest:
        figures = Figures("drain of plain functions", kind, who, "jobs/s")

        def run() -> None:
            with place.database(kind) as url:
                rate, spent = drained(place, kind, url, drain, Threads(place, sized(JOBS)), CONCURRENCY)
                figures.note(rate, **spent)

        return figures, run

    return [
        contest(kind, who, drain)
        for kind in KINDS
        for who, drain in (("holdfast", drain_threads), ("holdfast, async def", drain_ours))
    ]


if __name__ == "__main__":
    from report import show

    with place() as here:
        show(interleave(contests(here), ROUNDS))
