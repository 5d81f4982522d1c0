"""The SQLite store passes the suite, in a file and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.storage.sqlite.store import SqliteStore
from holdfast.testing import Clock
from holdfast.testing.conformance import StoreConformance


class TestFile(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path, clock: Clock) -> Iterator[SqliteStore]:
        store = SqliteStore(tmp_path / "holdfast.db", clock, {"synchronous": "off"})
        yield store
        store.close()

    @pytest.fixture
    def peer(self, store: SqliteStore, tmp_path: Path, clock: Clock) -> Iterator[SqliteStore]:
        store.migrate()
        peer = SqliteStore(tmp_path / "holdfast.db", clock, {"synchronous": "off"})
        yield peer
        peer.close()


class TestMemory(StoreConformance):
    @pytest.fixture
    def store(self, clock: Clock) -> Iterator[SqliteStore]:
        store = SqliteStore(None, clock)
        yield store
        store.close()
