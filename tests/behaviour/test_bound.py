"""`app.bind(connection)`: everything an app does, in the caller's transaction. Commit keeps, rollback removes."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiosqlite
import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from tests.behaviour import ways
from tests.behaviour.support import Rung, until
from tests.behaviour.ways import ASYNC, SYNC, AsyncWay, Undo, Way, file_of

from holdfast import Context, Holdfast, JobState, TaskSet
from holdfast.bound import Bound
from holdfast.errors import (
    ConfigError,
    DatabaseError,
    DatabaseUnavailable,
    InvalidOption,
    JobCancelled,
    JobNotFound,
    MisuseError,
    SchemaMissing,
    WrongState,
)
from holdfast.ids import new_id
from holdfast.model.raw import RawBody

tasks = TaskSet()


@tasks.task
def good(n: int = 0) -> int:
    return n


@pytest.fixture
def opened(request: pytest.FixtureRequest) -> Iterator[Callable[[str], tuple[Holdfast, str]]]:
    """An app with our tasks on a database of this kind, and its URL."""
    made: list[Holdfast] = []

    def open_app(kind: str) -> tuple[Holdfast, str]:
        url: str = request.getfixturevalue(f"{kind}_url")
        app = Holdfast(url)
        app.include(tasks)
        app.migrate()
        with app.transaction() as connection:
            connection.execute("drop table if exists orders")
            connection.execute("create table orders (id int)")
        made.append(app)
        return app, url

    yield open_app
    for app in made:
        app.close()


Opened = Callable[[str], tuple[Holdfast, str]]


def failed(app: Holdfast) -> str:
    return app.jobs.fail(waiting(app)).id


def waiting(app: Holdfast) -> str:
    return good.via(app).using(delay="1h").enqueue(1).id


def nothing(app: Holdfast) -> str:
    return ""


@dataclass(frozen=True)
class Verb:
    """Something done by way of `bind`: the job it needs, the call and its awaited twin, and what is seen by then in
    the transaction and after its commit. Before the commit, and after a rollback, everybody sees what was before."""

    name: str
    begin: Callable[[Holdfast], str]
    call: Callable[[Bound, str], Any]
    acall: Callable[[Bound, str], Awaitable[Any]]
    state: JobState | None


def sent(bound: Bound, _: str) -> str:
    return good.via(bound).enqueue(5).id


async def asent(bound: Bound, _: str) -> str:
    return (await good.via(bound).aenqueue(5)).id


async def asent_many(bound: Bound, _: str) -> str:
    return (await bound.aenqueue_many([good.call(n) for n in range(3)]))[0].id


RAW = RawBody(bytes(range(256)), "x/y", {"a": "ä"})


def sent_raw(bound: Bound, _: str) -> str:
    job = bound.enqueue_raw("hook", RAW.body, content_type=RAW.content_type, target=RAW.target)
    found = bound.jobs.get(job.id)
    assert found is not None
    assert found.raw == RAW
    return job.id


async def asent_raw(bound: Bound, _: str) -> str:
    job = await bound.aenqueue_raw("hook", RAW.body, content_type=RAW.content_type, target=RAW.target)
    found = await bound.jobs.aget(job.id)
    assert found is not None
    assert found.raw == RAW
    return job.id


VERBS = [
    Verb("enqueue", nothing, sent, asent, JobState.READY),
    Verb("enqueue_raw", nothing, sent_raw, asent_raw, JobState.READY),
    Verb(
        "enqueue_many",
        nothing,
        lambda bound, _: bound.enqueue_many([good.call(n) for n in range(3)])[0].id,
        asent_many,
        JobState.READY,
    ),
    Verb("cancel", waiting, lambda b, id: b.jobs.cancel(id), lambda b, id: b.jobs.acancel(id), JobState.CANCELLED),
    Verb("retry", failed, lambda b, id: b.jobs.retry(id), lambda b, id: b.jobs.aretry(id), JobState.READY),
    Verb("delete", failed, lambda b, id: b.jobs.delete(id), lambda b, id: b.jobs.adelete(id), None),
    Verb("delete live", waiting, lambda b, id: b.jobs.delete(id), lambda b, id: b.jobs.adelete(id), None),
    Verb(
        "resolve",
        waiting,
        lambda b, id: b.jobs.resolve(id, 7),
        lambda b, id: b.jobs.aresolve(id, 7),
        JobState.SUCCEEDED,
    ),
    Verb("fail", waiting, lambda b, id: b.jobs.fail(id), lambda b, id: b.jobs.afail(id), JobState.FAILED),
]


def state(jobs: Any, id: str) -> JobState | None:
    record = jobs.get(id) if id else None
    return None if record is None else record.state


@pytest.mark.parametrize("way", SYNC, ids=lambda way: f"{way.name}-{way.kind}".replace(" ", "_"))
def test_commit_keeps_and_rollback_removes(way: Way, opened: Opened) -> None:
    app, url = opened(way.kind)
    given = {verb.name: verb.begin(app) for verb in VERBS}
    told: list[str] = []
    app.on("*", lambda event: told.append(event.name))
    with way.open(url) as connection:
        bound = app.bind(connection)
        for verb in VERBS:
            before = state(app.jobs, given[verb.name])
            for last in (way.rollback, way.commit):
                answer = verb.call(bound, given[verb.name])
                id = given[verb.name] or answer
                assert state(bound.jobs, id) == verb.state, verb.name
                assert state(app.jobs, id) == before, verb.name
                last(connection)
                assert state(app.jobs, id) == (before if last is way.rollback else verb.state), verb.name
        assert app.jobs.count() == bound.jobs.count()
    assert told == []


@pytest.mark.parametrize("way", ASYNC, ids=lambda way: f"{way.name}-{way.kind}".replace(" ", "_"))
async def test_commit_keeps_and_rollback_removes_awaited(way: AsyncWay, opened: Opened) -> None:
    app, url = opened(way.kind)
    given = {verb.name: verb.begin(app) for verb in VERBS}
    async with way.open(url) as connection:
        bound = app.bind(connection)
        for verb in VERBS:
            before = state(app.jobs, given[verb.name])
            for last in (way.rollback, way.commit):
                answer = await verb.acall(bound, given[verb.name])
                id = given[verb.name] or answer
                seen = await bound.jobs.aget(id)
                assert (None if seen is None else seen.state) == verb.state, verb.name
                assert state(app.jobs, id) == before, verb.name
                await last(connection)
                assert state(app.jobs, id) == (before if last is way.rollback else verb.state), verb.name


# ---------------------------------------------------------------- edges of every verb


@pytest.mark.parametrize("way", SYNC, ids=lambda way: f"{way.name}-{way.kind}".replace(" ", "_"))
def test_a_refused_verb_leaves_the_transaction_as_it_was(way: Way, opened: Opened) -> None:
    app, url = opened(way.kind)
    done = failed(app)
    with way.open(url) as connection:
        bound = app.bind(connection)
        kept = bound.enqueue_many([good.call(1)])[0]
        with pytest.raises(JobNotFound):
            bound.jobs.cancel(new_id())
        with pytest.raises(WrongState, match="failed"):
            bound.jobs.resolve(done)
        with pytest.raises(InvalidOption):
            bound.jobs.retry(done, delay="soon")
        assert bound.jobs.cancel(done).state is JobState.FAILED, "what has ended stays as it is"
        also = good.via(bound).enqueue(2)
        way.commit(connection)
    assert {record.id for record in app.jobs.list(state="ready")} == {kept.id, also.id}


@pytest.mark.parametrize("way", SYNC, ids=lambda way: f"{way.name}-{way.kind}".replace(" ", "_"))
def test_a_savepoint_rolled_back_takes_its_changes_along(way: Way, opened: Opened) -> None:
    app, url = opened(way.kind)
    one, other, third = waiting(app), waiting(app), failed(app)
    with way.open(url) as connection:
        way.execute(connection, "delete from orders")
        bound = app.bind(connection)
        with way.savepoint(connection):
            bound.jobs.cancel(one)
            bound.jobs.retry(third)
            raise Undo
        with way.savepoint(connection):
            bound.jobs.cancel(other)
        way.commit(connection)
    assert [state(app.jobs, id) for id in (one, other, third)] == [
        JobState.SCHEDULED, JobState.CANCELLED, JobState.FAILED
    ]  # fmt: skip


async def test_sync_verbs_refuse_an_awaited_connection(opened: Opened) -> None:
    for way in ASYNC:
        app, url = opened(way.kind)
        id = waiting(app)
        async with way.open(url) as connection:
            for verb in (app.bind(connection).jobs.cancel, app.bind(connection).jobs.get):
                with pytest.raises(MisuseError, match=r"asynchronous: await .*acancel"):
                    verb(id)
        assert state(app.jobs, id) is JobState.SCHEDULED


async def test_awaited_verbs_take_a_sync_connection(opened: Opened) -> None:
    for way in SYNC:
        if way.name != "django":
            app, url = opened(way.kind)
            id = waiting(app)
            with way.open(url) as connection:
                await app.bind(connection).jobs.acancel(id)
                assert state(app.jobs, id) is JobState.SCHEDULED
                way.commit(connection)
            assert state(app.jobs, id) is JobState.CANCELLED


def all_read(jobs: Any, id: str) -> None:
    assert jobs.get(id).id == id
    assert [one.id for one in jobs.list()] == [id]
    assert jobs.count() == {"scheduled": 1}
    assert jobs.logs(id) == []


@pytest.mark.parametrize("isolation", ["", "IMMEDIATE", None])
def test_reading_begins_no_transaction_of_sqlites(isolation: Any, opened: Opened) -> None:
    app, url = opened("sqlite")
    id = waiting(app)
    connection = sqlite3.connect(file_of(url), isolation_level=isolation)
    all_read(app.bind(connection).jobs, id)
    assert not connection.in_transaction
    app.bind(connection).jobs.cancel(id)
    assert connection.in_transaction == (isolation is not None)
    assert state(app.jobs, id) is (JobState.CANCELLED if isolation is None else JobState.SCHEDULED)
    connection.rollback()
    connection.close()


class Autocommit:
    """Connections that commit each statement, opened on a database."""

    @staticmethod
    @contextmanager
    def psycopg(url: str) -> Iterator[Any]:
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    @staticmethod
    @contextmanager
    def sqlalchemy(url: str) -> Iterator[Any]:
        plain = url if url.startswith("sqlite") else ways.alchemy_url(url, "psycopg")
        engine = sa.create_engine(plain, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            yield connection
        engine.dispose()

    @staticmethod
    @contextmanager
    def django(url: str) -> Iterator[Any]:
        connection = ways.django()[ways.django_alias(url)]
        yield connection
        connection.close()


@pytest.mark.parametrize("open_one", [Autocommit.psycopg, Autocommit.sqlalchemy, Autocommit.django])
def test_without_a_transaction_each_verb_is_one(open_one: Any, opened: Opened) -> None:
    for kind in ("postgres", "sqlite"):
        if (open_one, kind) == (Autocommit.psycopg, "sqlite"):
            continue
        app, url = opened(kind)
        id = waiting(app)
        with open_one(url) as connection:
            bound = app.bind(connection)
            all_read(bound.jobs, id)
            for verb, then in (
                (bound.jobs.cancel, "cancelled"),
                (bound.jobs.retry, "ready"),
                (bound.jobs.fail, "failed"),
            ):
                assert verb(id).state == then
                assert state(app.jobs, id) == then
            assert good.via(bound).enqueue(1).record.state == "ready"


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg", "aiosqlite"])
async def test_sqlalchemys_autocommit_awaited(driver: str, opened: Opened) -> None:
    app, url = opened("sqlite" if driver == "aiosqlite" else "postgres")
    id = waiting(app)
    engine = ways.async_engine(url, driver).execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        jobs = app.bind(connection).jobs
        for verb, then in ((jobs.acancel, "cancelled"), (jobs.aretry, "ready"), (jobs.afail, "failed")):
            assert (await verb(id)).state == then
            assert state(app.jobs, id) == then
    await engine.dispose()


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg async", "aiosqlite"])
async def test_without_a_transaction_each_awaited_verb_is_one(driver: str, opened: Opened) -> None:
    app, url = opened("sqlite" if driver == "aiosqlite" else "postgres")
    id = waiting(app)
    connection: Any
    if driver == "asyncpg":
        connection = await asyncpg.connect(url)
    elif driver == "aiosqlite":
        connection = await aiosqlite.connect(file_of(url), isolation_level=None)
    else:
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    jobs = app.bind(connection).jobs
    for verb, then in ((jobs.acancel, "cancelled"), (jobs.aretry, "ready"), (jobs.afail, "failed")):
        assert (await verb(id)).state == then
        assert state(app.jobs, id) == then
    await connection.close()


@pytest.mark.parametrize("way", SYNC, ids=lambda way: f"{way.name}-{way.kind}".replace(" ", "_"))
def test_a_key_is_taken_until_the_rollback(way: Way, opened: Opened) -> None:
    app, url = opened(way.kind)
    with way.open(url) as connection:
        keyed = good.via(app.bind(connection)).using(key="one")
        first = keyed.enqueue(1)
        again = keyed.enqueue(2)
        assert (first.created, again.created, again.id) == (True, False, first.id)
        way.rollback(connection)
        second = keyed.enqueue(3)
        assert second.created
        way.commit(connection)
        assert keyed.enqueue(4).id == second.id
        way.rollback(connection)
    assert [record.args for record in app.jobs.list()] == [{"n": 3}]


@pytest.mark.parametrize("way", ASYNC, ids=lambda way: f"{way.name}-{way.kind}".replace(" ", "_"))
async def test_a_key_is_taken_until_the_awaited_rollback(way: AsyncWay, opened: Opened) -> None:
    app, url = opened(way.kind)
    async with way.open(url) as connection:
        keyed = good.via(app.bind(connection)).using(key="one")
        first = await keyed.aenqueue(1)
        again = await keyed.aenqueue(2)
        assert (first.created, again.created, again.id) == (True, False, first.id)
        await way.rollback(connection)
        second = await keyed.aenqueue(3)
        await way.commit(connection)
        assert (await keyed.aenqueue(4)).id == second.id
    assert [record.args for record in app.jobs.list()] == [{"n": 3}]


# ---------------------------------------------------------------- SQLite's one writer


def test_a_deferred_transaction_takes_the_writers_place_before_it_reads(opened: Opened) -> None:
    """Or the write after the read would fail where somebody else wrote in between."""
    app, url = opened("sqlite")
    id = waiting(app)
    other = sqlite3.connect(file_of(url), isolation_level=None, timeout=0)
    connection = sqlite3.connect(file_of(url))
    between: list[str] = []

    def look(text: str) -> None:
        if text.lstrip().startswith("select") and "holdfast_jobs" in text:
            try:
                other.execute("begin immediate")
                other.execute("rollback")
                between.append("free")
            except sqlite3.OperationalError:
                between.append("taken")

    connection.execute("begin")
    connection.set_trace_callback(look)
    app.bind(connection).jobs.cancel(id)
    connection.set_trace_callback(None)
    connection.commit()
    assert between[0] == "taken"
    assert set(between) == {"taken"}
    assert state(app.jobs, id) is JobState.CANCELLED
    other.close()
    connection.close()


def test_a_transaction_that_read_before_somebody_wrote(opened: Opened) -> None:
    app, url = opened("sqlite")
    id = waiting(app)
    connection = sqlite3.connect(file_of(url))
    connection.execute("begin")
    connection.execute("select * from orders").fetchall()
    waiting(app)
    for change in (lambda: app.bind(connection).jobs.cancel(id), lambda: good.via(app.bind(connection)).enqueue()):
        with pytest.raises(DatabaseUnavailable, match="BEGIN IMMEDIATE"):
            change()
    connection.rollback()
    app.bind(connection).jobs.cancel(id)
    connection.commit()
    connection.close()
    assert state(app.jobs, id) is JobState.CANCELLED


# ---------------------------------------------------------------- PostgreSQL's row locks


def test_a_row_that_another_transaction_holds(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.management.BUSY_FOR", 0.1)
    app, url = opened("postgres")
    id = waiting(app)
    with psycopg.connect(url) as holder, psycopg.connect(url) as connection:
        holder.execute('select from "holdfast".jobs for update')
        connection.execute("insert into orders values (1)")
        with pytest.raises(DatabaseUnavailable, match="locked"):
            app.bind(connection).jobs.cancel(id)
        holder.rollback()
        app.bind(connection).jobs.cancel(id)
        connection.commit()
        assert connection.execute("select id from orders").fetchall() == [(1,)]
    assert state(app.jobs, id) is JobState.CANCELLED


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("way", [SYNC[0], SYNC[1]], ids=lambda way: str(way.name))
def test_a_running_job_learns_of_it_after_the_commit_only(way: Way, kept: bool, opened: Opened) -> None:
    app, url = opened(way.kind)
    begun, leave = threading.Event(), threading.Event()
    seen: list[bool] = []

    @app.task
    def wait(ctx: Context) -> str:
        begun.set()
        leave.wait(20)
        seen.append(ctx.cancelled)
        while kept:
            ctx.check()
            time.sleep(0.01)
        return "done"

    with app.worker(leader=False), way.open(url) as connection:
        job = wait.enqueue()
        assert begun.wait(20)
        assert app.bind(connection).jobs.cancel(job.id).state is JobState.RUNNING
        time.sleep(0.2)
        leave.set()
        until(lambda: seen)
        assert seen == [False]
        if kept:
            way.commit(connection)
            with pytest.raises(JobCancelled):
                job.result(20)
        else:
            time.sleep(0.2)  # the body has ended, and its row is held
            way.rollback(connection)
            assert job.result(20) == "done"


# ---------------------------------------------------------------- broken, closed, elsewhere


def test_a_session_that_failed(opened: Opened) -> None:
    app, url = opened("postgres")
    id = waiting(app)
    engine = ways.sync_engine(url)
    with Session(engine) as session:
        with pytest.raises(sa.exc.DBAPIError):
            session.execute(sa.text("select 1/0"))
        with pytest.raises(MisuseError, match="roll it back"):
            app.bind(session).jobs.cancel(id)
        session.rollback()
        app.bind(session).jobs.cancel(id)
        session.commit()
    with engine.connect() as connection:
        pass
    with pytest.raises(MisuseError, match="closed"):
        app.bind(connection).jobs.cancel(id)
    with engine.connect() as connection:
        connection.begin()
        connection.invalidate()
        with pytest.raises(MisuseError, match="rolled back"):
            app.bind(connection).jobs.cancel(id)
    engine.dispose()
    gone = sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with Session(gone) as session, pytest.raises(DatabaseUnavailable, match="cannot be had"):
        app.bind(session).jobs.cancel(id)


def test_djangos_that_failed(opened: Opened) -> None:
    from django.db import transaction
    from django.db.utils import DatabaseError as DjangosError

    app, url = opened("postgres")
    connection = ways.django()[ways.django_alias(url)]
    with transaction.atomic(connection.alias):
        with pytest.raises(DjangosError), transaction.atomic(connection.alias, savepoint=False):
            connection.cursor().execute("select 1/0")
        with pytest.raises(MisuseError, match="atomic"):
            good.via(app.bind(connection)).enqueue()
        transaction.set_rollback(True, connection.alias)
    connection.close()


async def test_djangos_on_an_event_loop(opened: Opened) -> None:
    app, url = opened("sqlite")
    connection = ways.django()[ways.django_alias(url)]
    with pytest.raises(MisuseError, match="sync_to_async"):
        await good.via(app.bind(connection)).aenqueue()


def test_a_copy_of_the_database_is_another_one(opened: Opened, cluster: Any) -> None:
    """Its tables have the identity of those they were copied from."""
    url = cluster.create_database()
    app = Holdfast(url)
    app.migrate()
    app.close()
    copied = urlsplit(url)
    name = copied.path.removeprefix("/")
    with psycopg.connect(cluster.url(), autocommit=True) as admin:
        admin.execute(f'create database "{name}_copy" template "{name}"')  # type: ignore[arg-type]
    other = urlunsplit(copied._replace(path=f"/{name}_copy"))
    with psycopg.connect(other) as connection:
        with pytest.raises(ConfigError, match="another database"):
            app.bind(connection).jobs.list()
        with psycopg.connect(url) as right:
            assert len(app.bind(right).jobs.list()) == 0
    app.close()
    cluster.drop_database(other)
    cluster.drop_database(url)


def test_two_apps_in_one_database(opened: Opened) -> None:
    app, url = opened("postgres")
    other = Holdfast(url, schema="other")
    absent = Holdfast(url, schema="absent")
    other.migrate()
    with psycopg.connect(url) as connection:
        one, two = good.via(app.bind(connection)).enqueue(1), good.via(other.bind(connection)).enqueue(2)
        with pytest.raises(JobNotFound):
            app.bind(connection).jobs.cancel(two.id)
        with pytest.raises((ConfigError, DatabaseError), match="absent"):
            good.via(absent.bind(connection)).enqueue(3)
        connection.commit()
    assert [record.id for record in app.jobs.list()] == [one.id]
    assert [record.id for record in other.jobs.list()] == [two.id]
    with other.transaction() as ours:
        ours.execute("drop schema other cascade")
    other.close()
    absent.close()


def test_the_identity_is_asked_once_for_each_connection(opened: Opened) -> None:
    app, url = opened("postgres")
    sent: list[Any] = []

    class Telling(psycopg.RawCursor[Any]):
        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            sent.append(query)
            return super().execute(query, *args, **kwargs)

    with psycopg.connect(url) as connection:
        for _ in range(3):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(psycopg, "RawCursor", Telling)
                app.bind(connection).jobs.list()
        connection.rollback()
    assert len([text for text in sent if "is not null" in str(text)]) == 1
    assert len([text for text in sent if "'installation'" in str(text)]) == 2, "the app's own tables, and those it sees"


def test_the_first_use_makes_the_tables(tmp_path: Any) -> None:
    """As it does without a connection, unless the caller's transaction is in the way."""
    file = tmp_path / "fresh.db"
    app = Holdfast(f"sqlite:///{file}")
    other = sqlite3.connect(tmp_path / "other.db")
    with pytest.raises(ConfigError, match="another database"):
        app.bind(other).jobs.list()
    assert not file.exists()
    other.close()
    connection = sqlite3.connect(file)
    connection.execute("create table orders (id int)")
    connection.execute("insert into orders values (1)")
    with pytest.raises(SchemaMissing, match=r"app\.migrate\(\) before"):
        good.via(app.bind(connection)).enqueue(1)
    connection.commit()
    job = good.via(app.bind(connection)).enqueue(1)
    connection.commit()
    connection.close()
    assert [record.id for record in app.jobs.list()] == [job.id]
    app.close()


async def test_the_first_use_makes_postgresqls_tables_where_it_may(cluster: Any) -> None:
    url = cluster.create_database()
    for asynchronous in (False, True):
        app = Holdfast(url, migrate=True)
        if asynchronous:
            async with await psycopg.AsyncConnection.connect(url) as connection:
                await app.bind(connection).aenqueue_many([good.call(1)])
        else:
            with psycopg.connect(url) as connection:
                app.bind(connection).enqueue_many([good.call(1)])
                connection.rollback()
            app.store.reset()
            with psycopg.connect(url) as connection:
                app.bind(connection).enqueue_many([good.call(1)])
        app.close()
    app = Holdfast(url)
    assert app.jobs.count() == {"ready": 2}
    app.close()
    cluster.drop_database(url)


def test_what_a_connection_makes_of_text_is_its_own(opened: Opened) -> None:
    app, url = opened("sqlite")
    id = waiting(app)
    connection = sqlite3.connect(file_of(url))
    connection.text_factory = bytes
    assert app.bind(connection).jobs.cancel(id).args == {"n": 1}
    assert connection.execute("select 'mine'").fetchone() == (b"mine",)
    connection.rollback()
    connection.close()


def test_a_scoped_session_is_each_threads_own(opened: Opened) -> None:
    app, url = opened("postgres")
    engine = ways.sync_engine(url)
    registry = scoped_session(sessionmaker(engine))
    bound = app.bind(registry)
    bound.enqueue_many([good.call(1)])

    def elsewhere() -> None:
        bound.enqueue_many([good.call(2)])
        registry.commit()
        registry.remove()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert [record.args for record in app.jobs.list()] == [{"n": 2}]
    registry.commit()
    registry.remove()
    assert len(app.jobs.list()) == 2
    engine.dispose()


@pytest.mark.parametrize("way", [way for way in SYNC if way.kind == "postgres"], ids=lambda way: way.name)
def test_a_connection_that_broke(way: Way, opened: Opened) -> None:
    app, url = opened("postgres")
    id = waiting(app)
    raised: list[Exception] = []
    with suppress(Exception), way.open(url) as connection:  # closing what is broken may raise, too
        app.bind(connection).enqueue_many([good.call(1)])
        break_all(app)
        with keeping(raised):
            app.bind(connection).jobs.cancel(id)
    assert [type(error) for error in raised] == [DatabaseUnavailable], raised
    assert app.jobs.count() == {"scheduled": 1}


@pytest.mark.parametrize("way", [way for way in ASYNC if way.kind == "postgres"], ids=lambda way: way.name)
async def test_an_awaited_connection_that_broke(way: AsyncWay, opened: Opened) -> None:
    app, url = opened("postgres")
    id = waiting(app)
    raised: list[Exception] = []
    with suppress(Exception):
        async with way.open(url) as connection:
            await app.bind(connection).aenqueue_many([good.call(1)])
            break_all(app)
            with keeping(raised):
                await app.bind(connection).jobs.acancel(id)
    assert [type(error) for error in raised] == [DatabaseUnavailable], raised
    assert app.jobs.count() == {"scheduled": 1}


@contextmanager
def keeping(raised: list[Exception]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raised.append(error)


def break_all(app: Holdfast) -> None:
    """Let the server end the transactions that are open."""
    with app.transaction() as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and state = 'idle in transaction' and pid <> pg_backend_pid()"
        )


# ---------------------------------------------------------------- what comes along


def test_what_an_app_manages_is_had_in_the_callers_transaction_too() -> None:
    """A noun of management is a property of Surface, over the executor, and so not of the app alone."""
    alone = {name for name, value in vars(Holdfast).items() if isinstance(value, property) and name[0] != "_"}
    assert alone == {"tasks", "store"}, "properties of the app belong to Surface, in bound.py, where bind has them too"


# ---------------------------------------------------------------- waking, and transactions of our own


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_retry_wakes_workers_after_the_commit(kind: str, opened: Opened) -> None:
    app, url = opened(kind)
    id = failed(app)
    rung = Rung(app)
    way = next(way for way in SYNC if (way.name, way.kind) == ("sqlalchemy session", kind))
    with way.open(url) as session:
        app.bind(session).jobs.retry(id)
        way.rollback(session)
        app.bind(session).jobs.retry(id)
        time.sleep(0.1)
        assert rung.times == []
        way.commit(session)
        assert len(rung.times) == 1


@pytest.mark.parametrize("name", ["sqlalchemy session", "django"])
def test_a_commit_that_nobody_can_be_told_of_is_one_all_the_same(name: str, opened: Opened) -> None:
    app, url = opened("sqlite")
    desk: Any = app.store.desk

    def fails() -> None:
        raise OSError("no more descriptors")

    desk.ring = fails
    way = next(way for way in SYNC if (way.name, way.kind) == (name, "sqlite"))
    with way.open(url) as connection:
        job = good.via(app.bind(connection)).enqueue(1)
        way.commit(connection)
    with app.transaction() as ours:
        good.via(app.bind(ours)).enqueue(2)
    assert job.state is JobState.READY
    assert len(app.jobs.list()) == 2


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "memory"])
def test_within_a_transaction_of_our_own(kind: str, opened: Opened) -> None:
    app = Holdfast("sqlite:///:memory:") if kind == "memory" else opened(kind)[0]
    id, other = waiting(app), waiting(app)
    with suppress(Undo), app.transaction() as connection:
        app.bind(connection).jobs.cancel(id)
        raise Undo
    assert state(app.jobs, id) is JobState.SCHEDULED
    with app.transaction() as connection:
        app.bind(connection).jobs.cancel(id)
        assert app.bind(connection).jobs.count() == {"scheduled": 1, "cancelled": 1}

    async def beside() -> None:
        async with app.atransaction() as ours:
            await app.bind(ours).jobs.acancel(other)
        assert len(await app.jobs.alist(state="cancelled")) == 2

    asyncio.run(beside())
    app.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_within_a_bodys_transaction(kind: str, opened: Opened) -> None:
    app, _ = opened(kind)

    @app.task(transaction=True)
    def tidy(ctx: Context, id: str, fails: bool) -> None:
        app.bind(ctx.connection).jobs.delete(id)
        if fails:
            raise ValueError("undone")

    id = waiting(app)
    tidy.enqueue(id, True)
    assert app.work_once().failed == 1
    assert state(app.jobs, id) is JobState.SCHEDULED
    tidy.enqueue(id, False)
    assert app.work_once().succeeded == 1
    assert app.jobs.get(id) is None
