"""A supervised worker's side: who it is to its supervisor, and the line between the two.

A supervisor starts its own program once more, with this variable in the environment; so the child comes to the same
`run_worker`, finds its post there, and works. The line carries words: `ready` and `spent WHY` up, `stop` and `hurry`
down. When it ends, the supervisor is gone, and the worker stops in order.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

from holdfast.worker.child import memory
from holdfast.worker.plan import Plan
from holdfast.worker.worker import Worker

VARIABLE = "HOLDFAST_SUPERVISED"
WEAR_LOOK = 0.25
"""Seconds between two looks whether a worker should be replaced."""


@dataclass(frozen=True, slots=True)
class Wear:
    """When a worker process is to be replaced: after so many jobs, or when it has so many bytes of memory."""

    jobs: int | None = None
    memory: int | None = None

    def __bool__(self) -> bool:
        return self.jobs is not None or self.memory is not None

    def worn(self, done: int) -> str | None:
        """Why it should be replaced now, if so."""
        if self.jobs is not None and done >= self.jobs:
            return f"{done} jobs done"
        if self.memory is not None and done and (taken := memory()[1]) >= self.memory:  # a fresh one is no better
            return f"{taken / 1024**2:.0f} MB of memory taken"
        return None


class Post:
    """What this process is to its supervisor: the number of its place, and the boot id that it was given."""

    def __init__(self, number: int, boot: str, line: socket.socket) -> None:
        self.number = number
        self.boot = boot
        self._line = line
        self._pid = os.getpid()

    @property
    def mine(self) -> bool:
        """False in a process that was forked from the one at this post."""
        return self._pid == os.getpid()

    def fit(self, plan: Plan, processes: int) -> Plan:
        """The plan of the worker at this post, one of `processes`, which share the machine's processors."""
        name = f"{plan.name}.{self.number}" if plan.name else ""
        slots = plan.cpu_slots or max(1, (os.cpu_count() or 1) // processes)
        return replace(plan, boot=self.boot, name=name, cpu_slots=slots)

    def say_ready(self) -> None:
        """The program could be imported and the database reached: from here on it is jobs that may go wrong."""
        self.say("ready")

    def say(self, word: str) -> None:
        with contextlib.suppress(OSError):  # the supervisor is gone, which the reader hears
            self._line.sendall(f"{word}\n".encode())

    def listen(self, loop: asyncio.AbstractEventLoop, stop: Callable[[], None], hurry: Callable[[], None]) -> None:
        """Call `stop` when told to stop or when the supervisor is gone, `hurry` when told to be quick about it."""

        def hear() -> None:
            try:
                words = self._line.recv(4096)
            except BlockingIOError:
                return
            except OSError:
                words = b""
            if not words:
                loop.remove_reader(self._line)
            if not words or b"stop" in words:
                stop()
            if b"hurry" in words:
                hurry()

        self._line.setblocking(False)
        loop.add_reader(self._line, hear)

    async def report(self, worker: Worker, wear: Wear) -> None:
        """Say when the worker should be replaced."""
        while wear:
            await asyncio.sleep(WEAR_LOOK)
            if (why := wear.worn(worker.done)) is not None:
                self.say(f"spent {why}")
                return


def variable(fd: int, number: int, boot: str) -> str:
    """What the child of this process at this place finds in its environment."""
    return f"{os.getpid()} {fd} {number} {boot}"


_found: Post | None = None
_looked = False


def my_post() -> Post | None:
    """The post of this process; None where no supervisor started it."""
    global _found, _looked
    if not _looked:
        _looked = True
        _found = _read(os.environ.pop(VARIABLE, ""))  # programs that bodies start are no workers of the supervisor's
    return _found if _found is not None and _found.mine else None


def _read(text: str) -> Post | None:
    parts = text.split(" ")
    if len(parts) != 4 or parts[0] != str(os.getppid()):
        return None
    line = socket.socket(fileno=int(parts[1]))
    line.set_inheritable(False)
    return Post(int(parts[2]), parts[3], line)
