"""`holdfast pipes …` from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Cli

from holdfast import Holdfast, wait_for
from holdfast.cli.exits import Exit
from holdfast.testing import drain


@pytest.fixture
def act(cli: Cli, app: Holdfast, database_url: str) -> Any:
    """Runs `holdfast pipes …` on the test's database."""
    app.migrate()

    def act(*words: str) -> Any:
        return cli("pipes", *words, "--url", database_url)

    return act


def test_list_and_show(act: Any, app: Holdfast) -> None:
    assert "no pipes" in act("list").stderr
    numbers = app.pipe("numbers", int)
    numbers.send_many([1, 2])
    newest = numbers.send(3, key="k")
    head, line = act("list").stdout.splitlines()
    assert head.split("\t") == ["name", "messages", "pending", "parked", "last_at"]
    assert line.split("\t")[:4] == ["numbers", "3", "0", "0"]
    shown = act("show", "numbers", "-n", "2")
    assert [line.split("\t")[0] for line in shown.stdout.splitlines()][:2] == ["id", newest.id]
    assert "more: --after" in shown.stderr
    found = json.loads(act("show", "numbers", "--values", "--json").stdout)
    assert [each["value"] for each in found["page"]] == [3, 2, 1]
    assert "value" not in json.loads(act("show", "numbers", "--json").stdout)["page"][0], "hidden unless asked for"
    assert act("retry", "numbers").stdout == "0\n"


def test_send(act: Any, app: Holdfast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "piped.py").write_text('from holdfast import Holdfast\napp = Holdfast()\napp.pipe("numbers", int)\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    sent = act("send", "numbers", "5", "--app", "piped:app", "--key", "k")
    message = app.pipes.get(sent.stdout.strip())
    assert message is not None
    assert (message.value, message.key) == (5, "k")
    again = act("send", "numbers", "6", "--app", "piped:app", "--key", "k", "--json")
    assert json.loads(again.stdout) == {"id": message.id, "created": False}
    assert act("send", "numbers", '"x"', "--app", "piped:app").exit_code == Exit.USAGE
    assert act("send", "numbers", "{", "--app", "piped:app").exit_code == Exit.USAGE
    unknown = act("send", "other", "5", "--app", "piped:app")
    assert unknown.exit_code != Exit.OK
    assert "no pipe 'other'" in unknown.stderr


def test_answer_a_job_that_waits(act: Any, app: Holdfast) -> None:
    numbers = app.pipe("numbers", int)

    @app.task
    async def asks() -> int:
        return await wait_for(numbers, where=5)

    job = asks.enqueue()
    assert "no message" in act("waits", job.id).stderr
    drain(app)
    pipe, where, until, token = act("waits", job.id).stdout.rstrip("\n").split("\t")
    assert (pipe, where, until) == ("numbers", "5", "")
    assert json.loads(act("waits", job.id, "--json").stdout)["waits"][0]["token"] == token
    assert act("answer", token, "6").exit_code != Exit.OK
    assert act("answer", token, "5").exit_code == Exit.OK
    assert "over" in act("answer", token, "5").stderr
    drain(app)
    assert job.result() == 5
