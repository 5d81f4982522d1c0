"""Where connections come from: a URL, a pool of the user's, a SQLAlchemy engine, or any callable."""

import logging
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, Protocol, TypeGuard

import psycopg
from psycopg.conninfo import conninfo_to_dict

from holdfast.errors import ConfigError, DatabaseUnavailable
from holdfast.model.url import scrub

log = logging.getLogger("holdfast.storage")

DEFAULTS: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "holdfast",
}


class Source(Protocol):
    """Hands out connections in autocommit mode and takes them back."""

    pooled: bool

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


class UrlSource(Source):
    """Own connections, opened from a URL (or a function that returns one) and closed by us."""

    pooled = False

    def __init__(self, url: str | Callable[[], str], **parameters: Any) -> None:
        self._url = url
        self._parameters = {**DEFAULTS, **parameters}

    @property
    def where(self) -> str:
        return f"the PostgreSQL database {scrub(self._text())}"

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
        self._turned: set[int] = set()

    @property
    def where(self) -> str:
        return "the PostgreSQL database of the given pool"

    def acquire(self) -> "psycopg.Connection[Any]":
        try:
            connection: psycopg.Connection[Any] = self._pool.getconn()
        except psycopg.Error as error:
            raise DatabaseUnavailable(f"the pool gave no connection: {scrub(' '.join(str(error).split()))}") from error
        if not connection.autocommit:
            connection.autocommit = True
            self._turned.add(id(connection))
        return connection

    def release(self, connection: "psycopg.Connection[Any]", broken: bool) -> None:
        turned = id(connection) in self._turned
        self._turned.discard(id(connection))
        if broken:
            connection.close()
        elif turned and not connection.closed:
            connection.autocommit = False
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
        self._proxies: dict[int, Any] = {}

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
        connection.autocommit = True
        self._proxies[id(connection)] = proxy
        return connection

    def release(self, connection: "psycopg.Connection[Any]", broken: bool) -> None:
        proxy = self._proxies.pop(id(connection))
        if broken:
            proxy.invalidate()
        elif not connection.closed:
            connection.autocommit = False
        proxy.close()
