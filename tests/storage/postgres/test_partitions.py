"""History's partitions: made ahead, dropped behind, never in anybody's way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from holdfast.storage.ops import duties
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.testing import Clock
from holdfast.testing.conformance import kit

DAY = 86_400.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[PostgresStore]:
    store = PostgresStore(UrlSource(url), clock)
    yield store
    store.close()


@pytest.fixture
def stranger(store: PostgresStore, url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url) as connection:
        yield connection
        connection.rollback()


def where_rows_are(stranger: psycopg.Connection[Any]) -> dict[str, int]:
    found = stranger.execute("select tableoid::regclass::text, count(*) from holdfast.history group by 1").fetchall()
    stranger.rollback()
    return {name.removeprefix("holdfast.").rstrip("0123456789"): count for name, count in found}


@pytest.mark.parametrize(
    ("keep", "partition"),
    [
        (0.0, "history_day_"),
        (60.0, "history_day_"),
        (8 * DAY, "history_day_"),
        (9 * DAY, "history_week_"),
        (32 * DAY, "history_week_"),
        (33 * DAY, "history_quarter_"),
        (700 * DAY, "history_quarter_"),
        (900 * DAY, "history_open"),
    ],
)
def test_rows_lie_by_how_long_they_stay(store: PostgresStore, stranger: Any, keep: float, partition: str) -> None:
    kit.end_one(store, kit.finish(kit.running(store), keep=keep))
    assert where_rows_are(stranger) == {partition: 1}


def test_whole_days_are_dropped(store: PostgresStore, clock: Clock, stranger: Any) -> None:
    for _ in range(3):
        kit.end_one(store, kit.finish(kit.running(store), keep=DAY))
        clock.advance(DAY)
    assert store.run(duties.prune()) == 0
    made, dropped = store.run(duties.partitions())
    assert (made, dropped) >= (3, 3)
    assert sum(where_rows_are(stranger).values()) == 1
    clock.advance(2 * DAY)
    store.run(duties.partitions())
    assert where_rows_are(stranger) == {}


def test_rows_without_a_partition_are_pruned(store: PostgresStore, clock: Clock, stranger: Any) -> None:
    clock.advance(100 * DAY)
    kit.end_one(store, kit.finish(kit.running(store), keep=DAY))
    kit.end_one(store, kit.finish(kit.running(store), keep=5 * DAY))
    assert where_rows_are(stranger) == {"history_day_other": 2}
    store.run(duties.partitions())
    clock.advance(DAY + 1)
    assert store.run(duties.prune(batch=10)) == 1
    clock.advance(5 * DAY)
    assert store.run(duties.prune(batch=10)) == 1
    assert where_rows_are(stranger) == {}


def test_the_unlimited_are_pruned_in_slices(store: PostgresStore, clock: Clock, stranger: Any) -> None:
    for _ in range(5):
        kit.end_one(store, kit.finish(kit.running(store), keep=1_000 * DAY))
    clock.advance(1_000 * DAY)
    assert [store.run(duties.prune(batch=2)) for _ in range(4)] == [2, 2, 1, 0]


def test_upkeep_gives_way_to_a_reader_of_history(store: PostgresStore, clock: Clock, stranger: Any) -> None:
    """A dump holds history for an hour: waiting for it would hold up every end of a job meanwhile."""
    clock.advance(3 * DAY)
    stranger.execute("select count(*) from holdfast.history")
    assert store.run(duties.partitions()) == (0, 0)
    assert kit.end_one(store, kit.finish(kit.running(store))) is kit.Held.DONE
    stranger.rollback()
    made, dropped = store.run(duties.partitions())
    assert made >= 3
    assert dropped >= 3


def test_upkeep_that_finds_nothing_to_do_is_in_nobody_s_way(store: PostgresStore, stranger: Any) -> None:
    """Most rounds of it; here with the transaction still open."""
    assert stranger.execute("select holdfast.ensure_history(now())").fetchone() == (0,)
    claimed = kit.running(store)
    assert kit.end_one(store, kit.finish(claimed)) is kit.Held.DONE


def test_partitions_are_of_days_in_utc_whatever_the_session_thinks(
    store: PostgresStore, url: str, clock: Clock
) -> None:
    odd = UrlSource(url, options="-c timezone=Asia/Kolkata -c datestyle=SQL,DMY -c intervalstyle=sql_standard")
    other = PostgresStore(odd, clock)
    assert other.run(duties.partitions()) == (0, 0)
    clock.advance(2 * DAY)
    made, dropped = other.run(duties.partitions())
    assert (made, dropped) >= (2, 2)
    assert store.run(duties.partitions()) == (0, 0)
    other.close()


def test_two_leaders_at_once_are_no_trouble(store: PostgresStore, stranger: Any, clock: Clock) -> None:
    clock.advance(5 * DAY)
    stranger.execute("select holdfast.ensure_history(%s)", [clock.now()])
    store.run(duties.partitions())
    stranger.commit()
    assert store.run(duties.partitions())[0] == 0
