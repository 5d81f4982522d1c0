"""Which workers of one SQLite file live: each holds a lock on a file of its own that only a living process can hold.

The files are in `<database>-alive/`, each named after its worker's boot id. The lock is a POSIX record lock: it
belongs to the process, no forked child inherits it, and the kernel drops it when the process ends, however that
comes about. A stopped process (SIGSTOP) keeps it. So a lock that another process can take means that its owner is dead.

POSIX locks are dropped too when their process closes *any* descriptor of the file. Hence no process ever opens a
file of its own a second time, and none opens a file that might be something else by another name: neither a link, nor
one with a second name, which might be the database itself.
"""

import contextlib
import errno
import itertools
import os
import platform
import re
import stat
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from holdfast.storage.base import log
from holdfast.storage.sqlite.gate import rights_of, widen

MOST_FILES = 2000
"""Files looked at in one sweep: whatever fills the folder shall not hold up the leader."""

UNFINISHED = 600.0
"""Seconds after which a file that never got its name is swept away."""

FOREIGN = 86400.0
"""Seconds after which a file of another machine, or of this one before it was started anew, is swept away."""

_NAME = re.compile(r"[0-9a-f-]{36}", re.ASCII)
_MOST_CONTENT = 256

if sys.platform == "win32":  # no record locks: there, a dead worker's leases run out

    def take(descriptor: int) -> bool:
        return False
else:
    from fcntl import LOCK_EX, LOCK_NB, lockf

    def take(descriptor: int) -> bool:
        """Take the lock, if no living process has it."""
        try:
            lockf(descriptor, LOCK_EX | LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            raise
        return True


def alive_folder(database: Path) -> Path:
    return database.with_name(database.name + "-alive")


class Life:
    """A worker of this process lives, until it is closed or the process ends."""

    def __init__(self, database: Path, boot: str) -> None:
        self._path = alive_folder(database) / boot
        self._descriptor: int | None = None
        if sys.platform == "win32":
            return
        try:
            self._descriptor = self._begin(rights_of(database))
        except OSError as error:
            log.warning("no liveness file beside the database (%s): if this worker dies, its leases run out", error)

    def _begin(self, rights: int) -> int:
        """The file gets its name only once it is locked: until then nobody looks at it."""
        folder = self._path.parent
        folder.mkdir(exist_ok=True)
        widen(folder, rights | (rights & 0o444) >> 2)
        unnamed = folder / f".{self._path.name}"
        descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, rights)
        try:
            os.write(descriptor, f"{machine()} {os.getpid()}\n".encode()[:_MOST_CONTENT])
            if not take(descriptor):
                raise OSError(errno.EAGAIN, "another process has its lock")
            widen(unnamed, rights)
            _ours.add(_identity(os.fstat(descriptor)))
            os.rename(unnamed, self._path)
        except BaseException:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                os.unlink(unnamed)
            raise
        return descriptor

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None or _identity(os.fstat(descriptor)) not in _ours:
            return  # it is the parent's: this process was forked from it
        with contextlib.suppress(OSError):
            os.unlink(self._path)
        _ours.discard(_identity(os.fstat(descriptor)))
        os.close(descriptor)


_ours: set[tuple[int, int]] = set()
"""The files that this process holds locks on."""


def sweep(database: Path, bury: Callable[[str], None]) -> int | None:
    """Call `bury` with each worker that died, and remove its file; answers how many, None where nobody can know.

    While `bury` runs, the dead one's lock is ours, so that no two processes bury the same. Where it raises, the file
    stays for the next sweep.
    """
    if sys.platform == "win32":
        return None
    try:
        folder = os.open(alive_folder(database), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        with os.scandir(folder) as found:
            names = [each.name for each in itertools.islice(found, MOST_FILES)]
        return sum(_buried(folder, name, bury) for name in names)
    except OSError as error:
        log.debug("the workers beside %s cannot be looked at: %s", database, error)
        return 0
    finally:
        os.close(folder)


def _buried(folder: int, name: str, bury: Callable[[str], None]) -> bool:
    """Bury the worker whose file this is, if it is dead."""
    try:
        seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not _plausible(seen):
            return False
        if not _NAME.fullmatch(name):
            _remove_old(folder, name, seen)
            return False
        descriptor = os.open(name, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:  # gone meanwhile, or not ours to open
        return False
    if _identity(os.fstat(descriptor)) != _identity(seen):
        return False  # put in its place meanwhile; left open, for closing it might drop locks of ours
    try:
        if os.pread(descriptor, _MOST_CONTENT, 0).partition(b" ")[0] != machine().encode():
            _remove_if_older(folder, name, seen, FOREIGN)  # its lock would say nothing: it may be held elsewhere
            return False
        if not take(descriptor):
            return False
        bury(name)
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(descriptor)


def _plausible(seen: os.stat_result) -> bool:
    return (
        stat.S_ISREG(seen.st_mode)
        and seen.st_nlink == 1
        and seen.st_size <= _MOST_CONTENT
        and _identity(seen) not in _ours
    )


def _remove_old(folder: int, name: str, seen: os.stat_result) -> None:
    if _NAME.fullmatch(name[1:]) and name[0] == ".":
        _remove_if_older(folder, name, seen, UNFINISHED)


def _remove_if_older(folder: int, name: str, seen: os.stat_result, age: float) -> None:
    if time.time() - seen.st_mtime > age:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)


def _identity(seen: os.stat_result) -> tuple[int, int]:
    return seen.st_dev, seen.st_ino


@cache
def machine() -> str:
    """This machine since it was started. On a network file system another one may see the same folder."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return re.sub(r"\s", "-", platform.node()) or "unknown"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ours.clear)
