"""What would keep an app's tasks from running: looked at before a worker starts, and by `holdfast check`."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from holdfast.consumer import Consumer
from holdfast.declared import Declared
from holdfast.errors import ConfigError, HoldfastError
from holdfast.model.codec import Signature
from holdfast.model.options import Unset
from holdfast.taskset import TaskSet
from holdfast.worker.attempt import AnyTask
from holdfast.worker.deps import DepsBook
from holdfast.worker.place import place_of_function
from holdfast.worker.plan import Tasks
from holdfast.worker.process_deps import why_not
from holdfast.worker.providers import Providers


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a task from running.

    kind: `no_handler`, `handler` (one that does not fit), `consumer` (that cannot be built, say) or `annotations` (that
        cannot be resolved or kept as JSON), `process` or `deps` (what a process body could not import).
    name: whose it is. message: a sentence.
    """

    kind: str
    name: str
    message: str


def refuse_unready(tasks: Tasks, providers: Providers, deps: DepsBook) -> None:
    """Raise ConfigError where a worker cannot do what its queues will ask of it."""
    found = [problem for task in tasks.served() for problem in (*_declaration(task), *_deps(task, deps))]
    found += _consumers(tasks.all_consumers(), list(tasks.consumers()), providers)
    if found:
        raise ConfigError("this worker cannot start: " + "; ".join(problem.message for problem in found))


def all_problems(tasks: TaskSet, providers: Providers, deps: DepsBook) -> list[Problem]:
    """Everything that is wrong with an app's tasks, whichever queues its workers serve."""
    found = [
        problem
        for task in tasks
        for problem in (*_declaration(task), *_annotations(task), *_body(task), *_deps(task, deps))
    ]
    return [*found, *_consumers(tasks.consumers, tasks.consumers, providers)]


def _consumers(every: list[Consumer], built: list[Consumer], providers: Providers) -> Iterable[Problem]:
    first: dict[str, Consumer] = {}
    for consumer in every:
        other = first.setdefault(consumer.queue, consumer)
        if not consumer.handlers:
            yield Problem(
                "consumer", consumer.name, f"consumer {consumer.name} of queue {consumer.queue} has no handlers"
            )
        elif other is not consumer:
            two = f"queue {consumer.queue} has two consumers, {other.name} and {consumer.name}"
            yield Problem("consumer", consumer.name, two)
    for consumer in built:
        if (missing := providers.missing(consumer)) is not None:
            yield Problem("consumer", consumer.name, f"consumer {consumer.name} cannot be built: {missing}")


def _declaration(task: AnyTask) -> Iterable[Problem]:
    if not isinstance(task, Declared):
        return
    if not task.handled:
        yield Problem("no_handler", task.name, f"task {task.name} (queue {task.queue}) is declared and has no handler")
    elif (wrong := task.contract.misfit()) is not None:
        yield Problem("handler", task.name, wrong)


def _body(task: AnyTask) -> Iterable[Problem]:
    """A body that its process could not import."""
    if task.cpu and task.handled and "<" in (place_of_function(task.body)["name"] or "<"):
        what = f"the body of task {task.name} runs in a process, which imports it: define it at the top of a module"
        yield Problem("process", task.name, what)


def _deps(task: AnyTask, deps: DepsBook) -> Iterable[Problem]:
    """Deps that a process could not make, of a body that says it takes some."""
    make = deps.maker(task.name)
    if not task.cpu or not task.handled or make is None or not isinstance(deps.replaced, Unset):
        return
    with suppress(ConfigError):  # of an annotation, which is told elsewhere
        if Signature(task.body, task.name).deps_type is not None and (why := why_not(make)):
            what = f"task {task.name} would have no deps in its process: {why}. Give it deps of its own: app.deps_for"
            yield Problem("deps", task.name, what)


def _annotations(task: AnyTask) -> Iterable[Problem]:
    try:
        task.signature.prepare()
    except HoldfastError as error:
        yield Problem("annotations", task.name, str(error))
