"""Looking at jobs: for people, for pipes and for programs."""

import json
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Cli

from holdfast.cli.exits import Exit
from holdfast.ids import new_id

KEYS = [
    "id",
    "task",
    "queue",
    "tenant",
    "version",
    "state",
    "reason",
    "priority",
    "args",
    "result",
    "key",
    "group",
    "progress",
    "attempt",
    "max_attempts",
    "crashes",
    "errors",
    "timeout",
    "on_timeout",
    "keep_succeeded",
    "keep_failed",
    "tags",
    "metadata",
    "schedule_id",
    "worker",
    "created_at",
    "due_at",
    "started_at",
    "finished_at",
    "updated_at",
]


def in_terminal(cli: Cli, columns: int, *words: str) -> list[str]:
    """The lines that a terminal so wide would show."""
    shown = cli(*words, FORCE_COLOR="1", COLUMNS=str(columns)).stdout
    assert "\x1b[" in shown
    return re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()


def test_list_as_json(cli: Cli, app: Any, database_url: str) -> None:
    sent = [app.send.enqueue(f"u{n}@x.org") for n in range(3)]
    late = app.boom.using(delay="1h").enqueue(1)
    app.work_once()
    found = json.loads(cli("jobs", "list", "--json", "--url", database_url).stdout)
    assert [job["id"] for job in found["jobs"]] == [late.id, *(job.id for job in reversed(sent))]
    assert found["next"] is None
    first, last = found["jobs"][0], found["jobs"][-1]
    assert set(first) >= set(KEYS) - {"args", "result"}
    assert not {"args", "result", "result_text"} & set(first)
    assert (first["state"], first["finished_at"]) == ("scheduled", None)
    assert (last["state"], last["tags"], last["timeout"]) == ("succeeded", ["news"], 3600.0)
    assert datetime.fromisoformat(last["finished_at"]) == app.jobs.get(sent[0].id).finished_at
    assert last["finished_at"][-1] == "Z"
    assert len(last["finished_at"]) == len("2026-01-01T09:30:00.000000Z")


def test_list_filters(cli: Cli, app: Any, database_url: str) -> None:
    mail, boom = app.send.enqueue("a@b.c"), app.boom.enqueue(1)

    def listed(*words: str) -> list[str]:
        answer = json.loads(cli("jobs", "list", "--json", "--url", database_url, *words).stdout)
        return [job["id"] for job in answer["jobs"]]

    assert listed("-q", "mail") == listed("--task", "send") == listed("--tag", "news") == [mail.id]
    assert listed("-t", "boom", "--state", "ready") == [boom.id]
    assert listed("--state", "failed") == listed("--queue", "nosuch") == []
    assert listed("--state", "failed", "--state", "ready", "--order", "created") == [mail.id, boom.id]
    late = app.boom.using(delay="2h", priority=7, key="k", group="g").enqueue(2)
    for words in (
        ("--priority", "7"), ("--priority", "5..9"), ("--priority", "1.."), ("--key", "k"), ("--group", "g"),
        ("--due-after", "+1h"), ("--due-after", "+1h", "--due-before", "+3h"),
    ):  # fmt: skip
        assert listed(*words) == [late.id], words
    assert listed("--priority", "..0") == listed("--due-before", "+1h") == [boom.id, mail.id]
    assert listed("--created-before", "1h") == listed("--created-after", "2999-01-01") == []
    app.work_once()
    assert listed("--error", "boom 1") == listed("--finished-after", "1h", "--state", "failed") == [boom.id]
    for bad in (("--priority", "high"), ("--priority", ".."), ("--due-after", "soon"), ("--state", "odd")):
        assert cli("jobs", "list", "--url", database_url, *bad).exit_code == Exit.USAGE


def test_count(cli: Cli, app: Any, database_url: str) -> None:
    app.enqueue_many([app.send.call(f"u{n}@x.org") for n in range(3)])
    app.boom.enqueue(1)
    app.work_once(batch=4)
    assert cli("jobs", "count", "--url", database_url).stdout == "succeeded\t3\nfailed\t1\ntotal\t4\n"
    found = json.loads(cli("jobs", "count", "-q", "mail", "--json", "--url", database_url).stdout)
    assert found == {"counts": {"succeeded": 3}, "total": 3, "complete": True}
    assert in_terminal(cli, 80, "jobs", "count", "--url", database_url)[-1].split() == ["total", "4"]


def test_pages(cli: Cli, app: Any, database_url: str) -> None:
    ids = [app.boom.enqueue(n).id for n in range(5)][::-1]
    seen: list[str] = []
    after: list[str] = []
    while True:
        result = cli("jobs", "list", "-n", "2", "--url", database_url, *after)
        seen += [line.split("\t")[0] for line in result.stdout.splitlines()[1:]]
        said = dict(line.split(": ", 1) for line in result.stderr.splitlines())
        assert ("before" in said) == bool(after)
        if "more" not in said:
            break
        after = said["more"].split()
    assert seen == ids
    page = json.loads(cli("jobs", "list", "-n", "2", "--json", "--url", database_url).stdout)
    assert page["next"].startswith(ids[1])
    words = ("jobs", "list", "-n", "2", "--json", "--url", database_url)
    second = json.loads(cli(*words, "--after", page["next"]).stdout)
    first = json.loads(cli(*words, "--before", second["previous"]).stdout)
    assert [job["id"] for job in first["jobs"]] == ids[:2]
    assert cli(*words, "--after", "x").exit_code == Exit.USAGE


def test_list_in_a_pipe(cli: Cli, app: Any, database_url: str) -> None:
    app.boom.enqueue(7)
    app.work_once()
    result = cli("jobs", "list", "--payload", "--url", database_url)
    heading, line = result.stdout.splitlines()
    cells = dict(zip(heading.split("\t"), line.split("\t"), strict=True))
    assert (cells["state"], cells["task"], cells["attempt"], cells["max_attempts"]) == ("failed", "boom", "1", "1")
    assert (cells["note"], cells["args"]) == (r"ValueError: \x1b[31mboom 7", '{"n": 7}')
    assert datetime.fromisoformat(cells["created_at"]).tzinfo is UTC
    assert result.stderr == ""


@pytest.mark.parametrize("columns", [40, 80, 104, 150, 200])
def test_list_in_a_terminal(cli: Cli, app: Any, database_url: str, columns: int) -> None:
    app.send.using(queue="a queue with a very long name " * 3).enqueue("a@b.c")
    app.boom.enqueue(7)
    app.boom.using(delay="2h 30m").enqueue(8)
    app.work_once()
    lines = in_terminal(cli, columns, "jobs", "list", "--url", database_url)
    assert len(lines) == 4
    assert all(len(line) <= columns for line in lines)
    if columns >= 80:
        assert all(len(line.split()[0]) == 36 for line in lines[1:])
        assert "in 2h" in lines[1]
        assert "ago" in lines[2] or "now" in lines[2]
    assert ("UTC" in lines[0]) == (columns >= 104)
    assert ("ValueError" in lines[2]) == (columns >= 150)
    assert not any("a@b.c" in line for line in lines)


def test_an_empty_list(cli: Cli, app: Any, database_url: str) -> None:
    app.migrate()
    result = cli("jobs", "list", "--url", database_url)
    assert (result.exit_code, result.stderr, result.stdout.count("\n")) == (0, "no jobs\n", 1)
    assert json.loads(cli("jobs", "list", "--json", "--url", database_url).stdout) == {
        "jobs": [], "next": None, "previous": None, "partial": False,
    }  # fmt: skip


def test_show(cli: Cli, app: Any, database_url: str) -> None:
    job = app.send.using(metadata={"trace": 9}).enqueue("å@b.c")
    app.work_once()
    shown = cli("jobs", "show", job.id, "--url", database_url).stdout
    for text in (job.id, "succeeded", "mail", "news", '{"to": "å@b.c"}', '"sent to å@b.c"', '{"trace": 9}', "1 of 1"):
        assert text in shown
    hidden = cli("jobs", "show", job.id, "--hide-payload", "--url", database_url).stdout
    assert "å@b.c" not in hidden
    assert "trace" not in hidden


def test_show_errors(cli: Cli, app: Any, database_url: str) -> None:
    job = app.boom.using(retry=2).enqueue(7)
    app.work_once()
    for switches, traceback in (((), False), (("-v",), True)):
        shown = cli("jobs", "show", job.id, *switches, "--url", database_url).output
        assert "attempt 1 ValueError" in shown
        assert r"\x1b[31mboom 7" in shown
        assert "\x1b" not in shown
        assert ("in boom" in shown) == traceback
        assert ("-v shows the tracebacks" in shown) != traceback


def test_show_as_json(cli: Cli, app: Any, database_url: str) -> None:
    job = app.boom.enqueue(7)
    app.work_once()
    found = json.loads(cli("jobs", "show", job.id, "--json", "--url", database_url).stdout)
    assert set(found) >= set(KEYS)
    assert found["args"] == {"n": 7}
    (error,) = found["errors"]
    assert (error["attempt"], error["kind"], error["message"]) == (1, "ValueError", "\x1b[31mboom 7")
    assert "in boom" in error["traceback"]
    hidden = json.loads(cli("jobs", "show", job.id, "--json", "--hide-payload", "--url", database_url).stdout)
    assert not {"args", "result"} & set(hidden)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_show_in_a_terminal(cli: Cli, app: Any, database_url: str, columns: int) -> None:
    job = app.send.enqueue("word " * 60)
    lines = in_terminal(cli, columns, "jobs", "show", job.id, "--url", database_url)
    assert all(len(line.rstrip()) <= columns for line in lines[1:])
    assert any(line.startswith("            ") for line in lines)


def test_show_what_is_not_there(cli: Cli, app: Any, database_url: str) -> None:
    app.migrate()
    absent = new_id()
    result = cli("jobs", "show", absent, "--url", database_url)
    assert result.exit_code == Exit.FAILED
    assert f"there is no job {absent}" in result.stderr


def test_an_absent_file_is_not_made(cli: Cli, tmp_path: Path) -> None:
    for words in (("list",), ("show", new_id())):
        result = cli("jobs", *words)
        assert result.exit_code == Exit.UNREACHABLE
        assert f"there is no SQLite database {tmp_path}/holdfast.db" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_tables_gets_none(cli: Cli, tmp_path: Path, new_database_url: str) -> None:
    if new_database_url.startswith("sqlite"):
        with sqlite3.connect(tmp_path / "holdfast.db") as connection:
            connection.execute("create table mine (id integer)")
        connection.close()
    result = cli("jobs", "list", "--url", new_database_url)
    assert result.exit_code == Exit.SCHEMA
    assert "holdfast migrate" in result.stderr
    assert "ran 0001_jobs" in cli("migrate", "--url", new_database_url).stdout


def test_a_file_that_is_no_database(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "holdfast.db").write_text("not a database, but long enough to be looked at " * 9)
    assert cli("jobs", "list").exit_code == Exit.UNREACHABLE


def test_explain(cli: Cli, app: Any, database_url: str) -> None:
    @app.task
    def later() -> None: ...

    job = later.using(delay="1h").enqueue()
    shown = cli("jobs", "explain", job.id, "--url", database_url)
    assert shown.stdout.startswith(f"later {job.id} is scheduled\n  not_due: it is due in ")
    found = json.loads(cli("jobs", "explain", job.id, "--json", "--url", database_url).stdout)
    assert found["reasons"][0]["code"] == "not_due"
    assert found["expected_at"] == found["reasons"][0]["until"]
