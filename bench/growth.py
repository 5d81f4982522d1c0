"""Does a drain slow down behind what has gathered: finished jobs, waiting jobs, jobs for later?

The same drain of 20,000 jobs out of a table that holds nothing else, 200,000 or 1,000,000 waiting jobs, and 200,000
waiting beside 1,000,000 finished and 100,000 scheduled ones. The rows are copies of real ones, written by SQL, each
database once for all rounds. PgQueuer, which is asked too, stores its own.
"""

import asyncio
import time
from contextlib import closing
from dataclasses import dataclass
from typing import ClassVar

import measure
import psycopg
import raw_sqlite
from measure import HISTORY, KINDS, ROUNDS, Contest, Figures, Place, interleave, place, query, sized
from measure import JOBS as LIVE

from holdfast import Holdfast
from holdfast.testing import drain

QUESTION = "drain behind what has gathered"
JOBS = 20_000
SPARE = 2_000
"""More than are counted, so that the last ones do not run with an empty queue; what is taken ahead comes on top."""


@dataclass(frozen=True)
class Level:
    """What has gathered, in rows."""

    who: str
    waiting: int = 0
    finished: int = 0
    scheduled: int = 0


LEVELS = (
    Level("holdfast, empty"),
    Level("holdfast, 200k waiting", waiting=200_000),
    Level("holdfast, 1M waiting", waiting=1_000_000),
    Level("holdfast, 1M finished, 200k waiting, 100k scheduled", 200_000, 1_000_000, 100_000),
)


class Grown:
    """A database that has grown, and keeps what a round needs at the head of its queue."""

    def __init__(self, url: str, kind: str, level: Level, rounds: int) -> None:
        self.url, self.kind, self.level = url, kind, level
        self.copier = Postgres(url) if kind == "postgres" else SQLite(url)
        with closing(Holdfast(url)) as app:
            task = app.task(name="noop")(noop)
            task.enqueue(0, "x")
            drain(app)
            task.enqueue(0, "x")
            task.using(delay="7d").enqueue(0, "x")
        if level.finished:
            self.copier.copy("history", sized(level.finished))
        if level.scheduled:
            self.copier.copy("jobs", sized(level.scheduled), "scheduled")
        head = rounds * (sized(JOBS) + SPARE) if level.waiting else 0
        self.copier.copy("jobs", round(level.waiting * measure.scale) + head + SPARE, "ready")
        self.copier.settle()

    def round(self) -> float:
        """The rate of so many jobs, counted once each."""
        jobs = sized(JOBS)
        if not self.level.waiting:
            self.copier.copy("jobs", jobs, "ready")
        before = query(self.url, f"select count(*) from {HISTORY[self.kind]}")[0]
        rate, ran = asyncio.run(some(self.url, jobs))
        after = query(self.url, f"select count(*), count(distinct id) from {HISTORY[self.kind]}")
        assert after == (before + ran, before + ran), f"{ran} ran, {after[0] - before} ended"
        return rate


async def noop(a: int, b: str) -> None: ...


async def some(url: str, jobs: int) -> tuple[float, int]:
    """Run at least so many; the rate of these, and how many ran in all."""
    app = Holdfast(url)
    ran = 0
    began = ended = 0.0
    there = asyncio.Event()

    @app.task(name="noop")
    async def noop(a: int, b: str) -> None:
        nonlocal ran, began, ended
        ran += 1
        if ran == 1:
            began = time.perf_counter()
        if ran == jobs:
            ended = time.perf_counter()
            there.set()

    async with app.worker(concurrency=100):
        await asyncio.wait_for(there.wait(), 120)
    await app.aclose()
    return jobs / (ended - began), ran


class Postgres:
    """Copies a row, with ids and instants of their own. Keys are written in the order of their time, as ours are."""

    table: ClassVar = {"jobs": LIVE["postgres"], "history": HISTORY["postgres"]}
    own: ClassVar = {
        "id": "(lpad(to_hex(1700000000000 + g / 100), 12, '0') || '7000' || lpad(to_hex(g), 16, '8'))::uuid",
        "due": "due + g * interval '1 microsecond'",
        "finished_at": "finished_at - g * interval '100 milliseconds'",
        "seq": "seq + g",
    }

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.count = 0

    def copy(self, name: str, many: int, state: str | None = None) -> None:
        names = self.connection.execute(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
            " and attidentity = '' order by attnum",
            [self.table[name]],
        ).fetchall()
        columns = [column for (column,) in names]
        values = ", ".join(self.own.get(column, f"t.{column}") for column in columns)
        one = f"select * from {self.table[name]}" + (f" where state = '{state}'" if state else "") + " limit 1"
        self.connection.execute(  # type: ignore[call-overload]
            f"insert into {self.table[name]} ({', '.join(columns)}) select {values} from ({one}) as t"
            f" cross join generate_series({self.count + 1}, {self.count + many}) as g"
        )
        self.count += many

    def settle(self) -> None:
        """What autovacuum does within a minute or so."""
        for table in self.table.values():
            self.connection.execute(f"vacuum analyze {table}")  # type: ignore[call-overload]
        self.connection.execute("checkpoint")


class SQLite:
    """The same in SQLite's words."""

    table: ClassVar = {"jobs": LIVE["sqlite"], "history": HISTORY["sqlite"]}
    own: ClassVar = {
        "id": "printf('%08x-%04x-7000-8000-%012x', 415000000 + g / 6553600, g / 100 % 65536, g)",
        "due": "due + g",
        "finished_at": "finished_at - g * 100000",
        "seq": "t.seq + g",
    }

    def __init__(self, url: str) -> None:
        self.connection = raw_sqlite.Connection(url).sqlite
        self.count = 0

    def copy(self, name: str, many: int, state: str | None = None) -> None:
        table = self.table[name]
        columns = [row[1] for row in self.connection.execute(f"pragma table_info({table})")]
        columns.remove({"jobs": "seq", "history": "pos"}[name])  # the database gives it
        values = ", ".join(self.own.get(column, f"t.{column}") for column in columns)
        one = f"select * from {table}" + (f" where state = '{state}'" if state else "") + " limit 1"
        self.connection.execute(
            f"with recursive n (g) as (select {self.count + 1} union all"
            f" select g + 1 from n where g < {self.count + many})"
            f" insert into {table} ({', '.join(columns)}) select {values} from ({one}) as t cross join n"
        )
        self.count += many

    def settle(self) -> None:
        self.connection.execute("pragma optimize")
        self.connection.execute("pragma wal_checkpoint(truncate)")


def contests(place: Place) -> list[Contest]:
    def contest(kind: str, level: Level) -> Contest:
        figures = Figures(QUESTION, kind, level.who, "jobs/s")
        grown: list[Grown] = []

        def run() -> None:
            if not grown:
                grown.append(Grown(place.lasting(kind), kind, level, place.rounds))
            figures.note(grown[0].round())

        return figures, run

    return [contest(kind, level) for kind in KINDS for level in LEVELS]


if __name__ == "__main__":
    from report import show

    with place() as here:
        show(interleave(contests(here), ROUNDS))
