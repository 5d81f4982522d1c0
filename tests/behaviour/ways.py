"""Ways to have a transaction of one's own: drivers and libraries, sync and async, for the tests of borrowed ones."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

import aiosqlite
import asyncpg
import psycopg
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

_numbers = count()


def file_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


def alchemy_url(url: str, driver: str) -> str:
    """For SQLAlchemy, with this driver."""
    kind, rest = url.split("://", 1)
    return f"{kind}+{driver}://{rest}"


@dataclass(frozen=True)
class Way:
    """How a transaction is opened, left and nested: `open` yields what is given as `connection=`."""

    name: str
    kind: str
    open: Callable[[str], AbstractContextManager[Any]]
    savepoint: Callable[[Any], AbstractContextManager[Any]]
    execute: Callable[[Any, str], Any] = lambda connection, text: connection.execute(text)
    commit: Callable[[Any], None] = lambda connection: connection.commit()
    rollback: Callable[[Any], None] = lambda connection: connection.rollback()


@contextmanager
def _sqlite3(url: str) -> Iterator[Any]:
    connection = sqlite3.connect(file_of(url))
    yield connection
    connection.close()


@contextmanager
def _sqlite_savepoint(connection: Any) -> Iterator[None]:
    connection.execute("savepoint mine")
    try:
        yield
        connection.execute("release mine")
    except Undo:
        connection.execute("rollback to mine")


@contextmanager
def _psycopg(url: str) -> Iterator[Any]:
    with psycopg.connect(url) as connection:
        yield connection


@contextmanager
def _session(url: str) -> Iterator[Any]:
    engine = sync_engine(url)
    with Session(engine) as session:
        yield session
    engine.dispose()


@contextmanager
def _connection(url: str) -> Iterator[Any]:
    engine = sync_engine(url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def sync_engine(url: str) -> sa.Engine:
    engine = sa.create_engine(url if url.startswith("sqlite") else alchemy_url(url, "psycopg"))
    if url.startswith("sqlite"):  # as SQLAlchemy's pages say: the driver begins too late for savepoints
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("begin"))
        sa.event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
    return engine


@contextmanager
def _nested(connection: Any) -> Iterator[None]:
    nested = connection.begin_nested()
    try:
        yield
        nested.commit()
    except Undo:
        nested.rollback()


def _text(connection: Any, text: str) -> Any:
    return connection.execute(sa.text(text))


class Undo(Exception):
    """Leaves a savepoint."""


@cache
def django() -> Any:
    """Django's connections."""
    from django import setup
    from django.conf import settings
    from django.db import connections

    settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}, USE_TZ=True)
    setup()
    return connections


def django_alias(url: str) -> str:
    """A name under which Django knows this database from now on."""
    databases = django().databases
    alias = f"database{next(_numbers)}"
    if url.startswith("sqlite"):
        databases[alias] = {**databases["default"], "NAME": file_of(url)}
    else:
        parts = conninfo_to_dict(url)
        databases[alias] = {
            **databases["default"], "ENGINE": "django.db.backends.postgresql", "NAME": parts["dbname"],
            "HOST": parts.get("host", ""), "PORT": parts.get("port", ""), "USER": parts.get("user", ""),
            "PASSWORD": parts.get("password", ""),
        }  # fmt: skip
    return alias


@contextmanager
def _django_wrapper(url: str) -> Iterator[Any]:
    connection = django()[django_alias(url)]
    _django_begin(connection)
    yield connection
    connection.outermost.__exit__(Undo, Undo(), None)
    connection.close()


def _django_begin(connection: Any) -> None:
    from django.db import transaction

    connection.outermost = transaction.atomic(connection.alias)
    connection.outermost.__enter__()


def _django_commit(connection: Any) -> None:
    connection.outermost.__exit__(None, None, None)
    _django_begin(connection)


def _django_rollback(connection: Any) -> None:
    connection.outermost.__exit__(Undo, Undo(), None)
    _django_begin(connection)


def _django_execute(connection: Any, text: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchall() if cursor.description else None


def django_insert(connection: Any, n: int) -> None:
    _django_execute(connection, f"insert into effects values ({n})")


@contextmanager
def _django_savepoint(connection: Any) -> Iterator[None]:
    mine = connection.savepoint()
    try:
        yield
        connection.savepoint_commit(mine)
    except Undo:
        connection.savepoint_rollback(mine)


@contextmanager
def _psycopg_savepoint(connection: Any) -> Iterator[None]:
    try:
        with connection.transaction():
            yield
    except Undo:
        pass


SYNC = [
    Way("sqlite3", "sqlite", _sqlite3, _sqlite_savepoint),
    Way("psycopg", "postgres", _psycopg, _psycopg_savepoint),
    *[
        way
        for kind in ("sqlite", "postgres")
        for way in (
            Way("sqlalchemy session", kind, _session, _nested, _text),
            Way("sqlalchemy connection", kind, _connection, _nested, _text),
            Way("django", kind, _django_wrapper, _django_savepoint, _django_execute, _django_commit, _django_rollback),
        )
    ],
]


@dataclass(frozen=True)
class AsyncWay:
    """The same where everything is awaited."""

    name: str
    kind: str
    open: Callable[[str], AbstractAsyncContextManager[Any]]
    execute: Callable[[Any, str], Any] = lambda connection, text: connection.execute(text)
    commit: Callable[[Any], Any] = lambda connection: connection.commit()
    rollback: Callable[[Any], Any] = lambda connection: connection.rollback()


@asynccontextmanager
async def _aiosqlite(url: str) -> AsyncIterator[Any]:
    async with aiosqlite.connect(file_of(url)) as connection:
        yield connection


@asynccontextmanager
async def _async_psycopg(url: str) -> AsyncIterator[Any]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        yield connection


@asynccontextmanager
async def _asyncpg(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    await connection.execute("begin")
    yield connection
    await connection.close()


@asynccontextmanager
async def _asyncpg_pool(url: str) -> AsyncIterator[Any]:
    async with asyncpg.create_pool(url, min_size=1) as pool, pool.acquire() as connection:
        await connection.execute("begin")
        yield connection


def async_engine(url: str, driver: str) -> Any:
    if driver == "asyncpg":  # it reads the whole of our URL itself
        return create_async_engine(
            "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=sa.NullPool
        )
    return create_async_engine(alchemy_url(url, driver), poolclass=sa.NullPool)


def _async_session(driver: str) -> Callable[[str], AbstractAsyncContextManager[Any]]:
    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[Any]:
        engine = async_engine(url, driver)
        async with AsyncSession(engine) as session:
            yield session
        await engine.dispose()

    return opened


def _async_connection(driver: str) -> Callable[[str], AbstractAsyncContextManager[Any]]:
    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[Any]:
        engine = async_engine(url, driver)
        async with engine.connect() as connection:
            yield connection
        await engine.dispose()

    return opened


async def _sql_commit(connection: Any) -> None:
    await connection.execute("commit")
    await connection.execute("begin")


async def _sql_rollback(connection: Any) -> None:
    await connection.execute("rollback")
    await connection.execute("begin")


ASYNC = [
    AsyncWay("aiosqlite", "sqlite", _aiosqlite),
    AsyncWay("psycopg async", "postgres", _async_psycopg),
    AsyncWay("asyncpg", "postgres", _asyncpg, commit=_sql_commit, rollback=_sql_rollback),
    AsyncWay("asyncpg pool", "postgres", _asyncpg_pool, commit=_sql_commit, rollback=_sql_rollback),
    *[
        way
        for kind, driver in (("sqlite", "aiosqlite"), ("postgres", "psycopg"), ("postgres", "asyncpg"))
        for way in (
            AsyncWay(f"sqlalchemy session {driver}", kind, _async_session(driver), _text),
            AsyncWay(f"sqlalchemy connection {driver}", kind, _async_connection(driver), _text),
        )
    ],
]
