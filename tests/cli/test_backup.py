"""`holdfast backup`: a file copied, or the command that copies a server's database."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cli

from holdfast import Holdfast


def test_a_copy_is_made_and_told(cli: Cli, tmp_path: Path) -> None:
    Holdfast(f"sqlite:///{tmp_path / 'app.db'}").migrate()
    url = f"sqlite:///{tmp_path / 'app.db'}"
    result = cli("backup", "copy.db", "--url", url)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{tmp_path / 'copy.db'}: ")
    assert Holdfast(f"sqlite:///{tmp_path / 'copy.db'}").jobs.count() == {}
    document = json.loads(cli("backup", "other.db", "--url", url, "--json").stdout)
    assert document["bytes"] == (tmp_path / "other.db").stat().st_size
    assert document["file"] == str(tmp_path / "other.db")


def test_a_file_that_is_there_needs_force(cli: Cli, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'app.db'}"
    Holdfast(url).migrate()
    Path("copy.db").write_text("precious")
    result = cli("backup", "copy.db", "--url", url)
    assert result.exit_code == 1
    assert "--force" in result.stderr
    assert Path("copy.db").read_text() == "precious"
    assert cli("backup", "copy.db", "--force", "--url", url).exit_code == 0
    assert Path("copy.db").read_bytes().startswith(b"SQLite format 3")


def test_an_app_names_its_database(cli: Cli, tmp_path: Path) -> None:
    Path("store.py").write_text(
        f"from holdfast import Holdfast\napp = Holdfast('sqlite:///{tmp_path / 'own.db'}')\napp.migrate()\n"
    )
    assert cli("backup", "copy.db", "store:app").exit_code == 0
    assert "own.db" in cli("backup", "again.db", "store:app").stdout


def test_a_database_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    result = cli("backup", "copy.db", "--url", f"sqlite:///{tmp_path / 'absent.db'}")
    assert result.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_postgresql_has_its_own_command(cli: Cli) -> None:
    result = cli("backup", "copy.dump", "--url", "postgresql://ann:secret@db/shop")
    assert result.exit_code == 1
    assert "run: pg_dump --format=custom" in result.stderr
    assert "--file=copy.dump" in result.stderr
    assert "secret" not in result.stderr
