"""Connections that callers lend, sqlite3's and aiosqlite's, and transactions of our own for the user's SQL."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from holdfast import errors
from holdfast.clock import Clock
from holdfast.model.tenant import Scope
from holdfast.storage.base import ConnectionLost
from holdfast.storage.borrow import Account, AsyncAccount
from holdfast.storage.drivers import Sqlite3
from holdfast.storage.lender import AsyncLender, Lender, Lent
from holdfast.storage.looks import Looks
from holdfast.storage.op import Row
from holdfast.storage.sqlite.session import SqliteSession, translated
from holdfast.storage.sqlite.turn import Turn, refuse_inside

R = TypeVar("R")
LONGEST = 5.0
"""Seconds for which a body may hold the gate."""


class SqliteDesk:
    """The store's side of lending. `connect` opens a connection, or answers the only one of a database in memory;
    `opened` says whether the store was, and with True opens it."""

    def __init__(
        self,
        clock: Clock,
        path: Path | None,
        gate: AbstractContextManager[object],
        connect: "Callable[[], OwnConnection]",
        ring: Callable[[], None],
        opened: Callable[[bool], bool],
    ) -> None:
        self.opened = opened
        self.clock = clock
        self.path = path
        self.connect = connect
        self.ring = ring
        self.looks = Looks(ring)
        self._gate = gate

    @property
    def limit(self) -> float | None:
        return LONGEST

    def account(self, lent: Lent) -> Account | None:
        return Sqlite3Account(self, lent.raw) if lent.driver == "sqlite3" else None

    def async_account(self, lent: Lent) -> AsyncAccount | None:
        return AiosqliteAccount(self, lent.raw) if lent.driver == "aiosqlite" else None

    def own(self) -> Lender:
        return Own(self)

    def async_own(self) -> Lender:
        return AsyncOwn(self)

    def turn(self) -> Turn:
        return Turn(self._gate)


class Sqlite3Account:
    """The caller's isolation level decides whether a transaction is open, is begun by this, or is only for this."""

    def __init__(self, desk: SqliteDesk, raw: sqlite3.Connection) -> None:
        self._desk = desk
        self._raw = raw

    enters = False

    def enter(self, scope: Scope) -> None:
        """Tenants are kept apart by what the operations ask for."""

    def check(self) -> None:
        """By the file itself and without reading from it: a read would fix what the transaction sees."""
        try:
            with self._plainly():
                rows = self._cursor().execute("select file from pragma_database_list where name = 'main'").fetchall()
        except errors.DatabaseError as error:
            if isinstance(error.__cause__, sqlite3.ProgrammingError):
                raise errors.MisuseError(f"the connection cannot be used here: {error.__cause__}") from error
            raise
        file: str = rows[0][0]
        path = self._desk.path
        if path is None:
            if not isinstance(self._raw, OwnConnection) or self._raw is not self._desk.connect():
                raise errors.ConfigError("a database in memory has no other connection than that of app.transaction()")
        elif not _same(file, path):
            raise errors.ConfigError(f"the connection is to another database than the app's: {file or 'in memory'}")
        elif not self._desk.opened(not self._raw.in_transaction):
            self._find_tables(file)

    def _find_tables(self, file: str) -> None:
        """This is the app's first use, and its tables cannot be made now: that would wait for this transaction."""
        with self._plainly():
            there = self._cursor().execute("select 1 from sqlite_master where name = 'holdfast_meta'").fetchone()
        if there is None:
            raise errors.SchemaMissing(
                f"the tables of Holdfast are not in {file} yet, and cannot be made while a transaction is open on this "
                "connection: call app.migrate() before it"
            )

    @contextmanager
    def whole(self) -> Generator[None]:
        """All of it or nothing: a failure leaves the caller's transaction as it was before."""
        cursor = self._cursor()
        began = not self._raw.in_transaction
        try:
            with self._plainly():
                cursor.execute("begin immediate" if began else "savepoint holdfast_whole")
            if not began:
                self.reserve()
            yield
            with self._plainly():
                if not began:
                    cursor.execute("release holdfast_whole")
                elif self._commits():
                    cursor.execute("commit")
        except BaseException:
            self._undo("rollback" if began else "rollback to holdfast_whole; release holdfast_whole")
            raise

    def _undo(self, commands: str) -> None:
        with suppress(sqlite3.Error):  # SQLite has undone all by itself
            for command in commands.split("; "):
                self._cursor().execute(command)

    def reserve(self) -> None:
        """By a write of nothing, which waits for the one writer's place as the connection's timeout says."""
        if self._raw.in_transaction:
            with self._plainly():
                self._cursor().execute("delete from holdfast_meta where name is null")

    def execute(self, name: str, rows: Sequence[Row]) -> list[Row]:
        with self._plainly():
            return self._execute(name, rows)

    def inside(self) -> bool:
        return self._raw.in_transaction

    @contextmanager
    def _plainly(self) -> Generator[None]:
        """Errors of the driver become ours, and text comes as text, whatever the caller's connection makes of it."""
        before: Any = self._raw.text_factory
        self._raw.text_factory = str
        try:
            yield
        except ConnectionLost as lost:
            ours = _plain(translated(lost.cause))
            raise ours from lost
        except sqlite3.Error as error:
            raise _plain(translated(error)) from error
        finally:
            self._raw.text_factory = before

    def _cursor(self) -> sqlite3.Cursor:
        cursor = self._raw.cursor()
        cursor.row_factory = None  # the connection may have one
        return cursor

    def _execute(self, name: str, rows: Sequence[Row]) -> list[Row]:
        """All rows or none: a failure leaves the caller's transaction as it was before."""
        session = SqliteSession(self._raw, self._desk.clock, None, owned=False)
        session.use_clock()
        if session.reads(name):
            return session.execute(name, rows)
        if not self._raw.in_transaction:
            return self._in_between(session, name, rows)
        if len(rows) <= 1:
            return session.execute(name, rows)
        cursor = self._cursor()
        cursor.execute("savepoint holdfast")
        try:
            answer = session.execute(name, rows)
        except BaseException:
            cursor.execute("rollback to holdfast")
            raise
        finally:
            cursor.execute("release holdfast")
        return answer

    def _in_between(self, session: SqliteSession, name: str, rows: Sequence[Row]) -> list[Row]:
        """No transaction is open: begin one, and leave it open where the caller's connection would have done so."""
        cursor = self._cursor()
        cursor.execute("begin immediate")
        session.use_clock()
        try:
            answer = session.execute(name, rows)
            if self._commits():
                cursor.execute("commit")
        except BaseException:
            self._undo("rollback")
            raise
        return answer

    def _commits(self) -> bool:
        """Whether the connection is one that begins no transaction by itself."""
        return self._raw.isolation_level is None or getattr(self._raw, "autocommit", None) is True


def _same(file: str, path: Path) -> bool:
    try:
        return bool(file) and os.path.samefile(file, path)
    except FileNotFoundError:  # the app's is yet to be made
        return False


def _leave(within: ExitStack, error: BaseException, account: Sqlite3Account) -> None:
    within.__exit__(type(error), error, error.__traceback__)


class AiosqliteAccount:
    """Its connection lives on a thread of its own: the sync account is used there."""

    def __init__(self, desk: SqliteDesk, raw: Any) -> None:
        self._desk = desk
        self._raw = raw

    enters = False

    async def enter(self, scope: Scope) -> None:
        """Not here, either."""

    async def check(self) -> None:
        await self._there(lambda account: account.check())

    @asynccontextmanager
    async def whole(self) -> AsyncGenerator[None]:
        within = ExitStack()
        await self._there(lambda account: within.enter_context(account.whole()))
        try:
            yield
        except BaseException as error:
            await self._there(partial(_leave, within, error))
            raise
        await self._there(lambda _: within.close())

    async def reserve(self) -> None:
        await self._there(lambda account: account.reserve())

    async def execute(self, name: str, rows: Sequence[Row]) -> list[Row]:
        return await self._there(lambda account: account.execute(name, rows))

    async def inside(self) -> bool:
        return await self._there(lambda account: account.inside())

    async def _there(self, act: Callable[[Sqlite3Account], R]) -> R:
        """By the same inner names that SQLAlchemy reaches it with: the public ones run one statement each."""
        try:
            connection: sqlite3.Connection = self._raw._conn
        except ValueError as error:
            raise errors.MisuseError(f"the connection is closed ({error})") from error
        answer: R = await self._raw._execute(lambda: act(Sqlite3Account(self._desk, connection)))
        return answer


class OwnConnection(sqlite3.Connection):
    """One of ours in the user's hands: it is committed when the block or the body ends, and not before."""

    def commit(self) -> None:
        raise errors.MisuseError("this transaction is committed when its block or body ends")

    def rollback(self) -> None:
        raise errors.MisuseError("this transaction is rolled back when its block or body raises")

    def __enter__(self) -> "OwnConnection":
        raise errors.MisuseError("this connection is in a transaction already; a savepoint gives one within it")


class Own(Sqlite3):
    """One transaction of our own: through the gate, on a connection of its own."""

    def __init__(self, desk: SqliteDesk) -> None:
        super().__init__(None)
        self._desk = desk
        self.turn = desk.turn()

    def begin(self) -> None:
        refuse_inside(self.turn.gate)
        self.given = self._desk.connect()
        try:
            self.turn.__enter__()
            self.given.execute("begin immediate")
        except BaseException as error:
            self.close()
            raise _plain(translated(error)) from error

    def commit(self) -> None:
        if not self.given.in_transaction:
            raise errors.MisuseError("the transaction was ended by SQL of its own block or body")
        try:
            self.given.execute("commit")
        except sqlite3.Error as error:
            raise _plain(translated(error)) from error

    def rollback(self) -> None:
        try:
            if self.given.in_transaction:
                self.given.execute("rollback")
        except sqlite3.Error as error:
            raise _plain(translated(error)) from error

    def close(self) -> None:
        try:
            if self._desk.path is not None:
                self.given.close()
            else:
                self.given.row_factory = None
        finally:
            self.turn.__exit__(None, None, None)

    def expire(self) -> None:
        """Whatever the body does with it from here on errs. The connection of a database in memory must stay."""
        if self._desk.path is not None:
            self.given.interrupt()
            self.rollback()
            self.close()


class AsyncOwn(AsyncLender):
    """The same connection for an event loop, which waits for the gate elsewhere."""

    def __init__(self, desk: SqliteDesk) -> None:
        super().__init__(None)
        self._inner = Own(desk)

    async def alend(self) -> Lent:
        return self._inner.lend()

    async def abegin(self) -> None:
        beginning = _aside(self._inner.begin)
        try:
            await asyncio.shield(beginning)
        except asyncio.CancelledError:
            beginning.add_done_callback(self._abandon)
            raise
        self._inner.turn.adopt()
        self.given = self._inner.given

    def _abandon(self, beginning: "asyncio.Future[None]") -> None:
        """Nobody waits any more, and the gate was passed all the same."""
        if not beginning.cancelled() and beginning.exception() is None:
            self._inner.close()

    async def acommit(self) -> None:
        await _aside(self._inner.commit)

    async def arollback(self) -> None:
        self._inner.rollback()

    async def aclose(self) -> None:
        self._inner.close()

    def expire(self) -> None:
        self._inner.expire()


def _aside(call: Callable[[], None]) -> "asyncio.Future[None]":
    """Run it on a thread of its own. Not on the loop's: those may all be waiting for the gate, and its holder, which
    is to commit, for one of them."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        error: BaseException | None = None
        try:
            call()
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # the loop has closed
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=copy_context().run, args=(run,), name="holdfast-transaction", daemon=True).start()
    return done


def _plain(error: BaseException) -> BaseException:
    """An error of ours for what was told as a lost connection."""
    if isinstance(error, ConnectionLost):
        return errors.DatabaseUnavailable(f"the connection broke: {error.cause}")
    return error
