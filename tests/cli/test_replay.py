"""`holdfast replay`: what today's code makes of a job's record."""

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import Cli

from holdfast.cli.exits import Exit
from holdfast.cli.imports import load_app
from holdfast.testing import drain

CODE = """
from holdfast import Holdfast, step

app = Holdfast("sqlite:///replayed.db")

def called(n):
    with open("called", "a") as file:
        file.write("!")
    return n

@app.task
async def work(n: int) -> int:
    return await step("one", called, n)
"""


def test_it_runs_saves_and_tells_differences(cli: Cli) -> None:
    Path("before.py").write_text(CODE)
    Path("since.py").write_text(CODE.replace('"one"', '"other"'))
    app = load_app("before:app")

    work: Any = app.kept().get("work")
    id = work.enqueue(7).id
    drain(app)
    app.close()
    same = cli("replay", "before:app", id)
    assert same.exit_code == Exit.OK
    assert same.stdout == f"✓ work {id}: it returns, as it did  (1 recorded piece replayed)\n"
    Path("kept").mkdir()
    assert cli("replay", "before:app", id, "--save", "kept/one.json").exit_code == Exit.OK
    changed = cli("replay", "since:app", "kept")
    assert changed.exit_code == Exit.FAILED
    assert "- step one" in changed.stdout
    assert "+ step other" in changed.stdout
    (told,) = json.loads(cli("replay", "since:app", "kept/one.json", "--json").stdout)
    assert (told["fits"], told["task"]) == (False, "work")
    assert Path("called").read_text() == "!"
