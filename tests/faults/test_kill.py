"""Workers are killed at random moments, over and over; every job still reaches its one end."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.faults import crew
from tests.faults.audit import Database
from tests.faults.conftest import FIGURES
from tests.faults.journal import boot_of
from tests.faults.nursery import Child, Nursery, until
from tests.faults.verdict import Verdict, judge, percentile

LEASE = 1.0
POLL = 0.25
WORKERS = 4
RATE = 80.0
"""Jobs a second of each of the two producers."""

KILLS = int(os.environ.get("HOLDFAST_KILLS") or 100)
CHAOS_KILLS = int(os.environ.get("HOLDFAST_KILLS") or 10_000)
SHARE = 45.0
"""Seconds for which one loop may go on killing in an ordinary run; it then says that it did fewer."""


@dataclass
class Loop:
    """A fleet of workers and producers, and what was done to it."""

    nursery: Nursery
    database: Database
    folder: Path
    chance: random.Random
    workers: list[Child] = field(default_factory=list)
    producers: list[Child] = field(default_factory=list)
    killed: dict[int, int] = field(default_factory=dict)

    def hire(self) -> None:
        started = self.nursery.start(
            crew.work, url=self.database.url, where=str(self.folder), lease=LEASE, poll_interval=POLL
        )
        self.workers.append(started)

    def start(self) -> None:
        for _ in range(WORKERS):
            self.hire()
        for _ in range(2):
            seed = self.chance.randrange(10**9)
            self.producers.append(
                self.nursery.start(crew.produce, url=self.database.url, where=str(self.folder), seed=seed, rate=RATE)
            )

    def kill_one(self) -> None:
        """Kill a random worker that has jobs in its hands, and start another one."""
        boots = {row[0] for row in until(self._busy, "a worker with jobs in its hands")}
        victims = [child for child in self.workers if boot_of(self.folder, child.pid) in boots]
        if not victims:
            return
        victim = self.chance.choice(victims)
        time.sleep(self.chance.uniform(0, 0.03))
        self.killed[victim.pid] = time.time_ns() // 1000
        victim.kill()
        assert victim.wait() == -signal.SIGKILL, victim.tail()
        self.workers.remove(victim)
        self.hire()

    def drain(self, seconds: float) -> None:
        """No more faults and no more new jobs: everything must end soon."""
        for producer in self.producers:
            producer.signal(signal.SIGTERM)
        for producer in self.producers:
            assert producer.wait() == 0, producer.tail()
        until(lambda: self.database.live() == 0, "all jobs at their end", seconds, 0.05)
        for worker in self.workers:
            worker.signal(signal.SIGTERM)
        for worker in self.workers:
            assert worker.wait() == 0, worker.tail()

    def _busy(self) -> list[tuple[str]]:
        return self.database.ask("select distinct worker from {jobs} where state = 'running'")


def run_loop(loop: Loop, kills: int, share: float | None) -> None:
    loop.start()
    until(loop.database.settled, "a server up for long enough that leases may lapse")
    began = time.monotonic()
    while len(loop.killed) < kills and (share is None or time.monotonic() - began < share):
        loop.kill_one()
        time.sleep(loop.chance.uniform(0, 0.25))


def figures(name: str, verdict: Verdict, kills: int, asked: int, seed: int, seconds: float) -> str:
    less = "" if kills >= asked else f" ** ONLY {kills} OF {asked} KILLS: OUT OF TIME **"
    return (
        f"kill loop {name}: {kills} kills in {seconds:.0f} s, {verdict.jobs} jobs, {verdict.runs} runs, "
        f"lost {verdict.count('lost')}, doubled {verdict.count('doubled')}, "
        f"two live leases {verdict.count('two leases')}, stale writes accepted {verdict.count('stale')}, "
        f"recovered {len(verdict.recoveries)} in p50 {percentile(verdict.recoveries, 0.5):.2f} s "
        f"p99 {percentile(verdict.recoveries, 0.99):.2f} s (lease + sweep + poll = {LEASE + LEASE / 3 + POLL:.2f} s), "
        f"seed {seed}{less}"
    )


def check_kills(
    nursery: Nursery,
    database: Database,
    folder: Path,
    seed: int,
    kills: int,
    share: float | None,
    record_property: pytest.RecordProperty,
) -> None:
    print(f"HOLDFAST_SEED={seed}")
    loop = Loop(nursery, database, folder, random.Random(seed))
    began = time.monotonic()
    run_loop(loop, kills, share)
    seconds = time.monotonic() - began
    loop.drain(20.0)
    verdict = judge(database, folder, loop.killed)
    record_property(FIGURES, figures(database.kind, verdict, len(loop.killed), kills, seed, seconds))
    assert not verdict.complaints, f"HOLDFAST_SEED={seed}\n{verdict}"
    assert percentile(verdict.recoveries, 0.5) < LEASE + LEASE / 3 + POLL + 1.0, "killed jobs wait for too long"


def test_kill_loop(
    nursery: Nursery, database: Database, tmp_path: Path, seed: int, record_property: pytest.RecordProperty
) -> None:
    check_kills(nursery, database, tmp_path, seed, KILLS, SHARE, record_property)


@pytest.mark.chaos
def test_long_kill_loop(
    nursery: Nursery, database: Database, tmp_path: Path, seed: int, record_property: pytest.RecordProperty
) -> None:
    check_kills(nursery, database, tmp_path, seed, CHAOS_KILLS, None, record_property)
