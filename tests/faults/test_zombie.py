"""A worker that is stopped past its lease and goes on later changes nothing."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import struct
import time
from functools import partial
from pathlib import Path

import pytest
from tests.faults import crew, journal
from tests.faults.audit import Database
from tests.faults.conftest import FIGURES
from tests.faults.nursery import Child, Nursery, until
from tests.faults.verdict import judge

from holdfast import Call, Holdfast

LEASE = 1.0
ROUNDS = 5
AT_ONCE = 6
"""Workers stopped in one round."""


def in_hand(gate: str, done: str) -> list[Call[int]]:
    """What each zombie holds when it is stopped: results, retries, failures and threads' results, to be written late.

    Of each kind one whose next run has ended by then, and one whose next run is still under way.
    """
    return [
        one
        for then in (None, done)
        for one in (
            crew.linger.call("return", gate, then),
            crew.linger.call("retry", gate, then),
            crew.linger.call("fail", gate, then),
            crew.linger_threaded.call(gate, then),
        )
    ]


def test_zombies(
    nursery: Nursery, database: Database, tmp_path: Path, seed: int, record_property: pytest.RecordProperty
) -> None:
    print(f"HOLDFAST_SEED={seed}")
    chance = random.Random(seed)
    app = Holdfast(database.url)
    app.include(crew.tasks)
    jobs: set[str] = set()
    zombies: list[Child] = []
    for number in range(ROUNDS):
        gate, done = f"gate-{number}", f"done-{number}"
        # Half of them do not hear of their loss from the renewal, so that their late ends reach the database.
        doomed = []
        for place in range(AT_ONCE):
            doomed.append(hire(nursery, database, tmp_path, deaf=place % 2 == 0, leader=False))
            jobs |= keep_busy(app, tmp_path, in_hand(gate, done))
            stop(doomed[-1], database)
        helper = hire(nursery, database, tmp_path)
        until(lambda: held_by_one(database, 4 * AT_ONCE), "every job of the stopped workers run or running again", 10.0)
        (tmp_path / gate).touch()
        time.sleep(chance.uniform(0, 0.2))
        for zombie in doomed:
            zombie.signal(signal.SIGCONT)
        zombies += doomed
        until(partial(refused, tmp_path, zombies), "each zombie told of every loss", 10.0)
        (tmp_path / done).touch()
        until(lambda: database.live() == 0, "all jobs at their end", 10.0)
        for child in (*doomed, helper):
            child.signal(signal.SIGTERM)
        for child in (*doomed, helper):
            assert child.wait() == 0, child.tail()
    app.close()
    verdict = judge(database, tmp_path, stored=jobs)
    record_property(
        FIGURES,
        f"zombies {database.kind}: {len(zombies)} workers stopped past their lease and continued, "
        f"{refused(tmp_path, zombies)} late ends refused, stale writes accepted {verdict.count('stale')}, seed {seed}",
    )
    assert not verdict.complaints, f"HOLDFAST_SEED={seed}\n{verdict}"
    for row in database.finished():
        assert (row.state, row.token, row.crashes) == ("succeeded", 2, 1), row


def hire(nursery: Nursery, database: Database, folder: Path, **options: bool) -> Child:
    """A worker, ready."""
    child = nursery.start(
        crew.work, url=database.url, where=str(folder), lease=LEASE, poll_interval=0.1, concurrency=30, **options
    )
    until(lambda: any(line["pid"] == child.pid for line in journal.lines(folder, "ready")), "a worker ready")
    return child


def keep_busy(app: Holdfast, folder: Path, calls: list[Call[int]]) -> set[str]:
    """Enqueue these and wait until their bodies are under way, whoever took them."""
    jobs = {job.id for job in app.enqueue_many(calls)}
    until(lambda: jobs <= {line["job"] for line in journal.lines(folder, "begin")}, "their bodies under way")
    return jobs


def held_by_one(database: Database, number: int) -> bool:
    """Whether so many jobs run under their second claim, and the others have ended."""
    return database.ask("select state, token from {jobs}") == [("running", 2)] * number


def refused(folder: Path, doomed: list[Child]) -> int:
    """How many late ends were refused, once every zombie has been told of each of its own."""
    counts = {child.pid: 0 for child in doomed}
    for line in journal.lines(folder, "event"):
        if line["name"] == "lease.lost" and line["pid"] in counts:
            counts[line["pid"]] += 1
    held = {child.pid: 0 for child in doomed}
    for run in journal.runs(folder):
        if run.pid in held:
            held[run.pid] += 1
    return sum(counts.values()) if counts == held else 0


def stop(child: Child, database: Database) -> None:
    """SIGSTOP, but not inside a write transaction of SQLite: with its lock in a stopped hand nobody can write."""
    while True:
        child.signal(signal.SIGSTOP)
        until(lambda: stands_still(child.pid), "the worker stopped")
        if database.kind != "sqlite" or not holds_gate(Path(database.url.removeprefix("sqlite:///")), child.pid):
            return
        child.signal(signal.SIGCONT)
        time.sleep(0.01)


def stands_still(pid: int) -> bool:
    """Whether the signal has arrived: until then it may go on into a transaction. True where that cannot be seen."""
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "T"


def holds_gate(file: Path, pid: int) -> bool:
    """Whether this process holds the record lock that all writers take."""
    descriptor = os.open(file.with_name(file.name + "-gate"), os.O_RDWR)
    try:
        asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = struct.unpack("hhqqi4x", fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
        return bool(answer[0] != fcntl.F_UNLCK and answer[4] == pid)
    finally:
        os.close(descriptor)
