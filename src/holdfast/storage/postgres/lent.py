"""Connections that callers lend: psycopg's, sync and async, and asyncpg's. SQL and its numbered values are the same."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from typing import Any
from weakref import WeakSet

import psycopg
from psycopg import errors as pg
from psycopg.rows import tuple_row

from holdfast import errors
from holdfast.clock import Clock, from_micros
from holdfast.model.tenant import Scope
from holdfast.storage.base import ConnectionLost
from holdfast.storage.borrow import Account, AsyncAccount
from holdfast.storage.lender import Lender, Lent
from holdfast.storage.load import Sql, load
from holdfast.storage.looks import Looks
from holdfast.storage.op import Row
from holdfast.storage.postgres.arrays import CHUNK, chunks, literal
from holdfast.storage.postgres.own import AsyncOwn, Own, Spares
from holdfast.storage.postgres.session import FAILED, PACKAGE, PostgresSession, translated
from holdfast.storage.postgres.source import Source
from holdfast.storage.postgres.tenancy import Reach, entry, mixture


class PostgresDesk:
    """The store's side of lending. `installation` and `ainstallation` answer the identity of the store's tables."""

    limit: float | None = None

    def __init__(
        self,
        clock: Clock,
        schema: str,
        spares: Spares,
        ring: Callable[[], None],
        installation: Callable[[], str],
        ainstallation: Callable[[], Awaitable[str]],
        reach: Callable[[], Reach] = lambda: Reach.FREE,
    ) -> None:
        self.reach = reach
        self.clock = clock
        self.schema = schema
        self.statements = load(PACKAGE, schema, "$")
        self.ring = ring
        self.looks = Looks(ring)
        self._spares = spares
        self._installation = installation
        self._ainstallation = ainstallation
        self._identity: str | None = None
        self._known: WeakSet[Any] = WeakSet()

    def account(self, lent: Lent) -> Account | None:
        return PsycopgAccount(self, lent.raw) if lent.driver == "psycopg" else None

    def async_account(self, lent: Lent) -> AsyncAccount | None:
        match lent.driver:
            case "psycopg async":
                return AsyncPsycopgAccount(self, lent.raw)
            case "asyncpg":
                return AsyncpgAccount(self, lent.raw)
            case _:
                return None

    def own(self) -> Lender:
        return Own(self._spares)

    def async_own(self) -> Lender:
        return AsyncOwn(self._spares)

    def turn(self) -> AbstractContextManager[object]:
        return nullcontext()

    def knows(self, raw: Any) -> bool:
        """True where this connection was found to be to our database before."""
        return raw in self._known or raw in self._spares.made

    def get_to_know(self, raw: Any, see: Callable[[], str | None]) -> None:
        """Refuse a connection that sees tables of another identity, or none (None). Our own is asked first, for the
        tables may be made by that, and once more before a refusal, for they may have been made anew."""
        if self._identity is None:
            self._identity = self._installation()
        seen = see()
        if seen != self._identity:
            self._identity = self._installation()
        self._admit(raw, seen)

    async def aget_to_know(self, raw: Any, see: Callable[[], Awaitable[str | None]]) -> None:
        if self._identity is None:
            self._identity = await self._ainstallation()
        seen = await see()
        if seen != self._identity:
            self._identity = await self._ainstallation()
        self._admit(raw, seen)

    def _admit(self, raw: Any, identity: str | None) -> None:
        if identity != self._identity:
            raise errors.ConfigError(
                "the connection is to another database than the app's"
                + (f": it has no tables of ours in schema {self.schema}" if identity is None else "")
            )
        self._known.add(raw)

    def now(self) -> Any:
        fixed = self.clock.fixed()
        return None if fixed is None else from_micros(fixed)

    @property
    def there(self) -> str:
        """Asks whether there are tables at all: to ask tables that are not would end the caller's transaction."""
        return f"select to_regclass('\"{self.schema}\".meta') is not null"


class PsycopgAccount:
    def __init__(self, desk: PostgresDesk, raw: "psycopg.Connection[Any]") -> None:
        self._desk = desk
        self._raw = raw
        self._session = PostgresSession(_Given(raw), desk.clock, desk.schema, owned=False)

    @property
    def enters(self) -> bool:
        return self._desk.reach() is not Reach.FREE

    def enter(self, scope: Scope) -> None:
        text, values = entry(self._desk.reach(), scope)
        if text and not self._fetch(text, values):
            raise mixture(scope)

    def _fetch(self, text: str, values: list[Any]) -> list[Row]:
        try:
            return psycopg.RawCursor(self._raw, row_factory=tuple_row).execute(text.encode(), values).fetchall()
        except psycopg.Error as error:
            raise _plain(error) from error

    def check(self) -> None:
        _check_state(self._raw)
        if not self._desk.knows(self._raw):
            self._desk.get_to_know(self._raw, self._see)

    def _see(self) -> str | None:
        cursor = psycopg.RawCursor(self._raw, row_factory=tuple_row)
        try:
            there = cursor.execute(self._desk.there.encode()).fetchone()
        except psycopg.Error as error:
            raise _plain(error) from error
        found = self.execute("installation", [()]) if there == (True,) else []
        return found[0][0] if found else None

    @contextmanager
    def whole(self) -> Generator[None]:
        try:
            with nullcontext() if self.inside() else self._raw.transaction():
                yield
        except psycopg.Error as error:
            raise _plain(error) from error

    def reserve(self) -> None:
        """Not here: a row that was read is looked at again under its lock."""

    def execute(self, name: str, rows: Sequence[Row]) -> list[Row]:
        try:
            if len(rows) > CHUNK and not self.inside():
                with self._raw.transaction():
                    return self._session.execute(name, rows)
            return self._session.execute(name, rows)
        except ConnectionLost as lost:
            raise _plain(lost.cause) from lost.cause

    def inside(self) -> bool:
        return _inside(self._raw)


class AsyncPsycopgAccount:
    def __init__(self, desk: PostgresDesk, raw: "psycopg.AsyncConnection[Any]") -> None:
        self._desk = desk
        self._raw = raw

    @property
    def enters(self) -> bool:
        return self._desk.reach() is not Reach.FREE

    async def enter(self, scope: Scope) -> None:
        text, values = entry(self._desk.reach(), scope)
        if text and not await self._fetch(text, values):
            raise mixture(scope)

    async def check(self) -> None:
        _check_state(self._raw)
        if not self._desk.knows(self._raw):
            await self._desk.aget_to_know(self._raw, self._see)

    async def _see(self) -> str | None:
        there = await self._fetch(self._desk.there, [])
        found = await self.execute("installation", [()]) if there == [(True,)] else []
        return found[0][0] if found else None

    @asynccontextmanager
    async def whole(self) -> AsyncGenerator[None]:
        try:
            async with nullcontext() if _inside(self._raw) else self._raw.transaction():
                yield
        except psycopg.Error as error:
            raise _plain(error) from error

    async def reserve(self) -> None:
        """Not here."""

    async def execute(self, name: str, rows: Sequence[Row]) -> list[Row]:
        statement = self._desk.statements[name]
        if len(rows) > CHUNK and not await self.inside():
            async with self._raw.transaction():
                return await _run_chunks(statement, rows, self._desk.now(), self._fetch, literal)
        return await _run_chunks(statement, rows, self._desk.now(), self._fetch, literal)

    async def inside(self) -> bool:
        return _inside(self._raw)

    async def _fetch(self, text: str, values: list[Any]) -> list[Row]:
        cursor = psycopg.AsyncRawCursor(self._raw, row_factory=tuple_row)
        cursor.format = psycopg.pq.Format.BINARY
        try:
            await cursor.execute(text.encode(), values or None)
            return await cursor.fetchall() if cursor.description is not None else []
        except psycopg.Error as error:
            raise _plain(error) from error


class AsyncpgAccount:
    """asyncpg asks the server for the types and wants values of these: arrays are lists."""

    def __init__(self, desk: PostgresDesk, raw: Any) -> None:
        self._desk = desk
        self._raw = raw
        self._key = getattr(raw, "_con", raw)  # a pool hands out a new proxy each time

    @property
    def enters(self) -> bool:
        return self._desk.reach() is not Reach.FREE

    async def enter(self, scope: Scope) -> None:
        text, values = entry(self._desk.reach(), scope)
        if text and not await self._fetch(text, values):
            raise mixture(scope)

    async def check(self) -> None:
        if self._raw.is_closed():
            raise errors.MisuseError("the connection is closed")
        if not self._desk.knows(self._key):
            await self._desk.aget_to_know(self._key, self._see)

    async def _see(self) -> str | None:
        there = await self._fetch(self._desk.there, [])
        found = await self.execute("installation", [()]) if there == [(True,)] else []
        return found[0][0] if found else None

    @asynccontextmanager
    async def whole(self) -> AsyncGenerator[None]:
        try:
            async with nullcontext() if self._raw.is_in_transaction() else self._raw.transaction():
                yield
        except errors.HoldfastError:
            raise
        except Exception as error:
            raise _from_asyncpg(error) from error

    async def reserve(self) -> None:
        """Not here."""

    async def execute(self, name: str, rows: Sequence[Row]) -> list[Row]:
        statement = self._desk.statements[name]
        if len(rows) > CHUNK and not await self.inside():
            async with self._raw.transaction():
                return await _run_chunks(statement, rows, self._desk.now(), self._fetch, _listed)
        return await _run_chunks(statement, rows, self._desk.now(), self._fetch, _listed)

    async def inside(self) -> bool:
        return bool(self._raw.is_in_transaction())

    async def _fetch(self, text: str, values: list[Any]) -> list[Row]:
        try:
            return [tuple(row) for row in await self._raw.fetch(text, *values)]
        except Exception as error:
            raise _from_asyncpg(error) from error


def _inside(raw: "psycopg.Connection[Any] | psycopg.AsyncConnection[Any]") -> bool:
    return not raw.autocommit or raw.info.transaction_status != psycopg.pq.TransactionStatus.IDLE


async def _run_chunks(
    statement: Sql,
    rows: Sequence[Row],
    now: Any,
    fetch: Callable[[str, list[Any]], Awaitable[list[Row]]],
    write: Callable[[Sequence[Any], str], Any],
) -> list[Row]:
    answer: list[Row] = []
    for number, values in enumerate(chunks(statement, rows, now, write)):
        found = await fetch(statement.parts[0].text, values)
        answer += [(row[0] + number * CHUNK, *row[1:]) for row in found] if number else found
    return answer


def _listed(column: Sequence[Any], cast: str) -> list[Any]:
    if cast == "bool[]":
        return [None if value is None else bool(value) for value in column]
    return list(column)


def _check_state(raw: "psycopg.Connection[Any] | psycopg.AsyncConnection[Any]") -> None:
    if raw.closed:
        raise errors.MisuseError("the connection is closed")
    if raw.info.transaction_status == psycopg.pq.TransactionStatus.INERROR:
        raise errors.MisuseError(FAILED)


def _plain(error: BaseException) -> BaseException:
    return translated(error) if isinstance(error, psycopg.Error) else error


def _from_asyncpg(error: Exception) -> BaseException:
    """By SQLSTATE, as psycopg's are; what has none is the library's own, or the network's."""
    state: str | None = getattr(error, "sqlstate", None)
    text = " ".join(str(error).split()) or type(error).__name__
    if state is not None:
        try:
            return translated(pg.lookup(state)(text))
        except KeyError:
            return errors.DatabaseError(f"{state}: {text}")
    if isinstance(error, OSError):
        return errors.DatabaseUnavailable(f"cannot reach PostgreSQL: {text}")
    if type(error).__module__.partition(".")[0] == "asyncpg":
        return errors.DatabaseError(f"{type(error).__name__}: {text}")
    return error


class _Given(Source):
    """A source of one connection that is the caller's."""

    pooled = False

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    @property
    def where(self) -> str:
        return "the caller's connection"

    def acquire(self) -> "psycopg.Connection[Any]":
        return self._connection

    def release(self, connection: "psycopg.Connection[Any]", broken: bool) -> None:
        """It stays the caller's."""
