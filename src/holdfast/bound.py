"""What an app does with jobs, in transactions of its own or in the caller's: the same surface over an executor."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from holdfast.client import Client, Job
from holdfast.errors import InvalidOption, MisuseError
from holdfast.executor import CallersTransaction, Executor
from holdfast.management import Jobs
from holdfast.model.job import NewJob
from holdfast.model.options import NO_OPTIONS, JobOptions
from holdfast.model.tenant import Scope
from holdfast.model.text import shown
from holdfast.task import Call, to_new_job

R = TypeVar("R")


class Surface:
    """Enqueueing and managing: what an app and `app.bind(connection)` have in common.

    A property or verb that is written here, over `_executor`, is had by both.
    """

    _executor: Executor
    _defaults: JobOptions = NO_OPTIONS
    _enqueue_wraps: tuple[Callable[[NewJob], NewJob], ...] = ()
    _connection: Any = None
    """The caller's, where all is done in its transaction."""

    def bind(self, connection: Any) -> "Bound":
        """This app within the transaction that is open on `connection`, which stays the caller's to commit: it
        enqueues and manages there, `app.bind(connection).jobs.cancel(id)`.

        connection: a sqlite3, psycopg, asyncpg or aiosqlite connection, a SQLAlchemy Session, AsyncSession,
            Connection or AsyncConnection on one of these, or Django's. InvalidOption for anything else.

        >>> app.bind(session).enqueue_many([send_mail.call(to, subject="news") for to in addresses])
        """
        return Bound(self._executor.client, connection, self._defaults, self._enqueue_wraps)

    # Enqueueing

    def enqueue_many(self, calls: Iterable[Call[R]]) -> list[Job[R]]:
        """Store many jobs in one transaction, all or none; answers their handles in the same order.

        >>> app.enqueue_many([send_mail.call(to, subject="news") for to in addresses])
        """
        return self.enqueue(tuple(calls))

    async def aenqueue_many(self, calls: Iterable[Call[R]]) -> list[Job[R]]:
        """`enqueue_many` for event loops."""
        return await self.aenqueue(tuple(calls))

    def enqueue(self, calls: Sequence[Call[Any]]) -> list[Job[Any]]:
        """What `task.enqueue` comes to: store these calls, all or none."""
        new = self._new(calls)
        self._executor.enqueue(new, Scope())
        return self._handles(new, calls)

    async def aenqueue(self, calls: Sequence[Call[Any]]) -> list[Job[Any]]:
        """What `task.aenqueue` comes to."""
        new = self._new(calls)
        await self._executor.aenqueue(new, Scope())
        return self._handles(new, calls)

    # Managing

    @property
    def jobs(self) -> Jobs:
        """Jobs one by one and in pages: `app.jobs.get(id)`, `app.jobs.list(state="failed")`, `app.jobs.cancel(id)`."""
        return Jobs(self._executor, Scope())

    # How

    def _new(self, calls: Sequence[Call[Any]]) -> list[NewJob]:
        for call in calls:
            if call.task.connection not in (None, self._connection):
                raise InvalidOption(
                    f"a call of {call.task.name} is for another connection: app.bind(connection).enqueue_many(…) "
                    "stores many jobs in one transaction of yours"
                )
        new = [to_new_job(call, self._defaults) for call in calls]
        for wrap in self._enqueue_wraps:
            new = [_kept(wrap(one), wrap) for one in new]
        return new

    def _handles(self, new: Sequence[NewJob], calls: Sequence[Call[Any]]) -> list[Job[Any]]:
        client = self._executor.client
        return [
            Job(client, job.id, call.task.signature.load_result, Scope(job.tenant))
            for job, call in zip(new, calls, strict=True)
        ]


class Bound(Surface):
    """An app within the transaction of a caller's connection: what `app.bind(connection)` answers.

    Nothing is begun, committed or rolled back for you, nobody is woken before your commit, and no events are told.
    Handles of jobs read by themselves, and find a job once it is committed; `jobs` here sees what the transaction sees.
    """

    def __init__(
        self,
        client: Client,
        connection: Any,
        defaults: JobOptions = NO_OPTIONS,
        wraps: tuple[Callable[[NewJob], NewJob], ...] = (),
    ) -> None:
        self._executor = CallersTransaction(client, connection)
        self._connection = connection
        self._defaults = defaults
        self._enqueue_wraps = wraps


def _kept(new: object, wrap: Callable[[NewJob], NewJob]) -> NewJob:
    if not isinstance(new, NewJob):
        raise MisuseError(f"wrap_enqueues: {shown(wrap)} must answer a NewJob, not {shown(new)}")
    return new
