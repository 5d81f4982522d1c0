"""The command, run in this process or as one of its own, in a folder of its own."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from holdfast import Holdfast
from holdfast.cli.main import program

Cli = Callable[..., Result]

JOBS = """
import threading
from holdfast import Holdfast

app = Holdfast()

@app.task
def greet(name: str) -> str:
    return f"Hello, {name}!"

@app.task(queue="slow")
def hold() -> None:
    print("holding", flush=True)
    threading.Event().wait()
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings but the test's own, and nothing that it imports stays."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOLDFAST_URL", "HOLDFAST_SCHEMA", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def cli() -> Cli:
    """Runs `holdfast` with these words in this process."""

    def run(*words: str, **env: str) -> Result:
        result = CliRunner().invoke(program, list(words), env=env, prog_name="holdfast", catch_exceptions=False)
        if "-vv" not in words:
            assert "Traceback" not in result.stderr
        return result

    return run


class Running:
    """`holdfast …` in a process of its own, killed after a minute at the latest."""

    def __init__(self, *words: str, **env: str) -> None:
        import os

        self.process = subprocess.Popen(
            [sys.executable, "-m", "holdfast", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **env},
        )  # fmt: skip
        self._guard = threading.Timer(60, self.process.kill)
        self._guard.start()

    def wait_for(self, text: str, stream: str = "stderr") -> str:
        """What was printed up to and with the line that holds this text."""
        seen = ""
        for line in getattr(self.process, stream):
            seen += line
            if text in line:
                return seen
        pytest.fail(f"{text!r} was not printed, but: {seen}\n{self.process.communicate()}")

    def end(self) -> tuple[int, str]:
        """Wait for its end: the exit code, and what was still printed on stderr."""
        _, stderr = self.process.communicate()
        self._guard.cancel()
        return self.process.returncode, stderr

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # what it started may live on and hold its streams
                self.process.communicate(timeout=10)
        self._guard.cancel()


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts `holdfast` with these words in a process of its own."""
    running: list[Running] = []

    def start(*words: str, **env: str) -> Running:
        running.append(Running(*words, **env))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A module `shop` with an app in the working directory."""
    file = tmp_path / "shop.py"
    file.write_text(JOBS)
    return file


@pytest.fixture
def app(database_url: str) -> Iterator[Any]:
    """An app on a migrated database with two tasks, one of which fails."""
    app = Holdfast(database_url, migrate=True)

    @app.task(queue="mail", tags=["news"])
    def send(to: str) -> str:
        return f"sent to {to}"

    @app.task
    def boom(n: int) -> None:
        raise ValueError(f"\x1b[31mboom {n}")

    app.send, app.boom = send, boom  # type: ignore[attr-defined]
    yield app
    app.close()
