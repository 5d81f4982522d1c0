"""One worker process, as its supervisor sees it."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping

from holdfast.clock import monotonic
from holdfast.ids import new_id
from holdfast.worker.post import VARIABLE, variable

UNREACHABLE = 3
"""Exit status of a process that could not reach the database."""


class Hand:
    """A process that works at one of its supervisor's places. It begins in `start`."""

    def __init__(self, number: int, boot: str, process: asyncio.subprocess.Process, line: socket.socket) -> None:
        self.number = number
        self.boot = boot
        self.told = False
        """It was asked to stop."""
        self.killed = False
        """By its supervisor."""
        self.spent: Callable[[str], None] | None = None
        """Called, with the reason, when it asks to be replaced."""
        self.status: int | None = None
        self.began_at = monotonic()
        self._process = process
        self._line = line
        self._heard = b""
        self._ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(line, self._hear)
        self._waiting = asyncio.create_task(self._wait())

    @classmethod
    async def start(cls, number: int, environ: Mapping[str, str] | None = None) -> "Hand":
        """This program once more, as the worker at place `number`."""
        ours, theirs = socket.socketpair()
        boot = new_id()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *sys.orig_argv[1:],
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                process_group=0,  # the terminal's Ctrl-C is for the supervisor, which passes it on
                env={**os.environ, **(environ or {}), VARIABLE: variable(theirs.fileno(), number, boot)},
            )  # fmt: skip
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        return cls(number, boot, process, ours)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self.status is None

    @property
    def works(self) -> bool:
        """It lives, is ready and was not told to stop."""
        return self.alive and self._ready.is_set() and not self.told

    @property
    def ready(self) -> bool:
        """It could import its program and reach the database, and has begun to claim."""
        return self._ready.is_set()

    @property
    def left_in_order(self) -> bool:
        """It gave back all that it held, or was told to stop before it took anything."""
        return self.status == 0 or (self.told and self.status == -signal.SIGTERM)

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return monotonic() - self.began_at

    async def ended(self) -> int:
        """Wait for its end: the exit status, or minus the number of the signal that killed it."""
        return await asyncio.shield(self._waiting)

    async def began(self) -> bool:
        """Wait until it is ready; False where it ended before."""
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({ready, self._waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        return self._ready.is_set()

    def stop(self) -> None:
        """Take no more jobs, let those that run end within the grace time, and go."""
        self.told = True
        self._say("stop")
        self._signal(signal.SIGTERM)  # for one that still imports its program

    def hurry(self) -> None:
        """Let running jobs go, too."""
        self._say("hurry")

    def kill(self) -> None:
        if self.alive:
            self.killed = True
            self._signal(signal.SIGKILL)

    def epitaph(self) -> str:
        """How it ended, for people."""
        if self.status is None:
            return "runs"
        if self.status >= 0:
            return f"ended with exit status {self.status}"
        try:
            name = signal.Signals(-self.status).name
        except ValueError:
            name = f"signal {-self.status}"
        return f"was killed by {name}"

    def _say(self, word: str) -> None:
        with contextlib.suppress(OSError):  # it is gone, or about to go
            self._line.send(f"{word}\n".encode())

    def _signal(self, number: int) -> None:
        """Not by the process object: that looks first whether it has ended, and takes its exit status from `_wait`."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _hear(self) -> None:
        try:
            words = self._line.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            words = b""
        if not words:
            self._loop.remove_reader(self._line)
            return
        *lines, self._heard = (self._heard + words).split(b"\n")
        for line in lines:
            word, _, why = line.decode(errors="replace").partition(" ")
            if word == "ready":
                self._ready.set()
            elif word == "spent" and self.spent is not None:
                self.spent(why)

    async def _wait(self) -> int:
        status = await self._process.wait()
        self._hear()  # what it said last
        self.status = status
        self._loop.remove_reader(self._line)
        self._line.close()
        return status
