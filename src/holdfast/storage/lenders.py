"""What a user may lend: a driver's connection, or a session or wrapper of a library that has one.

Nothing is imported here: what is given is recognised by its type, so its library is loaded already. A lender reaches
the driver's own connection, knows how the library tells of commits, and can run a whole transaction.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from holdfast.errors import InvalidOption, MisuseError
from holdfast.model.text import shown
from holdfast.storage.announce import Ring, ring_all, session_committed, tell

WORKS = (
    "a sqlite3, psycopg (sync or async), asyncpg or aiosqlite connection; a SQLAlchemy Session, AsyncSession, "
    "Connection or AsyncConnection on one of these drivers; or Django's django.db.connection"
)


@dataclass(frozen=True, slots=True)
class Lent:
    """A driver's own connection, and which driver's it is."""

    driver: str
    raw: Any


class Lender:
    """See the module. `awaits`: it is used by `await`, and its sync verbs are refused.

    `begin`, `commit`, `rollback` and `close` are for a connection that was made for one transaction of ours.
    """

    awaits: ClassVar[bool] = False

    def __init__(self, given: Any) -> None:
        self.given = given

    def lend(self) -> Lent:
        raise MisuseError(f"{_named(self.given)} is asynchronous: await task.using(connection=…).aenqueue(…)")

    async def alend(self) -> Lent:
        return self.lend()

    def after_commit(self, ring: Ring, soon: Ring) -> bool:
        """Call `ring` once the transaction is committed, or `soon` when it is about to be; False where nobody tells."""
        return False

    def begin(self) -> None: ...

    def commit(self) -> None:
        self.given.commit()

    def rollback(self) -> None:
        self.given.rollback()

    def close(self) -> None:
        self.given.close()

    async def abegin(self) -> None:
        self.begin()

    async def acommit(self) -> None:
        self.commit()

    async def arollback(self) -> None:
        self.rollback()

    async def aclose(self) -> None:
        self.close()

    def expire(self) -> None:
        """From another thread, in the middle of it: let what is running on it end soon."""


class AsyncLender(Lender):
    """One whose verbs are coroutines."""

    awaits = True

    async def alend(self) -> Lent:
        raise NotImplementedError

    async def acommit(self) -> None:
        await self.given.commit()

    async def arollback(self) -> None:
        await self.given.rollback()

    async def aclose(self) -> None:
        await self.given.close()


class Sqlite3(Lender):
    def lend(self) -> Lent:
        return Lent("sqlite3", self.given)

    def begin(self) -> None:
        if not self.given.in_transaction:
            self.given.execute("begin immediate")

    def expire(self) -> None:
        self.given.interrupt()


class Aiosqlite(AsyncLender):
    async def alend(self) -> Lent:
        return Lent("aiosqlite", self.given)

    async def abegin(self) -> None:
        if not self.given.in_transaction:
            await self.given.execute("begin immediate")


class Psycopg(Lender):
    """`transaction()` refuses a commit by the body, which would divide what is to be one."""

    _transaction: Any = None

    def lend(self) -> Lent:
        return Lent("psycopg", self.given)

    def begin(self) -> None:
        if self.given.info.transaction_status == 0:
            self._transaction = self.given.transaction()
            self._transaction.__enter__()

    def commit(self) -> None:
        if self._transaction is None:
            self.given.commit()
        else:
            self._transaction.__exit__(None, None, None)

    def rollback(self) -> None:
        if self._transaction is None:
            self.given.rollback()
        else:
            self._transaction.__exit__(_Undo, _Undo(), None)


class AsyncPsycopg(AsyncLender):
    _transaction: Any = None

    async def alend(self) -> Lent:
        return Lent("psycopg async", self.given)

    async def abegin(self) -> None:
        if self.given.info.transaction_status == 0:
            self._transaction = self.given.transaction()
            await self._transaction.__aenter__()

    async def acommit(self) -> None:
        if self._transaction is None:
            await self.given.commit()
        else:
            await self._transaction.__aexit__(None, None, None)

    async def arollback(self) -> None:
        if self._transaction is None:
            await self.given.rollback()
        else:
            await self._transaction.__aexit__(_Undo, _Undo(), None)


class _Undo(Exception):
    """Why a transaction of psycopg's is left without a commit."""


class Asyncpg(AsyncLender):
    _transaction: Any = None

    async def alend(self) -> Lent:
        return Lent("asyncpg", self.given)

    async def abegin(self) -> None:
        self._transaction = self.given.transaction()
        await self._transaction.start()

    async def acommit(self) -> None:
        await self._transaction.commit()

    async def arollback(self) -> None:
        await self._transaction.rollback()


class AlchemySession(Lender):
    def lend(self) -> Lent:
        return AlchemyConnection(self.given.connection()).lend()

    def after_commit(self, ring: Ring, soon: Ring) -> bool:
        tell(self.given, "after_commit", session_committed, ring)
        return True


class AlchemyConnection(Lender):
    """The library's own transaction is begun, as its `execute` would; the driver's follows with the first statement."""

    def lend(self) -> Lent:
        if self.given.dialect.is_async:
            raise MisuseError("this session or connection belongs to an async engine: await aenqueue with that one")
        if not self.given.in_transaction():
            self.given.begin()
        return _driver_connection(self.given.connection.driver_connection)

    def after_commit(self, ring: Ring, soon: Ring) -> bool:
        tell(self.given, "commit", ring_all, soon)
        return True


class AsyncAlchemySession(AsyncLender):
    async def alend(self) -> Lent:
        return await AsyncAlchemyConnection(await self.given.connection()).alend()

    def after_commit(self, ring: Ring, soon: Ring) -> bool:
        return AlchemySession(self.given.sync_session).after_commit(ring, soon)


class AsyncAlchemyConnection(AsyncLender):
    async def abegin(self) -> None:
        if self.given.sync_connection is None:
            await self.given.start()

    async def alend(self) -> Lent:
        if not self.given.in_transaction():
            await self.given.begin()
        lent = _driver_connection((await self.given.get_raw_connection()).driver_connection)
        if lent.driver == "asyncpg" and not lent.raw.is_in_transaction():
            await self.given.exec_driver_sql("select 1")  # SQLAlchemy begins asyncpg's with its own first statement
        return lent

    def after_commit(self, ring: Ring, soon: Ring) -> bool:
        return AlchemyConnection(self.given.sync_connection).after_commit(ring, soon)


class Django(Lender):
    _atomic: Any = None

    def lend(self) -> Lent:
        self.given.ensure_connection()
        self.given.validate_no_broken_transaction()
        return _driver_connection(self.given.connection)

    def after_commit(self, ring: Ring, soon: Ring) -> bool:
        self.given.on_commit(ring)
        return True

    def begin(self) -> None:
        self._atomic = sys.modules["django.db.transaction"].atomic(self.given.alias)
        self._atomic.__enter__()

    def commit(self) -> None:
        self._atomic.__exit__(None, None, None)

    def rollback(self) -> None:
        self._atomic.__exit__(_Undo, _Undo(), None)

    def close(self) -> None:
        """Django keeps one for each thread."""


def _scoped(given: Any) -> Lender:
    return recognise(given())


def _proxy(given: Any) -> Lender:
    """What Django hands out by name: its cache is one too."""
    if not hasattr(given, "ensure_connection"):
        raise InvalidOption(refusal(given))
    return Django(given)


_KNOWN: dict[tuple[str, str], Callable[[Any], Lender]] = {
    ("sqlite3", "Connection"): Sqlite3,
    ("aiosqlite", "Connection"): Aiosqlite,
    ("psycopg", "Connection"): Psycopg,
    ("psycopg", "AsyncConnection"): AsyncPsycopg,
    ("asyncpg", "Connection"): Asyncpg,
    ("asyncpg", "PoolConnectionProxy"): Asyncpg,
    ("sqlalchemy", "Session"): AlchemySession,
    ("sqlalchemy", "Connection"): AlchemyConnection,
    ("sqlalchemy", "AsyncSession"): AsyncAlchemySession,
    ("sqlalchemy", "AsyncConnection"): AsyncAlchemyConnection,
    ("sqlalchemy", "scoped_session"): _scoped,
    ("sqlalchemy", "async_scoped_session"): _scoped,
    ("django", "BaseDatabaseWrapper"): Django,
    ("django", "ConnectionProxy"): _proxy,
}


def find(given: object) -> Lender | None:
    """The lender for what was given, None where it is nothing we know."""
    for kind in type(given).__mro__:
        make = _KNOWN.get((kind.__module__.partition(".")[0], kind.__name__))
        if make is not None:
            return make(given)
    return None


def recognise(given: object) -> Lender:
    """The lender for what was given; InvalidOption, saying what works, for anything else."""
    found = find(given)
    if found is None:
        raise InvalidOption(refusal(given))
    return found


def refusal(given: object) -> str:
    return f"connection must be {WORKS}; not {shown(given)}"


def _driver_connection(raw: Any) -> Lent:
    driver = find(raw)
    match driver:
        case Sqlite3():
            return Lent("sqlite3", raw)
        case Aiosqlite():
            return Lent("aiosqlite", raw)
        case Psycopg():
            return Lent("psycopg", raw)
        case AsyncPsycopg():
            return Lent("psycopg async", raw)
        case Asyncpg():
            return Lent("asyncpg", raw)
        case _:
            raise InvalidOption(f"the driver behind it is {_named(raw)}; connection must be {WORKS}")


def _named(given: object) -> str:
    return f"{type(given).__module__}.{type(given).__qualname__}"
