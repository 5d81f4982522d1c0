"""Many jobs as one: a batch counts its jobs, and what follows it starts when all of them have ended.

with app.batch("import 42", on_success=notify.call("imported")) as batch:
    batch.enqueue_many(import_row.call(row) for row in rows)
batch.wait()
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from holdfast.clock import monotonic
from holdfast.errors import InvalidOption, JobNotFound, MisuseError, ResultTimeout
from holdfast.executor import Executor
from holdfast.handle import Job
from holdfast.ids import check_id, new_id
from holdfast.model.batch import BatchRecord
from holdfast.model.duration import DAY, Duration, seconds
from holdfast.model.job import NewJob
from holdfast.model.need import When
from holdfast.model.tenant import Scope
from holdfast.model.text import check_name
from holdfast.paging import checked
from holdfast.storage.op import Op
from holdfast.storage.ops import batches
from holdfast.task import Call
from holdfast.waiting import refuse_inside_body

R = TypeVar("R")
Records: TypeAlias = list[BatchRecord]  # named out here: in the class, `list` is a verb
Found: TypeAlias = list[BatchRecord | None]
KEEP = 30 * DAY
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.5
"""Seconds between two looks at a batch that is waited for: each pause is half as long again as the last."""


@dataclass(frozen=True, slots=True)
class Stores:
    """What stores the jobs of a batch, for an app or in a caller's transaction: calls, in the batch of an id; the jobs
    that calls are to be stored as; the handles of those."""

    enqueue: Callable[[Sequence[Call[Any]], str | None], list[Job[Any]]]
    aenqueue: Callable[[Sequence[Call[Any]], str | None], Awaitable[list[Job[Any]]]]
    new_jobs: Callable[[Sequence[Call[Any]]], list[NewJob]]
    handles: Callable[[Sequence[NewJob], Sequence[Call[Any]]], list[Job[Any]]]


class Batch:
    """A named set of jobs. Made by `app.batch`, opened by `with` (or `async with`, or `open`), and found again by
    `app.batches.get`. Each verb has a twin for event loops: `wait` and `await_`, the others with `a` before them.

    id: as jobs wait for it, `using(after=batch)`, and are in it, `using(batch=batch)`.
    follow: the jobs that follow it, in the order on_success, on_failure, on_finish.
    """

    def __init__(
        self, stores: Stores, executor: Executor, scope: Scope, name: str, id: str, calls: Sequence[Call[Any]] = ()
    ) -> None:
        self._stores = stores
        self._executor = executor
        self._scope = scope
        self._calls = calls
        self.name = name
        self.id = id
        self.follow: list[Job[Any]] = []

    def __repr__(self) -> str:
        return f"<Batch {self.name} {self.id}>"

    # Filling it

    def open(self) -> Self:
        """Store it, and in the same transaction the jobs that are to follow it. Jobs can be added from here on."""
        new = self._following()
        self._executor.run(self._open(new))
        self.follow = self._stores.handles(new, self._calls)
        return self

    async def aopen(self) -> Self:
        """`open` for event loops."""
        new = self._following()
        await self._executor.arun(self._open(new))
        self.follow = self._stores.handles(new, self._calls)
        return self

    def enqueue_many(self, calls: Iterable[Call[R]]) -> list[Job[R]]:
        """Add jobs, all or none; raises as `app.enqueue_many` does, and BatchEnded where it takes no more.

        >>> batch.enqueue_many(import_row.call(row) for row in rows)
        """
        return self._stores.enqueue(tuple(calls), self.id)

    async def aenqueue_many(self, calls: Iterable[Call[R]]) -> list[Job[R]]:
        """`enqueue_many` for event loops."""
        return await self._stores.aenqueue(tuple(calls), self.id)

    def close(self) -> None:
        """All jobs are added, but for those that its own jobs add: it ends when the last one does, at once if there
        are none. Raises JobNotFound."""
        self._executor.run(batches.closed(self.id, self._scope))

    async def aclose(self) -> None:
        """`close` for event loops."""
        await self._executor.arun(batches.closed(self.id, self._scope))

    def cancel(self) -> None:
        """Take no more jobs, and cancel those that have not ended, within a second; those that run are asked to stop.

        What follows it in any way or in failure starts then. One that has ended stays as it is. Raises JobNotFound.
        """
        self._executor.run(batches.closed(self.id, self._scope, stop=True))

    async def acancel(self) -> None:
        """`cancel` for event loops."""
        await self._executor.arun(batches.closed(self.id, self._scope, stop=True))

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it; where the block raised, cancel it."""
        if kind is None:
            self.close()
        else:
            self.cancel()

    async def __aenter__(self) -> Self:
        return await self.aopen()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await (self.aclose() if kind is None else self.acancel())

    # Reading it

    @property
    def record(self) -> BatchRecord:
        """Its state and counts, read now. Raises JobNotFound."""
        return self._seen(self._executor.run(batches.get([self.id], self._scope), "read"))

    async def arecord(self) -> BatchRecord:
        """`record` for event loops."""
        return self._seen(await self._executor.arun(batches.get([self.id], self._scope), "read"))

    def wait(self, timeout: Duration | None = None) -> BatchRecord:
        """Wait until it has ended, and answer its record.

        timeout: the longest wait, None for ever. Raises ResultTimeout, JobNotFound, and MisuseError inside a body.

        >>> batch.wait(timeout="5m").failed
        0
        """
        refuse_inside_body()
        limit = None if timeout is None else monotonic() + seconds(timeout, "timeout")
        pause = FIRST_PAUSE
        while not (found := self.record).finished:
            time.sleep(self._pause(pause, limit, timeout))
            pause = min(pause * 1.5, LONGEST_PAUSE)
        return found

    async def await_(self, timeout: Duration | None = None) -> BatchRecord:
        """`wait` for event loops."""
        refuse_inside_body()
        limit = None if timeout is None else monotonic() + seconds(timeout, "timeout")
        pause = FIRST_PAUSE
        while not (found := await self.arecord()).finished:
            await asyncio.sleep(self._pause(pause, limit, timeout))
            pause = min(pause * 1.5, LONGEST_PAUSE)
        return found

    # How

    def _following(self) -> list[NewJob]:
        new = self._stores.new_jobs(self._calls)
        if any(job.conditional for job in new):
            raise InvalidOption(
                "another job may answer what is to follow a batch: it can have no key, cache, debounce or rate_limit"
            )
        return new

    def _open(self, new: Sequence[NewJob]) -> Op[None]:
        return batches.opened(self.id, self.name, KEEP, new, self._scope)

    def _seen(self, found: Found) -> BatchRecord:
        if found[0] is None:
            raise JobNotFound(f"there is no batch {self.id} (any more); is it open yet?", self.id)
        return found[0]

    def _pause(self, pause: float, limit: float | None, timeout: Duration | None) -> float:
        if limit is None:
            return pause
        left = limit - monotonic()
        if left <= 0:
            raise ResultTimeout(f"batch {self.id} had not ended after {timeout}; it goes on", self.id)
        return min(pause, left)


class Batches:
    """The batches of one app. Each verb has a twin for event loops: `get` and `aget`."""

    def __init__(self, stores: Stores, executor: Executor, scope: Scope) -> None:
        self._stores = stores
        self._executor = executor
        self._scope = scope

    def get(self, id: str) -> Batch | None:
        """A batch by its id; None for what is absent."""
        return self._found(self._executor.run(batches.get([check_id(id)], self._scope), "read"))

    async def aget(self, id: str) -> Batch | None:
        """`get` for event loops."""
        return self._found(await self._executor.arun(batches.get([check_id(id)], self._scope), "read"))

    def list(self, *, limit: int = 100, after: str | None = None) -> Records:
        """Batches, newest first: at most `limit` (1 to 1,000), those made before the batch `after`."""
        cursor = None if after is None else check_id(after)
        return self._executor.run(batches.page(self._scope, checked(limit), cursor), "read")

    async def alist(self, *, limit: int = 100, after: str | None = None) -> Records:
        """`list` for event loops."""
        cursor = None if after is None else check_id(after)
        return await self._executor.arun(batches.page(self._scope, checked(limit), cursor), "read")

    def _found(self, found: Found) -> Batch | None:
        record = found[0]
        return None if record is None else Batch(self._stores, self._executor, self._scope, record.name, record.id)


def made(
    stores: Stores,
    executor: Executor,
    scope: Scope,
    name: str,
    follow: Sequence[tuple[When, Call[Any] | None]],
) -> Batch:
    """A batch that is not open yet. Raises InvalidOption."""
    id = new_id()
    calls: list[Call[Any]] = []
    for when, call in follow:
        if call is None:
            continue
        if not isinstance(call, Call):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise MisuseError(f"what follows a batch is a call, such as notify.call(…), not {call!r:.60}")
        known = Batch(stores, executor, scope, name, id)
        calls.append(call.after(known, when=when))
    return Batch(stores, executor, scope, check_name(name, "a batch's name"), id, calls)
