"""Doing something to one job from the command line."""

import json
from typing import Any

import pytest
from tests.cli.conftest import Cli

from holdfast import Context, JobState
from holdfast.cli.exits import Exit
from holdfast.ids import new_id


@pytest.fixture
def act(cli: Cli, database_url: str) -> Any:
    """Runs `holdfast jobs …` on the test's database."""

    def act(*words: str) -> Any:
        return cli("jobs", *words, "--url", database_url)

    return act


def test_cancel(act: Any, app: Any) -> None:
    job, done = app.send.using(delay="1h").enqueue("a@b.c"), app.send.enqueue("d@e.f")
    app.work_once()
    result = act("cancel", job.id)
    assert (result.exit_code, result.stdout) == (0, f"{job.id}\tcancelled\n")
    assert job.refresh().state is JobState.CANCELLED
    assert act("cancel", done.id).stdout == f"{done.id}\tsucceeded already: nothing changed\n"
    assert json.loads(act("cancel", job.id, "--json").stdout)["state"] == "cancelled"


def test_cancel_of_what_runs(act: Any, app: Any) -> None:
    said: list[str] = []

    @app.task
    def runs(ctx: Context) -> None:
        said.append(act("cancel", ctx.job.id).stdout)

    job = runs.enqueue()
    app.work_once()
    assert said == [f"{job.id}\trunning: it is asked to stop\n"]


def test_retry(act: Any, app: Any) -> None:
    job = app.boom.enqueue(7)
    app.work_once()
    assert act("retry", job.id).stdout == f"{job.id}\tready: version 2\n"
    result = act("retry", job.id)
    assert result.exit_code == Exit.FAILED
    assert "retry takes failed, cancelled and stalled jobs" in " ".join(result.stderr.split())
    app.work_once()
    found = json.loads(act("retry", job.id, "--delay", "1h", "--json").stdout)
    assert (found["state"], found["version"]) == ("scheduled", 3)
    assert not {"args", "result"} & set(found)
    assert act("retry", job.id, "--delay", "soon").exit_code == Exit.USAGE


def test_retry_of_a_success(act: Any, app: Any) -> None:
    job = app.send.enqueue("a@b.c")
    app.work_once()
    assert act("retry", job.id).exit_code == Exit.FAILED
    assert job.refresh().version == 1
    assert act("retry", job.id, "--force").exit_code == 0
    assert job.refresh().version == 2


def test_delete_asks_whether_it_is_meant(act: Any, app: Any) -> None:
    job = app.send.enqueue("a@b.c")
    result = act("delete", job.id)
    assert result.exit_code == Exit.USAGE
    assert "--yes" in result.stderr
    assert job.refresh().state is JobState.READY
    assert act("delete", job.id, "--yes").stdout == f"{job.id}\tdeleted; it was ready\n"
    assert app.jobs.get(job.id) is None
    again = act("delete", job.id, "--yes")
    assert (again.exit_code, again.stdout) == (Exit.FAILED, "")
    assert f"there is no job {job.id}" in again.stderr
    other = app.send.enqueue("a@b.c")
    assert json.loads(act("delete", other.id, "--yes", "--json").stdout)["id"] == other.id


def test_resolve_and_fail(act: Any, app: Any) -> None:
    one, two, three = (app.send.using(delay="1h").enqueue("a@b.c") for _ in range(3))
    assert act("resolve", one.id, "--result", '{"sent": [1]}').stdout == f"{one.id}\tsucceeded\n"
    assert one.refresh().result == {"sent": [1]}
    assert act("resolve", two.id).exit_code == 0
    assert two.refresh().result is None
    assert act("fail", three.id, "--reason", "no such address").stdout == f"{three.id}\tfailed\n"
    assert (three.refresh().state, three.refresh().reason) == (JobState.FAILED, "no such address")
    assert act("fail", one.id).exit_code == Exit.FAILED
    result = act("resolve", one.id, "--result", "{")
    assert result.exit_code == Exit.USAGE
    assert "must be JSON" in result.stderr


def test_logs(act: Any, app: Any) -> None:
    @app.task
    def talk(ctx: Context) -> None:
        ctx.log.info("hello \x1b[31m\nthere")
        ctx.log.warning("careful")

    job = talk.enqueue()
    result = act("logs", job.id)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no lines\n")
    app.work_once()
    lines = [line.split("\t") for line in act("logs", job.id).stdout.splitlines()]
    assert [line[1:] for line in lines] == [["1", "INFO", r"hello \x1b[31m\nthere"], ["1", "WARNING", "careful"]]
    (first,) = json.loads(act("logs", job.id, "--json", "-n", "1").stdout)["lines"]
    assert (first["level"], first["message"], first["attempt"], first["step"]) == (
        "INFO", "hello \x1b[31m\nthere", 1, None,
    )  # fmt: skip
    assert first["at"] == lines[0][0]
    assert act("logs", job.id, "-n", "0").exit_code == Exit.USAGE


VERBS = (("cancel",), ("retry",), ("delete", "--yes"), ("resolve",), ("fail",), ("logs",))


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_a_job_that_is_not_there(act: Any, app: Any, verb: tuple[str, ...]) -> None:
    app.migrate()
    absent = new_id()
    result = act(verb[0], absent, *verb[1:])
    assert (result.exit_code, result.stdout) == (Exit.FAILED, "")
    assert f"there is no job {absent}" in result.stderr
    assert act(verb[0], "no-id", *verb[1:]).exit_code == Exit.USAGE


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_an_absent_file_is_not_made(cli: Cli, verb: tuple[str, ...], tmp_path: Any) -> None:
    result = cli("jobs", verb[0], new_id(), *verb[1:])
    assert result.exit_code == Exit.UNREACHABLE
    assert list(tmp_path.iterdir()) == []
