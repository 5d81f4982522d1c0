"""A fair gate before SQLite's one write lock.

SQLite's own busy handler sleeps and tries, and a process can starve behind it (worst wait of 4 writers: 3.2 s; with
this gate 0.2 s). The gate is a POSIX record lock on a side file: never `flock`, which a forked child would inherit
and keep shut after its parent's death. POSIX locks belong to the process and vanish when *any* descriptor of the
file is closed, so a process opens the side file once and keeps it; threads take turns at an ordinary lock first.
"""

import contextlib
import errno
import os
import stat
import sys
import threading
import time
from pathlib import Path

if sys.platform == "win32":  # no record locks: processes fall back on SQLite's busy handler

    def lock(descriptor: int) -> None: ...
    def lock_if_free(descriptor: int) -> bool:
        return True

    def unlock(descriptor: int) -> None: ...

else:
    from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, lockf

    def lock(descriptor: int) -> None:
        while True:
            try:
                lockf(descriptor, LOCK_EX)
                return
            except OSError as error:  # to the kernel two processes with threads at two gates each are a deadlock
                if error.errno != errno.EDEADLK:
                    raise
                time.sleep(0.001)

    def lock_if_free(descriptor: int) -> bool:
        try:
            lockf(descriptor, LOCK_EX | LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            return False
        return True

    def unlock(descriptor: int) -> None:
        lockf(descriptor, LOCK_UN)


def rights_of(database: Path) -> int:
    """Who may read and write the database: the same must have what lies beside it."""
    try:
        return database.stat().st_mode & 0o666
    except OSError:
        return 0o644


def widen(place: int | Path, rights: int) -> None:
    """Give it these rights as well, whatever the umask; what is another user's stays as it is."""
    with contextlib.suppress(OSError):
        had = stat.S_IMODE(os.stat(place).st_mode)
        if had | rights != had:
            os.chmod(place, had | rights)


PATIENCE = 30.0
"""Seconds that a transaction waits for those of other processes: nobody's takes more than five, and whoever has the
gate for so long was stopped in the middle of one."""


IDLE = 1.0
"""Seconds after which the thread that waits for other processes ends, when there is nothing to wait for."""


class Queue:
    """Waits for a record lock, but not for ever. The kernel knows no such wait, so a thread does the waiting, and is
    simply left in the queue by a caller who gives up: the next caller finds it there."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._asked = threading.Semaphore(0)
        self._got = threading.Event()
        self._thread: threading.Thread | None = None
        self._in_queue = False
        self._wanted = False
        self._error: OSError | None = None

    def lock(self, descriptor: int) -> None:
        with self._mutex:
            # With the thread in the queue the lock may be this process's at any moment, and must come through it.
            if not self._in_queue and lock_if_free(descriptor):
                return
            self._wanted = True
            if not self._in_queue:
                self._in_queue = True
                self._ask(descriptor)
        try:
            in_time = self._got.wait(PATIENCE)
        except BaseException:
            self._give_up(descriptor)
            raise
        if not in_time and not self._give_up(descriptor, keep=True):
            raise TimeoutError(
                f"another process has held it for {PATIENCE:g} s: is one stopped in the middle of a transaction?"
            )
        self._got.clear()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _ask(self, descriptor: int) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._wait, args=(descriptor,), name="holdfast-gate", daemon=True)
            self._thread.start()
        self._asked.release()

    def _give_up(self, descriptor: int, keep: bool = False) -> bool:
        """Want it no longer. Answers whether it has come just now; then it is let go, unless to `keep`."""
        with self._mutex:
            self._wanted = False
            came = self._got.is_set()
            if came and not keep:
                self._got.clear()
                unlock(descriptor)
            return came

    def _wait(self, descriptor: int) -> None:
        while self._asked.acquire(timeout=IDLE) or not self._leave():
            error = None
            try:
                lock(descriptor)
            except OSError as refused:  # the caller's to raise: without this thread nobody would get through again
                error = refused
            with self._mutex:
                self._in_queue = False
                if self._wanted:
                    self._wanted, self._error = False, error
                    self._got.set()
                elif error is None:
                    unlock(descriptor)

    def _leave(self) -> bool:
        """End the thread, unless it was asked just now."""
        with self._mutex:
            asked = self._asked.acquire(blocking=False)
            if not asked:
                self._thread = None
            return not asked


class Gate:
    """Held while one write transaction runs."""

    def __init__(self, path: Path, database: Path) -> None:
        self._path = path
        self._database = database
        self.passes = 0
        """How many transactions of this process have come through."""
        self._turn = threading.Lock()
        self._descriptor: int | None = None
        self._queue = Queue()

    def __enter__(self) -> None:
        """Raises TimeoutError where another process does not open it for `PATIENCE` seconds."""
        self._turn.acquire()
        self.passes += 1
        try:
            if self._descriptor is None:
                self._descriptor = self._open()
            self._queue.lock(self._descriptor)
        except BaseException:
            self._turn.release()
            raise

    def __exit__(self, *exc: object) -> None:
        try:
            if self._descriptor is not None:
                unlock(self._descriptor)
        finally:
            self._turn.release()

    def _open(self) -> int:
        rights = rights_of(self._database)
        found = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), rights)
        if sys.platform != "win32":
            widen(found, rights)
        return found

    def hold(self, patience: float) -> bool:
        """Before a fork: wait until no transaction runs; False where that takes too long, or the forking thread has
        one itself."""
        return self._turn.acquire(timeout=patience)

    def let_go(self) -> None:
        self._turn.release()

    def forget(self) -> None:
        """In a forked child: the descriptor is the parent's, and so is the turn."""
        self._turn = threading.Lock()
        self._descriptor = None
        self._queue = Queue()


_gates: dict[str, Gate] = {}
_registry = threading.Lock()


def gate_for(database: Path) -> Gate:
    """The one gate of this process for this file; it lives as long as the process."""
    path = database.with_name(database.name + "-gate")
    with _registry:
        return _gates.setdefault(os.path.realpath(path), Gate(path, database))


def all_gates() -> list[Gate]:
    return list(_gates.values())


def forget_gates() -> None:
    """After a fork: the child opens its own descriptors (closing the parent's would not drop the parent's lock)."""
    global _registry
    _registry = threading.Lock()
    for gate in _gates.values():
        gate.forget()
