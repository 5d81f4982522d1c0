"""`holdfast doctor`: what is wrong, in a terminal, in a pipe and as JSON."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Cli

from holdfast import Holdfast
from holdfast.cli import doctor
from holdfast.model.finding import Finding, Level, fine, problem, warning

pytestmark = pytest.mark.usefixtures("waiting_for_the_disk")


def test_a_healthy_database(cli: Cli, database_url: str) -> None:
    Holdfast(database_url).migrate()
    result = cli("doctor", "--url", database_url)
    assert result.exit_code == 0, result.stdout
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert {len(line) for line in lines} == {4}
    assert {line[1] for line in lines} >= {"Holdfast", "database", "schema", "wake-ups", "leader"}
    assert "problem" not in {line[0] for line in lines}


def test_json(cli: Cli, database_url: str) -> None:
    Holdfast(database_url).migrate()
    document = json.loads(cli("doctor", "--json", "--url", database_url).stdout)
    assert document["ok"] is True
    assert {"check", "level", "what", "remedy"} == set(document["findings"][0])


def test_a_problem_is_exit_code_1(cli: Cli, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'app.db'}"
    Holdfast(url).migrate()
    connection = sqlite3.connect(tmp_path / "app.db")
    connection.execute("drop index holdfast_jobs_lease")
    connection.close()
    result = cli("doctor", "--json", "--url", url)
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["ok"] is False
    (wrong,) = [each for each in document["findings"] if each["level"] == "problem"]
    assert wrong["check"] == "schema"
    assert "holdfast_jobs_lease" in wrong["what"]


def test_a_file_that_is_not_there_is_not_made(cli: Cli, tmp_path: Path) -> None:
    result = cli("doctor", "--url", f"sqlite:///{tmp_path / 'absent.db'}")
    assert result.exit_code == 1
    assert "there is no SQLite database" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_app_is_examined_on_its_own_database(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "store.py").write_text(
        "from holdfast import Holdfast\napp = Holdfast('sqlite:///" + str(tmp_path / "own.db") + "')\napp.migrate()\n"
    )
    result = cli("doctor", "store:app")
    assert result.exit_code == 0
    assert "own.db" in result.stdout


class Terminal:
    """What a person would see, 60 columns wide."""

    def __init__(self, encoding: str = "utf-8") -> None:
        from io import BytesIO, TextIOWrapper

        from rich.console import Console

        self.raw = BytesIO()
        file: Any = TextIOWrapper(self.raw, encoding=encoding)
        self.console = Console(file=file, force_terminal=True, width=60, color_system=None, highlight=False)

    def text(self) -> str:
        self.console.file.flush()
        return self.raw.getvalue().decode()


FINDINGS = [
    ("file", fine("all is well")),
    ("clock", warning("it goes \x1b[31m wrong, and this is a long sentence that wraps", "wind it up")),
    ("disk", problem("full", "make room")),
]


def test_a_terminal_shows_marks_remedies_and_a_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(doctor, "stdout", lambda: terminal.console)
    assert doctor.list_out(FINDINGS, as_json=False) == FINDINGS
    lines = [line.rstrip() for line in terminal.text().splitlines()]
    assert lines[0] == " ✓  file             all is well"
    assert "\x1b" not in "".join(lines).replace("\\x1b", "")
    assert [line.strip() for line in lines if "→" in line] == ["→ wind it up", "→ make room"]
    assert lines[-1] == " 1 warning, 1 problem, 1 check found nothing wrong"


def test_a_terminal_that_knows_ascii_only(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal("ascii")
    monkeypatch.setattr(doctor, "stdout", lambda: terminal.console)
    doctor.list_out([("file", Finding(Level.OK, "fine")), *FINDINGS[1:]], as_json=False)
    assert " ok file" in terminal.text()
    assert "-> make room" in terminal.text()
