"""Where `cpu=True` bodies run: processes of our own, one job at a time each, killable at any moment.

Each process has one thread here, which starts it, sends it jobs, reads its frames and buries it; a job waits in
`Processes` until a thread is free. Not a `ProcessPoolExecutor`: that one pickles, breaks as a whole when one process
dies, and cannot kill a single one. On Linux the thread must live as long as its process, which dies with it.
"""

import asyncio
import contextlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, TypeAlias, get_args

from holdfast.clock import monotonic
from holdfast.context import Context
from holdfast.errors import HoldfastError, ImportFailed, MisuseError
from holdfast.model.outcome import Outcome, Raised, Released
from holdfast.worker.around import within_wraps
from holdfast.worker.attempt import AnyTask, judge, retry_in
from holdfast.worker.child import LAST_WORDS, place_of
from holdfast.worker.holding import Holding
from holdfast.worker.place import loading_script
from holdfast.worker.wire import BrokenWire, Frame, Wire

Work: TypeAlias = tuple[Holding, AnyTask, Context[Any]]

BEGIN_LIMIT = 120.0
"""Seconds for starting a process and importing the task's module in it."""

LOOK = 0.2
"""Seconds between two looks whether a process lives, where the system does not tell."""

_BOOT = "import sys; fd, *sys.path[:] = sys.argv[1:]; from holdfast.worker.child import main; main(int(fd))"
_OUTCOMES: dict[str, type[Any]] = {each.__name__: each for each in get_args(Outcome)}


class ProcessDied(Exception):
    """The process of a body ended before the body did."""


@dataclass(frozen=True, slots=True)
class Limits:
    """processes: how many at once; jobs: one is replaced after so many; rss: or when it has grown to so many bytes;
    memory: bytes beyond which its allocations fail, None for no such limit."""

    processes: int
    jobs: int = 1000
    memory: int | None = None
    rss: int = 1024**3


class Processes:
    """Runs bodies in processes; on the loop, `begun` is called as a body begins, `ended` with its outcome."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        begun: Callable[[Holding], None],
        ended: Callable[[Holding, Outcome | None], None],
        limits: Limits,
    ) -> None:
        if loading_script.is_set():
            raise MisuseError(
                "this script starts a worker when it is imported, as the processes of its cpu=True tasks do: "
                'start it under `if __name__ == "__main__":`'
            )
        self._loop = loop
        self._begun = begun
        self._ended = ended
        self._limits = limits
        self._changed = threading.Condition()
        self._waiting: deque[Work] = deque()
        self._running: dict[Holding, Child] = {}
        self._threads = 0
        self._working = 0
        self._closed = False
        self._told: deque[Callable[[], object]] = deque()

    def start(self, held: Holding, task: AnyTask, context: Context[Any]) -> None:
        with self._changed:
            self._waiting.append((held, task, context))
            if self._threads - self._working < len(self._waiting) and self._threads < self._limits.processes:
                self._threads += 1
                threading.Thread(target=self._work, name=f"holdfast-process-{self._threads}", daemon=True).start()
            self._changed.notify()

    def stop(self, held: Holding) -> None:
        """Kill the process that runs this body, or take the body back if it waits; `ended` follows."""
        with self._changed:
            child = self._running.get(held)
            if child is not None:
                child.kill()
                return
            for work in self._waiting:
                if work[0] is held:
                    self._waiting.remove(work)
                    self._loop.call_soon(self._ended, held, came_to(held, work[1], ""))
                    return

    def close(self) -> None:
        """Idle processes end, and others with their job."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # Each process's own thread

    def _work(self) -> None:
        child: Child | None = None
        while (work := self._take()) is not None:
            held = work[0]
            if child is not None and child.dead():
                child.bury()
                child = None
            try:
                child = child or Child(self._limits)
                outcome = self._attempt(child, work)
            except Exception as error:  # no process, no memory: this attempt's failure and not this thread's
                outcome = came_to(held, work[1], f"its process could not be started or used: {error}")
                if child is not None:
                    child.spent = True
            with self._changed:
                self._working -= 1
            self._tell(partial(self._ended, held, outcome))
            if child is not None and child.spent:
                child.bury()
                child = None
        if child is not None:
            child.bury()

    def _take(self) -> Work | None:
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return None
                self._changed.wait()
            self._working += 1
            return self._waiting.popleft()

    def _attempt(self, child: "Child", work: Work) -> Outcome | None:
        held, task, context = work
        return within_wraps(held, task, context, lambda: self._run(child, work))

    def _run(self, child: "Child", work: Work) -> Outcome | None:
        held, task, _ = work
        with self._changed:
            if held.stop is not None:
                return came_to(held, task, "")
            self._running[held] = child
        try:
            frame = child.run(work, lambda frame: self._hear(work, frame))
        finally:
            with self._changed:
                del self._running[held]
        if frame is not None:
            return _outcome(frame, held, task)
        # It is dead, or must be; and no outcome is told while its body might go on.
        child.bury()
        return came_to(held, task, child.epitaph)

    def _hear(self, work: Work, frame: Frame) -> None:
        if frame["kind"] == "begun":
            held = work[0]
            held.started_at = monotonic()
            self._tell(partial(self._begun, held))
        elif frame["kind"] == "note":
            with contextlib.suppress(HoldfastError, ValueError, TypeError, LookupError):  # it is only talk
                relay(work[2], frame["name"], frame["data"])

    def _tell(self, fact: Callable[[], object]) -> None:
        """Have the loop call `fact`, in order; one wake-up serves all facts that gather."""
        with self._changed:
            self._told.append(fact)
            if len(self._told) > 1:
                return
        with contextlib.suppress(RuntimeError):  # the loop has closed: the worker gave this body up
            self._loop.call_soon_threadsafe(self._collect)

    def _collect(self) -> None:
        with self._changed:
            told, self._told = self._told, deque()
        for fact in told:
            fact()


class Child:
    """One process, as its thread sees it. Only `kill` may be called by other threads."""

    def __init__(self, limits: Limits) -> None:
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, str(theirs.fileno()), *sys.path],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # a process group of its own: what it starts is killed with it
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.spent = False
        self.epitaph = ""
        self._mutex = threading.Lock()
        self._buried = False
        self._runs = 0
        self._wire = Wire(ours)
        self._ours = ours.fileno()
        self._poll = select.poll()
        self._poll.register(ours, select.POLLIN)
        self._pidfd = _pidfd(self._process.pid)
        if self._pidfd is not None:
            self._poll.register(self._pidfd, select.POLLIN)
        self._send(
            {
                "kind": "start",
                "parent": os.getpid(),
                "cwd": os.getcwd(),
                "argv": sys.argv,
                "memory": limits.memory,
                "jobs": limits.jobs,
                "rss": limits.rss,
            }
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(self, work: Work, hear: Callable[[Frame], None]) -> Frame | None:
        """Run one job: its last frame, or None where the process is gone or must go."""
        held, task, context = work
        self._runs += 1
        view = {each.name: getattr(context.job, each.name) for each in fields(context.job)}
        view["metadata"] = dict(view["metadata"])
        job = {**held.job._asdict(), "due": 0}  # each database has a type of its own for it
        self._send(
            {
                "kind": "run",
                "run": self._runs,
                "job": job,
                "view": view,
                "place": place_of(task),
                "deps": context.process_deps,
            }
        )
        try:
            return self._follow(hear)
        except BrokenWire as error:
            self.epitaph = f"its process {error}"
            return None

    def kill(self) -> None:
        """End the process and all of its group, now."""
        with self._mutex:
            if not self._buried:
                self._kill_group()

    def dead(self) -> bool:
        return self._exited(0)

    def bury(self) -> None:
        """Let an idle process end by itself, kill what is left of its group, and forget it."""
        if self._buried:
            return
        self.spent = True
        self._wire.close()
        self._exited(0 if self.epitaph else LAST_WORDS)
        with self._mutex:
            # Before it is reaped: until then nobody else can get the group's number.
            self._kill_group()
        code = self._process.wait()
        with self._mutex:
            self._buried = True
        if self._pidfd is not None:
            os.close(self._pidfd)
        self.epitaph = self.epitaph or _epitaph(code)

    def _follow(self, hear: Callable[[Frame], None]) -> Frame | None:
        begin_by: float | None = monotonic() + BEGIN_LIMIT
        while (frame := self._next(begin_by)) is not None:
            if frame.get("run") != self._runs:
                continue  # a thread of an earlier body still speaks
            if frame["kind"] in ("ended", "unready"):
                self.spent = bool(frame.get("spent"))
                return frame
            if frame["kind"] == "begun":
                begin_by = None
            hear(frame)
        return None

    def _next(self, limit: float | None) -> Frame | None:
        while (frame := self._wire.take()) is None:
            ready = self._wait(None if limit is None else limit - monotonic())
            if self._ours in ready:
                if not self._wire.fill():
                    self._see_end()
                    return None
            elif self._pidfd in ready or (self._pidfd is None and self._process.poll() is not None):
                return None
            elif limit is not None and monotonic() >= limit:
                self.epitaph = f"its process did not begin the job within {BEGIN_LIMIT:g} s"
                return None
        return frame

    def _see_end(self) -> None:
        """The connection is at its end: is the process, too?"""
        if not self._exited(LAST_WORDS):
            self.epitaph = "its process closed its connection to the worker"

    def _wait(self, seconds: float | None) -> set[int]:
        if self._pidfd is None:
            seconds = LOOK if seconds is None else min(seconds, LOOK)
        return {fd for fd, _ in self._poll.poll(None if seconds is None else max(0.0, seconds) * 1000)}

    def _exited(self, seconds: float) -> bool:
        if self._pidfd is not None:
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            return bool(poll.poll(seconds * 1000))
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _send(self, frame: Frame) -> None:
        self._wire.sock.settimeout(BEGIN_LIMIT)
        with contextlib.suppress(OSError):  # it is dead, which reading finds out
            self._wire.send(frame)
        self._wire.sock.settimeout(None)


def _pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends, where there are such."""
    make: Callable[[int], int] | None = getattr(os, "pidfd_open", None)
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        return None if make is None else make(pid)
    return None


def came_to(held: Holding, task: AnyTask, epitaph: str) -> Outcome | None:
    """What an attempt came to that has no process any more: one that was stopped, or one whose process died."""
    return Released() if held.stop == "shutdown" else judge(held, task, ProcessDied(epitaph))


def relay(context: Context[Any], name: str, data: Any) -> None:
    """Say here what a body said to its context in the process."""
    if name == "progress":
        context.progress(data["done"], data.get("message", ""), total=data.get("total"))
    elif name == "line":
        context.log.log(logging.getLevelNamesMapping().get(data[0], logging.INFO), "%s", data[1])
    elif name == "extend":
        context.extend(data)


def _outcome(frame: Frame, held: Holding, task: AnyTask) -> Outcome | None:
    if frame["kind"] == "unready":
        error = ImportFailed(json.loads(frame["error"])["message"])
        return Raised(frame["error"], retry_in(held, task, error))
    if frame["outcome"] is None:
        return None
    try:
        outcome: Outcome = _OUTCOMES[frame["outcome"]](**frame["fields"])
    except (KeyError, TypeError):
        return came_to(held, task, "its process answered something that is no outcome")
    return outcome


def _epitaph(code: int) -> str:
    if code >= 0:
        return f"its process exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = ", perhaps because memory ran out" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{hint}"
