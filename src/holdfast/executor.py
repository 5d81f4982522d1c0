"""Where operations are done: each in a transaction of its own, or all in one that belongs to the caller.

Whatever manages jobs, queues and the rest is written once, over an `Executor`, and so serves an app and
`app.bind(connection)` alike.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from holdfast.client import Client
from holdfast.model.job import JobRecord, NewJob
from holdfast.model.tenant import Scope
from holdfast.storage.borrow import Borrowed
from holdfast.storage.op import Op
from holdfast.storage.ops.jobs import enqueue

R = TypeVar("R")


class Executor(Protocol):
    """Runs operations, and tells of what has become true by them."""

    client: Client
    """What handles on jobs read with, in transactions of their own."""

    retries: bool
    """Whether an operation that somebody's lock was in the way of may be run again."""

    def run(self, op: Op[R], lane: str = "write") -> R: ...
    async def arun(self, op: Op[R], lane: str = "write") -> R: ...

    def before(self, op: Op[R]) -> R:
        """A read for the sake of a change that follows in the same call."""
        ...

    async def abefore(self, op: Op[R]) -> R: ...
    def enqueue(self, new: Sequence[NewJob], scope: Scope) -> None:
        """Store jobs, all or none."""
        ...

    async def aenqueue(self, new: Sequence[NewJob], scope: Scope) -> None: ...
    def tell(self, name: str, job: JobRecord | None = None, **what: Any) -> None:
        """Give an event, if what it says is committed."""
        ...

    def wanted(self, name: str) -> bool:
        """Whether that event would be given, and to somebody."""
        ...

    def ended(self) -> None:
        """A job ended: whoever waits for one may look at once."""
        ...

    def now(self) -> datetime: ...


class OwnTransactions:
    """Each operation is committed when its answer comes."""

    retries = True

    def __init__(self, client: Client) -> None:
        self.client = client

    def run(self, op: Op[R], lane: str = "write") -> R:
        return self.client.store.run(op, lane)

    async def arun(self, op: Op[R], lane: str = "write") -> R:
        return await self.client.store.arun(op, lane)

    def before(self, op: Op[R]) -> R:
        return self.client.store.run(op, "read")

    async def abefore(self, op: Op[R]) -> R:
        return await self.client.store.arun(op, "read")

    def enqueue(self, new: Sequence[NewJob], scope: Scope) -> None:
        if self.client.quotas.unknown(new):
            self.run(self.client.quotas.ask(scope))
        self.client.enqueue(new, self.client.quotas.within(enqueue(new, scope), new))

    async def aenqueue(self, new: Sequence[NewJob], scope: Scope) -> None:
        if self.client.quotas.unknown(new):
            await self.arun(self.client.quotas.ask(scope))
        await self.client.aenqueue(new, self.client.quotas.within(enqueue(new, scope), new))

    def tell(self, name: str, job: JobRecord | None = None, **what: Any) -> None:
        if job is not None:
            what = {"queue": job.queue, "task": job.task, **what, "job": job}
        self.client.bus.tell(name, **what)

    def wanted(self, name: str) -> bool:
        return self.client.bus.wanted(name)

    def ended(self) -> None:
        self.client.ended()

    def now(self) -> datetime:
        return self.client.bus.now()


class CallersTransaction:
    """All operations are in the transaction that is open on a connection of the caller's. Nothing is told: whether
    it is committed, and when, is not ours to know."""

    retries = False

    def __init__(self, client: Client, connection: Any) -> None:
        self.client = client
        self._borrowed: Borrowed = client.store.borrow(connection)

    def run(self, op: Op[R], lane: str = "write") -> R:
        return self._borrowed.run(op)

    async def arun(self, op: Op[R], lane: str = "write") -> R:
        return await self._borrowed.arun(op)

    def before(self, op: Op[R]) -> R:
        return self._borrowed.run(op, changes_follow=True)

    async def abefore(self, op: Op[R]) -> R:
        return await self._borrowed.arun(op, changes_follow=True)

    def enqueue(self, new: Sequence[NewJob], scope: Scope) -> None:
        if self.client.quotas.unknown(new):
            self.before(self.client.quotas.ask(scope))
        if new:
            self.run(self.client.quotas.within(enqueue(new, scope), new))

    async def aenqueue(self, new: Sequence[NewJob], scope: Scope) -> None:
        if self.client.quotas.unknown(new):
            await self.abefore(self.client.quotas.ask(scope))
        if new:
            await self.arun(self.client.quotas.within(enqueue(new, scope), new))

    def tell(self, name: str, job: JobRecord | None = None, **what: Any) -> None:
        """Not here."""

    def wanted(self, name: str) -> bool:
        return False

    def ended(self) -> None:
        """Nor this."""

    def now(self) -> datetime:
        return self.client.bus.now()
