"""Doorbells between the processes that share one SQLite file.

Each listener binds a datagram socket in `<database>-bells/`; whoever commits work sends one byte to each. It is a
hint, half a millisecond quick; behind it the listener polls `PRAGMA data_version`. Sockets are bound and reached
through a directory descriptor, because a socket's path may have 107 bytes at most.
"""

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from holdfast.storage.base import wake_all
from holdfast.storage.sqlite.gate import rights_of, widen

log = logging.getLogger("holdfast.storage")

BEHIND = 0.05
"""Seconds between two looks at the data version, should a bell not ring."""


def bell_folder(database: Path) -> Path:
    return database.with_name(database.name + "-bells")


class Bells:
    """Rings every listener of one database, in this and other processes."""

    def __init__(self, database: Path) -> None:
        self._folder = bell_folder(database)
        self._socket: socket.socket | None = None

    def ring(self) -> None:
        """Send to all; a listener that is gone is swept away, one whose buffer is full is awake already."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return
        if not names:
            return
        try:
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            if self._socket is None:
                self._socket = _datagram()
            for name in names:
                self._ring_one(folder, name)
        finally:
            os.close(folder)

    def _ring_one(self, folder: int, name: str) -> None:
        assert self._socket is not None
        try:
            self._socket.sendto(b"!", _reach(folder, self._folder, name))
        except BlockingIOError:
            pass
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
        except OSError as error:
            log.debug("bell %s: %s", name, error)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class BellListener:
    """Calls `wake` when a bell rings or `changed()` says that another connection committed."""

    def __init__(self, database: Path, name: str, wake: Callable[[], None], changed: Callable[[], bool]) -> None:
        self._database = database
        self._folder = bell_folder(database)
        self._name = name
        self._wake = wake
        self._changed = changed
        self._closing = threading.Event()
        self._socket = self._bind()
        self._thread = threading.Thread(target=self._listen, name="holdfast-bell", daemon=True)
        self._thread.start()

    def _bind(self) -> socket.socket | None:
        if not hasattr(socket, "AF_UNIX"):
            return None
        try:
            rights = rights_of(self._database)
            self._folder.mkdir(exist_ok=True)
            widen(self._folder, rights | (rights & 0o444) >> 2)
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                bell = _datagram()
                place = _reach(folder, self._folder, self._name)
                bell.bind(place)
                widen(Path(place), rights)
                bell.setblocking(True)
                bell.settimeout(BEHIND)
                return bell
            finally:
                os.close(folder)
        except OSError as error:
            log.warning("no doorbell beside the database (%s); new work is seen by polling instead", error)
            return None

    def _listen(self) -> None:
        while not self._closing.is_set():
            if self._heard() or self._changed():
                if self._closing.is_set():
                    return
                wake_all((self._wake,))

    def _heard(self) -> bool:
        if self._socket is None:
            self._closing.wait(BEHIND)
            return False
        try:
            self._socket.recv(16)
        except TimeoutError:
            return False
        except OSError:
            self._closing.wait(BEHIND)
            return False
        self._drain()
        return True

    def _drain(self) -> None:
        assert self._socket is not None
        self._socket.setblocking(False)
        with contextlib.suppress(OSError):
            while True:
                self._socket.recv(16)
        self._socket.settimeout(BEHIND)

    def close(self) -> None:
        self._closing.set()
        if self._thread is not threading.current_thread():
            self._thread.join(1.0)
        if self._socket is not None:
            self._socket.close()
            with contextlib.suppress(OSError):
                os.unlink(self._folder / self._name)


def _datagram() -> socket.socket:
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bell.setblocking(False)
    return bell


def _reach(folder: int, path: Path, name: str) -> str:
    """A path to the socket that is short enough."""
    direct = str(path / name)
    if len(os.fsencode(direct)) < 100:
        return direct
    return f"/proc/self/fd/{folder}/{name}"
