"""A worker's process dies, and what it held runs again at once, long before its lease would have run out."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.faults import crew, journal
from tests.faults.audit import Database
from tests.faults.nursery import Child, Nursery, until

from holdfast import Holdfast
from holdfast.storage.sqlite.alive import alive_folder

LEASE = 60.0
SOON = 15.0
"""Seconds in which a busy machine gets there; the lease is four times as long."""


def test_a_killed_workers_jobs_run_again_at_once(nursery: Nursery, sqlite_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url)
    database.set_up()
    app = Holdfast(sqlite_url)
    app.include(crew.tasks)
    worker = hire(nursery, sqlite_url, tmp_path)
    (job,) = app.enqueue_many([crew.linger.call("return", "gate")])
    until(lambda: begun(tmp_path, worker), "the job's beginning")
    other = hire(nursery, sqlite_url, tmp_path)  # stands by, and does not lead
    worker.kill()
    worker.wait()
    killed_at = time.monotonic()
    until(lambda: begun(tmp_path, other), "the job's second beginning", SOON)
    assert time.monotonic() - killed_at < LEASE / 2
    until(lambda: job.refresh().state == "succeeded", "its end")
    assert (job.record.crashes, job.record.attempt) == (1, 1)
    assert "its process ended" in job.record.errors[0].message
    other.signal(signal.SIGTERM)
    assert other.wait() == 0
    assert list(alive_folder(Path(sqlite_url.removeprefix("sqlite:///"))).iterdir()) == []
    app.close()


def test_a_worker_that_starts_alone_finds_what_the_last_one_held(
    nursery: Nursery, sqlite_url: str, tmp_path: Path
) -> None:
    database = Database(sqlite_url)
    database.set_up()
    app = Holdfast(sqlite_url)
    app.include(crew.tasks)
    (job,) = app.enqueue_many([crew.linger.call("return", "gate")])
    worker = hire(nursery, sqlite_url, tmp_path)
    until(lambda: begun(tmp_path, worker), "the job's beginning")
    worker.kill()
    worker.wait()
    hire(nursery, sqlite_url, tmp_path)
    until(lambda: job.refresh().state == "succeeded", "its end", SOON)
    app.close()


def hire(nursery: Nursery, url: str, folder: Path) -> Child:
    worker = nursery.start(crew.work, url=url, where=str(folder), lease=LEASE)
    until(lambda: any(line["pid"] == worker.pid for line in journal.lines(folder, "ready")), "a worker that works")
    return worker


def begun(folder: Path, worker: Child) -> bool:
    return any(line["pid"] == worker.pid for line in journal.lines(folder, "begin"))
