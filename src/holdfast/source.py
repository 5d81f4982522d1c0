"""What triggers tasks: pipes (pipe.py), and the ends of other tasks' jobs."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, cast

from typing_extensions import TypeVar

from holdfast.clock import from_micros
from holdfast.errors import InvalidArguments, InvalidOption
from holdfast.model.codec import Signature
from holdfast.model.end import EndError, JobEnd
from holdfast.model.job import JobState
from holdfast.model.text import shown

R = TypeVar("R")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Called(Protocol):
    """A job of a task as a value: `task.call(…)`."""

    @property
    def task(self) -> Any: ...
    @property
    def args(self) -> str: ...


Made: TypeAlias = Mapping[str, Any] | Called | Iterable[Called] | None
"""What a transform makes of a message: the arguments of a job by name, a call, several, or none."""


class Source(Protocol[T_co]):
    """Where messages come from that trigger tasks."""

    @property
    def name(self) -> str:
        """The pipe's name."""
        ...

    def load(self, text: str) -> T_co:
        """The value of a stored message. Raises InvalidArguments."""
        ...


@dataclass(frozen=True, slots=True)
class Trigger(Generic[T]):
    """A pipe or another task's ends that trigger a task, and what makes the job of a message."""

    pipe: Source[T]
    transform: Callable[[T], Made] | None = None


_PARTS = {"id", "version", "task", "tenant", "state", "reason", "args", "result", "error", "at"}


class Ending(Protocol):
    """A task, as far as the ends of its jobs need it."""

    name: str
    signature: Signature


class Ends(Generic[R]):
    """The ends of a task's jobs, in one state or in any: `encode.succeeded`, `encode.finished` …"""

    def __init__(self, task: Ending, state: JobState | None) -> None:
        self.task = task
        self.state = state

    def __repr__(self) -> str:
        return f"<Ends {self.name}>"

    @property
    def name(self) -> str:
        """That of the pipe whose messages they are."""
        return f"holdfast:{self.task.name}:{self.state or 'finished'}"

    def into(self, transform: Callable[[JobEnd[R]], Made]) -> Trigger[JobEnd[R]]:
        """For `triggers=`: a function that makes of each end the arguments of the task's job, by name; or
        `task.call(…)`, several of them, or None for no job. It may run more than once; one set of jobs is made.

        >>> @app.task(triggers=[encode.succeeded.into(lambda end: {"path": end.result})])
        ... async def publish(path: str) -> None: ...
        """
        if not callable(transform):
            raise InvalidOption(f"into takes a function of how a job ended, not {shown(transform)}")
        return Trigger(self, transform)

    def load(self, text: str) -> JobEnd[R]:
        """An end as it was told. Raises InvalidArguments where the job was not kept, so that nobody knows."""
        found: Any = json.loads(text)
        told: dict[str, Any] = found if issubclass(type(found), dict) else {}
        if not told.keys() >= _PARTS:
            raise InvalidArguments("what was told is not how a job ended")
        if told["args"] is None:
            raise InvalidArguments(
                f"of job {told['id']} nothing was kept that could be handed on: let task {self.task.name} keep its jobs"
            )
        state = JobState(told["state"])
        result: Any = None
        if state is JobState.SUCCEEDED:
            result = self.task.signature.load_result(told["result"])
        error = None if told["error"] is None else EndError(*told["error"])
        return JobEnd(
            told["id"], told["version"], told["task"], told["tenant"], state, told["reason"], told["args"], result,
            error, from_micros(told["at"]),
        )  # fmt: skip


class TellsEnds(Generic[R]):
    """For a task: the ends of its jobs, which trigger others."""

    @property
    def succeeded(self) -> Ends[R]:
        """Its jobs that succeed, for another task's `triggers`: `encode.succeeded.into(function)`, see `Ends.into`."""
        return Ends(cast("Ending", self), JobState.SUCCEEDED)

    @property
    def failed(self) -> Ends[R]:
        """Its jobs that fail for good, likewise."""
        return Ends(cast("Ending", self), JobState.FAILED)

    @property
    def cancelled(self) -> Ends[R]:
        """Its jobs that are cancelled, likewise."""
        return Ends(cast("Ending", self), JobState.CANCELLED)

    @property
    def finished(self) -> Ends[R]:
        """Its jobs that end in any way, likewise."""
        return Ends(cast("Ending", self), None)
