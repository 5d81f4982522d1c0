"""A migrated database for each test, copied from one that was migrated once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from holdfast.clock import DatabaseClock
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.testing.cluster import Server, database_name


@pytest.fixture(scope="session")
def template(cluster: Server) -> Iterator[str]:
    url = cluster.create_database()
    store = PostgresStore(UrlSource(url), DatabaseClock())
    store.migrate()
    store.close()
    yield url
    cluster.drop_database(url)


@pytest.fixture
def url(cluster: Server, template: str) -> Iterator[str]:
    url = cluster.create_database(template=database_name(template))
    yield url
    cluster.drop_database(url)
