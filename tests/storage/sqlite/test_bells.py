"""Bells ring in other processes, are swept when their listener is gone, and are never relied upon."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.clock import DatabaseClock
from holdfast.storage.sqlite.bells import BellListener, Bells, bell_folder
from holdfast.storage.sqlite.store import SqliteStore
from holdfast.testing.conformance import kit

SOON = 10.0


def never() -> bool:
    return False


def until(true: Callable[[], object]) -> None:
    give_up = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.002)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "holdfast.db"


def ring(database: Path) -> None:
    bells = Bells(database)
    bells.ring()
    bells.close()


def test_a_bell_is_heard_at_once(database: Path) -> None:
    woken = threading.Event()
    listener = BellListener(database, "a", woken.set, never)
    bells = Bells(database)
    bells.ring()
    assert woken.wait(SOON)
    listener.close()
    bells.close()


def test_all_hear_it(database: Path) -> None:
    events = [threading.Event() for _ in range(5)]
    listeners = [BellListener(database, f"n{number}", each.set, never) for number, each in enumerate(events)]
    ring(database)
    assert all(each.wait(SOON) for each in events)
    for listener in listeners:
        listener.close()
    assert list(bell_folder(database).iterdir()) == []


def test_many_rings_are_few_wake_ups(database: Path) -> None:
    calls: list[int] = []
    inside, free = threading.Event(), threading.Event()

    def wake() -> None:
        calls.append(1)
        inside.set()
        assert free.wait(SOON)

    listener = BellListener(database, "a", wake, never)
    bells = Bells(database)
    bells.ring()
    assert inside.wait(SOON)
    for _ in range(2_000):  # many more than the socket's buffer holds
        bells.ring()
    free.set()
    time.sleep(0.15)
    listener.close()
    bells.close()
    assert 2 <= len(calls) <= 5


def test_nobody_listens(database: Path) -> None:
    ring(database)
    bell_folder(database).mkdir()
    ring(database)


def test_the_bell_of_a_dead_listener_is_swept_away(database: Path) -> None:
    script = """
import os, signal, sys
from pathlib import Path
from holdfast.storage.sqlite.bells import BellListener
BellListener(Path(sys.argv[1]), "dead", lambda: None, lambda: False)
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script, database], check=False)
    assert [entry.name for entry in bell_folder(database).iterdir()] == ["dead"]
    woken = threading.Event()
    listener = BellListener(database, "alive", woken.set, never)
    ring(database)
    assert woken.wait(SOON)
    assert [entry.name for entry in bell_folder(database).iterdir()] == ["alive"]
    listener.close()


def test_behind_the_bell_changes_are_seen(database: Path) -> None:
    woken = threading.Event()
    changes = iter([False, False, True])
    listener = BellListener(database, "a", woken.set, lambda: next(changes, False))
    assert woken.wait(SOON)
    listener.close()


def test_without_a_bell_changes_are_seen(database: Path, caplog: pytest.LogCaptureFixture) -> None:
    bell_folder(database).write_text("a file stands where the folder should be")
    woken = threading.Event()
    listener = BellListener(database, "a", woken.set, lambda: True)
    assert woken.wait(SOON)
    assert "no doorbell" in caplog.text
    ring(database)
    listener.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reached through /proc")
def test_a_long_path_is_no_trouble(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100) / ("y" * 100)
    folder.mkdir(parents=True)
    woken = threading.Event()
    listener = BellListener(folder / "holdfast.db", "a", woken.set, never)
    ring(folder / "holdfast.db")
    assert woken.wait(SOON)
    listener.close()
    assert list(bell_folder(folder / "holdfast.db").iterdir()) == []


def test_a_listener_that_raises_goes_on_listening(database: Path) -> None:
    calls: list[int] = []

    def wake() -> None:
        calls.append(1)
        raise RuntimeError

    listener = BellListener(database, "a", wake, never)
    bells = Bells(database)
    for count in (1, 2):
        bells.ring()
        until(lambda count=count: len(calls) >= count)
    listener.close()
    bells.close()


def test_strange_files_in_the_folder(database: Path) -> None:
    folder = bell_folder(database)
    folder.mkdir()
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    woken = threading.Event()
    listener = BellListener(database, "a", woken.set, never)
    ring(database)
    assert woken.wait(SOON)
    listener.close()


def test_no_descriptor_is_left_open(database: Path) -> None:
    bells = Bells(database)
    listener = BellListener(database, "a", lambda: None, never)
    bells.ring()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        bells.ring()
    assert len(os.listdir("/proc/self/fd")) == before
    listener.close()
    bells.close()
    assert len(os.listdir("/proc/self/fd")) == before - 2


def test_a_commit_by_other_means_is_seen(database: Path) -> None:
    """A program that knows nothing of bells writes: `PRAGMA data_version` tells."""
    store = SqliteStore(database, DatabaseClock())
    store.migrate()
    woken = threading.Event()
    listener = store.listen(woken.set)
    time.sleep(0.15)
    woken.clear()
    with sqlite3.connect(database) as stranger:
        stranger.execute("insert into holdfast_meta values ('a stranger', 'was here')")
    stranger.close()
    assert woken.wait(SOON)
    listener.close()
    store.close()


def test_work_of_another_process_is_heard(database: Path) -> None:
    store = SqliteStore(database, DatabaseClock())
    store.migrate()
    woken = threading.Event()
    listener = store.listen(woken.set)
    script = """
import sys
from pathlib import Path
from holdfast.clock import DatabaseClock
from holdfast.storage.sqlite.store import SqliteStore
from holdfast.testing.conformance import kit
store = SqliteStore(Path(sys.argv[1]), DatabaseClock())
kit.add(store, kit.job())
store.close()
"""
    subprocess.run([sys.executable, "-c", script, database], check=True)
    assert woken.wait(SOON)
    assert len(kit.take(store)) == 1
    listener.close()
    store.close()


def test_a_path_too_long_for_a_socket_is_cut_nowhere(database: Path) -> None:
    """`bind` itself refuses what is too long: no other socket is made by mistake."""
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with pytest.raises(OSError, match="too long"):
        bell.bind(str(database.parent / ("x" * 120)))
    bell.close()


@pytest.mark.parametrize(("mode", "folder"), [(0o600, 0o700), (0o660, 0o770), (0o666, 0o777)])
def test_bells_are_open_to_whom_the_database_is_open(database: Path, mode: int, folder: int) -> None:
    database.touch()
    database.chmod(mode)
    before = os.umask(0o077)
    try:
        listener = BellListener(database, "one", lambda: None, never)
        assert bell_folder(database).stat().st_mode & folder == folder
        assert (bell_folder(database) / "one").stat().st_mode & mode == mode
        listener.close()
    finally:
        os.umask(before)
