"""Consumers: classes whose methods handle the jobs of one queue.

@app.consumer("mail")
class Mail:
    def __init__(self, smtp: Smtp) -> None: ...

    @handles("welcome")                     # the task mail.welcome, enqueued as Mail.welcome.enqueue("a@b.c")
    async def welcome(self, ctx: Context, to: str) -> None: ...

    @on("job.failed")
    def failed(self, event: Event) -> None: ...
"""

import inspect
import json
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, Concatenate, Generic, Literal, ParamSpec, Protocol, Self, cast, overload

from typing_extensions import TypeVar, Unpack

from holdfast.context import Context, RawJob
from holdfast.errors import ConfigError, InvalidArguments, InvalidOption, MisuseError
from holdfast.events.bus import check_event
from holdfast.model.bodies import check_transaction
from holdfast.model.codec import Signature
from holdfast.model.contract import Contract
from holdfast.model.event import Event
from holdfast.model.options import NO_OPTIONS, JobOptions, OptionArguments
from holdfast.model.raw import RawBody, is_raw, load_body
from holdfast.model.text import check_name, shown
from holdfast.raw import RawSignature, items_only, raw_item
from holdfast.task import Binding, Call, Later, Task, Transaction, check_body

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")
X = TypeVar("X")
T = TypeVar("T")
L = TypeVar("L", bound=Callable[[Any, Event], object])
HEARD = "__holdfast_on__"
UNHEARD = ("worker.", "history.", "gate.", "schedule.")
"""Events that are about no queue begin so."""


class Handler(Task[P, R, C], Generic[P, R, C]):
    """A method of a consumer: on the class it is a task, on an instance the method.

    word: its name within the consumer; None: it takes every job of the queue that no other handler takes.
    """

    def __init__(
        self, method: Callable[..., Any], word: str | None, raw: bool, options: JobOptions, transaction: Transaction
    ) -> None:
        super().__init__(method, word or "*", (), False, options, transaction)
        self.word = word
        self.raw = raw
        self.contract: Contract | None = None
        self.consumer: Consumer | None = None
        self.signature = Signature(partial(method, None), self.name)
        self._items = raw and items_only(partial(method, None), self.name)

    @overload
    def __get__(self, instance: None, owner: type[Any], /) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None, /) -> Callable[P, C]: ...
    def __get__(self, instance: Any, owner: type[Any] | None = None, /) -> Any:
        return self if instance is None else partial(self._called_on, instance)

    def named(self, consumer: "Consumer", defaults: JobOptions) -> Self:
        """The task that it is in this consumer."""
        made = copy(self)
        made._home = type(self._home)()
        made.consumer = consumer
        kind = "raw" if self.raw else "any"
        made.takes_rest = "" if self.word else kind
        made.name = f"{consumer.queue}{':' if self.raw and not self.word else '.'}{self.word or '*'}"
        made.options = self.options.over(defaults).over(JobOptions.of({"queue": consumer.queue}))
        made.retry = made.options.retry
        method = partial(self.body, None)
        if self.raw:
            made.signature = RawSignature(made.name)
        else:
            made.signature = Signature(method, made.name) if self.word else RestSignature(method, made.name)
        return made

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        raise MisuseError(f"{self.name} is a method: call it on an instance, or enqueue it")

    @property
    def takes_context(self) -> bool:
        return True  # its consumer's instance comes with it

    def load(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return self.signature.load_call(text) if self.contract is None else self.contract.load_handled(text)

    def run(self, context: Context[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if context.owner is None:
            raise MisuseError(f"{self.name} has no consumer here")
        return self._run_on(context.owner, context, args, kwargs)

    @property
    def binding(self) -> Binding:
        self._require_consumer()
        return super().binding

    def _require_consumer(self) -> None:
        if self.consumer is None:
            raise MisuseError(f"{shown(self.body)} handles nothing yet: its class needs @app.consumer(queue)")

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        self._require_consumer()
        if self.takes_rest:
            raise InvalidOption(f"{self.name} takes what has no handler of its own: enqueue that by its own name")
        return super().call(*args, **kwargs)

    def _called_on(self, instance: Any, *args: Any, **kwargs: Any) -> Any:
        if self.raw:
            given = inspect.signature(_raw_arguments).bind(*args, **kwargs).arguments
            return self._run_on(instance, self.context_for_calls(), (RawBody(**given),), {})
        return self._run_on(instance, self.context_for_calls(), args, kwargs)

    def _run_on(self, instance: Any, context: Context[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.raw:
            item = raw_item(context, args[0])
            return self.body(instance, item) if self._items else self.body(instance, context, item)
        if self.signature.takes_context:
            return self.body(instance, context, *args, **kwargs)
        return self.body(instance, *args, **kwargs)


class RestSignature(Signature):
    """Of the method that takes whatever is left: all arguments by name in one mapping, or as `**arguments`, or none."""

    def load_call(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        try:
            given: object = _raw_mapping(text) if is_raw(text) else json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidArguments(f"{self.name}: {shown(error)}") from error
        if not isinstance(given, dict):
            raise InvalidArguments(f"{self.name}: arguments are a mapping by name, not {shown(given)}")
        arguments = cast("dict[str, Any]", given)
        if not self.parameters:
            return (), {}
        return ((), arguments) if self.parameters[0].kind is inspect.Parameter.VAR_KEYWORD else ((arguments,), {})

    def prepare(self) -> None:
        if len(self.parameters) > 1 or any(each.kind is each.VAR_POSITIONAL for each in self.parameters):
            raise ConfigError(f"{self.name} takes any arguments: one mapping of them, or **arguments, or none")


@dataclass(eq=False)
class Consumer:
    """A class that handles the jobs of a queue.

    listeners: names of events and of the methods that hear them. resolver: what makes its constructor's parameters.
    """

    kind: type[Any]
    queue: str
    resolver: Callable[[Any], Any] | None
    handlers: tuple[Task[Any, Any, Any], ...] = ()
    listeners: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return self.kind.__qualname__


class HandlerDecorator(Protocol):
    """What `handles(...)` answers."""

    @overload
    def __call__(self, method: Callable[Concatenate[Any, Context[X], P], Later[R]], /) -> Handler[P, R, Later[R]]: ...
    @overload
    def __call__(self, method: Callable[Concatenate[Any, Context[X], P], R], /) -> Handler[P, R, R]: ...
    @overload
    def __call__(self, method: Callable[Concatenate[Any, P], Later[R]], /) -> Handler[P, R, Later[R]]: ...
    @overload
    def __call__(self, method: Callable[Concatenate[Any, P], R], /) -> Handler[P, R, R]: ...


class RawHandlerDecorator(Protocol):
    """What `handles(…, raw=True)` answers."""

    @overload
    def __call__(self, method: Callable[[Any, Context[X], RawJob], Later[R]], /) -> Handler[..., R, Later[R]]: ...
    @overload
    def __call__(self, method: Callable[[Any, Context[X], RawJob], R], /) -> Handler[..., R, R]: ...
    @overload
    def __call__(self, method: Callable[[Any, RawJob], Later[R]], /) -> Handler[..., R, Later[R]]: ...
    @overload
    def __call__(self, method: Callable[[Any, RawJob], R], /) -> Handler[..., R, R]: ...


def _raw_arguments(body: bytes, content_type: str | None = None, target: Any = None) -> Any:
    """What a raw handler is called with."""


@overload
def handles(
    word: str | None = None,
    /,
    *,
    raw: Literal[True],
    transaction: Transaction = None,
    **options: Unpack[OptionArguments],
) -> RawHandlerDecorator: ...
@overload
def handles(
    word: str, /, *, transaction: Transaction = None, **options: Unpack[OptionArguments]
) -> HandlerDecorator: ...
@overload
def handles(
    *, transaction: Transaction = None, **options: Unpack[OptionArguments]
) -> Callable[[Callable[..., Any]], Handler[..., Any, Any]]: ...
def handles(
    word: str | None = None,
    *,
    raw: bool = False,
    transaction: Transaction = None,
    **options: Unpack[OptionArguments],
) -> Any:
    """Make a method of a consumer the handler of its jobs of this name: the task `queue.word`.

    word: None: of every job of the consumer's queue that no other handler takes; the method then takes one mapping of
        the arguments by name, or `**arguments`.
    raw: the method takes (ctx, item: RawJob), and is enqueued with bytes.
    transaction, options: as of `task`.

    >>> @handles("welcome", retry=5)
    ... async def welcome(self, ctx: Context, to: str) -> None: ...
    """
    checked = JobOptions.of(options)
    if word is not None:
        check_name(word, "a handler's name")

    def decorate(method: Callable[..., Any]) -> Any:
        check_body(method, word or "*", cpu=False)
        check_transaction(method, word or "*", False, transaction)
        return Handler[Any, Any, Any](method, word, raw, checked, transaction or None)

    return decorate


def on(name: str) -> Callable[[L], L]:
    """Make a method of a consumer hear an event of its queue, in workers that run the consumer; "*": all of them.

    Raises InvalidOption for a name that is no event, or is about no queue, and for `async def`.

    >>> @on("job.stalled")
    ... def stalled(self, event: Event) -> None: ...
    """
    check_event(name)
    if name.startswith(UNHEARD):
        raise InvalidOption(f"{name} is about no queue: app.on({name!r}) hears it")

    def mark(method: L) -> L:
        if inspect.iscoroutinefunction(method):
            raise InvalidOption(f"{shown(method)} must be a plain function: nobody awaits it")
        setattr(method, HEARD, (*getattr(method, HEARD, ()), name))
        return method

    return mark


class Consuming:
    """The verb `consumer`, for whoever keeps tasks."""

    def take_consumer(self, consumer: Consumer) -> None:
        """Keep a consumer and its handlers."""
        raise NotImplementedError

    def consumer(
        self, queue: str, /, *, resolver: Callable[[Any], Any] | None = None, **options: Unpack[OptionArguments]
    ) -> Callable[[type[T]], type[T]]:
        """Make a class the consumer of a queue: its methods with `@handles` are tasks, those with `@on` hear events.

        A worker makes one instance when it starts. Its constructor's parameters come by their annotations from
        `app.provide`, from `resolver` (or that of the app), or are left to their defaults.

        options: for the jobs of its handlers, below what these say themselves.

        Refused when a worker starts, and named by `holdfast check`: a consumer without handlers, two for one queue, one
        that cannot be built. Raises DuplicateTask where the name of a handler is taken, and InvalidOption.

        >>> @app.consumer("mail", retry=3)
        ... class Mail: ...
        """
        name, checked = check_name(queue, "queue"), JobOptions.of(options) if options else NO_OPTIONS
        if "queue" in options:
            raise InvalidOption(f"the jobs of consumer {name} go to its own queue: leave out queue=")

        def decorate(kind: type[T]) -> type[T]:
            self.take_consumer(_consumer(kind, name, resolver, checked))
            return kind

        return decorate


def _consumer(kind: object, queue: str, resolver: Callable[[Any], Any] | None, options: JobOptions) -> Consumer:
    if not isinstance(kind, type):
        raise ConfigError(f"a consumer is a class, not {shown(kind)}")
    made = Consumer(kind, queue, resolver)
    handlers: list[Task[Any, Any, Any]] = []
    listeners: list[tuple[str, str]] = []
    for name in dir(kind):
        found: Any = inspect.getattr_static(kind, name)
        if isinstance(found, Handler):
            mine = cast("Handler[..., Any, Any]", found)
            if mine.consumer is not None and name in vars(kind):
                raise ConfigError(f"{kind.__qualname__} is a consumer already, of queue {mine.consumer.queue}")
            task = mine.named(made, options)
            setattr(kind, name, task)
            handlers.append(task)
        else:
            listeners += [(event, name) for event in getattr(found, HEARD, ())]
    made.handlers, made.listeners = tuple(handlers), tuple(listeners)
    return made


def _raw_mapping(text: str) -> Mapping[str, Any]:
    came = load_body(text)
    return {"body": came.body, "content_type": came.content_type, "target": came.target}
