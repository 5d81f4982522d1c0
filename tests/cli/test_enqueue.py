"""`holdfast enqueue …` from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Cli

from holdfast import Holdfast
from holdfast.cli.exits import Exit
from holdfast.model.job import JobRecord


@pytest.fixture
def act(cli: Cli, app: Holdfast, database_url: str) -> Any:
    app.migrate()

    def act(*words: str, **env: str) -> Any:
        return cli("enqueue", *words, "--url", database_url, **env)

    return act


def stored(app: Holdfast) -> list[JobRecord]:
    return list(app.jobs.list())


def test_a_job_is_stored_and_its_id_printed(act: Any, app: Any, tmp_path: Path) -> None:
    done = act(
        "send", '{"to": "ada"}', "--queue", "mail", "--priority", "5", "--key", "welcome:1", "--retry", "3", "--tag",
        "a", "--tag", "b", "--timeout", "5m", "--expires", "1h",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    (job,) = stored(app)
    assert done.stdout == f"{job.id}\n"
    assert (job.queue, job.priority, job.key, job.max_attempts, job.tags) == ("mail", 5, "welcome:1", 3, ("a", "b"))
    again = act("send", '{"to": "bob"}', "-q", "mail", "--key", "welcome:1", "--json")
    assert json.loads(again.stdout) == {"id": job.id, "created": False}
    assert act("send", "{}", "-q", "mail", "--key", "welcome:1", "--on-conflict", "reject").exit_code == Exit.FAILED
    assert app.work_once().succeeded == 1
    later = act("send", "--delay", "1h").stdout.strip()
    assert app.jobs.get(later).state == "scheduled"
    (tmp_path / "order.xml").write_bytes(b"<order/>\xff")
    raw = app.jobs.get(act("order", "--body", "order.xml", "--content-type", "application/xml").stdout.strip()).raw
    assert (raw.body, raw.content_type) == (b"<order/>\xff", "application/xml")


def test_an_apps_task_checks_and_says_more(act: Any, app: Holdfast, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "from holdfast import Holdfast\n"
        "app = Holdfast()\n"
        "@app.task(queue='mail', priority=3)\n"
        "def send(to: str) -> None: ...\n"
    )
    wrong = act("send", '{"too": "ada"}', "--app", "shop:app")
    assert (wrong.exit_code, stored(app)) == (Exit.USAGE, [])
    assert "send: " in wrong.stderr
    assert "send" in act("sent", "--app", "shop:app").stderr
    assert act("send", '{"to": "ada"}', "--app", "shop:app").exit_code == 0
    assert [(job.queue, job.priority) for job in stored(app)] == [("mail", 3)]


REFUSED: list[tuple[str, ...]] = [
    ("send", "[1]"), ("send", "{"), ("",), ("send", "--delay", "soon"), ("send", "--run-at", "soon"),
    ("send", "{}", "--body", "x"), ("send", "--content-type", "x"), ("send", "--body", "absent"),
    ("send", "--delay", "1s", "--run-at", "2030-01-01"), ("send", "--retry", "0"),
]  # fmt: skip


def test_what_cannot_be_is_refused(act: Any, app: Holdfast) -> None:
    for words in REFUSED:
        done = act(*words)
        assert done.exit_code == Exit.USAGE
        assert done.stderr.startswith("error: ")
    assert stored(app) == []
