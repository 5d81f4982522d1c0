"""What the command answers when it is asked wrongly, and with which code."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Cli

from holdfast import __version__, errors
from holdfast.cli.exits import Exit, code_of


def test_version(cli: Cli) -> None:
    assert (cli("--version").stdout, cli("--version").exit_code) == (f"holdfast {__version__}\n", 0)


def test_python_m_holdfast_is_the_same_command() -> None:
    done = subprocess.run([sys.executable, "-m", "holdfast", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"holdfast {__version__}\n"


@pytest.mark.parametrize("command", ["", "worker", "leader", "migrate", "jobs", "jobs list", "jobs show"])
def test_every_command_has_help(cli: Cli, command: str) -> None:
    for switch in ("-h", "--help"):
        result = cli(*command.split(), switch)
        assert result.exit_code == 0
        assert f"Usage: holdfast {command}".strip() in result.stdout
        assert max(map(len, result.stdout.splitlines())) <= 80


def test_help_names_the_exit_codes(cli: Cli) -> None:
    told = " ".join(cli("--help").stdout.split())
    for text in ("0 done", "1 failed", "2 wrong usage", "3 database out of reach", "4 tables missing"):
        assert text in told


def test_no_command_shows_help(cli: Cli) -> None:
    assert cli().exit_code == cli("jobs").exit_code == Exit.USAGE
    assert "Usage: holdfast" in cli().output


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("nosuch", "No such command 'nosuch'"),
        ("--nosuch", "No such option: --nosuch"),
        ("jobs list --nosuch", "No such option: --nosuch"),
        ("worker", "Missing argument 'MODULE:APP'"),
        ("jobs show nosuch --url sqlite:///:memory:", "a job id is a UUID"),
        ("jobs list --limit 0 --url sqlite:///:memory:", "limit must be a whole number from 1 to 1000, not 0"),
        ("jobs list --state lost --url sqlite:///:memory:", "state must be one of scheduled, blocked"),
        ("jobs list --url mysql://x", "a database URL is one of"),
        ("jobs list --schema 1x --url sqlite:///:memory:", "argument schema"),
    ],
)
def test_wrong_usage(cli: Cli, words: str, text: str) -> None:
    result = cli(*words.split())
    assert result.exit_code == Exit.USAGE
    assert result.stdout == ""
    first, *rest = result.stderr.splitlines()
    assert first.startswith("error: ")
    assert text in first
    assert all(line.startswith("See: holdfast") and line.endswith("--help") for line in rest)
    assert len(rest) <= 1


def test_an_error_is_one_line_and_its_traceback_is_shown_on_demand(cli: Cli) -> None:
    result = cli("jobs", "list")
    assert result.stderr.startswith("error: there is no SQLite database")
    assert result.stderr.count("\n") == 1
    for words in (("-vv", "jobs", "list"), ("jobs", "list", "-vv"), ("-v", "jobs", "list", "-v", "-vv")):
        assert "Traceback (most recent call last)" in cli(*words).stderr


def test_an_error_of_ours_is_no_traceback_either(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("\x1b[31mnever\nmind")

    monkeypatch.setattr("holdfast.cli.given.existing", fail)
    result = cli("jobs", "list")
    assert result.exit_code == Exit.FAILED
    assert result.stderr == "error: unexpected ZeroDivisionError: \\x1b[31mnever mind (-vv shows the traceback)\n"


def test_passwords_are_not_shown(cli: Cli) -> None:
    result = cli("jobs", "list", "--url", "postgresql://ann:sesame@127.0.0.1:1/x")
    assert result.exit_code == Exit.UNREACHABLE
    assert "sesame" not in result.output
    assert "ann:***@127.0.0.1" in result.stderr


def test_options_stand_before_or_after_the_command(cli: Cli, tmp_path: Path) -> None:
    for words in (("--url", "sqlite:///a.db", "migrate"), ("migrate", "--url", "sqlite:///b.db")):
        assert cli(*words).exit_code == 0
    assert cli("--url", "sqlite:///nosuch.db", "migrate", "--url", "sqlite:///c.db").exit_code == 0
    assert {file.name for file in tmp_path.glob("*.db")} == {"a.db", "b.db", "c.db"}


def test_the_database_comes_from_the_environment_and_pyproject(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.holdfast]\nurl = "sqlite:///project.db"\n')
    assert f"{tmp_path}/project.db: ran" in cli("migrate").stdout
    assert f"{tmp_path}/env.db: ran" in cli("migrate", HOLDFAST_URL="sqlite:///env.db").stdout


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.HoldfastError("x"), 1),
        (errors.JobNotFound("x"), 1),
        (errors.ImportFailed("x"), 1),
        (errors.DuplicateTask("x"), 1),
        (errors.MisuseError("x"), 1),
        (errors.OutcomeUnknown("x"), 1),
        (errors.ConfigError("x"), 2),
        (errors.InvalidOption("x"), 2),
        (errors.DatabaseUnavailable("x"), 3),
        (errors.NotADatabase("x"), 3),
        (errors.ReadOnlyDatabase("x"), 3),
        (errors.SchemaMissing("x"), 4),
        (errors.SchemaTooOld("x"), 4),
        (errors.SchemaTooNew("x"), 4),
        (ValueError("x"), 1),
    ],
)
def test_codes(error: Exception, code: int) -> None:
    assert code_of(error) == code
