"""Waiting for jobs to end: all callers of a process share one query.

A thread asks for every job that is waited for, quickly at first and then ever more slowly; it runs only while
somebody waits, and looks at once when a job ends in this process.
"""

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from holdfast.clock import monotonic
from holdfast.errors import DatabaseUnavailable, MisuseError
from holdfast.model.branch import Branch
from holdfast.model.job import JobRecord
from holdfast.model.tenant import DEFAULT_TENANT, IMPLIED, Scope
from holdfast.storage.ops.inspect import Gone

Found: TypeAlias = JobRecord | Gone | None
Look: TypeAlias = Callable[[Sequence[str], Scope], Sequence[Found]]

FIRST_PAUSE = 0.004
LONGEST_PAUSE = 0.25
"""Seconds between two looks: grows by half each time, back to the first when somebody new waits."""

LAST_LOOK = 0.5
"""Seconds that the look at the end of a wait may take: a job that ended just before is no late one."""


running_job: ContextVar[Branch | None] = ContextVar("holdfast_running_job", default=None)
"""The line of the body that runs in this context."""


_acting: ContextVar[Scope | None] = ContextVar("holdfast_acting", default=None)


@contextmanager
def acting_for(scope: Scope) -> Generator[None]:
    """What names no tenant meanwhile is for this scope."""
    before = _acting.set(scope)
    try:
        yield
    finally:
        _acting.reset(before)


def present_scope() -> Scope:
    """The scope of what names no tenant: that of the transaction or the job whose block or body this is, else the
    default one."""
    acting = _acting.get()
    if acting is not None:
        return acting
    inside = running_job.get()
    return IMPLIED if inside is None or inside.tenant == DEFAULT_TENANT else Scope(inside.tenant)


def refuse_inside_body() -> None:
    inside = running_job.get()
    if inside is not None:
        raise MisuseError(
            f"job {inside.id} waits for another job's result inside its body, which would hold its slot for as long: "
            "await task.invoke(…) in an async body, or wait outside"
        )


class Watch:
    """One caller's wait for one job, of which one `version` is meant (None: whichever is the newest)."""

    def __init__(self, waiter: "Waiter", id: str, scope: Scope, version: int | None = None) -> None:
        self._waiter = waiter
        self.id = id
        self.scope = scope
        self.version = version
        self.found: Found = None
        self.error: Exception | None = None
        self._done = threading.Event()
        self._looked = threading.Event()
        self._future: asyncio.Future[None] | None = None

    def wait(self, timeout: float | None) -> Found:
        """Block until the job has ended or is not there. Raises TimeoutError, or the database's error."""
        if not self._done.wait(timeout) and not self._last_look():
            raise TimeoutError
        return self._answer()

    async def await_(self, timeout: float | None) -> Found:
        """`wait` for event loops."""
        self._future = asyncio.get_running_loop().create_future()
        if not self._done.is_set():
            try:
                async with asyncio.timeout(timeout):
                    await self._future
            except TimeoutError:
                if not await asyncio.to_thread(self._last_look):
                    raise
        return self._answer()

    def _last_look(self) -> bool:
        """The time is over: whether one more look finds that the job has ended."""
        self._looked.clear()
        self._waiter.nudge()
        self._looked.wait(LAST_LOOK)
        return self._done.is_set()

    def looked(self) -> None:
        """The job was looked at, and goes on."""
        self._looked.set()

    def settle(self, found: Found, error: Exception | None = None) -> None:
        self.found, self.error = found, error
        self._done.set()
        self._looked.set()
        future = self._future
        if future is not None:
            try:
                future.get_loop().call_soon_threadsafe(_resolve, future)
            except RuntimeError:
                return  # its loop has closed: nobody waits any more

    def close(self) -> None:
        self._waiter.forget(self)

    def _answer(self) -> Found:
        if self.error is not None:
            raise self.error
        return self.found


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


class Waiter:
    """Answers the watches of one app."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._mutex = threading.Lock()
        self._watches: set[Watch] = set()
        self._soon = threading.Event()
        self._running = False
        self._closed = False
        _waiters.add(self)

    def watch(self, id: str, scope: Scope, version: int | None = None) -> Watch:
        watch = Watch(self, id, scope, version)
        with self._mutex:
            if self._closed:
                raise _closed_meanwhile()
            self._watches.add(watch)
            if not self._running:
                self._running = True
                threading.Thread(target=self._work, name="holdfast-results", daemon=True).start()
        self._soon.set()
        return watch

    def forget(self, watch: Watch) -> None:
        with self._mutex:
            self._watches.discard(watch)

    def nudge(self) -> None:
        """Look at once."""
        if self._watches:
            self._soon.set()

    def close(self) -> None:
        with self._mutex:
            self._closed = True
            left, self._watches = self._watches, set()
        self._soon.set()
        for watch in left:
            watch.settle(None, _closed_meanwhile())

    def reset(self) -> None:
        """In a forked child: the thread and those who waited are the parent's."""
        self._mutex = threading.Lock()
        self._watches = set()
        self._soon = threading.Event()
        self._running = False

    def _work(self) -> None:
        pause = FIRST_PAUSE
        while True:
            looked_at = monotonic()
            with self._mutex:
                watches = list(self._watches)
                if not watches or self._closed:
                    self._running = False
                    return
            self._answer(watches)
            if self._soon.wait(pause):
                self._soon.clear()
                pause = FIRST_PAUSE
                spent = monotonic() - looked_at
                if spent < FIRST_PAUSE:  # a storm of endings is one look every few milliseconds
                    threading.Event().wait(FIRST_PAUSE - spent)
            else:
                pause = min(pause * 1.5, LONGEST_PAUSE)

    def _answer(self, watches: list[Watch]) -> None:
        for scope in {watch.scope for watch in watches}:
            ours = [watch for watch in watches if watch.scope == scope]
            try:
                found = self._look([watch.id for watch in ours], scope)
            except Exception as error:  # whoever waits shall hear of it, whatever it is
                for watch in ours:
                    watch.settle(None, error)
                self._drop(ours)
                continue
            self._drop([watch for watch, one in zip(ours, found, strict=True) if _over(watch, one)])
            for watch, one in zip(ours, found, strict=True):
                if _over(watch, one):
                    watch.settle(one)
                else:
                    watch.looked()

    def _drop(self, watches: Sequence[Watch]) -> None:
        with self._mutex:
            self._watches.difference_update(watches)


def _closed_meanwhile() -> DatabaseUnavailable:
    return DatabaseUnavailable("the app was closed while its job was waited for")


_waiters: "weakref.WeakSet[Waiter]" = weakref.WeakSet()


def _after_fork() -> None:
    for waiter in list(_waiters):
        waiter.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _over(watch: Watch, found: Found) -> bool:
    """There is no more to wait for: it has ended, is gone, or is a newer version than the one that is meant."""
    if not isinstance(found, JobRecord) or found.state.finished:
        return True
    return watch.version is not None and found.version > watch.version
