"""One process at a time is inside; the dead and the forked hold nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.storage.sqlite import gate as module
from holdfast.storage.sqlite.gate import Gate, gate_for

SOON = 10.0

HOLDER = """
import sys
from pathlib import Path
from holdfast.storage.sqlite.gate import gate_for
for name in sys.argv[1:]:
    gate_for(Path(name)).__enter__()
    print("inside", name, flush=True)
sys.stdin.readline()
"""


class Holder:
    """Another process, which is inside until it is told to end, or killed."""

    def __init__(self, *databases: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, *databases], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> None:
        self.process.communicate("\n", timeout=SOON)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=SOON)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "holdfast.db"


@pytest.fixture
def holder(database: Path) -> Iterator[Holder]:
    holder = Holder(database)
    assert holder.said().startswith("inside")
    yield holder
    holder.kill()


class Visitor(threading.Thread):
    """Goes in and says when it was inside."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.inside = threading.Event()
        self.gate = gate
        self.start()

    def run(self) -> None:
        with self.gate:
            self.inside.set()


def test_threads_take_turns(database: Path) -> None:
    gate = gate_for(database)
    inside, most = 0, 0

    def visit() -> None:
        nonlocal inside, most
        for _ in range(50):
            with gate:
                inside += 1
                most = max(most, inside)
                time.sleep(0)
                inside -= 1

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert most == 1


def test_another_process_is_waited_for(database: Path, holder: Holder) -> None:
    visitor = Visitor(gate_for(database))
    assert not visitor.inside.wait(0.1)
    holder.end()
    assert visitor.inside.wait(SOON)
    visitor.join()


def test_a_killed_holder_frees_it(database: Path, holder: Holder) -> None:
    visitor = Visitor(gate_for(database))
    assert not visitor.inside.wait(0.1)
    holder.kill()
    assert visitor.inside.wait(SOON)
    visitor.join()


def test_a_stopped_holder_is_not_waited_for_for_ever(
    database: Path, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who gives up is an error the richer, and the gate as good as before: nobody is let in twice, nobody shut out."""
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    gate = gate_for(database)
    os.kill(holder.process.pid, signal.SIGSTOP)
    for _ in range(2):
        with pytest.raises(TimeoutError, match="stopped"), gate:
            raise AssertionError("inside with another")
    monkeypatch.setattr(module, "PATIENCE", SOON)
    visitor = Visitor(gate)
    os.kill(holder.process.pid, signal.SIGCONT)
    holder.end()
    assert visitor.inside.wait(SOON)
    visitor.join()
    other = Holder(database)
    assert other.said().startswith("inside"), "what was given up is not kept"
    with_other = Visitor(gate)
    assert not with_other.inside.wait(0.1)
    other.end()
    assert with_other.inside.wait(SOON)
    with_other.join()


def test_what_comes_when_nobody_wants_it_any_more_is_let_go(
    database: Path, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    with pytest.raises(TimeoutError), gate_for(database):
        raise AssertionError("inside with another")
    holder.end()
    other = Holder(database)
    assert other.said().startswith("inside")
    other.kill()


def test_processes_count_without_losing_any(database: Path, tmp_path: Path) -> None:
    """Each adds one to a number in a file, many times: with two inside at once some would be lost."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    script = """
import sys
from pathlib import Path
from holdfast.storage.sqlite.gate import gate_for
gate, counter = gate_for(Path(sys.argv[1])), Path(sys.argv[2])
for _ in range(200):
    with gate:
        counter.write_text(str(int(counter.read_text()) + 1))
"""
    crowd = [subprocess.Popen([sys.executable, "-c", script, database, counter]) for _ in range(3)]
    assert [each.wait(60) for each in crowd] == [0, 0, 0]
    assert counter.read_text() == "600"


def test_one_gate_per_file_however_it_is_named(database: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    assert gate_for(database) is gate_for(tmp_path / "sub" / ".." / "holdfast.db")
    assert gate_for(database) is not gate_for(tmp_path / "other.db")


def test_an_error_inside_leaves_it_open(database: Path) -> None:
    gate = gate_for(database)
    with pytest.raises(ZeroDivisionError), gate:
        raise ZeroDivisionError
    with gate:
        pass


def test_a_side_file_that_cannot_be_opened_leaves_it_usable(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "absent" / "x-gate", tmp_path / "x")
    for _ in range(2):
        with pytest.raises(FileNotFoundError), gate:
            pass
    (tmp_path / "absent").mkdir()
    with gate:
        pass


def test_two_databases_and_two_processes_are_no_deadlock(tmp_path: Path) -> None:
    """The kernel sees processes, not threads: crosswise waiting at two gates looks like a deadlock to it."""
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    other = Holder(second, first)
    with gate_for(first):
        assert other.said().startswith("inside")  # it has the second, and waits for the first
        time.sleep(0.1)
        visitor = Visitor(gate_for(second))  # another thread of ours waits for the second
        assert not visitor.inside.wait(0.1)
        assert visitor.is_alive()
    assert other.said().startswith("inside")
    other.kill()
    assert visitor.inside.wait(SOON)
    visitor.join()


# ---------------------------------------------------------------- forks


def in_a_fork(work: object) -> int:
    """The exit status of a forked child that runs `work`."""
    pid = os.fork()
    if pid == 0:
        try:
            work()  # type: ignore[operator]
        except BaseException:
            os._exit(1)
        os._exit(0)
    until = time.monotonic() + SOON
    while (found := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return -signal.SIGKILL
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(found[1])


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
forks_threads = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


@needs_fork
@forks_threads
def test_a_child_waits_for_its_parent(database: Path) -> None:
    gate = gate_for(database)
    reading, writing = os.pipe()
    with gate:
        pid = os.fork()
        if pid == 0:
            with gate_for(database):
                os.write(writing, b"child")
            os._exit(0)
        time.sleep(0.1)
        os.write(writing, b"parent ")
    os.waitpid(pid, 0)
    assert os.read(reading, 100) == b"parent child"
    os.close(reading)
    os.close(writing)


@needs_fork
@forks_threads
def test_a_child_made_while_a_thread_is_inside_is_not_stuck(database: Path) -> None:
    gate = gate_for(database)
    begun, free = threading.Event(), threading.Event()

    def stay() -> None:
        with gate:
            begun.set()
            assert free.wait(SOON)

    thread = threading.Thread(target=stay)
    thread.start()
    assert begun.wait(SOON)
    pid = os.fork()
    if pid == 0:
        with gate_for(database):
            os._exit(7)
    free.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


@needs_fork
@forks_threads
def test_the_death_of_a_child_does_not_open_it(database: Path, tmp_path: Path) -> None:
    """A record lock is lost when its own process closes the file, not when a child does."""
    with gate_for(database):
        assert in_a_fork(lambda: None) == 0
        other = Holder(database)
        time.sleep(0.3)
        assert other.process.stdout is not None
        os.set_blocking(other.process.stdout.fileno(), False)
        assert not other.process.stdout.readline()
    os.set_blocking(other.process.stdout.fileno(), True)
    assert other.said().startswith("inside")
    other.kill()


@needs_fork
@forks_threads
def test_a_dead_child_holds_nothing(database: Path) -> None:
    def die_inside() -> None:
        gate_for(database).__enter__()
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_a_fork(die_inside) == -signal.SIGKILL
    with gate_for(database):
        pass


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660, 0o666])
def test_it_is_open_to_whom_the_database_is_open(tmp_path: Path, mode: int) -> None:
    database = tmp_path / "x"
    database.touch()
    database.chmod(mode)
    before = os.umask(0o077)
    try:
        with gate_for(database):
            assert (tmp_path / "x-gate").stat().st_mode & 0o777 == mode
    finally:
        os.umask(before)
