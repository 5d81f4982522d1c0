"""A copy of a database in use is whole, of one moment, and never half there."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast import Holdfast
from holdfast.errors import DatabaseUnavailable, MisuseError, NotADatabase
from holdfast.storage.ops import jobs
from holdfast.storage.sqlite import backup as room
from holdfast.testing import drain
from holdfast.testing.conformance import kit


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "copies" / "copy.db"


@pytest.fixture
def app(source: Path, target: Path) -> Iterator[Holdfast]:
    target.parent.mkdir()
    app = Holdfast(f"sqlite:///{source}")
    app.migrate()
    yield app
    app.close()


def silent(done: int, total: int) -> None:
    """Nobody looks."""


def entries(target: Path) -> list[str]:
    return sorted(os.listdir(target.parent))


def numbers(target: Path) -> list[int]:
    connection = sqlite3.connect(target)
    found = [number for (number,) in connection.execute("select n from numbers order by n")]
    assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    connection.close()
    return found


def test_a_copy_made_while_others_write_is_of_one_moment(
    app: Holdfast, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between any two steps of the copying somebody commits, and it neither begins anew nor mixes two states."""
    monkeypatch.setattr(room, "PAGES", 1)
    writer = sqlite3.connect(source, isolation_level=None)
    writer.execute("create table numbers (n integer, filling text)")
    writer.executemany("insert into numbers values (?, ?)", ((n, "x" * 500) for n in range(100)))
    steps: list[tuple[int, int]] = []

    def disturb(done: int, total: int) -> None:
        steps.append((done, total))
        writer.execute("insert into numbers values (?, 'late')", (1000 + len(steps),))
        writer.execute("update numbers set filling = ? where n = ?", (str(len(steps)) * 500, len(steps) % 100))

    written = app.store.backup(target, False, disturb)
    writer.close()
    assert numbers(target) == list(range(100))
    assert written == target.stat().st_size
    assert len(steps) > 20
    assert [done for done, _ in steps] == list(range(1, len(steps) + 1))
    assert steps[-1][0] == steps[-1][1]
    assert entries(target) == ["copy.db"]


def test_a_copy_beside_busy_workers_opens_and_goes_on(app: Holdfast, target: Path) -> None:
    @app.task
    def double(n: int) -> int:
        return 2 * n

    with app.worker(poll_interval=0.05):
        stop = threading.Event()

        def enqueue() -> None:
            while not stop.is_set():
                app.enqueue_many([double.call(n) for n in range(20)])

        thread = threading.Thread(target=enqueue)
        thread.start()
        try:
            for number in range(5):
                app.store.backup(target.with_name(f"{number}.db"), False, silent)
        finally:
            stop.set()
            thread.join()
    for number in range(5):
        restored = Holdfast(f"sqlite:///{target.with_name(f'{number}.db')}")
        counts = restored.jobs.count()
        assert sum(counts.values()) % 20 == 0, "what one transaction stored is there whole or not at all"
        restored.close()


def test_what_is_restored_goes_on_where_the_copy_was_made(app: Holdfast, source: Path, target: Path) -> None:
    """Jobs that ran by then run again, those that waited run, those that came later are gone."""

    @app.task
    def double(n: int) -> int:
        return 2 * n

    done = double.enqueue(1)
    drain(app)
    held = double.enqueue(2)
    app.store.run(jobs.claim(jobs.Wanted("dead", kit.new_id(), 0.01, 1)), "claim")
    waiting = double.enqueue(3)
    app.store.backup(target, False, silent)
    drain(app)
    late = double.enqueue(4)
    app.close()
    for name in os.listdir(source.parent):
        if name.startswith("app.db") and (source.parent / name).is_file():
            (source.parent / name).unlink()
    target.rename(source)

    assert app.jobs.get(late.id) is None
    with app.worker(poll_interval=0.05, lease=1):
        assert [job.result(timeout=30) for job in (done, held, waiting)] == [2, 4, 6]
    record = app.jobs.get(held.id)
    assert record is not None
    assert record.crashes == 1


def test_a_file_that_exists_is_replaced_only_by_force(app: Holdfast, target: Path) -> None:
    target.write_text("precious")
    with pytest.raises(MisuseError, match="--force"):
        app.store.backup(target, False, silent)
    assert target.read_text() == "precious"
    app.store.backup(target, True, silent)
    assert target.read_bytes().startswith(b"SQLite format 3\0")
    assert entries(target) == ["copy.db"]


def test_a_file_that_comes_meanwhile_is_not_replaced(app: Holdfast, target: Path) -> None:
    with pytest.raises(MisuseError, match="made meanwhile"):
        app.store.backup(target, False, lambda done, total: target.write_text("precious") and None)
    assert target.read_text() == "precious"
    assert entries(target) == ["copy.db"]


def test_the_database_itself_is_no_target(app: Holdfast, source: Path) -> None:
    link = source.with_name("link.db")
    link.symlink_to(source)
    for place in (source, link, *(source.with_name(source.name + end) for end in ("-wal", "-gate", "-alive"))):
        with pytest.raises(MisuseError, match="belongs to the database itself"):
            app.store.backup(place, True, silent)
    assert app.jobs.count() == {}


def test_a_database_in_use_is_no_target(app: Holdfast, target: Path) -> None:
    """Its log would be applied to the copy."""
    other = sqlite3.connect(target, isolation_level=None)
    other.execute("pragma journal_mode = wal")
    other.execute("create table t (x)")
    with pytest.raises(MisuseError, match=r"copy\.db-(wal|shm)"):
        app.store.backup(target, True, silent)
    other.close()
    app.store.backup(target, True, silent)


def test_bad_places(app: Holdfast, target: Path, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="does not exist"):
        app.store.backup(tmp_path / "absent" / "copy.db", False, silent)
    with pytest.raises(MisuseError, match="is a folder"):
        app.store.backup(target.parent, True, silent)


def test_a_damaged_database_gives_no_copy(app: Holdfast, source: Path, target: Path) -> None:
    app.close()
    with source.open("r+b") as file:
        file.seek(4096 * 5)
        file.write(b"\xff" * 4096 * 3)
    target.write_text("precious")
    with pytest.raises(NotADatabase):
        app.store.backup(target, True, silent)
    assert target.read_text() == "precious", "the last good copy stays"
    assert entries(target) == ["copy.db"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_copy_that_fails_leaves_nothing(app: Holdfast, target: Path, error: BaseException) -> None:
    def fail(done: int, total: int) -> None:
        raise error

    with pytest.raises((DatabaseUnavailable, KeyboardInterrupt)):
        app.store.backup(target, False, fail)
    assert entries(target) == []


def test_the_copy_may_be_read_by_those_who_may_read_the_source(app: Holdfast, source: Path, target: Path) -> None:
    source.chmod(0o600)
    app.store.backup(target, False, silent)
    assert target.stat().st_mode & 0o777 == 0o600
    source.chmod(0o660)
    app.store.backup(target, True, silent)
    assert target.stat().st_mode & 0o777 == 0o660


def test_memory_has_no_backup(target: Path) -> None:
    app = Holdfast("sqlite:///:memory:")
    with pytest.raises(MisuseError, match="in memory"):
        app.store.backup(target, False, silent)
    app.close()
