"""Effects in one commit: what a body writes on its connection, its child jobs, its result and its end."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiosqlite
import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from tests.behaviour import ways
from tests.behaviour.support import until

from holdfast import Context, Holdfast, JobState, Retry
from holdfast.context import JobView
from holdfast.errors import ConfigError, JobFailed, LeaseLost, MisuseError
from holdfast.storage.drivers import Psycopg, Sqlite3
from holdfast.storage.postgres.own import Own as PostgresOwn
from holdfast.storage.sqlite import lent
from holdfast.storage.sqlite.lent import Own as SqliteOwn

KINDS = ("sqlite", "postgres")
AT_ONCE = Retry(attempts=2, backoff="constant", base=0)


@dataclass
class Shop:
    """An app with a table of effects."""

    app: Holdfast
    url: str
    kind: str
    closing: list[Callable[[], Any]] = field(default_factory=list)

    def effects(self) -> list[int]:
        with self.app.transaction() as connection:
            return sorted(row[0] for row in connection.execute("select n from effects").fetchall())

    def engine(self) -> sa.Engine:
        made = ways.sync_engine(self.url)
        self.closing.append(made.dispose)
        return made

    def sql(self, text: str) -> None:
        with self.app.transaction() as connection:
            connection.execute(text)

    @property
    def jobs(self) -> str:
        return "holdfast_jobs" if self.kind == "sqlite" else '"holdfast".jobs'


@pytest.fixture
def make_shop(request: pytest.FixtureRequest) -> Iterator[Callable[..., Shop]]:
    made: list[Shop] = []

    def make(kind: str, **settings: Any) -> Shop:
        url: str = request.getfixturevalue(f"{kind}_url")
        app = Holdfast(url, poll_interval=5, **settings)
        app.migrate()
        shop = Shop(app, url, kind)
        shop.sql("drop table if exists effects")
        shop.sql("create table effects (n int)")
        made.append(shop)
        return shop

    yield make
    for shop in made:
        for close in shop.closing:
            close()
        shop.app.close()


MakeShop = Callable[..., Shop]


@pytest.fixture(params=KINDS)
def shop(request: pytest.FixtureRequest, make_shop: MakeShop) -> Shop:
    return make_shop(request.param)


# ---------------------------------------------------------------- every kind of factory


def _text(connection: Any, n: int) -> Any:
    return connection.execute(sa.text(f"insert into effects values ({n})"))


def _sql(connection: Any, n: int) -> Any:
    return connection.execute(f"insert into effects values ({n})")


@contextmanager
def _managed(url: str) -> Iterator[Any]:
    with psycopg.connect(url) as connection:
        yield connection


SYNC: dict[str, tuple[str, Callable[[Shop], Any], Callable[[Any, int], Any]]] = {
    "ours on sqlite": ("sqlite", lambda shop: True, _sql),
    "ours on postgres": ("postgres", lambda shop: True, _sql),
    "sqlite3": ("sqlite", lambda shop: lambda: sqlite3.connect(ways.file_of(shop.url)), _sql),
    "sqlite3 autocommit": (
        "sqlite", lambda shop: lambda: sqlite3.connect(ways.file_of(shop.url), isolation_level=None), _sql,
    ),
    "psycopg": ("postgres", lambda shop: lambda: psycopg.connect(shop.url), _sql),
    "psycopg autocommit": ("postgres", lambda shop: lambda: psycopg.connect(shop.url, autocommit=True), _sql),
    "a context manager": ("postgres", lambda shop: lambda: _managed(shop.url), _sql),
    "session on sqlite": ("sqlite", lambda shop: _sessions(shop), _text),
    "session on postgres": ("postgres", lambda shop: _sessions(shop), _text),
    "connection on sqlite": ("sqlite", lambda shop: shop.engine().connect, _text),
    "connection on postgres": ("postgres", lambda shop: shop.engine().connect, _text),
    "django on sqlite": ("sqlite", lambda shop: _django(shop), ways.django_insert),
    "django on postgres": ("postgres", lambda shop: _django(shop), ways.django_insert),
}  # fmt: skip


def _sessions(shop: Shop) -> Callable[[], Any]:
    engine = shop.engine()
    return lambda: Session(engine)


def _django(shop: Shop) -> Callable[[], Any]:
    connections, alias = ways.django(), ways.django_alias(shop.url)
    return lambda: connections[alias]


@pytest.mark.parametrize("name", SYNC)
def test_effects_child_result_and_end_are_one_commit(name: str, make_shop: MakeShop) -> None:
    kind, factory, insert = SYNC[name]
    shop = make_shop(kind)
    app = shop.app

    @app.task
    def child(n: int) -> int:
        return n

    @app.task(transaction=factory(shop), retry=AT_ONCE)
    def charge(ctx: Context, n: int, fails: int = 0) -> str:
        insert(ctx.connection, n)
        child.using(connection=ctx.connection).enqueue(n)
        ctx.log.info("charged %s", n)
        ctx.progress(1, "charged")
        if ctx.job.attempt <= fails:
            raise ValueError("no")
        return f"charged {n}"

    good = charge.enqueue(1)
    bad = charge.enqueue(2, fails=2)
    once_more = charge.enqueue(3, fails=1)
    with app.worker(concurrency=2):
        assert good.result(20) == "charged 1"
        with pytest.raises(JobFailed, match="no"):
            bad.result(20)
        assert once_more.result(20) == "charged 3"
        until(lambda: app.jobs.count() == {"succeeded": 4, "failed": 1})
    assert shop.effects() == [1, 3]
    assert good.refresh().progress == {"done": 1, "message": "charged"}
    assert [entry.message for entry in good.logs()] == ["charged 1"]


def _async_sessions(driver: str) -> Callable[[Shop], Any]:
    def of(shop: Shop) -> Callable[[], Any]:
        engine = ways.async_engine(shop.url, driver)
        shop.closing.append(lambda: asyncio.run(engine.dispose()))
        return lambda: AsyncSession(engine)

    return of


def _async_connections(driver: str) -> Callable[[Shop], Any]:
    def of(shop: Shop) -> Any:
        engine = ways.async_engine(shop.url, driver)
        shop.closing.append(lambda: asyncio.run(engine.dispose()))
        return engine.connect

    return of


@asynccontextmanager
async def _pooled(url: str) -> Any:
    async with asyncpg.create_pool(url, min_size=1) as pool, pool.acquire() as connection:
        yield connection


ASYNC: dict[str, tuple[str, Callable[[Shop], Any], Callable[[Any, int], Any]]] = {
    "ours on sqlite": ("sqlite", lambda shop: True, _sql),
    "ours on postgres": ("postgres", lambda shop: True, _sql),
    "aiosqlite": ("sqlite", lambda shop: lambda: aiosqlite.connect(ways.file_of(shop.url)), _sql),
    "psycopg": ("postgres", lambda shop: lambda: psycopg.AsyncConnection.connect(shop.url), _sql),
    "psycopg autocommit": (
        "postgres", lambda shop: lambda: psycopg.AsyncConnection.connect(shop.url, autocommit=True), _sql,
    ),
    "asyncpg": ("postgres", lambda shop: lambda: asyncpg.connect(shop.url), _sql),
    "asyncpg pool": ("postgres", lambda shop: lambda: _pooled(shop.url), _sql),
    "session on aiosqlite": ("sqlite", _async_sessions("aiosqlite"), _text),
    "session on psycopg": ("postgres", _async_sessions("psycopg"), _text),
    "session on asyncpg": ("postgres", _async_sessions("asyncpg"), _text),
    "connection on aiosqlite": ("sqlite", _async_connections("aiosqlite"), _text),
    "connection on psycopg": ("postgres", _async_connections("psycopg"), _text),
    "connection on asyncpg": ("postgres", _async_connections("asyncpg"), _text),
    "a sync session": ("postgres", lambda shop: _sessions(shop), _text),
}  # fmt: skip


@pytest.mark.parametrize("name", ASYNC)
def test_the_same_in_async_bodies(name: str, make_shop: MakeShop) -> None:
    kind, factory, insert = ASYNC[name]
    shop = make_shop(kind)
    app = shop.app

    @app.task
    def child(n: int) -> int:
        return n

    @app.task(transaction=factory(shop))
    async def charge(ctx: Context, n: int, fails: int = 0) -> str:
        connection = await ctx.aconnection()
        assert connection is ctx.connection
        done = insert(connection, n)
        if hasattr(done, "__await__"):
            await done
        await child.using(connection=connection).aenqueue(n)
        await asyncio.sleep(0.01)
        if ctx.job.attempt <= fails:
            raise ValueError("no")
        return f"charged {n}"

    good = [charge.enqueue(n) for n in range(4)]
    bad = charge.enqueue(9, fails=1)
    with app.worker(concurrency=5):
        assert [job.result(20) for job in good] == [f"charged {n}" for n in range(4)]
        with pytest.raises(JobFailed, match="no"):
            bad.result(20)
        until(lambda: app.jobs.count() == {"succeeded": 8, "failed": 1})
    assert shop.effects() == [0, 1, 2, 3]


# ---------------------------------------------------------------- fences


@pytest.mark.parametrize("how", ["async", "sync"])
def test_a_lost_lease_takes_the_effects_along(how: str, shop: Shop) -> None:
    lost: list[Any] = []
    shop.app.on("lease.lost", lost.append)

    def steal(id: str) -> None:
        thread = threading.Thread(
            target=shop.sql, args=(f"update {shop.jobs} set token = token + 1, lease_until = {LATER[shop.kind]}",)
        )
        thread.start()
        thread.join()

    @shop.app.task(transaction=True)
    def charge(ctx: Context, n: int) -> None:
        steal(ctx.job.id)
        ctx.connection.execute(f"insert into effects values ({n})")

    @shop.app.task(transaction=True)
    async def acharge(ctx: Context, n: int) -> None:
        steal(ctx.job.id)
        connection = await ctx.aconnection()
        done = connection.execute(f"insert into effects values ({n})")
        if shop.kind == "postgres":
            await done

    job = (charge if how == "sync" else acharge).enqueue(1)
    with shop.app.worker(leader=False):
        until(lambda: lost)
    assert job.refresh().state is JobState.RUNNING
    assert shop.effects() == []


LATER = {"sqlite": "lease_until + 60000000", "postgres": "lease_until + interval '1 minute'"}


def test_a_body_that_raises_lease_lost(shop: Shop) -> None:
    @shop.app.task(transaction=True)
    def charge(ctx: Context) -> None:
        ctx.connection.execute("insert into effects values (1)")
        raise LeaseLost("so it said")

    job = charge.enqueue()
    with shop.app.worker(leader=False):
        until(lambda: job.refresh().state is JobState.RUNNING)
        time.sleep(0.2)
    assert shop.effects() == []


def test_a_time_out_takes_the_effects_along(shop: Shop) -> None:
    @shop.app.task(transaction=True, timeout="0.2s")
    def charge(ctx: Context) -> None:
        ctx.connection.execute("insert into effects values (1)")
        time.sleep(0.6)

    job = charge.enqueue()
    with shop.app.worker(), pytest.raises(JobFailed, match="limit"):
        job.result(20)
    assert shop.effects() == []
    assert job.refresh().state is JobState.FAILED


def test_a_result_that_cannot_be_kept_takes_the_effects_along(shop: Shop) -> None:
    @shop.app.task(transaction=True)
    def charge(ctx: Context) -> Any:
        ctx.connection.execute("insert into effects values (1)")
        return object()

    job = charge.enqueue()
    with shop.app.worker(), pytest.raises(JobFailed):
        job.result(20)
    assert shop.effects() == []
    assert job.refresh().reason == "invalid_result"


OWN: dict[str, Any] = {"sqlite": SqliteOwn, "postgres": PostgresOwn}
DRIVER: dict[str, Any] = {"sqlite": Sqlite3, "postgres": Psycopg}


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_that_is_in_doubt_is_looked_up(committed: bool, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    shop.app.on("job.succeeded", lambda event: heard.append(event.name))

    @shop.app.task(transaction=True)
    def charge(ctx: Context) -> int:
        ctx.connection.execute("insert into effects values (1)")
        return 7

    own = OWN[shop.kind]
    commit = own.commit

    def doubtful(self: Any) -> None:
        if committed:
            commit(self)
        raise ConnectionError("gone in commit")

    job = charge.enqueue()
    monkeypatch.setattr(own, "commit", doubtful)
    with shop.app.worker():
        if committed:
            assert job.result(20) == 7
            until(lambda: heard)
        else:
            with pytest.raises(JobFailed, match="gone in commit"):
                job.result(20)
    monkeypatch.setattr(own, "commit", commit)
    assert shop.effects() == ([1] if committed else [])
    assert len(job.record.errors) == (0 if committed else 1)


def test_a_server_that_goes_away_in_the_body(make_shop: MakeShop) -> None:
    shop = make_shop("postgres")

    @shop.app.task(transaction=True, retry=AT_ONCE)
    def charge(ctx: Context) -> int:
        ctx.connection.execute("insert into effects values (1)")
        if ctx.job.attempt == 1:
            pid = ctx.connection.info.backend_pid
            with psycopg.connect(shop.url, autocommit=True) as other:
                other.execute("select pg_terminate_backend(%s)", [pid])
            time.sleep(0.1)
        return ctx.job.attempt

    job = charge.enqueue()
    with shop.app.worker():
        assert job.result(20) == 2
    assert shop.effects() == [1]


def test_a_row_that_a_stranger_has_locked(make_shop: MakeShop) -> None:
    shop = make_shop("postgres")
    other = psycopg.connect(shop.url)

    @shop.app.task(transaction=True)
    def charge(ctx: Context) -> int:
        ctx.connection.execute("insert into effects values (1)")
        other.execute("select from holdfast.jobs for update")
        threading.Timer(0.3, other.rollback).start()
        return 7

    job = charge.enqueue()
    with shop.app.worker():
        assert job.result(20) == 7
    other.close()
    assert shop.effects() == [1]


# ---------------------------------------------------------------- the ordinary way


def test_a_connection_that_was_never_used_costs_nothing(
    shop: Shop, count_statements: Callable[[Holdfast], list[str]]
) -> None:
    def never() -> Any:
        raise AssertionError("it was opened")

    @shop.app.task(transaction=never)
    def easy(ctx: Context) -> int:
        return 7

    job = easy.enqueue()
    names = count_statements(shop.app)
    assert shop.app.work_once().succeeded == 1
    assert names.count("finish") == 1
    assert job.result(1) == 7


def test_an_async_connection_that_was_never_used(make_shop: MakeShop) -> None:
    shop = make_shop("postgres")

    @shop.app.task(transaction=lambda: asyncpg.connect(shop.url))
    async def easy(ctx: Context) -> int:
        return 7

    job = easy.enqueue()
    assert shop.app.work_once().succeeded == 1
    assert job.result(1) == 7


def test_it_counts_and_is_told_like_any_success(shop: Shop) -> None:
    heard: list[Any] = []
    for name in ("job.succeeded", "job.finished"):
        shop.app.on(name, heard.append)

    @shop.app.task(transaction=True)
    def charge(ctx: Context, n: int) -> int:
        ctx.connection.execute(f"insert into effects values ({n})")
        return n

    charge.enqueue(1)
    charge.using(keep_succeeded=0).enqueue(2)
    assert shop.app.work_once().succeeded == 2
    assert [event.name for event in heard] == ["job.succeeded", "job.finished"] * 2
    assert sorted(event.job.result for event in heard) == [1, 1, 2, 2]
    assert shop.effects() == [1, 2]


def test_many_at_once(shop: Shop) -> None:
    @shop.app.task(transaction=True)
    def charge(ctx: Context, n: int) -> None:
        ctx.connection.execute(f"insert into effects values ({n})")

    @shop.app.task(transaction=True)
    async def acharge(ctx: Context, n: int) -> None:
        done = (await ctx.aconnection()).execute(f"insert into effects values ({n})")
        if shop.kind == "postgres":
            await done
        await asyncio.sleep(0.005)

    shop.app.enqueue_many([(charge if n % 2 else acharge).call(n) for n in range(60)])
    with shop.app.worker(concurrency=12):
        until(lambda: shop.app.jobs.count() == {"succeeded": 60}, 40)
    assert shop.effects() == list(range(60))


# ---------------------------------------------------------------- SQLite's limit


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lent, "LONGEST", 0.4)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("name", ["ours on sqlite", "sqlite3", "session on sqlite"])
def test_a_body_may_not_keep_sqlites_gate(name: str, make_shop: MakeShop) -> None:
    _, factory, insert = SYNC[name]
    shop = make_shop("sqlite")
    waited: list[float] = []

    @shop.app.task(transaction=factory(shop))
    def slow(ctx: Context) -> None:
        insert(ctx.connection, 1)
        time.sleep(1.2)

    @shop.app.task(transaction=factory(shop))
    def slow_and_deaf(ctx: Context) -> None:
        connection = ctx.connection
        insert(connection, 2)
        time.sleep(0.8)
        insert(connection, 3)

    for task in (slow, slow_and_deaf):
        job = task.enqueue()
        with shop.app.worker(leader=False):
            until(lambda job=job: job.refresh().state is JobState.RUNNING)
            time.sleep(0.1)
            began = time.monotonic()
            if name == "ours on sqlite":
                shop.sql("insert into effects values (0)")
            waited.append(time.monotonic() - began)
            with pytest.raises(JobFailed, match="TransactionTooLong"):
                job.result(20)
    assert max(waited) < 1.0
    assert set(shop.effects()) <= {0}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("name", ["ours on sqlite", "aiosqlite", "session on aiosqlite"])
def test_an_async_body_may_not_keep_it_either(name: str, make_shop: MakeShop) -> None:
    _, factory, insert = ASYNC[name]
    shop = make_shop("sqlite")

    @shop.app.task(transaction=factory(shop))
    async def slow(ctx: Context) -> None:
        done = insert(await ctx.aconnection(), 1)
        if hasattr(done, "__await__"):
            await done
        await asyncio.sleep(30)

    job = slow.enqueue()
    with shop.app.worker(), pytest.raises(JobFailed, match="TransactionTooLong"):
        job.result(20)
    assert shop.effects() == []


@pytest.mark.usefixtures("hurried")
def test_slow_things_before_the_first_use_are_fine(make_shop: MakeShop) -> None:
    shop = make_shop("sqlite")

    @shop.app.task(transaction=True)
    def patient(ctx: Context) -> None:
        time.sleep(0.6)
        ctx.connection.execute("insert into effects values (1)")

    job = patient.enqueue()
    with shop.app.worker():
        job.result(20)
    assert shop.effects() == [1]


def test_another_write_from_inside_is_refused(make_shop: MakeShop) -> None:
    shop = make_shop("sqlite")

    @shop.app.task
    def child() -> None: ...

    @shop.app.task(transaction=True)
    def parent(ctx: Context) -> None:
        child.enqueue()
        ctx.connection.execute("insert into effects values (1)")
        child.enqueue()

    job = parent.enqueue()
    with shop.app.worker(), pytest.raises(JobFailed, match="one writer"):
        job.result(20)
    assert shop.effects() == []


def test_in_memory() -> None:
    app = Holdfast("sqlite:///:memory:")
    with app.transaction() as connection:
        connection.execute("create table effects (n int)")

    @app.task(transaction=True)
    def charge(ctx: Context, n: int, fails: bool = False) -> None:
        ctx.connection.execute(f"insert into effects values ({n})")
        if fails:
            raise ValueError("no")

    charge.enqueue(1)
    charge.enqueue(2, fails=True)
    report = app.work_once()
    assert (report.succeeded, report.failed) == (1, 1)
    with app.transaction() as connection:
        assert connection.execute("select n from effects").fetchall() == [(1,)]
    app.close()


# ---------------------------------------------------------------- what is refused


def test_a_body_that_commits_by_itself(shop: Shop) -> None:
    engine = shop.engine()

    @shop.app.task(transaction=lambda: Session(engine))
    def commits(ctx: Context) -> None:
        _text(ctx.connection, 1)
        ctx.connection.commit()

    @shop.app.task(transaction=lambda: Session(engine))
    def closes(ctx: Context) -> None:
        with ctx.connection as session:
            _text(session, 2)

    @shop.app.task(transaction=engine.connect)
    def commits_connection(ctx: Context) -> None:
        _text(ctx.connection, 3)
        ctx.connection.commit()

    @shop.app.task(transaction=True)
    def commits_ours(ctx: Context) -> None:
        ctx.connection.execute("insert into effects values (4)")
        ctx.connection.commit()

    with shop.app.worker():
        for task in (commits, closes, commits_connection):
            with pytest.raises(JobFailed, match="ended its own transaction"):
                task.enqueue().result(20)
        with pytest.raises(JobFailed):
            commits_ours.enqueue().result(20)
    assert not {2, 4} & set(shop.effects())


def test_a_body_may_roll_back_and_begin_again(shop: Shop) -> None:
    engine = shop.engine()

    @shop.app.task(transaction=lambda: Session(engine))
    def undecided(ctx: Context) -> None:
        _text(ctx.connection, 1)
        ctx.connection.rollback()
        _text(ctx.connection, 2)
        nested = ctx.connection.begin_nested()
        _text(ctx.connection, 3)
        nested.rollback()
        with ctx.connection.begin_nested():
            _text(ctx.connection, 4)

    with shop.app.worker():
        undecided.enqueue().result(20)
    assert shop.effects() == [2, 4]


def test_what_cannot_be_defined(shop: Shop) -> None:
    task: Any = shop.app.task
    with pytest.raises(ConfigError, match="process"):
        task(cpu=True, transaction=True, name="a")(lambda: None)
    with pytest.raises(ConfigError, match="function that opens"):
        task(transaction="postgresql://", name="b")(lambda: None)

    async def opens() -> Any: ...

    with pytest.raises(ConfigError, match="awaited"):
        task(transaction=opens, name="c")(lambda: None)
    assert task(transaction=False, name="d")(lambda: None).transaction is None


def test_what_fails_when_it_is_opened(shop: Shop) -> None:
    engine = shop.engine()

    @shop.app.task(transaction=lambda: object())
    def strange(ctx: Context) -> None:
        assert ctx.connection

    @shop.app.task(transaction=lambda: asyncio.sleep(0))
    def needs_await(ctx: Context) -> None:
        assert ctx.connection

    @shop.app.task(transaction=lambda: AsyncSession(None))
    def async_session(ctx: Context) -> None:
        assert ctx.connection

    @shop.app.task
    def has_none(ctx: Context) -> None:
        assert ctx.connection

    @shop.app.task(transaction=True)
    async def awaits_ours(ctx: Context) -> None:
        assert ctx.connection

    @shop.app.task(transaction=lambda: sa.create_engine("sqlite://").connect())
    def elsewhere(ctx: Context) -> None:
        assert ctx.connection

    expected = {
        strange: "SQLAlchemy", needs_await: "awaited", async_session: "awaited", has_none: "transaction=",
        awaits_ours: "aconnection", elsewhere: "another",
    }  # fmt: skip
    with shop.app.worker():
        for task, message in expected.items():
            with pytest.raises(JobFailed, match=message):
                task.enqueue().result(20)
    assert engine


def test_a_context_of_ones_own() -> None:
    given = object()
    assert Context(JobView("x", "t"), connection=given).connection is given
    with pytest.raises(MisuseError):
        assert Context(JobView("x", "t")).connection
