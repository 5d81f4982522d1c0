"""Databases for the tests: one private PostgreSQL server per test process, a fresh database per test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.emptied import SharedDatabase, shared_database
from tests.pooler import Pooler, PoolerUnavailable

from holdfast.clock import DatabaseClock
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.testing.cluster import Cluster, Server, database_name, obtain_server

SERVERS = {"postgres_url", "new_postgres_url", "cluster", "own_cluster", "pooler"}
CHAOS = os.environ.get("HOLDFAST_CHAOS") == "1"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs PostgreSQL, and leave the long fault runs to `make chaos`."""
    dropped: list[pytest.Item] = []
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        params = getattr(getattr(item, "callspec", None), "params", {})
        backend = params.get("database_url") or params.get("new_database_url")
        if backend == "postgres" or {"postgres_url", "new_postgres_url", "cluster", "own_cluster", "pooler"} & set(
            fixtures
        ):
            item.add_marker("postgres")
        if not CHAOS and item.get_closest_marker("chaos"):
            dropped.append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in dropped]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Server]:
    """The server that all tests of this process share. Do not restart it: see `own_cluster`.

    It writes without waiting for the disk: no test kills the machine, and `own_cluster`, whose servers crash, waits.
    """
    if os.environ.get("HOLDFAST_SKIP_POSTGRES") == "1":
        pytest.skip("HOLDFAST_SKIP_POSTGRES is set")
    with obtain_server(fsync=False) as server:
        yield server


LASTING = ("fsync", "full_page_writes")


@pytest.fixture(scope="module")
def waiting_for_the_disk(cluster: Server) -> Iterator[None]:
    """That server as one should be in production, for tests that ask whether it is."""
    if not isinstance(cluster, Cluster):
        yield  # somebody's, and as it is
        return
    configure(cluster, "alter system set {} = on", "on")
    yield
    configure(cluster, "alter system reset {}", "off")


def configure(cluster: Cluster, command: str, wanted: str) -> None:
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        for name in LASTING:
            connection.execute(command.format(name).encode())
        connection.execute("select pg_reload_conf()")
    found = ""
    while found != wanted:  # a process that begins once the server has read its settings has them
        with psycopg.connect(cluster.url()) as connection:
            found = str(connection.execute("select current_setting(%s)", [LASTING[-1]]).fetchone()[0])  # type: ignore[index]


@pytest.fixture(scope="session")
def pooler(cluster: Server) -> Iterator[Pooler]:
    """PgBouncer in transaction mode in front of that server, with two connections to each database."""
    try:
        pooler = Pooler(cluster.url())
    except PoolerUnavailable as error:
        pytest.skip(f"PGBOUNCER: {error}")
    with pooler:
        yield pooler


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What could not be tested for want of a program is said where nobody overlooks it."""
    skipped = terminalreporter.stats.get("skipped", [])
    missing = [report for report in skipped if "PGBOUNCER: " in str(report.longrepr)]
    if missing:
        reason = str(missing[0].longrepr[-1]).partition("PGBOUNCER: ")[2]
        terminalreporter.section("NOT TESTED: PgBouncer", sep="!", red=True, bold=True)
        terminalreporter.write_line(f"{len(missing)} tests behind a pooler did not run: {reason}", red=True)


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A server for one test alone, which may restart and crash it."""
    if os.environ.get("HOLDFAST_SKIP_POSTGRES") == "1":
        pytest.skip("HOLDFAST_SKIP_POSTGRES is set")
    with Cluster.start() as server:
        yield server


@pytest.fixture(scope="session")
def shared(cluster: Server) -> Iterator[SharedDatabase]:
    """A database with Holdfast's tables, for all tests of this process that do not mind others' before them."""
    with shared_database(cluster) as database:
        yield database


@pytest.fixture(scope="session")
def template(cluster: Server) -> Iterator[str]:
    """The name of a database with Holdfast's tables, to be copied: that takes a tenth of the time of making them."""
    url = cluster.create_database()
    store = PostgresStore(UrlSource(url), DatabaseClock())
    store.migrate()
    store.close()
    yield database_name(url)
    cluster.drop_database(url)


@pytest.fixture
def postgres_url(cluster: Server, template: str) -> Iterator[str]:
    """A PostgreSQL database of the test's own, with Holdfast's tables and nothing in them."""
    url = cluster.create_database(template=template)
    yield url
    cluster.drop_database(url)


@pytest.fixture
def new_postgres_url(cluster: Server) -> Iterator[str]:
    """A PostgreSQL database with nothing in it."""
    url = cluster.create_database()
    yield url
    cluster.drop_database(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'holdfast.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database of each kind in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def new_database_url(request: pytest.FixtureRequest) -> str:
    """The same without Holdfast's tables; one of SQLite's never has them yet."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "new_postgres_url")
    return url
