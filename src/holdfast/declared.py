"""Tasks declared apart from their bodies: a producer knows the name, the arguments and the result; a worker brings
the handler.

    render = app.declare("render", args=RenderArgs, result=Path)     the producer's side: render.enqueue(…)
    @render.handler                                                  the worker's side
    def render_scene(args: RenderArgs) -> Path: ...
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import (
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Self,
    TypeAlias,
    overload,
)

from typing_extensions import TypeVar

from holdfast.context import Context
from holdfast.errors import ConfigError, DuplicateTask, MisuseError
from holdfast.handle import Job
from holdfast.model.bodies import check_transaction, is_async
from holdfast.model.codec import Signature
from holdfast.model.contract import Contract, place
from holdfast.model.options import JobOptions
from holdfast.model.retry import Retry, RetryOption
from holdfast.task import Call, Later, Task, Transaction, check_body

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")

Handler: TypeAlias = (
    Callable[P, R]
    | Callable[P, Later[R]]
    | Callable[Concatenate[Context[Any], P], R]
    | Callable[Concatenate[Context[Any], P], Later[R]]
)
"""A function of the declared parameters, sync or async, with or without a context before them."""


SERVES = "__holdfast_task__"
"""Where a handler says which task it serves, for a process that imports it."""


class Declared(Task[P, R, Any], Generic[P, R]):
    """A task that is enqueued as any other, and has no body until `handler` gives it one.

    >>> @app.declare(queue="video")
    ... def render(scene: str, frames: int = 1) -> Path:
    ...     raise NotImplementedError
    >>> render.enqueue("castle", frames=3)
    """

    def __init__(self, contract: Contract, aliases: tuple[str, ...], options: JobOptions) -> None:
        super().__init__(contract.function, contract.name, aliases, False, options)
        self.signature = contract
        self.contract = contract
        self._root = self

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Call its handler here and now; MisuseError where it has none."""
        root = self._root
        if not root.handled:
            raise MisuseError(f"task {self.name} is declared and has no handler here: enqueue it")
        return root.run(self.context_for_calls(), *root.contract.spread(args, kwargs))

    def __repr__(self) -> str:
        return f"<Declared {self.name}>"

    @property
    def handled(self) -> bool:
        return self._root.contract.handler is not None

    def load(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return self.contract.load_handled(text)

    @property
    def takes_context(self) -> bool:
        handler = self.contract.handler
        return handler is not None and handler.takes_context

    def prepare(self) -> None:
        self.contract.prepare()
        if (wrong := self.contract.misfit()) is not None:
            raise ConfigError(wrong)

    @overload
    def handler(self, function: Handler[P, R], /) -> Self: ...
    @overload
    def handler(
        self, *, cpu: bool = False, transaction: Transaction = None, retry: RetryOption | None = None
    ) -> Callable[[Handler[P, R]], Self]: ...
    def handler(
        self,
        function: Callable[..., Any] | None = None,
        *,
        cpu: bool = False,
        transaction: Transaction = None,
        retry: RetryOption | None = None,
    ) -> Any:
        """Give the task its body, on the worker's side: a function of the declared parameters, sync or async.

        A leading context is supplied, as for any task. Where the arguments were declared as a class, the function
        takes one of it, or its fields as parameters. The name it is bound to is then the task itself.

        cpu, transaction: as of `task`. retry: the rule's code (a function, `give_up_on`), which jobs do not store.

        Raises ConfigError where the function does not take what was declared or returns something else (what its
        annotations cannot tell yet is found when a worker starts), DuplicateTask where there is a handler already.

        >>> @render.handler
        ... def render_scene(ctx: Context, scene: str, frames: int = 1) -> Path: ...
        """
        if function is None:
            return partial(self._root._handle, cpu=cpu, transaction=transaction, retry=retry, answer=self)
        return self._root._handle(function, cpu, transaction, retry, self)

    def _handle(
        self,
        function: Callable[..., Any],
        cpu: bool,
        transaction: Transaction,
        retry: RetryOption | None,
        answer: "Declared[P, R]",
    ) -> "Declared[P, R]":
        there = self.contract.handler
        if there is not None:
            raise DuplicateTask(f"task {self.name} has a handler already: {place(there.function)}")
        check_body(function, self.name, cpu)
        check_transaction(function, self.name, cpu, transaction)
        self.serve(Signature(function, self.name), cpu, transaction or None, retry)
        with suppress(AttributeError, TypeError):
            setattr(function, SERVES, self)
        return answer

    def serve(
        self, handler: Signature, cpu: bool = False, transaction: Transaction = None, retry: RetryOption | None = None
    ) -> None:
        """Take a handler whose signature fits; ConfigError, and it has none, where it does not."""
        self.contract.handler = handler
        wrong = self.contract.misfit(early=True)
        if wrong is not None:
            self.contract.handler = None
            raise ConfigError(wrong)
        self.body = handler.function
        self.is_async, self.cpu, self.transaction = is_async(handler.function), cpu, transaction
        if retry is not None:
            self.retry = Retry.of(retry)


class DeclaredArgs(Declared[P, R], Generic[P, R, A]):
    """A declared task whose arguments are a class: it takes one of it, or what makes one."""

    @overload
    def enqueue(self, args: A, /) -> Job[R]: ...
    @overload
    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job[R]: ...
    def enqueue(self, *args: Any, **kwargs: Any) -> Job[R]:
        """Store a job: `render.enqueue(RenderArgs(scene="castle"))`, or `render.enqueue(scene="castle")`."""
        return super().enqueue(*args, **kwargs)

    @overload
    async def aenqueue(self, args: A, /) -> Job[R]: ...
    @overload
    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job[R]: ...
    async def aenqueue(self, *args: Any, **kwargs: Any) -> Job[R]:
        """`enqueue` for event loops."""
        return await super().aenqueue(*args, **kwargs)

    @overload
    def call(self, args: A, /) -> Call[R]: ...
    @overload
    def call(self, *args: P.args, **kwargs: P.kwargs) -> Call[R]: ...
    def call(self, *args: Any, **kwargs: Any) -> Call[R]:
        """A job of these arguments as a value, for `enqueue_many`."""
        return super().call(*args, **kwargs)

    @overload
    def handler(self, function: Handler[[A], R] | Handler[P, R], /) -> Self: ...
    @overload
    def handler(
        self, *, cpu: bool = False, transaction: Transaction = None, retry: RetryOption | None = None
    ) -> Callable[[Handler[[A], R] | Handler[P, R]], Self]: ...
    def handler(self, function: Any = None, **options: Any) -> Any:
        given: Any = super().handler
        return given(**options) if function is None else given(function, **options)


def unhandled(tasks: Iterable[Task[Any, Any, Any]]) -> Iterator[Declared[Any, Any]]:
    """The declared ones that have no handler."""
    return (task for task in tasks if isinstance(task, Declared) and not task.handled)
