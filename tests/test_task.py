"""Tasks: what a function becomes, how it reaches a database, and what is refused where it is defined."""

import asyncio
import inspect
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pytest

from holdfast.context import Context, JobView
from holdfast.errors import ConfigError, DuplicateTask, InvalidArguments, InvalidOption, MisuseError
from holdfast.model.job import NewJob
from holdfast.model.options import JobOptions
from holdfast.model.policy import Policy
from holdfast.model.retry import Retry
from holdfast.task import Call, to_new_job
from holdfast.taskset import TaskSet


class Recorder:
    """A binding that keeps what it is given."""

    def __init__(self) -> None:
        self.jobs: list[NewJob] = []

    def enqueue(self, calls: Sequence[Call[Any]]) -> list[Any]:
        self.jobs += map(to_new_job, calls)
        return list(self.jobs[-len(calls) :])

    async def aenqueue(self, calls: Sequence[Call[Any]]) -> list[Any]:
        return self.enqueue(calls)


@pytest.fixture
def tasks() -> TaskSet:
    return TaskSet()


def greet(name: str, mark: str = "!") -> str:
    """Say hello."""
    return f"hello {name}{mark}"


def give_up(attempt: int, error: BaseException) -> int | None:
    return None


def test_a_task_is_still_its_function(tasks: TaskSet) -> None:
    task = tasks.task(greet)
    assert task("Ann") == "hello Ann!"
    assert (task.name, task.__name__, task.__doc__, task.body) == ("greet", "greet", "Say hello.", greet)
    assert inspect.signature(task) == inspect.signature(greet)
    assert repr(task) == "<Task greet>"
    assert (task.is_async, task.cpu, task.aliases) == (False, False, ())
    assert list(tasks) == [task]
    assert len(tasks) == 1


def test_enqueue_stores_one_job(tasks: TaskSet) -> None:
    task = tasks.task(queue="mail", retry=Retry(attempts=5, backoff="1s"), timeout="30s")(greet)
    app = Recorder()
    task.bind(app)
    job = task.enqueue("Ann", mark="?")
    assert app.jobs == [job]
    assert (app.jobs[0].task, app.jobs[0].args) == ("greet", '{"name":"Ann","mark":"?"}')
    assert (app.jobs[0].queue, app.jobs[0].max_attempts, app.jobs[0].timeout) == ("mail", 5, 30)
    assert Policy.loads(app.jobs[0].policy).retry == Retry(backoff="1s")


def test_aenqueue_stores_one_job(tasks: TaskSet) -> None:
    task = tasks.task(greet)
    app = Recorder()
    task.bind(app)
    assert [asyncio.run(task.aenqueue("Ann"))] == app.jobs


def test_wrong_arguments_store_nothing(tasks: TaskSet) -> None:
    task: Any = tasks.task(greet)
    app = Recorder()
    task.bind(app)
    for args in ((), (1,), ("a", "b", "c"), ("\x00",)):
        with pytest.raises(InvalidArguments, match=r"^greet: "):
            task.enqueue(*args)
    assert app.jobs == []


def test_using_makes_another_task_of_the_same_function(tasks: TaskSet) -> None:
    task = tasks.task(queue="mail", priority=1)(greet)
    urgent = task.using(priority=9)
    assert task.options == JobOptions.of({"queue": "mail", "priority": 1})
    assert urgent.options == JobOptions.of({"queue": "mail", "priority": 9})
    assert urgent("Ann") == task("Ann")
    app = Recorder()
    task.bind(app)
    urgent.using(delay="5m").enqueue("Ann")
    assert (app.jobs[0].priority, app.jobs[0].delay, app.jobs[0].queue) == (9, 300, "mail")


def test_an_apps_defaults_lie_below_a_tasks_options(tasks: TaskSet) -> None:
    task = tasks.task(queue="mail")(greet)
    defaults = JobOptions.of({"queue": "other", "retry": 3})
    new = to_new_job(task.call("Ann"), defaults)
    assert (new.queue, new.max_attempts) == ("mail", 3)


def test_a_task_no_app_has_taken_in_says_how(tasks: TaskSet) -> None:
    with pytest.raises(MisuseError, match=r"task greet is in a TaskSet .*app\.include\(tasks\)"):
        tasks.task(greet).enqueue("Ann")


def test_a_task_of_several_apps_must_say_which(tasks: TaskSet) -> None:
    task = tasks.task(greet)
    first, second = Recorder(), Recorder()
    for app in (first, first, second):
        task.bind(app)
    with pytest.raises(MisuseError, match=r"several apps: say which by task\.via\(app\)"):
        task.enqueue("Ann")
    task.via(first).using(priority=1).enqueue("Ann")
    assert (len(first.jobs), len(second.jobs)) == (1, 0)


def test_names_and_aliases_belong_to_one_task(tasks: TaskSet) -> None:
    task = tasks.task(name="greet.v2", aliases=["greet"])(greet)
    assert tasks.get("greet") is tasks.get("greet.v2") is task
    assert tasks.get("nobody") is None
    for options in ({"name": "greet.v2"}, {"name": "greet"}, {"name": "x", "aliases": ["greet"]}):
        with pytest.raises(DuplicateTask, match=r"two tasks are named 'greet.*': .*test_task\.greet and"):
            tasks.task(**options)(greet)  # type: ignore[arg-type]
    assert len(tasks) == 1


def test_a_set_takes_in_another_whole_or_not_at_all(tasks: TaskSet) -> None:
    other = TaskSet()
    mine, theirs = tasks.task(greet), other.task(name="x")(greet)
    tasks.include(other)
    tasks.include(other)
    assert list(tasks) == [mine, theirs]
    clashing = TaskSet()
    clashing.task(name="y")(greet)
    clashing.task(greet)
    with pytest.raises(DuplicateTask):
        tasks.include(clashing)
    assert list(tasks) == [mine, theirs]


def generator() -> Iterator[int]:
    yield 1


async def later() -> int:
    return 1


class Callee:
    def __call__(self) -> int:
        return 1


class AsyncCallee:
    async def __call__(self, n: int) -> int:
        return n


@pytest.mark.parametrize(
    ("body", "options", "message"),
    [
        (generator, {}, "task generator is a generator function"),
        (later, {"cpu": True}, "task later is a coroutine function"),
        (lambda: 1, {}, "give .* a name= of its own"),
        (partial(greet), {}, "give .* a name= of its own"),
        (7, {}, "made of a function, not of 7"),
        (Callee, {}, "made of a function"),
        (greet, {"name": ""}, "a task's name must have 1 to 255"),
        (greet, {"name": "a\n"}, "a task's name must not hold"),
        (greet, {"aliases": [""]}, "an alias must have"),
        (greet, {"queue": ""}, "queue must have"),
        (greet, {"quue": "a"}, "did you mean 'queue'"),
        (TaskSet().task(greet), {}, "is a task already"),
    ],
)
def test_what_cannot_be_a_task_is_refused_where_it_is_defined(
    tasks: TaskSet, body: Any, options: Any, message: str
) -> None:
    with pytest.raises((ConfigError, InvalidOption), match=message):
        tasks.task(**options)(body)
    assert len(tasks) == 0


def test_a_named_callable_can_be_a_task(tasks: TaskSet) -> None:
    assert tasks.task(name="one")(Callee())() == 1
    assert tasks.task(name="two", aliases="zwei")(partial(greet, "Ann"))() == "hello Ann!"
    assert tasks.get("zwei") is not None
    other = tasks.task(name="three")(AsyncCallee())
    assert other.is_async
    assert other.call(3).args == '{"n":3}'


def with_context(ctx: Context[int], a: int) -> tuple[int, str, int]:
    return ctx.job.attempt, ctx.job.task, a


def with_deps(ctx: Context[int]) -> int:
    return ctx.deps


async def async_with_context(ctx: Context, a: int) -> bool:
    return ctx.cancelled


def test_a_plain_call_supplies_a_context(tasks: TaskSet) -> None:
    assert tasks.task(with_context)(5) == (1, "with_context", 5)
    assert asyncio.run(tasks.task(async_with_context)(5)) is False
    with pytest.raises(MisuseError, match="task with_deps has no deps here"):
        tasks.task(with_deps)()


def test_a_body_can_be_called_with_a_context_of_ones_own(tasks: TaskSet) -> None:
    task = tasks.task(with_deps)
    context = Context(JobView(id="x", task="with_deps"), deps=7)
    assert task.body(context) == 7
    assert not context.cancelled
    assert context.log.name == "holdfast.task.with_deps"


def test_a_context_is_no_argument(tasks: TaskSet) -> None:
    assert tasks.task(with_context).call(5).args == '{"a":5}'


def test_retry_at_run_time_is_the_stored_one_with_the_code_of_the_worker(tasks: TaskSet) -> None:
    code = Retry(attempts=4, backoff=give_up, give_up_on=KeyError)
    task = tasks.task(retry=code)(greet)
    stored = Policy.loads(to_new_job(task.call("Ann")).policy)
    assert task.retry_for(stored).function is give_up
    assert task.retry_for(stored).give_up_on == (KeyError,)
    edited = Policy(retry=Retry(backoff="1m", jitter=0))
    assert task.retry_for(edited).wait(1) == 60
    assert task.retry_for(edited).wait(1, KeyError()) is None


def test_a_task_without_a_retry_has_the_code_of_the_apps(tasks: TaskSet) -> None:
    task = tasks.task(greet)
    assert task.retry_for(Policy(), Retry(give_up_on=KeyError)).give_up_on == (KeyError,)


def test_code_for_retry_belongs_to_the_decorator(tasks: TaskSet) -> None:
    code = Retry(attempts=2, give_up_on=KeyError)
    task = tasks.task(retry=code)(greet)
    task.using(retry=code)
    task.using(retry=5)
    for retry in (give_up, Retry(backoff=give_up), Retry(give_up_on=ValueError)):
        with pytest.raises(InvalidOption, match="must be given where greet is defined"):
            task.using(retry=retry)
