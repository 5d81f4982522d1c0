"""One PostgreSQL database for the whole suite: emptied, not made anew, before each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg_pool
import pytest
from psycopg import sql

from holdfast.clock import DatabaseClock
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.testing.cluster import Server

EMPTIED = (
    "schedules", "schedule_runs",
    "jobs", "history", "job_logs", "workers", "leaders", "queues", "gates", "gate_jobs", "gate_notes",
    "marks", "steps", "journals", "waits", "wait_notes", "batches",
    "messages", "deliveries", "triggers", "asks",
    "stats", "stats_live", "stats_marks",
)  # fmt: skip


@pytest.fixture(scope="session")
def kept_url(cluster: Server) -> Iterator[str]:
    """A migrated database that all tests of this process share."""
    url = cluster.create_database()
    store = PostgresStore(UrlSource(url), DatabaseClock())
    store.migrate()
    store.close()
    yield url
    cluster.drop_database(url)


@pytest.fixture(scope="session")
def kept_pool(kept_url: str) -> Iterator[psycopg_pool.ConnectionPool[Any]]:
    with psycopg_pool.ConnectionPool(kept_url, min_size=1, max_size=8) as pool:
        yield pool


@pytest.fixture
def empty_url(kept_url: str, kept_pool: psycopg_pool.ConnectionPool[Any]) -> str:
    """The shared database with no row of a job in it."""
    with kept_pool.connection() as connection:
        for table in EMPTIED:
            connection.execute(sql.SQL("delete from holdfast.{}").format(sql.Identifier(table)))
    return kept_url
