"""Pipes: typed, durable streams of messages."""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, overload

from pydantic import TypeAdapter
from typing_extensions import TypeVar

from holdfast.errors import ConfigError, HoldfastError, InvalidArguments, InvalidOption, MisuseError
from holdfast.ids import new_id
from holdfast.model.conflict import check_key
from holdfast.model.contract import opened
from holdfast.model.duration import Duration, seconds
from holdfast.model.jsontext import Codec, describe
from holdfast.model.lazy import lazy
from holdfast.model.message import NewMessage, Sent
from holdfast.model.text import check_name, shown
from holdfast.source import Ends, Made, Trigger
from holdfast.storage.lenders import recognise
from holdfast.waiting import running_job

T = TypeVar("T")
KEEP = "7d"


class Posts(Protocol):
    """Whatever stores messages for pipes: an app, one of its tenants, a caller's transaction."""

    def _post(self, new: Sequence[NewMessage]) -> list[Sent]: ...
    async def _apost(self, new: Sequence[NewMessage]) -> list[Sent]: ...
    def bind(self, connection: Any) -> "Posts": ...


@dataclass(eq=False, slots=True)
class _Home:
    """Where the messages of a pipe, and of all that `using` made of it, are stored."""

    binding: Posts | None = None
    several: bool = False


class Pipe(Generic[T]):
    """A typed stream of messages, kept in the database: what `app.pipe(name, type)` makes.

    A message triggers tasks (`@app.task(triggers=[pipe])`), and goes to jobs that wait for it; whoever sends it knows
    of neither. Each verb has a twin for event loops: `send` and `asend`.

    name: what it is stored under; `type`: that of its messages; `keep`: seconds that they stay.
    """

    def __init__(self, name: str, type: Any, keep: Duration = KEEP) -> None:
        self.name = check_name(name, "a pipe's name")
        self.type = type
        self.keep = seconds(keep, "keep")
        if self.keep <= 0:
            raise InvalidOption("keep of a pipe must be more than 0: messages wait there for those that take them")
        self.connection: Any = None
        self.tenant: str | None = None
        self._home = _Home()

    def __repr__(self) -> str:
        return f"<Pipe {self.name}>"

    def send(self, value: T, *, key: str | None = None) -> Sent:
        """Store a message; durable when it returns. What it triggers and frees begins then.

        key: of messages with one key only the first is stored, for as long as it is kept; the others answer its id.

        Raises InvalidArguments (nothing is stored) for a value that is not of the pipe's type, InvalidOption,
        MisuseError where no app has taken the pipe in, Busy where somebody's open transaction has the key,
        DatabaseError.

        >>> uploaded.send(Upload(path="a.wav"), key="a.wav").created
        True
        """
        return self._post([self._new(value, key)])[0]

    async def asend(self, value: T, *, key: str | None = None) -> Sent:
        """`send` for event loops. In the body of a job it is recorded: a replay sends nothing anew."""
        return (await self._apost([self._new(value, key)]))[0]

    def send_many(self, values: Iterable[T]) -> list[Sent]:
        """Store many messages in one transaction, all or none; the answer is in their order.

        >>> uploaded.send_many([Upload(path=path) for path in paths])
        """
        new = [self._new(value, None) for value in values]
        return self._post(new) if new else []

    async def asend_many(self, values: Iterable[T]) -> list[Sent]:
        """`send_many` for event loops."""
        new = [self._new(value, None) for value in values]
        return await self._apost(new) if new else []

    def using(self, *, connection: Any = None, tenant: str | None = None) -> Self:
        """The same pipe, for messages that are otherwise stored; this one stays as it is.

        connection: send in the transaction that is open on it, which stays yours to commit: as in `Task.using`.
        tenant: whose messages they are; None: that of the job whose body this is, else the default one.

        >>> uploaded.using(connection=session).send(Upload(path="a.wav"))
        """
        other = copy(self)
        if connection is not None:
            recognise(connection)
            other.connection = connection
        if tenant is not None:
            other.tenant = check_name(tenant, "tenant")
        return other

    def via(self, binding: Posts) -> Self:
        """The same pipe, its messages stored by this app, tenant or bound app; this one stays as it is."""
        other = copy(self)
        other._home = _Home(binding)
        return other

    def bind(self, binding: Posts) -> None:
        """Say where the messages are stored, also of those that `using` made from it before."""
        self._home.several |= self._home.binding not in (None, binding)
        self._home.binding = binding

    def into(self, transform: Callable[[T], Made]) -> "Trigger[T]":
        """For `triggers=`: a function that makes of a message the arguments of the task's job, by name; or
        `task.call(…)`, several of them, or None for no job.

        It runs in a worker, once or more for a message, of which one set of jobs is made; one that raises sets the
        message aside for this task.

        >>> @app.task(triggers=[uploaded.into(lambda upload: {"path": upload.path})])
        ... async def process(path: str) -> None: ...
        """
        if not callable(transform):
            raise InvalidOption(f"into takes a function of a message, not {shown(transform)}")
        return Trigger(self, transform)

    def dump(self, value: Any) -> str:
        """A message as JSON text. Raises InvalidArguments."""
        try:
            return self._codec.dump(opened(value)).decode()
        except HoldfastError:
            raise
        except Exception as error:  # validators and serializers of users may raise anything
            raise InvalidArguments(f"a message of pipe {self.name}: {describe(error)}; nothing was sent") from error

    def load(self, text: str) -> T:
        """The value of JSON text, validated. Raises InvalidArguments."""
        try:
            found: T = self._codec.load(text)
            return found
        except HoldfastError:
            raise
        except Exception as error:
            raise InvalidArguments(f"a stored message of pipe {self.name}: {describe(error)}") from error

    @lazy
    def _codec(self) -> Codec:
        return Codec(self.type, f"a message of pipe {self.name}")

    @lazy
    def schema(self) -> dict[str, Any]:
        """The JSON schema of its messages; empty where there is none."""
        try:
            return TypeAdapter(self.type).json_schema()
        except Exception:  # of some types nobody knows what their JSON looks like
            return {}

    def _post(self, new: Sequence[NewMessage]) -> list[Sent]:
        return self._binding._post(new)  # pyright: ignore[reportPrivateUsage] - for pipes alone

    async def _apost(self, new: Sequence[NewMessage]) -> list[Sent]:
        return await self._binding._apost(new)  # pyright: ignore[reportPrivateUsage]

    @property
    def _binding(self) -> Posts:
        home = self._home
        if home.several:
            raise MisuseError(f"pipe {self.name} serves several apps: say which by pipe.via(app)")
        if home.binding is None:
            raise MisuseError(
                f"pipe {self.name} is in a TaskSet that no app has taken in: call app.include(tasks) with that set"
            )
        return home.binding if self.connection is None else home.binding.bind(self.connection)

    def _new(self, value: T, key: str | None) -> NewMessage:
        line = running_job.get()
        sender = None if line is None else line.id
        return NewMessage(
            self.tenant or "", new_id(), self.name, None if key is None else check_key(key), self.dump(value), sender,
            self.keep,
        )  # fmt: skip


class KeepsPipes:
    """The verb `pipe`, for whoever keeps pipes: a TaskSet, an app."""

    def add_pipe(self, pipe: Pipe[Any]) -> None:
        """Keep a pipe. Raises ConfigError where its name is taken."""
        raise NotImplementedError

    @overload
    def pipe(self, name: str, type: type[T], *, keep: Duration = KEEP) -> Pipe[T]: ...
    @overload
    def pipe(self, name: str, type: Any, *, keep: Duration = KEEP) -> Pipe[Any]: ...
    def pipe(self, name: str, type: Any, *, keep: Duration = KEEP) -> Pipe[Any]:
        """Declare a pipe: a typed, durable stream of messages.

        type: of its messages: a Pydantic model, a dataclass, or whatever JSON can hold by its annotation.
        keep: how long messages stay, 7 days; those that are still to trigger something stay longer.

        Raises ConfigError where the app has another pipe of that name, InvalidOption.

        >>> uploaded = app.pipe("song.uploaded", Upload)
        >>> uploaded.send(Upload(path="a.wav"))
        """
        made: Pipe[Any] = Pipe(name, type, keep)
        self.add_pipe(made)
        return made


def triggers_of(given: Any) -> tuple[Trigger[Any], ...]:
    """What `triggers=` was given. Raises ConfigError."""
    several: list[Any] = [given] if isinstance(given, Pipe | Trigger) else list(given)
    found: list[Trigger[Any]] = [_trigger(one) for one in several]
    names = [one.pipe.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"pipe {name} triggers the task twice: a function of into may answer several jobs")
    return tuple(found)


def _trigger(given: Any) -> Trigger[Any]:
    if issubclass(type(given), Trigger):
        made: Trigger[Any] = given
        return made
    if issubclass(type(given), Ends):
        source = f"{given.task.name}.{given.state or 'finished'}"
        raise ConfigError(f"say what each end becomes: triggers=[{source}.into(function)]")
    if not issubclass(type(given), Pipe):
        known = "pipes, pipe.into(function) or task.succeeded.into(function)"
        raise ConfigError(f"triggers are {known}, not {shown(given)}")
    return Trigger(given)
