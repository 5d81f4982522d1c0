"""What an app does with jobs, in transactions of its own or in the caller's: the same surface over an executor."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from typing_extensions import Unpack

from holdfast.client import Client, Job
from holdfast.errors import InvalidOption, MisuseError
from holdfast.executor import CallersTransaction, Executor
from holdfast.management import Jobs
from holdfast.model.job import NewJob
from holdfast.model.options import NO_OPTIONS, JobOptions, OptionArguments
from holdfast.model.tenant import Scope
from holdfast.model.text import check_name, shown
from holdfast.raw import RawTask, outgoing
from holdfast.task import Call, Task, to_new_job

R = TypeVar("R")


def _nothing_known(name: str) -> None:
    return None


class Surface:
    """Enqueueing and managing: what an app and `app.bind(connection)` have in common.

    A property or verb that is written here, over `_executor`, is had by both.
    """

    _executor: Executor
    _defaults: JobOptions = NO_OPTIONS
    _enqueue_wraps: tuple[Callable[[NewJob], NewJob], ...] = ()
    _find: Callable[[str], Task[Any, Any, Any] | None] = staticmethod(_nothing_known)
    """Finds the app's task of a name."""
    _connection: Any = None
    """The caller's, where all is done in its transaction."""

    def bind(self, connection: Any) -> "Bound":
        """This app within the transaction that is open on `connection`, which stays the caller's to commit: it
        enqueues and manages there, `app.bind(connection).jobs.cancel(id)`.

        connection: a sqlite3, psycopg, asyncpg or aiosqlite connection, a SQLAlchemy Session, AsyncSession,
            Connection or AsyncConnection on one of these, or Django's. InvalidOption for anything else.

        >>> app.bind(session).enqueue_many([send_mail.call(to, subject="news") for to in addresses])
        """
        return Bound(self._executor.client, connection, self._defaults, self._enqueue_wraps, self._find)

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

    def enqueue_raw(
        self,
        type: str,
        body: bytes,
        *,
        content_type: str | None = None,
        target: Any = None,
        **options: Unpack[OptionArguments],
    ) -> Job[Any]:
        """Store bytes exactly as they are, for the raw task of this type (`task(type, raw=True)`).

        content_type: what they are, as whoever sent them said. target: anything else that JSON can hold.
        options: as `Task.using` takes them, over those of the app's own raw task of this type, if it has one.

        Raises InvalidArguments (nothing is stored) for what is no bytes or more than 1 MiB; InvalidOption.

        >>> app.enqueue_raw("invoice.paid", request.body, content_type="application/json", queue="hooks")
        """
        return self.enqueue((self.call_raw(type, body, content_type=content_type, target=target, **options),))[0]

    async def aenqueue_raw(
        self,
        type: str,
        body: bytes,
        *,
        content_type: str | None = None,
        target: Any = None,
        **options: Unpack[OptionArguments],
    ) -> Job[Any]:
        """`enqueue_raw` for event loops."""
        call = self.call_raw(type, body, content_type=content_type, target=target, **options)
        return (await self.aenqueue((call,)))[0]

    def call_raw(
        self,
        type: str,
        body: bytes,
        *,
        content_type: str | None = None,
        target: Any = None,
        **options: Unpack[OptionArguments],
    ) -> Call[Any]:
        """A raw job as a value, for `enqueue_many`; raises as `enqueue_raw` does."""
        known = self._find(check_name(type, "type"))
        if known is not None and not isinstance(known, RawTask):
            raise InvalidOption(f"task {known.name} is no raw one: enqueue it with its arguments")
        task: RawTask[Any] = outgoing(type) if known is None else known
        return (task.using(**options) if options else task).call(body, content_type, target)

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
        find: Callable[[str], Task[Any, Any, Any] | None] = _nothing_known,
    ) -> None:
        self._find = find
        self._executor = CallersTransaction(client, connection)
        self._connection = connection
        self._defaults = defaults
        self._enqueue_wraps = wraps


def _kept(new: object, wrap: Callable[[NewJob], NewJob]) -> NewJob:
    if not isinstance(new, NewJob):
        raise MisuseError(f"wrap_enqueues: {shown(wrap)} must answer a NewJob, not {shown(new)}")
    return new
