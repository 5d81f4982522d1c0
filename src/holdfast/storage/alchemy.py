"""SQLAlchemy's sessions and connections, sync and async. Loaded only by those who have it: nothing is imported."""

import sys
from collections.abc import Callable
from typing import Any

from holdfast.errors import MisuseError
from holdfast.storage.announce import Ring, ring_all, session_committed, tell
from holdfast.storage.drivers import driver_connection
from holdfast.storage.lender import AWAIT, ENDED, AsyncLender, Lender, Lent


class Lasting:
    """Sees whether a SQLAlchemy session or connection keeps its transaction: commits and closes count as ends of it,
    a rollback does not, for what follows it is one transaction again."""

    def __init__(self, target: Any, session: bool) -> None:
        self.ended = False
        self._target = target
        self._undone: Any = None
        self._heard: list[tuple[str, Callable[..., None]]] = [("commit", self._committed)]
        if session:
            self._heard = [("after_rollback", self._rolled_back), ("after_transaction_end", self._over)]
        for name, hear in self._heard:
            sys.modules["sqlalchemy.event"].listen(target, name, hear)

    def stop(self) -> None:
        heard, self._heard = self._heard, []
        for name, hear in heard:
            sys.modules["sqlalchemy.event"].remove(self._target, name, hear)

    def _committed(self, connection: Any) -> None:
        self.ended = True

    def _rolled_back(self, session: Any) -> None:
        self._undone = session.get_nested_transaction() or session.get_transaction()

    def _over(self, session: Any, over: Any) -> None:
        if over.parent is None and over is not self._undone:
            self.ended = True


def _refuse_ended(lasting: Lasting | None) -> None:
    _stop(lasting)
    if lasting is not None and lasting.ended:
        raise MisuseError(ENDED)


def _stop(lasting: Lasting | None) -> None:
    if lasting is not None:
        lasting.stop()


class AlchemySession(Lender):
    _lasting: Lasting | None = None

    def begin(self) -> None:
        self._lasting = Lasting(self.given, session=True)

    def commit(self) -> None:
        _refuse_ended(self._lasting)
        self.given.commit()

    def close(self) -> None:
        _stop(self._lasting)
        self.given.close()

    def leave(self) -> None:
        _stop(self._lasting)

    def lend(self) -> Lent:
        return AlchemyConnection(self.given.connection()).lend()

    def after_commit(self, ring: Ring, soon: Ring) -> bool:
        tell(self.given, "after_commit", session_committed, ring)
        return True


class AlchemyConnection(Lender):
    """The library's own transaction is begun, as its `execute` would; the driver's follows with the first statement."""

    _lasting: Lasting | None = None

    def begin(self) -> None:
        self._lasting = Lasting(self.given, session=False)

    def commit(self) -> None:
        _refuse_ended(self._lasting)
        self.given.commit()

    def close(self) -> None:
        _stop(self._lasting)
        self.given.close()

    def leave(self) -> None:
        _stop(self._lasting)

    def lend(self) -> Lent:
        if self.given.dialect.is_async:
            raise MisuseError(
                "this session or connection belongs to an async engine: give the AsyncSession or AsyncConnection that "
                f"it is the inner part of, and {AWAIT}"
            )
        if not self.given.in_transaction():
            self.given.begin()
        return driver_connection(self.given.connection.driver_connection)

    def after_commit(self, ring: Ring, soon: Ring) -> bool:
        tell(self.given, "commit", ring_all, soon)
        return True


class AsyncAlchemySession(AsyncLender):
    _lasting: Lasting | None = None

    async def abegin(self) -> None:
        self._lasting = Lasting(self.given.sync_session, session=True)

    async def acommit(self) -> None:
        _refuse_ended(self._lasting)
        await self.given.commit()

    async def aclose(self) -> None:
        _stop(self._lasting)
        await self.given.close()

    def leave(self) -> None:
        _stop(self._lasting)

    async def alend(self) -> Lent:
        return await AsyncAlchemyConnection(await self.given.connection()).alend()

    def after_commit(self, ring: Ring, soon: Ring) -> bool:
        return AlchemySession(self.given.sync_session).after_commit(ring, soon)


class AsyncAlchemyConnection(AsyncLender):
    _lasting: Lasting | None = None

    async def abegin(self) -> None:
        if self.given.sync_connection is None:
            await self.given.start()
        self._lasting = Lasting(self.given.sync_connection, session=False)

    async def acommit(self) -> None:
        _refuse_ended(self._lasting)
        await self.given.commit()

    async def aclose(self) -> None:
        _stop(self._lasting)
        await self.given.close()

    def leave(self) -> None:
        _stop(self._lasting)

    async def alend(self) -> Lent:
        if not self.given.in_transaction():
            await self.given.begin()
        lent = driver_connection((await self.given.get_raw_connection()).driver_connection)
        if lent.driver == "asyncpg" and not lent.raw.is_in_transaction():
            await self.given.exec_driver_sql("select 1")  # SQLAlchemy begins asyncpg's with its own first statement
        return lent

    def after_commit(self, ring: Ring, soon: Ring) -> bool:
        return AlchemyConnection(self.given.sync_connection).after_commit(ring, soon)
