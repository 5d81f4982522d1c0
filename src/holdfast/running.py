"""What durable verbs and the worker that runs a body know of each other."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from holdfast.client import Client
from holdfast.context import Connecting, Context, JobView, Port
from holdfast.errors import JobStopped, LeaseLost, MisuseError
from holdfast.ids import derived_id
from holdfast.model.branch import Branch
from holdfast.model.job import ClaimedJob, NewJob
from holdfast.model.lifecycle import Requeue, Verdict
from holdfast.model.outcome import Outcome
from holdfast.storage.base import Store
from holdfast.storage.ops.jobs import Held, Lease
from holdfast.storage.ops.steps import Entry
from holdfast.waiting import running_job


class Office(Protocol):
    """The worker's side."""

    @property
    def store(self) -> Store: ...
    @property
    def client(self) -> Client: ...
    def record(self, entry: Entry) -> "asyncio.Future[Held]":
        """Make one piece of a job durable, together with what others record just then. Answers DONE or LOST."""
        ...

    def now(self) -> datetime:
        """About what the database's statements see."""
        ...

    def resumed(self, body: "Body") -> None:
        """A body is replayed that had waited."""
        ...

    def suspend(self, body: "Body", verdict: Requeue) -> None:
        """Give the body's slot back until its job is claimed again; where that is here, `resume` is called."""
        ...

    def context(self, body: "Body", view: JobView, port: Port, effects: Connecting | None = None) -> Context[Any]:
        """What a step's function is given."""
        ...

    async def process(
        self, context: Context[Any], body: "Body", step: str, function: Any, args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:  # fmt: skip
        """Call a step's function in a process, which is killed when nobody waits any more. Raises BodyFailed."""
        ...

    def progress(self, body: "Body", state: dict[str, object]) -> None: ...
    def line(self, body: "Body", level: str, message: str, step: str) -> None: ...
    def open(self, body: "Body") -> "Recorded": ...
    def version(self, body: "Body") -> str | None:
        """The version of the task's code."""
        ...


class Body(Protocol):
    """A running attempt: the worker's `Holding`."""

    run: "Recorded | None"
    extension: float
    others: list[Branch] | None
    early: "list[Early] | None"

    @property
    def job(self) -> ClaimedJob: ...
    @property
    def lease(self) -> Lease: ...
    @property
    def office(self) -> Office: ...
    @property
    def stop(self) -> str | None: ...
    @property
    def stop_reason(self) -> str | None: ...
    @property
    def root(self) -> Any:
        """It is the root of its own lines."""
        ...

    @property
    def evicted(self) -> bool: ...
    @property
    def effects(self) -> Any: ...
    @property
    def body(self) -> Any:
        """The asyncio task of an async body."""
        ...


class Recorded(Protocol):
    """The steps of a body, replayed and recorded: `holdfast.durable.run.Run`."""

    async def judged(self, outcome: Outcome | None) -> Outcome | None:
        """What an attempt comes to that ended so; nothing of it goes on when this returns."""
        ...

    def counted(self, verdict: Verdict) -> Verdict:
        """As what a report counts the end of this attempt: a job that undoes what it did has not ended."""
        ...

    async def undo(self, again: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Undo what the job did; `again` runs its body."""
        ...

    def resume(self) -> None:
        """The job was suspended, and is claimed here again."""
        ...


def line_here(verb: str) -> Branch:
    """The line that calls. Raises MisuseError where no async body of a job runs, or a step's own body does."""
    line = running_job.get()
    if line is None:
        raise MisuseError(f"{verb} is for the body of a job, and none runs here")
    if getattr(line.root, "office", None) is None or line.root.body is None:
        raise MisuseError(f"{verb} needs an async body: job {line.id} runs as a plain function")
    if line.within is not None:
        raise MisuseError(
            f"{verb} within step {line.within} of job {line.id}: a step is one piece. Call it from the task's own "
            "body, or make the step's function plain code"
        )
    return line


def run_of(line: Branch) -> Any:
    """The steps of a line's body."""
    body: Body = line.root
    if body.run is None:
        body.run = body.office.open(body)
    return body.run


def enqueueing() -> Branch | None:
    """The line of an async body that runs here, whose jobs are to be stored once; None elsewhere."""
    line = running_job.get()
    if line is None or line.within is not None or getattr(line.root, "office", None) is None:
        return None
    return None if line.root.body is None else line


def recorded(line: Branch) -> bool:
    """Whether what a line stores is recorded with it: a body that recorded nothing, and has no past, pays nothing."""
    return line.root.run is not None or line.root.job.token > 1


class Early(NamedTuple):
    """Jobs that a body stored before it recorded anything: known by their ids, which are always the same."""

    path: str
    name: str
    mark: str
    done: str


def early(line: Branch, calls: Sequence[Any], new: Sequence[NewJob]) -> list[NewJob]:
    """Those jobs, their ids made of what stores them, so that a replay finds them again."""
    name = enqueue_name(calls)
    body: Body = line.root
    if body.early is None:
        body.early = []
    nth = sum(one.path == line.path and one.name == name for one in body.early)
    new = numbered(body.job, (line.path, name, nth), new)
    if not any(job.conditional for job in new):
        done = json.dumps([(job.id, True, 1) for job in new])
        body.early.append(Early(line.path, name, digest_of(calls), done))
    return new


def numbered(job: ClaimedJob, piece: tuple[object, ...], new: Sequence[NewJob]) -> list[NewJob]:
    """New jobs under ids that are always the same for this piece of this job."""
    return [one._replace(id=derived_id(job.id, job.version, *piece, number)) for number, one in enumerate(new)]


def enqueue_name(calls: Sequence[Any]) -> str:
    """What the piece is called that stores these."""
    names = dict.fromkeys(call.task.name for call in calls)
    return ("enqueue " + (", ".join(names) if len(names) < 4 else f"{len(names)} tasks"))[:200]


def digest_of(calls: Sequence[Any]) -> str:
    """A digest of their arguments."""
    text = "\n".join(call.args for call in calls)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()


def check_stop(body: Body) -> None:
    """Raise where the body is to end."""
    if body.evicted:
        raise JobStopped(f"job {body.job.id} waits, and is replayed later: this copy of its body ends")
    if body.stop == "lost":
        raise LeaseLost(f"another worker holds job {body.job.id} now")
    if body.stop is not None:
        raise JobStopped(f"job {body.job.id} is to stop: {body.stop_reason or body.stop}")
