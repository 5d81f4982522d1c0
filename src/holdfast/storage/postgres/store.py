"""Jobs in PostgreSQL 14 or later."""

import logging
import os
import weakref
from collections.abc import Callable, Generator, Iterable
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any, TypeVar

import psycopg

from holdfast import errors
from holdfast.clock import Clock
from holdfast.model.finding import Check, Finding
from holdfast.model.tenant import NONE
from holdfast.storage.base import Listener, Session, Silence, wake_all
from holdfast.storage.borrow import Borrowed
from holdfast.storage.lane import PATIENCE, Lane
from holdfast.storage.migrate import judge
from holdfast.storage.op import Op, Row, Statement, one
from holdfast.storage.ops.installation import installation
from holdfast.storage.postgres.deadline import CALL, LEASE_CALL, within
from holdfast.storage.postgres.drop import drop
from holdfast.storage.postgres.lent import PostgresDesk
from holdfast.storage.postgres.listen import POLLED, Notifier, NotifyListener, channel_of
from holdfast.storage.postgres.look import Look
from holdfast.storage.postgres.own import Spares
from holdfast.storage.postgres.schema import applied_to, dump_command, lock_schema, migrate, steady
from holdfast.storage.postgres.session import PACKAGE, PostgresSession, translated
from holdfast.storage.postgres.source import Source
from holdfast.storage.postgres.tenancy import Reach, Roles, protect, reach_of

R = TypeVar("R")
log = logging.getLogger("holdfast.storage")
LANES = ("write", "claim", "keys", "lease", "read")
OLDEST = 140000
KEYS_WAIT = "250ms"
"""How long the lane of keys waits for a key that is taken in somebody's open transaction: others wait behind it."""


class PostgresStore:
    """A connection per lane, each opened at first use: a producer holds one, a worker three and one to listen.

    listen: where to listen, if not at `source`.
    """

    def __init__(
        self,
        source: Source,
        clock: Clock,
        schema: str = "holdfast",
        migrate: bool = False,
        listen: Source | None = None,
    ) -> None:
        self._source = source
        self._listen = listen
        self._clock = clock
        self._schema = schema
        self._migrates = migrate
        self._checked = False
        self._reach = Reach.FREE
        self._told = False
        self._channel = channel_of(schema)
        self._listeners: list[Callable[[], None]] = []
        self._start()
        _open_stores.add(self)

    def _start(self) -> None:
        self._notifier = Notifier(self._notify)
        self._lanes = {name: Lane(name, partial(self._open, name), self.ring, self._patience) for name in LANES}
        self._spares = Spares(self._source)
        self.desk = PostgresDesk(
            self._clock,
            self._schema,
            self._spares,
            self.ring,
            lambda: self.run(installation(), "read"),
            lambda: self.arun(installation(), "read"),
            self._reached,
        )

    @property
    def one_tenant(self) -> bool:
        return self._reached() is Reach.ONE

    @property
    def where(self) -> str:
        return f"{self._source.where}, schema {self._schema}"

    @property
    def trouble_at(self) -> float:
        return max(lane.trouble_at for lane in self._lanes.values())

    def run(self, op: Op[R], lane: str = "write") -> R:
        return self._lanes[lane].run(op)

    async def arun(self, op: Op[R], lane: str = "write") -> R:
        return await self._lanes[lane].arun(op)

    def borrow(self, connection: Any) -> Borrowed:
        return Borrowed(self.desk, connection)

    def ring(self) -> None:
        wake_all(tuple(self._listeners))
        self._notifier.ask()

    def listen(self, wake: Callable[[], None]) -> Listener:
        self._listeners.append(wake)
        source = self._listen or self._source
        if source.listens:
            heard = NotifyListener(source, self._channel, wake, trusted=self._listen is not None)
            return _Listening(self._listeners, wake, heard)
        if not self._told:
            self._told = True
            log.warning("%s has too few connections to keep one for wake-ups: %s", self.where, POLLED)
        return _Listening(self._listeners, wake, None)

    def live(self, boot: str) -> Listener:
        return Silence()  # the lease alone: a connection that broke says nothing of the process behind it

    def mourn(self, bury: Callable[[str], None]) -> int | None:
        return None

    def migrate(self) -> list[str]:
        connection = self._source.acquire()
        try:
            with steady(connection):
                made = migrate(connection, self._schema)
            self._judge(connection)
            return made
        except psycopg.Error as error:
            raise translated(error) from error
        finally:
            self._source.release(connection, broken=False)

    def reset(self) -> list[str]:
        connection = self._source.acquire()
        try:
            with steady(connection), connection.transaction():
                lock_schema(connection, self._schema)
                drop(connection, self._schema)
                return migrate(connection, self._schema)
        except psycopg.Error as error:
            raise translated(error) from error
        finally:
            self._source.release(connection, broken=False)

    def keep_apart(self, roles: str) -> list[str]:
        connection = self._source.acquire()
        try:
            with steady(connection):
                made = protect(connection, self._schema, Roles.named(roles))
            self._checked = False
            return made
        except psycopg.Error as error:
            raise translated(error) from error
        finally:
            self._source.release(connection, broken=False)

    def check(self) -> None:
        connection = self._source.acquire()
        try:
            self._judge(connection)
        finally:
            self._source.release(connection, broken=False)
        self._judge_role()

    def checks(self) -> list[Check]:
        from holdfast.storage.postgres.checks import checks

        return checks(Look(self._source, self._schema), self._listen)

    def backup(self, target: Path, force: bool, told: Callable[[int, int], None]) -> int:
        raise errors.MisuseError(
            "PostgreSQL has its own means; run: " + dump_command(self._source.address, self._schema, target)
        )

    def strain(self) -> Iterable[Finding]:
        from holdfast.storage.postgres.holders import holders

        return holders(Look(self._source, self._schema))

    def close(self) -> None:
        self.desk.looks.close()
        self._notifier.close()
        for lane in self._lanes.values():
            lane.close()
        self._spares.close()

    def forget(self) -> None:
        """In a forked child: connections, locks and threads are the parent's."""
        _left_behind.append((self._lanes, self._notifier, self._spares))
        self._listeners = []
        self._start()

    def _patience(self) -> float:
        return PATIENCE if self._checked else 0.0

    def _open(self, lane: str = "write") -> Session:
        if not self._checked:
            if self._migrates:
                self.migrate()
            else:
                self.check()
            self._reach = self._judge_role()
            self._checked = True
        wait = KEYS_WAIT if lane == "keys" else None
        limit = LEASE_CALL if lane == "lease" else CALL
        return PostgresSession(
            self._source, self._clock, self._schema, lock_timeout=wait, limit=limit, one_tenant=self._reach is Reach.ONE
        )

    def _judge(self, connection: "psycopg.Connection[Any]") -> None:
        if connection.info.server_version < OLDEST:
            raise errors.ConfigError(
                f"the server is PostgreSQL {connection.info.server_version // 10000}; Holdfast needs 14 or later"
            )
        try:
            with within(connection):
                applied = applied_to(connection, self._schema)
        except psycopg.Error as error:
            raise translated(error) from error
        remedy = "Run: holdfast migrate" + ("" if self._schema == "holdfast" else f" --schema {quote(self._schema)}")
        judge(applied, PACKAGE, self.where, remedy)

    def _reached(self) -> Reach:
        if not self._checked:
            self.run(installation(), "read")  # opens a connection, which is judged
        return self._reach

    def _judge_role(self) -> Reach:
        """What our role reaches. Raises ConfigError for one that keeps no tenants apart where they are to be."""
        connection = self._source.acquire()
        try:
            with within(connection):
                return reach_of(connection, self._schema)
        except psycopg.Error as error:
            raise translated(error) from error
        finally:
            self._source.release(connection, broken=False)

    def _notify(self) -> None:
        self.run(Op("notify", lambda again: _notifying(self._channel), NONE, single=True))


def _notifying(channel: str) -> Generator[Statement, list[Row], None]:
    yield one("notify", channel)


class _Listening:
    def __init__(self, listeners: list[Callable[[], None]], wake: Callable[[], None], remote: Listener | None) -> None:
        self._listeners = listeners
        self._wake = wake
        self._remote = remote

    def close(self) -> None:
        if self._wake in self._listeners:
            self._listeners.remove(self._wake)
        if self._remote is not None:
            self._remote.close()


_open_stores: "weakref.WeakSet[PostgresStore]" = weakref.WeakSet()
_left_behind: list[object] = []
"""What a fork left us of the parent's connections: kept unclosed, so that nothing of the parent's is touched."""


def _forget_all() -> None:
    for store in list(_open_stores):
        store.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
