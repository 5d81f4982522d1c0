"""How a worker shall work, and which tasks it knows."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from holdfast.config import Settings
from holdfast.consumer import Consumer
from holdfast.context import Context
from holdfast.errors import ConfigError
from holdfast.ids import new_id
from holdfast.model.gate import LIMIT
from holdfast.model.job import ClaimedJob
from holdfast.model.limit import Limit
from holdfast.model.options import Unset
from holdfast.model.retry import NO_RETRY, Retry
from holdfast.model.text import shown
from holdfast.running import Body, Recorded
from holdfast.taskset import TaskSet
from holdfast.worker.attempt import AnyTask
from holdfast.worker.deps import DepsBook
from holdfast.worker.providers import Providers
from holdfast.worker.undoing import standing_in


def refused(body: Body) -> Recorded:
    """Of a worker that was made without them."""
    raise ConfigError("this worker records no steps")


class Deliver(Protocol):
    """Makes jobs of the messages that trigger them, on threads."""

    def wanted(self) -> bool: ...
    def run_once(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How a worker shall work: see `Holdfast.worker`.

    queues: None for all, or queue and its slots (None: as many as there are).
    tasks: only these; None: all that are known.
    batch: the most jobs in one claim.
    retry: the app's own rule, whose code counts for tasks that have none.
    cpu_slots: `cpu=True` bodies at once, None: as many as there are processors; cpu_jobs: one process runs so many;
        cpu_memory: bytes it may take. durable: what records the steps of a body; deliver: what makes jobs of messages.
    """

    queues: Mapping[str, int | None] | None = None
    tasks: frozenset[str] | None = None
    concurrency: int = 10
    poll_interval: float = 1.0
    lease: float = 30.0
    batch: int | None = None
    name: str = ""
    retry: Retry = NO_RETRY
    cpu_slots: int | None = None
    cpu_jobs: int = 1000
    cpu_memory: int | None = None
    boot: str = field(default_factory=new_id)
    deps: DepsBook = field(default_factory=lambda: DepsBook(None, False))
    wraps: tuple[Callable[[Context[Any]], Any], ...] = ()
    providers: Providers = field(default_factory=lambda: Providers(None))
    durable: Callable[[Body], Recorded] = refused
    deliver: "Deliver | None" = None

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        tasks: frozenset[str] | None,
        batch: int | None,
        retry: Retry | Unset,
        deps: DepsBook,
        wraps: tuple[Callable[[Context[Any]], Any], ...],
        providers: Providers,
        durable: Callable[[Body], Recorded],
        deliver: "Deliver | None" = None,
    ) -> "Plan":
        """The plan that settings and an app make."""
        return cls(
            queues=settings.queues,
            tasks=tasks,
            concurrency=settings.concurrency,
            poll_interval=settings.poll_interval,
            lease=settings.lease,
            batch=None if batch is None else check_batch(batch),
            name=settings.name or "",
            retry=NO_RETRY if isinstance(retry, Unset) else retry,
            cpu_slots=settings.cpu_slots,
            cpu_jobs=settings.cpu_jobs,
            cpu_memory=settings.cpu_memory,
            deps=deps,
            wraps=wraps,
            providers=providers,
            durable=durable,
            deliver=deliver,
        )

    @property
    def shown_name(self) -> str:
        """For people; it identifies nothing."""
        return self.name or f"{socket.gethostname()}:{os.getpid()}"


def check_batch(batch: object) -> int:
    """A number of jobs; ConfigError for anything else."""
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise ConfigError(f"batch must be a whole number from 1, not {shown(batch)}")
    return batch


class Tasks:
    """The tasks a worker knows, looked up anew each time: those added while it runs are taken up."""

    def __init__(self, book: TaskSet, plan: Plan) -> None:
        self._book = book
        self._only = plan.tasks
        self._queues = plan.queues
        self.others_exist = plan.tasks is not None
        """True once it is clear that jobs of tasks unknown here pass by: claims then ask for known ones only."""

    def find(self, job: ClaimedJob) -> AnyTask | None:
        """The task whose body runs this job, None where none is known here."""
        task = self._book.body_for(job)
        if task is None or (self._only is not None and task.name not in self._only):
            self.others_exist = True
            return None
        return standing_in(job, task)

    def __iter__(self) -> Iterator[AnyTask]:
        return (task for task in tuple(self._book) if self._only is None or task.name in self._only)

    def served(self) -> Iterator[AnyTask]:
        """Those whose own queue this worker serves."""
        return (task for task in self if self._queues is None or task.queue in self._queues)

    def consumers(self) -> Iterator[Consumer]:
        """Those of which some handler is known here."""
        mine = set(self)
        return (consumer for consumer in self._book.consumers if not mine.isdisjoint(consumer.handlers))

    def all_consumers(self) -> list[Consumer]:
        return self._book.consumers

    def names(self) -> tuple[str, ...]:
        return tuple(name for task in self if task.handled for name in (task.name, *task.aliases))

    def queues(self) -> tuple[str, ...]:
        """The queues that the known tasks' own jobs go to."""
        return tuple({task.queue for task in self})

    def rest(self) -> tuple[str, ...]:
        """Marks of the queues of which some task takes what is left."""
        return self._book.rest_marks(self._only)

    def limits(self) -> list[tuple[str, int | None, float | None]]:
        """The limits of known tasks, as the code has them now: name, places, seconds between two starts.

        Raises ConfigError where two tasks name one limit and mean different ones.
        """
        found: dict[str, tuple[str, Limit]] = {}
        for task in self:
            for limit in task.options.limit if isinstance(task.options.limit, tuple) else ():
                if not isinstance(limit, Limit):
                    continue
                gate = limit.gate(task.name)
                other, there = found.setdefault(gate, (task.name, limit))
                if (there.concurrency, there.spacing) != (limit.concurrency, limit.spacing):
                    raise ConfigError(
                        f"limit {gate.removeprefix(LIMIT)} is one thing in {other} and another in {task.name}"
                    )
        return [(gate, limit.concurrency, limit.spacing) for gate, (_, limit) in found.items()]

    def asked(self) -> tuple[str, ...] | None:
        """The tasks to name in a claim; None asks for any, which costs nothing."""
        return self.names() + self.rest() if self.others_exist else None
