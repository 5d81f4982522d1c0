"""Tasks whose bodies run in processes, for test_processes: imported by the tests and by the children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from holdfast import Context, TaskSet
from holdfast.model.retry import Retry

tasks = TaskSet()

MOST_FILES = 4096
"""Numbers of files are those of the process that made the connection, which may have many."""


class Unwanted(Exception):
    pass


def decide(attempt: int, error: BaseException) -> float | None:
    return 100.0 + attempt if isinstance(error, ValueError) else None


@tasks.task(cpu=True)
def add(a: int, b: int) -> int:
    return a + b


@tasks.task(cpu=True)
def pid() -> int:
    return os.getpid()


@tasks.task(cpu=True)
def sleep(seconds: float, mark: str = "") -> int:
    if mark:
        Path(mark).write_text(str(os.getpid()))
    time.sleep(seconds)
    return os.getpid()


@tasks.task(cpu=True, retry=Retry(attempts=5, backoff=decide, jitter=0, give_up_on=Unwanted))
def fail(kind: str) -> None:
    raise {"value": ValueError, "unwanted": Unwanted}.get(kind, RuntimeError)(f"told to: {kind}")


@tasks.task(cpu=True)
def end(how: str) -> None:
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(int(how))


@tasks.task(cpu=True)
def grow(megabytes: int, keep: bool = False) -> int:
    data = bytearray(megabytes * 1024 * 1024)
    if keep:
        KEPT.append(data)
    return len(data)


KEPT: list[bytearray] = []


@tasks.task(cpu=True)
def describe(ctx: Context[Any], word: str) -> dict[str, Any]:
    ctx.progress(1, word, total=2)
    ctx.log.info("the word is %s", word)
    ctx.extend("5m")
    job = ctx.job
    return {"id": job.id, "attempt": job.attempt, "metadata": dict(job.metadata), "cancelled": ctx.cancelled}


@tasks.task(cpu=True)
def open_files() -> list[str]:
    return [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if int(fd) > 2 and _is_open(fd)]


def _is_open(fd: str) -> bool:
    return os.path.exists(f"/proc/self/fd/{fd}") or os.path.islink(f"/proc/self/fd/{fd}")


@tasks.task(cpu=True)
def change_surroundings() -> None:
    os.chdir("/")
    os.umask(0o777)
    os.environ["HOLDFAST_TEST_LEAK"] = "1"
    os.environ.pop("PATH", None)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(1)


@tasks.task(cpu=True)
def surroundings() -> list[Any]:
    umask = os.umask(0o22)
    os.umask(umask)
    return [os.getcwd(), umask, os.environ.get("HOLDFAST_TEST_LEAK"), "PATH" in os.environ, sys.path, sys.argv]


@tasks.task(cpu=True)
def helper_program(seconds: float, mark: str = "") -> int:
    program = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"])
    program.returncode = 0  # on purpose never waited for
    if mark:
        Path(mark).write_text(str(program.pid))
        time.sleep(seconds)
    return program.pid


@tasks.task(cpu=True)
def close_files() -> None:
    os.closerange(3, MOST_FILES)
    time.sleep(30)


@tasks.task(cpu=True)
def write_nonsense(data: bytes) -> None:
    for fd in range(3, MOST_FILES):
        try:
            sock = socket.socket(fileno=os.dup(fd))
            sock.sendall(data)
        except OSError:
            continue
    time.sleep(30)


@tasks.task(cpu=True)
def fork_and_return() -> int:
    os.fork()
    return os.getpid()


@tasks.task(cpu=True)
def leave_thread(seconds: float) -> int:
    threading.Thread(target=time.sleep, args=(seconds,)).start()
    return os.getpid()


def _other_name(word: str) -> str:
    return word.upper()


shout = tasks.task(name="shout", cpu=True)(_other_name)


def make_inner() -> Any:
    @TaskSet().task(cpu=True)
    def inner() -> None: ...

    return inner


@tasks.task(cpu=True)
def threads_alive() -> int:
    return threading.active_count()
