"""What does a worker cost that has nothing to do? Claims, statements in all, and its share of a processor.

The worker is a process of its own (`app.worker()`, which also leads), idle for some seconds before the clock runs.
Statements are those that pg_stat_statements counted on a server of its own, without BEGIN and COMMIT; both databases
are watched at once.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from measure import LIKE_AS_SHIPPED, ROUNDS, Contest, Figures, Place, interleave, place, scale

from holdfast import Holdfast
from holdfast.testing.cluster import Cluster

WARM = 3.0
WATCHED = 20.0
COUNTED = "shared_preload_libraries"
SEEN = """
select coalesce(sum(calls), 0)::float8,
    coalesce(sum(calls) filter (where query ~* 'skip locked' and query ~* 'claim_id ='), 0)::float8
from pg_stat_statements s join pg_database d on d.oid = s.dbid
where d.datname = %s and query !~* '^(begin|commit|rollback|start transaction|deallocate|discard)'
"""


async def work(url: str) -> None:
    app = Holdfast(url)

    @app.task
    async def noop() -> None: ...

    async with app.worker():
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    await app.aclose()


@contextmanager
def worker(url: str) -> Iterator[int]:
    """The number of its process."""
    command = [sys.executable, __file__, "work", url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process.pid
        process.communicate("stop\n", timeout=30)


def seconds(pid: int) -> float:
    """CPU seconds of a process so far, as Linux tells them."""
    threads = list(Path(f"/proc/{pid}/task").glob("*/schedstat"))
    assert threads, "there is no /proc here to read the processor time of another process from"
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


class Counting:
    """A server that counts statements, and a database on it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.url = cluster.create_database()
        with closing(Holdfast(self.url)) as app:
            app.migrate()
        self.name = psycopg.conninfo.conninfo_to_dict(self.url)["dbname"]
        self.admin = psycopg.connect(cluster.url(), autocommit=True)
        self.admin.execute("create extension if not exists pg_stat_statements")

    def seen(self) -> tuple[float, float]:
        """Statements so far, and the claims among them."""
        row = self.admin.execute(SEEN, [self.name]).fetchone()
        assert row is not None
        return row


def contests(place: Place) -> list[Contest]:
    def figures(name: str, kind: str, unit: str) -> Figures:
        return Figures(f"idle worker, {name}", kind, "holdfast", unit, better="less")

    statements, claims = figures("statements", "postgres", "/s"), figures("claims", "postgres", "/s")
    shares = {kind: figures("processor", kind, "%") for kind in ("postgres", "sqlite")}

    def run() -> None:
        settings = {**LIKE_AS_SHIPPED, COUNTED: "pg_stat_statements"}
        with Cluster.start(settings) as cluster, place.database("sqlite") as file:
            counting = Counting(cluster)
            with worker(counting.url) as one, worker(file) as other:
                time.sleep(WARM)
                before, cpu = counting.seen(), (seconds(one), seconds(other))
                began = time.perf_counter()
                time.sleep(max(5.0, WATCHED * scale))
                lasted = time.perf_counter() - began
                after, cpu_after = counting.seen(), (seconds(one), seconds(other))
            counting.admin.close()
        statements.note((after[0] - before[0]) / lasted)
        claims.note((after[1] - before[1]) / lasted)
        for kind, early, late in zip(shares, cpu, cpu_after, strict=True):
            shares[kind].note((late - early) / lasted * 100)

    return [([statements, claims, *shares.values()], run)]


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        asyncio.run(work(sys.argv[2]))
    else:
        from report import show

        with place() as here:
            show(interleave(contests(here), ROUNDS))
