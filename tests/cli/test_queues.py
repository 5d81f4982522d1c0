"""`holdfast queues …` from the command line."""

import json
from typing import Any

import pytest
from tests.cli.conftest import Cli

from holdfast import Holdfast
from holdfast.cli.exits import Exit
from holdfast.cli.queue_tables import rate, standing
from holdfast.model.queue import Queue
from holdfast.model.retry import Retry


@pytest.fixture
def act(cli: Cli, app: Holdfast, database_url: str) -> Any:
    """Runs `holdfast queues …` on the test's database."""
    app.migrate()

    def act(*words: str) -> Any:
        return cli("queues", *words, "--url", database_url)

    return act


def test_pause_and_resume(act: Any, app: Holdfast) -> None:
    assert act("pause", "mail", "--by", "ann").stdout == "mail\tpaused by ann\n"
    assert app.queues.get("mail").paused_by == "ann"
    assert json.loads(act("pause", "mail", "--json").stdout)["paused_by"] == "ann"
    assert act("resume", "mail").stdout == "mail\tnot paused\n"
    assert not app.queues.get("mail").paused
    assert "@" in act("pause", "mail").stdout


def test_configure(act: Any, app: Holdfast) -> None:
    made = act(
        "configure", "q", "-c", "4", "--rate", "2/s", "--retry", "5", "--keep-failed", "90d", "--keep-succeeded", "0",
        "--display-name", "Queue",
    )  # fmt: skip
    assert made.stdout == "q\tnot paused, 4 at once, 2/s, 5 runs, succeeded kept not at all, others kept 90d\n"
    found = json.loads(act("configure", "q", "--rate", "none", "--retry", "none", "--json").stdout)
    assert (found["concurrency"], found["rate"], found["retry"], found["keep_failed"]) == (4, None, None, 90 * 86400)
    queue = app.queues.get("q")
    assert (queue.concurrency, queue.rate, queue.display_name) == (4, None, "Queue")


def test_list_and_show(act: Any, app: Holdfast) -> None:
    @app.task(queue="mail")
    def letter() -> None: ...

    assert "no queues" in act("list").stderr
    app.enqueue_many([letter.call() for _ in range(3)])
    app.queues.pause("mail", by="ann")
    app.queues.configure("render", rate="5m", concurrency=2, retry=Retry(3, base="1m"))
    lines = [line.split("\t") for line in act("list").stdout.splitlines()]
    assert lines[0] == [
        "name",
        "paused",
        "concurrency",
        "rate",
        "display_name",
        "ready",
        "running",
        "scheduled",
        "blocked",
    ]
    assert [(line[0], bool(line[1]), *line[2:6]) for line in lines[1:]] == [
        ("mail", True, "", "", "", "3"), ("render", False, "2", "300", "", "0"),
    ]  # fmt: skip
    listed = json.loads(act("list", "--json").stdout)["queues"]
    assert [(one["name"], one["paused"], one["counts"]["ready"], one["more"]) for one in listed] == [
        ("mail", True, 3, []), ("render", False, 0, []),
    ]  # fmt: skip
    assert listed[1]["retry"] == {"attempts": 3, "base": 60.0}
    shown = act("show", "mail").stdout
    assert "paused" in shown
    assert "by ann" in shown
    assert "3 ready" in shown
    assert "one in 5m" in act("show", "render").stdout
    assert json.loads(act("show", "nobody", "--json").stdout)["paused"] is False


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("configure", "q"), "say what to change"),
        (("configure", "q", "-c", "0"), "whole number from 1"),
        (("configure", "q", "-c", "many"), "whole number from 1"),
        (("configure", "q", "--rate", "often"), "rate must be"),
        (("configure", "q", "--retry", "0"), "attempts must be 1"),
        (("configure", "q", "--keep-failed", "soon"), "keep_failed"),
        (("pause", ""), "queue must have"),
    ],
)
def test_what_is_wrong(act: Any, app: Holdfast, words: tuple[str, ...], says: str) -> None:
    result = act(*words)
    assert says in " ".join(result.stderr.split())
    assert result.exit_code == Exit.USAGE
    assert app.queues.list() == []


def test_what_is_shown_cannot_steer_the_terminal(act: Any, app: Holdfast) -> None:
    app.queues.pause("q")
    with app.transaction() as connection:
        table = "holdfast_queues" if "sqlite" in app.store.where.lower() else "holdfast.queues"
        connection.execute(f"update {table} set paused_by = 'x\x1b[31m', display_name = 'y\x1b[31m'")
    for words in (("list",), ("show", "q"), ("pause", "q")):
        assert "\x1b" not in act(*words).stdout


def test_wording() -> None:
    assert [rate(Queue("q", rate=seconds)) for seconds in (0.001, 0.5, 1.0, 90.0, None)] == [
        "1000/s", "2/s", "1/s", "one in 1m 30s", "",
    ]  # fmt: skip
    assert standing(Queue("q")) == "not paused"
