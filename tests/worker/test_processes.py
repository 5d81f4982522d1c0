from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.worker import broken_tasks
from tests.worker import process_tasks as t

from holdfast.context import Context, JobView
from holdfast.ids import new_id
from holdfast.model.job import ClaimedJob
from holdfast.model.outcome import Outcome, Raised, Released, Stopped, Succeeded, TimedOut
from holdfast.worker import processes
from holdfast.worker.attempt import AnyTask
from holdfast.worker.child import watch_parent
from holdfast.worker.holding import Holding, Stop
from holdfast.worker.place import MAIN
from holdfast.worker.processes import Limits, Processes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process bodies need POSIX")


def claimed(task: AnyTask, args: str, **changes: Any) -> Holding:
    fields: dict[str, Any] = {
        "tenant": "default", "id": new_id(), "token": 1, "version": 1, "task": task.name, "queue": "default",
        "args": args, "priority": 0, "attempt": 1, "max_attempts": 1, "crashes": 0, "timeout": None, "policy": "{}",
        "due": 0, "seq": 1,
    }  # fmt: skip
    return Holding(ClaimedJob(**{**fields, **changes}))


@dataclass
class Ears:
    """A context's port that keeps what it hears."""

    stopped: bool = False
    heard: list[tuple[str, Any]] = field(default_factory=list)

    def check(self) -> None: ...
    def progress(self, state: dict[str, object]) -> None:
        self.heard.append(("progress", state))

    def line(self, level: str, message: str) -> None:
        self.heard.append(("line", (level, message)))

    def extend(self, seconds: float) -> None:
        self.heard.append(("extend", seconds))


class Pool:
    """Processes with awaitable jobs."""

    def __init__(self, **limits: Any) -> None:
        self.begun: list[Holding] = []
        self._ends: dict[Holding, asyncio.Future[Outcome | None]] = {}
        loop = asyncio.get_running_loop()
        self.processes = Processes(loop, self.begun.append, self._ended, Limits(**{"processes": 1, **limits}))

    def _ended(self, held: Holding, outcome: Outcome | None) -> None:
        self._ends.pop(held).set_result(outcome)

    def start(
        self, task: AnyTask, *args: Any, port: Ears | None = None, **changes: Any
    ) -> tuple[Holding, asyncio.Future[Outcome | None]]:
        held = claimed(task, task.signature.bind_dump(args, {}), **changes)
        end = self._ends[held] = asyncio.get_running_loop().create_future()
        view = JobView(held.job.id, task.name, attempt=held.job.attempt, metadata={"a": 1})
        self.processes.start(held, task, Context(view, port=port or Ears()))
        return held, end

    async def outcome(self, task: AnyTask, *args: Any, **changes: Any) -> Outcome | None:
        return await asyncio.wait_for(self.start(task, *args, **changes)[1], 30)

    async def value(self, task: AnyTask, *args: Any, **changes: Any) -> Any:
        outcome = await self.outcome(task, *args, **changes)
        assert isinstance(outcome, Succeeded), outcome
        return json.loads(outcome.result)

    async def stop(self, held: Holding, end: asyncio.Future[Outcome | None], why: Stop) -> Outcome | None:
        held.stop = why
        self.processes.stop(held)
        return await asyncio.wait_for(end, 5)


@contextlib.asynccontextmanager
async def pool(**limits: Any) -> AsyncIterator[Pool]:
    made = Pool(**limits)
    try:
        yield made
    finally:
        made.processes.close()


def error(outcome: Outcome | None) -> dict[str, Any]:
    assert isinstance(outcome, Raised | TimedOut), outcome
    return json.loads(outcome.error)


def run(test: Callable[[], Any]) -> Any:
    return asyncio.run(asyncio.wait_for(test(), 60))


def gone(pid: int, within: float = 5.0) -> bool:
    """Whether a process ends within that time; a zombie nobody has reaped counts as ended."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            if " Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def test_one_process_runs_one_job_after_another() -> None:
    async def body() -> None:
        async with pool() as one:
            assert await one.value(t.add, 1, 2) == 3
            first = await one.value(t.pid)
            assert first == await one.value(t.pid) != os.getpid()
            assert len(one.begun) == 3
            assert all(held.started_at is not None for held in one.begun)

    run(body)


def test_processes_are_started_at_need_up_to_the_limit() -> None:
    async def body() -> None:
        async with pool(processes=2) as two:
            assert await two.value(t.pid) == await two.value(t.pid)
            started = [two.start(t.sleep, 0.3)[1] for _ in range(6)]
            ended = await asyncio.gather(*started)
            pids = {outcome.result for outcome in ended if isinstance(outcome, Succeeded)}
            assert len(pids) == 2

    run(body)


def test_a_waiting_job_has_not_started() -> None:
    async def body() -> None:
        async with pool() as one:
            _, first = one.start(t.sleep, 0.5)
            waiting, second = one.start(t.sleep, 0.0, timeout=0.1)
            await until(lambda: len(one.begun) == 1)
            assert waiting.started_at is None
            assert waiting.overdue_at() == float("inf")
            await asyncio.gather(first, second)
            assert waiting.started_at is not None

    run(body)


@pytest.mark.parametrize(
    ("why", "expected"),
    [("timeout", TimedOut), ("lost", type(None)), ("shutdown", Released), ("cancel", Stopped), ("deadline", Stopped)],
)
def test_stopping_kills_the_process(why: Stop, expected: type, tmp_path: Path) -> None:
    async def body() -> None:
        mark = tmp_path / "pid"
        async with pool() as one:
            held, end = one.start(t.sleep, 60, str(mark), timeout=60)
            await until(lambda: mark.exists() and mark.read_text() != "")
            outcome = await one.stop(held, end, why)
            assert isinstance(outcome, expected)
            assert gone(int(mark.read_text()), 0.1)
            assert await one.value(t.add, 1, 1) == 2

    run(body)


def test_stopping_takes_back_a_job_that_waits() -> None:
    async def body() -> None:
        async with pool() as one:
            running, end = one.start(t.sleep, 60)
            waiting, other = one.start(t.add, 1, 2)
            assert isinstance(await one.stop(waiting, other, "shutdown"), Released)
            await one.stop(running, end, "shutdown")

    run(body)


def test_a_stop_while_the_process_starts_is_not_forgotten() -> None:
    async def body() -> None:
        async with pool() as one:
            held, end = one.start(t.sleep, 60)
            await asyncio.sleep(0.05)
            assert isinstance(await one.stop(held, end, "cancel"), Stopped)

    run(body)


@pytest.mark.parametrize(
    ("how", "says"),
    [("0", "exited with code 0"), ("7", "exited with code 7"), ("kill", "killed by SIGKILL")],
)
def test_a_process_that_dies_fails_its_attempt(how: str, says: str) -> None:
    async def body() -> None:
        async with pool() as one:
            outcome = await one.outcome(t.end, how, max_attempts=3)
            assert error(outcome)["kind"] == "ProcessDied"
            assert says in error(outcome)["message"]
            assert isinstance(outcome, Raised)
            assert outcome.retry_in is not None
            assert await one.value(t.add, 1, 1) == 2

    run(body)


def test_a_process_that_died_idle_costs_no_attempt() -> None:
    async def body() -> None:
        async with pool() as one:
            pid = await one.value(t.pid)
            os.kill(pid, signal.SIGKILL)
            assert gone(pid)
            assert await one.value(t.pid) != pid

    run(body)


def test_the_tasks_own_retry_rule_decides() -> None:
    async def body() -> None:
        policy = t.fail.options.columns()["policy"]
        async with pool() as one:
            for kind, wait in (("value", 102.0), ("unwanted", None), ("other", None)):
                outcome = await one.outcome(t.fail, kind, attempt=2, max_attempts=5, policy=policy)
                assert isinstance(outcome, Raised)
                assert outcome.retry_in == wait
                assert "in fail" in error(outcome)["traceback"]

    run(body)


def test_arguments_and_results_are_checked_in_the_child() -> None:
    async def body() -> None:
        async with pool() as one:
            end = one.start(t.add, 1, 2)[1]
            await end
            held = claimed(t.add, '{"a": "x", "b": 2}')
            one._ends[held] = asyncio.get_running_loop().create_future()
            one.processes.start(held, t.add, Context(JobView(held.job.id, "add")))
            outcome = await one._ends[held]
            assert isinstance(outcome, Raised)
            assert outcome.reason == "invalid_arguments"

    run(body)


def test_the_context_speaks_to_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def body() -> None:
        ears = Ears()
        async with pool() as one:
            value = await one.value(t.describe, "tree", port=ears, attempt=1)
            assert value["attempt"] == 1
            assert value["metadata"] == {"a": 1}
            assert value["cancelled"] is False
        assert ears.heard == [
            ("progress", {"done": 1, "total": 2, "message": "tree"}),
            ("line", ("INFO", "the word is tree")),
            ("extend", 300.0),
        ]

    run(body)
    assert "the word is tree" in caplog.messages


def test_a_process_is_replaced_after_its_jobs() -> None:
    async def body() -> None:
        async with pool(jobs=2) as one:
            pids = [await one.value(t.pid) for _ in range(4)]
            assert pids[0] == pids[1] != pids[2] == pids[3]
            assert gone(pids[0])

    run(body)


def test_a_process_is_replaced_when_it_has_grown() -> None:
    async def body() -> None:
        async with pool(rss=150 * 1024**2) as one:
            first = await one.value(t.pid)
            await one.value(t.grow, 100, False)
            assert await one.value(t.pid) == first
            await one.value(t.grow, 200, True)
            assert await one.value(t.pid) != first

    run(body)


def test_memory_is_capped() -> None:
    async def body() -> None:
        async with pool(memory=1024**3) as one:
            first = await one.value(t.pid)
            assert error(await one.outcome(t.grow, 4096, False))["kind"] == "MemoryError"
            assert await one.value(t.pid) != first

    run(body)


def test_the_worker_s_files_are_closed_to_bodies() -> None:
    async def body() -> None:
        with open(__file__, "rb") as file:
            os.set_inheritable(file.fileno(), True)
            async with pool() as one:
                files = await one.value(t.open_files)
        assert not [name for name in files if name.startswith("/") and not name.startswith("/proc/")]
        assert len([name for name in files if name.startswith("socket:")]) == 1

    run(body)


def test_what_a_body_changes_in_its_process_is_put_right() -> None:
    async def body() -> None:
        async with pool() as one:
            first = await one.value(t.pid)
            before = await one.value(t.surroundings)
            await one.value(t.change_surroundings)
            assert await one.value(t.surroundings) == before
            assert before[0] == os.getcwd()
            assert before[4] == sys.path
            assert before[5] == sys.argv
            await asyncio.sleep(1.2)
            assert await one.value(t.pid) == first

    run(body)


def test_only_the_worker_ends_a_process(tmp_path: Path) -> None:
    """A supervisor that signals every process of the service must not fail running jobs."""

    async def body() -> None:
        mark = tmp_path / "pid"
        async with pool() as one:
            _, end = one.start(t.sleep, 0.5, str(mark))
            await until(lambda: mark.exists() and mark.read_text() != "")
            os.kill(int(mark.read_text()), signal.SIGTERM)
            os.kill(int(mark.read_text()), signal.SIGINT)
            assert isinstance(await end, Succeeded)

    run(body)


def test_programs_a_body_started_end_with_its_process() -> None:
    async def body() -> None:
        async with pool() as one:
            program = await one.value(t.helper_program, 60)
            os.kill(program, 0)
        assert gone(program)

    run(body)


def test_programs_a_body_started_are_killed_with_it(tmp_path: Path) -> None:
    async def body() -> None:
        mark = tmp_path / "pid"
        async with pool() as one:
            held, end = one.start(t.helper_program, 60, str(mark))
            await until(lambda: mark.exists() and mark.read_text() != "")
            await one.stop(held, end, "cancel")
            assert gone(int(mark.read_text()), 1)

    run(body)


def test_closed_files_and_nonsense_fail_the_attempt() -> None:
    async def body() -> None:
        async with pool() as one:
            assert "closed its connection" in error(await one.outcome(t.close_files))["message"]
            assert (
                "sent bytes that are no frame" in error(await one.outcome(t.write_nonsense, b"\0\0\0\x01x"))["message"]
            )
            assert "sent a frame of" in error(await one.outcome(t.write_nonsense, b"\xff\xff\xff\xff"))["message"]
            assert await one.value(t.add, 1, 1) == 2

    run(body)


def test_a_body_that_forks_answers_once() -> None:
    async def body() -> None:
        async with pool() as one:
            pid = await one.value(t.pid)
            assert await one.value(t.fork_and_return) == pid
            assert await one.value(t.add, 1, 1) == 2
            assert await one.value(t.pid) == pid

    run(body)


def test_a_process_that_will_not_end_is_killed() -> None:
    async def body() -> None:
        async with pool() as one:
            pid = await one.value(t.leave_thread, 60)
        assert gone(pid, 4)

    run(body)


def test_a_module_that_cannot_be_imported_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        monkeypatch.setenv("HOLDFAST_TEST_BREAK", "1")
        policy = broken_tasks.never.options.columns()["policy"]
        async with pool() as one:
            outcome = await one.outcome(broken_tasks.never, max_attempts=3, policy=policy)
            assert isinstance(outcome, Raised)
            assert outcome.retry_in == 7.0
            assert error(outcome)["kind"] == "ZeroDivisionError"
            assert "broken_tasks.py" in error(outcome)["traceback"]
            assert not one.begun
            assert await one.value(t.add, 1, 1) == 2

    run(body)


def test_a_function_that_cannot_be_imported() -> None:
    async def body() -> None:
        async with pool() as one:
            found = error(await one.outcome(t.make_inner()))
            assert found["kind"] == "ImportFailed"
            assert "define it at the top of its module" in found["message"]

    run(body)


def test_a_task_under_another_name_than_its_function() -> None:
    async def body() -> None:
        async with pool() as one:
            assert await one.value(t.shout, "hey") == "HEY"

    run(body)


@pytest.mark.parametrize("as_module", [False, True])
def test_scripts_run_their_own_tasks(as_module: bool, sqlite_url: str) -> None:
    script = Path(__file__).with_name("script.py")
    how = ["-m", "tests.worker.script"] if as_module else [str(script)]
    done = subprocess.run([sys.executable, *how, sqlite_url], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    first, second = (line.split() for line in done.stdout.splitlines())
    package = ["tests.worker"] if as_module else []
    assert first[:-2] == [".".join([*package, MAIN]), *package]
    assert [first[-2], second[-2]] == ["1", "2"]
    assert first[-1] == second[-1]


def test_a_script_that_starts_a_worker_when_imported_is_told_so(sqlite_url: str, tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import sys\n"
        "from holdfast import Holdfast\n"
        "app = Holdfast(sys.argv[1], log_level='error')\n"
        "@app.task(cpu=True)\n"
        "def body() -> None: ...\n"
        "with app.worker(cpu_slots=1):\n"
        "    body.enqueue().result(20)\n"
    )
    command = [sys.executable, str(script), sqlite_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "JobFailed" in done.stderr
    assert 'start it under `if __name__ == "__main__":`' in done.stderr


def test_children_end_with_a_killed_parent(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = (
        "import asyncio\n"
        "from tests.worker import process_tasks as t\n"
        "from tests.worker.test_processes import Pool\n"
        "async def main():\n"
        f"    Pool().start(t.sleep, 60, {str(mark)!r})\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        end = time.monotonic() + 20
        while not (mark.exists() and mark.read_text()) and time.monotonic() < end:
            time.sleep(0.01)
        child = int(mark.read_text())
        parent.kill()
    assert gone(child)


def test_watching_for_the_parent_s_end() -> None:
    """What stands in for the kernel's signal elsewhere than on Linux."""
    code = "import os\nfrom holdfast.worker.child import watch_parent\nwatch_parent(os.getppid() + 1, 0.01)"
    done = subprocess.run([sys.executable, "-c", code], start_new_session=True, timeout=20, check=False)
    assert done.returncode == -signal.SIGKILL
    assert callable(watch_parent)


def test_without_descriptors_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_pidfd", lambda pid: None)
    test_one_process_runs_one_job_after_another()
    test_a_process_that_dies_fails_its_attempt("7", "exited with code 7")
    test_a_process_that_died_idle_costs_no_attempt()
    test_a_process_is_replaced_after_its_jobs()
    test_programs_a_body_started_end_with_its_process()


def test_a_process_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with pool() as one:
            monkeypatch.setattr(sys, "executable", "/nowhere/python")
            outcome = await one.outcome(t.add, 1, 2, max_attempts=2)
            assert error(outcome)["kind"] == "ProcessDied"
            assert "could not be started" in error(outcome)["message"]
            monkeypatch.undo()
            assert await one.value(t.add, 1, 2) == 3

    run(body)


def test_a_process_that_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with pool() as one:
            pid = await one.value(t.pid)
            monkeypatch.setattr(processes, "BEGIN_LIMIT", 0.2)
            os.kill(pid, signal.SIGSTOP)
            assert "did not begin" in error(await one.outcome(t.add, 1, 2))["message"]
            monkeypatch.undo()
            assert await one.value(t.add, 1, 2) == 3

    run(body)
