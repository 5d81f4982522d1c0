"""`step`: a piece of a job that is done once and recorded."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from typing_extensions import Unpack

from holdfast.context import Context
from holdfast.durable.steps import DEFAULT, StepArguments, StepOptions, check_step_name, function_of, named
from holdfast.errors import InvalidOption
from holdfast.running import line_here, run_of
from holdfast.waiting import running_job

P = ParamSpec("P")
R = TypeVar("R")


class Step:
    """Does a piece of a job once: `await step(function, *args)` in the async body of a task.

    The function is called, and what it returns is recorded in the database before the next line runs. When the job
    runs again, after a crash, a retry or a wait, the recorded value is answered and the function is not called. It may
    be async, or plain (it then runs on a thread), and may take a `Context` first. Its arguments are not stored.

    A step is known by its name and how often the body asked for that name before, so a loop may use one name; tasks
    that the body starts (`asyncio.gather`, a `TaskGroup`) are told apart. The name is that of the function, or one
    given first: `await step("charge", post, url)`.

    A step that fails is tried again, 3 times in all (`step.using(retry=…)`), then raises StepFailed.

    Raises StepFailed, StepTimeout; InvalidOption; MisuseError where no async body of a job runs; NonDeterminism where
    the job recorded another step at this place.

    >>> charge = await step(charge_card, order)
    """

    def __init__(self, options: StepOptions = DEFAULT) -> None:
        self._options = options

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[Context[Any], P], Coroutine[Any, Any, R]], /, *args: P.args,
        **kwargs: P.kwargs,
    ) -> Coroutine[Any, Any, R]: ...  # fmt: skip
    @overload
    def __call__(
        self, function: Callable[Concatenate[Context[Any], P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]: ...
    @overload
    def __call__(
        self, name: str, function: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]: ...
    @overload
    def __call__(
        self, name: str, function: Callable[Concatenate[Context[Any], P], Coroutine[Any, Any, R]], /, *args: P.args,
        **kwargs: P.kwargs,
    ) -> Coroutine[Any, Any, R]: ...  # fmt: skip
    @overload
    def __call__(
        self, name: str, function: Callable[Concatenate[Context[Any], P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]: ...
    @overload
    def __call__(
        self, name: str, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]: ...
    def __call__(self, first: Any, /, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        if isinstance(first, str):
            name = check_step_name(first)
            if not args:
                raise InvalidOption(f"step {name} takes a function: step({name!r}, function, argument)")
            function, args = args[0], args[1:]
        else:
            function, name = first, ""
        return _step(self._options, name, function, args, kwargs)

    def using(self, **options: Unpack[StepArguments]) -> "Step":
        """The same with other options, as `StepOptions` has them: retry, backoff, timeout, cpu, undo, transaction.

        >>> await step.using(retry=5, backoff="1s", timeout="30s")(fetch, url)
        """
        return Step(StepOptions.of(options))

    @overload
    def define(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> "Defined[P, R]": ...
    @overload
    def define(self, function: Callable[P, R], /) -> "Defined[P, R]": ...
    @overload
    def define(self, *, name: str | None = None, **options: Unpack[StepArguments]) -> "Define": ...
    def define(self, function: Any = None, *, name: str | None = None, **options: Any) -> Any:
        """Make a function a step wherever a job's body calls it; elsewhere the call is a plain one. It is awaited in
        both cases, and its own form is `function.plain`.

        >>> @step.define(retry=5, timeout="30s")
        ... async def charge(order: int) -> str: ...
        >>> await charge(7)
        """
        how = StepOptions.of(cast("StepArguments", options)) if options else self._options
        if function is not None:
            return cast("Any", Defined)(function, named(function), how)
        if name is not None:
            check_step_name(name)

        def make(function: Callable[..., Any]) -> Any:
            return cast("Any", Defined)(function, name or named(function), how)

        return make


class Define(Protocol):
    """What `step.define(…)` answers: a decorator."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> "Defined[P, R]": ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> "Defined[P, R]": ...


class Defined(Generic[P, R]):
    """A function that is a step wherever a job's body calls it. `plain` is the function itself."""

    def __init__(self, function: Callable[P, Any], name: str, options: StepOptions) -> None:
        update_wrapper(self, function)
        self.plain = function
        self.name = name
        self.options = options

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        line = running_job.get()
        if line is None or line.within is not None:
            value: Any = self.plain(*args, **kwargs)
            return cast("R", await value if isinstance(value, Awaitable) else value)
        found: R = await _step(self.options, self.name, self.plain, args, kwargs)
        return found

    def __repr__(self) -> str:
        return f"<step {self.name}>"


async def _step(options: StepOptions, name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if isinstance(function, Defined):
        function, name = cast("Any", function).plain, name or cast("Any", function).name
    line = line_here("step")
    if isinstance(function, Coroutine):
        function.close()
        raise InvalidOption("step takes a function and its arguments, not a coroutine: step(f, x) and not step(f(x))")
    name = name or named(function)
    return await run_of(line).step(line, name, options, function_of(function, name), args, kwargs)


step = Step()
