"""What bodies depend on: made once per worker (or once per job), given to them as `ctx.deps`.

A maker is a function, a coroutine function, a generator function that yields once, or a function that answers a
context manager, sync or async: what it is entered into is the value, and it is left when the worker stops (or the job
ends).
"""

import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from typing import Any, TypeAlias, TypeVar, cast

from holdfast.context import Context
from holdfast.errors import ConfigError
from holdfast.model.options import UNSET, Unset

T = TypeVar("T")
Maker: TypeAlias = Callable[[], Any]


class DepsBook:
    """An app's makers: one for all its tasks, others for single ones, and what a test puts in their place."""

    def __init__(self, make: Maker | None, per_job: bool) -> None:
        self.make = make
        self.per_job = per_job
        self.by_task: dict[str, Maker] = {}
        self.replaced: Any = UNSET

    @contextmanager
    def replacing(self, value: Any) -> Generator[None, None, None]:
        before, self.replaced = self.replaced, value
        try:
            yield
        finally:
            self.replaced = before

    def maker(self, task: str) -> Maker | None:
        return self.by_task.get(task, self.make)


class Deps:
    """The values of one worker."""

    def __init__(self, book: DepsBook) -> None:
        self._book = book
        self._values: dict[Maker, Any] = {}
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Make what is made once per worker."""
        if self._book.per_job or not isinstance(self._book.replaced, Unset):
            return
        for make in {*self._book.by_task.values(), *([self._book.make] if self._book.make else [])}:
            self._values[make] = await enter(self._stack, make)

    async def close(self) -> None:
        await self._stack.aclose()

    def value_for(self, task: str) -> Any:
        """The value for a task's bodies, or UNSET where there is none, or none yet."""
        if not isinstance(self._book.replaced, Unset):
            return self._book.replaced
        make = self._book.maker(task)
        return UNSET if make is None else self._values.get(make, UNSET)

    def maker_for(self, task: str) -> Maker | None:
        """What is to be made for each job of this task; None where nothing is."""
        if not self._book.per_job or not isinstance(self._book.replaced, Unset):
            return None
        return self._book.maker(task)


async def enter(stack: AsyncExitStack, make: Maker, own: bool = True) -> Any:
    """Make a value and leave it to `stack` to close it; not where it is not its maker's `own` to enter."""
    made = _whole(make())
    if inspect.isawaitable(made):
        made = await made
    if not own:
        return made
    if hasattr(made, "__aenter__"):
        return await stack.enter_async_context(made)
    if hasattr(made, "__enter__"):
        return stack.enter_context(made)
    return made


def _whole(made: Any) -> Any:
    """What a generator function gives is the context manager it was written to be."""
    if inspect.isgenerator(made):
        return contextmanager(_answering(cast("Generator[Any, None, None]", made)))()
    if inspect.isasyncgen(made):
        return asynccontextmanager(_answering(cast("AsyncGenerator[Any, None]", made)))()
    return made


def _answering(value: T) -> Callable[[], T]:
    return lambda: value


@asynccontextmanager
async def surrounded(context: Context[Any]) -> AsyncGenerator[None, None]:
    """An async attempt within the app's wrappers and with the deps made for it alone."""
    async with AsyncExitStack() as stack:
        if context.maker is not None:
            context.give_deps(await enter(stack, context.maker))
        for wrap in context.wraps:
            manager = wrap(context)
            if hasattr(manager, "__aenter__"):
                await stack.enter_async_context(manager)
            else:
                stack.enter_context(manager)
        yield


@contextmanager
def surrounded_sync(context: Context[Any]) -> Generator[None, None, None]:
    """The same for a sync body, which can only be given what needs no event loop."""
    with ExitStack() as stack:
        if context.maker is not None:
            context.give_deps(enter_sync(stack, context.maker, f"{context.job.task} is a sync body"))
        stack.enter_context(wrapped_sync(context))
        yield


@contextmanager
def wrapped_sync(context: Context[Any]) -> Generator[None, None, None]:
    """A sync attempt within the app's wrappers; async ones serve async bodies only."""
    with ExitStack() as stack:
        for wrap in context.wraps:
            manager = wrap(context)
            if hasattr(manager, "__enter__"):
                stack.enter_context(manager)
        yield


def enter_sync(stack: ExitStack, make: Maker, why: str) -> Any:
    """Make a value and leave it to `stack` to close it. Raises ConfigError for what must be awaited."""
    made = _whole(make())
    if inspect.isawaitable(made) or hasattr(made, "__aenter__"):
        if inspect.iscoroutine(made):
            made.close()
        raise ConfigError(
            f"these deps need an event loop, and {why}: "
            "give it deps of its own (app.deps_for) or make them once per worker"
        )
    return stack.enter_context(made) if hasattr(made, "__enter__") else made
