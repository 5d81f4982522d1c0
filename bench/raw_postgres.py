"""The raw loops on PostgreSQL: psycopg in threads, claims and endings each on a connection of their own."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import tuple_row
from raw import DUE, KEPT, PRIORITY, SEQ, TENANT, Ending, Share, place

from holdfast.ids import new_id
from holdfast.storage.load import load
from holdfast.storage.postgres.session import PINS

SQL = load("holdfast.storage.postgres", "holdfast", "$")
CHANNEL = "bench_raw"


class Connection:
    """Runs our statements by name, with no layer in between."""

    def __init__(self, url: str) -> None:
        self.psycopg = psycopg.connect(url, autocommit=True)
        for setting, value in PINS.items():
            self.psycopg.execute("select set_config(%s, %s, false)", [setting, value])
        self.cursor = psycopg.RawCursor(self.psycopg, row_factory=tuple_row)
        self.cursor.format = psycopg.pq.Format.BINARY

    def run(self, name: str, **values: Any) -> list[tuple[Any, ...]]:
        part, names = SQL[name].parts[0], (*SQL[name].signature, "now")
        self.cursor.execute(part.text, [values.get(names[use]) for use in part.uses])  # type: ignore[arg-type]
        return self.cursor.fetchall() if self.cursor.description else []

    def enqueue(self, jobs: Sequence[str]) -> None:
        """Store jobs with these arguments in one statement."""
        many = len(jobs)
        nothing = array([None] * many)
        self.run(
            "enqueue",
            tenant=array(["default"] * many),
            id=array([new_id() for _ in jobs]),
            queue=array(["default"] * many),
            task=array(["noop"] * many),
            args=quoted(jobs),
            priority=array([0] * many),
            delay=nothing,
            run_at=nothing,
            max_attempts=array([1] * many),
            timeout=array([3600.0] * many),
            policy=quoted(["{}"] * many),
            tags=nothing,
            metadata=nothing,
            expires=nothing,
            deadline=nothing,
        )

    def finish(self, endings: Sequence[Ending]) -> None:
        tenants, ids, tokens, results, elapsed = zip(*endings, strict=True)
        many = len(endings)
        nothing = array([None] * many)
        answered = self.run(
            "finish",
            tenant=array(tenants),
            id=array(ids),
            token=array(tokens),
            state=array(["succeeded"] * many),
            reason=nothing,
            result=quoted(results),
            error=nothing,
            elapsed=array(elapsed),
            keep=array([KEPT] * many),
        )
        assert len(answered) == many

    def claim(self, wanted: int, after: tuple[Any, ...] = (-(2**31), "", None, 0)) -> list[tuple[Any, ...]]:
        return self.run(
            "claim",
            worker="raw",
            claim=new_id(),
            lease=30.0,
            batch=wanted,
            suspects=2**31 - 1,
            after_rank=after[0],
            after_tenant=after[1],
            after_due=after[2],
            after_seq=after[3],
        )


def array(column: Sequence[Any]) -> str:
    """Values without quotes or backslashes as an array literal."""
    return "{" + ",".join(["null" if value is None else f'"{value}"' for value in column]) + "}"


def quoted(column: Sequence[str]) -> str:
    return "{" + ",".join(['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in column]) + "}"


class Claims(Connection):
    """The hand that claims, from the place where its last claim ended."""

    claims, ends = True, False
    after: tuple[Any, ...] = (-(2**31), "", None, 0)

    def exchange(self, endings: list[Ending], wanted: int) -> list[tuple[Any, ...]]:
        rows = self.claim(wanted, self.after)
        if rows:
            last = max(rows, key=place)
            self.after = (-last[PRIORITY], last[TENANT], last[DUE], last[SEQ])
        return rows


class Ends(Connection):
    """The hand that writes endings."""

    claims, ends = False, True

    def exchange(self, endings: list[Ending], wanted: int) -> list[tuple[Any, ...]]:
        self.finish(endings)
        return []


def hands(url: str) -> list[Claims | Ends]:
    return [Claims(url), Ends(url)]


def fill(url: str, jobs: Sequence[str]) -> None:
    """Store jobs 5,000 at a time."""
    connection = Connection(url)
    for start in range(0, len(jobs), 5000):
        connection.enqueue(jobs[start : start + 5000])


def load(url: str, jobs: Sequence[str]) -> None:
    """The quickest way in: COPY, 5,000 rows at a time, with no more columns than a job needs."""
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        now = datetime.now(UTC)
        columns = "tenant, id, task, state, due, args, max_attempts, timeout, created_at, updated_at"
        for start in range(0, len(jobs), 5000):
            with cursor.copy(f'copy "holdfast".jobs ({columns}) from stdin') as copy:  # type: ignore[arg-type]
                for args in jobs[start : start + 5000]:
                    copy.write_row(("default", new_id(), "noop", "ready", now, args, 1, 3600.0, now, now))


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


class Producer:
    """Stores one job and rings."""

    def __init__(self, url: str) -> None:
        self.connection = Connection(url)

    def store(self, args: str) -> None:
        self.connection.enqueue([args])
        self.connection.psycopg.execute("select pg_notify(%s, '')", [CHANNEL])


def pick_up(url: str, stop: threading.Event) -> Iterator[dict[str, Any]]:
    """An idle worker: waits for the bell, then claims until nothing comes; the arguments of each job."""
    connection, bell = Connection(url), psycopg.connect(url, autocommit=True)
    bell.execute(f"listen {CHANNEL}")
    while not stop.is_set():
        while rows := connection.claim(100):
            for row in rows:
                yield json.loads(row[6])
            connection.finish([(row[0], row[1], row[2], "null", 0.0) for row in rows])
        for _ in bell.notifies(timeout=0.5, stop_after=1):
            pass
