"""A lock on a worker's own file says that its process lives; what else lies in that folder harms nobody."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.clock import DatabaseClock
from holdfast.ids import new_id
from holdfast.storage.sqlite import alive
from holdfast.storage.sqlite.alive import Life, alive_folder, machine, sweep
from holdfast.storage.sqlite.store import SqliteStore

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs record locks")

SOON = 10.0

LIVES = """
import os, sys
from pathlib import Path
from holdfast.storage.sqlite.alive import Life
lives = [Life(Path(sys.argv[1]), boot) for boot in sys.argv[2:]]
print("alive", flush=True)
if sys.stdin.readline():
    for life in lives:
        life.close()
"""

SWEEPS = """
import sys
from pathlib import Path
from holdfast.storage.sqlite.alive import sweep
sweep(Path(sys.argv[1]), print)
"""


class Other:
    """Another process with living workers."""

    def __init__(self, database: Path, *boots: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", LIVES, database, *boots], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "alive\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=SOON)

    def end(self) -> None:
        self.process.communicate("\n", timeout=SOON)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "holdfast.db"
    file.touch()
    return file


@pytest.fixture
def life(database: Path) -> Iterator[Life]:
    """A worker of this process."""
    life = Life(database, new_id())
    yield life
    life.close()


def dead(database: Path) -> list[str]:
    """Whom a sweep of this process finds dead."""
    found: list[str] = []
    assert sweep(database, found.append) == len(found)
    return found


def found_dead_elsewhere(database: Path) -> list[str]:
    """Whom a sweep of another process finds dead."""
    done = subprocess.run([sys.executable, "-c", SWEEPS, database], capture_output=True, text=True, check=True)
    return done.stdout.split()


def files(database: Path) -> list[str]:
    return sorted(os.listdir(alive_folder(database)))


def place(database: Path, content: str | None = None, name: str | None = None, age: float = 0.0) -> Path:
    """A file in the folder that nobody holds."""
    folder = alive_folder(database)
    folder.mkdir(exist_ok=True)
    file = folder / (name or new_id())
    file.write_text(f"{machine()} 1\n" if content is None else content)
    os.utime(file, (time.time() - age,) * 2)
    return file


def test_a_killed_process_is_dead_and_is_buried_once(database: Path, life: Life) -> None:
    boots = {new_id(), new_id()}
    other = Other(database, *boots)
    assert dead(database) == []
    other.kill()
    assert set(dead(database)) == boots
    assert dead(database) == []
    assert len(files(database)) == 1, "the living one's own"


def test_one_that_ends_in_order_leaves_nothing(database: Path) -> None:
    other = Other(database, new_id())
    assert len(files(database)) == 1
    other.end()
    assert files(database) == []


def test_a_stopped_process_lives(database: Path) -> None:
    other = Other(database, new_id())
    other.process.send_signal(signal.SIGSTOP)
    try:
        assert dead(database) == []
    finally:
        other.kill()


def test_a_process_that_sweeps_keeps_its_own_locks(database: Path, life: Life) -> None:
    assert dead(database) == []
    assert found_dead_elsewhere(database) == []


def test_programs_that_a_process_starts_take_no_lock_along(database: Path, life: Life) -> None:
    for close in (True, False):
        subprocess.run([sys.executable, "-c", "import os; os.closerange(3, 256)"], close_fds=close, check=True)
    assert found_dead_elsewhere(database) == []


def test_a_forked_child_neither_lives_on_as_its_parent_nor_buries_it(database: Path, life: Life) -> None:
    child = os.fork()
    if child == 0:
        found: list[str] = []
        sweep(database, found.append)
        life.close()  # as an exit handler might
        os._exit(len(found))
    assert os.waitpid(child, 0)[1] == 0
    assert len(files(database)) == 1
    assert found_dead_elsewhere(database) == []


def test_a_child_that_outlives_its_parent_does_not_keep_it_alive(database: Path) -> None:
    boot = new_id()
    script = LIVES.replace("if sys.stdin", "child = os.fork()\nif child == 0:\n    sys.stdin.readline()\n"
                           "    os._exit(0)\nif sys.stdin")  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", script, database, boot], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait(SOON)
    assert dead(database) == [boot]
    process.communicate("\n", timeout=SOON)  # the child ends too


def test_a_burial_that_fails_is_repeated(database: Path) -> None:
    boot = new_id()
    Other(database, boot).kill()

    def fail(boot: str) -> None:
        raise ValueError("the database is away")

    with pytest.raises(ValueError, match="away"):
        sweep(database, fail)
    assert dead(database) == [boot]


def test_nobody_else_buries_meanwhile(database: Path) -> None:
    boot = new_id()
    Other(database, boot).kill()
    beside: list[str] = []
    sweep(database, lambda boot: beside.extend(found_dead_elsewhere(database)))
    assert beside == []


def test_what_else_lies_there_is_let_be(database: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text(f"{machine()} 1\n")
    folder = alive_folder(database)
    folder.mkdir()
    (folder / new_id()).symlink_to(precious)
    (folder / new_id()).mkdir()
    os.mkfifo(folder / new_id())
    os.link(precious, folder / new_id())
    place(database, "x" * 100_000)
    place(database, "")
    place(database, "another-machine 1\n")
    place(database, name="README")
    place(database, name=f".{new_id()}")
    place(database, name="not-a-worker")
    before = files(database)
    assert dead(database) == []
    assert files(database) == before
    assert precious.read_text() == f"{machine()} 1\n"


def test_the_database_itself_under_another_name_keeps_its_locks(database: Path) -> None:
    """Closing any descriptor of it would drop SQLite's locks in this process."""
    with sqlite3.connect(database, isolation_level=None) as mine:
        mine.execute("create table t (n)")
        mine.execute("begin immediate")
        folder = alive_folder(database)
        folder.mkdir()
        os.link(database, folder / new_id())
        (folder / new_id()).symlink_to(database)
        assert dead(database) == []
        script = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('insert into t values (1)')"
        done = subprocess.run([sys.executable, "-c", script, database], capture_output=True, text=True)
        assert "database is locked" in done.stderr
        mine.execute("rollback")
    mine.close()


def test_what_was_left_behind_is_swept_away_in_time(database: Path) -> None:
    place(database, "another-machine 1\n", age=alive.FOREIGN + 60)
    place(database, "", name=f".{new_id()}", age=alive.UNFINISHED + 60)
    place(database, name="README", age=10 * alive.FOREIGN)
    assert dead(database) == []
    assert files(database) == ["README"]


def test_without_a_folder_nobody_is_known_dead(database: Path) -> None:
    assert dead(database) == []
    alive_folder(database).write_text("a file in its place")
    assert dead(database) == []
    Life(database, new_id()).close()  # a warning, and work goes on


def test_those_who_may_write_the_database_may_see_who_lives(database: Path, life: Life) -> None:
    database.chmod(0o660)
    second = Life(database, new_id())
    (file, _) = sorted(alive_folder(database).iterdir(), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    assert file.stat().st_mode & 0o777 == 0o660
    assert alive_folder(database).stat().st_mode & 0o770 == 0o770
    second.close()


def test_in_memory_nobody_else_can_know() -> None:
    store = SqliteStore(None, DatabaseClock())
    store.live(new_id()).close()
    assert store.mourn(print) is None
    store.close()
