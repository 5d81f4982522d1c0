"""Where connections come from: a URL, a pool of the user's, a SQLAlchemy engine, or any callable."""

import logging
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, LiteralString, Protocol, TypeGuard

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from holdfast.errors import ConfigError, DatabaseUnavailable
from holdfast.model.url import scrub
from holdfast.storage.postgres.deadline import within

log = logging.getLogger("holdfast.storage")

DEFAULTS: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "holdfast",
}


_OWN_PROCESS: LiteralString = "select pg_catalog.pg_backend_pid()"


def direct(connection: "psycopg.Connection[Any]") -> bool:
    """Whether the server process that was told of at the start is the one that serves this connection.

    Behind a pooler it is not: what a session keeps (settings, prepared statements, LISTEN) is lost or left to others.
    """
    with within(connection):
        row = connection.execute(_OWN_PROCESS, prepare=False).fetchone()
    return row is not None and row[0] == connection.info.backend_pid


async def adirect(connection: "psycopg.AsyncConnection[Any]") -> bool:
    """The same for event loops."""
    with within(connection):
        row = await (await connection.execute(_OWN_PROCESS, prepare=False)).fetchone()
    return row is not None and row[0] == connection.info.backend_pid


class Source(Protocol):
    """Hands out connections in autocommit mode and takes them back."""

    pooled: bool

    @property
    def listens(self) -> bool:
        """Whether a connection can be spared that only waits for notifications."""
        return True

    def acquire(self) -> "psycopg.Connection[Any]": ...
    def release(self, connection: "psycopg.Connection[Any]", broken: bool) -> None: ...

    async def aacquire(self) -> "psycopg.AsyncConnection[Any]":
        """One for an event loop, the caller's to close."""
        raise ConfigError(
            f"{self.where} gives no asynchronous connections: make the app from a URL, or open the transaction on one "
            "of your own"
        )

    @property
    def where(self) -> str: ...

    @property
    def address(self) -> str | None:
        """The URL without its password, if it is one."""
        return None


class UrlSource(Source):
    """Own connections, opened from a URL (or a function that returns one) and closed by us."""

    pooled = False

    def __init__(self, url: str | Callable[[], str], **parameters: Any) -> None:
        self._url = url
        self._parameters = {**DEFAULTS, **parameters}

    @property
    def where(self) -> str:
        return f"the PostgreSQL database {scrub(self._text())}"

    @property
    def address(self) -> str | None:
        return without_password(self._text())

    def acquire(self) -> "psycopg.Connection[Any]":
        url = self._text()
        try:
            return psycopg.connect(url, autocommit=True, **self._missing(url))
        except psycopg.Error as error:
            raise _unreachable(url, error) from None

    async def aacquire(self) -> "psycopg.AsyncConnection[Any]":
        url = self._text()
        try:
            return await psycopg.AsyncConnection.connect(url, autocommit=True, **self._missing(url))
        except psycopg.Error as error:
            raise _unreachable(url, error) from None

    def release(self, connection: "psycopg.Connection[Any]", broken: bool) -> None:
        connection.close()

    def _text(self) -> str:
        return self._url if isinstance(self._url, str) else self._url()

    def _missing(self, url: str) -> dict[str, Any]:
        known = conninfo_to_dict(url)
        return {key: value for key, value in self._parameters.items() if key not in known}


def without_password(url: str) -> str:
    """The same place for programs of the server's own, which ask for the password or find it in ~/.pgpass."""
    given: dict[str, Any] = {key: value for key, value in conninfo_to_dict(url).items() if "password" not in key}
    return make_conninfo(**given)


def _unreachable(url: str, error: psycopg.Error) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"cannot connect to {scrub(url)}: {scrub(' '.join(str(error).split()))}. "
        "Is the server running, and are host, port, user and database right?"
    )


def _is_connection(made: object) -> "TypeGuard[psycopg.Connection[Any]]":
    return isinstance(made, psycopg.Connection)


class CallableSource(Source):
    """Connections made by a function of the user's; they are ours to close."""

    pooled = False

    def __init__(self, connect: "Callable[[], psycopg.Connection[Any]]") -> None:
        self._make: Callable[[], object] = connect

    @property
    def where(self) -> str:
        return "the PostgreSQL database of the given connect()"

    def acquire(self) -> "psycopg.Connection[Any]":
        try:
            made = self._make()
        except psycopg.Error as error:
            raise DatabaseUnavailable(f"connect() gave no connection: {scrub(' '.join(str(error).split()))}") from error
        if not _is_connection(made):
            raise ConfigError(f"connect() must return a psycopg.Connection, and returned {type(made).__name__}")
        made.autocommit = True
        return made

    def release(self, connection: "psycopg.Connection[Any]", broken: bool) -> None:
        connection.close()


FEWEST = 3
"""Connections that a pool must be able to give for one of them to be kept by a listener."""


def _to_autocommit(connection: "psycopg.Connection[Any]") -> bool:
    """Make it one in autocommit, and answer whether it was. What a hook of the pool began is rolled back."""
    connection.rollback()
    before = connection.autocommit
    connection.autocommit = True
    return before


def _back(connection: "psycopg.Connection[Any]", autocommit: bool) -> None:
    """Make it as it was; one that cannot be is closed, and its pool sees that."""
    if connection.closed or connection.autocommit == autocommit:
        return
    try:
        connection.autocommit = autocommit
    except psycopg.Error as error:
        log.debug("a connection is given back closed: %s", error)
        connection.close()


class PoolSource(Source):
    """Connections of a psycopg pool, borrowed for one batch each and never closed by us."""

    pooled = True

    def __init__(self, pool: Any) -> None:
        verbs = [getattr(pool, verb, None) for verb in ("getconn", "putconn")]
        if not all(callable(verb) and not iscoroutinefunction(verb) for verb in verbs):
            raise ConfigError(
                f"pool= takes a synchronous psycopg_pool.ConnectionPool, not {type(pool).__name__}; an async pool's "
                "connections can be given one by one with .using(connection=…)"
            )
        self._pool = pool
        self._before: dict[int, bool] = {}

    @property
    def listens(self) -> bool:
        most = getattr(self._pool, "max_size", None)
        return not isinstance(most, int) or most >= FEWEST

    @property
    def where(self) -> str:
        return "the PostgreSQL database of the given pool"

    def acquire(self) -> "psycopg.Connection[Any]":
        try:
            connection: psycopg.Connection[Any] = self._pool.getconn()
        except psycopg.Error as error:
            raise DatabaseUnavailable(f"the pool gave no connection: {scrub(' '.join(str(error).split()))}") from error
        try:
            self._before[id(connection)] = _to_autocommit(connection)
        except psycopg.Error as error:
            self.release(connection, broken=True)
            raise DatabaseUnavailable(
                f"the pool gave a connection that does not work: {scrub(' '.join(str(error).split()))}"
            ) from error
        return connection

    def release(self, connection: "psycopg.Connection[Any]", broken: bool) -> None:
        before = self._before.pop(id(connection), False)
        if broken:
            connection.close()
        _back(connection, before)
        self._pool.putconn(connection)


class EngineSource(Source):
    """Connections of a synchronous SQLAlchemy engine that speaks psycopg, borrowed for one batch each."""

    pooled = True

    def __init__(self, engine: Any) -> None:
        driver = getattr(getattr(engine, "dialect", None), "driver", None)
        if driver != "psycopg" or getattr(engine.dialect, "is_async", False):
            raise ConfigError(
                f"engine= takes a synchronous SQLAlchemy engine made with postgresql+psycopg://, not {driver!r}"
            )
        self._engine = engine
        self._proxies: dict[int, tuple[Any, bool]] = {}

    @property
    def listens(self) -> bool:
        pool: Any = self._engine.pool
        more = getattr(pool, "_max_overflow", -1)
        if not hasattr(pool, "size") or more < 0:  # no pool of a fixed size
            return True
        size: int = pool.size()
        return size == 0 or size + more >= FEWEST

    @property
    def where(self) -> str:
        return f"the PostgreSQL database {self._engine.url.render_as_string(hide_password=True)}"

    def acquire(self) -> "psycopg.Connection[Any]":
        try:
            proxy = self._engine.raw_connection()
        except Exception as error:  # SQLAlchemy wraps the driver's errors and adds its own
            raise DatabaseUnavailable(
                f"the engine gave no connection: {scrub(' '.join(str(error).split()))}"
            ) from error
        connection: psycopg.Connection[Any] = proxy.driver_connection
        try:
            self._proxies[id(connection)] = proxy, _to_autocommit(connection)
        except psycopg.Error as error:
            proxy.invalidate()
            proxy.close()
            raise DatabaseUnavailable(
                f"the engine gave a connection that does not work: {scrub(' '.join(str(error).split()))}"
            ) from error
        return connection

    def release(self, connection: "psycopg.Connection[Any]", broken: bool) -> None:
        proxy, before = self._proxies.pop(id(connection))
        if not broken:
            _back(connection, before)
        if broken or connection.closed:
            proxy.invalidate()
        proxy.close()
