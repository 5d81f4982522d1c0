"""What does a transaction cost that somebody holds open while 200,000 jobs pass, and who is told?

A shallow queue: another process stores jobs, 1,000 for each 1,000 that have ended, so that some thousands wait at any
time. 50,000 pass while nobody reads; then a reader takes a snapshot and keeps it while 200,000 pass; the last 50,000 of
them are compared with the first. Then it lets go, and 20,000 more pass: the write-ahead log has to stay as it is.

    bench/snapshot.py [--jobs 200000] [--rounds 3] [--only postgres]
"""

import argparse
import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from measure import JOBS, KINDS, ROUNDS, Contest, Figures, Place, check_finished, interleave, place, sized

from holdfast import Holdfast

PASSING = 200_000
STEP = 1_000
AHEAD = 5
"""Steps that are stored before the first job ends."""
SLICE = 50_000
AFTER = 20_000
WARM = 10_000
"""Jobs that pass before any clock runs."""
PAGE = 500
talkative = False
"""Whether each round is told; set where this is run by itself."""


async def noop(a: int, b: str) -> None:
    """Is only stored here."""


def produce(url: str) -> None:
    """Store as many jobs as each line of the input says."""
    app = Holdfast(url)
    task = app.task(name="noop")(noop)
    number = 0
    for line in sys.stdin:
        for start in range(0, int(line), PAGE):
            many = min(PAGE, int(line) - start)
            app.enqueue_many([task.call(number + more, "x") for more in range(many)])
            number += many
    app.close()


class Stream:
    """A worker in this process, and a producer in another that stores a step more whenever one has ended."""

    def __init__(self, url: str, jobs: int) -> None:
        self.ran = bytearray(jobs)
        self.count = 0
        self.told = 0
        self.goal = 0
        self.there = asyncio.Event()
        self.at: dict[int, float] = {}
        command = [sys.executable, __file__, "produce", url]
        self.producer = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)

    async def noop(self, a: int, b: str) -> None:
        self.ran[a] += 1
        self.count += 1
        if self.count % STEP == 0:
            self.at[self.count] = time.perf_counter()
            if self.told < self.goal:
                self.ask(STEP)
            if self.count == self.goal:
                self.there.set()

    def ask(self, jobs: int) -> None:
        assert self.producer.stdin is not None
        self.told += jobs
        self.producer.stdin.write(f"{jobs}\n")
        self.producer.stdin.flush()

    async def go_on(self, jobs: int) -> None:
        """Let so many more pass, and return when their bodies have run."""
        self.goal += jobs
        self.there.clear()
        self.at[self.count] = time.perf_counter()
        self.ask(min(AHEAD * STEP, jobs))
        async with asyncio.timeout(600):
            await self.there.wait()

    def rate(self, first: int, last: int) -> float:
        return (last - first) / (self.at[last] - self.at[first])

    def end(self) -> None:
        assert self.producer.stdin is not None
        self.producer.stdin.close()
        self.producer.wait(30)


def hold(url: str) -> None:
    """Take a snapshot, as a long report does, and keep it until the input ends."""
    if url.startswith("sqlite"):
        connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("begin")
        connection.execute(f"select count(*) from {JOBS['sqlite']}").fetchone()
    else:
        connection = psycopg.connect(url, autocommit=True, application_name="bench-report")
        connection.execute("begin isolation level repeatable read, read only")
        connection.execute(f"select count(*) from {JOBS['postgres']}").fetchone()
    told_as = os.getpid() if url.startswith("sqlite") else connection.info.backend_pid
    print(told_as, flush=True)
    sys.stdin.read()
    connection.execute("commit")
    connection.close()


class Reader:
    """Another process that holds a snapshot; `number` is what names it on a machine or a server."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, __file__, "hold", url]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.number = self.process.stdout.readline().strip()

    def let_go(self) -> None:
        self.process.communicate()


def log_size(url: str) -> int:
    """Bytes of the write-ahead log of a SQLite file, 0 elsewhere."""
    with suppress(OSError):
        return Path(url.removeprefix("sqlite:///") + "-wal").stat().st_size
    return 0


async def passing(url: str, kind: str, jobs: int) -> dict[str, float]:
    """The rates before and with a snapshot, how long the log was, and whether the leader's look named the holder."""
    before, after = WARM + min(SLICE, jobs), min(AFTER, jobs)
    app = Holdfast(url)
    stream = Stream(url, before + jobs + after)
    app.task(name="noop")(stream.noop)
    async with app.worker(concurrency=100):
        await stream.go_on(WARM)
        await stream.go_on(before - WARM)
        reader = await asyncio.to_thread(Reader, url)
        await stream.go_on(jobs)
        warned = [finding.what for finding in await asyncio.to_thread(lambda: list(app.store.strain()))]
        if talkative:
            print(*warned or ["(no warning)"], sep="\n", file=sys.stderr)
        held_log = log_size(url)
        await asyncio.to_thread(reader.let_go)
        await stream.go_on(after)
        log = log_size(url)
    stream.end()
    await app.aclose()
    check_finished(url, kind, before + jobs + after, stream.ran)
    last = before + jobs
    return {
        "before": stream.rate(WARM, before),
        "held": stream.rate(before, last),
        "held last": stream.rate(last - (before - WARM), last),
        "after": stream.rate(last, last + after),
        "log": held_log / 1e6,
        "log after": log / 1e6,
        "named": float(any(re.search(rf"\b{reader.number}\b", what) for what in warned)),
    }


def contests(place: Place, jobs: int = 0, kinds: tuple[str, ...] = KINDS) -> list[Contest]:
    jobs = jobs or sized(PASSING, STEP)

    def contest(kind: str) -> Contest:
        figures = Figures(f"a snapshot held while {PASSING:,} jobs pass", kind, "holdfast", "× before")

        def run() -> None:
            with place.database(kind) as url:
                found = asyncio.run(passing(url, kind, jobs))
                figures.note(found["held last"] / found["before"], **found)
                if talkative:
                    print(kind, json.dumps({name: round(value, 1) for name, value in found.items()}), file=sys.stderr)

        return figures, run

    return [contest(kind) for kind in kinds]


def main() -> None:
    global talkative
    talkative = True
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("postgres", "sqlite"), help="one of the databases")
    parser.add_argument("--jobs", type=int, default=PASSING, help="that pass meanwhile (%(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    kinds = (asked.only,) if asked.only else KINDS
    with place() as here:
        interleave(contests(here, asked.jobs, kinds), asked.rounds)


if __name__ == "__main__":
    if sys.argv[1:2] == ["produce"]:
        produce(sys.argv[2])
    elif sys.argv[1:2] == ["hold"]:
        hold(sys.argv[2])
    else:
        main()
