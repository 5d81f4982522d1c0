"""Doing something to many jobs from the command line: to those that are named, and to all that meet conditions."""

import json
import re
from typing import Any

import pytest
from tests.cli.conftest import Cli

from holdfast import Context, JobState
from holdfast.cli.exits import Exit
from holdfast.ids import new_id


@pytest.fixture
def act(cli: Cli, database_url: str) -> Any:
    """Runs `holdfast …` on the test's database."""

    def act(*words: str, **env: str) -> Any:
        return cli(*words, "--url", database_url, **env)

    return act


def test_what_is_named_is_done_to_each(act: Any, app: Any) -> None:
    one, two = (app.send.using(delay="1h").enqueue("a@b.c") for _ in range(2))
    absent = new_id()
    result = act("jobs", "cancel", one.id, absent, two.id)
    assert result.exit_code == Exit.FAILED
    assert result.stdout == f"{one.id}\tcancelled\n{two.id}\tcancelled\n"
    assert f"there is no job {absent}" in result.stderr
    found = json.loads(act("jobs", "retry", one.id, two.id, "--delay", "5m", "--json").stdout)["jobs"]
    assert [(job["id"], job["state"], job["version"]) for job in found] == [
        (one.id, "scheduled", 2), (two.id, "scheduled", 2),
    ]  # fmt: skip
    assert act("jobs", "delete", one.id, two.id).exit_code == Exit.USAGE
    assert act("jobs", "delete", one.id, two.id, "--yes").exit_code == 0
    assert not app.jobs.list()


def test_conditions_take_yes_or_a_dry_run(act: Any, app: Any) -> None:
    jobs = app.enqueue_many([app.send.call(f"u{n}@x.org") for n in range(3)])
    asked = act("jobs", "cancel", "-q", "mail")
    assert asked.exit_code == Exit.USAGE
    assert "would cancel 3 jobs" in asked.stderr
    assert act("jobs", "cancel", "-q", "mail", "--dry-run").stdout == "cancel\t3\n"
    assert {job.refresh().state for job in jobs} == {JobState.READY}
    said = json.loads(act("jobs", "cancel", "-q", "mail", "--yes", "-n", "2", "--by", "ada", "--json").stdout)
    assert said == {"verb": "cancel", "changed": 2, "more": True, "dry_run": False}
    assert act("jobs", "cancel", "-q", "mail", "--yes").stdout == "cancel\t1\n"
    assert act("jobs", "retry", "-q", "mail", "--rate", "1/m", "--yes").stdout == "retry\t3\n"
    assert sorted(job.refresh().state for job in jobs) == ["ready", "scheduled", "scheduled"]
    assert act("jobs", "delete", "--state", "scheduled", "--yes").stdout == "delete\t2\n"
    for bad in (
        ("cancel",),
        ("cancel", "--yes"),
        ("cancel", jobs[0].id, "-q", "mail"),
        ("cancel", jobs[0].id, "--dry-run"),
    ):
        assert act("jobs", *bad).exit_code == Exit.USAGE, bad
    assert len(app.jobs.list(state="ready")) == 1


def test_edit(act: Any, app: Any) -> None:
    jobs = app.enqueue_many([app.send.call("a@b.c") for _ in range(2)])
    words = ("--set", "priority=7", "--set", 'args={"to": "d@e.f"}', "--set", "timeout=2m", "--set", "queue=post")
    assert act("jobs", "edit", jobs[0].id, *words, "--by", "ada").stdout == f"{jobs[0].id}\tready: edited\n"
    record = jobs[0].refresh()
    assert (record.priority, dict(record.args), record.timeout, record.queue) == (7, {"to": "d@e.f"}, 120.0, "post")
    assert act("jobs", "edit", "-q", "mail", "--set", "run_at=2999-01-01T00:00Z", "--yes").stdout == "edit\t1\n"
    assert jobs[1].refresh().due_at.year == 2999
    for bad in (
        (),
        ("--set", "priority"),
        ("--set", "color=red"),
        ("--set", "priority=high"),
        ("--set", "run_at=soon"),
    ):
        assert act("jobs", "edit", jobs[0].id, *bad).exit_code == Exit.USAGE, bad


def test_rescue(act: Any, app: Any) -> None:
    said: list[Any] = []

    @app.task
    def runs(ctx: Context) -> None:
        said.append(act("jobs", "rescue").stdout)
        said.append(act("jobs", "rescue", "--force").exit_code)
        said.append(act("jobs", "rescue", "--force", "--older-than", "1h", "--yes").stdout)
        said.append(act("jobs", "rescue", "--force", "--task", "runs", "--dry-run").stdout)

    runs.enqueue()
    app.work_once()
    assert said == ["rescue\t0\n", Exit.USAGE, "rescue\t0\n", "rescue\t1\n"]


def test_audit(act: Any, app: Any) -> None:
    app.migrate()
    assert act("audit", "list").stderr == "no notes\n"
    job = app.boom.enqueue(7)
    app.jobs.edit(job.id, priority=3, by="ada")
    app.jobs.edit(job.id, priority=4, by="bob")
    lines = [line.split("\t") for line in act("audit", "list", "--job", job.id).stdout.splitlines()]
    assert [line[1:3] + line[4:6] for line in lines[1:]] == [
        ["bob", "edit", "priority=3", "priority=4"],
        ["ada", "edit", "priority=0", "priority=3"],
    ]
    page = json.loads(act("audit", "list", "-n", "1", "--json").stdout)
    (first,) = page["notes"]
    assert (first["job"], first["verb"], first["before"], first["after"]) == (
        job.id, "edit", {"priority": 3}, {"priority": 4},
    )  # fmt: skip
    rest = act("audit", "list", "--after", page["next"]).stdout
    assert rest.count("\n") == 2
    assert "ada" in rest
    shown = re.sub(r"\x1b\[[0-9;]*m", "", act("audit", "list", FORCE_COLOR="1", COLUMNS="120").stdout)
    assert "priority=4" in shown
    assert act("audit", "list", "--after", "x").exit_code == Exit.USAGE
