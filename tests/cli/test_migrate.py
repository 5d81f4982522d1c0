"""Making tables, printing what makes them, and making them anew."""

import json
from pathlib import Path
from typing import Any

import psycopg
from tests.cli.conftest import Cli

from holdfast.cli.exits import Exit


def test_steps_and_then_none(cli: Cli, new_database_url: str) -> None:
    first = cli("migrate", "--url", new_database_url)
    assert (first.exit_code, first.stdout.count("\n")) == (0, 1)
    assert "ran 0001_jobs" in first.stdout
    assert cli("migrate", "--url", new_database_url).stdout.endswith(": up to date\n")
    assert cli("jobs", "list", "--url", new_database_url).exit_code == 0


def test_as_json(cli: Cli, new_database_url: str) -> None:
    found = json.loads(cli("migrate", "--url", new_database_url, "--json").stdout)
    assert (found["reset"], found["steps"][0]) == (False, "0001_jobs")
    assert json.loads(cli("migrate", "--url", new_database_url, "--json").stdout)["steps"] == []


def test_of_an_app(cli: Cli, shop: Path, tmp_path: Path) -> None:
    result = cli("migrate", "shop", HOLDFAST_URL="sqlite:///orders.db")
    assert result.stdout.startswith(f"SQLite database {tmp_path}/orders.db: ran 0001_jobs")


def test_into_a_schema(cli: Cli, new_postgres_url: str) -> None:
    assert cli("--schema", "shop", "migrate", "--url", new_postgres_url).exit_code == 0
    missing = cli("jobs", "list", "--url", new_postgres_url)
    assert missing.exit_code == Exit.SCHEMA
    assert cli("jobs", "list", "--url", new_postgres_url, "--schema", "shop").exit_code == 0


def test_sql_makes_what_migrate_makes(cli: Cli, new_postgres_url: str, tmp_path: Path) -> None:
    result = cli("migrate", "--sql", "--schema", "shop", "--url", "sqlite:///untouched.db")
    assert (result.exit_code, result.stderr) == (0, "")
    with psycopg.connect(new_postgres_url) as connection:
        connection.execute(result.stdout.encode())
    again = cli("migrate", "--url", new_postgres_url, "--schema", "shop")
    assert again.stdout.endswith(": up to date\n")
    assert list(tmp_path.iterdir()) == []


def test_reset_asks_first(cli: Cli, app: Any, database_url: str) -> None:
    app.boom.enqueue(1)
    refused = cli("migrate", "--reset", "--url", database_url)
    assert refused.exit_code == Exit.FAILED
    assert "--yes" in refused.stderr
    assert app.jobs.count() == {"ready": 1}
    done = cli("migrate", "--reset", "--yes", "--url", database_url)
    assert "emptied; ran 0001_jobs" in done.stdout
    assert app.jobs.count() == {}


def test_reset_leaves_the_tables_of_others(cli: Cli, postgres_url: str) -> None:
    assert cli("migrate", "--url", postgres_url).exit_code == 0
    with psycopg.connect(postgres_url) as connection:
        connection.execute("create table holdfast.orders (id int)")
    result = cli("migrate", "--reset", "--yes", "--url", postgres_url)
    assert result.exit_code == Exit.FAILED
    assert "orders" in result.stderr
