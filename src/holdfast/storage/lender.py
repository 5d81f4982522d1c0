"""What a lender is: something that was lent, how to reach the driver's connection in it, and to run a transaction."""

from dataclasses import dataclass
from typing import Any, ClassVar

from holdfast.errors import MisuseError
from holdfast.storage.announce import Ring

WORKS = (
    "a sqlite3, psycopg (sync or async), asyncpg or aiosqlite connection; a SQLAlchemy Session, AsyncSession, "
    "Connection or AsyncConnection on one of these drivers; or Django's django.db.connection"
)

AWAIT = "await the verb that begins with a, such as aenqueue or jobs.acancel"

ENDED = (
    "the body ended its own transaction, so that its effects and its end are not one commit: leave commit and close "
    "to the worker, and use savepoints within"
)


@dataclass(frozen=True, slots=True)
class Lent:
    """A driver's own connection, and which driver's it is."""

    driver: str
    raw: Any


class Lender:
    """`awaits`: it is used by `await`, and its sync verbs are refused.

    `begin`, `commit`, `rollback` and `close` are for a connection that was made for one transaction of ours.
    """

    awaits: ClassVar[bool] = False

    def __init__(self, given: Any) -> None:
        self.given = given

    def lend(self) -> Lent:
        raise MisuseError(f"{named(self.given)} is asynchronous: {AWAIT}")

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

    def leave(self) -> None:
        """Nothing more is done with it here; it stays open, for it is the caller's."""

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


def named(given: object) -> str:
    return f"{type(given).__module__}.{type(given).__qualname__}"
