"""Where does the time of a drain go? µs per job in each part of Python, and in each statement of the server.

Python: the processor time per job of a plain run, shared out as a run under cProfile says (tracing slows small
functions down more than large ones, so believe the order and not the last digit). PostgreSQL: what pg_stat_statements
counted on a server of its own. `make bench` does not ask this; it is for who wants to know what bounds a rate.
"""

import asyncio
import cProfile
import pstats
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from drain import Counted, drain_ours
from measure import KINDS, LIKE_AS_SHIPPED, Place, place

import holdfast

JOBS = 30_000
CONCURRENCY = 100
OURS = str(Path(holdfast.__file__).parent)
SEEN = """
select regexp_replace(left(query, 60), '\\s+', ' ', 'g'), calls::float8, total_exec_time * 1000
from pg_stat_statements s join pg_database d on d.oid = s.dbid
where d.datname = current_database() order by total_exec_time desc limit 8
"""


def drained(here: Place, kind: str, url: str, around: Callable[[], Any] | None = None) -> float:
    """CPU µs per job in Python."""
    here.raw[kind].fill(url, [f'{{"a":{number},"b":"x"}}' for number in range(JOBS)])
    counted = Counted(here, JOBS)

    async def once() -> dict[str, float]:
        counted.ready()
        return await drain_ours(here, kind, url, counted, CONCURRENCY)

    if around is None:
        return asyncio.run(once())["python"]
    with around():
        return asyncio.run(once())["python"]


class Traced:
    """cProfile on every thread, by its processor time."""

    def __init__(self) -> None:
        self.profiles: list[cProfile.Profile] = []

    def __enter__(self) -> "Traced":
        def begin(*_: Any) -> None:
            sys.setprofile(None)
            profile = cProfile.Profile(time.thread_time)
            self.profiles.append(profile)
            profile.enable()

        threading.setprofile(begin)
        self.profiles.append(cProfile.Profile(time.thread_time))
        self.profiles[0].enable()
        return self

    def __exit__(self, *_: object) -> None:
        self.profiles[0].disable()
        threading.setprofile(None)  # type: ignore[arg-type]

    def parts(self) -> Counter[str]:
        """Own seconds by part."""
        found: Counter[str] = Counter()
        for profile in self.profiles:
            profile.create_stats()
            for (file, _, name), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
                if "acquire" not in name:  # a thread that waits to the end, closed by another thread's clock
                    found[part(file, name)] += own
        return found


def part(file: str, name: str) -> str:
    if file.startswith(OURS):
        return "holdfast/" + str(Path(file).relative_to(OURS))
    if "site-packages" in file:
        return Path(file).parts[Path(file).parts.index("site-packages") + 1]
    if file == "~":
        return f"built-in {name}"
    return f"{Path(file).parent.name}/{Path(file).name}"


def main() -> None:
    with place({**LIKE_AS_SHIPPED, "shared_preload_libraries": "pg_stat_statements"}) as here:
        for kind in KINDS:
            with here.database(kind) as url:
                python = drained(here, kind, url)
            print(f"\n{kind}: {python:.1f} µs a job in Python")
            with here.database(kind) as url:
                traced = Traced()
                drained(here, kind, url, lambda traced=traced: traced)
                parts = traced.parts()
                total = sum(parts.values())
                for name, own in parts.most_common(22):
                    print(f"  {own / total * python:5.1f}  {own / total:4.0%}  {name}")
            if kind == "postgres":
                with here.database(kind) as url, psycopg.connect(url, autocommit=True) as admin:
                    admin.execute("create extension pg_stat_statements")
                    admin.execute("select pg_stat_statements_reset()")
                    drained(here, kind, url)
                    print("\npostgres: µs a job in the server's statements (filling among them)")
                    for query, calls, spent in admin.execute(SEEN).fetchall():
                        print(f"  {spent / JOBS:5.1f}  {calls:6.0f} calls  {query}")


if __name__ == "__main__":
    main()
