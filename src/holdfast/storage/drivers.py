"""Drivers' own connections, recognised and used without importing any of them."""

from typing import Any

from holdfast.errors import InvalidOption, MisuseError
from holdfast.storage.lender import ENDED, WORKS, AsyncLender, Lender, Lent, named


class Sqlite3(Lender):
    def lend(self) -> Lent:
        return Lent("sqlite3", self.given)

    def begin(self) -> None:
        if not self.given.in_transaction:
            self.given.execute("begin immediate")

    def commit(self) -> None:
        if not self.given.in_transaction:
            raise MisuseError(ENDED)
        self.given.commit()

    def expire(self) -> None:
        self.given.interrupt()


class Aiosqlite(AsyncLender):
    async def alend(self) -> Lent:
        return Lent("aiosqlite", self.given)

    async def abegin(self) -> None:
        """A write would begin it, but for a connection that commits each."""
        try:
            self.given.in_transaction  # noqa: B018 - it raises where nobody has awaited the connection yet
        except ValueError:
            await self.given
        if self.given.isolation_level is None and not self.given.in_transaction:
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
            self._transaction.__exit__(Undo, Undo(), None)


class AsyncPsycopg(AsyncLender):
    _transaction: Any = None

    async def alend(self) -> Lent:
        return Lent("psycopg async", self.given)

    async def abegin(self) -> None:
        """The first statement would begin it, but for a connection that commits each."""
        if self.given.autocommit and self.given.info.transaction_status == 0:
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
            await self._transaction.__aexit__(Undo, Undo(), None)


class Undo(Exception):
    """Why a transaction of psycopg's is left without a commit."""


class Asyncpg(AsyncLender):
    _transaction: Any = None

    async def alend(self) -> Lent:
        return Lent("asyncpg", self.given)

    async def abegin(self) -> None:
        self._transaction = self.given.transaction()
        await self._transaction.start()

    async def acommit(self) -> None:
        if not self.given.is_in_transaction():
            raise MisuseError(ENDED)
        await self._transaction.commit()

    async def arollback(self) -> None:
        await self._transaction.rollback()


DRIVERS: dict[tuple[str, str], tuple[str, type[Lender]]] = {
    ("sqlite3", "Connection"): ("sqlite3", Sqlite3),
    ("aiosqlite", "Connection"): ("aiosqlite", Aiosqlite),
    ("psycopg", "Connection"): ("psycopg", Psycopg),
    ("psycopg", "AsyncConnection"): ("psycopg async", AsyncPsycopg),
    ("asyncpg", "Connection"): ("asyncpg", Asyncpg),
    ("asyncpg", "PoolConnectionProxy"): ("asyncpg", Asyncpg),
}
"""By package and name of the type, or of one it derives from."""


def names_of(given: object) -> list[tuple[str, str]]:
    """Package and name of its type and of those it derives from."""
    return [(kind.__module__.partition(".")[0], kind.__name__) for kind in type(given).__mro__]


def driver_connection(raw: Any) -> Lent:
    """What a library has below it; InvalidOption where that is another driver."""
    for name in names_of(raw):
        if name in DRIVERS:
            return Lent(DRIVERS[name][0], raw)
    raise InvalidOption(f"the driver behind it is {named(raw)}; connection must be {WORKS}")
