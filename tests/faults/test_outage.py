"""The PostgreSQL server goes and comes back under workers and producers that are left alone."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from tests.faults import crew, journal
from tests.faults.audit import Database
from tests.faults.conftest import FIGURES
from tests.faults.nursery import Child, Nursery, until
from tests.faults.verdict import Verdict, judge

from holdfast import Holdfast
from holdfast.ids import new_id
from holdfast.leader.duties import rescue
from holdfast.storage.base import ConnectionLost
from holdfast.storage.ops import jobs
from holdfast.storage.postgres import session
from holdfast.testing.cluster import Cluster

LEASE = 1.0
OUTAGES = tuple(map(float, os.environ.get("HOLDFAST_OUTAGES", "").split())) or (0.0, 0.4, 2.5, *(0.0,) * 12)
"""Seconds that the server stays away, beside the time that its start takes; HOLDFAST_OUTAGES=600 for ten minutes."""
RATE = 60.0


def staff(nursery: Nursery, database: Database, folder: Path, seed: int) -> tuple[list[Child], list[Child]]:
    """Three workers and two producers."""
    chance = random.Random(seed)
    workers = [
        nursery.start(crew.work, url=database.url, where=str(folder), lease=LEASE, poll_interval=0.25) for _ in range(3)
    ]
    producers = [
        nursery.start(crew.produce, url=database.url, where=str(folder), seed=chance.randrange(10**9), rate=RATE)
        for _ in range(2)
    ]
    return workers, producers


def drain(database: Database, workers: list[Child], producers: list[Child]) -> None:
    for producer in producers:
        producer.signal(signal.SIGTERM)
    for producer in producers:
        assert producer.wait() == 0, producer.tail()
    until(lambda: database.live() == 0, "all jobs at their end", 20.0, 0.05)
    assert all(worker.alive for worker in workers), "a worker had to be started again"
    for worker in workers:
        worker.signal(signal.SIGTERM)
    for worker in workers:
        assert worker.wait() == 0, worker.tail()


def progress(folder: Path) -> Callable[[], bool]:
    """Whether bodies have ended since now."""
    now = time.time_ns() // 1000
    return lambda: sum(line["at"] > now for line in journal.lines(folder, "end")) > 10


def check(verdict: Verdict, database: Database, seed: int) -> None:
    assert not verdict.complaints, f"HOLDFAST_SEED={seed}\n{verdict}"
    counted = [row for row in database.finished() if row.crashes]
    assert not counted, f"HOLDFAST_SEED={seed}\nno worker crashed, and crashes were counted: {counted[:5]}"


def test_server_is_killed_and_started_again_under_load(
    nursery: Nursery, own_cluster: Cluster, tmp_path: Path, seed: int, record_property: pytest.RecordProperty
) -> None:
    print(f"HOLDFAST_SEED={seed}")
    chance = random.Random(seed)
    database = Database(own_cluster.create_database())
    database.set_up()
    workers, producers = staff(nursery, database, tmp_path, seed)
    away: list[float] = []
    diary = journal.Journal(str(tmp_path))
    for length in OUTAGES:
        until(progress(tmp_path), "work goes on", 10.0)
        time.sleep(chance.uniform(0, 0.3))
        began = time.monotonic()
        own_cluster.crash()
        diary.write("server", what="killed")
        time.sleep(length)
        own_cluster.start_again()
        diary.write("server", what="is back")
        away.append(time.monotonic() - began)
    until(progress(tmp_path), "work goes on", 10.0)
    drain(database, workers, producers)
    verdict = judge(database, tmp_path)
    refused = sum(1 for _ in journal.lines(tmp_path, "refused"))
    record_property(
        FIGURES,
        f"server crashes: {len(OUTAGES)} ({min(away):.1f} to {max(away):.1f} s away), {verdict.jobs} jobs, "
        f"lost {verdict.count('lost')}, doubled {verdict.count('doubled')}, producers' calls refused {refused}, "
        f"crashes counted {sum(row.crashes for row in database.finished())}, seed {seed}",
    )
    check(verdict, database, seed)


def test_connections_are_terminated_while_they_work(
    nursery: Nursery, cluster: object, postgres_url: str, tmp_path: Path, seed: int,
    record_property: pytest.RecordProperty,
) -> None:  # fmt: skip
    print(f"HOLDFAST_SEED={seed}")
    chance = random.Random(seed)
    database = Database(postgres_url)
    database.set_up()
    workers, producers = staff(nursery, database, tmp_path, seed)
    until(progress(tmp_path), "work goes on", 10.0)
    ended = 0
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for _ in range(8):
            ours = connection.execute(
                "select pid from pg_stat_activity where application_name = 'holdfast' and datname = current_database()"
            ).fetchall()
            chance.shuffle(ours)
            for (pid,) in ours:
                connection.execute("select pg_terminate_backend(%s)", [pid])
                ended += 1
                time.sleep(chance.uniform(0, 0.01))
            time.sleep(chance.uniform(0, 0.2))
    until(progress(tmp_path), "work goes on", 10.0)
    drain(database, workers, producers)
    verdict = judge(database, tmp_path)
    refused = sum(1 for _ in journal.lines(tmp_path, "refused"))
    record_property(
        FIGURES,
        f"connections terminated: {ended}, {verdict.jobs} jobs, lost {verdict.count('lost')}, "
        f"doubled {verdict.count('doubled')}, producers' calls refused {refused}, "
        f"crashes counted {sum(row.crashes for row in database.finished())}, seed {seed}",
    )
    check(verdict, database, seed)


def test_a_process_stopped_amid_a_transaction_does_not_hold_its_rows_for_ever(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "PIN", session.PIN.replace("'10s'", "'300ms'"))
    app = Holdfast(postgres_url, migrate=True)
    app.include(crew.tasks)
    job = app.enqueue_many([crew.plain.call("x")])[0]
    app.store.run(jobs.claim(jobs.Wanted(new_id(), new_id(), -1.0, 1)), "claim")
    stopped = app.store._lanes["keys"]._connect()  # type: ignore[attr-defined]
    stopped.begin()
    assert stopped.execute("expired", [(10, 0.0)])
    assert rescue.run_once(app.store, app._bus).back == 0
    until(lambda: rescue.run_once(app.store, app._bus).back == 1, "the row free again", 5.0)
    assert job.refresh().state == "ready"
    with pytest.raises(ConnectionLost):
        stopped.execute("expired", [(10, 0.0)])
    stopped.close()
    app.close()
