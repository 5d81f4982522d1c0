"""Transactions of our own for the user's SQL, each on a connection that nothing else uses meanwhile."""

import asyncio
import os
import threading
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, finalize

import psycopg

from holdfast import errors
from holdfast.storage.drivers import AsyncPsycopg, Psycopg
from holdfast.storage.lender import AsyncLender, Lent
from holdfast.storage.postgres.deadline import within
from holdfast.storage.postgres.session import translated
from holdfast.storage.postgres.source import Source, adirect, direct

MOST = 8
"""Idle connections kept for the next transactions."""


class Spares:
    """Connections that have nothing to do: opening one takes longer than most transactions. Pools keep their own."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._mutex = threading.Lock()
        self._idle: list[psycopg.Connection[Any]] = []
        self._async_idle: WeakKeyDictionary[asyncio.AbstractEventLoop, list[psycopg.AsyncConnection[Any]]]
        self._async_idle = WeakKeyDictionary()
        self._closed = False
        self.made: WeakSet[Any] = WeakSet()
        """All that were ever taken here: they need not be asked whose database they see."""

    def take(self) -> "tuple[psycopg.Connection[Any], bool]":
        """A connection, and whether it has lain idle: such a one may be dead."""
        with self._mutex:
            if self._idle:
                return self._idle.pop(), True
        made = self._source.acquire()
        if not (self._source.pooled or direct(made)):
            made.prepare_threshold = None  # a pooler's next server process knows nothing of what was prepared
        self.made.add(made)
        return made, False

    def give(self, connection: "psycopg.Connection[Any]", broken: bool) -> None:
        if not (broken or self._source.pooled):
            with self._mutex:
                if len(self._idle) < MOST and not self._closed:
                    self._idle.append(connection)
                    return
        self._source.release(connection, broken)

    async def atake(self) -> "tuple[psycopg.AsyncConnection[Any], bool]":
        idle = self._async_idle.get(asyncio.get_running_loop())
        if idle:
            return idle.pop(), True
        made = await self._source.aacquire()
        if not await adirect(made):
            made.prepare_threshold = None
        self.made.add(made)
        return made, False

    async def agive(self, connection: "psycopg.AsyncConnection[Any]", broken: bool) -> None:
        loop = asyncio.get_running_loop()
        idle = self._async_idle.get(loop)
        if idle is None:
            idle = self._async_idle[loop] = []
            finalize(loop, _finish_all, idle, os.getpid()).atexit = False
        if broken or len(idle) >= MOST or self._closed:
            await connection.close()
        else:
            idle.append(connection)

    def close(self) -> None:
        with self._mutex:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            self._source.release(connection, broken=False)
        for waiting in self._async_idle.values():
            _finish_all(waiting, os.getpid())


def _finish_all(idle: "list[psycopg.AsyncConnection[Any]]", process: int) -> None:
    """Their loop is gone, or may be closed: nothing can be awaited on them. In a forked child they are the parent's."""
    if os.getpid() == process:
        for connection in idle:
            connection.pgconn.finish()


class Own(Psycopg):
    """One sync transaction of our own."""

    def __init__(self, spares: Spares) -> None:
        super().__init__(None)
        self._spares = spares

    def begin(self) -> None:
        while True:
            self.given, idle = self._spares.take()
            try:
                with within(self.given):
                    super().begin()
                return
            except psycopg.Error as error:
                self._spares.give(self.given, broken=True)
                if not idle:
                    raise translated(error) from error

    def commit(self) -> None:
        try:
            with within(self.given):
                super().commit()
        except psycopg.Error as error:
            raise _commit_error(self.given, error) from error

    def rollback(self) -> None:
        try:
            with within(self.given):
                super().rollback()
        except psycopg.Error as error:
            raise translated(error) from error

    def close(self) -> None:
        self._spares.give(self.given, _unclean(self.given))


class AsyncOwn(AsyncLender):
    """One async transaction of our own."""

    def __init__(self, spares: Spares) -> None:
        super().__init__(None)
        self._spares = spares
        self._inner = AsyncPsycopg(None)

    async def alend(self) -> Lent:
        return await self._inner.alend()

    async def abegin(self) -> None:
        while True:
            connection, idle = await self._spares.atake()
            self.given = connection
            self._inner = AsyncPsycopg(connection)
            try:
                with within(connection):
                    await self._inner.abegin()
                return
            except psycopg.Error as error:
                await self._spares.agive(connection, broken=True)
                if not idle:
                    raise translated(error) from error

    async def acommit(self) -> None:
        try:
            with within(self.given):
                await self._inner.acommit()
        except psycopg.Error as error:
            raise _commit_error(self.given, error) from error

    async def arollback(self) -> None:
        try:
            with within(self.given):
                await self._inner.arollback()
        except psycopg.Error as error:
            raise translated(error) from error

    async def aclose(self) -> None:
        await self._spares.agive(self.given, _unclean(self.given))


def _unclean(connection: "psycopg.Connection[Any] | psycopg.AsyncConnection[Any]") -> bool:
    """Broken, or left within a transaction."""
    return connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE


def _commit_error(
    connection: "psycopg.Connection[Any] | psycopg.AsyncConnection[Any]", error: psycopg.Error
) -> Exception:
    if connection.closed or connection.broken:
        return errors.OutcomeUnknown(
            f"the connection went while committing ({' '.join(str(error).split())}); the change may have happened"
        )
    return translated(error)
