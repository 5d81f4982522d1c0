"""What the doctor finds in a SQLite file that something is wrong with."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.doctor.conftest import findings, healthy, told, worst
from tests.storage.sqlite.test_place import another_reader

from holdfast import Holdfast
from holdfast.model.finding import Level
from holdfast.storage.sqlite import checks, place


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture
def app(path: Path) -> Iterator[Holdfast]:
    app = Holdfast(f"sqlite:///{path}")
    app.migrate()
    yield app
    app.close()


def alter(path: Path, *commands: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for command in commands:
        connection.execute(command)
    connection.close()


@pytest.mark.parametrize(
    ("version", "bugs"),
    [
        ((3, 40, 1), ["WAL-reset"]), ((3, 51, 2), ["WAL-reset"]), ((3, 51, 3), []), ((3, 53, 1), []),
        ((3, 44, 5), ["WAL-reset"]), ((3, 44, 6), []), ((3, 45, 0), ["WAL-reset"]), ((3, 50, 6), ["WAL-reset"]),
        ((3, 50, 7), []), ((3, 51, 0), ["WAL-reset"]), ((3, 52, 0), ["withdrawn"]),
        ((3, 36, 0), ["savepoint", "WAL-reset"]), ((3, 37, 2), ["WAL-reset"]),
    ],
)  # fmt: skip
def test_bugs_by_version(version: tuple[int, ...], bugs: list[str]) -> None:
    found = list(checks.version(version))
    if not bugs:
        assert [finding.level for finding in found] == [Level.OK]
        return
    assert len(found) == len(bugs)
    for finding, bug in zip(found, bugs, strict=True):
        assert bug in finding.what
        assert finding.level is Level.WARNING


def test_columns_tables_indexes_and_triggers_are_compared(app: Holdfast, path: Path) -> None:
    alter(
        path,
        "drop index holdfast_jobs_lease",
        "alter table holdfast_workers add column extra text",
        "create index slow on holdfast_jobs (args)",
        "create table orders (id integer)",
        "drop table holdfast_gates",
        "alter table holdfast_queues rename column display_name to title",
    )
    found = findings(app)["schema"]
    assert worst(found) is Level.PROBLEM
    said = told(found)
    for part in ("index holdfast_jobs_lease", "table holdfast_gates", "column holdfast_queues.display_name"):
        assert part in said.split("beside")[0]
    for part in ("column holdfast_workers.extra", "index slow", "column holdfast_queues.title"):
        assert part in said.split("beside")[1]
    assert "orders" not in said
    assert "holdfast_gates." not in said, "the columns of a table that is gone go without saying"


def test_a_definition_that_differs(app: Holdfast, path: Path) -> None:
    alter(
        path,
        "pragma writable_schema = on",
        "update sqlite_master set sql = replace(sql, 'check (attempt >= 0)', '') where name = 'holdfast_jobs'",
    )
    assert "definition of holdfast_jobs" in told(findings(app)["schema"])


def test_a_damaged_file(app: Holdfast, path: Path) -> None:
    app.close()
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096)
    (found,) = checks.damage(path)
    assert found.level is Level.PROBLEM
    assert "restore the last backup" in found.remedy


def test_no_database_at_all(path: Path) -> None:
    path.write_bytes(b"letters " * 1000)
    (found,) = checks.damage(path)
    assert found.level is Level.PROBLEM


@pytest.mark.skipif(not place.LOCKS.exists(), reason="needs Linux's /proc/locks")
def test_a_reader_that_keeps_the_log_from_being_written_back_is_named(
    app: Holdfast, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alter(path, "create table t (x)")
    assert worst(list(checks.write_ahead_log(path))) is Level.OK
    with another_reader(path) as pid:
        alter(path, "insert into t values (1)")
        found = findings(app)
        healthy(found, but=("write-ahead log",))
        assert f"process {pid} (" in told(found["write-ahead log"])
        monkeypatch.setattr(checks, "LARGE_WAL", 1)
        (strain,) = app.store.strain()
        assert f"process {pid} (" in strain.what
    monkeypatch.undo()
    assert worst(list(checks.write_ahead_log(path))) is Level.OK
    assert list(app.store.strain()) == []


def test_a_long_log_that_nobody_holds(app: Holdfast, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "LARGE_WAL", 1)
    connection = sqlite3.connect(path)
    connection.execute("create table t (x)")
    said = told(list(checks.write_ahead_log(path)))
    connection.close()
    assert "now it can" in said


def test_little_room_on_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    for free, level in ((50 * 1024**2, Level.PROBLEM), (500 * 1024**2, Level.WARNING), (50 * 1024**3, Level.OK)):
        monkeypatch.setattr(shutil, "disk_usage", lambda folder, free=free: usage(2 * free, free, free))
        assert worst(list(checks.disk_space(path))) is level


@pytest.mark.parametrize(("level", "expected"), [("full", Level.OK), ("NORMAL", Level.WARNING), ("off", Level.PROBLEM)])
def test_durability(tmp_path: Path, level: str, expected: Level) -> None:
    app = Holdfast(f"sqlite:///{tmp_path / 'app.db'}?synchronous={level}")
    app.migrate()
    assert worst(findings(app)["durability"]) is expected
    app.close()


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = Holdfast("sqlite:///app.db")
    app.migrate()
    found = findings(app)
    app.close()
    healthy(found, but=("path",))
    assert f"sqlite:///{tmp_path}/app.db" in told(found["path"])


def test_a_network_file_system(app: Holdfast, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "file_system", lambda path: "nfs4")
    assert worst(findings(app)["file"]) is Level.PROBLEM
    monkeypatch.setattr(checks, "file_system", lambda path: "9p")
    assert worst(findings(app)["file"]) is Level.WARNING


def test_bells_that_are_not_heard(app: Holdfast, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "HEARD_WITHIN", 0.05)
    monkeypatch.setattr(checks.Bells, "ring", lambda self: None)
    found = findings(app)
    healthy(found, but=("wake-ups",))
    assert "by polling only" in told(found["wake-ups"])


def test_looking_leaves_the_file_as_it_is(app: Holdfast, path: Path) -> None:
    app.close()
    before = path.read_bytes()
    findings(app)
    app.close()
    assert path.read_bytes() == before
    assert not (path.with_name("app.db-bells").exists() and os.listdir(path.with_name("app.db-bells")))


def test_a_database_in_memory() -> None:
    app = Holdfast("sqlite:///:memory:")
    healthy(findings(app))
    app.close()
