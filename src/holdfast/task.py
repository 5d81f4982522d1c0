"""Tasks: functions that can be run as jobs.

A `TaskSet` or an app (see taskset.py) decorates a function into a `Task`, which has the function's own signature four
times over: called, it is the function; `enqueue` and `aenqueue` store a job; `call` is that job as a value, for many
at once. A task reaches a database through its `Binding`, which an app is.
"""

import inspect
from collections.abc import Callable, Coroutine, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, Self, TypeAlias, TypeGuard, cast

from typing_extensions import TypeVar, Unpack

from holdfast.context import Context, JobView
from holdfast.errors import ConfigError, InvalidOption, MisuseError
from holdfast.ids import new_id
from holdfast.model.bodies import is_async
from holdfast.model.codec import Signature
from holdfast.model.conflict import Merge, merged, newest_wins
from holdfast.model.job import NewJob
from holdfast.model.need import After, When, check_waitable, check_when, listed
from holdfast.model.options import NO_OPTIONS, UNSET, JobOptions, OptionArguments, Unset
from holdfast.model.policy import Policy, raw_policy
from holdfast.model.retry import NO_RETRY, Retry
from holdfast.model.schedule import Timetable
from holdfast.model.tenant import IMPLIED
from holdfast.model.text import check_name, shown
from holdfast.running import line_here, run_of
from holdfast.source import TellsEnds
from holdfast.storage.lenders import recognise
from holdfast.waiting import present_scope

if TYPE_CHECKING:
    from holdfast.handle import Job
    from holdfast.model.need import Identified, Waitable

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")
Later: TypeAlias = Coroutine[Any, Any, R]
Transaction: TypeAlias = Callable[[], Any] | bool | None
"""A function that opens a connection or session for one attempt, or True: one of our own."""


class Binding(Protocol):
    """Whatever stores jobs for tasks: an app, one of its tenants, a caller's transaction."""

    def enqueue(self, calls: "Sequence[Call[Any]]") -> "list[Job[Any]]":
        """Store these jobs, all or none; the answer is in their order."""
        ...

    async def aenqueue(self, calls: "Sequence[Call[Any]]") -> "list[Job[Any]]":
        """`enqueue` for event loops."""
        ...

    def find(self, call: "Call[R]") -> "Job[R] | None":
        """The live or cached job of this input, None where there is none."""
        ...

    async def afind(self, call: "Call[R]") -> "Job[R] | None":
        """`find` for event loops."""
        ...

    def bind(self, connection: Any) -> "Binding":
        """The same within the caller's transaction on this connection."""
        ...


@dataclass(eq=False, slots=True)
class _Home:
    """Where the jobs of a task, and of all that `using` made of it, are stored."""

    binding: Binding | None = None
    several: bool = False


class Task(TellsEnds[R], Generic[P, R, C]):
    """A function that can be run as a job. `P` are its parameters without a context, `R` what it returns,
    `C` what calling it gives: `R`, or a coroutine of it.

    name: what its jobs are stored under; `aliases`: old names under which jobs may still be waiting.
    body: the function itself; `signature`: its parameters and result, as JSON text.
    is_async: whether the body runs on the worker's loop; `cpu`: in a process of its own.
    options: what its jobs are stored with; `connection`: in whose transaction, None for one of their own.
    transaction: what opens the connection on which its body's effects and its end are one commit.
    version: which version of its code this is, None where nobody says; jobs go on under the one they began with.
    triggers: the pipes whose messages become its jobs.
    timetable: when it runs by itself, and with which arguments; None: only when it is enqueued.
    retry: what the decorator said, code included; UNSET where it said nothing.

    >>> job = send_mail.using(delay="5m").enqueue("a@b.c", subject="hi")
    """

    raw = False
    """Whether its jobs are bytes as they came."""

    takes_rest = ""
    """Which jobs of its queue that no other task takes are this one's: "raw", "any", or none."""

    def __init__(
        self,
        body: Callable[..., C],
        name: str,
        aliases: tuple[str, ...],
        cpu: bool,
        options: JobOptions,
        transaction: Transaction = None,
    ) -> None:
        update_wrapper(self, body)
        self.name = name
        self.aliases = aliases
        self.body = body
        self.signature = Signature(body, name)
        self.is_async = is_async(body)
        self.cpu = cpu
        self.options = options
        self.retry = options.retry
        self.transaction = transaction
        self.timetable: Timetable | None = None
        self.triggers: tuple[Any, ...] = ()
        self.version: str | None = None
        self.connection: Any = None
        self.awaits: tuple[Awaited, ...] = ()
        self.batch: str | None = None
        self._home = _Home()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> C:
        """Call the function here and now; nothing is stored. A leading context is supplied (see Context)."""
        if self.takes_context:
            return self.body(self.context_for_calls(), *args, **kwargs)
        return self.body(*args, **kwargs)

    def context_for_calls(self) -> Context[Any]:
        """What a body that nobody enqueued is told of its job."""
        return Context[Any](JobView(id=new_id(), task=self.name))

    # What workers use

    @property
    def queue(self) -> str:
        """Where its jobs go if nobody says otherwise."""
        return "default" if isinstance(self.options.queue, Unset) else self.options.queue

    @property
    def handled(self) -> bool:
        """Whether there is a body here: a declared task may have none."""
        return True

    @property
    def takes_context(self) -> bool:
        """Whether its body is given a context."""
        return self.signature.takes_context

    def prepare(self) -> None:
        """Look at all annotations now; ConfigError for one that cannot be resolved or kept as JSON."""
        self.signature.prepare()

    def load(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a stored job, validated; InvalidArguments on a mismatch."""
        return self.signature.load_call(text)

    def dump(self, value: Any) -> str:
        """What the body returned, as JSON text; InvalidResult where it cannot be kept."""
        return self.signature.dump_result(value)

    def run(self, context: Context[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Begin the body as a worker does, with the arguments that its signature loaded."""
        return self.body(context, *args, **kwargs) if self.takes_context else self.body(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    @property
    def binding(self) -> Binding:
        """Where this task's jobs are stored; MisuseError where no app has taken it in, or several have."""
        home = self._home
        if home.several:
            raise MisuseError(f"task {self.name} serves several apps: say which by task.via(app)")
        if home.binding is None:
            raise MisuseError(
                f"task {self.name} is in a TaskSet that no app has taken in: "
                "call app.include(tasks) with that set, where the app is made"
            )
        return home.binding if self.connection is None else home.binding.bind(self.connection)

    def bind(self, binding: Binding) -> None:
        """Say where this task's jobs are stored, also of those `using` made from it before.

        A second, other binding makes the task one of several apps, which each enqueue by `via`.
        """
        self._home.several |= self._home.binding not in (None, binding)
        self._home.binding = binding

    def via(self, binding: Binding) -> Self:
        """The same task, its jobs stored by `binding`; this one stays as it is."""
        other = copy(self)
        other._home = _Home(binding)
        return other

    def using(
        self,
        *,
        connection: Any = None,
        after: "After | Call[Any] | Iterable[Call[Any]]" = None,
        when: When = "succeeded",
        batch: "Identified | str | None" = None,
        **options: Unpack[OptionArguments],
    ) -> Self:
        """The same task with other options for the jobs it enqueues; this one stays as it is.

        Takes queue, priority, delay or run_at, retry, timeout, on_timeout, on_crash, max_crashes, key, on_conflict,
        cache, debounce, rate_limit, keep_succeeded, keep_failed, tags, metadata and tenant, as the decorator does
        (JobOptions says what they mean). Durations are text such as "5m", seconds or a timedelta. Raises InvalidOption.

        connection: enqueue in the transaction that is open on it, which stays yours to commit: a sqlite3, psycopg,
            asyncpg or aiosqlite connection, a SQLAlchemy session or connection, or Django's.
        after: jobs, records, batches or ids of these, one or many (1,000): the job starts when all of them have ended.
        when: how they must end: "succeeded", "failed" (otherwise than in success) or "finished" (in any way); where
            one ends otherwise, the job is cancelled (reason `dependency`).
        batch: the batch that counts it.

        >>> send_mail.using(delay="5m", priority=5).enqueue("a@b.c", subject="hi")
        >>> publish.using(after=[encode_job, review_job]).enqueue("song")
        """
        given = JobOptions.of(options)
        self._refuse_code(given.retry)
        other = copy(self)
        other.options = given.over(self.options)
        if connection is not None:
            recognise(connection)
            other.connection = connection
        if after is not None:
            other.awaits = awaited(after, when)
        elif when != "succeeded":
            raise InvalidOption("when says how what is given as after must end: give after, too")
        if batch is not None:
            other.batch = check_waitable(batch, "batch")
        return other

    def call(self, *args: P.args, **kwargs: P.kwargs) -> "Call[R]":
        """A job of these arguments as a value, for `enqueue_many`; InvalidArguments as from `enqueue`."""
        text = self.signature.bind_dump(args, kwargs)
        if not self.options.open:
            return Call(self, text)
        return Call(
            self, text, self.options.told(lambda function: self.signature.ask(function, args, kwargs), self.name)
        )

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> "Job[R]":
        """Store a job that runs this task with these arguments, and answer its handle.

        Raises InvalidArguments (nothing is stored) for arguments the function does not take or JSON cannot hold,
        KeyTaken and RateLimited where its options ask for that, and Busy where somebody's open transaction has its key,
        MisuseError where no app has taken the task in, DatabaseError where the database does not answer.

        >>> job = send_mail.enqueue("a@b.c", subject="hi")
        """
        return self.binding.enqueue((self.call(*args, **kwargs),))[0]

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> "Job[R]":
        """`enqueue` for event loops.

        >>> job = await send_mail.aenqueue("a@b.c", subject="hi")
        """
        return (await self.binding.aenqueue((self.call(*args, **kwargs),)))[0]

    async def invoke(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run this task as a child of the job whose async body calls, and answer what it returned.

        The child is a job of its own, stored once however often the body runs. The parent's slot is free meanwhile. It
        is of the parent's tenant if nothing else is said, and its row is kept for a day at least.

        Raises what became of the child (JobFailed with its error's kind and message, JobCancelled, JobStalled …),
        InvalidArguments, MisuseError where no async body runs.

        >>> song = await find_song.invoke(fingerprint)
        """
        line = line_here("invoke")
        found: R = await run_of(line).invoke(line, self.call(*args, **kwargs))
        return found

    def find(self, *args: P.args, **kwargs: P.kwargs) -> "Job[R] | None":
        """The job that answers this input: the live one, or one that the task's `cache` still remembers; else None.
        Raises InvalidOption for a task without `cache`, and InvalidArguments.

        >>> report.find(2026).result()
        """
        return self.binding.find(self.call(*args, **kwargs))

    async def afind(self, *args: P.args, **kwargs: P.kwargs) -> "Job[R] | None":
        """`find` for event loops."""
        return await self.binding.afind(self.call(*args, **kwargs))

    def retry_for(self, policy: Policy, default: Retry = NO_RETRY) -> Retry:
        """The waits a job was stored with, completed by the functions and exception classes of this code.

        default: the app's own retry, for a task that has none.
        """
        code = default if isinstance(self.retry, Unset) else self.retry
        return policy.retry.with_code(code)

    def _refuse_code(self, retry: Retry | Unset) -> None:
        """A job's row cannot hold code, so what only code can say belongs to the decorator."""
        if isinstance(retry, Unset) or retry == self.retry:
            return
        if retry.function is not None or retry.give_up_on:
            raise InvalidOption(
                f"retry with a function or give_up_on must be given where {self.name} is defined: "
                "workers take them from the code, and jobs store none"
            )


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """One job to be: a task with its options, and arguments as checked JSON text.

    told: of the options that are functions of the arguments, what they answered.
    awaits: what it waits for besides what its task was told.
    """

    task: Task[Any, R, Any]
    args: str
    told: JobOptions = NO_OPTIONS
    awaits: "tuple[Awaited, ...]" = ()

    def after(self, *others: "Waitable | Call[Any]", when: When = "succeeded") -> "Call[R]":
        """The same call, to start when these have ended, too: calls of the same `enqueue_many`, jobs, records, batches
        or ids. `when` is as `Task.using` takes it. Raises InvalidOption.

        >>> fetched = fetch.call("https://example.org")
        >>> app.enqueue_many([fetched, parse.call("example").after(fetched)])
        """
        return replace(self, awaits=(*self.awaits, *awaited(others, when)))


@dataclass(frozen=True, slots=True, eq=False)
class Awaited:
    """What a job waits for: a call that is stored with it, or what has an id already."""

    what: Call[Any] | str
    when: When


def awaited(others: Any, when: When) -> tuple[Awaited, ...]:
    """Each of one or many things to wait for; InvalidOption for what is none."""
    check_when(when)
    given: tuple[Any, ...] = (cast(Any, others),) if isinstance(others, Call) else listed(others)
    return tuple(Awaited(one if _is_call(one) else check_waitable(one), when) for one in given)


def _is_call(value: object) -> TypeGuard[Call[Any]]:
    return isinstance(value, Call)


def to_new_job(call: Call[Any], defaults: JobOptions = NO_OPTIONS) -> NewJob:
    """The request that stores `call`, with a new id; `defaults` are the app's own, below the task's."""
    options = call.task.options
    if defaults is not NO_OPTIONS:
        options = options.over(defaults)
    told = None if call.told is NO_OPTIONS else call.told
    new = NewJob(new_id(), call.task.name, call.args, **options.columns(told))
    if options.tenant is UNSET and (here := present_scope()) is not IMPLIED:
        new = new._replace(tenant=here.tenant or new.tenant)
    if call.task.raw:
        new = new._replace(policy=raw_policy(new.policy))
    return _merging(new, call, options.on_conflict) if new.key is not None else new


def _merging(new: NewJob, call: Call[Any], on_conflict: Any) -> NewJob:
    if not callable(on_conflict) and on_conflict != "merge":
        return new
    how = cast(Merge, on_conflict) if callable(on_conflict) else newest_wins
    return new._replace(on_conflict="merge", merge=partial(merged, how, call.task.signature.dump_arguments))


def check_body(body: object, name: str | None, cpu: bool) -> str:
    """The name of a task made of this function; ConfigError where none can be made of it."""
    given = shown(body)
    if isinstance(body, Task):
        raise ConfigError(f"{given} is a task already; app.include takes in the set it is in")
    if not callable(body) or isinstance(body, type):
        raise ConfigError(f"a task is made of a function, not of {given}")
    if name is None:
        name = str(getattr(body, "__name__", "<unnamed>"))
        if name.startswith("<"):
            raise ConfigError(f"a task is named after its function; give {given} a name= of its own")
    if inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body):
        raise ConfigError(f"task {name} is a generator function; a task returns its value")
    if cpu and is_async(body):
        raise ConfigError(f"task {name} is a coroutine function; cpu=True needs a plain one")
    return check_name(name, "a task's name")
