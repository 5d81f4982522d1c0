"""What an app does with jobs, in transactions of its own or in the caller's: the same surface over an executor."""

from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from typing_extensions import Unpack

from holdfast import batches
from holdfast.admission import aadmissions, admissions, joining, kept, refusal, refuse_others
from holdfast.audit import Audit
from holdfast.batches import Batch, Batches, Stores
from holdfast.client import Client
from holdfast.errors import InvalidOption, MisuseError
from holdfast.executor import CallersTransaction, Executor
from holdfast.handle import Job
from holdfast.limits import Groups, Limits
from holdfast.links import linked, links
from holdfast.management import Jobs
from holdfast.metadata import Metadata
from holdfast.model.job import NewJob
from holdfast.model.need import When
from holdfast.model.options import NO_OPTIONS, JobOptions, OptionArguments
from holdfast.model.tenant import ALL, Scope
from holdfast.model.text import check_name, shown
from holdfast.posting import Posting
from holdfast.queues import Queues
from holdfast.raw import outgoing
from holdfast.running import early, enqueueing, recorded, run_of
from holdfast.schedules import Schedules
from holdfast.stats import Stats
from holdfast.steps import Steps
from holdfast.storage.borrow import Borrowed, atransaction, transaction
from holdfast.storage.op import Op, no_statements
from holdfast.storage.ops.admitted import Admitted, Answer
from holdfast.task import Call, Task, to_new_job
from holdfast.tenants import Tenants
from holdfast.waiting import acting_for, present_scope

R = TypeVar("R")


def _nothing_known(name: str) -> None:
    return None


class Surface(Posting):
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
    _tenant: str | None = None
    """The only one whose rows are reached; None: that of the job whose body this is, else the default one."""

    @property
    def _scope(self) -> Scope:
        return present_scope() if self._tenant is None else Scope(self._tenant)

    def tenant(self, name: str) -> "Tenant":
        """The same surface for the rows of one tenant; those of others are to it as if absent.

        A tenant comes into being by its first job. Raises InvalidOption for what is no name.

        >>> acme = app.tenant("acme")
        >>> acme.enqueue_many([send_mail.call("a@b.c", subject="hi")])
        >>> acme.jobs.list(state="failed")
        """
        return Tenant(self, check_name(name, "a tenant's name"))

    def bind(self, connection: Any) -> "Bound":
        """This app within the transaction that is open on `connection`, which stays the caller's to commit: it
        enqueues and manages there, `app.bind(connection).jobs.cancel(id)`.

        connection: a sqlite3, psycopg, asyncpg or aiosqlite connection, a SQLAlchemy Session, AsyncSession,
            Connection or AsyncConnection on one of these, or Django's. InvalidOption for anything else.

        >>> app.bind(session).enqueue_many([send_mail.call(to, subject="news") for to in addresses])
        """
        return Bound(self._executor.client, connection, self._defaults, self._enqueue_wraps, self._find, self._tenant)

    # Enqueueing

    def enqueue_many(self, calls: Iterable[Call[R]]) -> list[Job[R]]:
        """Store many jobs in one transaction, all or none; answers their handles in the same order.

        >>> app.enqueue_many([send_mail.call(to, subject="news") for to in addresses])
        """
        return self.enqueue(tuple(calls))

    async def aenqueue_many(self, calls: Iterable[Call[R]]) -> list[Job[R]]:
        """`enqueue_many` for event loops."""
        return await self.aenqueue(tuple(calls))

    def enqueue(self, calls: Sequence[Call[Any]], batch: str | None = None) -> list[Job[Any]]:
        """What `task.enqueue` comes to: store these calls, all or none, in a batch if one is named."""
        new = self._new_jobs(calls, batch)
        if any(job.conditional for job in new):
            return self._admitted(admissions(self._executor, new, self._scope_of(new)), new, calls)
        self._executor.enqueue(new, self._scope_of(new))
        return self._handles(new, calls)

    async def aenqueue(self, calls: Sequence[Call[Any]], batch: str | None = None) -> list[Job[Any]]:
        """What `task.aenqueue` comes to. In an async body it is done once, however often the body runs."""
        new = self._new_jobs(calls, batch)
        line = None if self._connection is not None or not calls else enqueueing()
        if line is None:
            return await self._astore(calls, new)
        if recorded(line):
            stored: list[Job[Any]] = await run_of(line).enqueue(line, self, calls, new)
            return stored
        return await self._astore(calls, early(line, calls, new))

    async def _astore(self, calls: Sequence[Call[Any]], new: Sequence[NewJob]) -> list[Job[Any]]:
        """Store what these calls have become."""
        if any(job.conditional for job in new):
            return self._admitted(await aadmissions(self._executor, new, self._scope_of(new)), new, calls)
        await self._executor.aenqueue(new, self._scope_of(new))
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
        if known is not None and not known.raw:
            raise InvalidOption(f"task {known.name} is no raw one: enqueue it with its arguments")
        task: Task[..., Any, Any] = outgoing(type) if known is None else known
        return (task.using(**options) if options else task).call(body, content_type, target)

    def find(self, call: Call[R]) -> Job[R] | None:
        """What `task.find` comes to: the job that answers this input by now."""
        (new,) = self._new_jobs([call])
        return self._found(new, call, self._executor.run(joining(new), "read"))

    async def afind(self, call: Call[R]) -> Job[R] | None:
        """What `task.afind` comes to."""
        (new,) = self._new_jobs([call])
        return self._found(new, call, await self._executor.arun(joining(new), "read"))

    def batch(
        self,
        name: str,
        *,
        on_success: Call[Any] | None = None,
        on_failure: Call[Any] | None = None,
        on_finish: Call[Any] | None = None,
    ) -> Batch:
        """Many jobs as one: a batch that is opened by `with` or `async with`, and closed at the end of the block.

        on_success, on_failure, on_finish: calls that are stored with it, and start once, when all its jobs have ended:
            if all of them succeeded, if not, or in any case. One that is not to start is cancelled (reason
            `dependency`).

        >>> with app.batch("import 42", on_success=notify.call("imported")) as batch:
        ...     batch.enqueue_many(import_row.call(row) for row in rows)
        """
        follow: list[tuple[When, Call[Any] | None]] = [
            ("succeeded", on_success),
            ("failed", on_failure),
            ("finished", on_finish),
        ]
        return batches.made(self._stores, self._executor, self._scope, name, follow)

    # Managing

    @property
    def batches(self) -> Batches:
        """Batches: `app.batches.get(id)`, `app.batches.list()`."""
        return Batches(self._stores, self._executor, self._scope)

    @property
    def audit(self) -> Audit:
        """Who did what to jobs by hand: `app.audit.list(job=id)`."""
        return Audit(self._executor, self._scope)

    @property
    def jobs(self) -> Jobs:
        """Jobs one by one and in pages: `app.jobs.get(id)`, `app.jobs.list(state="failed")`, `app.jobs.cancel(id)`."""
        return Jobs(self._executor, self._scope)

    @property
    def groups(self) -> Groups:
        """Groups of jobs: `app.groups.get("customer:42")`, `app.groups.resume("customer:42")`."""
        return Groups(self._executor, self._scope)

    @property
    def limits(self) -> Limits:
        """Limits by name: `app.limits.get("api")`, `app.limits.set("api", concurrency=2)`."""
        return Limits(self._executor, self._scope)

    @property
    def metadata(self) -> Metadata:
        """Small facts of a tenant: `app.tenant("acme").metadata.put("plan", {"seats": 5})`."""
        return Metadata(self._executor, self._scope)

    @property
    def queues(self) -> Queues:
        """Queues: `app.queues.pause("mail")`, `app.queues.configure("render", concurrency=4)`."""
        return Queues(self._executor, self._scope)

    @property
    def steps(self) -> Steps:
        """What jobs have recorded: `app.steps.list(id)`; `app.steps.release(id)` of one that is parked."""
        return Steps(self._executor, self._scope)

    @property
    def schedules(self) -> Schedules:
        """Rules by which jobs come into being: `app.schedules.put("nightly", report.call(), cron="0 3 * * *")`."""
        return Schedules(self._executor, self._scope, self._defaults)

    @property
    def stats(self) -> Stats:
        """Numbers: `app.stats.now()`, `app.stats.histogram("hour", last="24h")`, `app.stats.times("1h")`."""
        return Stats(self._executor, self._scope)

    @property
    def tenants(self) -> Tenants:
        """What is said of tenants: `app.tenants.configure("acme", weight=3, live=10_000)`."""
        return Tenants(self._executor, self._scope)

    # How

    @property
    def _stores(self) -> Stores:
        return Stores(self.enqueue, self.aenqueue, self._new_jobs, self._handles)

    def _new_jobs(self, calls: Sequence[Call[Any]], batch: str | None = None) -> list[NewJob]:
        """The jobs that calls are to be stored as."""
        for call in calls:
            if call.task.connection not in (None, self._connection):
                raise InvalidOption(
                    f"a call of {call.task.name} is for another connection: app.bind(connection).enqueue_many(…) "
                    "stores many jobs in one transaction of yours"
                )
        new = [to_new_job(call, self._defaults) for call in calls]
        for wrap in self._enqueue_wraps:
            new = [kept(wrap(one), wrap) for one in new]
        if self._tenant is not None:
            for one in new:
                refuse_others(one, self._tenant)
        return linked(calls, new, batch) if batch is not None or links(calls) else new

    def _scope_of(self, new: Sequence[NewJob]) -> Scope:
        """The tenant of these jobs, if they have but one."""
        tenants = {job.tenant for job in new}
        if len(tenants) != 1:
            return ALL
        (tenant,) = tenants
        scope = self._scope
        return scope if tenant == scope.tenant else Scope(tenant)

    def _handles(self, new: Sequence[NewJob], calls: Sequence[Call[Any]]) -> list[Job[Any]]:
        """The handles of jobs that were stored for calls."""
        client = self._executor.client
        return [
            Job(client, job.id, call.task.signature.load_result, Scope(job.tenant), version=1)
            for job, call in zip(new, calls, strict=True)
        ]

    def _admitted(self, found: Sequence[Admitted], new: Sequence[NewJob], calls: Sequence[Call[Any]]) -> list[Job[Any]]:
        """Handles of what the requests came to; a single one that was refused raises instead."""
        handles = [self._handle(*each) for each in zip(found, new, calls, strict=True)]
        if len(handles) == 1 and (refused := handles[0].refused) is not None:
            raise refused
        return handles

    def _handle(self, found: Admitted, job: NewJob, call: Call[Any]) -> Job[Any]:
        created = found.how in ("new", "replaced")
        handle = Job(
            self._executor.client, found.id, call.task.signature.load_result, Scope(job.tenant), created, found.version
        )
        handle.refused = refusal(found, job, handle)
        return handle

    def _found(self, job: NewJob, call: Call[R], found: list[Answer | None]) -> Job[R] | None:
        (answer,) = found
        return self._handle(answer, job, call) if isinstance(answer, Admitted) else None


def new_jobs(surface: Surface, calls: Sequence[Call[Any]]) -> list[NewJob]:
    """The jobs that calls are to be stored as: for a body, which stores them together with what it records."""
    return surface._new_jobs(calls)  # pyright: ignore[reportPrivateUsage]


async def astore(surface: Surface, calls: Sequence[Call[Any]], new: Sequence[NewJob]) -> list[Job[Any]]:
    """Store what these calls have become."""
    return await surface._astore(calls, new)  # pyright: ignore[reportPrivateUsage]


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
        tenant: str | None = None,
    ) -> None:
        self._tenant = tenant
        self._find = find
        self._executor = CallersTransaction(client, connection)
        self._connection = connection
        self._defaults = defaults
        self._enqueue_wraps = wraps


class Tenant(Surface):
    """An app for one tenant: what `app.tenant(name)` answers."""

    def __init__(self, app: Surface, name: str) -> None:
        if app._tenant not in (None, name):
            raise MisuseError(f"this is the surface of tenant {shown(app._tenant)}, from which no other is reached")
        self._tenant = name
        self._executor = app._executor
        self._connection = app._connection
        self._defaults = JobOptions(tenant=name).over(app._defaults)
        self._enqueue_wraps = app._enqueue_wraps
        self._find = app._find

    def __repr__(self) -> str:
        return f"<tenant {shown(self._tenant)}>"

    @contextmanager
    def transaction(self) -> Generator[Any]:
        """`app.transaction` in this tenant's scope: jobs enqueued on its connection are the tenant's.

        >>> with app.tenant("acme").transaction() as connection:
        ...     send_mail.using(connection=connection).enqueue("a@b.c", subject="hi")
        """
        desk = self._executor.client.store.desk
        with transaction(desk) as connection, acting_for(self._scope):
            Borrowed(desk, connection).run(Op("enter", lambda again: no_statements(), self._scope))
            yield connection

    @asynccontextmanager
    async def atransaction(self) -> AsyncGenerator[Any]:
        """`transaction` for event loops."""
        desk = self._executor.client.store.desk
        async with atransaction(desk) as connection:
            with acting_for(self._scope):
                await Borrowed(desk, connection).arun(Op("enter", lambda again: no_statements(), self._scope))
                yield connection
