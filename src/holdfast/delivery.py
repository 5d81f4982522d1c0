"""Messages of pipes become jobs of the tasks that they trigger: done by whoever knows these tasks.

The functions of `into` run outside any transaction; what they made is then stored by one that takes the delivery out.
Two workers may make the jobs of a message at once, and one of them stores them.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from holdfast.errors import InvalidOption
from holdfast.events.bus import Bus
from holdfast.ids import derived_id
from holdfast.model.job import JobRecord, NewJob
from holdfast.model.jsontext import shown_text
from holdfast.model.lazy import lazy
from holdfast.model.message import MESSAGE
from holdfast.model.options import Unset
from holdfast.model.tenant import Scope
from holdfast.model.text import clean_text, shown
from holdfast.pipe import Pipe
from holdfast.posting import wake_left
from holdfast.source import Ends, Trigger
from holdfast.storage.base import Store
from holdfast.storage.ops import asks, ends
from holdfast.storage.ops import deliveries as ops
from holdfast.storage.ops.deliveries import Due, Made
from holdfast.storage.ops.inspect import get
from holdfast.task import Call, Task
from holdfast.taskset import TaskSet

PAGE = 100
MOST_PAGES = 50
MOST_REASON = 1024


class Delivery:
    """The deliveries of one app. `new_jobs` makes of calls the jobs that are stored."""

    def __init__(
        self,
        store: Callable[[], Store],
        bus: Bus,
        tasks: TaskSet,
        new_jobs: Callable[[Sequence[Call[Any]]], list[NewJob]],
    ) -> None:
        self._store = store
        self._bus = bus
        self._tasks = tasks
        self._new_jobs = new_jobs
        self._declared: frozenset[ops.Pair] | None = None

    def wanted(self) -> bool:
        """Whether there are pipes, whose messages trigger tasks or free jobs."""
        return bool(self._tasks.pipes) or any(task.triggers for task in self._tasks)

    def run_once(self, pages: int = MOST_PAGES) -> int:
        """Free the jobs that wait for messages, and make jobs of these, `pages` x 100 of each at most; answers how many
        waits are over and deliveries done."""
        found = {(trigger.pipe.name, task.name): (trigger, task) for task, trigger in self._triggers()}
        store = self._store()
        if found:
            self._declare(store, frozenset(found))
        if store.run(ends.wanted(), "read"):
            tell_all(store, pages)
        elif not self.wanted():
            return 0
        total = match_all(store, pages)
        if not found:
            return total
        tasks, pipes = sorted({task for _, task in found}), sorted({pipe for pipe, _ in found})
        for _ in range(pages):
            look = store.run(ops.look(tasks, pipes, PAGE), "read")
            if look.untaken and store.run(ops.hand(pipes, PAGE)):
                look = store.run(ops.look(tasks, pipes, PAGE), "read")
            if not look.due:
                break
            total += self._deliver(store, [self._made(due, found.get((due.pipe, due.task))) for due in look.due])
        return total

    def _triggers(self) -> Iterable[tuple[Task[Any, Any, Any], Trigger[Any]]]:
        return ((task, trigger) for task in tuple(self._tasks) if task.handled for trigger in task.triggers)

    def _declare(self, store: Store, pairs: frozenset[ops.Pair]) -> None:
        if pairs != self._declared:
            heard = [
                ends.Heard(source.name, source.task.name, source.state and source.state.value)
                for _, trigger in self._triggers()
                if isinstance(source := trigger.pipe, Ends)
            ]
            store.run(ops.declare(sorted(pairs), self._tasks.names(), heard))
            self._declared = pairs

    def _made(self, due: Due, known: "tuple[Trigger[Any], Task[Any, Any, Any]] | None") -> Made:
        """What a message becomes. Whatever is wrong with it, or raises, sets it aside and stops no other."""
        if known is None:
            return Made(due, refusal=f"pipe {shown(due.pipe)} triggers task {shown(due.task)} no more")
        try:
            calls = _calls(*known, due.value)
            return Made(due, tuple(self._job(due, call, number) for number, call in enumerate(calls)))
        except InvalidOption as error:
            reason = str(error)
        except Exception as error:
            reason = f"{type(error).__name__}: {shown_text(str(error), 500)}"
        return Made(due, refusal=clean_text(reason, MOST_REASON))

    def _job(self, due: Due, call: Call[Any], number: int) -> NewJob:
        """The same id each time that it is made, so that a job knows of its message, and there is one."""
        (new,) = self._new_jobs([call])
        if new.merge is not None:
            raise InvalidOption("a job that a message makes cannot be merged with another: say keep, replace or reject")
        if isinstance(call.task.options.tenant, Unset):
            new = new._replace(tenant=due.tenant)
        metadata = json.dumps({**json.loads(new.metadata or "{}"), MESSAGE: due.message})
        return new._replace(id=derived_id(due.message, due.task, number), metadata=metadata)

    def _deliver(self, store: Store, made: Sequence[Made]) -> int:
        done = store.run(ops.deliver(made))
        for each in made:
            if each.refusal is not None:
                self._bus.tell(
                    "message.parked", task=each.due.task, reason=each.refusal, message=each.due.message,
                    pipe=each.due.pipe, tenant=each.due.tenant,
                )  # fmt: skip
        if self._bus.wanted("job.enqueued"):
            pairs = (pair for each, answers in done for pair in zip(each.jobs, answers, strict=True))
            new = [(job.tenant, answer.id) for job, answer in pairs if answer.how in ("new", "replaced")]
            for tenant in sorted({tenant for tenant, _ in new}):
                found = store.run(get([id for owner, id in new if owner == tenant], Scope(tenant)), "read")
                for record in found:
                    if isinstance(record, JobRecord):
                        self._bus.tell("job.enqueued", job=record, queue=record.queue, task=record.task)
        return len(done)


def tell_all(store: Store, pages: int = MOST_PAGES) -> int:
    """Make messages of the ends of jobs that somebody hears of, `pages` x 1,000 at most; how many."""
    total = 0
    for _ in range(pages):
        told = store.run(ends.tell())
        total += told
        if told < ends.PAGE:
            break
    return total


def match_all(store: Store, pages: int = MOST_PAGES) -> int:
    """Give messages to the jobs that wait for them; answers how many waits are over."""
    total = 0
    if not store.run(asks.unmatched(), "read"):
        return total
    for _ in range(pages):
        found = store.run(asks.match(PAGE))
        total += found.freed
        wake_left(store, found.left)
        if not found.full:
            break
    return total


class Delivers:
    """For an app: its pipes, and what their messages become."""

    _tasks: TaskSet
    _bus: Bus

    @property
    def store(self) -> Store:
        """The store behind the app."""
        raise NotImplementedError

    def _new_jobs(self, calls: Sequence[Call[Any]]) -> list[NewJob]:
        """The jobs that calls are to be stored as."""
        raise NotImplementedError

    def add_pipe(self, pipe: Pipe[Any]) -> None:
        self._tasks.add_pipe(pipe)
        pipe.bind(cast("Any", self))

    def deliver(self) -> int:
        """Free the jobs that wait for messages, and make jobs of those that trigger this app's tasks; answers how many
        of both. Workers do so all the time, and `work_once` first."""
        return self._delivery.run_once()

    @lazy
    def _delivery(self) -> Delivery:
        return Delivery(lambda: self.store, self._bus, self._tasks, self._new_jobs)


def _calls(trigger: Trigger[Any], task: Task[Any, Any, Any], text: str) -> list[Call[Any]]:
    """What a message is to become. Raises InvalidOption, or what the user's function raises."""
    value = trigger.pipe.load(text)
    made: Any = task.call(value) if trigger.transform is None else trigger.transform(value)
    if made is None:
        return []
    if issubclass(type(made), Mapping):
        return [task.call(**made)]
    several = isinstance(made, Iterable) and not isinstance(made, str | bytes)
    calls: list[Any] = list(cast("Iterable[Any]", made)) if several else [made]
    for call in calls:
        if not issubclass(type(call), Call):
            raise InvalidOption(
                f"the function of into must answer arguments by name, {task.name}.call(…), several of these or None, "
                f"not {shown(call)}"
            )
        if call.task.name != task.name:
            raise InvalidOption(f"what triggers task {task.name} must make jobs of it, not of {call.task.name}")
    return calls
