"""The child's side of process bodies: one job after another, asked for and answered in frames.

The body runs on the main thread. Between jobs the child puts right what belongs to the whole process (directory,
umask, environment, signal handlers, alarm), and says when it is spent and wants to be replaced.
"""

import contextlib
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import asdict
from types import ModuleType
from typing import Any, TypeGuard

from holdfast.context import JobView
from holdfast.declared import SERVES
from holdfast.errors import ImportFailed
from holdfast.model.job import ClaimedJob
from holdfast.model.options import NO_OPTIONS
from holdfast.model.outcome import Crashed, Outcome, Raised
from holdfast.model.text import clean_text
from holdfast.task import Task
from holdfast.worker.attempt import AnyTask, error_text, retry_in, run_sync
from holdfast.worker.holding import Holding
from holdfast.worker.place import attribute, module_of, place_of_function
from holdfast.worker.process_deps import ProcessContext, ProcessDeps
from holdfast.worker.wire import Frame, Wire

LAST_WORDS = 1.0
"""Seconds that an ending child's own exit handlers and threads get."""

MOST_LINE = 64 * 1024
"""Bytes of a log line that are passed on; the worker keeps fewer."""

_PR_SET_PDEATHSIG = 1


def main(fd: int) -> None:
    """Serve the worker at the other end of this socket until it is gone."""
    sock = socket.socket(fileno=fd)
    sock.set_inheritable(False)  # programs that bodies start must not hold it
    wire = Wire(sock)
    start = wire.receive()
    if start is None:
        return
    _die_with(start["parent"])
    os.chdir(start["cwd"])
    sys.argv[:] = start["argv"]
    limit_memory(start["memory"])
    for number in (signal.SIGTERM, signal.SIGINT):  # stopping is the worker's to decide: it kills
        signal.signal(number, _hear_nothing)
    lines = logging.getLogger("holdfast.task")  # the worker logs what bodies say
    lines.addHandler(logging.NullHandler())
    lines.propagate = False
    child = Child(wire, start["jobs"], start["rss"], start["memory"])
    child.serve()
    _end_soon()
    child.deps.close()


class Child:
    """Runs what it is asked to, one job at a time."""

    def __init__(self, wire: Wire, most_jobs: int, most_rss: int, memory: int | None) -> None:
        self._wire = wire
        self._most_jobs = most_jobs
        self._most_rss = most_rss
        self._memory = memory
        self._tools = _tools()
        self.deps = ProcessDeps()
        self._jobs = 0
        self._run = 0

    def serve(self) -> None:
        while (frame := self._wire.receive()) is not None:
            self._run = frame["run"]
            surroundings = Surroundings()
            self._answer(self._attempt(frame))
            surroundings.restore()

    def _attempt(self, frame: Frame) -> Frame:
        held = Holding(ClaimedJob(**frame["job"]))
        try:
            task = find_task(frame["place"], frame["place"]["task"])
            task.prepare()
        except BaseException as error:
            return {"kind": "unready", "error": error_text(held, error), "spent": True}
        self._wire.send({"kind": "begun", "run": self._run})
        self._jobs += 1
        context = ProcessContext(JobView(**frame["view"]), port=ChildPort(self._wire, self._run))
        self.deps.give(context, frame["deps"])
        try:
            outcome = run_sync(held, task, context)
        except MemoryError:  # it took another one to describe the first
            outcome = Raised(error_text(held, MemoryError("memory ran out")), None)
        if isinstance(outcome, Crashed):  # KeyboardInterrupt: here it is nobody's Ctrl-C
            outcome = Raised(outcome.error, retry_in(held, task, KeyboardInterrupt()))
        return self._ended(outcome)

    def _ended(self, outcome: Outcome | None) -> Frame:
        spent = self._spent() or (isinstance(outcome, Raised) and '"kind": "MemoryError"' in outcome.error)
        if outcome is None:
            return {"kind": "ended", "outcome": None, "spent": spent}
        return {"kind": "ended", "outcome": type(outcome).__name__, "fields": asdict(outcome), "spent": spent}

    def _spent(self) -> bool:
        """Whether another process should run the next job: this one is old, large, or was tampered with."""
        asked, really = memory()
        if self._memory is not None and asked > self._memory / 2:
            return True
        return self._jobs >= self._most_jobs or really > self._most_rss or _tools() != self._tools

    def _answer(self, frame: Frame) -> None:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except Exception:  # a body closed or replaced them, and the next one may want to print
            frame["spent"] = True
        self._wire.send({"run": self._run, **frame})


class ChildPort:
    """One attempt's line to the worker. Nothing tells the body to stop: it is killed."""

    stopped = False

    def __init__(self, wire: Wire, run: int) -> None:
        self._wire = wire
        self._run = run

    def check(self) -> None: ...

    def progress(self, state: dict[str, object]) -> None:
        self._note("progress", state)

    def line(self, level: str, message: str) -> None:
        self._note("line", [level, clean_text(message, MOST_LINE)])

    def extend(self, seconds: float) -> None:
        self._note("extend", seconds)

    def _note(self, name: str, data: object) -> None:
        with contextlib.suppress(OSError):  # the worker is gone, and this process is about to follow
            self._wire.send({"kind": "note", "run": self._run, "name": name, "data": data})


class Surroundings:
    """What belongs to the whole process, as it was before a body ran."""

    SIGNALS = ("SIGALRM", "SIGCHLD", "SIGHUP", "SIGINT", "SIGPIPE", "SIGTERM", "SIGUSR1", "SIGUSR2")

    def __init__(self) -> None:
        self._cwd = os.getcwd()
        self._umask = _umask()
        self._environ = os.environ.copy()
        self._handlers = [(number, signal.getsignal(number)) for number in self._numbers()]

    def restore(self) -> None:
        if os.environ.copy() != self._environ:
            os.environ.clear()
            os.environ.update(self._environ)
        os.umask(self._umask)
        for number, handler in self._handlers:
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        os.chdir(self._cwd)

    @classmethod
    def _numbers(cls) -> list[signal.Signals]:
        return [signal.Signals[name] for name in cls.SIGNALS if name in signal.Signals.__members__]


def place_of(task: AnyTask) -> Frame:
    """Where a child finds a task's function, and under which name the task."""
    return {**place_of_function(task.body), "task": task.name}


def find_task(place: Frame, task: str) -> AnyTask:
    """Import the function's module and answer its task. Raises ImportFailed, and whatever the import raises."""
    if place["module"] is None or place["name"] is None:
        raise ImportFailed(f"the function of task {task} has no module or name by which a process could import it")
    if "<locals>" in place["name"]:
        raise ImportFailed(
            f"the function {place['name']} of task {task} is defined inside another one: a process imports it by "
            "name, so define it at the top of its module"
        )
    return _task_in(module_of(place, f"task {task}"), place["name"], task)


def _task_in(module: ModuleType, qualname: str, task: str) -> AnyTask:
    found = attribute(module, qualname)
    # The function itself may go by a name of its own, and the task it serves be declared in another module.
    for each in (found, getattr(found, SERVES, None), *vars(module).values()):
        if _is_task(each) and task in (each.name, *each.aliases):
            return each
    found = getattr(found, "plain", found)  # a function that `step.define` decorates
    if not callable(found):
        raise ImportFailed(f"module {module.__name__} has no function {qualname}, the body of task {task}")
    return Task[Any, Any, Any](found, task, (), True, NO_OPTIONS)


def _is_task(value: object) -> TypeGuard[AnyTask]:
    return isinstance(value, Task)


def memory() -> tuple[int, int]:
    """Bytes of its own that this process has asked for, and that it really has; 0 where they cannot be known."""
    try:
        with open("/proc/self/statm", "rb") as file:
            pages = [int(count) for count in file.read().split()]
        size = os.sysconf("SC_PAGE_SIZE")
        return pages[5] * size, pages[1] * size
    except (OSError, ValueError, IndexError):
        return 0, 0


def _tools() -> tuple[object, ...]:
    """What no body should have replaced, and every later one relies on."""
    encode, decode = json.JSONEncoder.encode, json.JSONDecoder.decode
    return (json.dumps, json.loads, encode, decode, sys.modules.get("json"), sys.modules.get(__name__), open)


def limit_memory(most: int | None) -> None:
    """Let allocations beyond `most` bytes fail with MemoryError."""
    if most is None:
        return
    import resource

    # On Linux this counts what can be written, anonymous maps included; the address space holds much that nobody
    # has used, such as 64 MB for each thread's allocations.
    which = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    hard = resource.getrlimit(which)[1]
    resource.setrlimit(which, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=watch_parent, args=(parent,), name="holdfast-parent", daemon=True).start()
    if os.getppid() != parent:  # it was quicker
        os._exit(1)


def watch_parent(parent: int, pause: float = 1.0) -> None:
    """Kill this process and all it started once its parent is another one."""
    while os.getppid() == parent:
        time.sleep(pause)
    os.killpg(0, signal.SIGKILL)


def _end_soon() -> None:
    """The worker is done with this process: exit handlers run, but what hangs is not waited for."""

    def end() -> None:
        time.sleep(LAST_WORDS)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=end, name="holdfast-end", daemon=True).start()


def _hear_nothing(number: int, frame: object) -> None:
    pass


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
