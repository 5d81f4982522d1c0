"""Connections from a URL, a pool, an engine or a function: had, given back as they were, and honestly refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import psycopg_pool
import pytest
import sqlalchemy

from holdfast.clock import DatabaseClock
from holdfast.errors import ConfigError, DatabaseUnavailable
from holdfast.storage.ops import inspect
from holdfast.storage.postgres.source import CallableSource, EngineSource, PoolSource, Source, UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.testing.conformance import kit

AWAY = "postgresql://ann:secret@127.0.0.1:1/nowhere"


@pytest.fixture
def pool(url: str) -> Iterator[psycopg_pool.ConnectionPool[Any]]:
    with psycopg_pool.ConnectionPool(url, min_size=1, max_size=3, timeout=0.5) as pool:
        yield pool


@pytest.fixture
def engine(url: str) -> Iterator[sqlalchemy.Engine]:
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), pool_size=2)
    yield engine
    engine.dispose()


@pytest.fixture(params=["url", "function that says the url", "pool", "engine", "connect"])
def source(request: pytest.FixtureRequest, url: str) -> Source:
    match request.param:
        case "url":
            return UrlSource(url)
        case "function that says the url":
            return UrlSource(lambda: url)
        case "pool":
            return PoolSource(request.getfixturevalue("pool"))
        case "engine":
            return EngineSource(request.getfixturevalue("engine"))
        case _:
            return CallableSource(lambda: psycopg.connect(url))


def backends(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchone()
        assert row is not None
        return int(row[0])


# ---------------------------------------------------------------- all of them


def test_jobs_go_all_the_way(source: Source) -> None:
    store = PostgresStore(source, DatabaseClock())
    ids = kit.add(store, *(kit.job() for _ in range(3)))
    held = kit.take(store)
    assert kit.end(store, kit.finish(held[0]), kit.requeue(held[1])) == [kit.Held.DONE] * 2
    assert kit.states(store, ids) == ["succeeded", "ready", "running"]
    store.close()


def test_connections_are_in_autocommit_while_they_are_ours(source: Source) -> None:
    connection = source.acquire()
    assert connection.autocommit
    source.release(connection, broken=False)


def test_it_says_where_without_a_password(source: Source) -> None:
    assert "database" in source.where
    assert "secret" not in source.where


def test_closing_leaves_nothing_open(source: Source, url: str) -> None:
    store = PostgresStore(source, DatabaseClock())
    kit.add(store, kit.job())
    store.run(inspect.count(kit.OURS), "read")
    store.close()
    allowed, give_up = 2 if source.pooled else 0, time.monotonic() + 10
    while backends(url) > allowed:  # the server notices a moment later
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_a_connection_that_was_killed_is_replaced(source: Source, url: str) -> None:
    store = PostgresStore(source, DatabaseClock())
    kit.add(store, kit.job())
    with psycopg.connect(url) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
    kit.add(store, kit.job())
    assert store.run(inspect.count(kit.OURS)) == {"ready": 2}
    store.close()


# ---------------------------------------------------------------- URL


def test_an_unreachable_server_is_told_at_once_without_the_password() -> None:
    store = PostgresStore(UrlSource(AWAY), DatabaseClock())
    with pytest.raises(DatabaseUnavailable, match="Is the server running") as caught:
        kit.add(store, kit.job())
    assert "secret" not in str(caught.value)
    assert "secret" not in store.where


def test_what_the_url_says_goes_before_the_defaults(url: str) -> None:
    plain = UrlSource(url).acquire()
    assert plain.execute("show application_name").fetchone() == ("holdfast",)
    plain.close()
    named = UrlSource(url + "&application_name=mine").acquire()
    assert named.execute("show application_name").fetchone() == ("mine",)
    named.close()


def test_a_url_that_changes_is_asked_for_each_time(url: str) -> None:
    asked: list[int] = []

    def say() -> str:
        asked.append(1)
        return url

    source = UrlSource(say)
    source.acquire().close()
    source.acquire().close()
    assert len(asked) == 2


# ---------------------------------------------------------------- pools


def test_a_pool_gets_its_connections_back_as_they_were(pool: psycopg_pool.ConnectionPool[Any]) -> None:
    store = PostgresStore(PoolSource(pool), DatabaseClock())
    for _ in range(5):
        kit.add(store, kit.job())
        kit.take(store)
    with pool.connection() as connection:
        assert not connection.autocommit
        for setting in ("enable_seqscan", "enable_sort", "enable_hashjoin"):
            assert connection.execute(f"show {setting}".encode()).fetchone() == ("on",)
        assert connection.execute("show plan_cache_mode").fetchone() == ("auto",)
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    assert pool.get_stats().get("connections_lost", 0) == 0
    store.close()
    assert not pool.closed


def test_a_pool_in_autocommit_stays_so(url: str) -> None:
    with psycopg_pool.ConnectionPool(url, min_size=1, max_size=1, kwargs={"autocommit": True}) as pool:
        store = PostgresStore(PoolSource(pool), DatabaseClock())
        kit.add(store, kit.job())
        store.close()
        with pool.connection() as connection:
            assert connection.autocommit


def test_an_idle_store_holds_no_connection_of_the_pool(pool: psycopg_pool.ConnectionPool[Any]) -> None:
    store = PostgresStore(PoolSource(pool), DatabaseClock())
    kit.add(store, kit.job())
    store.run(inspect.count(kit.OURS), "read")
    store._notifier.close()
    held = [pool.getconn() for _ in range(3)]
    for connection in held:
        pool.putconn(connection)
    store.close()


def test_an_exhausted_pool_is_a_database_that_is_away(pool: psycopg_pool.ConnectionPool[Any]) -> None:
    store = PostgresStore(PoolSource(pool), DatabaseClock())
    held = [pool.getconn() for _ in range(3)]
    with pytest.raises(DatabaseUnavailable, match="the pool gave no connection"):
        kit.add(store, kit.job())
    for connection in held:
        pool.putconn(connection)
    kit.add(store, kit.job())
    store.close()


@pytest.mark.parametrize("wrong", [object(), "postgresql://", 7, None])
def test_what_is_no_pool_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigError, match=r"pool= takes a synchronous"):
        PoolSource(wrong)


def test_an_async_pool_is_refused() -> None:
    with pytest.raises(ConfigError, match="AsyncConnectionPool"):
        PoolSource(psycopg_pool.AsyncConnectionPool(AWAY, open=False))


# ---------------------------------------------------------------- engines


def test_an_engine_gets_its_connections_back_as_they_were(engine: sqlalchemy.Engine) -> None:
    store = PostgresStore(EngineSource(engine), DatabaseClock())
    for _ in range(5):
        kit.add(store, kit.job())
    store.close()
    with engine.connect() as connection:
        assert connection.scalar(sqlalchemy.text("show enable_seqscan")) == "on"
        assert connection.in_transaction()
        assert connection.connection.driver_connection is not None
        assert not connection.connection.driver_connection.autocommit


def test_an_engine_that_cannot_connect_is_a_database_that_is_away() -> None:
    engine = sqlalchemy.create_engine(AWAY.replace("postgresql://", "postgresql+psycopg://"))
    store = PostgresStore(EngineSource(engine), DatabaseClock())
    with pytest.raises(DatabaseUnavailable, match="the engine gave no connection") as caught:
        kit.add(store, kit.job())
    assert "secret" not in str(caught.value)
    assert "secret" not in store.where


@pytest.mark.parametrize(
    "make",
    [
        lambda: sqlalchemy.create_engine("sqlite://"),
        lambda: object(),
        lambda: "postgresql://",
    ],
)
def test_other_engines_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigError, match=r"postgresql\+psycopg"):
        EngineSource(make())


# ---------------------------------------------------------------- functions


def test_a_function_that_connects_wrongly_is_told() -> None:
    wrong: Any = lambda: 7  # noqa: E731
    with pytest.raises(ConfigError, match="and returned int"):
        CallableSource(wrong).acquire()


def test_a_function_that_cannot_connect_is_a_database_that_is_away() -> None:
    store = PostgresStore(CallableSource(lambda: psycopg.connect(AWAY, connect_timeout=1)), DatabaseClock())
    with pytest.raises(DatabaseUnavailable, match=r"connect\(\) gave no connection"):
        kit.add(store, kit.job())


def test_an_engine_in_autocommit_stays_so(url: str) -> None:
    engine = sqlalchemy.create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"),
        isolation_level="AUTOCOMMIT", pool_size=1, max_overflow=0,
    )  # fmt: skip
    store = PostgresStore(EngineSource(engine), DatabaseClock())
    kit.add(store, kit.job())
    store.close()
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("create table mine (n int)"))
        connection.execute(sqlalchemy.text("insert into mine values (1)"))
    with psycopg.connect(url) as other:
        assert other.execute("select n from mine").fetchall() == [(1,)]
    engine.dispose()


def test_a_hook_that_runs_sql_at_checkout_is_no_trouble(url: str) -> None:
    engine = sqlalchemy.create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"), pool_size=1, max_overflow=0, pool_timeout=0.5
    )

    def says(raw: Any, *_: object) -> None:
        raw.cursor().execute("select 1")

    sqlalchemy.event.listen(engine, "checkout", says)
    store = PostgresStore(EngineSource(engine), DatabaseClock())
    for _ in range(3):
        kit.add(store, kit.job())
    store.close()
    assert engine.pool.status().endswith("Current Checked out connections: 0")
    engine.dispose()


def test_a_dead_connection_of_an_engine_is_not_kept(url: str) -> None:
    engine = sqlalchemy.create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"), pool_size=1, max_overflow=0, pool_timeout=0.5
    )
    source, broken = EngineSource(engine), [True]

    def dies(raw: Any, *_: object) -> None:
        if broken:
            broken.pop()
            raw.close()

    sqlalchemy.event.listen(engine, "checkout", dies)
    with pytest.raises(DatabaseUnavailable, match="does not work"):
        source.acquire()
    connection = source.acquire()
    assert connection.execute("select 1").fetchone() == (1,)
    source.release(connection, broken=False)
    engine.dispose()


@pytest.mark.parametrize(("size", "listens"), [(1, False), (2, False), (3, True)])
def test_a_listener_does_not_take_the_last_connection(
    url: str, size: int, listens: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg_pool.ConnectionPool(url, min_size=1, max_size=size, timeout=5) as pool:
        store = PostgresStore(PoolSource(pool), DatabaseClock())
        listeners = [store.listen(lambda: None) for _ in range(2 if size < 3 else 1)]
        kit.add(store, kit.job())
        for listener in listeners:
            listener.close()
        store.close()
    assert caplog.text.count("too few connections") == (0 if listens else 1)
    engine = sqlalchemy.create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"), pool_size=size, max_overflow=0
    )
    assert EngineSource(engine).listens is listens
