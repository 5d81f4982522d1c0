"""Behind PgBouncer in transaction mode: four workers over two connections to the server."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from tests.pooler import Pooler

from holdfast import Holdfast
from holdfast.clock import DatabaseClock
from holdfast.ids import new_id
from holdfast.storage.op import Op, one
from holdfast.storage.ops import jobs
from holdfast.storage.ops.jobs import Wanted
from holdfast.storage.postgres.session import PINS
from holdfast.storage.postgres.source import UrlSource, direct
from holdfast.storage.postgres.store import PostgresStore
from holdfast.testing.cluster import Server

WORKERS = 4
SOON = 30.0


@pytest.fixture
def through(url: str, pooler: Pooler) -> str:
    """The way through the pooler to a migrated database of the test's own."""
    return pooler.url(url)


@pytest.fixture
def make(through: str) -> Iterator[Callable[..., Holdfast]]:
    """Makes apps with a task each, as many processes would."""
    made: list[Holdfast] = []

    def make(**settings: Any) -> Holdfast:
        app = Holdfast(through, **settings)

        @app.task
        def double(n: int) -> int:
            return 2 * n

        app.double = double  # type: ignore[attr-defined]
        made.append(app)
        return app

    yield make
    for app in made:
        app.close()


def server_side(url: str, query: bytes) -> list[Any]:
    """What a query answers on the server, past the pooler."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def everywhere(through: str, query: bytes) -> set[Any]:
    """What a query answers on both of the pooler's connections, each held by a transaction meanwhile."""
    with ExitStack() as stack:
        both = [stack.enter_context(psycopg.connect(through, prepare_threshold=None)) for _ in range(2)]
        return {row for connection in both for row in connection.execute(query).fetchall()}


def test_it_is_a_pooler_that_is_tested(url: str, through: str) -> None:
    with psycopg.connect(through, autocommit=True) as pooled, psycopg.connect(url, autocommit=True) as straight:
        assert (direct(pooled), direct(straight)) == (False, True)


def test_four_workers_do_every_job_once(make: Callable[..., Holdfast], url: str, through: str) -> None:
    app = make()
    with ExitStack() as stack:
        for _ in range(WORKERS):
            stack.enter_context(make(poll_interval=0.1).worker(concurrency=5))
        handles = app.enqueue_many([app.double.call(n) for n in range(200)])  # type: ignore[attr-defined]
        singles = [app.double.enqueue(n) for n in range(200, 250)]  # type: ignore[attr-defined]
        assert [job.result(timeout=SOON) for job in [*handles, *singles]] == [2 * n for n in range(250)]
    assert server_side(url, b"select attempt, crashes, count(*) from holdfast.history group by 1, 2") == [(1, 0, 250)]
    assert server_side(url, b"select count(*) from holdfast.jobs") == [(0,)]


def test_nothing_is_left_in_sessions_that_serve_others(make: Callable[..., Holdfast], through: str) -> None:
    app = make()
    with app.worker(poll_interval=0.05), app.worker(poll_interval=0.05):
        calls = [app.double.call(n) for n in range(30)]  # type: ignore[attr-defined]
        for job in [*app.enqueue_many(calls), *(app.enqueue([call])[0] for call in calls)]:
            job.result(timeout=SOON)
    names = ", ".join(f"'{name}'" for name in PINS)
    changed = f"select name, setting from pg_settings where name in ({names}) and source = 'session'"
    assert everywhere(through, changed.encode()) == set()
    assert everywhere(through, b"select name from pg_prepared_statements") == set()
    assert everywhere(through, b"select pg_listening_channels()") == set()
    assert everywhere(through, b"select objid from pg_locks where locktype = 'advisory'") == set()


def test_statements_have_their_pinned_plans(url: str, through: str) -> None:
    """The settings that fix a statement's plan hold for its transaction."""
    seen: list[dict[str, str]] = []

    class Asking(UrlSource):
        def acquire(self) -> psycopg.Connection[Any]:
            connections.append(super().acquire())
            return connections[-1]

    connections: list[psycopg.Connection[Any]] = []
    store = PostgresStore(Asking(through), DatabaseClock())

    def steps(again: bool) -> Any:
        yield one("gate_due")
        shown = [connections[-1].execute(f"show {name}".encode(), prepare=False).fetchone() for name in PINS]
        seen.append({name: row[0] for name, row in zip(PINS, shown, strict=True) if row is not None})

    store.run(Op("look", steps), "claim")
    store.close()
    assert {**seen[0], "default_transaction_isolation": "read committed"} == PINS


def test_a_lost_workers_job_runs_again(make: Callable[..., Holdfast], through: str) -> None:
    app = make(lease=1)
    job = app.double.enqueue(4)  # type: ignore[attr-defined]
    dead = PostgresStore(UrlSource(through), DatabaseClock())
    (claimed,) = dead.run(jobs.claim(Wanted("dead", new_id(), 0.2, 1)), "claim")
    dead.close()
    assert claimed.id == job.id
    with app.worker(poll_interval=0.1):
        assert job.result(timeout=SOON) == 8
    record = app.jobs.get(job.id)
    assert record is not None
    assert (record.attempt, record.crashes) == (1, 1)


def test_without_a_direct_way_work_is_polled_for(
    make: Callable[..., Holdfast], caplog: pytest.LogCaptureFixture
) -> None:
    app, producer = make(), make()
    with caplog.at_level(logging.WARNING, "holdfast.storage"), app.worker(poll_interval=0.1):
        assert producer.double.enqueue(1).result(timeout=SOON) == 2  # type: ignore[attr-defined]
    (line,) = [record.getMessage() for record in caplog.records]
    assert "behind a pooler" in line
    assert "listen_url=" in line


def test_with_a_direct_way_work_is_heard_of(
    make: Callable[..., Holdfast], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_LISTEN_URL", url)
    app, producer = make(), make()
    with app.worker(poll_interval=600):
        deadline = time.monotonic() + SOON
        while not server_side(url, b"select 1 from pg_stat_activity where query like 'listen %'"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for n in range(3):
            time.sleep(0.3)  # whatever looks the last job gave rise to are over: only a wake-up brings the next
            assert producer.double.enqueue(n).result(timeout=SOON) == 2 * n  # type: ignore[attr-defined]


def test_a_pooler_that_restarts_loses_nothing(make: Callable[..., Holdfast], url: str, pooler: Pooler) -> None:
    producer, app = make(), make()
    handles = [producer.double.enqueue(n) for n in range(20)]  # type: ignore[attr-defined]
    with app.worker(poll_interval=0.1, concurrency=1):
        handles[0].result(timeout=SOON)
        pooler.end()
        pooler.start()
        handles += [producer.double.enqueue(n) for n in range(20, 40)]  # type: ignore[attr-defined]
        assert [job.result(timeout=SOON) for job in handles] == [2 * n for n in range(40)]
    assert server_side(url, b"select count(*), count(distinct id), max(crashes) from holdfast.history") == [(40, 40, 0)]


def test_transactions_of_ours_prepare_nothing(make: Callable[..., Holdfast], url: str, through: str) -> None:
    app = make()
    for n in range(20):  # psycopg prepares by itself what was run five times
        with app.transaction() as connection:
            connection.execute("select %s::int", [n])
            app.double.using(connection=connection).enqueue(n)  # type: ignore[attr-defined]
    assert server_side(url, b"select count(*) from holdfast.jobs") == [(20,)]
    assert everywhere(through, b"select name from pg_prepared_statements") == set()


def test_tables_are_made_and_dropped_through_it(cluster: Server, pooler: Pooler) -> None:
    url = cluster.create_database()
    app = Holdfast(pooler.url(url))
    steps = app.migrate()
    assert steps
    assert app.migrate() == []
    assert app.store.reset() == steps
    app.check()
    app.close()
    cluster.drop_database(url)
