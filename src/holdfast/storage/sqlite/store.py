"""Jobs in a SQLite file, or in memory."""

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from holdfast import errors
from holdfast.clock import Clock, machine_micros
from holdfast.ids import new_id
from holdfast.model.finding import Check, Finding
from holdfast.storage.base import ConnectionLost, Listener, Silence, wake_all
from holdfast.storage.borrow import Borrowed
from holdfast.storage.lane import PATIENCE, Lane
from holdfast.storage.migrate import judge, migrations
from holdfast.storage.op import Op, Steps, no_statements
from holdfast.storage.sqlite.alive import Life, sweep
from holdfast.storage.sqlite.bells import BellListener, Bells
from holdfast.storage.sqlite.drop import drop
from holdfast.storage.sqlite.forks import afoot
from holdfast.storage.sqlite.gate import Gate, gate_for
from holdfast.storage.sqlite.lent import OwnConnection, SqliteDesk
from holdfast.storage.sqlite.place import refuse_bad_place, refuse_network
from holdfast.storage.sqlite.session import PACKAGE, SqliteSession, translated
from holdfast.storage.sqlite.turn import refuse_inside

R = TypeVar("R")
OLDEST = (3, 35, 0)
BACKSTOP = 10.0
"""Seconds that SQLite waits for a lock held by a program which does not know the gate."""


class SqliteStore:
    """One write lane and one for reading; in memory a single lane for all.

    migrate: whether it brings its schema up to date when it is opened; one in memory always does.
    """

    def __init__(
        self, path: Path | None, clock: Clock, options: Mapping[str, str] | None = None, migrate: bool = True
    ) -> None:
        self._path = None if path is None else path.resolve()
        self._relative = path is not None and not path.is_absolute()
        self._clock = clock
        self._synchronous = (options or {}).get("synchronous", "full")
        self._on_network = (options or {}).get("network") == "allow"
        self._gate: AbstractContextManager[object] = threading.Lock() if self._path is None else gate_for(self._path)
        self._migrates = migrate or path is None
        self._ready = False
        self._memory: OwnConnection | None = None
        self._opening = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._bells = None if self._path is None else Bells(self._path)
        self.desk = self._make_desk()
        write = Lane("write", self._open, self.ring, self._patience)
        read = Lane("read", partial(self._open, reads=self._path is not None), self.ring, self._patience)
        self._lanes = {"write": write, "read": write if self._path is None else read}
        _open_stores.add(self)

    one_tenant = False

    @property
    def where(self) -> str:
        return "an in-memory SQLite database" if self._path is None else f"the SQLite database {self._path}"

    @property
    def trouble_at(self) -> float:
        return max(lane.trouble_at for lane in self._lanes.values())

    def run(self, op: Op[R], lane: str = "write") -> R:
        return self._lane(lane).run(op)

    async def arun(self, op: Op[R], lane: str = "write") -> R:
        return await self._lane(lane).arun(op)

    def _lane(self, name: str) -> Lane:
        if name != "read" or self._path is None:
            refuse_inside(self._gate)
        return self._lanes["read" if name == "read" else "write"]

    def borrow(self, connection: Any) -> Borrowed:
        return Borrowed(self.desk, connection)

    def ring(self) -> None:
        wake_all(tuple(self._listeners))
        if self._bells is not None:
            self._bells.ring()

    def listen(self, wake: Callable[[], None]) -> Listener:
        self._listeners.append(wake)
        if self._path is None:
            return _LocalListener(self._listeners, wake)
        watch = _Watch(self._path, gate_for(self._path))
        bell = BellListener(self._path, new_id(), wake, watch.changed)
        return _LocalListener(self._listeners, wake, bell, watch)

    def live(self, boot: str) -> Listener:
        return Silence() if self._path is None else Life(self._path, boot)

    def mourn(self, bury: Callable[[str], None]) -> int | None:
        return None if self._path is None else sweep(self._path, bury)

    def migrate(self) -> list[str]:
        if self._path is None:
            self.check()  # what is in memory was migrated when it was made
            return []
        with self._opening:
            connection = self._connect()
            try:
                made = self._migrate(connection)
                self._judge(connection)
            finally:
                connection.close()
            self._ready = True
            return made

    def keep_apart(self, roles: str) -> list[str]:
        raise errors.MisuseError(
            "SQLite has no roles: app.tenant(name) keeps tenants apart there, and who can open the file reads all of it"
        )

    def reset(self) -> list[str]:
        with self._opening:
            connection = self._memory or self._connect()
            try:
                return self._migrate(connection, afresh=True)
            finally:
                if connection is not self._memory:
                    connection.close()

    def check(self) -> None:
        self._lanes["write"].run(Op("check", _nothing))

    def checks(self) -> list[Check]:
        from holdfast.storage.sqlite.checks import checks

        return checks(self._path, self._synchronous, self._relative)

    def backup(self, target: Path, force: bool, told: Callable[[int, int], None]) -> int:
        from holdfast.storage.sqlite.backup import backup

        if self._path is None:
            raise errors.MisuseError("a database in memory has no backup: it ends with its app")
        return backup(self._path, target, force, told)

    def strain(self) -> Iterable[Finding]:
        from holdfast.storage.sqlite.checks import strain

        return strain(self._path) if self._path is not None else ()

    def close(self) -> None:
        self.desk.looks.close()
        for lane in set(self._lanes.values()):
            lane.close()
        if self._bells is not None:
            self._bells.close()
        if self._memory is not None:
            self._memory.close()

    def forget(self) -> None:
        """In a forked child: connections, locks and threads are the parent's."""
        _left_behind.append((self._memory, self._bells))
        self._ready = self._ready and self._path is not None
        self._memory = None
        self._opening = threading.Lock()
        if self._path is None:
            self._gate = threading.Lock()
        self.desk = self._make_desk()
        self._listeners = []
        self._bells = None if self._path is None else Bells(self._path)
        for lane in set(self._lanes.values()):
            lane.forget()

    def _make_desk(self) -> SqliteDesk:
        return SqliteDesk(self._clock, self._path, self._gate, self._connect_own, self.ring, self._opened)

    def _opened(self, now: bool) -> bool:
        """Whether it was opened, and so migrated; `now`: do it if it was not."""
        if now and not self._ready:
            self.check()
        return self._ready

    def _patience(self) -> float:
        return PATIENCE if self._ready else 0.0

    def _open(self, reads: bool = False) -> SqliteSession:
        with self._opening:
            connection = self._memory or self._connect()
            try:
                if not self._ready:
                    if self._migrates:
                        self._migrate(connection)
                    with afoot:
                        self._judge(connection)
                    self._ready = True
            except BaseException:
                connection.close()
                raise
            if self._path is None:
                self._memory = connection  # it is the database: no lost session may close it
            return SqliteSession(connection, self._clock, self._gate, lasting=self._path is None, reads=reads)

    def _connect_own(self) -> OwnConnection:
        """For a transaction of the user's; in memory there is one connection for all."""
        self._opened(now=True)
        return self._memory or self._connect()

    def _connect(self) -> OwnConnection:
        if sqlite3.sqlite_version_info < OLDEST:
            raise errors.ConfigError(
                f"Python's SQLite is {sqlite3.sqlite_version}; Holdfast needs 3.35 or later: use a newer Python build"
            )
        if self._path is None:
            return sqlite3.connect(
                ":memory:",
                isolation_level=None,
                check_same_thread=False,
                cached_statements=200,
                factory=OwnConnection,
            )
        if not self._ready:
            refuse_network(self._path, self._on_network)
        refuse_bad_place(self._path)
        with afoot:
            return self._connect_to(self._path)

    def _connect_to(self, path: Path) -> OwnConnection:
        try:
            connection = sqlite3.connect(
                path,
                BACKSTOP,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=200,
                factory=OwnConnection,
            )
        except sqlite3.Error as error:
            raise errors.DatabaseUnavailable(f"{self.where} cannot be opened: {error}") from error
        try:
            if connection.execute("pragma journal_mode").fetchone() != ("wal",):
                with self._gate:
                    connection.execute("pragma journal_mode = wal")
            connection.execute(f"pragma synchronous = {_level(self._synchronous)}")
        except BaseException as error:
            connection.close()
            raise translated(error) from error
        return connection

    def _migrate(self, connection: sqlite3.Connection, afresh: bool = False) -> list[str]:
        """Run the missing steps in one transaction. SQLite's schema changes are transactional.

        afresh: drop all tables first, in the same transaction.
        """
        made: list[str] = []
        try:
            applied = _applied(connection)
            if afresh or applied is None or applied < migrations(PACKAGE)[-1].number:
                session = SqliteSession(connection, self._clock, self._gate)
                session.begin()
                try:
                    if afresh:
                        drop(connection)
                    made = _run_missing(connection)
                    session.commit()
                except BaseException:
                    session.rollback()
                    raise
        except ConnectionLost as lost:
            raise lost.cause from lost
        except sqlite3.Error as error:
            raise translated(error) from error
        return made

    def _judge(self, connection: sqlite3.Connection) -> None:
        try:
            applied = _applied(connection)
        except sqlite3.Error as error:
            raise translated(error) from error
        judge(applied, PACKAGE, self.where, "Run: holdfast migrate")


class _LocalListener:
    """Takes a wake-up off the list of this process, with the bell and the watch behind it."""

    def __init__(self, listeners: list[Callable[[], None]], wake: Callable[[], None], *parts: Listener) -> None:
        self._listeners = listeners
        self._wake = wake
        self._parts = parts

    def close(self) -> None:
        if self._wake in self._listeners:
            self._listeners.remove(self._wake)
        for part in self._parts:
            part.close()


class _Watch:
    """Sees by a connection of its own that another process committed: of this one's commits the store tells itself,
    and an idle worker would wake for its own leader's writes."""

    def __init__(self, path: Path, gate: Gate) -> None:
        self._path = path
        self._gate = gate
        self._passes = -1
        self._connection: sqlite3.Connection | None = None
        self._seen = -1

    def changed(self) -> bool:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            version: int = self._connection.execute("pragma data_version").fetchone()[0]
        except sqlite3.Error:
            return False
        before, self._seen = self._seen, version
        passes, self._passes = self._passes, self._gate.passes
        return before not in (-1, version) and passes == self._gate.passes

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _nothing(again: bool) -> Steps[None]:
    yield from no_statements()


def _level(name: str) -> str:
    if name.lower() not in ("full", "normal", "extra", "off"):
        raise errors.ConfigError(f"synchronous={name!r} in the URL: expected full, normal, extra or off")
    return name


def _applied(connection: sqlite3.Connection) -> int | None:
    there = connection.execute("select 1 from sqlite_master where name = 'holdfast_migrations'").fetchone()
    if there is None:
        return None
    newest: int | None = connection.execute("select max(number) from holdfast_migrations").fetchone()[0]
    return newest


def _run_missing(connection: sqlite3.Connection) -> list[str]:
    connection.execute(
        "create table if not exists holdfast_migrations "
        "(number integer primary key, name text not null, applied_at integer not null)"
    )
    applied = _applied(connection) or 0
    made: list[str] = []
    for step in migrations(PACKAGE):
        if step.number > applied:
            for command in commands(step.sql):
                connection.execute(command)
            connection.execute(
                "insert into holdfast_migrations values (?, ?, ?)", (step.number, step.name, machine_micros())
            )
            made.append(step.name)
    connection.execute(
        "insert into holdfast_meta (name, value) values ('installation', ?) on conflict do nothing", (new_id(),)
    )
    return made


def commands(script: str) -> list[str]:
    """The single commands of a script; triggers hold semicolons of their own."""
    found: list[str] = []
    current = ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current.strip())
            current = ""
    return found


_open_stores: "weakref.WeakSet[SqliteStore]" = weakref.WeakSet()
_left_behind: list[object] = []
"""What a fork left us of the parent's connections: kept unclosed, so that nothing of the parent's is touched."""


def _forget_all() -> None:
    for store in list(_open_stores):
        store.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
