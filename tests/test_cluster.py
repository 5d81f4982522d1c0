"""The private PostgreSQL server starts, survives crashes, and never outlives the process that made it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from holdfast.testing.cluster import (
    Cluster,
    Server,
    ServerUnavailable,
    alive,
    database_name,
    find_programs,
    is_program,
    quoted,
)


def test_databases_are_separate(cluster: Server) -> None:
    first, second = cluster.create_database(), cluster.create_database()
    with psycopg.connect(first) as connection:
        connection.execute("create table only_here (id int)")
    with psycopg.connect(second) as connection:
        assert connection.execute("select to_regclass('only_here')").fetchone() == (None,)
    for url in (first, second):
        cluster.drop_database(url)


def test_a_template_is_copied(cluster: Server, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("create table copied as select 7 as n")
    copy = cluster.create_database(template=database_name(postgres_url))
    with psycopg.connect(copy) as connection:
        assert connection.execute("select n from copied").fetchone() == (7,)
    cluster.drop_database(copy)


def test_dropping_ends_open_connections(cluster: Server) -> None:
    url = cluster.create_database()
    with psycopg.connect(url, autocommit=True) as connection:
        cluster.drop_database(url)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")


def test_a_borrowed_server_is_left_as_it_was(cluster: Server) -> None:
    with Server(cluster.url()) as borrowed:
        url = borrowed.create_database()
        psycopg.connect(url).close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


@pytest.mark.parametrize("how", ["crash", "immediate", "fast"])
def test_what_was_committed_survives(own_cluster: Cluster, how: str) -> None:
    with psycopg.connect(own_cluster.url()) as connection:
        connection.execute("create table kept as select 1 as n")
    before = own_cluster.pid
    match how:
        case "crash":
            own_cluster.crash()
            assert own_cluster.pid is None
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(own_cluster.url())
            own_cluster.start_again()
        case "immediate":
            own_cluster.restart("immediate")
        case _:
            own_cluster.restart("fast")
    assert own_cluster.pid != before
    with psycopg.connect(own_cluster.url()) as connection:
        assert connection.execute("select n from kept").fetchone() == (1,)


def test_settings_and_tcp() -> None:
    with Cluster.start({"work_mem": "5MB"}, fsync=False, tcp=True) as server:
        assert "127.0.0.1" in server.url()
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("show work_mem").fetchone() == ("5MB",)
            assert connection.execute("show fsync").fetchone() == ("off",)
    assert not server.folder.exists()


def test_stopping_after_a_crash_leaves_nothing() -> None:
    server = Cluster.start(fsync=False)
    server.crash()
    server.stop()
    server.stop()
    assert not server.folder.exists()


def test_a_failed_start_shows_the_log() -> None:
    with pytest.raises(ServerUnavailable, match="no_such_setting"):
        Cluster.start({"no_such_setting": 1})


OWNER = """
import time
from holdfast.testing.cluster import Cluster
server = Cluster.start(fsync=False)
print(server.pid, server.folder, flush=True)
{then}
"""


@pytest.mark.parametrize(
    ("then", "kill"),
    [("time.sleep(60)", signal.SIGKILL), ("time.sleep(60)", signal.SIGTERM), ("raise SystemExit", None)],
    ids=["killed", "terminated", "ended"],
)
def test_the_server_ends_with_its_owner(then: str, kill: signal.Signals | None) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER.format(then=then)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid, folder = owner.stdout.readline().split()
        assert alive(int(pid)) or kill is None
        if kill:
            owner.send_signal(kill)
    deadline = time.monotonic() + 10
    while (alive(int(pid)) or Path(folder).exists()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(int(pid))
    assert not Path(folder).exists()


def test_a_forked_child_does_not_stop_the_server(own_cluster: Cluster) -> None:
    child = os.fork()
    if child == 0:
        own_cluster.stop()
        os._exit(0)
    os.waitpid(child, 0)
    psycopg.connect(own_cluster.url()).close()


def test_a_wrapping_script_is_no_program(tmp_path: Path) -> None:
    script = tmp_path / "initdb"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    assert not is_program(script)


def test_programs_named_by_the_environment_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_TEST_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(ServerUnavailable, match="no program initdb"):
        find_programs()


def test_settings_are_quoted() -> None:
    assert [quoted(value) for value in (True, 5, "it's")] == ["'on'", "'5'", "'it''s'"]
