"""The raw loops on SQLite: one writer thread, endings and the next claim in one transaction."""

import asyncio
import contextlib
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from raw import KEPT, Ending, Share

from holdfast.ids import new_id
from holdfast.storage.load import load

SQL = load("holdfast.storage.sqlite", "", "?")


class Connection:
    """Runs our statements by name, with no layer in between. It is a hand that claims and writes endings."""

    claims = ends = True

    def __init__(self, url: str, synchronous: str = "full") -> None:
        self.sqlite = sqlite3.connect(
            url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False, cached_statements=200
        )
        self.sqlite.execute("pragma journal_mode = wal")
        self.sqlite.execute(f"pragma synchronous = {synchronous}")

    def many(self, name: str, now: int, rows: Sequence[dict[str, Any]]) -> int:
        """Run the commands of a statement for each row; how many rows the first of them changed."""
        names = (*SQL[name].signature, "now")
        changed = 0
        for part in SQL[name].parts:
            uses = [names[use] for use in part.uses]
            values = [[now if use == "now" else row.get(use) for use in uses] for row in rows]
            counted = self.sqlite.executemany(part.text, values).rowcount
            changed = changed or counted
        return changed

    def enqueue(self, jobs: Sequence[str]) -> None:
        """Store jobs with these arguments in one transaction."""
        same = {"tenant": "default", "queue": "default", "task": "noop", "priority": 0, "max_attempts": 1}
        same |= {"timeout": 3600.0, "policy": "{}"}
        with self.transaction() as now:
            self.many("enqueue", now, [same | {"id": new_id(), "args": args} for args in jobs])

    def exchange(self, endings: list[Ending], wanted: int) -> list[tuple[Any, ...]]:
        same = {"state": "succeeded", "keep": KEPT}
        with self.transaction() as now:
            if endings:
                rows = [
                    same | {"tenant": tenant, "id": id, "token": token, "result": result, "elapsed": elapsed}
                    for tenant, id, token, result, elapsed in endings
                ]
                assert self.many("finish", now, rows) == len(endings)
            return self.claim(wanted, now) if wanted else []

    def claim(self, wanted: int, now: int) -> list[tuple[Any, ...]]:
        part, names = SQL["claim"].parts[0], (*SQL["claim"].signature, "now")
        values = {"worker": "raw", "claim": new_id(), "lease": 30.0, "batch": wanted, "suspects": 2**31 - 1, "now": now}
        return self.sqlite.execute(part.text, [values.get(names[use]) for use in part.uses]).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[int]:
        """A write transaction, and its instant in microseconds."""
        self.sqlite.execute("begin immediate")
        try:
            yield time.time_ns() // 1000
        except BaseException:
            self.sqlite.execute("rollback")
            raise
        self.sqlite.execute("commit")


def hands(url: str) -> list[Connection]:
    return [Connection(url)]


def fill(url: str, jobs: Sequence[str]) -> None:
    """Store jobs 5,000 at a time."""
    connection = Connection(url)
    for start in range(0, len(jobs), 5000):
        connection.enqueue(jobs[start : start + 5000])


def load(url: str, jobs: Sequence[str]) -> None:
    """The quickest way in: executemany, 5,000 rows a transaction, with no more columns than a job needs."""
    connection = Connection(url)
    insert = """insert into holdfast_jobs (id, task, state, due, args, max_attempts, timeout, created_at, updated_at)
        values (?, 'noop', 'ready', ?, ?, 1, 3600.0, ?, ?)"""
    for start in range(0, len(jobs), 5000):
        with connection.transaction() as now:
            page = jobs[start : start + 5000]
            connection.sqlite.executemany(insert, [(new_id(), now, args, now, now) for args in page])


async def one_by_one(url: str, jobs: Sequence[str]) -> None:
    """A commit per job, on the calling thread."""
    connection = Connection(url)
    for args in jobs:
        connection.enqueue([args])


async def shared(url: str, jobs: Sequence[str], callers: int) -> None:
    """`callers` coroutines, each awaiting one job after the other."""
    share = Share(Connection(url).enqueue)

    async def caller(mine: Sequence[str]) -> None:
        for args in mine:
            await share.store(args)

    await asyncio.gather(*(caller(jobs[number::callers]) for number in range(callers)))


def bell_of(url: str) -> str:
    return str(Path(url.removeprefix("sqlite:///")).with_suffix(".bell"))


class Producer:
    """Stores one job and rings."""

    def __init__(self, url: str) -> None:
        self.connection = Connection(url)
        self.bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.address = bell_of(url)

    def store(self, args: str) -> None:
        self.connection.enqueue([args])
        self.bell.sendto(b"!", self.address)


def pick_up(url: str, stop: threading.Event) -> Iterator[dict[str, Any]]:
    """An idle worker: waits for the bell, then claims until nothing comes; the arguments of each job."""
    connection, bell = Connection(url), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bell.bind(bell_of(url))
    bell.settimeout(0.5)
    while not stop.is_set():
        while rows := connection.exchange([], 100):
            for row in rows:
                yield json.loads(row[6])
            connection.exchange([(row[0], row[1], row[2], "null", 0.0) for row in rows], 0)
        with contextlib.suppress(TimeoutError):
            bell.recv(16)
