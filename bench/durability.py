"""What does each setting of durability cost? The same questions with the default, and with the one that may lose the
last jobs before a power cut: `synchronous=normal` on SQLite, `synchronous_commit=off` on PostgreSQL.
"""

from typing import Any

import enqueue
from drain import Counted, drain_ours, drained
from measure import KINDS, ROUNDS, Contest, Figures, Place, interleave, place, sized

SAFE = {"postgres": "synchronous_commit = on", "sqlite": "synchronous = full"}
QUICK = {"postgres": "synchronous_commit = off", "sqlite": "synchronous = normal"}
PARAMETER = {"postgres": "&options=-csynchronous_commit%3Doff", "sqlite": "?synchronous=normal"}
JOBS = {"sync": 1_500, "shared": 20_000, "drain": 20_000}
LABELS = {
    "sync": "durability: enqueue, one after the other",
    "shared": "durability: enqueue, 200 callers at once",
    "drain": "durability: drain, 100 at once",
}


def contests(place: Place) -> list[Contest]:
    def contest(question: str, kind: str, quick: bool) -> Contest:
        jobs = sized(JOBS[question], enqueue.CALLERS if question == "shared" else 1)
        figures = Figures(LABELS[question], kind, (QUICK if quick else SAFE)[kind], "jobs/s")

        def run() -> None:
            with place.database(kind) as plain:
                url = plain + PARAMETER[kind] if quick else plain
                if question == "drain":
                    rate, spent = drained(place, kind, plain, as_set(url), Counted(place, jobs), 100)
                    figures.note(rate, **spent)
                else:
                    figures.note(enqueue.stored(kind, plain, jobs, lambda: enqueue.ours(question)(url, jobs)))

        return figures, run

    return [contest(question, kind, quick) for question in JOBS for kind in KINDS for quick in (False, True)]


def as_set(url: str) -> Any:
    """Our drain, at another URL of the same database."""

    async def drain(place: Place, kind: str, _: str, counted: Counted, concurrency: int) -> dict[str, float]:
        return await drain_ours(place, kind, url, counted, concurrency)

    return drain


if __name__ == "__main__":
    from report import show

    with place() as here:
        show(interleave(contests(here), ROUNDS))
