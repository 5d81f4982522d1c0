"""Several processes write one SQLite file; some are killed while they do, and the disk fills up."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from tests.faults import crew, journal
from tests.faults.audit import Database
from tests.faults.conftest import FIGURES
from tests.faults.nursery import Nursery, until

from holdfast import Holdfast
from holdfast.errors import DatabaseUnavailable

WRITERS = 8
SECONDS = 3.0
KILLS = 30
BATCH = 40


@pytest.fixture
def file(sqlite_url: str) -> Database:
    made = Database(sqlite_url)
    Holdfast(sqlite_url).migrate()
    return made


def test_eight_processes_write_one_file_and_none_starves(
    nursery: Nursery, file: Database, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    writers = [
        nursery.start(crew.write, url=file.url, where=str(tmp_path), batch=1, seconds=SECONDS) for _ in range(WRITERS)
    ]
    for writer in writers:
        assert writer.wait() == 0, writer.tail()
    assert not list(journal.lines(tmp_path, "refused"))
    told = list(journal.lines(tmp_path, "wrote"))
    assert len(told) == WRITERS
    writes = [line["writes"] for line in told]
    worst = max(line["worst"] for line in told)
    record_property(
        FIGURES,
        f"sqlite, {WRITERS} processes write one file for {SECONDS:g} s: {min(writes)} to {max(writes)} transactions "
        f"each, 0 refused, longest wait {worst:.2f} s",
    )
    assert file.live() == sum(writes)
    assert min(writes) * 2 * WRITERS >= sum(writes), f"one had less than half its even share: {writes}"
    assert worst < 1.5


def test_writers_are_killed_inside_transactions(
    nursery: Nursery, file: Database, tmp_path: Path, seed: int, record_property: pytest.RecordProperty
) -> None:
    print(f"HOLDFAST_SEED={seed}")
    chance = random.Random(seed)
    for _ in range(KILLS):
        writer = nursery.start(crew.write, url=file.url, where=str(tmp_path), batch=BATCH, seconds=60.0)
        until(lambda w=writer: said(tmp_path, w.pid), "a first transaction")  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.02))
        writer.kill()
        writer.wait()
    with file.connected() as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    stored = {row[0] for row in file.ask("select id from {jobs}")}
    acked = {line["job"] for line in journal.lines(tmp_path, "ack")}
    torn = len(stored) % BATCH
    record_property(
        FIGURES,
        f"sqlite, {KILLS} writers killed inside transactions: {len(acked)} jobs acknowledged, "
        f"lost {len(acked - stored)}, torn transactions {torn}, integrity ok, seed {seed}",
    )
    assert not acked - stored
    assert not torn
    app = Holdfast(file.url)  # and the next one just goes on
    app.include(crew.tasks)
    app.enqueue_many([crew.noop.call()])
    app.close()


def said(folder: Path, pid: int) -> bool:
    return (folder / f"{pid}.journal").exists() and b"ack" in (folder / f"{pid}.journal").read_bytes()


def test_full_disk_is_a_clear_error_and_work_goes_on_afterwards(file: Database) -> None:
    app = Holdfast(file.url, lease=1, poll_interval=0.05)
    full = threading.Event()

    @app.task
    async def echo(value: str, wait: bool = False) -> str:
        while wait and not full.is_set():
            await asyncio.sleep(0.01)
        return value

    told: list[str] = []
    app._bus.on("database.away", lambda event: told.append(event.details["what"]))  # type: ignore[reportPrivateUsage]
    with app.worker():
        assert echo.enqueue("before").result(5) == "before"
        connection = lane_connection(app)
        waits = echo.enqueue("x" * 200_000, wait=True)
        until(lambda: waits.refresh().state == "running", "a body under way")
        pages = connection.execute("pragma page_count").fetchone()[0]
        connection.execute(f"pragma max_page_count = {pages + 10}")
        with pytest.raises(DatabaseUnavailable, match="full"):
            echo.enqueue("y" * 200_000)
        full.set()
        until(lambda: "results wait to be written" in told, "the worker's own trouble told")
        connection.execute("pragma max_page_count = 1073741823")
        assert waits.result(10) == "x" * 200_000, "its result waited for the disk"
        assert waits.refresh().crashes == 0
        assert echo.enqueue("after").result(10) == "after"
    until(lambda: file.live() == 0, "nothing left behind")
    app.close()


def lane_connection(app: Holdfast) -> sqlite3.Connection:
    """The connection that writes."""
    connection: sqlite3.Connection = app.store._lanes["write"]._session._connection  # type: ignore[attr-defined]
    return connection
