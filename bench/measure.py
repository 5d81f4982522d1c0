"""Databases to measure on, clocks, and how rounds become figures."""

import gc
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import raw_postgres
import raw_sqlite
from redis_server import Redis

from holdfast import Holdfast
from holdfast.testing.cluster import Cluster, database_name

ROUNDS = 3
LIKE_AS_SHIPPED = {
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "max_connections": 100,
    "autovacuum_naptime": "60s",
}
"""PostgreSQL's own defaults, where the server for tests has others. Commits are flushed to the disk."""

YOUNG = 10_000
"""What `holdfast worker` sets: objects made between two looks for garbage in cycles. Raw loops and peers get it too."""

HISTORY = {"postgres": '"holdfast".history', "sqlite": "holdfast_history"}
JOBS = {"postgres": '"holdfast".jobs', "sqlite": "holdfast_jobs"}
KINDS = ("postgres", "sqlite")
scale = 1.0
"""Set by `run.py --quick`."""


def sized(jobs: int, step: int = 1) -> int:
    """So many jobs, or fewer if all is to be quick; a multiple of `step`."""
    return max(step, round(jobs * scale) // step * step)


class Place:
    """A server and a folder where every measurement gets an empty, migrated database of its own."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.model = cluster.create_database()
        self.count = 0
        with closing(Holdfast(self.model)) as app:
            app.migrate()
        self.machine = machine(query(self.model, "show server_version")[0])
        self.raw: dict[str, Any] = {"postgres": raw_postgres, "sqlite": raw_sqlite}
        self.redis: Redis | None = None
        self.rounds = ROUNDS
        self.stack = ExitStack()

    def close(self) -> None:
        self.stack.close()
        if self.redis is not None:
            self.redis.stop()

    @contextmanager
    def database(self, kind: str) -> Iterator[str]:
        """The URL of a fresh database."""
        self.count += 1
        if kind == "sqlite":
            path = self.folder / f"bench{self.count}.db"
            url = f"sqlite:///{path}"
            with closing(Holdfast(url)) as app:
                app.migrate()
            yield url
            for left in self.folder.glob(f"bench{self.count}.db*"):
                if left.is_file():
                    left.unlink()
            return
        url = self.cluster.create_database(template=database_name(self.model))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("checkpoint")
        yield url
        self.cluster.drop_database(url)

    def lasting(self, kind: str) -> str:
        """A fresh database that stays until the end."""
        return self.stack.enter_context(self.database(kind))

    @contextmanager
    def blank(self, kind: str) -> Iterator[str]:
        """The URL of a database without anything of ours."""
        self.count += 1
        if kind == "redis":
            if self.redis is None:
                self.redis = Redis(self.folder)
            self.redis.empty()
            yield self.redis.url
            return
        if kind == "sqlite":
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                yield f"sqlite:///{folder}/peer"
            return
        url = self.cluster.create_database()
        yield url
        self.cluster.drop_database(url)

    def server_seconds(self) -> float:
        """CPU seconds of all the server's processes so far, those that ended among them."""
        seconds = 0.0
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(entry.name) == self.cluster.pid:
                    seconds += sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
                elif int(fields[1]) == self.cluster.pid:
                    seconds += int((entry / "schedstat").read_text().split()[0]) / 1e9
            except (OSError, ValueError, IndexError):
                continue  # it ended meanwhile
        return seconds


@contextmanager
def place(settings: Mapping[str, object] = LIKE_AS_SHIPPED) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder, Cluster.start(settings) as cluster:
        here = Place(cluster, Path(folder))
        gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
        try:
            yield here
        finally:
            here.close()


def query(url: str, sql: str) -> tuple[Any, ...]:
    """One row."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        try:
            return connection.execute(sql).fetchone()
        finally:
            connection.close()
    with psycopg.connect(url) as server:
        return server.execute(sql).fetchone() or ()  # type: ignore[call-overload]


def check_finished(url: str, kind: str, jobs: int, ran: bytearray) -> None:
    """Every job ran exactly once, and is in history exactly once, as succeeded."""
    lost, doubled = ran.count(0), sum(count > 1 for count in ran)
    assert (lost, doubled) == (0, 0), f"{lost} lost, {doubled} doubled"
    live = query(url, f"select count(*) from {JOBS[kind]}")[0]
    kept = query(url, f"select count(*), count(distinct id) from {HISTORY[kind]} where state = 'succeeded'")
    assert (live, *kept) == (0, jobs, jobs), f"{live} live, {kept[0]} ended, {kept[1]} distinct, of {jobs}"


def check_stored(url: str, kind: str, jobs: int) -> None:
    """Every job is stored exactly once."""
    found = query(url, f"select count(*), count(distinct id) from {JOBS[kind]} where state = 'ready'")
    assert found == (jobs, jobs), f"{found[0]} stored, {found[1]} distinct, of {jobs}"


PARTS = {"p95": 0.95, "p99": 0.99, "worst": 1.0}


@dataclass
class Figures:
    """What one contestant reached in each round. `better` says whether more or less is good."""

    question: str
    database: str
    who: str
    unit: str
    better: str = "more"
    peer: bool = False
    rounds: list[float] = field(default_factory=list)
    extra: dict[str, list[float]] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)

    def note(self, figure: float, **extra: float) -> None:
        self.rounds.append(figure)
        for name, value in extra.items():
            self.extra.setdefault(name, []).append(value)

    def note_waits(self, waits: list[float]) -> None:
        """A round of seconds that were waited: the median, in ms, and what lies above it."""
        ordered = sorted(wait * 1e3 for wait in waits)
        self.waits += ordered
        last = len(ordered) - 1
        self.note(
            statistics.median(ordered), p95=ordered[int(last * 0.95)], p99=ordered[int(last * 0.99)], worst=ordered[-1]
        )

    def kept(self) -> dict[str, Any]:
        """As it is kept: of many waits the percentiles."""
        ordered = sorted(self.waits)
        last = len(ordered) - 1
        waits = [round(ordered[round(last * part / 100)], 3) for part in range(101)] if ordered else []
        return {**asdict(self), "waits": waits}

    @property
    def place(self) -> tuple[str, str]:
        """Where it may be compared."""
        return self.question, self.database

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """Half of what lies between the best and the worst round, in parts of the median."""
        return (max(self.rounds) - min(self.rounds)) / 2 / self.median if self.median else 0.0

    def of(self, name: str) -> float:
        """The median of a figure beside the main one; of waits' percentiles, that of all rounds' waits together."""
        if self.waits and name in PARTS:
            ordered = sorted(self.waits)
            return ordered[round((len(ordered) - 1) * PARTS[name])]
        return statistics.median(self.extra[name])


Contest = tuple[Figures | list[Figures], Callable[[], None]]
"""What one run adds a round to, and the run."""


class PeerFailed(Exception):
    """Another library did not do what it was asked; the others go on without it."""


def interleave(contests: list[Contest], rounds: int) -> list[Figures]:
    """All contestants take turns, so that a slow minute of the machine hits all; every other round backwards."""
    every = [(figures if isinstance(figures, list) else [figures], run) for figures, run in contests]
    for number in range(rounds):
        for contest in list(every if number % 2 == 0 else reversed(every)):
            figures, run = contest
            try:
                run()
            except PeerFailed as error:
                print(f"left out: {error}", file=sys.stderr)
                every.remove(contest)
            else:
                assert all(len(one.rounds) == number + 1 for one in figures), figures
    return [one for figures, _ in every for one in figures]


def machine(server: str) -> dict[str, str]:
    """What the figures are taken on, and what else it is doing as they begin."""
    model = "unknown"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "processor": f"{os.cpu_count()} × {model}",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "PostgreSQL": server,
        "SQLite": sqlite3.sqlite_version,
        "psycopg": psycopg.__version__,
        "commit": commit.stdout.strip() or "unknown",
    }
