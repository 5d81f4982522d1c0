"""Bodies that misbehave, as data: what each does, and how its job ends in each kind of body.

An end is "succeeded", the kind of the error with which the job fails, or None where such a body is nobody's to
save: it breaks the worker's own process, and belongs in a process body.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import BaseModel, model_serializer

from holdfast import Holdfast, TaskSet
from holdfast.worker.child import watch_parent

SUCCEEDED = "succeeded"
CRASHED = "crashed"
MEMORY = 1024**3
KINDS = ("async", "thread", "process")


@dataclass(frozen=True)
class Bad:
    """One bad handler: `body` for threads and processes, awaited through `awaiting` or called on the loop.

    ends_worker: on the loop and in a thread it does, and nothing else that runs there is lost.
    spoils: the worker that ran it is no fit place for further tests, and is replaced.
    """

    body: Callable[[], Any]
    on_loop: str | None
    in_thread: str | None
    in_process: str | None
    timeout: float = 20.0
    awaiting: Callable[[], Any] | None = None
    ends_worker: bool = False
    spoils: bool = False

    @property
    def name(self) -> str:
        return self.body.__name__

    def end(self, kind: str) -> str | None:
        return {"async": self.on_loop, "thread": self.in_thread, "process": self.in_process}[kind]


def everywhere(body: Callable[[], Any], end: str, **more: Any) -> Bad:
    return Bad(body, end, end, end, **more)


def only_in_process(body: Callable[[], Any], end: str, **more: Any) -> Bad:
    return Bad(body, None, None, end, **more)


# ---------------------------------------------------------------- they do not end


def hangs() -> None:
    time.sleep(30)


async def hangs_awaiting() -> None:
    await asyncio.sleep(30)


def swallows_being_stopped() -> None:
    for _ in range(1000):
        try:
            time.sleep(0.1)
        except BaseException:
            continue


async def swallows_being_cancelled() -> str:
    for _ in range(3):
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            return "it went well"
    return "never"


def blocks_for_a_second() -> None:
    time.sleep(1)


def holds_the_interpreter() -> None:
    """A regular expression that backtracks for a second or two, during which no other thread runs."""
    begun = time.monotonic()
    length = 18
    while time.monotonic() - begun < 1.0:
        re.match(r"(a+)+$", "a" * length + "b")
        length += 1


# ---------------------------------------------------------------- they raise


class Odd(BaseException):
    pass


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


class Deadly(Exception):
    def __str__(self) -> str:
        raise SystemExit("from its text")

    __repr__ = __str__


class Secretive(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise KeyboardInterrupt("from an attribute")


def raises_keyboard_interrupt() -> NoReturn:
    raise KeyboardInterrupt


def raises_system_exit() -> NoReturn:
    sys.exit(3)


def raises_generator_exit() -> NoReturn:
    raise GeneratorExit


def raises_stop_iteration() -> NoReturn:
    raise StopIteration


def raises_cancelled() -> NoReturn:
    raise asyncio.CancelledError


def raises_base_exception() -> NoReturn:
    raise Odd("odd")


def raises_unprintable() -> NoReturn:
    raise Unprintable


def raises_with_deadly_text() -> NoReturn:
    raise Deadly


def raises_with_deadly_attributes() -> NoReturn:
    raise Secretive


def raises_unstorable_text() -> NoReturn:
    raise ValueError("nul \x00, half a pair \ud83d, an escape \x1b[31m, and much \U0001f600" + "x" * 1_000_000)


def raises_group() -> NoReturn:
    raise ExceptionGroup("several", [ValueError("one"), ExceptionGroup("inner", [TypeError("two")])])


def raises_deep_group() -> NoReturn:
    error: Exception = ValueError("the innermost")
    for _ in range(3000):
        error = ExceptionGroup("outer", [error])
    raise error


def raises_long_chain() -> NoReturn:
    error: BaseException | None = None
    for number in range(5000):
        link = ValueError(f"link {number}")
        link.__cause__ = error
        error = link
    assert error is not None
    raise error


def recurses() -> None:
    recurses()


# ---------------------------------------------------------------- they return


def returns_100_megabytes() -> str:
    return "x" * (100 * 1024 * 1024)


def returns_not_a_number() -> float:
    return math.nan


def returns_no_json() -> object:
    return object()


def returns_itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def returns_a_lone_surrogate() -> str:
    return "\ud800"


class Raising(BaseModel):
    @model_serializer
    def write(self) -> dict[str, Any]:
        raise SystemExit("from a result")


def returns_what_raises() -> Raising:
    return Raising()


def returns_a_coroutine() -> Any:
    coroutine = hangs_awaiting()
    coroutine.close()
    return coroutine


# ---------------------------------------------------------------- they end the process


def exits() -> NoReturn:
    os._exit(7)


def kills_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def aborts() -> None:
    os.abort()


def reads_address_zero() -> None:
    ctypes.string_at(0)


def exhausts_memory() -> int:
    kept = [bytearray(64 * 1024 * 1024) for _ in range(1000)]
    return len(kept)


def exhausts_memory_in_small_pieces() -> int:
    kept: list[str] = []
    while True:
        kept.append("x" * 4096 + str(len(kept)))


# ---------------------------------------------------------------- they change the process


def closes_all_files() -> None:
    os.closerange(0, 4096)


def closes_stdout() -> None:
    sys.stdout.close()


def replaces_stdout() -> None:
    sys.stdout = None  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]


def changes_directory() -> None:
    os.chdir("/")


def changes_umask() -> None:
    os.umask(0o777)


def empties_environment() -> None:
    os.environ.clear()


def changes_signal_handlers() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)


def leaves_an_alarm() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.3)


def breaks_json() -> None:
    def broken(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError("json is no more")

    json.dumps = json.loads = json.JSONEncoder.encode = json.JSONDecoder.decode = broken


def empties_modules() -> None:
    for name in list(sys.modules):
        if name.startswith(("json", "holdfast", "asyncio", "logging", "traceback")):
            del sys.modules[name]


def lowers_recursion_limit() -> None:
    sys.setrecursionlimit(60)


def opens_many_files() -> int:
    KEPT.extend(os.open("/dev/null", os.O_RDONLY) for _ in range(200))
    return len(KEPT)


KEPT: list[int] = []

# ---------------------------------------------------------------- they print


def prints_ten_megabytes() -> None:
    for _ in range(10_000):
        print("x" * 1000)


def writes_to_standard_files() -> None:
    os.write(1, b"\x00\x00\x00\x05not a frame\n" * 100)
    os.write(2, b"\xff" * 10_000)
    sys.stderr.write("{}\n")
    assert sys.stdin is None or sys.stdin.closed or sys.stdin.read() == ""


# ---------------------------------------------------------------- they leave things behind


def forks_and_both_return() -> int:
    return os.fork()


def forks_and_the_copy_raises() -> None:
    if os.fork() == 0:
        raise RuntimeError("in the copy")


def forks_and_the_copy_exits() -> None:
    if os.fork() == 0:
        os._exit(0)


def leaves_fifty_threads() -> None:
    for _ in range(50):
        threading.Thread(target=time.sleep, args=(20,)).start()


def leaves_a_busy_thread() -> None:
    def spin() -> None:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            sum(range(1000))

    threading.Thread(target=spin, daemon=True).start()


def leaves_a_raising_thread() -> None:
    def raising() -> NoReturn:
        time.sleep(0.05)
        raise SystemError("in a thread left behind")

    threading.Thread(target=raising, daemon=True).start()


def leaves_a_program() -> None:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"]).returncode = 0


def leaves_a_program_and_hangs() -> None:
    leaves_a_program()
    time.sleep(30)


def leaves_tasks() -> None:
    time.sleep(0.01)


async def leaves_raising_tasks() -> None:
    async def raising() -> NoReturn:
        raise Odd("in a task left behind") from None

    async def sleeping() -> None:
        await asyncio.sleep(20)

    LEFT.extend(asyncio.ensure_future(sleeping()) for _ in range(10))
    LEFT.append(asyncio.ensure_future(raising()))


LEFT: list[asyncio.Future[Any]] = []


CATALOGUE: tuple[Bad, ...] = (
    everywhere(hangs, "timeout", timeout=0.5, awaiting=hangs_awaiting),
    Bad(swallows_being_stopped, "timeout", None, "timeout", timeout=0.5, awaiting=swallows_being_cancelled),
    everywhere(blocks_for_a_second, SUCCEEDED),
    everywhere(holds_the_interpreter, SUCCEEDED),
    everywhere(raises_keyboard_interrupt, "KeyboardInterrupt", ends_worker=True),
    everywhere(raises_system_exit, "SystemExit"),
    everywhere(raises_generator_exit, "GeneratorExit"),
    Bad(raises_stop_iteration, "RuntimeError", "StopIteration", "StopIteration"),
    everywhere(raises_cancelled, "CancelledError"),
    everywhere(raises_base_exception, "Odd"),
    everywhere(raises_unprintable, "Unprintable"),
    everywhere(raises_with_deadly_text, "Deadly"),
    everywhere(raises_with_deadly_attributes, "Secretive"),
    everywhere(raises_unstorable_text, "ValueError"),
    everywhere(raises_group, "ExceptionGroup"),
    everywhere(raises_deep_group, "ExceptionGroup"),
    everywhere(raises_long_chain, "ValueError"),
    everywhere(recurses, "RecursionError"),
    everywhere(returns_100_megabytes, "InvalidResult"),
    everywhere(returns_not_a_number, "InvalidResult"),
    everywhere(returns_no_json, "InvalidResult"),
    everywhere(returns_itself, "InvalidResult"),
    everywhere(returns_a_lone_surrogate, "InvalidResult"),
    everywhere(returns_what_raises, "InvalidResult"),
    everywhere(returns_a_coroutine, "InvalidResult"),
    Bad(exits, CRASHED, CRASHED, "ProcessDied"),
    Bad(kills_itself, CRASHED, CRASHED, "ProcessDied"),
    Bad(aborts, None, CRASHED, "ProcessDied"),
    Bad(reads_address_zero, None, CRASHED, "ProcessDied"),
    only_in_process(exhausts_memory, "MemoryError"),
    only_in_process(exhausts_memory_in_small_pieces, "MemoryError"),
    only_in_process(closes_all_files, "ProcessDied"),
    only_in_process(closes_stdout, SUCCEEDED),
    everywhere(replaces_stdout, SUCCEEDED, spoils=True),
    everywhere(changes_directory, SUCCEEDED, spoils=True),
    everywhere(changes_umask, SUCCEEDED, spoils=True),
    everywhere(empties_environment, SUCCEEDED, spoils=True),
    Bad(changes_signal_handlers, SUCCEEDED, "ValueError", SUCCEEDED, spoils=True),
    Bad(leaves_an_alarm, None, None, SUCCEEDED),
    only_in_process(breaks_json, SUCCEEDED),
    everywhere(empties_modules, SUCCEEDED, spoils=True),
    only_in_process(lowers_recursion_limit, SUCCEEDED),
    everywhere(opens_many_files, SUCCEEDED, spoils=True),
    everywhere(prints_ten_megabytes, SUCCEEDED),
    everywhere(writes_to_standard_files, SUCCEEDED),
    everywhere(forks_and_both_return, SUCCEEDED),
    everywhere(forks_and_the_copy_raises, SUCCEEDED),
    everywhere(forks_and_the_copy_exits, SUCCEEDED),
    everywhere(leaves_fifty_threads, SUCCEEDED, spoils=True),
    everywhere(leaves_a_busy_thread, SUCCEEDED),
    everywhere(leaves_a_raising_thread, SUCCEEDED),
    everywhere(leaves_a_program, SUCCEEDED),
    only_in_process(leaves_a_program_and_hangs, "timeout", timeout=1.0),
    everywhere(leaves_tasks, SUCCEEDED, awaiting=leaves_raising_tasks),
)

tasks = TaskSet()


@tasks.task
async def neighbour_async(number: int) -> int:
    await asyncio.sleep(0.2)
    return number + 1


@tasks.task
def neighbour_thread(number: int) -> int:
    time.sleep(0.2)
    return number + 1


@tasks.task(cpu=True)
def neighbour_process(number: int) -> int:
    time.sleep(0.2)
    return number + 1


def _on_loop(bad: Bad) -> Callable[[], Any]:
    async def run() -> Any:
        return bad.body() if bad.awaiting is None else await bad.awaiting()

    run.__annotations__["return"] = bad.body.__annotations__.get("return", "Any")
    return run


def _define(bad: Bad) -> None:
    for kind in KINDS:
        if bad.end(kind) is not None:
            body = _on_loop(bad) if kind == "async" else bad.body
            name = f"{bad.name}_{kind}"
            decorate = tasks.task(name=name, cpu=kind == "process", timeout=bad.timeout, max_crashes=1)
            globals()[name] = decorate(body)  # where a child looks for it


for each in CATALOGUE:
    _define(each)


def work(url: str) -> None:
    """The worker that all bad handlers run in; it ends with the tests, and so does all it started."""
    threading.Thread(target=watch_parent, args=(os.getppid(),), daemon=True).start()
    app = Holdfast(url, cpu_memory=MEMORY)
    app.include(tasks)
    app.run_worker(concurrency=40, cpu_slots=2, lease="3s", poll_interval="200ms")
