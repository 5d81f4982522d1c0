"""`holdfast check` names what would keep tasks from running."""

import json
from pathlib import Path

from tests.cli.conftest import Cli

from holdfast.cli.exits import Exit

GOOD = """
from holdfast import Holdfast

app = Holdfast("postgresql://nobody@nowhere.invalid/none")

@app.task
def greet(name: str) -> str:
    return name
"""
BAD = (
    GOOD
    + """
class Strange: ...

render = app.declare("render", queue="video")

@app.task
def unkept(value: Strange) -> None: ...

@app.task
def unknown(value: "Nowhere") -> None: ...

@app.declare
def late(value: "Text") -> None: ...

@late.handler
def late_handler(value: "Number") -> None: ...

Text, Number = str, int
"""
)


def test_an_app_in_order(cli: Cli) -> None:
    Path("good.py").write_text(GOOD)
    result = cli("check", "good:app")
    assert (result.exit_code, result.stdout) == (Exit.OK, "")
    assert "1 task, no problems" in result.stderr
    assert json.loads(cli("check", "good", "--json").stdout) == {"app": "good", "tasks": ["greet"], "problems": []}


def test_everything_that_is_wrong_is_named(cli: Cli) -> None:
    Path("bad.py").write_text(BAD)
    result = cli("check", "bad:app")
    assert result.exit_code == Exit.FAILED
    found = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[:2] for row in found] == [
        ["no_handler", "render"],
        ["annotations", "unkept"],
        ["annotations", "unknown"],
        ["handler", "late"],
    ]
    assert "str, not int" in found[3][2]
    assert "5 tasks, 4 problems" in result.stderr
    document = json.loads(cli("check", "bad:app", "--json").stdout)
    assert [[each["kind"], each["name"], each["message"]] for each in document["problems"]] == found


def test_a_worker_of_it_does_not_start(cli: Cli) -> None:
    Path("bad.py").write_text(BAD)
    result = cli("worker", "bad:app")
    assert result.exit_code == Exit.USAGE
    assert "render (queue video) is declared and has no handler" in result.stderr
    assert "worker" not in result.stderr.replace("this worker cannot start", "")


def test_an_app_that_is_not_there(cli: Cli) -> None:
    assert cli("check", "nothing:app").exit_code == Exit.FAILED
