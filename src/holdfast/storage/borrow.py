"""Operations inside transactions that belong to somebody else, and transactions of our own for somebody else's SQL.

The same ops as everywhere run on a connection that was lent. Its transaction is the caller's: nothing is begun,
committed or rolled back here, and nobody is woken before its commit.
"""

from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from typing import Any, Protocol, TypeVar

from holdfast.errors import ConfigError, MisuseError
from holdfast.model.tenant import Scope
from holdfast.storage.announce import announced, announcing
from holdfast.storage.base import drive, wake_all
from holdfast.storage.lender import AWAIT, Lender, Lent
from holdfast.storage.lenders import recognise, telling
from holdfast.storage.looks import Looks
from holdfast.storage.op import Op, Row, Statement

R = TypeVar("R")


class Account(Protocol):
    """A connection that was lent, spoken to in named statements. Raises errors of `holdfast.errors` only."""

    def check(self) -> None:
        """Refuse a connection that is closed, or to another database than the app's."""
        ...

    @property
    def enters(self) -> bool:
        """Whether a transaction names its tenant, here, within `whole`."""
        ...

    def enter(self, scope: Scope) -> None:
        """What follows in this transaction is for one tenant. Raises TenantRequired, and MisuseError where the
        transaction is another tenant's already."""
        ...

    def whole(self) -> AbstractContextManager[object]:
        """What is executed meanwhile is in one transaction: the open one, the one that such a connection begins by
        itself, or else one for this alone."""
        ...

    def reserve(self) -> None:
        """What is read from here on stays true until it is written: a transaction of SQLite's that reads first may
        be refused its write."""
        ...

    def execute(self, name: str, rows: Sequence[Row]) -> list[Row]: ...
    def inside(self) -> bool:
        """Whether a transaction is open on it."""
        ...


class AsyncAccount(Protocol):
    """The same for a connection that is awaited."""

    async def check(self) -> None: ...
    @property
    def enters(self) -> bool: ...
    async def enter(self, scope: Scope) -> None: ...
    def whole(self) -> AbstractAsyncContextManager[object]: ...
    async def reserve(self) -> None: ...
    async def execute(self, name: str, rows: Sequence[Row]) -> list[Row]: ...
    async def inside(self) -> bool: ...


class Desk(Protocol):
    """A store's side of lending."""

    @property
    def looks(self) -> Looks: ...
    @property
    def ring(self) -> Callable[[], None]:
        """Wakes the listeners of all processes."""
        ...

    def account(self, lent: Lent) -> Account | None:
        """None for a driver of another kind of database."""
        ...

    def async_account(self, lent: Lent) -> AsyncAccount | None: ...
    def own(self) -> Lender:
        """A transaction of our own, on a connection of its own, not begun yet."""
        ...

    def async_own(self) -> Lender: ...
    def turn(self) -> AbstractContextManager[object]:
        """What is held while a transaction of a body of ours may write: SQLite's gate."""
        ...

    @property
    def limit(self) -> float | None:
        """Seconds for which a body may keep such a transaction."""
        ...


class Borrowed:
    """Runs ops on what the caller lent: a connection, session or wrapper, or a lender of it."""

    def __init__(self, desk: Desk, given: Any) -> None:
        self._desk = desk
        self._given = given
        self._lend()

    def _lend(self) -> Lender:
        """Anew each time: a scoped session is another one in another thread or task."""
        return self._given if isinstance(self._given, Lender) else recognise(self._given)

    def run(self, op: Op[R], changes_follow: bool = False) -> R:
        """Do it in the transaction that is open there; without one it is committed at once.

        changes_follow: it reads, and in the same transaction, where there is one, there will be written.
        """
        lender = self._lend()
        with telling():
            lent = lender.lend()
        return self._run(lender, lent, op, changes_follow)

    def _run(self, lender: Lender, lent: Lent, op: Op[R], changes_follow: bool) -> R:
        account = self._desk.account(lent)
        if account is None:
            raise _refusal(lent)
        account.check()
        if changes_follow:
            account.reserve()
        enters = account.enters
        with nullcontext() if (op.single or op.reads) and not enters else account.whole():
            if enters:
                account.enter(op.scope)
            answer = drive(account, op.lent() if op.lent else op.steps(False), lent=True)
        if op.wakes:
            self._announce(lender, account.inside())
        return answer

    async def arun(self, op: Op[R], changes_follow: bool = False) -> R:
        """The same where the connection is awaited; a synchronous one is used here and now."""
        lender = self._lend()
        if not lender.awaits:
            return self.run(op, changes_follow)
        with telling():
            lent = await lender.alend()
        account = self._desk.async_account(lent)
        if account is None:
            return self._run(lender, lent, op, changes_follow)
        await account.check()
        if changes_follow:
            await account.reserve()
        enters = account.enters
        async with nullcontext() if (op.single or op.reads) and not enters else account.whole():
            if enters:
                await account.enter(op.scope)
            answer = await adrive(account, op.lent() if op.lent else op.steps(False))
        if op.wakes:
            self._announce(lender, await account.inside())
        return answer

    def _announce(self, lender: Lender, inside: bool) -> None:
        """See to it that others look after the commit, and not before."""
        desk = self._desk
        rings = announced(lender.given)
        if rings is not None:
            if desk.ring not in rings:
                rings.append(desk.ring)
        elif not inside:
            desk.ring()
        elif not lender.after_commit(desk.ring, desk.looks.follow):
            desk.looks.follow()


def _refusal(lent: Lent) -> Exception:
    if lent.driver in ("psycopg async", "asyncpg", "aiosqlite"):
        return MisuseError(f"a connection of {lent.driver} is asynchronous: {AWAIT}")
    return ConfigError(f"the connection is one of {lent.driver}, and this app's jobs are in another kind of database")


async def adrive(account: AsyncAccount, steps: Generator[Statement, list[Row], R]) -> R:
    """Run one op's statements one after another on a connection that is awaited."""
    try:
        wanted = next(steps)
        while True:
            wanted = steps.send(await account.execute(wanted.name, wanted.rows))
    except StopIteration as stop:
        answer: R = stop.value
        return answer


@contextmanager
def transaction(desk: Desk) -> Generator[Any]:
    """A transaction of our own for SQL of the caller's: kept when the block ends, undone when it raises."""
    own = desk.own()
    own.begin()
    try:
        with announcing(own.given) as rings:
            try:
                yield own.given
            except BaseException:
                with suppress(Exception):  # what broke the connection is what the block raised
                    own.rollback()
                raise
            own.commit()
    finally:
        own.close()
    wake_all(rings)


@asynccontextmanager
async def atransaction(desk: Desk) -> AsyncGenerator[Any]:
    """`transaction` for event loops."""
    own = desk.async_own()
    await own.abegin()
    try:
        with announcing(own.given) as rings:
            try:
                yield own.given
            except BaseException:
                with suppress(Exception):
                    await own.arollback()
                raise
            await own.acommit()
    finally:
        await own.aclose()
    wake_all(rings)
