"""What an app lets be hung onto it: dependencies of bodies, wrappers of attempts and enqueues, listeners."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar, overload

from holdfast.context import Context
from holdfast.events import log as event_log
from holdfast.events.bus import Bus, Subscriber
from holdfast.model.job import NewJob
from holdfast.task import Task
from holdfast.taskset import TaskSet
from holdfast.worker.deps import DepsBook
from holdfast.worker.providers import Providers
from holdfast.worker.readiness import Problem, all_problems

S = TypeVar("S", bound=Subscriber)
V = TypeVar("V")


class Hooks:
    """The part of an app that others reach into."""

    def __init__(
        self, deps: Callable[[], Any] | None, deps_per_job: bool, resolver: Callable[[Any], Any] | None = None
    ) -> None:
        self._tasks = TaskSet()
        self._find = self._tasks.get
        self._deps = DepsBook(deps, deps_per_job)
        self._providers = Providers(resolver)
        self._wraps: tuple[Callable[[Context[Any]], Any], ...] = ()
        self._enqueue_wraps: tuple[Callable[[NewJob], NewJob], ...] = ()
        self._bus = Bus()
        for name in event_log.LINES:
            self._bus.on(name, event_log.write)

    def problems(self) -> list[Problem]:
        """What would keep the app's tasks from running, each with kind, name and message: what `holdfast check` prints.

        Declared tasks without a handler, handlers that do not fit, annotations that cannot be kept as JSON. Looks at
        the code and opens nothing.

        >>> assert app.problems() == []
        """
        return all_problems(self._tasks, self._providers, self._deps)

    def provide(self, kind: type[V], factory: Callable[..., Any] | None = None) -> None:
        """Say how consumers get what their constructors ask for with this type: made once per worker.

        factory: a function, coroutine function or context manager, as for `deps`, whose own annotated parameters are
            provided likewise; None: the class itself. Given again, the last one counts, as a test may want.

        >>> app.provide(Smtp, lambda: Smtp("localhost"))
        """
        self._providers.makers[kind] = kind if factory is None else factory

    def deps_for(self, task: Task[Any, Any, Any] | str, make: Callable[[], Any]) -> None:
        """Give the bodies of one task `ctx.deps` of their own instead of the app's."""
        self._deps.by_task[self._tasks.name_of(task)] = make

    def replace_deps(self, value: Any) -> AbstractContextManager[None]:
        """For tests: `ctx.deps` of every body is this value, in workers started within the `with`.

        >>> with app.replace_deps(Deps(mail=FakeMail())):
        ...     drain(app)
        """
        return self._deps.replacing(value)

    def wrap_attempts(self, wrap: Callable[[Context[Any]], Any]) -> Callable[[Context[Any]], Any]:
        """Put a context manager around every attempt: tracing, metrics, clean-up.

        It is made of the body's context; an async one serves async bodies only. What the body raises passes through it.
        Around `cpu=True` bodies it runs in the worker, where `errors.BodyFailed` stands for what the body raised.

        >>> @app.wrap_attempts
        ... @contextmanager
        ... def traced(ctx: Context) -> Iterator[None]:
        ...     with tracer.span(ctx.job.task):
        ...         yield
        """
        self._wraps = (*self._wraps, wrap)
        return wrap

    def wrap_enqueues(self, wrap: Callable[[NewJob], NewJob]) -> Callable[[NewJob], NewJob]:
        """Let a function see every job before it is stored, and change it (`new.with_metadata(trace=…)`) or raise.

        >>> @app.wrap_enqueues
        ... def trace(new: NewJob) -> NewJob:
        ...     return new.with_metadata(trace=current_trace())
        """
        self._enqueue_wraps = (*self._enqueue_wraps, wrap)
        return wrap

    @overload
    def on(
        self,
        name: str,
        subscriber: None = None,
        *,
        task: Task[Any, Any, Any] | str | None = None,
        queue: str | None = None,
    ) -> Callable[[S], S]: ...
    @overload
    def on(
        self,
        name: str,
        subscriber: S,
        *,
        task: Task[Any, Any, Any] | str | None = None,
        queue: str | None = None,
    ) -> S: ...
    def on(
        self,
        name: str,
        subscriber: Subscriber | None = None,
        *,
        task: Task[Any, Any, Any] | str | None = None,
        queue: str | None = None,
    ) -> Any:
        """Call a function for every event of this process named so ("*": for all), after the commit it speaks of.

        task, queue: only events about these. Raises InvalidOption for a name that is no event.

        >>> @app.on("job.failed", queue="mail")
        ... def alert(event: Event) -> None: ...
        """
        about = task.name if isinstance(task, Task) else task

        def subscribe(function: Subscriber) -> Subscriber:
            self._bus.subscribe(name, function, about, queue)
            return function

        return subscribe if subscriber is None else subscribe(subscriber)

    def off(self, name: str, subscriber: Subscriber) -> None:
        """Undo `on`."""
        self._bus.unsubscribe(name, subscriber)
