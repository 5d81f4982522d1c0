"""A copy of a database that is in use: whole, of one moment, checked before it gets its name."""

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

from holdfast import errors
from holdfast.storage.sqlite.gate import rights_of, widen
from holdfast.storage.sqlite.session import translated

PAGES = 256
"""Pages copied between two tellings of progress."""

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file, and would apply to another that took its place."""

Progress = Callable[[int, int], None]


def backup(source: Path, target: Path, force: bool, told: Progress) -> int:
    """Copy `source` to `target` while others work on it; answers the copy's size in bytes.

    The copy is of the moment at which it began. It is made under another name beside the target, checked, and put in
    place at once, so that there is never half a copy under the target's name.

    told: called with the pages copied and the pages in all.

    Raises MisuseError for a target that must not be written, DatabaseUnavailable where the disk is full or the file
    cannot be read, NotADatabase where the copy, and so the source, is damaged.
    """
    target = Path(os.path.abspath(target))
    _refuse(source, target, force)
    try:
        with _temporary(target, rights_of(source)) as copy:
            _copy(source, copy, told)
            _verify(copy)
            _sync(copy)
            _put(copy, target, force)
            _sync(target.parent)
            return target.stat().st_size
    except (sqlite3.Error, OSError) as error:
        reason = translated(error)
        raise (
            reason if isinstance(reason, errors.HoldfastError) else errors.DatabaseUnavailable(str(error))
        ) from error


def _refuse(source: Path, target: Path, force: bool) -> None:
    if not target.parent.is_dir():
        raise errors.MisuseError(f"the folder {target.parent} does not exist: make it first")
    if target.is_dir():
        raise errors.MisuseError(f"{target} is a folder: name a file in it")
    ours = [source, *(source.with_name(source.name + end) for end in (*BESIDE, "-gate", "-bells", "-alive"))]
    if any(os.path.realpath(target) == os.path.realpath(each) for each in ours):
        raise errors.MisuseError(f"{target} belongs to the database itself: name another file")
    used = [end for end in BESIDE if target.with_name(target.name + end).exists()]
    if used:
        raise errors.MisuseError(
            f"beside {target} there is {target.name}{used[0]}: a database there is in use or was not closed, and what "
            "it has not written yet would damage the copy. Name another file"
        )
    if target.exists() and not force:
        raise errors.MisuseError(f"{target} exists: name another file, or give --force to replace it")


@contextmanager
def _temporary(target: Path, rights: int) -> Generator[Path]:
    """An empty file beside the target with the rights of the source; gone in the end, unless it was renamed."""
    copy = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        widen(copy, rights)
        yield copy
    finally:
        for end in ("", *BESIDE):
            with contextlib.suppress(OSError):
                copy.with_name(copy.name + end).unlink()


def _copy(source: Path, copy: Path, told: Progress) -> None:
    """In one transaction that reads: what others write meanwhile goes to the log, and nothing begins anew for it."""
    with closing(_opened(source)) as read, closing(_opened(copy)) as written:
        read.execute("begin")
        read.execute("select count(*) from sqlite_master").fetchone()
        read.backup(written, pages=PAGES, progress=lambda status, left, total: told(total - left, total))
        written.execute("pragma journal_mode = delete")  # nothing beside the copy; an app makes it `wal` again


def _verify(copy: Path) -> None:
    with closing(_opened(copy)) as connection:
        found = [line for (line,) in connection.execute("pragma integrity_check(5)")]
    if found != ["ok"]:
        raise errors.NotADatabase(f"the database is damaged, and no copy was kept: {'; '.join(map(str, found))}")


def _put(copy: Path, target: Path, force: bool) -> None:
    if force:
        os.replace(copy, target)
        return
    try:
        os.link(copy, target)  # unlike a rename it fails where somebody has made the target meanwhile
    except FileExistsError:
        raise errors.MisuseError(f"{target} was made meanwhile by somebody else, and is left as it is") from None
    except OSError:  # a file system without links
        _refuse(copy, target, force)
        os.replace(copy, target)


def _sync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # not every system can do it to a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=10.0)
