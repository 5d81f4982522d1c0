"""One PostgreSQL database for the whole suite: emptied, not made anew, before each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg_pool
import pytest
from tests.emptied import SharedDatabase


@pytest.fixture(scope="session")
def kept_pool(shared: SharedDatabase) -> Iterator[psycopg_pool.ConnectionPool[Any]]:
    with psycopg_pool.ConnectionPool(shared.url, min_size=1, max_size=8) as pool:
        yield pool


@pytest.fixture
def empty_url(shared: SharedDatabase) -> str:
    """The shared database with no row of a job in it."""
    shared.empty()
    return shared.url
