"""`holdfast dev`: it runs the program as it is now, shows what jobs come to, and waits out what cannot be imported."""

import os
import signal
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Cli, Running

from holdfast.cli.dev import named
from holdfast.cli.exits import Exit

Start = Callable[..., Running]

PROGRAM = """
import threading
from holdfast import Context, Holdfast

app = Holdfast()

@app.task
def version(ctx: Context) -> int:
    ctx.log.info("asked for the version")
    return 1

@app.task
def boom() -> None:
    raise ValueError("no good")

@app.task(max_crashes=1)
def hold() -> None:
    print("holding", flush=True)
    threading.Event().wait(60)
"""


@pytest.fixture
def program(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.setenv("HOLDFAST_URL", database_url)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = import_module("program")
    module.app.migrate()
    yield module
    module.app.close()


def write(folder: Path, text: str) -> None:
    (folder / "program.py").write_text(text)


def test_it_follows_the_source(start: Start, program: Any, tmp_path: Path) -> None:
    dev = start("dev", "program:app", "-c", "3")
    greeting = dev.wait_for("boom, hold, version")
    assert "dev" in greeting.splitlines()[0]
    assert str(tmp_path) in greeting
    assert program.version.enqueue().result(timeout=30) == 1
    said = dev.wait_for("✓ version")
    assert "asked for the version" in said
    assert "▶ version" in said
    program.boom.enqueue()
    said = dev.wait_for("■ boom")
    assert "ValueError: no good" in said
    assert "failed in attempt" not in said, "said once, and not again as a log line"

    write(tmp_path, PROGRAM.replace("return 1", "return 22"))
    assert "changed: program.py" in dev.wait_for("boom, hold, version")
    assert program.version.enqueue().result(timeout=30) == 22

    write(tmp_path, PROGRAM + "def broken(:\n")
    said = dev.wait_for("waiting for a change")
    assert "SyntaxError" in said
    assert "def broken(:" in said
    write(tmp_path, PROGRAM + "import nosuchmodule\n")
    said = dev.wait_for("waiting for a change")
    assert "No module named 'nosuchmodule'" in said
    assert "importlib" not in said, "only the program's own part of the traceback"
    write(tmp_path, PROGRAM.replace("return 1", "return 333"))
    dev.wait_for("boom, hold, version")
    assert program.version.enqueue().result(timeout=30) == 333

    dev.process.send_signal(signal.SIGINT)
    assert dev.end()[0] == 0


def test_a_restart_gives_back_what_runs_and_counts_nothing(start: Start, program: Any, tmp_path: Path) -> None:
    dev = start("dev", "program", "--grace", "100ms")
    job = program.hold.enqueue()
    dev.wait_for("holding", "stdout")
    write(tmp_path, PROGRAM + "\n")
    dev.wait_for("holding", "stdout")  # the next one runs it again
    assert job.refresh().state == "running"
    assert (job.record.attempt, job.record.crashes) == (1, 0)
    dev.process.terminate()
    assert dev.end()[0] == 0


def test_one_that_dies_is_told_of_and_waited_for(start: Start, program: Any, tmp_path: Path) -> None:
    write(tmp_path, PROGRAM.replace("return 1", "import os; os._exit(9)"))
    dev = start("dev", "program")
    dev.wait_for("boom, hold, version")
    job = program.version.enqueue()
    dev.wait_for("ended with exit status 9; waiting for a change")
    write(tmp_path, PROGRAM)
    dev.wait_for("boom, hold, version")
    began = time.monotonic()
    assert job.result(timeout=25) == 1
    assert time.monotonic() - began < 25, "released at once: the lease would have lasted 30 s"
    dev.process.terminate()
    assert dev.end()[0] == 0


def test_a_database_that_cannot_be_reached_is_said(start: Start, program: Any) -> None:
    dev = start("dev", "program", "--url", "postgresql://127.0.0.1:1/x")
    said = dev.wait_for("does not start; waiting for a change")
    assert "cannot connect" in said
    dev.process.terminate()
    assert dev.end()[0] == 0


def test_no_such_folder(cli: Cli) -> None:
    result = cli("dev", "program", "--watch", "nosuch")
    assert result.exit_code == Exit.USAGE
    assert "there is no folder" in result.stderr


def test_a_few_files_are_named() -> None:
    folder = Path(os.sep, "src")
    assert named({"/src/b.py", "/src/a/c.py"}, [folder]) == "a/c.py, b.py"
    assert named({f"/src/{n}.py" for n in range(5)}, [folder]) == "0.py, 1.py, 2.py and 2 more"
    assert named({"/src/a/c.py"}, [folder, folder / "a"]) == "c.py"
