"""What a body is given to know about its job and to speak through: `Context`.

It is declared here and filled by whoever runs the body, through a `Port`.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, cast

from typing_extensions import TypeVar

from holdfast.errors import InvalidOption, MisuseError
from holdfast.model.duration import Duration, seconds
from holdfast.model.options import UNSET, Unset
from holdfast.model.text import clean_text, shown
from holdfast.model.tick import tick_of

D = TypeVar("D", default=object)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JobView:
    """What a body may know about the job it runs as; `attempt` counts from 1."""

    id: str
    task: str
    queue: str = "default"
    tenant: str = "default"
    priority: int = 0
    version: int = 1
    attempt: int = 1
    max_attempts: int = 1
    crashes: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class RawJob:
    """What a raw task is given: the bytes as they came.

    job: as `ctx.job`. type: what they were enqueued under. content_type, target: what was said of them.
    """

    job: JobView
    type: str
    body: bytes = field(repr=False)
    content_type: str | None = None
    target: Any = None


class Port(Protocol):
    """What a context reaches its worker through; usable from any thread."""

    @property
    def stopped(self) -> bool: ...
    def check(self) -> None:
        """Raise JobStopped or LeaseLost where the body is to end."""
        ...

    def progress(self, state: dict[str, object]) -> None: ...
    def line(self, level: str, message: str) -> None: ...
    def extend(self, seconds: float) -> None: ...


class Connecting(Protocol):
    """Opens the connection on which a body's effects and its job's end are one commit."""

    def open(self) -> Any: ...
    async def aopen(self) -> Any: ...


class _NoPort:
    """For bodies that no worker runs."""

    stopped = False

    def check(self) -> None: ...
    def progress(self, state: dict[str, object]) -> None: ...
    def line(self, level: str, message: str) -> None: ...
    def extend(self, seconds: float) -> None: ...


class JobLog(logging.LoggerAdapter[logging.Logger]):
    """A logger of one attempt: lines go to Python's logging, and from INFO on they are kept with the job."""

    def __init__(self, job: "JobView", port: Port) -> None:
        super().__init__(logging.getLogger(f"holdfast.task.{job.task}"), {"job_id": job.id, "attempt": job.attempt})
        self._port = port

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        super().log(level, msg, *args, **kwargs)
        if level >= logging.INFO:
            text = str(msg)
            values = cast("Any", args[0] if len(args) == 1 and isinstance(args[0], Mapping) else args)
            try:
                text = text % values if args else text
            except (TypeError, ValueError, KeyError):
                text = f"{text} {args!r}"
            self._port.line(logging.getLevelName(level), text)


class Track(Generic[T]):
    """Goes through items and says after each how far it is; stops where the job is to stop."""

    def __init__(self, context: "Context[Any]", items: Iterable[T], total: int | None, message: str) -> None:
        self._context = context
        self._items = items
        self._total = len(items) if total is None and isinstance(items, Sized) else total
        self._message = message

    def __iter__(self) -> Iterator[T]:
        done = 0
        for item in self._items:
            self._context.check()
            self._context.progress(done, self._message, total=self._total)
            yield item
            done += 1
        self._context.progress(done, self._message, total=self._total)

    async def __aiter__(self) -> AsyncIterator[T]:
        for item in self:
            yield item
            await asyncio.sleep(0)  # a place where a cancellation can arrive


class Context(Generic[D]):
    """The first parameter of a body that wants to know about its job; the worker supplies it.

    job: the job, its attempt and metadata.
    deps: what the app's `deps` made for this worker, of the type `D`.
    cancelled: whether the job is to stop (cancelled, over its time, or another's): a body that looks may end early.
    evicted: whether this copy of a waiting body is dropped, see there.
    log: a logger whose lines carry the job; from INFO on they are kept with it (`job.logs()`).

    A task called as a plain function is given a context of its own, with a job that no database knows.
    For other values call its body: `resize.body(Context(job, deps=fake), "a.png")`.
    """

    __holdfast_context__: ClassVar[bool] = True
    __slots__ = ("_connection", "_deps", "_effects", "_log", "_port", "job", "maker", "owner", "process_deps", "wraps")

    def __init__(
        self,
        job: JobView,
        *,
        deps: D | Unset = UNSET,
        connection: Any = None,
        port: Port | None = None,
        effects: Connecting | None = None,
    ) -> None:
        self.job = job
        self._connection = connection
        self._effects = effects
        self._deps = deps
        self._port: Port = _NoPort() if port is None else port
        self._log: JobLog | None = None
        self.owner: Any = None
        """For the worker: the consumer whose method the body is."""
        self.maker: Callable[[], Any] | None = None
        """For the worker: what makes deps for this job alone."""
        self.process_deps: Mapping[str, Any] | None = None
        """For the worker: what a process is told of its body's deps."""
        self.wraps: tuple[Callable[[Context[Any]], Any], ...] = ()
        """For the worker: the context managers around this attempt."""

    def give_deps(self, deps: D) -> None:
        """For the worker: the deps made for this job alone."""
        self._deps = deps

    @property
    def deps(self) -> D:
        if isinstance(self._deps, Unset):
            raise MisuseError(f"task {self.job.task} has no deps here: give the app deps=, or Context(job, deps=…)")
        return self._deps

    @property
    def connection(self) -> Any:
        """The connection or session of the task's `transaction=`, opened at first use: what is written there, jobs
        enqueued with `using(connection=ctx.connection)`, the result and the end of this job are one commit."""
        return self._given_connection() if self._effects is None else self._effects.open()

    async def aconnection(self) -> Any:
        """`connection` for async bodies, where to open it takes an await.

        >>> connection = await ctx.aconnection()
        """
        return self._given_connection() if self._effects is None else await self._effects.aopen()

    def _given_connection(self) -> Any:
        if self._connection is None:
            raise MisuseError(f"task {self.job.task} has no connection here: give its decorator transaction=")
        return self._connection

    @property
    def log(self) -> JobLog:
        if self._log is None:
            self._log = JobLog(self.job, self._port)
        return self._log

    @property
    def cancelled(self) -> bool:
        return self._port.stopped

    @property
    def evicted(self) -> bool:
        """Whether this copy of a waiting body ends to make room, and its job is replayed later: nothing that it does
        now is recorded. In a `finally`, free what is local and leave the rest."""
        return bool(getattr(self._port, "evicted", False))

    @property
    def tick(self) -> datetime | None:
        """The nominal instant for which a schedule made this job, aware UTC: what is late, retried or made up for still
        knows which night it is about. None for a job that no schedule made.

        >>> report_for = ctx.tick.astimezone(ZoneInfo("Europe/Oslo")).date()
        """
        return tick_of(self.job.metadata)

    def check(self) -> None:
        """Raise JobStopped where the job is to stop, and LeaseLost where it is another worker's now: both derive from
        BaseException, so that they pass `except Exception`."""
        self._port.check()

    def progress(self, done: float, message: str = "", *, total: float | None = None) -> None:
        """Say how far the body is; others see it in the job's record within a second. Costs nothing to say often.

        done, total: numbers of whatever is counted; without a total, `done` may be a fraction of 1.

        >>> ctx.progress(3, "pages read", total=12)
        """
        state: dict[str, object] = {"done": _finite(done, "done")}
        if total is not None:
            state["total"] = _finite(total, "total")
        if message:
            state["message"] = clean_text(message, 1024)
        self._port.progress(state)

    def track(self, items: Iterable[T], *, total: int | None = None, message: str = "") -> Track[T]:
        """Go through `items` with `for` (sync bodies) or `async for`, saying progress and stopping where told to.

        >>> async for tile in ctx.track(tiles, message="tiles"): ...
        """
        return Track(self, items, total, message)

    def extend(self, duration: Duration) -> None:
        """Give this attempt more time: its limit moves by `duration`. The job's deadline stays.

        >>> ctx.extend("10m")
        """
        self._port.extend(seconds(duration, "extend"))


def _finite(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidOption(f"{what} of a progress must be a finite number, not {shown(value)}")
    return value
