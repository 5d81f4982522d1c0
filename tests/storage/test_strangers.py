"""Others write to the tables, too. A row that nobody understands harms itself at most, never its neighbours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from holdfast.model.job import JobRecord
from holdfast.storage.ops import duties, inspect, manage
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.storage.sqlite.store import SqliteStore
from holdfast.testing import Clock
from holdfast.testing.conformance import kit
from holdfast.testing.conformance.rescue import judged

NONSENSE = [
    "",
    "{",
    "nonsense",
    "null",
    "7",
    '"text"',
    "[1]",
    '{"a":1}',
    '["x", {}]',
    "NaN",
    "[" * 3_000,
    '"\\ud800"',
    "\\",
]
COLUMNS = ["args", "tags", "metadata", "policy", "errors", "progress"]
EXACT = {"args"}
"""What a worker gets as it stands."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database_url: str, clock: Clock) -> Iterator[SqliteStore | PostgresStore]:
    store: SqliteStore | PostgresStore
    if database_url.startswith("sqlite"):
        store = SqliteStore(Path(database_url.removeprefix("sqlite:///")), clock)
    else:
        store = PostgresStore(UrlSource(database_url), clock)
    store.migrate()
    yield store
    store.close()


def scrawl(store: SqliteStore | PostgresStore, database_url: str, values: list[dict[str, str]]) -> list[str]:
    """Jobs in which a stranger wrote these values."""
    ids = kit.add(store, *(kit.job() for _ in values))
    if database_url.startswith("sqlite"):
        import sqlite3

        connection: Any = sqlite3.connect(database_url.removeprefix("sqlite:///"))
        table, mark = "holdfast_jobs", "?"
    else:
        connection = psycopg.connect(database_url)
        table, mark = "holdfast.jobs", "%s"
    with connection:
        for id, columns in zip(ids, values, strict=True):
            for column, text in columns.items():
                connection.execute(f"update {table} set {column} = {mark} where id = {mark}", (text, id))
    connection.close()
    return ids


@pytest.fixture
def ids(store: SqliteStore | PostgresStore, database_url: str) -> list[str]:
    return scrawl(store, database_url, [{column: text} for column in COLUMNS for text in NONSENSE])


def test_they_can_be_looked_at(store: SqliteStore | PostgresStore, ids: list[str]) -> None:
    (fine,) = kit.add(store, kit.job(tags='["x"]'))
    assert [getattr(job, "id", None) for job in store.run(inspect.get(ids, kit.OURS))] == ids
    assert len(kit.listed(store, 500)) == len(ids) + 1
    tagged = kit.listed(store, 500, tag="x")
    assert fine in {job.id for job in tagged}
    assert kit.listed(store, 500, tag="y") == []
    assert store.run(inspect.count(kit.OURS)) == {"ready": len(ids) + 1}


def test_they_go_all_the_way(store: SqliteStore | PostgresStore, ids: list[str]) -> None:
    half = len(ids) // 2
    for turn in range(3):
        held = kit.take(store, 500)
        assert [job.id for job in held] == ids
        if turn < 2:
            kit.end(store, *(kit.requeue(job, error=kit.error_entry(f"turn {turn}")) for job in held))
    endings = [kit.finish(job, kit.JobState.FAILED, error=kit.error_entry("last")) for job in held[:half]]
    assert set(kit.end(store, *endings, *(kit.finish(job) for job in held[half:]))) == {kit.Held.DONE}
    found = store.run(inspect.get(ids, kit.OURS))
    assert [job.state for job in found if isinstance(job, JobRecord)] == ["failed"] * half + ["succeeded"] * half
    assert len(kit.listed(store, 500)) == len(ids)


def test_they_are_rescued_cancelled_retried_and_deleted(
    store: SqliteStore | PostgresStore, ids: list[str], clock: Clock
) -> None:
    kit.take(store, 500)
    clock.advance(kit.LEASE + 1)
    assert len(store.run(duties.rescue(judged, batch=500))) == len(ids)
    clock.advance(60)
    store.run(duties.promote())
    assert set(store.run(manage.cancel(ids, kit.OURS))) == {manage.Answer.DONE}
    assert set(store.run(manage.retry(ids, kit.OURS))) == {manage.Answer.DONE}
    assert len(kit.take(store, 500)) == len(ids)
    assert set(store.run(manage.delete(ids, kit.OURS))) == {manage.Answer.DONE}
    assert store.run(inspect.count(kit.OURS)) == {}


@pytest.mark.parametrize("text", NONSENSE)
def test_arguments_reach_the_worker_as_they_stand(
    store: SqliteStore | PostgresStore, database_url: str, text: str
) -> None:
    """It is the worker that refuses them, and the job that fails: `invalid_arguments`."""
    scrawl(store, database_url, [{"args": text}])
    assert kit.take_one(store).args == text


def test_a_progress_that_is_json_is_shown(store: SqliteStore | PostgresStore, database_url: str) -> None:
    (id,) = scrawl(store, database_url, [{"progress": json.dumps({"done": 3})}])
    assert kit.see(store, id).progress == {"done": 3}
