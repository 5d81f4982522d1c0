"""`holdfast schedules …` from the command line."""

import json
from typing import Any

import pytest
from tests.cli.conftest import Cli

from holdfast import Context, Holdfast
from holdfast.cli.exits import Exit


@pytest.fixture
def act(cli: Cli, app: Holdfast, database_url: str) -> Any:
    """Runs `holdfast schedules …` on the test's database."""
    app.migrate()

    def act(*words: str) -> Any:
        return cli("schedules", *words, "--url", database_url)

    return act


@pytest.fixture
def digest(app: Holdfast) -> Any:
    @app.task
    def digest(ctx: Context, user: int) -> int:
        return user

    return digest


def test_put_list_show_and_delete(act: Any, app: Holdfast, digest: Any) -> None:
    made = act(
        "put", "d", "--task", "digest", "--args", '{"user": 42}', "--cron", "0 8 * * *", "--tz", "Asia/Tokyo",
        "--catch-up", "3", "--overlap", "skip", "--jitter", "5m", "--json",
    )  # fmt: skip
    assert made.exit_code == 0, made.stderr
    found = json.loads(made.stdout)
    assert (found["cron"], found["tz"], found["catch_up"], found["jitter"]) == (["0 8 * * *"], "Asia/Tokyo", 3, 300.0)
    record = app.schedules.get("d")
    assert record is not None
    assert (record.task, record.args, record.overlap) == ("digest", {"user": 42}, "skip")
    again = act("put", "d", "--every", "1h")
    assert again.stdout.startswith("d\tnext ")
    changed = app.schedules.get("d")
    assert changed is not None
    assert (changed.args, changed.every) == ({"user": 42}, "1h"), "what is not given stays"
    assert (changed.tz, changed.catch_up, changed.overlap) == ("Asia/Tokyo", 3, "skip")
    act("put", "d", "--args", '{"user": 43}')
    changed = app.schedules.get("d")
    assert changed is not None
    assert (changed.args, changed.every) == ({"user": 43}, "1h"), "the rule too"
    lines = act("list").stdout.splitlines()
    assert lines[0].split("\t")[:4] == ["name", "state", "task", "when"]
    assert lines[1].split("\t")[:4] == ["d", "active", "digest", "every 1h Asia/Tokyo"]
    listed = json.loads(act("list", "--json").stdout)
    assert ([one["name"] for one in listed["schedules"]], listed["stats"]["active"]) == (["d"], 1)
    shown = json.loads(act("show", "d", "--json").stdout)
    assert (shown["state"], len(shown["coming"]), shown["runs"]) == ("active", 3, [])
    assert "every 1h" in act("show", "d").stdout
    assert act("delete", "d").exit_code == Exit.USAGE
    assert act("delete", "d", "--yes").stdout == "d\tdeleted; it was active\n"
    assert "no schedules" in act("list").stderr


def test_pause_resume_trigger_and_backfill(act: Any, app: Holdfast, digest: Any) -> None:
    app.schedules.put("d", digest.call(1), cron="0 0 * * *")
    assert act("pause", "d").stdout == "d\tpaused\n"
    assert act("resume", "d").stdout.startswith("d\tnext ")
    job = json.loads(act("trigger", "d", "--json").stdout)["job"]
    record = app.jobs.get(job)
    assert record is not None
    assert record.schedule_id == "d"
    assert act("trigger", "d").stdout.startswith("d\tjob ")
    words = ("backfill", "d", "2026-01-01", "2026-01-03T00:00Z")
    assert act(*words, "--dry-run").stdout == "d\t3 jobs would be enqueued\n"
    assert json.loads(act(*words, "--json").stdout) == {"schedule": "d", "jobs": 3, "dry_run": False}
    assert act(*words).stdout == "d\t0 jobs enqueued\n"
    assert len(json.loads(act("show", "d", "--json").stdout)["runs"]) == 5


def test_simulate(act: Any, cli: Cli, app: Holdfast, digest: Any) -> None:
    rule = cli(
        "schedules",
        "simulate",
        "--cron",
        "30 2 * * *",
        "--tz",
        "Europe/Oslo",
        "--after",
        "2026-10-24T12:00Z",
        "-n",
        "1",
    )
    assert rule.stdout == "2026-10-25T00:30:00.000000Z\t2026-10-25T02:30:00+02:00\n"
    app.schedules.put("d", digest.call(1), cron="0 0 * * *")
    found = json.loads(act("simulate", "d", "--after", "2026-01-01T12:00Z", "-n", "2", "--json").stdout)
    assert found == {"instants": ["2026-01-02T00:00:00.000000Z", "2026-01-03T00:00:00.000000Z"]}


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (("put", "x", "--cron", "* * * * *"), "needs --task", Exit.USAGE),
        (("put", "x", "--task", "t", "--cron", "0 25 * * *"), "hour field", Exit.USAGE),
        (("put", "x", "--task", "t", "--every", "1h", "--args", "[1]"), "JSON object", Exit.USAGE),
        (("put", "x", "--task", "t", "--every", "1h", "--args", "{"), "must be JSON", Exit.USAGE),
        (("put", "x", "--task", "t", "--every", "1h", "--end-at", "soon"), "--end-at", Exit.USAGE),
        (("put", "x", "--task", "t"), "needs --cron or --every", Exit.USAGE),
        (("simulate", "--every", "1h", "-n", "0"), "count", Exit.USAGE),
        (("simulate", "x", "--every", "1h"), "not both", Exit.USAGE),
        (("show", "nobody"), "there is no schedule", Exit.FAILED),
        (("pause", "nobody"), "there is no schedule", Exit.FAILED),
    ],
)
def test_what_is_wrong(act: Any, app: Holdfast, words: tuple[str, ...], says: str, code: int) -> None:
    result = act(*words)
    assert says in " ".join(result.stderr.split())
    assert result.exit_code == code
    assert not list(app.schedules.list())


def test_a_schedules_name_cannot_steer_the_terminal(act: Any, app: Holdfast, digest: Any) -> None:
    app.schedules.put("d", digest.using(tags=["x"]).call(1), cron="0 0 * * *")
    with app.transaction() as connection:
        table = '"holdfast".schedules' if "postgres" in app.store.where.lower() else "holdfast_schedules"
        connection.execute(f"update {table} set parked = 'red \x1b[31m', due_at = null")
    for words in (("list",), ("show", "d")):
        assert "\x1b" not in act(*words).stdout
