"""`app.pipes`: messages of pipes, sent and looked at by the names of their pipes."""

from collections.abc import Sequence
from typing import Any, TypeAlias, overload

from typing_extensions import TypeVar

from holdfast.errors import InvalidOption, UnknownPipe
from holdfast.executor import Executor
from holdfast.ids import check_id
from holdfast.model.message import Message, Pending, PipeStats, Sent
from holdfast.model.tenant import Scope
from holdfast.model.text import check_name, shown
from holdfast.paging import checked
from holdfast.pipe import Pipe, Posts
from holdfast.storage.ops import pipes as ops

T = TypeVar("T")
Waiting: TypeAlias = list[Pending]
Found: TypeAlias = list[PipeStats]  # named out here: in the class, `list` is a verb


class MessagePage(Sequence[Message[T]]):
    """Some messages, and where the next page begins: `next` is a cursor, or None on the last page."""

    def __init__(self, messages: list[Message[T]], next: str | None) -> None:
        self._messages = messages
        self.next = next

    def __len__(self) -> int:
        return len(self._messages)

    @overload
    def __getitem__(self, place: int) -> Message[T]: ...
    @overload
    def __getitem__(self, place: slice) -> list[Message[T]]: ...
    def __getitem__(self, place: int | slice) -> Message[T] | list[Message[T]]:
        return self._messages[place]


class Pipes:
    """The pipes of one app. Each verb has a twin for event loops: `list` and `alist`. A pipe is given by itself or by
    its name; values that are read are what JSON has of them."""

    def __init__(self, executor: Executor, scope: Scope, posts: Posts) -> None:
        self._executor = executor
        self._scope = scope
        self._posts = posts

    def send(self, pipe: Pipe[Any] | str, value: Any, *, key: str | None = None) -> Sent:
        """`pipe.send` for a pipe that is known by its name, and here also within a bound transaction or tenant.

        Raises UnknownPipe where the app has no pipe of that name, and what `Pipe.send` does.

        >>> app.bind(connection).pipes.send(uploaded, Upload(path="a.wav"))
        """
        return self._known(pipe).via(self._posts).send(value, key=key)

    async def asend(self, pipe: Pipe[Any] | str, value: Any, *, key: str | None = None) -> Sent:
        """`send` for event loops."""
        return await self._known(pipe).via(self._posts).asend(value, key=key)

    def send_many(self, pipe: Pipe[Any] | str, values: Sequence[Any]) -> list[Sent]:
        """`pipe.send_many` likewise."""
        return self._known(pipe).via(self._posts).send_many(values)

    async def asend_many(self, pipe: Pipe[Any] | str, values: Sequence[Any]) -> list[Sent]:
        """`send_many` for event loops."""
        return await self._known(pipe).via(self._posts).asend_many(values)

    def list(self) -> Found:
        """The pipes that have messages, by name.

        >>> {one.name: one.parked for one in app.pipes.list()}
        """
        return self._executor.run(ops.every(self._scope), "read")

    async def alist(self) -> Found:
        """`list` for event loops."""
        return await self._executor.arun(ops.every(self._scope), "read")

    def stats(self, pipe: Pipe[Any] | str) -> PipeStats:
        """How a pipe stands: its messages, and what they are still to become."""
        return self._executor.run(ops.stats(_name(pipe), self._scope), "read")

    async def astats(self, pipe: Pipe[Any] | str) -> PipeStats:
        """`stats` for event loops."""
        return await self._executor.arun(ops.stats(_name(pipe), self._scope), "read")

    def get(self, id: str) -> Message[Any] | None:
        """One message; None where it is not there (any more)."""
        return self._executor.run(ops.get(check_id(id), self._scope), "read")

    async def aget(self, id: str) -> Message[Any] | None:
        """`get` for event loops."""
        return await self._executor.arun(ops.get(check_id(id), self._scope), "read")

    def messages(self, pipe: Pipe[Any] | str, *, limit: int = 100, after: str | None = None) -> MessagePage[Any]:
        """Messages of a pipe, the newest first: a page of at most `limit` (1 to 1,000), after the cursor `after`.

        >>> [message.value for message in app.pipes.messages(uploaded)]
        """
        op = ops.page(_name(pipe), self._scope, checked(limit) + 1, _before(after))
        return _cut(self._executor.run(op, "read"), limit)

    async def amessages(self, pipe: Pipe[Any] | str, *, limit: int = 100, after: str | None = None) -> MessagePage[Any]:
        """`messages` for event loops."""
        op = ops.page(_name(pipe), self._scope, checked(limit) + 1, _before(after))
        return _cut(await self._executor.arun(op, "read"), limit)

    def pending(self, pipe: Pipe[Any] | str, *, limit: int = 100) -> Waiting:
        """What messages of a pipe are still to become, the oldest first; `parked` says why it could not be made."""
        return self._executor.run(ops.pending(_name(pipe), self._scope, checked(limit)), "read")

    async def apending(self, pipe: Pipe[Any] | str, *, limit: int = 100) -> Waiting:
        """`pending` for event loops."""
        return await self._executor.arun(ops.pending(_name(pipe), self._scope, checked(limit)), "read")

    def retry(self, pipe: Pipe[Any] | str) -> int:
        """Try anew to make the jobs that could not be made of its messages; answers how many. Every worker that starts
        does so for its own tasks."""
        return self._executor.run(ops.retry(_name(pipe), self._scope))

    async def aretry(self, pipe: Pipe[Any] | str) -> int:
        """`retry` for event loops."""
        return await self._executor.arun(ops.retry(_name(pipe), self._scope))

    def _known(self, pipe: Pipe[Any] | str) -> Pipe[Any]:
        if isinstance(pipe, Pipe):
            return pipe
        found: Pipe[Any] | None = self._executor.client.pipes.get(_name(pipe))
        if found is None:
            raise UnknownPipe(f"the app has no pipe {shown(pipe)}: declare it with app.pipe({shown(pipe)}, type)", pipe)
        return found


def _name(pipe: Any) -> str:
    return pipe.name if isinstance(pipe, Pipe) else check_name(pipe, "a pipe's name")


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    text = str(cursor)
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidOption(f"after must be the cursor that a page ended with, not {shown(cursor)}")
    return int(text)


def _cut(found: list[Message[Any]], limit: int) -> MessagePage[Any]:
    return MessagePage(found[:limit], str(found[limit - 1].place) if len(found) > limit else None)
