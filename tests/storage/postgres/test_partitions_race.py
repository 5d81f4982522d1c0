"""A job that ends while its partition is being made is never missed by who looks for it just then."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from holdfast.clock import DatabaseClock
from holdfast.model.job import JobRecord
from holdfast.model.tenant import Scope
from holdfast.storage.ops.inspect import get
from holdfast.storage.ops.jobs import Held, end
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.testing.conformance import kit

KEEP = 7 * 86_400.0


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(UrlSource(url), DatabaseClock())
    yield store
    store.close()


def waits(connection: psycopg.Connection[Any]) -> bool:
    """Whether the reader stands before a lock."""
    found = connection.execute(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    ).fetchone()
    return found == (1,)


def test_a_reader_that_is_planning_sees_the_job(store: PostgresStore, url: str) -> None:
    """The worst moment: the reader makes its plan while the partition is attached, and looks after the job has moved
    there. The plan of a reader that had begun with the old list of partitions would not have the new one."""
    claimed = kit.running(store)
    with psycopg.connect(url) as upkeep, psycopg.connect(url, autocommit=True) as stranger:
        upkeep.execute(
            "do $$ declare p text; begin for p in select relid::text from pg_partition_tree('holdfast.history_day')"
            " where isleaf and relid::text not like '%other' loop execute 'drop table ' || p; end loop; end $$"
        )
        upkeep.commit()
        assert upkeep.execute("select holdfast.ensure_history(now())").fetchone() == (12,)
        lent = store.borrow(upkeep)
        lent.run(get([claimed.id], Scope()))  # it is asked now whose database it sees
        found: list[Any] = []

        def look() -> None:
            found.extend(store.run(get([claimed.id], Scope()), "keys"))

        reader = threading.Thread(target=look, daemon=True)
        reader.start()
        deadline = time.monotonic() + 10
        while not waits(stranger):
            assert time.monotonic() < deadline, "the reader does not wait"
            time.sleep(0.005)
        assert lent.run(end([kit.finish(claimed, keep=KEEP)])) == [Held.DONE]
        upkeep.commit()
        reader.join(10)
    assert isinstance(found[0], JobRecord), found
    assert found[0].state == "succeeded"
