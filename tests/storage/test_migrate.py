"""Schemas are made once, by whoever comes first, whole or not at all; others than ours are refused."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from holdfast.clock import DatabaseClock
from holdfast.errors import DatabaseError, NotADatabase, ReadOnlyDatabase, SchemaMissing, SchemaTooNew, SchemaTooOld
from holdfast.storage.migrate import judge, migrations
from holdfast.storage.ops import inspect
from holdfast.storage.postgres.schema import migration_sql
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.storage.sqlite.store import SqliteStore
from holdfast.testing.conformance import kit

PACKAGES = ("holdfast.storage.sqlite", "holdfast.storage.postgres")
STEPS = [step.name for step in migrations("holdfast.storage.sqlite")]


def sqlite(path: Path) -> SqliteStore:
    return SqliteStore(path, DatabaseClock())


def postgres(url: str, schema: str = "holdfast", migrate: bool = False) -> PostgresStore:
    return PostgresStore(UrlSource(url), DatabaseClock(), schema, migrate)


def works(store: SqliteStore | PostgresStore) -> None:
    """A job goes all the way."""
    (id,) = kit.add(store, kit.job())
    assert kit.end_one(store, kit.finish(kit.take_one(store))) is kit.Held.DONE
    assert kit.see(store, id).state == "succeeded"


@pytest.mark.parametrize("package", PACKAGES)
def test_steps_are_numbered_without_gaps(package: str) -> None:
    steps = migrations(package)
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+", step.name) for step in steps)


def test_both_databases_have_the_same_steps() -> None:
    assert [step.name for step in migrations(PACKAGES[0])] == [step.name for step in migrations(PACKAGES[1])]


def test_the_schema_is_put_into_every_step() -> None:
    for step in migrations(PACKAGES[1], "other"):
        assert '"other".' in step.sql
        assert '"holdfast"' not in step.sql


@pytest.mark.parametrize(("applied", "error"), [(None, SchemaMissing), (0, SchemaTooOld), (10_000, SchemaTooNew)])
def test_judging(applied: int | None, error: type[Exception]) -> None:
    with pytest.raises(error, match="the database here"):
        judge(applied, PACKAGES[0], "the database here", "Run: holdfast migrate")
    judge(migrations(PACKAGES[0])[-1].number, PACKAGES[0], "the database here", "")


# ---------------------------------------------------------------- SQLite


def test_a_sqlite_file_migrates_itself(tmp_path: Path) -> None:
    store = sqlite(tmp_path / "new.db")
    works(store)
    assert store.migrate() == []
    store.close()
    store = sqlite(tmp_path / "new.db")
    assert store.migrate() == []
    assert store.run(inspect.count(kit.OURS)) == {"succeeded": 1}
    store.close()


def test_migrating_a_sqlite_file_says_what_was_done(tmp_path: Path) -> None:
    store = sqlite(tmp_path / "new.db")
    assert store.migrate() == STEPS
    assert store.migrate() == []
    store.close()


def test_memory_is_migrated_by_itself() -> None:
    store = SqliteStore(None, DatabaseClock())
    works(store)
    assert store.migrate() == []
    assert store.run(inspect.count(kit.OURS)) == {"succeeded": 1}
    store.close()


def test_a_sqlite_file_from_the_future_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "future.db"
    store = sqlite(path)
    store.migrate()
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("insert into holdfast_migrations values (9999, '9999_future', 0)")
        connection.execute("drop table holdfast_meta")
    connection.close()
    store = sqlite(path)
    with pytest.raises(SchemaTooNew, match="step 9999"):
        store.check()
    with pytest.raises(SchemaTooNew):
        store.migrate()
    store.close()


def test_other_tables_in_the_file_are_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.execute("create table jobs (id)")
        connection.execute("insert into jobs values (7)")
    store = sqlite(tmp_path / "app.db")
    works(store)
    store.close()
    assert connection.execute("select * from jobs").fetchall() == [(7,)]
    connection.close()


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("dear diary, " * 500)
    store = sqlite(tmp_path / "text.db")
    with pytest.raises(NotADatabase):
        store.check()
    store.close()
    assert (tmp_path / "text.db").read_text() == "dear diary, " * 500


def test_a_folder_is_refused(tmp_path: Path) -> None:
    store = sqlite(tmp_path)
    with pytest.raises(NotADatabase, match="is a folder"):
        store.check()


@pytest.mark.skipif(not hasattr(__import__("os"), "geteuid") or __import__("os").geteuid() == 0, reason="root may all")
def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.db"
    sqlite(path).migrate()
    path.chmod(0o444)
    with pytest.raises(ReadOnlyDatabase):
        sqlite(path).check()


OPENS = """
import sys
from pathlib import Path
from holdfast.clock import DatabaseClock
from holdfast.storage.sqlite.store import SqliteStore
from holdfast.testing.conformance import kit
print("here", flush=True)
sys.stdin.readline()
store = SqliteStore(Path(sys.argv[1]), DatabaseClock())
kit.add(store, kit.job())
store.close()
"""


def test_many_processes_open_one_new_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    crowd = [
        subprocess.Popen([sys.executable, "-c", OPENS, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(5)
    ]
    for each in crowd:
        assert each.stdout is not None
        assert each.stdout.readline() == "here\n"
    for each in crowd:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in crowd:
        each.communicate(timeout=30)
        assert each.returncode == 0
    store = sqlite(path)
    assert store.run(inspect.count(kit.OURS)) == {"ready": 5}
    store.close()


def test_many_threads_open_one_new_file_at_once(tmp_path: Path) -> None:
    start = threading.Barrier(6)

    def open_and_add(number: int) -> None:
        store = sqlite(tmp_path / "new.db")
        start.wait()
        kit.add(store, kit.job())
        store.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(open_and_add, range(6)))
    store = sqlite(tmp_path / "new.db")
    assert store.run(inspect.count(kit.OURS)) == {"ready": 6}
    store.close()


DIES = """
import os, signal, sys
from pathlib import Path
import holdfast.storage.sqlite.store as module
from holdfast.clock import DatabaseClock
whole = module.commands
def half(script):
    for number, command in enumerate(whole(script)):
        if number == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        yield command
module.commands = half
module.SqliteStore(Path(sys.argv[1]), DatabaseClock()).migrate()
"""


@pytest.mark.parametrize("after", [0, 1, 9])
def test_a_kill_amid_the_making_of_a_file_is_harmless(tmp_path: Path, after: int) -> None:
    path = tmp_path / "new.db"
    killed = subprocess.run([sys.executable, "-c", DIES, path, str(after)], check=False)
    assert killed.returncode == -signal.SIGKILL
    store = sqlite(path)
    assert store.migrate() == STEPS
    works(store)
    store.close()


# ---------------------------------------------------------------- PostgreSQL


@pytest.fixture
def postgres_url(new_postgres_url: str) -> str:
    return new_postgres_url


def test_postgres_is_migrated_when_asked(postgres_url: str) -> None:
    store = postgres(postgres_url)
    with pytest.raises(SchemaMissing, match="holdfast migrate"):
        store.check()
    with pytest.raises(SchemaMissing):
        kit.add(store, kit.job())
    assert store.migrate() == STEPS
    works(store)
    assert store.migrate() == []
    store.close()


def test_postgres_can_migrate_itself(postgres_url: str) -> None:
    store = postgres(postgres_url, migrate=True)
    works(store)
    store.close()


def test_a_schema_of_another_name(postgres_url: str) -> None:
    first, second = postgres(postgres_url, "jobs_of_mine"), postgres(postgres_url, "select")
    with pytest.raises(SchemaMissing, match="holdfast migrate --schema jobs_of_mine"):
        first.check()
    for store in (first, second):
        assert store.migrate() == STEPS
        works(store)
        assert store.run(inspect.count(kit.OURS)) == {"succeeded": 1}
    with pytest.raises(SchemaMissing):
        postgres(postgres_url).check()
    first.close()
    second.close()


def test_a_schema_from_the_future_is_refused(postgres_url: str) -> None:
    store = postgres(postgres_url)
    store.migrate()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("insert into holdfast.migrations (number, name) values (9999, '9999_future')")
    for refused in (store.check, store.migrate):
        with pytest.raises(SchemaTooNew, match="step 9999"):
            refused()
    store.close()


def test_many_migrate_at_once(postgres_url: str) -> None:
    start = threading.Barrier(4)

    def migrate(number: int) -> list[str]:
        store = postgres(postgres_url)
        start.wait()
        made = store.migrate()
        store.close()
        return made

    with ThreadPoolExecutor(4) as pool:
        made = [name for names in pool.map(migrate, range(4)) for name in names]
    assert sorted(made) == STEPS


def test_many_migrate_at_once_where_snapshots_are_older_than_locks(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        database = sql.Identifier(connection.info.dbname)
        isolation = sql.SQL("alter database {} set default_transaction_isolation = 'repeatable read'")
        connection.execute(isolation.format(database))
    test_many_migrate_at_once(postgres_url)
    store = postgres(postgres_url)
    works(store)
    store.close()


POSTGRES_DIES = """
import os, signal, sys
import psycopg
from holdfast.clock import DatabaseClock
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
whole = psycopg.Connection.execute
calls = 0
def counted(self, *args, **kwargs):
    global calls
    calls += 1
    if calls > int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(self, *args, **kwargs)
psycopg.Connection.execute = counted
PostgresStore(UrlSource(sys.argv[1]), DatabaseClock()).migrate()
"""


@pytest.mark.parametrize("after", [1, 3, 4])
def test_a_kill_amid_the_migration_is_harmless(postgres_url: str, after: int) -> None:
    killed = subprocess.run([sys.executable, "-c", POSTGRES_DIES, postgres_url, str(after)], check=False)
    assert killed.returncode == -signal.SIGKILL
    store = postgres(postgres_url)
    assert store.migrate() == STEPS
    works(store)
    store.close()


def test_other_tools_can_migrate(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        for statement in migration_sql():
            connection.execute(statement.encode())
    store = postgres(postgres_url)
    store.check()
    assert store.migrate() == []
    works(store)
    store.close()


@pytest.fixture
def plain_role(postgres_url: str) -> Iterator[str]:
    """A role that may do nothing in particular."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("create role plain login")
    yield "plain"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("drop role plain")


def test_a_role_without_rights_is_told(postgres_url: str, plain_role: str) -> None:
    store = postgres(postgres_url.replace("//postgres@", f"//{plain_role}@"))
    with pytest.raises(DatabaseError, match="may not do that"):
        store.migrate()
    store.close()
