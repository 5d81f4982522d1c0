"""A worker as a process: it serves an app, and stops as it is told to."""

import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Cli, Running

from holdfast.cli.exits import Exit
from holdfast.cli.worker import served, slots
from holdfast.errors import InvalidOption

Start = Callable[..., Running]


@pytest.fixture
def theirs(shop: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module `shop`, on this test's database, with its tables made."""
    monkeypatch.setenv("HOLDFAST_URL", database_url)
    monkeypatch.syspath_prepend(str(shop.parent))
    module = import_module("shop")
    module.app.migrate()
    yield module
    module.app.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_runs_jobs_until_told_to_stop(start: Start, theirs: Any, number: int) -> None:
    job = theirs.greet.enqueue("Ada")
    worker = start("worker", "shop:app", "-c", "3", "--name", "anne", "-q", "default")
    assert job.result(timeout=30) == "Hello, Ada!"
    greeting = worker.wait_for("worker anne started")
    for text in ("worker anne", "greet, hold", "default", "3 at once", "Ctrl-C", theirs.app.store.where.split()[3]):
        assert text in greeting
    worker.process.send_signal(number)
    code, rest = worker.end()
    assert code == 0
    assert "worker anne stopped" in rest
    assert "Traceback" not in rest


def test_a_second_signal_stops_at_once_and_gives_jobs_back(start: Start, theirs: Any) -> None:
    job = theirs.hold.enqueue()
    worker = start("worker", "shop", "--grace", "10m")
    worker.wait_for("holding", "stdout")
    worker.process.send_signal(signal.SIGTERM)
    worker.wait_for("stopping")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.end()[0] == 0
    assert job.refresh().state == "ready"
    assert job.record.attempt == 0


def test_only_its_queues(start: Start, theirs: Any) -> None:
    other = theirs.hold.enqueue()
    mine = theirs.greet.enqueue("Bo")
    worker = start("worker", "shop", "-q", "default=2", "--no-leader", "--lease", "2s", "--poll-interval", "50ms")
    assert mine.result(timeout=30) == "Hello, Bo!"
    assert "default (2 slots)" in worker.wait_for("queues  ")
    worker.process.terminate()
    assert worker.end()[0] == 0
    assert other.refresh().state == "ready"


def test_log_level(start: Start, theirs: Any) -> None:
    worker = start("worker", "shop", "--log-level", "warning")
    worker.wait_for("  stop  ")
    theirs.greet.enqueue("Cy").result(timeout=30)
    worker.process.terminate()
    assert worker.end() == (0, "")


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        ("nosuch", Exit.FAILED, "there is no module nosuch"),
        ("shop -c 0", Exit.USAGE, "argument concurrency"),
        ("shop --lease 1ms", Exit.USAGE, "argument lease"),
        ("shop --grace soon", Exit.USAGE, "--grace must be a duration"),
        ("shop --log-level loud", Exit.USAGE, "--log-level is one of"),
        ("shop -q mail=many", Exit.USAGE, "a queue is given as NAME or NAME=SLOTS"),
        ("shop --url postgresql://127.0.0.1:1/x", Exit.UNREACHABLE, "cannot connect"),
        ("shop --url sqlite:////", Exit.USAGE, "names a file"),
    ],
)
def test_a_worker_that_cannot_start(cli: Cli, shop: Path, words: str, code: int, text: str) -> None:
    result = cli("worker", *words.split())
    assert result.exit_code == code
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_worker_without_tables(cli: Cli, shop: Path, new_postgres_url: str) -> None:
    result = cli("worker", "shop", "--url", new_postgres_url)
    assert result.exit_code == Exit.SCHEMA
    assert "Run: holdfast migrate" in result.stderr


def test_slots() -> None:
    assert slots(["mail=5", "reports, exports"]) == {"mail": 5, "reports": None, "exports": None}
    for wrong in ("", "mail=", "=5", "mail=-1", "mail=x", "a,,b"):
        with pytest.raises(InvalidOption, match="NAME or NAME=SLOTS"):
            slots([wrong])


def test_served() -> None:
    assert (served(None), served({}), served({"a": 1, "b": None})) == ("all", "none", "a (1 slots), b")
