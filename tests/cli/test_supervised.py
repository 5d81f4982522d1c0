"""`holdfast worker --processes N`: real processes, on both databases."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Running

Start = Callable[..., Running]
LEASE = "60s"
SOON = 30.0

CREW = """
import os, threading
from pathlib import Path
from holdfast import Holdfast

app = Holdfast()
here = Path(__file__).parent

@app.task(max_crashes=None)
def where() -> int:
    return os.getpid()

@app.task(max_crashes=None)
def hold(gate: str) -> int:
    (here / f"begun-{os.getpid()}").touch()
    for _ in range(6000):
        if (here / gate).exists():
            break
        threading.Event().wait(0.01)
    return os.getpid()

@app.task(timeout="200ms")
def hang() -> None:
    threading.Event().wait(600)

kept = []

@app.task
def grow() -> None:
    kept.append(b"x" * 200 * 1024**2)

@app.task
def version() -> int:
    return 1
"""


@pytest.fixture
def crew(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module `crew` with an app on this test's database."""
    (tmp_path / "crew.py").write_text(CREW)
    monkeypatch.setenv("HOLDFAST_URL", database_url)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = import_module("crew")
    module.app.migrate()
    yield module
    module.app.close()


class Crew:
    """A supervisor and what it logged."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.said = ""

    def wait_for(self, *texts: str) -> str:
        """Until each of these was said, in whatever order, since the last time."""
        missing, seen = set(texts), ""
        while missing:
            line = self.running.wait_for(missing.pop() if len(missing) == 1 else "")
            seen += line
            missing = {text for text in texts if text not in seen}
        self.said += seen
        return seen

    def pids(self) -> list[int]:
        return [int(pid) for pid in re.findall(r"process \d+ starts \(pid (\d+)\)", self.said)]

    def signal(self, number: int) -> None:
        self.running.process.send_signal(number)

    def stop(self) -> tuple[int, str]:
        self.signal(signal.SIGTERM)
        return self.running.end()


@pytest.fixture
def hire(start: Start, crew: Any) -> Callable[..., Crew]:
    """Start `holdfast worker crew …` and wait until so many work."""

    def hire(*words: str, work: int = 2, **env: str) -> Crew:
        crew = Crew(start("worker", "crew", "--lease", LEASE, "--name", "anne", *words, **env))
        crew.wait_for(*(f"worker anne.{number} started" for number in range(1, work + 1)))
        return crew

    return hire


def begun(folder: Path) -> set[int]:
    """Processes in which `hold` began."""
    return {int(file.name.partition("-")[2]) for file in folder.glob("begun-*")}


def until(reached: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SOON
    while not (found := reached()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_a_killed_one_is_replaced_and_its_jobs_run_again_at_once(
    hire: Callable[..., Crew], crew: Any, tmp_path: Path
) -> None:
    two = hire("--processes", "2", "-c", "1")
    assert "2, supervised by pid" in two.said
    assert "1 at once in each process" in two.said
    job = crew.hold.enqueue("gate")
    (held_by,) = until(lambda: begun(tmp_path))
    assert held_by in two.pids()
    killed_at = time.monotonic()
    os.kill(held_by, signal.SIGKILL)
    until(lambda: len(begun(tmp_path)) == 2)
    assert time.monotonic() - killed_at < SOON, "the lease would have been twice as long"
    (tmp_path / "gate").touch()
    assert job.result(timeout=SOON) != held_by
    assert job.record.crashes == 1
    said = job.record.errors[0].message  # on SQLite another's sweep may have been quicker than the supervisor
    assert "was killed by SIGKILL" in said or "its process ended" in said
    two.wait_for("was killed by SIGKILL; another starts now")
    code, rest = two.stop()
    assert (code, "stopped in order" in rest, "Traceback" in rest) == (0, True, False)


def test_one_signal_drains_all(hire: Callable[..., Crew], crew: Any, tmp_path: Path) -> None:
    two = hire("--processes", "2", "-c", "1")
    jobs = [crew.hold.enqueue("gate") for _ in range(2)]
    until(lambda: len(begun(tmp_path)) == 2)
    two.signal(signal.SIGINT)
    two.wait_for("anne.1 stopping: 1 running", "anne.2 stopping: 1 running")
    later = crew.where.enqueue()
    (tmp_path / "gate").touch()
    assert two.running.end()[0] == 0
    assert {job.refresh().state for job in jobs} == {"succeeded"}
    assert later.refresh().state == "ready"


def test_a_second_signal_gives_back_at_once_and_nothing_counts(
    hire: Callable[..., Crew], crew: Any, tmp_path: Path
) -> None:
    two = hire("--processes", "2", "-c", "1", "--grace", "10m")
    jobs = [crew.hold.enqueue("gate") for _ in range(2)]
    until(lambda: len(begun(tmp_path)) == 2)
    two.signal(signal.SIGTERM)
    two.wait_for("anne.1 stopping: 1 running", "anne.2 stopping: 1 running")
    for pid in two.pids():
        os.kill(pid, signal.SIGTERM)  # as systemd does, which signals every process: this is no second signal
    two.signal(signal.SIGTERM)
    assert two.running.end()[0] == 0
    assert {job.refresh().state for job in jobs} == {"ready"}
    assert {(job.record.attempt, job.record.crashes) for job in jobs} == {(0, 0)}


def test_sighup_takes_up_the_new_program(hire: Callable[..., Crew], crew: Any, tmp_path: Path) -> None:
    one = hire("--processes", "1", work=1)
    assert crew.version.enqueue().result(timeout=SOON) == 1
    (tmp_path / "crew.py").write_text(CREW.replace("return 1", "return 22"))
    one.signal(signal.SIGHUP)
    one.wait_for("makes way", "anne.1 stopped")
    assert crew.version.enqueue().result(timeout=SOON) == 22
    (tmp_path / "crew.py").write_text("this is no Python")
    one.signal(signal.SIGHUP)
    said = one.wait_for("before it worked")
    assert "SyntaxError" in said
    assert f"process {one.pids()[1]} stays" in said
    assert crew.version.enqueue().result(timeout=SOON) == 22
    assert one.stop()[0] == 0


def test_a_process_is_replaced_after_so_many_jobs(hire: Callable[..., Crew], crew: Any) -> None:
    one = hire("--max-jobs", "3", work=1)
    pids = {crew.where.enqueue().result(timeout=SOON) for _ in range(3)}
    one.wait_for("3 jobs done", "anne.1 stopped")
    pids |= {crew.where.enqueue().result(timeout=SOON)}
    assert len(pids) == 2
    assert one.stop()[0] == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is known on Linux only")
def test_a_process_is_replaced_when_it_has_grown(hire: Callable[..., Crew], crew: Any) -> None:
    one = hire("--processes", "1", "--max-memory", "200MB", work=1)
    crew.grow.enqueue().result(timeout=SOON)
    one.wait_for("MB of memory taken", "anne.1 stopped")
    assert crew.where.enqueue().result(timeout=SOON) == one.pids()[1]
    assert one.stop()[0] == 0


def test_one_full_of_leaked_threads_stops_itself_and_another_starts(hire: Callable[..., Crew], crew: Any) -> None:
    one = hire("--processes", "1", "-c", "4", "--grace", "1s", work=1)
    job = crew.hang.enqueue()
    said = one.wait_for("worker anne.1 started")
    assert "1 threads go on after their time-out" in said
    assert "ended with exit status 1; another starts now" in said
    assert job.refresh().state == "failed"
    assert job.record.errors[0].kind == "timeout"
    assert crew.where.enqueue().result(timeout=SOON) == one.pids()[1]
    assert one.stop()[0] == 0


def test_without_a_supervisor_it_ends_with_status_1(start: Start, crew: Any) -> None:
    alone = start("worker", "crew", "-c", "4", "--grace", "1s")
    alone.wait_for("started")
    crew.hang.enqueue()
    code, said = alone.end()
    assert code == 1
    assert "1 threads go on after their time-out" in said


def test_processes_whose_supervisor_is_killed_stop_in_order(
    hire: Callable[..., Crew], crew: Any, tmp_path: Path
) -> None:
    one = hire("--processes", "1", work=1)
    job = crew.hold.enqueue("gate")
    until(lambda: begun(tmp_path))
    one.signal(signal.SIGKILL)
    one.wait_for("anne.1 stopping: 1 running")
    (tmp_path / "gate").touch()
    assert "anne.1 stopped: 1 claimed, 1 succeeded" in one.running.end()[1]
    assert job.refresh().state == "succeeded"


def test_logs_for_programs(hire: Callable[..., Crew], crew: Any) -> None:
    one = hire("--processes", "1", "--json", work=1)
    _, rest = one.stop()
    lines = [json.loads(line) for line in (one.said + rest).splitlines()]
    assert {line["process"] for line in lines} == {"supervisor", "worker-1"}
    assert {"at", "level", "logger", "process", "pid", "message"} <= set(lines[0])
    (started,) = [line for line in lines if line.get("event") == "worker.started"]
    assert started["process"] == "worker-1"
    assert started["pid"] == one.pids()[0]
    assert started["at"].endswith("Z")


def test_a_script_of_ones_own(crew: Any, tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text("from crew import app\nprint('starts', flush=True)\napp.run_worker(processes=2, name='bo')\n")
    running = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert crew.where.enqueue().result(timeout=SOON) != running.pid
        until(lambda: len(until_workers(crew)) == 2)
        assert {worker.name for worker in until_workers(crew)} == {"bo.1", "bo.2"}
    finally:
        running.terminate()
        out, err = running.communicate(timeout=SOON)
    assert (running.returncode, out.count("starts")) == (0, 3), err


def until_workers(crew: Any) -> list[Any]:
    from holdfast.storage.ops import inspect

    found: list[Any] = crew.app.store.run(inspect.workers(), "read")
    return found
