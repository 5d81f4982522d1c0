"""Two worker processes beside one: the rate of a drain, and how long a caller waits meanwhile.

Each process must begin its jobs in their order, none may lose a lease, and each job runs once. For the longest wait,
another process stores a job every 5 ms while two workers drain.
"""

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

from measure import HISTORY, KINDS, ROUNDS, Contest, Figures, Place, interleave, place, query, sized
from measure import JOBS as JOBS_IN

from holdfast import Holdfast

JOBS = 30_000
CONCURRENCY = 100
APART = 0.005


async def noop(a: int, b: str) -> None:
    """Is only stored here."""


async def work(url: str) -> None:
    """Once told to, run jobs until there are none for a second; which began, in order, and when the first one did."""
    app = Holdfast(url)
    began, order = list[float](), list[int]()

    @app.task(name="noop")
    async def noop(a: int, b: str) -> None:
        if not order:
            began.append(time.time())
        order.append(a)

    app.check()
    print("ready", flush=True)
    if not sys.stdin.readline():
        return
    async with app.worker(concurrency=CONCURRENCY):
        while True:
            seen = len(order)
            await asyncio.sleep(1.0)
            if seen == len(order):
                break
    await app.aclose()
    print(json.dumps({"began": began, "order": order}), flush=True)


def workers(url: str, many: int) -> "list[subprocess.Popen[str]]":
    command = [sys.executable, __file__, "work", url]
    found = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(many)]
    for one in found:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    return found


def go(started: "list[subprocess.Popen[str]]") -> None:
    for one in started:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()


def ended(url: str, kind: str, jobs: int, started: "list[subprocess.Popen[str]]") -> float:
    """Wait for the workers, check all that is promised, and answer the rate."""
    told = [json.loads(one.communicate(timeout=120)[0]) for one in started]
    ran = sorted(number for one in told for number in one["order"] if number < jobs)
    assert ran == list(range(jobs)), f"{jobs - len(set(ran))} lost, {len(ran) - len(set(ran))} doubled"
    for one in told:
        own = [number for number in one["order"] if number < jobs]
        assert own == sorted(own), "a process began a job before an earlier one of its own"
    found = query(
        url,
        f"select count(*), count(distinct id), max(attempt), max(crashes), max(finished_at) from {HISTORY[kind]}"
        " where priority = 0",
    )
    assert found[:4] == (jobs, jobs, 1, 0), f"{found[:4]} of {jobs}: ended, distinct, attempts, crashes"
    last = found[4] / 1e6 if isinstance(found[4], int) else found[4].timestamp()
    return jobs / (last - min(one["began"][0] for one in told if one["began"]))


def contests(place: Place) -> list[Contest]:
    jobs = sized(JOBS)

    def filled(kind: str, url: str) -> None:
        place.raw[kind].fill(url, [f'{{"a":{number},"b":"x"}}' for number in range(jobs)])

    def drain(kind: str, many: int) -> Contest:
        figures = Figures("drain by processes", kind, f"holdfast × {many}", "jobs/s")

        def run() -> None:
            with place.database(kind) as url:
                filled(kind, url)
                started = workers(url, many)
                go(started)
                figures.note(ended(url, kind, jobs, started))

        return figures, run

    def caller(kind: str) -> Contest:
        figures = Figures("wait of a caller beside two workers", kind, "holdfast", "ms", better="less")

        def run() -> None:
            with place.database(kind) as url:
                filled(kind, url)
                started = workers(url, 2)
                figures.note_waits(calls(url, kind, started))
                ended(url, kind, jobs, started)

        return figures, run

    return [drain(kind, many) for kind in KINDS for many in (1, 2)] + [caller(kind) for kind in KINDS]


def calls(url: str, kind: str, started: Any) -> list[float]:
    """How long each call took, of those that began while the workers had something to do."""
    app = Holdfast(url)
    task = app.task(name="noop")(noop).using(priority=1)
    number, waits = 10**9, list[float]()
    task.enqueue(number, "x")
    go(started)
    until = time.monotonic() + 60
    left = f"select count(*) from (select 1 from {JOBS_IN[kind]} where priority = 0 limit 1) as one"
    while time.monotonic() < until and query(url, left)[0]:
        for _ in range(50):
            number += 1
            began = time.perf_counter()
            task.enqueue(number, "x")
            waits.append(time.perf_counter() - began)
            time.sleep(APART)
    app.close()
    return waits


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        asyncio.run(work(sys.argv[2]))
    else:
        from report import show

        with place() as here:
            show(interleave(contests(here), ROUNDS))
