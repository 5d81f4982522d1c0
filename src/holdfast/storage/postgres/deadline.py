"""No call waits for ever: a connection over which no answer comes in time is cut, and its caller finds it lost.

The server's own limit (`statement_timeout`) comes first, for it leaves the connection whole. It does not help where
the server or the way to it stands still: there the kernel goes on acknowledging what nobody reads, and neither
keepalives nor `tcp_user_timeout` see anything wrong. One thread a process looks once a second.
"""

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from holdfast.clock import monotonic

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection

log = logging.getLogger("holdfast.storage")

SERVER = 30
"""Seconds after which the server gives a statement of ours up."""

CALL = SERVER + 5.0
"""Seconds after which a call is given up here."""

LEASE_CALL = 10.0
"""The same for renewals: of leases that last 30 s and are renewed at a third, none may run out over one such call."""

LOOK = 1.0


class Deadline:
    """One caller's calls, one at a time: `since` is when the one under way began."""

    __slots__ = ("__weakref__", "connection", "limit", "mutex", "since")

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.since: float | None = None
        self.connection: Connection[Any] | AsyncConnection[Any] | None = None
        self.mutex = threading.Lock()
        """Held while the connection is cut, so that it is not closed, and its number another's, meanwhile."""

    def watch(self, connection: "Connection[Any] | AsyncConnection[Any]") -> None:
        """From now on calls are made on this connection."""
        self.connection = connection
        _watch(self)

    def forget(self) -> None:
        """The connection is about to be closed."""
        with self.mutex:
            self.connection = None
        with _mutex:
            _deadlines.discard(self)

    def look(self) -> None:
        """Cut the connection of a call that takes too long."""
        with self.mutex:
            since, connection = self.since, self.connection
            if since is None or connection is None or monotonic() - since < self.limit:
                return
            log.warning("no answer from PostgreSQL for %.0f s: the connection is given up", monotonic() - since)
            cut(connection)
            self.since = None


def cut(connection: "Connection[Any] | AsyncConnection[Any]") -> None:
    """End a connection under whoever waits at it, who sees at once that it is lost."""
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


@contextmanager
def within(connection: "Connection[Any] | AsyncConnection[Any]", limit: float = CALL) -> Generator[None, None, None]:
    """Calls on this connection, all together, end in time."""
    deadline = Deadline(limit)
    deadline.since = monotonic()
    deadline.watch(connection)
    try:
        yield
    finally:
        deadline.forget()


_mutex = threading.Lock()
_deadlines: "WeakSet[Deadline]" = WeakSet()
_thread: threading.Thread | None = None


def _watch(deadline: Deadline) -> None:
    global _thread
    with _mutex:
        _deadlines.add(deadline)
        if _thread is None:
            _thread = threading.Thread(target=_look_at_all, name="holdfast-deadlines", daemon=True)
            _thread.start()


def _look_at_all() -> None:
    """Until nobody is left to look after."""
    global _thread
    pause = threading.Event()
    while True:
        pause.wait(LOOK)
        with _mutex:
            watched = list(_deadlines)
            if not watched:
                _thread = None
                return
        for deadline in watched:
            deadline.look()
        del watched


def _after_fork() -> None:
    global _mutex, _deadlines, _thread
    _left_behind.append(_deadlines)
    _mutex, _thread = threading.Lock(), None
    fresh: WeakSet[Deadline] = WeakSet()
    _deadlines = fresh


_left_behind: list[object] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
