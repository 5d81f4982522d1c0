"""What `holdfast doctor` looks at in a SQLite database."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from holdfast.ids import new_id
from holdfast.model.finding import Check, Finding, fine, problem, size, warning
from holdfast.storage.migrate import migrations
from holdfast.storage.sqlite.bells import BellListener, Bells
from holdfast.storage.sqlite.drift import drift
from holdfast.storage.sqlite.gate import gate_for
from holdfast.storage.sqlite.place import NETWORK, SHARED, file_system, readers, wal_size
from holdfast.storage.sqlite.session import PACKAGE

LARGE_WAL = 64 * 1024**2
"""Bytes of the log above which something keeps it from being written back: it is 4 MB as a rule."""

LEAST_FREE = 100 * 1024**2
LITTLE_FREE = 1024**3
MOST_CHECKED = 256 * 1024**2
HEARD_WITHIN = 2.0
TRIES = 10


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug of SQLite that can damage what we keep, and the versions that have it."""

    name: str
    first: tuple[int, ...]
    fixed: tuple[int, ...]
    backports: tuple[tuple[int, ...], ...]
    harm: str
    serious: bool

    def in_version(self, version: tuple[int, ...]) -> bool:
        if not self.first <= version < self.fixed:
            return False
        return not any(version[:2] == fixed[:2] and version >= fixed for fixed in self.backports)


BUGS = (
    Bug("savepoint bug", (3, 35, 0), (3, 37, 2), (),
        "rolling back a savepoint with temp_store=memory may damage the file; Holdfast does neither, a transaction of "
        "yours might", False),
    Bug("WAL-reset bug", (3, 7, 0), (3, 51, 3), ((3, 44, 6), (3, 50, 7)),
        "two processes that write or checkpoint in the same instant may, very rarely, damage the file", False),
    Bug("withdrawn release", (3, 52, 0), (3, 52, 1), (), "SQLite's authors have taken this version back", False),
)  # fmt: skip
"""From https://sqlite.org/changes.html and https://sqlite.org/wal.html#walresetbug."""

NEWER_PYTHON = "use a Python that is built with a newer SQLite (3.51.3), such as one from python.org, uv or conda"


def checks(path: Path | None, synchronous: str, relative: bool) -> list[Check]:
    """Every check, in the order in which they are told."""
    known = [Check("SQLite", lambda: version(sqlite3.sqlite_version_info), needs_tables=False)]
    if path is None:
        return known
    looks: list[tuple[str, Callable[[Path], Iterator[Finding]], bool]] = [
        ("file", place, False),
        ("disk space", disk_space, False),
        ("damage", damage, False),
        ("schema", schema, True),
        ("write-ahead log", write_ahead_log, False),
        ("wake-ups", wake_ups, False),
    ]
    known += [Check(name, partial(look, path), needs) for name, look, needs in looks]
    if relative:
        known.insert(1, Check("path", lambda: relative_path(path), needs_tables=False))
    return [*known, Check("durability", lambda: durability(synchronous), needs_tables=False)]


def version(found: tuple[int, ...]) -> Iterator[Finding]:
    text = ".".join(map(str, found[:3]))
    bugs = [bug for bug in BUGS if bug.in_version(found[:3])]
    for bug in bugs:
        yield warning(f"SQLite {text} has the {bug.name}: {bug.harm}", NEWER_PYTHON)
    if not bugs:
        yield fine(f"SQLite {text}")


def relative_path(path: Path) -> Iterator[Finding]:
    yield warning(
        f"the URL names a path relative to the working directory; from here it is {path}",
        f"a process started elsewhere opens another file: write sqlite:///{path}",
    )


def place(path: Path) -> Iterator[Finding]:
    kind = file_system(path)
    if kind in NETWORK:
        yield problem(
            f"{path} lies on a network file system ({kind}), where SQLite's locks do not hold: jobs get lost and the "
            "file is damaged",
            "move the file to a disk of this machine, or use PostgreSQL",
        )
    elif kind in SHARED:
        yield warning(
            f"{path} lies in a folder shared with a host ({kind})",
            "let processes on one side only use it, or move it to a disk of this machine",
        )
    else:
        yield fine(f"{path}, {size(path.stat().st_size)}" + (f", on {kind}" if kind else ""))


def disk_space(path: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(path.parent).free
    if free < LEAST_FREE:
        yield problem(f"{size(free)} are free on the disk: soon nothing can be stored", "make room")
    elif free < LITTLE_FREE:
        yield warning(f"{size(free)} are free on the disk", "make room, or watch it")
    else:
        yield fine(f"{size(free)} free")


def damage(path: Path) -> Iterator[Finding]:
    amount = path.stat().st_size
    if amount > MOST_CHECKED:
        yield fine(f"not looked for in {size(amount)}; sqlite3 {path} 'pragma quick_check' does")
        return
    try:
        with closing(opened(path)) as connection:
            (first, *_) = connection.execute("pragma quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        first = str(error)
    if first == "ok":
        yield fine("none found")
    else:
        yield problem(
            f"the file is damaged: {first}",
            "stop the workers, keep a copy of all its files, and restore the last backup or use sqlite3's .recover",
        )


def schema(path: Path) -> Iterator[Finding]:
    with closing(opened(path)) as connection:
        (applied,) = connection.execute("select max(number) from holdfast_migrations").fetchone()
        steps = [step for step in migrations(PACKAGE) if step.number <= applied]
        found = drift(connection, steps)
    yield from found or [fine(f"as migration {steps[-1].name} makes it")]


def write_ahead_log(path: Path) -> Iterator[Finding]:
    """Whether it can be written back: a reader that holds on to an old state prevents that. The gate is held, so that
    no writer of ours is in the way, nor we in his."""
    holders = None
    with closing(opened(path)) as connection:
        for _ in range(TRIES):
            with gate_for(path):
                _, pages, done = connection.execute("pragma wal_checkpoint(passive)").fetchone()
            if done >= pages:
                holders = None
                break
            holders = readers(path)
            time.sleep(0.1)
    amount = wal_size(path)
    if holders is not None:
        who = ", ".join(map(str, holders)) or "a process that cannot be told"
        yield warning(
            f"{who} holds on to an old state: the log cannot be written back, is {size(amount)} long and grows",
            "let it end its transaction; long reading is better done on a copy (holdfast backup)",
        )
    elif amount > LARGE_WAL:
        yield warning(f"the log is {size(amount)} long, for it could not be written back for some time; now it can",
                      "it keeps its length, and is used again from its beginning; sqlite3's pragma "
                      "wal_checkpoint(truncate) cuts it")  # fmt: skip
    else:
        yield fine(f"{size(amount)}, can be written back")


def strain(path: Path) -> Iterator[Finding]:
    """The same at a glance, for a worker that runs: a log too long, and who reads meanwhile."""
    amount = wal_size(path)
    if amount > LARGE_WAL:
        who = ", ".join(map(str, readers(path))) or "nobody that can be told"
        yield warning(
            f"the write-ahead log of {path} is {size(amount)} long; reading just now: {who}",
            "a transaction that stays open keeps it from being written back; holdfast doctor says more",
        )


def wake_ups(path: Path) -> Iterator[Finding]:
    """Ring once and listen, as another process would."""
    heard = threading.Event()
    bells = Bells(path)
    listener = BellListener(path, new_id(), heard.set, changed=lambda: False)
    try:
        began = time.monotonic()
        bells.ring()
        if heard.wait(HEARD_WITHIN):
            yield fine(f"heard after {(time.monotonic() - began) * 1000:.0f} ms")
        else:
            yield warning(
                f"a bell that was rung in {path.name}-bells was not heard: workers see new jobs by polling only",
                "check who owns that folder, and that it lies on a file system with sockets",
            )
    finally:
        listener.close()
        bells.close()


def durability(synchronous: str) -> Iterator[Finding]:
    match synchronous.lower():
        case "off":
            yield problem(
                "synchronous=off in the URL: a power cut may lose jobs and damage the file",
                "take it out of the URL; full is the default",
            )
        case "normal":
            yield warning(
                "synchronous=normal in the URL: a power cut may lose what was stored in its last moments",
                "take it out of the URL, if that matters",
            )
        case level:
            yield fine(f"synchronous={level}: what is stored survives a power cut")


def opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=5.0)
