"""Enqueueing in the caller's transaction: its commit keeps the job, its rollback removes it, nobody is woken early."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiosqlite
import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from psycopg.rows import dict_row
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from tests.behaviour import ways
from tests.behaviour.support import Rung, until
from tests.behaviour.ways import ASYNC, SYNC, AsyncWay, Undo, Way

from holdfast import Call, Holdfast, Task, TaskSet
from holdfast.errors import ConfigError, DatabaseError, InvalidOption, MisuseError
from holdfast.storage.looks import PACE
from holdfast.testing import Clock

tasks = TaskSet()


@tasks.task
def thank(email: str) -> str:
    return email


def count(app: Holdfast) -> int:
    return sum(app.jobs.count().values())


@pytest.fixture
def kinds(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """The URL of a database of this kind, with a table `orders` of the user's."""

    def url_of(kind: str) -> str:
        url: str = request.getfixturevalue(f"{kind}_url")
        app = Holdfast(url)
        app.migrate()
        with app.transaction() as connection:
            connection.execute("drop table if exists orders")
            connection.execute("create table orders (id int)")
        app.close()
        return url

    return url_of


@pytest.fixture
def opened(kinds: Callable[[str], str]) -> Iterator[Callable[..., tuple[Holdfast, str]]]:
    """An app with our tasks on a database of this kind, and its URL."""
    made: list[Holdfast] = []

    def open_app(kind: str, **settings: Any) -> tuple[Holdfast, str]:
        url = kinds(kind)
        app = Holdfast(url, **settings)
        app.include(tasks)
        made.append(app)
        return app, url

    yield open_app
    for app in made:
        app.close()


Opened = Callable[..., tuple[Holdfast, str]]


def undo_in(transaction: Any, app: Holdfast, connection: Any = None) -> None:
    """A transaction, in which a job is enqueued, that raises."""
    try:
        with transaction as given:
            bound(app, given if connection is None else connection).enqueue("gone")
            raise Undo
    except Undo:
        return
    raise AssertionError("it swallowed the error")


def bound(app: Holdfast, connection: Any) -> Task[..., str, str]:
    return thank.via(app).using(connection=connection)


@pytest.fixture(params=SYNC, ids=lambda way: f"{way.name}-{way.kind}")
def way(request: pytest.FixtureRequest) -> Way:
    made: Way = request.param
    return made


@pytest.fixture(params=ASYNC, ids=lambda way: f"{way.name}-{way.kind}")
def async_way(request: pytest.FixtureRequest) -> AsyncWay:
    made: AsyncWay = request.param
    return made


# ---------------------------------------------------------------- every way


def test_the_jobs_lot_is_the_transactions(way: Way, opened: Opened) -> None:
    app, url = opened(way.kind)
    with way.open(url) as connection:
        way.execute(connection, "insert into orders values (1)")
        bound(app, connection).enqueue("rolled@back")
        way.rollback(connection)
        assert count(app) == 0

        way.execute(connection, "insert into orders values (2)")
        job = bound(app, connection).enqueue("a@b.c")
        assert count(app) == 0
        way.commit(connection)
        assert count(app) == 1
        assert job.record.args == {"email": "a@b.c"}
        many = app.bind(connection).enqueue_many([thank.call(str(n)) for n in range(3)])
        way.commit(connection)
        assert [one.record.args["email"] for one in many] == ["0", "1", "2"]
    with app.transaction() as ours:
        assert [row[0] for row in ours.execute("select id from orders").fetchall()] == [2]
    assert app.work_once(10).succeeded == 4
    assert job.result(0) == "a@b.c"


def test_a_savepoint_rolled_back_takes_its_jobs_along(way: Way, opened: Opened) -> None:
    app, url = opened(way.kind)
    with way.open(url) as connection:
        way.execute(connection, "insert into orders values (1)")
        kept = bound(app, connection).enqueue("kept")
        with way.savepoint(connection):
            bound(app, connection).enqueue("gone")
            app.bind(connection).enqueue_many([thank.call("gone"), thank.call("gone")])
            raise Undo
        with way.savepoint(connection):
            also = bound(app, connection).enqueue("also kept")
        way.commit(connection)
    assert {record.id for record in app.jobs.list()} == {kept.id, also.id}


async def test_the_jobs_lot_is_the_awaited_transactions(async_way: AsyncWay, opened: Opened) -> None:
    app, url = opened(async_way.kind)
    async with async_way.open(url) as connection:
        await async_way.execute(connection, "insert into orders values (1)")
        await bound(app, connection).aenqueue("rolled@back")
        await async_way.rollback(connection)
        assert count(app) == 0

        await async_way.execute(connection, "insert into orders values (2)")
        job = await bound(app, connection).aenqueue("a@b.c")
        assert count(app) == 0
        await async_way.commit(connection)
        assert count(app) == 1
        many = await app.bind(connection).aenqueue_many([thank.call(str(n)) for n in range(3)])
        await async_way.rollback(connection)
        assert count(app) == 1
        assert len(many) == 3
    with app.transaction() as ours:
        assert [row[0] for row in ours.execute("select id from orders").fetchall()] == [2]
    assert (await app.awork_once(10)).succeeded == 1
    assert await job.aresult(0) == "a@b.c"


async def test_awaited_connections_are_for_aenqueue(async_way: AsyncWay, opened: Opened) -> None:
    app, url = opened(async_way.kind)
    async with async_way.open(url) as connection:
        with pytest.raises(MisuseError, match="aenqueue"):
            bound(app, connection).enqueue("a")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_sync_connection_serves_aenqueue_too(kind: str, opened: Opened) -> None:
    app, url = opened(kind)
    with next(way for way in SYNC if way.kind == kind).open(url) as connection:
        await bound(app, connection).aenqueue("a")
        connection.rollback()
        assert count(app) == 0
        await bound(app, connection).aenqueue("a")
        connection.commit()
    assert count(app) == 1


# ---------------------------------------------------------------- waking


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("name", ["sqlalchemy session", "django"])
def test_libraries_tell_of_their_commit(name: str, kind: str, opened: Opened) -> None:
    app, url = opened(kind)
    rung = Rung(app)
    way = next(way for way in SYNC if (way.name, way.kind) == (name, kind))
    with way.open(url) as connection:
        bound(app, connection).enqueue("rolled@back")
        way.rollback(connection)
        bound(app, connection).enqueue("a")
        with way.savepoint(connection):
            bound(app, connection).enqueue("b")
        time.sleep(0.1)
        assert rung.times == []
        way.commit(connection)
        assert len(rung.times) in (1, 2)
        rung.times.clear()
        way.execute(connection, "insert into orders values (1)")
        way.commit(connection)
        assert rung.times == []


@pytest.mark.parametrize("driver", ["aiosqlite", "psycopg", "asyncpg"])
async def test_an_async_session_tells_of_its_commit(driver: str, opened: Opened) -> None:
    way = next(way for way in ASYNC if way.name == f"sqlalchemy session {driver}")
    app, url = opened(way.kind)
    rung = Rung(app)
    async with way.open(url) as session:
        await bound(app, session).aenqueue("a")
        assert rung.times == []
        await session.commit()
        assert len(rung.times) == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_otherwise_looks_follow_the_enqueue(kind: str, opened: Opened) -> None:
    app, url = opened(kind)
    way = next(way for way in SYNC if way.kind == kind)
    with way.open(url) as connection:
        bound(app, connection).enqueue("the first asks whose database it is")
        rung = Rung(app)
        for _ in range(20):
            bound(app, connection).enqueue("a")
        until(lambda: rung.times and rung.times[-1] > PACE[-1])
        connection.commit()
    for at in PACE:
        assert any(at <= rang < at + 0.3 for rang in rung.times), (at, rung.times)
    assert len(rung.times) < 4 * 20


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_connection_of_sqlalchemys_is_followed_by_looks_when_it_commits(kind: str, opened: Opened) -> None:
    app, url = opened(kind)
    rung = Rung(app)
    way = next(way for way in SYNC if (way.name, way.kind) == ("sqlalchemy connection", kind))
    with way.open(url) as connection:
        bound(app, connection).enqueue("a")
        time.sleep(0.1)
        assert rung.times == []
        connection.commit()
        until(lambda: len(rung.times) == len(PACE))


@pytest.mark.parametrize("delay", ["5m", None])
def test_what_is_due_later_wakes_nobody(delay: str | None, opened: Opened) -> None:
    app, url = opened("sqlite")
    rung = Rung(app)
    with ways.SYNC[0].open(url) as connection:
        thank.via(app).using(connection=connection, delay=delay).enqueue("a")
        connection.commit()
        time.sleep(0.1)
    assert bool(rung.times) == (delay is None)


def test_a_worker_hears_of_it_long_before_its_next_look(opened: Opened) -> None:
    app, url = opened("postgres")
    with app.worker(poll_interval=60, leader=False), psycopg.connect(url) as connection:
        job = bound(app, connection).enqueue("a")
        time.sleep(0.03)
        connection.commit()
        assert job.result(5) == "a"


# ---------------------------------------------------------------- states of a connection


def test_autocommit_stores_at_once(opened: Opened) -> None:
    app, url = opened("sqlite")
    rung = Rung(app)
    connection = sqlite3.connect(ways.file_of(url), isolation_level=None)
    bound(app, connection).enqueue("a")
    app.bind(connection).enqueue_many([thank.call("b"), thank.call("c")])
    assert count(app) == 3
    assert len(rung.times) == 2
    assert not connection.in_transaction
    connection.close()


async def test_autocommit_stores_at_once_in_postgres(opened: Opened) -> None:
    app, url = opened("postgres")
    rung = Rung(app)
    with psycopg.connect(url, autocommit=True) as connection:
        bound(app, connection).enqueue("a")
        undo_in(connection.transaction(), app, connection)
    asynchronous = await asyncpg.connect(url)
    await bound(app, asynchronous).aenqueue("c")
    await asynchronous.close()
    assert count(app) == 2
    assert len(rung.times) >= 2


def test_django_outside_of_atomic(opened: Opened) -> None:
    app, url = opened("sqlite")
    connection = ways.django()[ways.django_alias(url)]
    bound(app, connection).enqueue("a")
    assert count(app) == 1
    connection.set_autocommit(False)
    bound(app, connection).enqueue("b")
    assert count(app) == 1
    connection.commit()
    assert count(app) == 2
    connection.close()


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
async def test_many_thousands_are_all_or_none(driver: str, opened: Opened) -> None:
    """Beyond 5,000 they are several statements, also where each commits by itself."""
    app, url = opened("postgres")
    calls = [thank.call(str(n)) for n in range(5001)]
    if driver == "psycopg":
        with psycopg.connect(url, autocommit=True) as connection:
            app.bind(connection).enqueue_many(calls)
    else:
        asynchronous = await asyncpg.connect(url)
        await app.bind(asynchronous).aenqueue_many(calls)
        await asynchronous.close()
    assert count(app) == 5001


@pytest.mark.parametrize("isolation", ["", None, "IMMEDIATE"])
def test_many_that_fail_leave_sqlites_transaction_as_it_was(
    isolation: str | None, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, url = opened("sqlite")
    connection = sqlite3.connect(ways.file_of(url), isolation_level=isolation)
    calls: list[Call[Any]] = [thank.call("a"), thank.call("b")]
    monkeypatch.setattr("holdfast.task.new_id", lambda: "0197bd27-0000-7000-8000-000000000000")
    for inside in (False, True):
        if inside:
            connection.execute("begin")
            connection.execute("insert into orders values (1)")
        with pytest.raises(DatabaseError, match="UNIQUE"):
            app.bind(connection).enqueue_many(calls)
        assert connection.in_transaction == inside
        connection.commit()
    assert count(app) == 0
    assert connection.execute("select * from orders").fetchall() == [(1,)]
    connection.close()


def test_a_transaction_that_has_failed(opened: Opened) -> None:
    app, url = opened("postgres")
    with psycopg.connect(url) as connection:
        with pytest.raises(psycopg.Error):
            connection.execute("select 1/0")
        with pytest.raises(MisuseError, match="roll it back"):
            bound(app, connection).enqueue("a")
        connection.rollback()
        bound(app, connection).enqueue("a")
    assert count(app) == 1


async def test_a_transaction_of_asyncpgs_that_has_failed(opened: Opened) -> None:
    app, url = opened("postgres")
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    with pytest.raises(asyncpg.PostgresError):
        await connection.execute("select 1/0")
    with pytest.raises(MisuseError, match="roll it back"):
        await bound(app, connection).aenqueue("a")
    await transaction.rollback()
    await connection.close()


async def test_closed_connections(opened: Opened) -> None:
    app, url = opened("postgres")
    with psycopg.connect(url) as connection:
        pass
    asynchronous = await asyncpg.connect(url)
    await asynchronous.close()
    async with await psycopg.AsyncConnection.connect(url) as third:
        pass
    for closed in (connection, asynchronous, third):
        with pytest.raises(MisuseError, match="closed"):
            await bound(app, closed).aenqueue("a")


async def test_closed_connections_of_sqlite(opened: Opened) -> None:
    app, url = opened("sqlite")
    connection = sqlite3.connect(ways.file_of(url))
    connection.close()
    async with aiosqlite.connect(ways.file_of(url)) as asynchronous:
        pass
    for closed in (connection, asynchronous):
        with pytest.raises(MisuseError, match="closed"):
            await bound(app, closed).aenqueue("a")


def test_another_threads_connection(opened: Opened) -> None:
    app, url = opened("sqlite")
    connection = sqlite3.connect(ways.file_of(url))
    errors: list[BaseException] = []

    def use() -> None:
        try:
            bound(app, connection).enqueue("a")
        except MisuseError as error:
            errors.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert "thread" in str(errors[0])
    connection.close()


def test_the_drivers_errors_are_told_as_ours(opened: Opened) -> None:
    app, url = opened("postgres")
    with psycopg.connect(url) as connection:
        connection.execute("set transaction read only")
        with pytest.raises(DatabaseError, match="read-only"):
            bound(app, connection).enqueue("a")


def test_row_factories_of_the_callers(opened: Opened) -> None:
    app, url = opened("postgres")
    with psycopg.connect(url, row_factory=dict_row) as connection:
        bound(app, connection).enqueue("a")
    lite, lite_url = opened("sqlite")
    here = sqlite3.connect(ways.file_of(lite_url))
    here.row_factory = lambda cursor, row: {"row": row}
    bound(lite, here).enqueue("a")
    here.commit()
    here.close()
    assert count(app) == count(lite) == 1


def test_a_scoped_session(opened: Opened) -> None:
    app, url = opened("sqlite")
    engine = sa.create_engine(url)
    registry = scoped_session(sessionmaker(engine))
    bound(app, registry).enqueue("a")
    registry.commit()
    registry.remove()
    engine.dispose()
    assert count(app) == 1


def test_the_instant_is_that_of_the_apps_clock(opened: Opened) -> None:
    clock = Clock()
    clock.advance("40d")
    for kind in ("sqlite", "postgres"):
        app, url = opened(kind, clock=clock)
        with next(way for way in SYNC if way.kind == kind).open(url) as connection:
            job = bound(app, connection).enqueue("a")
            connection.commit()
        assert job.record.created_at == clock.now()


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_another_database(kind: str, opened: Opened, request: pytest.FixtureRequest, tmp_path: Any) -> None:
    app, _ = opened(kind)
    other = f"sqlite:///{tmp_path}/other.db"
    if kind == "postgres":
        other = request.getfixturevalue("cluster").create_database()
    for migrated in (False, True):
        if migrated:
            another = Holdfast(other)
            another.migrate()
            another.close()
        for way in SYNC:
            if way.kind == kind:
                with way.open(other) as connection:
                    with pytest.raises(ConfigError, match="another database"):
                        bound(app, connection).enqueue("a")
                    way.execute(connection, "create table if not exists mine (id int)")
                    way.rollback(connection)
    assert count(app) == 0
    if kind == "postgres":
        request.getfixturevalue("cluster").drop_database(other)


async def test_another_database_awaited(
    async_way: AsyncWay, opened: Opened, request: pytest.FixtureRequest, tmp_path: Any
) -> None:
    app, _ = opened(async_way.kind)
    other = f"sqlite:///{tmp_path}/other.db"
    if async_way.kind == "postgres":
        other = request.getfixturevalue("cluster").create_database()
    async with async_way.open(other) as connection:
        with pytest.raises(ConfigError, match="another database"):
            await bound(app, connection).aenqueue("a")
        await async_way.execute(connection, "create table if not exists mine (id int)")
        await async_way.rollback(connection)
    if async_way.kind == "postgres":
        request.getfixturevalue("cluster").drop_database(other)


def test_another_kind_of_database(opened: Opened) -> None:
    lite, lite_url = opened("sqlite")
    app, url = opened("postgres")
    with SYNC[0].open(lite_url) as connection, pytest.raises(ConfigError, match="another kind"):
        bound(app, connection).enqueue("a")
    with SYNC[1].open(url) as connection, pytest.raises(ConfigError, match="another kind"):
        bound(lite, connection).enqueue("a")


@pytest.mark.parametrize("given", [object(), "sqlite:///app.db", 7, sqlite3, sa.create_engine("sqlite://")])
def test_what_nobody_knows(given: Any, opened: Opened) -> None:
    app, _ = opened("sqlite")
    with pytest.raises(InvalidOption, match=r"sqlite3, psycopg .*SQLAlchemy Session.*Django"):
        thank.using(connection=given)
    with pytest.raises(InvalidOption, match="SQLAlchemy"):
        app.bind(given)


def test_no_connection_at_all(opened: Opened) -> None:
    app, _ = opened("sqlite")
    with pytest.raises(InvalidOption):
        app.bind(None)
    assert thank.using(connection=None).via(app).enqueue("a").created


def test_another_driver_below_sqlalchemy(opened: Opened) -> None:
    class Cursor:
        def __getattr__(self, name: str) -> Any:
            return lambda *args, **kwargs: None

    class Strange(Cursor):
        def cursor(self) -> Cursor:
            return Cursor()

    app, _ = opened("postgres")
    engine = sa.create_engine("postgresql+psycopg://", creator=Strange, poolclass=sa.NullPool, _initialize=False)
    with engine.connect() as connection, pytest.raises(InvalidOption, match="Strange"):
        bound(app, connection).enqueue("a")


def test_where_the_option_belongs(opened: Opened) -> None:
    other = TaskSet()
    made: Any = other.task
    with pytest.raises(InvalidOption, match="using"):
        made(connection=object())(lambda: None)
    with pytest.raises(InvalidOption, match="decorator"):
        thank.using(transaction=True)  # type: ignore[call-arg]


def test_a_calls_own_connection_is_not_forgotten(opened: Opened) -> None:
    app, url = opened("sqlite")
    with SYNC[0].open(url) as connection:
        call = bound(app, connection).call("a")
        with pytest.raises(InvalidOption, match="bind"):
            app.enqueue_many([call])
        app.bind(connection).enqueue_many([call])
        connection.commit()
    assert count(app) == 1


# ---------------------------------------------------------------- transactions of ours


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_transaction_on_our_own_store(kind: str, opened: Opened) -> None:
    app, _ = opened(kind)
    rung = Rung(app)
    with app.transaction() as connection:
        assert isinstance(connection, sqlite3.Connection if kind == "sqlite" else psycopg.Connection)
        connection.execute("insert into orders values (1)")
        bound(app, connection).enqueue("a")
        assert rung.times == []
    assert len(rung.times) == 1
    undo_in(app.transaction(), app)
    with app.transaction() as connection:
        assert connection.execute("select id from orders").fetchall() == [(1,)]
    assert count(app) == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_transaction_of_ours_on_an_event_loop(kind: str, opened: Opened) -> None:
    app, _ = opened(kind)

    async def one(number: int, fails: bool) -> None:
        async with app.atransaction() as connection:
            done = connection.execute(f"insert into orders values ({number})")
            if kind == "postgres":
                await done
            await asyncio.sleep(0.01)
            await bound(app, connection).aenqueue("a")
            if fails:
                raise Undo

    answers = await asyncio.gather(*[one(n, n % 2 == 1) for n in range(6)], return_exceptions=True)
    assert [isinstance(answer, Undo) for answer in answers] == [False, True] * 3
    assert count(app) == 3
    await app.aclose()


async def test_waiting_for_the_gate_can_be_given_up(opened: Opened) -> None:
    app, _ = opened("sqlite")
    async with app.atransaction():
        waiting = asyncio.create_task(app.atransaction().__aenter__(), context=contextvars.Context())
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await thank.via(app).aenqueue("a")
    assert count(app) == 1


def test_writing_beside_ones_own_transaction_in_sqlite(opened: Opened) -> None:
    app, url = opened("sqlite")
    other = Holdfast(url + ".other")
    twin = Holdfast(url)
    twin.include(tasks)
    with app.transaction() as connection:
        for each in (app, twin):
            with pytest.raises(MisuseError, match="one writer"):
                thank.via(each).enqueue("a")
        with pytest.raises(MisuseError, match="one writer"), app.transaction():
            pass
        assert count(app) == 0
        other.migrate()
        thank.via(other).enqueue("a")
        bound(app, connection).enqueue("a")
    thank.via(app).enqueue("b")
    assert count(app) == 2
    other.close()
    twin.close()


def end_early(connection: Any, how: str) -> None:
    connection.execute("insert into orders values (1)")
    getattr(connection, how)()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_our_own_transaction_ends_with_its_block(kind: str, opened: Opened) -> None:
    app, _ = opened(kind)
    for how in ("commit", "rollback"):
        with pytest.raises((MisuseError, psycopg.Error)), app.transaction() as connection:
            end_early(connection, how)
    if kind == "sqlite":
        with pytest.raises(MisuseError, match="ended"), app.transaction() as connection:
            connection.execute("rollback")
        with pytest.raises(MisuseError), app.transaction() as connection, connection:
            pass
    with app.transaction() as connection:
        assert connection.execute("select id from orders").fetchall() == []


def test_threads_take_turns(opened: Opened) -> None:
    for kind in ("sqlite", "postgres"):
        app, _ = opened(kind)

        def add(app: Holdfast = app) -> None:
            for _ in range(10):
                with app.transaction() as connection:
                    connection.execute("insert into orders values (1)")
                    bound(app, connection).enqueue("a")
                thank.via(app).enqueue("b")

        threads = [threading.Thread(target=add) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert count(app) == 80


def test_in_memory_there_are_only_our_own() -> None:
    app = Holdfast("sqlite:///:memory:")
    app.include(tasks)
    with app.transaction() as connection:
        connection.execute("create table orders (id int)")
        bound(app, connection).enqueue("a")
        with pytest.raises(MisuseError):
            count(app)
    assert count(app) == 1
    undo_in(app.transaction(), app)
    assert count(app) == 1
    stranger = sqlite3.connect(":memory:")
    with pytest.raises(ConfigError, match="memory"):
        bound(app, stranger).enqueue("a")
    stranger.close()

    reading = threading.Thread(target=count, args=(app,))
    with app.transaction() as connection:
        bound(app, connection).enqueue("c")
        reading.start()
        reading.join(0.1)
        assert reading.is_alive()  # it would see what is not committed
    reading.join()
    app.close()


def test_a_session_of_the_apps_own_engine(opened: Opened) -> None:
    _, url = opened("postgres")
    engine = ways.sync_engine(url)
    app = Holdfast(engine=engine)
    with Session(engine) as session:
        bound(app, session).enqueue("a")
        session.commit()
    assert count(app) == 1
    with app.transaction() as connection:
        bound(app, connection).enqueue("b")
    assert count(app) == 2
    app.close()
    engine.dispose()


async def test_an_engine_gives_no_asynchronous_transaction(opened: Opened) -> None:
    _, url = opened("postgres")
    engine = ways.sync_engine(url)
    app = Holdfast(engine=engine)
    with pytest.raises(ConfigError, match="asynchronous"):
        async with app.atransaction():
            pass
    await app.aclose()
    engine.dispose()
