"""One SQLite connection: transactions, locks of others, values it cannot hold, and connections of the user's."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import errors
from holdfast.clock import DatabaseClock
from holdfast.storage.base import ConnectionLost
from holdfast.storage.ops import inspect
from holdfast.storage.sqlite.session import SqliteSession, translated
from holdfast.storage.sqlite.store import SqliteStore
from holdfast.testing.conformance import kit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "holdfast.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path, DatabaseClock())
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def stranger(store: SqliteStore, path: Path) -> Iterator[sqlite3.Connection]:
    """A program that does not know the gate."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    yield connection
    connection.close()


class Turn:
    """A gate that counts."""

    def __init__(self) -> None:
        self.inside = 0

    def __enter__(self) -> None:
        self.inside += 1

    def __exit__(self, *_: object) -> None:
        self.inside -= 1


@pytest.fixture
def turn() -> Turn:
    return Turn()


@pytest.fixture
def session(store: SqliteStore, path: Path, turn: Turn) -> Iterator[SqliteSession]:
    connection = sqlite3.connect(path, 0.05, isolation_level=None)
    yield SqliteSession(connection, DatabaseClock(), turn)
    connection.close()


def test_a_lock_of_others_is_as_a_connection_that_cannot_be_had(
    session: SqliteSession, stranger: sqlite3.Connection, turn: Turn
) -> None:
    stranger.execute("begin immediate")
    with pytest.raises(ConnectionLost) as caught:
        session.begin()
    assert (caught.value.in_doubt, type(caught.value.cause)) == (False, errors.DatabaseUnavailable)
    assert turn.inside == 0
    stranger.execute("rollback")
    session.begin()
    assert turn.inside == 1
    session.rollback()
    assert turn.inside == 0


def test_a_lock_of_others_is_waited_for(store: SqliteStore, stranger: sqlite3.Connection) -> None:
    stranger.execute("begin immediate")
    release = threading.Timer(0.3, stranger.execute, ("rollback",))
    release.start()
    kit.add(store, kit.job())
    release.join()
    assert store.run(inspect.count(kit.OURS)) == {"ready": 1}


def test_readers_do_not_wait_for_a_writer(store: SqliteStore, stranger: sqlite3.Connection) -> None:
    (id,) = kit.add(store, kit.job())
    stranger.execute("begin immediate")
    found = store.run(inspect.get([id], kit.OURS), "read")
    assert len(found) == 1
    stranger.execute("rollback")


@pytest.mark.parametrize("when", ["execute", "commit", "close"])
def test_the_gate_is_always_left(session: SqliteSession, turn: Turn, when: str) -> None:
    session.begin()
    if when == "execute":
        with pytest.raises(errors.DatabaseError):
            session.execute("claim", [(object(),) * 10])
        session.rollback()
    elif when == "commit":
        session.commit()
    else:
        session.close()
    assert turn.inside == 0


@pytest.mark.parametrize("value", [2**63, object(), "\ud800"], ids=["too large", "no value", "half a character"])
def test_a_value_it_cannot_hold_is_the_ops_own_error(store: SqliteStore, value: Any) -> None:
    for lane in (store, SqliteStore(None, DatabaseClock())):
        (id,) = kit.add(lane, kit.job())
        with pytest.raises((errors.DatabaseError, OverflowError, UnicodeError)):
            kit.add(lane, kit.job(priority=value))
        assert kit.see(lane, id).id == id, "what is in memory is still there"
        assert lane.trouble_at == float("-inf")
        lane.close()


def test_memory_outlives_a_session(store: SqliteStore) -> None:
    memory = SqliteStore(None, DatabaseClock())
    (id,) = kit.add(memory, kit.job())
    memory._lanes["write"]._drop_session()
    assert kit.see(memory, id).id == id
    memory.close()


def test_each_store_in_memory_is_apart() -> None:
    first, second = SqliteStore(None, DatabaseClock()), SqliteStore(None, DatabaseClock())
    (id,) = kit.add(first, kit.job())
    assert kit.look(second, id) is None
    first.close()
    second.close()


def test_a_missing_folder_is_told_at_once(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "absent" / "holdfast.db", DatabaseClock())
    with pytest.raises(errors.ConfigError, match="absent does not exist"):
        kit.add(store, kit.job())
    store.close()


@pytest.mark.parametrize("level", ["full", "NORMAL", "extra", "off"])
def test_levels_of_durability(path: Path, level: str) -> None:
    store = SqliteStore(path, DatabaseClock(), {"synchronous": level})
    store.check()
    store.close()


def test_other_levels_are_refused(path: Path) -> None:
    store = SqliteStore(path, DatabaseClock(), {"synchronous": "sometimes"})
    with pytest.raises(errors.ConfigError, match="sometimes"):
        store.check()


def test_the_journal_is_a_write_ahead_log(store: SqliteStore, stranger: sqlite3.Connection) -> None:
    assert stranger.execute("pragma journal_mode").fetchone() == ("wal",)


def test_one_name_for_a_file_behind_a_link(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link.db").symlink_to(path)
    linked = SqliteStore(tmp_path / "elsewhere" / "link.db", DatabaseClock())
    kit.add(linked, kit.job())
    linked.close()
    assert store.run(inspect.count(kit.OURS)) == {"ready": 1}
    assert sorted(entry.name for entry in (tmp_path / "elsewhere").iterdir()) == ["link.db"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, errors.DatabaseUnavailable),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, errors.DatabaseUnavailable),
        (sqlite3.SQLITE_LOCKED, errors.DatabaseUnavailable),
        (sqlite3.SQLITE_CANTOPEN, errors.DatabaseUnavailable),
        (sqlite3.SQLITE_READONLY, errors.ReadOnlyDatabase),
        (sqlite3.SQLITE_READONLY_DBMOVED, errors.ReadOnlyDatabase),
        (sqlite3.SQLITE_NOTADB, errors.NotADatabase),
        (sqlite3.SQLITE_CORRUPT, errors.NotADatabase),
        (sqlite3.SQLITE_FULL, errors.DatabaseUnavailable),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, errors.DatabaseError),
        (sqlite3.SQLITE_IOERR_WRITE, ConnectionLost),
    ],
)
def test_errors_by_code(code: int, kind: type[Exception]) -> None:
    error = sqlite3.OperationalError("words that say nothing")
    error.sqlite_errorcode = code
    assert type(translated(error)) is kind


def test_errors_without_a_code() -> None:
    assert type(translated(sqlite3.ProgrammingError("closed"))) is errors.DatabaseError
    assert type(translated(PermissionError("the side file"))) is errors.DatabaseUnavailable
    stroke = KeyboardInterrupt()
    assert translated(stroke) is stroke
