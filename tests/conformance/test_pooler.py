"""The same behind PgBouncer in transaction mode: each transaction may be served by another of two connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.pooler import Pooler

from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.testing import Clock
from holdfast.testing.conformance import StoreConformance


class TestBehindAPooler(StoreConformance):
    @pytest.fixture
    def store(self, empty_url: str, pooler: Pooler, clock: Clock) -> Iterator[PostgresStore]:
        store = PostgresStore(UrlSource(pooler.url(empty_url)), clock, listen=UrlSource(empty_url))
        yield store
        store.close()

    @pytest.fixture
    def peer(self, empty_url: str, pooler: Pooler, clock: Clock) -> Iterator[PostgresStore]:
        peer = PostgresStore(UrlSource(pooler.url(empty_url)), clock, listen=UrlSource(empty_url))
        yield peer
        peer.close()
