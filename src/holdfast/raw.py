"""Raw tasks: they are given the bytes that came, under a type that came with them.

app.enqueue_raw("invoice.paid", request.body, content_type="application/json")

@app.task("invoice.paid", raw=True)
def paid(ctx: Context, item: RawJob) -> RawResult | None: ...
"""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, overload

from typing_extensions import TypeVar

from holdfast.context import Context, RawJob
from holdfast.errors import ConfigError, InvalidArguments, InvalidOption
from holdfast.handle import Job
from holdfast.model.codec import Signature
from holdfast.model.jsontext import dump_json
from holdfast.model.options import NO_OPTIONS, JobOptions
from holdfast.model.raw import RawBody, RawResult, dump_body, dump_result, given_back, load_body
from holdfast.model.text import shown
from holdfast.task import Call, Later, Task, Transaction

R = TypeVar("R")
X = TypeVar("X")
REST = "*"
"""The type of a raw task that takes every raw job of its queue that no other one takes."""


def _raw(body: bytes, content_type: str | None = None, target: Any = None) -> Any:
    """What a raw task is enqueued with."""


class RawSignature(Signature):
    """Bytes and what came with them, as JSON text."""

    def __init__(self, name: str) -> None:
        super().__init__(_raw, name)

    def bind_dump(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        try:
            given = inspect.signature(_raw).bind(*args, **kwargs).arguments
        except TypeError as error:
            raise InvalidArguments(f"{self.name}: {error}; it takes {self._takes}") from error
        return dump_body(given["body"], given.get("content_type"), given.get("target"), self.name)

    def dump_arguments(self, given: Mapping[str, Any]) -> str:
        return dump_json(dict(given), f"arguments of {self.name}")

    def load_call(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        try:
            return (load_body(text),), {}
        except (ValueError, RecursionError) as error:
            raise InvalidArguments(f"{self.name} is a raw task, and this is no raw job: {shown(error)}") from error

    def dump_result(self, value: Any) -> str:
        if given_back(value) is not value:  # it looks like a raw result, and would be read as one
            value = RawResult(value)
        if isinstance(value, RawResult):
            return dump_result(value, f"the result of {self.name}")
        return super().dump_result(value)

    def load_result(self, text: str) -> Any:
        return given_back(json.loads(text))


class RawTask(Task[..., R, Any], Generic[R]):
    """A task that is given a RawJob: bytes, as they came.

    >>> hook.using(queue="hooks").enqueue(b"<paid/>", content_type="application/xml")
    """

    raw = True

    def __init__(
        self,
        body: Callable[..., Any],
        name: str,
        aliases: tuple[str, ...] = (),
        cpu: bool = False,
        options: JobOptions = NO_OPTIONS,
        transaction: Transaction = None,
    ) -> None:
        super().__init__(body, name, aliases, cpu, options, transaction)
        self.takes_rest = ""
        if name == REST:
            self.takes_rest, self.name = "raw", f"{self.queue}:{REST}"
        self.signature = RawSignature(self.name)
        self._items = items_only(body, self.name)

    def __call__(self, body: bytes, content_type: str | None = None, target: Any = None) -> Any:
        """Call the function here and now, as for a job that no database knows."""
        return self.run(self.context_for_calls(), (RawBody(body, content_type, target),), {})

    @property
    def takes_context(self) -> bool:
        return True  # an item is made of it

    def run(self, context: Context[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        item = raw_item(context, args[0])
        return self.body(item) if self._items else self.body(context, item)

    def enqueue(self, body: bytes, content_type: str | None = None, target: Any = None) -> Job[R]:
        """Store a raw job of this type. Raises InvalidArguments for what is no bytes, or more than 1 MiB."""
        return super().enqueue(body, content_type, target)

    async def aenqueue(self, body: bytes, content_type: str | None = None, target: Any = None) -> Job[R]:
        """`enqueue` for event loops."""
        return await super().aenqueue(body, content_type, target)

    def call(self, body: bytes, content_type: str | None = None, target: Any = None) -> Call[R]:
        """A raw job as a value, for `enqueue_many`."""
        if self.takes_rest:
            raise InvalidOption(f"{self.name} takes every type: app.enqueue_raw(type, body) says which")
        return super().call(body, content_type, target)


class RawDecorator(Protocol):
    """What `task("type", raw=True)` answers."""

    @overload
    def __call__(self, function: Callable[[Context[X], RawJob], Later[R]], /) -> RawTask[R]: ...
    @overload
    def __call__(self, function: Callable[[Context[X], RawJob], R], /) -> RawTask[R]: ...
    @overload
    def __call__(self, function: Callable[[RawJob], Later[R]], /) -> RawTask[R]: ...
    @overload
    def __call__(self, function: Callable[[RawJob], R], /) -> RawTask[R]: ...


def outgoing(type: str) -> RawTask[Any]:
    """For who enqueues only: a type of raw jobs whose task is elsewhere."""
    if type == REST:
        raise InvalidOption("a raw job has a type of its own; * is for the task that takes all others")
    return RawTask(_raw_elsewhere, type)


def _raw_elsewhere(item: RawJob) -> Any:
    raise NotImplementedError


def raw_item(context: Context[Any], came: RawBody) -> RawJob:
    """What a raw body is given."""
    return RawJob(context.job, context.job.task, came.body, came.content_type, came.target)


def items_only(body: Callable[..., Any], name: str) -> bool:
    """Whether the function takes the item alone, without a context before it."""
    parameters = [
        each
        for each in inspect.signature(body).parameters.values()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) and each.default is each.empty
    ]
    if len(parameters) not in (1, 2):
        raise ConfigError(f"raw task {name} must take (ctx, item) or (item), not {inspect.signature(body)}")
    return len(parameters) == 1
