"""Enqueueing: what an app does with calls, in a transaction of its own or in the caller's."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from holdfast.client import Client, Job
from holdfast.errors import InvalidOption, MisuseError
from holdfast.model.job import NewJob
from holdfast.model.options import JobOptions
from holdfast.model.tenant import Scope
from holdfast.model.text import shown
from holdfast.storage.borrow import Borrowed
from holdfast.storage.ops.jobs import enqueue
from holdfast.task import Call, to_new_job

R = TypeVar("R")


class Bound:
    """Stores jobs, each call in a transaction of its own, or after `bind` all in the caller's."""

    def __init__(
        self, client: Client, defaults: JobOptions, wraps: tuple[Callable[[NewJob], NewJob], ...] = ()
    ) -> None:
        self._client = client
        self._defaults = defaults
        self._wraps = wraps
        self._connection: Any = None
        self._borrowed: Borrowed | None = None

    def bind(self, connection: Any) -> "Bound":
        """The same within the transaction on `connection`; InvalidOption where that is nothing we know."""
        other = Bound(self._client, self._defaults, self._wraps)
        other._connection = connection
        other._borrowed = self._client.store.borrow(connection)
        return other

    def enqueue_many(self, calls: Iterable[Call[R]]) -> list[Job[R]]:
        """Store many jobs, all or none; answers their handles in the same order.

        >>> app.bind(session).enqueue_many([send_mail.call(to, subject="news") for to in addresses])
        """
        return self.enqueue(tuple(calls))

    async def aenqueue_many(self, calls: Iterable[Call[R]]) -> list[Job[R]]:
        """`enqueue_many` for event loops."""
        return await self.aenqueue(tuple(calls))

    def enqueue(self, calls: Sequence[Call[Any]]) -> list[Job[Any]]:
        """What `task.enqueue` comes to: store these calls, all or none."""
        new = self._new(calls)
        if self._borrowed is None:
            self._client.enqueue(new, Scope())
        elif new:
            self._borrowed.run(enqueue(new, Scope()))
        return self._handles(new, calls)

    async def aenqueue(self, calls: Sequence[Call[Any]]) -> list[Job[Any]]:
        """What `task.aenqueue` comes to."""
        new = self._new(calls)
        if self._borrowed is None:
            await self._client.aenqueue(new, Scope())
        elif new:
            await self._borrowed.arun(enqueue(new, Scope()))
        return self._handles(new, calls)

    def _new(self, calls: Sequence[Call[Any]]) -> list[NewJob]:
        for call in calls:
            if call.task.connection not in (None, self._connection):
                raise InvalidOption(
                    f"a call of {call.task.name} is for another connection: app.bind(connection).enqueue_many(…) "
                    "stores many jobs in one transaction of yours"
                )
        new = [to_new_job(call, self._defaults) for call in calls]
        for wrap in self._wraps:
            new = [_kept(wrap(one), wrap) for one in new]
        return new

    def _handles(self, new: Sequence[NewJob], calls: Sequence[Call[Any]]) -> list[Job[Any]]:
        return [
            Job(self._client, job.id, call.task.signature.load_result, Scope(job.tenant))
            for job, call in zip(new, calls, strict=True)
        ]


def _kept(new: object, wrap: Callable[[NewJob], NewJob]) -> NewJob:
    if not isinstance(new, NewJob):
        raise MisuseError(f"wrap_enqueues: {shown(wrap)} must answer a NewJob, not {shown(new)}")
    return new
