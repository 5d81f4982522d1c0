"""Processes to be killed, started in milliseconds: a clean process forks them.

`Nursery` starts this file as a program of its own, which imports everything once and then forks a child for each
order. It has no threads and no connections, so that a child begins as a fresh process does, only sooner. When the
nursery's owner ends, however, the nursery kills all its children and ends too.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
CRASHED = 70
"""Status of a child whose function raised."""


class Child:
    """A process of the nursery. `status` is None while it lives, else its exit code, or minus a signal's number."""

    def __init__(self, pid: int, what: str, log: Path) -> None:
        self.pid = pid
        self.what = what
        self.log = log
        self.status: int | None = None
        self._ended = threading.Event()

    def __repr__(self) -> str:
        return f"<{self.what} {self.pid}>"

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def wait(self, timeout: float = 30.0) -> int:
        """Its status, once it has ended."""
        if not self._ended.wait(timeout):
            raise TimeoutError(f"{self!r} did not end in {timeout:g} s; its log ends with:\n{self.tail()}")
        assert self.status is not None
        return self.status

    def tail(self, lines: int = 30) -> str:
        """The last lines it wrote to stdout and stderr."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def ended(self, status: int) -> None:
        self.status = status
        self._ended.set()


class Nursery:
    """The owner's side: orders children and hears of their ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._mutex = threading.Lock()
        self._children: dict[int, Child] = {}
        self._born: dict[int, int] = {}
        self._news = threading.Condition(self._mutex)
        self._orders = 0
        self._early: dict[int, int] = {}
        threading.Thread(target=self._hear, name="nursery", daemon=True).start()

    def start(self, function: Callable[..., None], **arguments: Any) -> Child:
        """Run `function(**arguments)`, arguments being JSON, in a new process."""
        what = function.__name__
        with self._news:
            self._orders += 1
            order = self._orders
            log = self._folder / f"{order:05}-{what}.log"
            self._order(
                {
                    "order": order,
                    "module": function.__module__,
                    "function": what,
                    "arguments": arguments,
                    "log": str(log),
                }
            )
            if not self._news.wait_for(lambda: order in self._born, 60.0):
                raise RuntimeError("the nursery does not answer")
            child = Child(self._born.pop(order), what, log)
            self._children[child.pid] = child
            if child.pid in self._early:
                child.ended(self._early.pop(child.pid))
            return child

    def close(self) -> None:
        with contextlib.suppress(OSError):
            assert self._server.stdin is not None
            self._server.stdin.close()
        self._server.wait(20)
        assert self._server.stdout is not None
        self._server.stdout.close()

    def _order(self, order: dict[str, Any]) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()

    def _hear(self) -> None:
        assert self._server.stdout is not None
        with contextlib.suppress(ValueError):  # closed while it was being read
            for line in self._server.stdout:
                news = json.loads(line)
                with self._news:
                    if "order" in news:
                        self._born[news["order"]] = news["pid"]
                        self._news.notify_all()
                    elif (child := self._children.get(news["pid"])) is not None:
                        child.ended(news["status"])
                    else:
                        self._early[news["pid"]] = news["status"]


# ---------------------------------------------------------------- the nursery's own process


def serve() -> None:
    """Fork a child for each line of stdin, tell of each child's end, and end with stdin."""
    crew = importlib.import_module("tests.faults.crew")
    crew.prepare()
    gc.collect()
    gc.freeze()
    heard, rung = os.pipe()
    os.set_blocking(heard, False)
    os.set_blocking(rung, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(rung, warn_on_full_buffer=False)
    children: set[int] = set()
    waiting = b""
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(heard, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if heard in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(heard, 4096)
                bury(children)
            if 0 in ready:
                data = os.read(0, 65536)
                if not data:
                    break
                *lines, waiting = (waiting + data).split(b"\n")
                for line in lines:
                    children.add(bear(json.loads(line)))
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def bear(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        live(order)
    say({"order": order["order"], "pid": pid})
    return pid


def bury(children: set[int]) -> None:
    for pid in list(children):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            children.discard(pid)
            say({"pid": pid, "status": os.waitstatus_to_exitcode(status)})


def say(news: dict[str, Any]) -> None:
    os.write(1, json.dumps(news).encode() + b"\n")


def live(order: dict[str, Any]) -> NoReturn:
    """The child: nothing of the nursery's is left open, and it never returns."""
    status = CRASHED
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, 64)
        module = importlib.import_module(order["module"])
        getattr(module, order["function"])(**order["arguments"])
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def until(reached: Callable[[], Any], what: str, timeout: float = 20.0, pause: float = 0.01) -> Any:
    """Wait for a condition, and answer what it answered."""
    deadline = time.monotonic() + timeout
    while not (answer := reached()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(pause)
    return answer


if __name__ == "__main__":
    serve()
