"""Wake-ups through NOTIFY: coalesced when sent, re-subscribed for ever when heard, and never relied upon."""

import contextlib
import logging
import random
import threading
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import psycopg
from psycopg import sql

from holdfast.errors import HoldfastError
from holdfast.storage.base import wake_all
from holdfast.storage.postgres.deadline import cut, within
from holdfast.storage.postgres.source import Source, direct

log = logging.getLogger("holdfast.storage")

APART = 0.01
"""Seconds between two notifications of one process: each takes a server-wide lock at its commit."""

POLLED = "new work is polled for, unless listen_url= names a direct way to the server"


def channel_of(schema: str) -> str:
    """Short and fixed: a longer name would be cut silently by LISTEN. The SQL function `enqueue` computes it, too."""
    return "holdfast_" + sha256(schema.encode()).hexdigest()[:16]


class Notifier:
    """Sends at most one notification per `APART`, the first at once, after the commits that asked for it."""

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._asked = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def ask(self) -> None:
        if self._asked.is_set():
            return
        self._asked.set()
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._closed.is_set():
                thread = threading.Thread(target=self._work, name="holdfast-notify", daemon=True)
                thread.start()
                self._thread = thread

    def close(self) -> None:
        """Stop; what was asked for just now is still sent."""
        self._closed.set()
        self._asked.set()
        with self._starting:
            thread = self._thread
        if thread is not None:
            thread.join(2.0)

    def _work(self) -> None:
        asked_once_more = True
        while asked_once_more:
            self._asked.wait()
            asked_once_more = not self._closed.is_set()
            self._asked.clear()
            try:
                self._send()
            except HoldfastError as error:
                log.debug("a wake-up was not sent (%s); workers poll", error)
            self._closed.wait(APART)


class NotifyListener:
    """Calls `wake` for each notification and after each new connection, since some may have been missed.

    trusted: the source was named for listening; any other is left where it turns out to lead through a pooler, which
    would swallow every notification.
    """

    def __init__(self, source: Source, channel: str, wake: Callable[[], None], trusted: bool = False) -> None:
        self._source = source
        self._trusted = trusted
        self._channel = channel
        self._wake = wake
        self._closing = threading.Event()
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = threading.Thread(target=self._listen, name="holdfast-listen", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        pause = 0.1
        while not self._closing.is_set():
            try:
                self._hear(self._source.acquire())
                pause = 0.1
            except (psycopg.Error, HoldfastError, OSError) as error:
                if self._closing.is_set():
                    return
                log.info("wake-ups are lost until a new connection listens (%s); polling goes on", error)
                self._closing.wait(pause * random.uniform(0.5, 1.5))
                pause = min(pause * 2, 10.0)

    def _hear(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection
        try:
            if not (self._trusted or direct(connection)):
                self._closing.set()
                log.warning("%s is behind a pooler, where wake-ups get lost: %s", self._source.where, POLLED)
                return
            with within(connection):
                connection.execute(sql.SQL("listen {}").format(sql.Identifier(self._channel)))
            wake_all((self._wake,))
            while not self._closing.is_set():
                for _ in connection.notifies(timeout=1.0, stop_after=1):
                    wake_all((self._wake,))
        finally:
            self._connection = None
            with contextlib.suppress(Exception):
                connection.close()
            if self._source.pooled:
                self._source.release(connection, broken=True)

    def close(self) -> None:
        self._closing.set()
        connection = self._connection
        if connection is not None:
            cut(connection)
        self._thread.join(2.0)
