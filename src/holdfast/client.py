"""The caller's side: jobs are stored, read, and waited for."""

import os
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from holdfast.errors import HoldfastError
from holdfast.events.bus import Bus
from holdfast.model.job import JobRecord, NewJob
from holdfast.model.tenant import Scope
from holdfast.storage.base import Store
from holdfast.storage.op import Op
from holdfast.storage.ops.inspect import Gone, get, get_new
from holdfast.storage.ops.tenants import Quotas
from holdfast.waiting import Waiter, Watch

R = TypeVar("R")


class Client:
    """What an app and its jobs' handles share: a store, and one watch over the jobs that are waited for.

    Both are made at first use, and anew at the first use after `close`.
    """

    def __init__(self, open: Callable[[], Store], bus: Bus) -> None:
        self.bus = bus
        self._open = open
        self._parts: tuple[Store, Waiter] | None = None
        self.pipes: Mapping[str, Any] = {}
        """The app's, by name."""
        self.quotas = Quotas()

    @property
    def store(self) -> Store:
        return (self._parts or self._opened())[0]

    @property
    def in_use(self) -> bool:
        return self._parts is not None

    def _opened(self) -> tuple[Store, Waiter]:
        with _opening:
            if self._parts is None:
                store = self._open()
                self._parts = store, Waiter(lambda ids, scope: store.run(get(ids, scope), "read"))
            return self._parts

    def enqueue(self, new: Sequence[NewJob], storing: Op[None]) -> None:
        """Store jobs, by this op; durable when it returns. All or none."""
        if new:
            self.store.run(storing)
            if self.bus.wanted("job.enqueued"):
                with self._stored_anyway():
                    for op in get_new(new):
                        self._tell_enqueued(self.store.run(op, "read"))

    async def aenqueue(self, new: Sequence[NewJob], storing: Op[None]) -> None:
        if new:
            await self.store.arun(storing)
            if self.bus.wanted("job.enqueued"):
                with self._stored_anyway():
                    for op in get_new(new):
                        self._tell_enqueued(await self.store.arun(op, "read"))

    def _tell_enqueued(self, found: list[JobRecord | Gone | None]) -> None:
        for record in found:
            if isinstance(record, JobRecord):
                self.bus.tell("job.enqueued", job=record, queue=record.queue, task=record.task)

    @contextmanager
    def _stored_anyway(self) -> Generator[None, None, None]:
        """That nobody can be told of stored jobs is no failure of their enqueue."""
        try:
            yield
        except HoldfastError as error:
            self.bus.tell("database.away", what="job.enqueued was not told", cause=error)

    def get(self, id: str, scope: Scope) -> JobRecord | None:
        found = self.store.run(get([id], scope), "read")[0]
        return found if isinstance(found, JobRecord) else None

    async def aget(self, id: str, scope: Scope) -> JobRecord | None:
        found = (await self.store.arun(get([id], scope), "read"))[0]
        return found if isinstance(found, JobRecord) else None

    def watch(self, id: str, scope: Scope, version: int | None = None) -> Watch:
        """Learn when a job has ended, or has become a newer version than this."""
        return (self._parts or self._opened())[1].watch(id, scope, version)

    def ended(self) -> None:
        """Some job ended in this process: whoever waits may look at once."""
        if self._parts is not None:
            self._parts[1].nudge()

    def close(self) -> None:
        """Finish what is under way and close all connections. Whoever waits for a job is told."""
        with _opening:
            parts, self._parts = self._parts, None
        if parts is not None:
            parts[1].close()
            parts[0].close()


_opening = threading.Lock()
"""Held while an app makes its store, which opens nothing: two threads that start at once share one."""


def _after_fork() -> None:
    global _opening
    _opening = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
