"""One PostgreSQL connection: plans pinned, transactions, chunks, and what is known when it goes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors as pg

from holdfast import errors
from holdfast.clock import DatabaseClock
from holdfast.storage.base import ConnectionLost, run_batch
from holdfast.storage.ops import duties, inspect, jobs
from holdfast.storage.postgres.session import PINS, PostgresSession, translated
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.testing.cluster import Cluster, Server
from holdfast.testing.conformance import kit


class Kept(UrlSource):
    """A source whose connections a test can look at, and that may be any kind of source."""

    def __init__(self, url: str, pooled: bool = False) -> None:
        super().__init__(url)
        self.pooled = pooled  # type: ignore[misc]
        self.connections: list[psycopg.Connection[Any]] = []

    def acquire(self) -> psycopg.Connection[Any]:
        self.connections.append(super().acquire())
        return self.connections[-1]

    def show(self, setting: str) -> str:
        row = self.connections[-1].execute(f"show {setting}".encode()).fetchone()
        assert row is not None
        return str(row[0])


def answer(session: PostgresSession, op: Any) -> Any:
    ((value, error),) = run_batch(session, [op])
    if error is not None:
        raise error
    return value


@pytest.fixture
def source(url: str) -> Iterator[Kept]:
    source = Kept(url)
    yield source
    for connection in source.connections:
        connection.close()


@pytest.fixture
def session(source: Kept) -> PostgresSession:
    return PostgresSession(source, DatabaseClock(), "holdfast")


# ---------------------------------------------------------------- settings


def test_a_connection_of_our_own_is_pinned_for_good(session: PostgresSession, source: Kept) -> None:
    answer(session, inspect.count(kit.OURS))
    assert {name: source.show(name) for name in PINS} == PINS


def test_behind_a_pooler_nothing_outlives_the_transaction(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pooler tells of another process than the one that serves us just now."""
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", property(lambda self: 1))
    source = Kept(url)
    session = PostgresSession(source, DatabaseClock(), "holdfast")
    answer(session, jobs.enqueue([kit.job()], kit.OURS))
    assert len(answer(session, jobs.claim(kit.wanted()))) == 1
    assert source.show("enable_seqscan") == "on"
    assert source.show("plan_cache_mode") == "auto"
    session.begin()
    assert source.show("enable_seqscan") == "off"
    assert source.show("transaction_isolation") == "read committed"
    session.rollback()
    assert source.connections[0].execute("select count(*) from pg_prepared_statements").fetchone() == (0,)
    session.close()


def test_statements_are_prepared_at_once_on_our_own(session: PostgresSession, source: Kept) -> None:
    answer(session, jobs.claim(kit.wanted()))
    prepared = source.connections[0].execute("select generic_plans, custom_plans from pg_prepared_statements")
    assert [row for row in prepared.fetchall() if row[0]] != []


def test_isolation_is_pinned_whatever_the_databases_default(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        name = psycopg.sql.Identifier(connection.info.dbname)
        connection.execute(
            psycopg.sql.SQL("alter database {} set default_transaction_isolation = 'serializable'").format(name)
        )
    for source in (Kept(url), Kept(url, pooled=True)):
        session = PostgresSession(source, DatabaseClock(), "holdfast")
        session.begin()
        assert source.show("transaction_isolation") == "read committed"
        session.rollback()
        session.close()
    source = Kept(url)
    session = PostgresSession(source, DatabaseClock(), "holdfast")
    answer(session, inspect.count(kit.OURS))
    assert source.show("transaction_isolation") == "read committed"
    session.close()


# ---------------------------------------------------------------- transactions


@pytest.mark.parametrize("bad", [{"task": "\ud800"}, {"task": ""}, {"tenant": "\x00"}])
def test_a_transaction_in_one_trip_that_fails_leaves_nothing_open(url: str, bad: dict[str, str]) -> None:
    """A value that the driver refuses, and one that the server does."""
    source = Kept(url, pooled=True)
    session = PostgresSession(source, DatabaseClock(), "holdfast")
    good = kit.job()
    with pytest.raises((errors.DatabaseError, UnicodeError)):
        answer(session, jobs.enqueue([kit.job(**bad)], kit.OURS))
    assert source.connections[-1].info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    answer(session, jobs.enqueue([good], kit.OURS))
    session.close()
    session = PostgresSession(Kept(url), DatabaseClock(), "holdfast")
    assert answer(session, inspect.count(kit.OURS)) == {"ready": 1}
    session.close()


def test_an_error_leaves_a_session_that_works(session: PostgresSession, source: Kept) -> None:
    (id,) = (kit.new_id(),)
    answer(session, jobs.enqueue([kit.job(id=id)], kit.OURS))
    for count in (1, 3, 6_000):
        with pytest.raises(errors.DatabaseError):
            answer(session, jobs.enqueue([*(kit.job() for _ in range(count)), kit.job(id=id)], kit.OURS))
        assert source.connections[0].info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert answer(session, inspect.count(kit.OURS)) == {"ready": 1}
    assert len(source.connections) == 1


def test_a_refused_commit_leaves_a_session_that_works(session: PostgresSession, source: Kept) -> None:
    answer(session, inspect.count(kit.OURS))
    source.connections[0].execute(
        b"create function holdfast.no() returns trigger language plpgsql as $$ begin raise 'no'; end $$;"
        b"create constraint trigger no after insert on holdfast.jobs deferrable initially deferred "
        b"for each row execute function holdfast.no()"
    )
    session.begin()
    session.execute("enqueue", [jobs.new_row(kit.job())])
    with pytest.raises(errors.DatabaseError, match="no"):
        session.commit()
    assert session._inside is False
    assert answer(session, inspect.count(kit.OURS)) == {}


@pytest.mark.parametrize("lines", [0, 1, 4_999, 5_000, 5_001, 10_001])
def test_as_many_rows_as_one_likes(session: PostgresSession, lines: int) -> None:
    wanted = [kit.job() for _ in range(lines)]
    answer(session, jobs.enqueue(wanted, kit.OURS))
    found = answer(session, inspect.get([job.id for job in wanted], kit.OURS))
    assert [job.id for job in found] == [job.id for job in wanted]


def test_a_value_it_cannot_hold_is_the_ops_own_error(session: PostgresSession) -> None:
    for bad in (kit.job(args="\x00"), kit.job(priority=2**40), kit.job(task="\ud800"), kit.job(id="no id")):
        with pytest.raises((errors.DatabaseError, UnicodeError)) as caught:
            answer(session, jobs.enqueue([bad], kit.OURS))
        assert not isinstance(caught.value, errors.DatabaseUnavailable)
    assert answer(session, inspect.count(kit.OURS)) == {}


# ---------------------------------------------------------------- losing it


@pytest.mark.parametrize(
    ("op", "in_doubt"),
    [
        (inspect.count(kit.OURS), False),
        (jobs.enqueue([kit.job()], kit.OURS), True),
        (jobs.claim(kit.wanted()), True),
        (duties.promote(), False),
    ],
    ids=["read", "write", "write with an answer", "in a transaction that does not begin"],
)
def test_what_is_known_when_the_connection_goes(
    session: PostgresSession, source: Kept, url: str, op: Any, in_doubt: bool
) -> None:
    answer(session, inspect.count(kit.OURS))
    with psycopg.connect(url, autocommit=True) as killer:
        killer.execute("select pg_terminate_backend(%s, 5000)", [source.connections[0].info.backend_pid])
    with pytest.raises(ConnectionLost) as caught:
        run_batch(session, [op])
    assert caught.value.in_doubt is in_doubt
    session.close()


def test_a_connection_that_goes_at_commit_leaves_doubt(session: PostgresSession, source: Kept, url: str) -> None:
    session.begin()
    session.execute("enqueue", [jobs.new_row(kit.job())])
    with psycopg.connect(url, autocommit=True) as killer:
        killer.execute("select pg_terminate_backend(%s, 5000)", [source.connections[0].info.backend_pid])
    with pytest.raises(ConnectionLost) as caught:
        session.commit()
    assert caught.value.in_doubt
    session.close()


def test_that_none_can_be_had_is_no_doubt() -> None:
    session = PostgresSession(UrlSource("postgresql://127.0.0.1:1/x"), DatabaseClock(), "holdfast")
    with pytest.raises(ConnectionLost) as caught:
        run_batch(session, [jobs.enqueue([kit.job()], kit.OURS), jobs.enqueue([kit.job()], kit.OURS)])
    assert not caught.value.in_doubt
    assert isinstance(caught.value.cause, errors.DatabaseUnavailable)


def test_a_server_that_restarts_is_waited_for(own_cluster: Cluster) -> None:
    url = own_cluster.create_database()
    store = PostgresStore(UrlSource(url), DatabaseClock())
    store.migrate()
    ids = kit.add(store, kit.job())
    own_cluster.shut_down()
    late: list[str] = []
    caller = threading.Thread(target=lambda: late.extend(kit.add(store, kit.job())))
    caller.start()
    caller.join(0.2)
    assert caller.is_alive(), "it waits"
    own_cluster.start_again()
    caller.join(30)
    assert kit.states(store, ids + late) == ["ready", "ready"]
    assert store.trouble_at > 0
    store.close()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (pg.UndefinedTable(), errors.SchemaMissing),
        (pg.InsufficientPrivilege(), errors.DatabaseError),
        (pg.ReadOnlySqlTransaction(), errors.ReadOnlyDatabase),
        (pg.TooManyConnections(), errors.DatabaseUnavailable),
        (pg.DiskFull(), errors.DatabaseUnavailable),
        (pg.LockNotAvailable(), errors.Busy),
        (pg.QueryCanceled(), errors.DatabaseUnavailable),
        (pg.AdminShutdown(), errors.DatabaseUnavailable),
        (pg.CannotConnectNow(), errors.DatabaseUnavailable),
        (pg.ConnectionFailure(), errors.DatabaseUnavailable),
        (psycopg.OperationalError("no route"), errors.DatabaseUnavailable),
        (psycopg.DataError("NUL"), errors.DatabaseError),
        (psycopg.ProgrammingError("?"), errors.DatabaseError),
        (pg.UniqueViolation(), errors.DatabaseError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_errors_by_code(error: psycopg.Error, kind: type[Exception]) -> None:
    assert type(translated(error)) is kind


def test_an_old_server_is_refused(cluster: Server, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psycopg.ConnectionInfo, "server_version", property(lambda self: 130_012))
    store = PostgresStore(UrlSource(url), DatabaseClock())
    with pytest.raises(errors.ConfigError, match="PostgreSQL 13"):
        store.check()
    store.close()
