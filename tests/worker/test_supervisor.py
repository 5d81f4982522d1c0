"""A supervisor and its processes: who dies is followed by another, what cannot work ends loudly, signals reach all.

The processes here are small programs that speak the language of a post; `tests/cli/test_supervised.py` has real ones.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.events.bus import Bus
from holdfast.events.log import LINES, write
from holdfast.model.event import Event
from holdfast.worker import supervisor
from holdfast.worker.post import VARIABLE, Wear
from holdfast.worker.supervisor import Supervisor

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")

SOON = 30.0

CHILD = f"""
import os, signal, socket, sys, time
from pathlib import Path
_, fd, number, boot = os.environ["{VARIABLE}"].split(" ")
line = socket.socket(fileno=int(fd))
folder = Path(sys.argv[1])
def starts():
    return len(list(folder.glob(f"{{number}}-*")))
(folder / f"{{number}}-{{os.getpid()}}").touch()
def ready():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    line.sendall(b"ready\\n")
def serve(at_stop=0):
    ready()
    while (words := line.recv(100)) and b"stop" not in words:
        pass
    sys.exit(at_stop)
"""


class Run:
    """A supervisor over processes that run `program`; `when` does something to them, from another thread."""

    def __init__(self, program: str, folder: Path, processes: int = 1, grace: float = 5.0) -> None:
        self.folder = folder
        self.told: list[Event] = []
        self.buried: list[tuple[str, bool, str]] = []
        bus = Bus()
        for name in LINES:
            bus.on(name, self.told.append)
            bus.on(name, write)
        sys.orig_argv = ["python", "-c", CHILD + program, str(folder)]
        self._supervisor = Supervisor(processes, grace, lambda *facts: self.buried.append(facts), bus)

    def do(self, when: Callable[[], Any] | None = None) -> int:
        helper = threading.Thread(target=self._then_stop, args=(when,), daemon=True)
        helper.start()
        status = self._supervisor.run()
        helper.join(SOON)
        assert not helper.is_alive()
        return status

    def _then_stop(self, when: Callable[[], Any] | None) -> None:
        if when is not None:
            try:
                when()
            finally:
                tell(signal.SIGTERM)

    def names(self, *wanted: str) -> list[str]:
        return [event.name for event in self.told if not wanted or event.name in wanted]

    def details(self, name: str) -> list[Any]:
        return [event.details for event in self.told if event.name == name]

    def pids(self, number: int = 1) -> list[int]:
        """Of all that were ever started at a place, in that order."""
        files = sorted(self.folder.glob(f"{number}-*"), key=lambda file: file.stat().st_mtime_ns)
        return [int(file.name.partition("-")[2]) for file in files]

    def until(self, reached: Callable[[], Any]) -> None:
        deadline = time.monotonic() + SOON
        while not reached():
            assert time.monotonic() < deadline, self.told
            time.sleep(0.01)

    def works(self, starts: int, number: int = 1) -> None:
        """Until so many were started at a place, and the last of them is at work."""
        self.until(lambda: len(self.pids(number)) == starts)
        self.until(lambda: ignores_sigterm(self.pids(number)[-1]))


def ignores_sigterm(pid: int) -> bool:
    text = Path(f"/proc/{pid}/status").read_text()
    mask = int(text.partition("SigIgn:")[2].split()[0], 16)
    return bool(mask >> (signal.SIGTERM - 1) & 1)


def tell(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", sys.orig_argv)
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(supervisor, "LAST_LOOKS", (0.0, 0.05))


def test_all_are_told_to_stop(tmp_path: Path) -> None:
    run = Run("serve()", tmp_path, processes=3)
    assert run.do(lambda: [run.works(1, number) for number in (1, 2, 3)]) == 0
    assert run.names("process.started", "supervisor.stopping", "supervisor.stopped") == [
        *["process.started"] * 3, "supervisor.stopping", "supervisor.stopped",
    ]  # fmt: skip
    assert run.buried == []


def test_one_that_was_killed_is_buried_and_followed_by_another(tmp_path: Path) -> None:
    run = Run("serve()", tmp_path)

    def kill() -> None:
        run.works(1)
        os.kill(run.pids()[0], signal.SIGKILL)
        run.works(2)
        run.until(lambda: len(run.buried) >= 2)

    assert run.do(kill) == 0
    (end,) = run.details("process.ended")
    assert (end["how"], end["what"]) == ("was killed by SIGKILL", "another starts now")
    assert {counted for _, counted, _ in run.buried} == {True}
    assert {why for _, _, why in run.buried} == {"its process was killed by SIGKILL"}
    assert len({boot for boot, _, _ in run.buried}) == 1


def test_one_that_left_in_order_is_followed_by_another(tmp_path: Path) -> None:
    """Somebody told it by hand to stop."""
    run = Run("(ready(), sys.exit(0)) if starts() == 1 else serve()", tmp_path)
    assert run.do(lambda: run.works(2)) == 0
    assert [details["how"] for details in run.details("process.left")] == ["ended with exit status 0"]
    assert run.buried == []


def test_one_that_goes_while_it_is_told_to_has_its_own_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks for its end first takes its status: only who waits for it may."""
    told = threading.Event()
    say, wait = supervisor.Hand._say, os.waitpid

    def say_and_see_it_go(hand: Any, word: str) -> None:
        say(hand, word)
        os.waitid(os.P_PID, hand.pid, os.WEXITED | os.WNOWAIT)
        threading.Timer(0.05, told.set).start()

    def wait_late(pid: int, how: int) -> tuple[int, int]:
        told.wait(SOON)
        return wait(pid, how)

    monkeypatch.setattr(supervisor.Hand, "_say", say_and_see_it_go)
    monkeypatch.setattr(os, "waitpid", wait_late)
    run = Run("serve()", tmp_path)
    assert run.do(lambda: run.works(1)) == 0


def test_a_sighup_while_stopping_starts_nothing(tmp_path: Path) -> None:
    run = Run("ready()\nwhile not (folder / 'go').exists(): time.sleep(0.01)", tmp_path)

    def stop() -> None:
        run.works(1)
        tell(signal.SIGTERM)
        run.until(lambda: run.names("supervisor.stopping"))
        tell(signal.SIGHUP)
        time.sleep(0.2)  # what must not come gives no sign
        (tmp_path / "go").touch()

    assert run.do(stop) == 0
    assert len(run.pids()) == 1


def test_what_never_works_ends_loudly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = Run("sys.exit(7)", tmp_path)
    with caplog.at_level(logging.INFO):
        assert run.do() == 1
    assert len(run.pids()) == supervisor.HOPELESS
    assert "giving up: 4 starts of process 1 in a row failed" in caplog.text
    assert "ended with exit status 7" in caplog.text
    pauses = [details["what"] for details in run.details("process.ended")]
    assert pauses == [f"another starts in {pause} s" for pause in ("0.02", "0.04", "0.08")]


def test_while_another_works_it_is_tried_on(tmp_path: Path) -> None:
    wait = "while not (folder / 'go').exists(): time.sleep(0.01)\n"
    run = Run(f"if number == '1': serve()\n{wait}sys.exit(7)", tmp_path, processes=2)

    def see() -> None:
        run.works(1, 1)
        (tmp_path / "go").touch()
        run.until(lambda: len(run.pids(2)) > supervisor.HOPELESS + 1)

    assert run.do(see) == 0


def test_a_database_that_is_away_is_waited_for(tmp_path: Path) -> None:
    run = Run(f"serve() if starts() > {supervisor.HOPELESS + 2} else sys.exit(3)", tmp_path)
    assert run.do(lambda: run.works(supervisor.HOPELESS + 3)) == 0


def test_who_dies_young_again_and_again_is_not_given_up(tmp_path: Path) -> None:
    """Jobs that kill their processes end some time; what once worked is no wrong program."""
    run = Run(f"serve() if starts() > {supervisor.HOPELESS + 2} else (ready(), os._exit(9))", tmp_path)
    assert run.do(lambda: run.works(supervisor.HOPELESS + 3)) == 0
    whats = [details["what"] for details in run.details("process.ended")]
    assert whats[:3] == ["another starts now", "another starts in 0.04 s", "another starts in 0.08 s"]


def test_one_that_cannot_be_started_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run("serve()", tmp_path)
    start = supervisor.Hand.start
    failures = iter([OSError(11, "no more processes")] * 2)

    async def start_badly(number: int) -> Any:
        for error in failures:
            raise error
        return await start(number)

    monkeypatch.setattr(supervisor.Hand, "start", start_badly)
    assert run.do(lambda: run.works(1)) == 0
    assert len(run.details("process.absent")) == 2


def test_sighup_replaces_one_after_another(tmp_path: Path) -> None:
    run = Run("serve()", tmp_path, processes=2)

    def renew() -> None:
        run.works(1, 1)
        run.works(1, 2)
        tell(signal.SIGHUP)
        run.works(2, 1)
        run.works(2, 2)
        run.until(lambda: len(run.details("process.replaced")) == 2)

    assert run.do(renew) == 0
    assert [details["number"] for details in run.details("process.replaced")] == [1, 2]
    started = run.names("process.started", "process.replaced")
    assert started == [*["process.started"] * 3, "process.replaced", "process.started", "process.replaced"]
    assert run.buried == []
    assert run.details("process.ended") == []


def test_a_program_that_does_not_work_any_more_replaces_nothing(tmp_path: Path) -> None:
    run = Run("serve() if starts() == 1 else sys.exit(1)", tmp_path, processes=2)

    def renew() -> None:
        run.works(1, 1)
        run.works(1, 2)
        tell(signal.SIGHUP)
        run.until(lambda: run.details("process.unfit"))

    assert run.do(renew) == 0
    (unfit,) = run.details("process.unfit")
    assert unfit["what"] == f"process {run.pids(1)[0]} stays"
    assert len(run.pids(2)) == 1, "the second is not even tried"


def test_a_predecessor_that_does_not_go_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LEEWAY", 0.1)
    run = Run("(ready(), time.sleep(600)) if starts() == 1 else serve()", tmp_path, grace=0.1)

    def renew() -> None:
        run.works(1)
        tell(signal.SIGHUP)
        run.until(lambda: run.details("process.killed"))
        run.until(lambda: run.buried)

    assert run.do(renew) == 0
    assert [details["pid"] for details in run.details("process.killed")] == [run.pids()[0]]
    assert {counted for _, counted, _ in run.buried} == {False}


def test_a_successor_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BEGIN_LIMIT", 0.5)
    run = Run("serve() if starts() == 1 else time.sleep(600)", tmp_path)

    def renew() -> None:
        run.works(1)
        tell(signal.SIGHUP)
        run.until(lambda: run.details("process.unfit"))

    assert run.do(renew) == 0
    (unfit,) = run.details("process.unfit")
    assert (unfit["how"], unfit["what"]) == ("was killed by SIGKILL", f"process {run.pids()[0]} stays")


def test_who_is_spent_is_replaced(tmp_path: Path) -> None:
    run = Run("line.sendall(b'ready\\nspent 9 jobs done\\n') if starts() == 1 else None\nserve()", tmp_path)
    assert run.do(lambda: (run.works(2), run.until(lambda: run.details("process.replaced")))) == 0
    (replaced,) = run.details("process.replaced")
    assert replaced["why"] == "9 jobs done"


def test_the_second_signal_hurries_and_the_third_kills(tmp_path: Path) -> None:
    deaf = """
ready()
while True:
    words = line.recv(100)
    for word in ("stop", "hurry"):
        if word.encode() in words:
            (folder / word).touch()
"""
    run = Run(deaf, tmp_path, grace=600)

    def stop() -> None:
        run.works(1)
        for word in ("stop", "hurry"):
            tell(signal.SIGTERM)
            run.until((tmp_path / word).exists)

    assert run.do(stop) == 1
    assert run.names("process.killed") == ["process.killed"]
    assert {counted for _, counted, _ in run.buried} == {False}, "killed because it was told to stop: no crash"


def test_one_that_is_late_to_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LEEWAY", 0.1)
    run = Run("ready(); time.sleep(600)", tmp_path, grace=0.1)
    assert run.do(lambda: run.works(1)) == 1


def test_one_that_ends_badly_while_it_stops_makes_the_status(tmp_path: Path) -> None:
    run = Run("serve(5)", tmp_path)
    assert run.do(lambda: run.works(1)) == 1
    assert {counted for _, counted, _ in run.buried} == {False}


def test_one_told_to_stop_while_it_starts_goes_in_order(tmp_path: Path) -> None:
    run = Run("time.sleep(600)", tmp_path)
    assert run.do(lambda: run.until(lambda: run.pids())) == 0


def test_a_release_that_fails_is_tried_again_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = Run("serve() if starts() > 1 else os._exit(9)", tmp_path)
    asked: list[str] = []

    def release(boot: str, counted: bool, why: str) -> None:
        asked.append(boot)
        raise OSError("away")

    run._supervisor._release = release
    assert run.do(lambda: (run.works(2), run.until(lambda: len(asked) == 2))) == 0
    assert "could not be released: away" in caplog.text


def test_when_a_process_is_worn() -> None:
    assert not Wear()
    assert Wear(jobs=10).worn(9) is None
    assert Wear(jobs=10).worn(10) == "10 jobs done"
    assert str(Wear(memory=1).worn(1)).endswith("MB of memory taken")
    assert Wear(memory=1).worn(0) is None, "replacing it would bring nothing"
    assert Wear(memory=2**50).worn(1) is None
