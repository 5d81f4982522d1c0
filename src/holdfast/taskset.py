"""Where tasks are defined and kept: the decorator `task`, and sets of tasks, of which every app has one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeAlias, overload

from typing_extensions import TypeVar, Unpack

from holdfast.consumer import Consumer, Consuming, Handler
from holdfast.context import Context
from holdfast.declared import Declared
from holdfast.declarer import Declarer
from holdfast.errors import ConfigError, DuplicateTask
from holdfast.model.bodies import check_aliases, check_transaction
from holdfast.model.cron import Missing, Twice
from holdfast.model.duration import Duration
from holdfast.model.job import ClaimedJob
from holdfast.model.options import JobOptions, OptionArguments
from holdfast.model.raw import is_raw
from holdfast.model.rule import CatchUp, CronOption, Every, Overlap
from holdfast.model.text import shown
from holdfast.pipe import KeepsPipes, Pipe, triggers_of
from holdfast.raw import RawDecorator, RawTask
from holdfast.scheduled import schedule_by, timetable
from holdfast.source import Trigger
from holdfast.task import Later, Task, Transaction, check_body

P = ParamSpec("P")
R = TypeVar("R")
X = TypeVar("X")
Triggers: TypeAlias = "Iterable[Pipe[Any] | Trigger[Any]] | Pipe[Any] | Trigger[Any]"
MARKS = ("\t", "\n")
"""Before a queue in a claim's list of tasks: its raw jobs, its other jobs. No name holds such a character."""


class _Anything:
    """What only a first parameter of type `object` or Any takes, which is an argument and no context.

    Type checkers cannot tell such a function's other parameters apart, so its calls are checked when they run.
    """


class TaskDecorator(Protocol):
    """What `task(...)` with options answers."""

    @overload
    def __call__(self, function: Callable[Concatenate[_Anything, ...], Later[R]], /) -> Task[..., R, Later[R]]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[_Anything, ...], R], /) -> Task[..., R, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Context[X], P], Later[R]], /) -> Task[P, R, Later[R]]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Context[X], P], R], /) -> Task[P, R, R]: ...
    @overload
    def __call__(self, function: Callable[P, Later[R]], /) -> Task[P, R, Later[R]]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R, R]: ...


class ScheduledDecorator(Protocol):
    """What `task(cron=…)` and `task(every=…)` answer: nobody gives the function arguments, so it must need none.

    For one that does, `args=` has them.
    """

    @overload
    def __call__(self, function: Callable[[Context[X]], Later[R]], /) -> Task[[], R, Later[R]]: ...
    @overload
    def __call__(self, function: Callable[[Context[X]], R], /) -> Task[[], R, R]: ...
    @overload
    def __call__(self, function: Callable[[], Later[R]], /) -> Task[[], R, Later[R]]: ...
    @overload
    def __call__(self, function: Callable[[], R], /) -> Task[[], R, R]: ...


class TaskMaker(Declarer, Consuming, KeepsPipes):
    """The decorator `task`, for whoever keeps tasks: a TaskSet, an app."""

    @overload
    def task(self, function: Callable[Concatenate[_Anything, ...], Later[R]], /) -> Task[..., R, Later[R]]: ...
    @overload
    def task(self, function: Callable[Concatenate[_Anything, ...], R], /) -> Task[..., R, R]: ...
    @overload
    def task(self, function: Callable[Concatenate[Context[X], P], Later[R]], /) -> Task[P, R, Later[R]]: ...
    @overload
    def task(self, function: Callable[Concatenate[Context[X], P], R], /) -> Task[P, R, R]: ...
    @overload
    def task(self, function: Callable[P, Later[R]], /) -> Task[P, R, Later[R]]: ...
    @overload
    def task(self, function: Callable[P, R], /) -> Task[P, R, R]: ...
    @overload
    def task(
        self,
        *,
        name: str | None = None,
        aliases: Iterable[str] = (),
        cpu: bool = False,
        transaction: Transaction = None,
        version: int | str | None = None,
        cron: CronOption,
        every: Every | None = None,
        args: None = None,
        tz: str = "UTC",
        start_at: datetime | None = None,
        end_at: datetime | None = None,
        max_runs: int | None = None,
        catch_up: CatchUp = "latest",
        overlap: Overlap = "allow",
        jitter: Duration = 0,
        twice: Twice | None = None,
        missing: Missing | None = None,
        **options: Unpack[OptionArguments],
    ) -> ScheduledDecorator: ...
    @overload
    def task(
        self,
        *,
        name: str | None = None,
        aliases: Iterable[str] = (),
        cpu: bool = False,
        transaction: Transaction = None,
        version: int | str | None = None,
        cron: CronOption | None = None,
        every: Every,
        args: None = None,
        tz: str = "UTC",
        start_at: datetime | None = None,
        end_at: datetime | None = None,
        max_runs: int | None = None,
        catch_up: CatchUp = "latest",
        overlap: Overlap = "allow",
        jitter: Duration = 0,
        twice: Twice | None = None,
        missing: Missing | None = None,
        **options: Unpack[OptionArguments],
    ) -> ScheduledDecorator: ...
    @overload
    def task(
        self,
        *,
        name: str | None = None,
        aliases: Iterable[str] = (),
        cpu: bool = False,
        transaction: Transaction = None,
        version: int | str | None = None,
        cron: CronOption | None = None,
        every: Every | None = None,
        args: Mapping[str, Any],
        tz: str = "UTC",
        start_at: datetime | None = None,
        end_at: datetime | None = None,
        max_runs: int | None = None,
        catch_up: CatchUp = "latest",
        overlap: Overlap = "allow",
        jitter: Duration = 0,
        twice: Twice | None = None,
        missing: Missing | None = None,
        **options: Unpack[OptionArguments],
    ) -> TaskDecorator: ...
    @overload
    def task(
        self,
        *,
        name: str | None = None,
        aliases: Iterable[str] = (),
        cpu: bool = False,
        transaction: Transaction = None,
        version: int | str | None = None,
        triggers: Triggers = (),
        **options: Unpack[OptionArguments],
    ) -> TaskDecorator: ...
    @overload
    def task(
        self,
        type: str,
        /,
        *,
        raw: Literal[True],
        aliases: Iterable[str] = (),
        cpu: bool = False,
        transaction: Transaction = None,
        version: int | str | None = None,
        **options: Unpack[OptionArguments],
    ) -> RawDecorator: ...
    @overload
    def task(
        self,
        *,
        raw: Literal[True],
        name: str | None = None,
        aliases: Iterable[str] = (),
        cpu: bool = False,
        transaction: Transaction = None,
        version: int | str | None = None,
        **options: Unpack[OptionArguments],
    ) -> RawDecorator: ...
    def task(
        self,
        function: Callable[..., Any] | str | None = None,
        *,
        raw: bool = False,
        name: str | None = None,
        aliases: Iterable[str] = (),
        cpu: bool = False,
        transaction: Transaction = None,
        version: int | str | None = None,
        cron: CronOption | None = None,
        every: Every | None = None,
        args: Mapping[str, Any] | None = None,
        tz: str = "UTC",
        start_at: datetime | None = None,
        end_at: datetime | None = None,
        max_runs: int | None = None,
        catch_up: CatchUp = "latest",
        overlap: Overlap = "allow",
        jitter: Duration = 0,
        twice: Twice | None = None,
        missing: Missing | None = None,
        triggers: Triggers = (),
        **options: Unpack[OptionArguments],
    ) -> Any:
        """Make a task of a function: `@task`, or `@task(queue="mail", timeout="30s")`.

        name: what jobs are stored under; the function's own name if not given.
        aliases: old names under which jobs may still be waiting.
        cpu: run the body, which must be a plain function, in a process of its own.
        transaction: a function that opens a connection or session (True: one of our own), which the body finds as
            `ctx.connection`: what it writes there and the end of its job are one commit.
        version: which version of its code this is: a job that recorded steps under another one is parked.
        raw: the function takes (ctx, item: RawJob), bytes as they came by `enqueue_raw`; the name is their type, and
            may be given first. "*": every raw job of the task's queue that no other task takes.
        cron, every: run it by itself: a cron expression or several, or a period (`every="15m"`); args: the arguments
            by name, for a function that needs some. Workers store the schedule when they start, under the task's name.
        tz, start_at, end_at, max_runs, catch_up, overlap, jitter, twice, missing: see `holdfast.model.rule.Spec`.
        triggers: pipes, each of whose messages becomes a job: `pipe` gives the message as the only argument,
            `pipe.into(function)` what the function makes of it. `task.succeeded.into(function)`, and `failed`,
            `cancelled`, `finished`: the same for the ends of another task's jobs.
        options: defaults for the task's jobs, as `Task.using` takes them.

        Raises DuplicateTask, ConfigError and InvalidOption.

        >>> @tasks.task(queue="mail", retry=5)
        ... def send_mail(to: str, subject: str) -> None: ...
        >>> @tasks.task(cron="0 3 * * MON-FRI", tz="Europe/Oslo")
        ... def nightly(ctx: Context) -> None: ...
        """
        when = timetable(
            args, cron=cron, every=every, tz=tz, start_at=start_at, end_at=end_at, max_runs=max_runs,
            catch_up=catch_up, overlap=overlap, jitter=jitter, twice=twice, missing=missing,
        )  # fmt: skip

        if isinstance(function, str):
            if not raw or name is not None:
                raise ConfigError(
                    f"the name of a task is given once, as name={shown(function)}; raw tasks take it first"
                )
            function, name = None, function

        def decorate(body: Callable[..., Any]) -> Task[Any, Any, Any]:
            made = _define(body, name, aliases, cpu, JobOptions.of(options), transaction, RawTask if raw else Task)
            made.version = None if version is None else str(version)
            if when is not None:
                schedule_by(made, when)
            made.triggers = triggers_of(triggers)
            self.add(made)
            return made

        return decorate if function is None else decorate(function)


class TaskSet(TaskMaker):
    """Tasks defined apart from any app; `app.include(tasks)` takes them in.

    >>> tasks = TaskSet()
    >>> @tasks.task
    ... def greet(name: str) -> str: ...
    """

    def __init__(self) -> None:
        self._tasks: dict[str, Task[Any, Any, Any]] = {}
        self._names: dict[str, Task[Any, Any, Any]] = {}
        self._rest: dict[tuple[str, str], Task[Any, Any, Any]] = {}
        self.consumers: list[Consumer] = []
        self.pipes: dict[str, Pipe[Any]] = {}

    def __iter__(self) -> Iterator[Task[Any, Any, Any]]:
        return iter(self._tasks.values())

    def __len__(self) -> int:
        return len(self._tasks)

    def kept(self) -> "TaskSet":
        return self

    def get(self, name: str) -> Task[Any, Any, Any] | None:
        """The task of this name or alias, or None."""
        return self._names.get(name)

    def body_for(self, job: ClaimedJob) -> Task[Any, Any, Any] | None:
        """The task with a body for this job: the one of its name, else one that takes what is left of its queue."""
        task = self._names.get(job.task)
        if task is not None and task.handled:
            return task
        if not self._rest:
            return None
        any_other = self._rest.get((job.queue, "any"))
        return self._rest.get((job.queue, "raw"), any_other) if is_raw(job.args) else any_other

    def names(self) -> tuple[str, ...]:
        """The names and aliases of the tasks that have a body here."""
        return tuple(name for task in self if task.handled for name in (task.name, *task.aliases))

    def rest_marks(self, only: frozenset[str] | None = None) -> tuple[str, ...]:
        """The queues of which some task takes what is left, as statements know them: no task's name begins so."""
        found = (key for key, task in self._rest.items() if only is None or task.name in only)
        return tuple(mark + queue for queue, kind in found for mark in (MARKS if kind == "any" else MARKS[:1]))

    def name_of(self, task: "Task[Any, Any, Any] | str") -> str:
        """The name of a task given by itself, its name or an alias; ConfigError where the set has no such task."""
        found = self.get(task.name if isinstance(task, Task) else task)
        if found is None:
            known = ", ".join(sorted(one.name for one in self)) or "none"
            raise ConfigError(f"the app has no task {task!r}; it has {known}")
        return found.name

    def add(self, task: Task[Any, Any, Any]) -> None:
        """Keep a task; DuplicateTask where its name or an alias belongs to another one."""
        names = (task.name, *task.aliases)
        for name in names:
            there = self._names.get(name)
            if there is not None and (handler := _matched(there, task)) is not None:
                self._tasks[name] = handler
                self._names.update((other, handler) for other in (*names, *there.aliases))
                return
            if there is not None and there is not task:
                raise DuplicateTask(f"two tasks are named {shown(name)}: {_place(there)} and {_place(task)}")
        self._names.update(dict.fromkeys(names, task))
        self._tasks[task.name] = task
        if task.takes_rest:
            self._rest[task.queue, task.takes_rest] = task

    def add_pipe(self, pipe: Pipe[Any]) -> None:
        if self.pipes.setdefault(pipe.name, pipe) is not pipe:
            raise ConfigError(f"two pipes are named {shown(pipe.name)}: declare it once, and import it")

    def take_consumer(self, consumer: Consumer) -> None:
        taken = any(other.queue == consumer.queue for other in self.consumers)
        self.consumers.append(consumer)
        if not taken:  # a second one for the queue is refused when a worker starts
            for task in consumer.handlers:
                self.add(task)

    def include(self, tasks: "TaskSet") -> None:
        """Take in all tasks of another set; DuplicateTask (and nothing is taken in) where a name is taken."""
        trial = TaskSet()
        for task in (*self, *tasks):
            trial.add(task)
        for name in tasks.pipes.keys() & self.pipes.keys():
            if tasks.pipes[name] is not self.pipes[name]:
                raise ConfigError(f"two pipes are named {shown(name)}: declare it once, and import it")
        self.pipes.update(tasks.pipes)
        self.consumers += [consumer for consumer in tasks.consumers if consumer not in self.consumers]
        self._tasks, self._names, self._rest = trial._tasks, trial._names, trial._rest


def _matched(there: Task[Any, Any, Any], new: Task[Any, Any, Any]) -> Task[Any, Any, Any] | None:
    """A consumer's handler and the declaration of the same name: the handler, where the one is the other's."""
    handler, declared = (new, there) if isinstance(there, Declared) else (there, new)
    if not isinstance(handler, Handler) or not isinstance(declared, Declared) or declared.handled:
        return None
    declared.serve(handler.signature)
    handler.contract = declared.contract
    declared.options = declared.options.over(JobOptions.of({"queue": handler.queue}))
    return handler


def _define(
    body: Callable[..., Any],
    name: str | None,
    aliases: Iterable[str],
    cpu: bool,
    options: JobOptions,
    transaction: Transaction,
    kind: type[Task[Any, Any, Any]],
) -> Task[Any, Any, Any]:
    name = check_body(body, name, cpu)
    check_transaction(body, name, cpu, transaction)
    return kind(body, name, check_aliases(aliases), cpu, options, transaction or None)


def _place(task: Task[Any, Any, Any]) -> str:
    return f"{getattr(task.body, '__module__', '?')}.{getattr(task.body, '__qualname__', task.name)}"
