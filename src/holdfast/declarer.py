"""The verbs that declare tasks and bring their handlers: `declare`, `handlers`."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, ParamSpec, Protocol, cast, get_origin, get_type_hints, overload

from typing_extensions import TypeVar, Unpack, is_typeddict

from holdfast.declared import Declared, DeclaredArgs, unhandled
from holdfast.errors import ConfigError
from holdfast.model.bodies import check_aliases
from holdfast.model.contract import ArgsContract, Contract
from holdfast.model.options import UNSET, JobOptions, OptionArguments
from holdfast.model.text import check_name, shown
from holdfast.task import Later, Task, check_body

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")
M = TypeVar("M", bound=Mapping[str, object])
H = TypeVar("H", bound=Mapping[str, object])


class Declarer:
    """The verbs `declare` and `handlers`, for whoever keeps tasks."""

    def add(self, task: Task[Any, Any, Any]) -> None:
        """Keep a task; DuplicateTask where its name is taken."""
        raise NotImplementedError

    def kept(self) -> Iterable[Task[Any, Any, Any]]:
        """All tasks that are kept."""
        raise NotImplementedError

    @overload
    def declare(self, stub: Callable[P, Later[R]], /) -> Declared[P, R]: ...
    @overload
    def declare(self, stub: Callable[P, R], /) -> Declared[P, R]: ...
    @overload
    def declare(
        self, *, name: str | None = None, aliases: Iterable[str] = (), **options: Unpack[OptionArguments]
    ) -> "StubDecorator": ...
    @overload
    def declare(
        self,
        name: str,
        /,
        *,
        args: type[M],
        result: type[R],
        aliases: Iterable[str] = (),
        **options: Unpack[OptionArguments],
    ) -> DeclaredArgs[[M], R, M]: ...
    @overload
    def declare(
        self,
        name: str,
        /,
        *,
        args: type[M],
        result: None = None,
        aliases: Iterable[str] = (),
        **options: Unpack[OptionArguments],
    ) -> DeclaredArgs[[M], None, M]: ...
    @overload
    def declare(
        self,
        name: str,
        /,
        *,
        args: Callable[P, A],
        result: type[R],
        aliases: Iterable[str] = (),
        **options: Unpack[OptionArguments],
    ) -> DeclaredArgs[P, R, A]: ...
    @overload
    def declare(
        self,
        name: str,
        /,
        *,
        args: Callable[P, A],
        result: None = None,
        aliases: Iterable[str] = (),
        **options: Unpack[OptionArguments],
    ) -> DeclaredArgs[P, None, A]: ...
    @overload
    def declare(
        self, name: str, /, *, result: type[R], aliases: Iterable[str] = (), **options: Unpack[OptionArguments]
    ) -> Declared[[], R]: ...
    @overload
    def declare(
        self, name: str, /, *, result: None = None, aliases: Iterable[str] = (), **options: Unpack[OptionArguments]
    ) -> Declared[[], None]: ...
    def declare(
        self,
        stub: Callable[..., Any] | str | None = None,
        *,
        name: str | None = None,
        args: Callable[..., Any] | None = None,
        result: Any = None,
        aliases: Iterable[str] = (),
        **options: Unpack[OptionArguments],
    ) -> Any:
        """Declare a task whose body is elsewhere: by a stub function, `@app.declare`, or by name.

        args: a Pydantic model, dataclass or TypedDict whose fields are the arguments (or a function with the same
            parameters); None: no arguments.
        result: the type of the result; None: it gives nothing. A stub says so by its annotation.
        name, aliases, options: as of `task`.

        Workers bring the body by `handler` or `handlers`; one whose queues hold a declared task without a handler
        does not start. Raises DuplicateTask, ConfigError and InvalidOption.

        >>> render = app.declare("render", args=RenderArgs, result=Path, queue="video")
        >>> render.enqueue(RenderArgs(scene="castle"))
        """
        checked = JobOptions.of(options)
        if isinstance(stub, str):
            contract = _contract(check_name(stub, "a task's name"), args, result)
            made = _made(contract, aliases, checked)
            self.add(made)
            return made
        if args is not None or result is not None:
            raise ConfigError(
                "a stub says by itself what it takes and gives: declare(name, args=…, result=…) is without"
            )

        def decorate(function: Callable[..., Any]) -> Declared[Any, Any]:
            made = _made(Contract(function, check_body(function, name, cpu=False)), aliases, checked)
            self.add(made)
            return made

        return decorate if stub is None else decorate(stub)

    @overload
    def handlers(self, kind: type[H], /) -> Callable[[H], None]: ...
    @overload
    def handlers(self, given: Mapping[str, Any], /) -> None: ...
    def handlers(self, given: Any, /) -> Any:
        """Give every declared task its handler at once, by name, so that none is forgotten.

        given: the handlers; or a TypedDict with a key for each declared task, and then what is answered takes the
            handlers, which your type checker holds against it.

        Raises ConfigError where a declared task has no handler then, a name is no declared task's, or a handler does
        not fit; then none is taken.

        >>> class Handlers(TypedDict):
        ...     render: Callable[[RenderArgs], Path]
        >>> app.handlers(Handlers)({"render": render_scene})
        """
        if not is_typeddict(given):
            _take_handlers(self.kept(), given)
            return None
        _check_names(self.kept(), get_type_hints(given))
        return partial(_take_handlers, self.kept())


class StubDecorator(Protocol):
    """What `declare(...)` with options answers."""

    @overload
    def __call__(self, stub: Callable[P, Later[R]], /) -> Declared[P, R]: ...
    @overload
    def __call__(self, stub: Callable[P, R], /) -> Declared[P, R]: ...


def _contract(name: str, args: Callable[..., Any] | None, result: Any) -> Contract:
    if isinstance(args, type) or get_origin(args) is not None:
        return ArgsContract(cast("type[Any]", args), name, result)
    if args is None:
        return Contract(_nothing, name, result)
    check_body(args, name, cpu=False)
    return Contract(args, name, UNSET if result is None else result)


def _nothing() -> None:
    """The parameters of a task that takes none."""


def _made(contract: Contract, aliases: Iterable[str], options: JobOptions) -> Declared[Any, Any]:
    kind: Any = DeclaredArgs if isinstance(contract, ArgsContract) else Declared
    made: Declared[Any, Any] = kind(contract, check_aliases(aliases), options)
    return made


def _check_names(tasks: Iterable[Task[Any, Any, Any]], names: Iterable[str]) -> None:
    declared = {task.name: task for task in tasks if isinstance(task, Declared)}
    given = set(names)
    missing = [task.name for task in unhandled(declared.values()) if task.name not in given]
    extra = sorted(given - declared.keys())
    if missing:
        raise ConfigError(f"declared and without a handler: {', '.join(missing)}")
    if extra:
        known = ", ".join(declared) or "none"
        raise ConfigError(f"handlers for what was not declared: {', '.join(extra)}; declared are {known}")


def _take_handlers(tasks: Iterable[Task[Any, Any, Any]], given: Any) -> None:
    if not isinstance(given, Mapping):
        raise ConfigError(f"handlers are a mapping of names to functions, not {shown(given)}")
    handlers = cast("Mapping[str, Any]", given)
    _check_names(tasks, handlers)
    declared = {task.name: task for task in tasks if isinstance(task, Declared)}
    served: list[Declared[Any, Any]] = []
    try:
        for name, function in handlers.items():
            declared[name].handler(function)
            served.append(declared[name])
    except BaseException:
        for task in served:
            task.contract.handler = None
        raise
