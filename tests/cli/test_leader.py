"""The duties alone, once or until told to stop."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Cli, Running

from holdfast.cli.exits import Exit


def test_once_as_json(cli: Cli, app: Any, database_url: str) -> None:
    job = app.boom.using(delay=0.001).enqueue(1)
    found = json.loads(cli("leader", "--once", "--json", "--url", database_url).stdout)
    assert found["promoted"] == 1
    assert found["rescued"] == {"back": 0, "ended": 0}
    assert set(found) >= {"database", "promoted", "rescued", "pruned", "upkeep"}
    assert job.state == "ready"


def test_once_for_people(cli: Cli, app: Any, database_url: str) -> None:
    app.boom.using(delay=0.001).enqueue(1)
    told = cli("leader", "--once", "--url", database_url).stdout
    assert "promoted  1 due jobs" in told
    assert "rescued   0 jobs" in told


def test_once_for_an_app(cli: Cli, shop: Path, sqlite_url: str) -> None:
    assert cli("leader", "shop:app", "--once", "--url", sqlite_url).exit_code == 0


def test_without_a_database(cli: Cli, tmp_path: Path) -> None:
    assert cli("leader", "--once").exit_code == Exit.UNREACHABLE
    assert list(tmp_path.iterdir()) == []


def test_without_tables(cli: Cli, new_postgres_url: str) -> None:
    assert cli("leader", "--once", "--url", new_postgres_url).exit_code == Exit.SCHEMA


def test_a_wrong_lease(cli: Cli, app: Any, database_url: str) -> None:
    app.migrate()
    assert cli("leader", "--once", "--lease", "1ms", "--url", database_url).exit_code == Exit.USAGE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_until_told_to_stop(start: Callable[..., Running], app: Any, database_url: str, number: int) -> None:
    app.migrate()
    leader = start("leader", "-v", HOLDFAST_URL=database_url)
    assert "Holdfast" in leader.wait_for("leading, term")
    leader.process.send_signal(number)
    assert leader.end() == (0, "")
