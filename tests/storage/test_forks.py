"""A child made by `fork` opens connections of its own, and nothing that it does or leaves undone harms its parent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.clock import DatabaseClock
from holdfast.storage.ops import inspect
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.storage.sqlite.store import SqliteStore
from holdfast.testing.conformance import kit

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

SCRIPT = """
import asyncio, gc, os, sys, threading, warnings
from pathlib import Path
from holdfast.clock import DatabaseClock
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.storage.sqlite.store import SqliteStore
from holdfast.testing.conformance import kit

warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forks among threads
url, end = sys.argv[1:]
if url.startswith("postgresql"):
    store = PostgresStore(UrlSource(url), DatabaseClock())
else:
    store = SqliteStore(Path(url.removeprefix("sqlite:///")), DatabaseClock())
store.migrate()
kit.add(store, kit.job())
asyncio.run(store.arun(kit.jobs.enqueue([kit.job()], kit.OURS)))  # the lane has a thread now
kit.states(store, [])
listener = store.listen(lambda: None)
claimed = kit.take_one(store)
for _ in range(3):
    child = os.fork()
    if child == 0:
        kit.add(store, kit.job())
        asyncio.run(store.arun(kit.jobs.enqueue([kit.job()], kit.OURS)))
        grandchild = os.fork()
        if grandchild == 0:
            kit.add(store, kit.job())
            os._exit(0)
        assert os.waitpid(grandchild, 0)[1] == 0
        if end == "close":
            store.close()
        gc.collect()
        if end == "hard":
            os._exit(0)
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0, "the child failed"
    kit.add(store, kit.job())
assert kit.end_one(store, kit.finish(claimed)) is kit.Held.DONE
listener.close()
store.close()
"""


@pytest.mark.parametrize("end", ["exit", "hard", "close"])
def test_parent_and_children_work_side_by_side(database_url: str, end: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, database_url, end], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    store: SqliteStore | PostgresStore
    if database_url.startswith("sqlite"):
        store = SqliteStore(Path(database_url.removeprefix("sqlite:///")), DatabaseClock())
    else:
        store = PostgresStore(UrlSource(database_url), DatabaseClock())
    assert store.run(inspect.count(kit.OURS)) == {"succeeded": 1, "ready": 1 + 3 * 4}
    store.close()


def test_what_is_in_memory_is_the_parents_alone() -> None:
    script = """
import os
from holdfast.clock import DatabaseClock
from holdfast.storage.ops import inspect
from holdfast.storage.sqlite.store import SqliteStore
from holdfast.testing.conformance import kit
store = SqliteStore(None, DatabaseClock())
kit.add(store, kit.job())
child = os.fork()
if child == 0:
    assert store.run(inspect.count(kit.OURS)) == {}
    kit.add(store, kit.job(), kit.job())
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert store.run(inspect.count(kit.OURS)) == {"ready": 1}
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=60)
