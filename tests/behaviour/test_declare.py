"""Tasks declared by producers, whose handlers are elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NotRequired

import pytest
from pydantic import BaseModel, Field, RootModel
from tests.behaviour.conftest import MakeApp
from typing_extensions import TypedDict

from holdfast import Context, Fail, Holdfast, JobState, Retry, TaskSet
from holdfast.errors import ConfigError, DuplicateTask, InvalidArguments, JobFailed, MisuseError
from holdfast.testing import drain


class Model(BaseModel):
    scene: str
    frames: Annotated[int, Field(gt=0)] = 1


@dataclass
class Data:
    scene: str
    frames: Annotated[int, Field(gt=0)] = 1


class Typed(TypedDict):
    scene: str
    frames: NotRequired[int]


KINDS = pytest.mark.parametrize("kind", [Model, Data, Typed])


def paths(args: Any) -> Path:
    given = args if isinstance(args, dict) else vars(args)
    return Path(given["scene"]) / str(given.get("frames", 1))


@KINDS
def test_a_producer_enqueues_what_another_process_runs(make_app: MakeApp, kind: Any) -> None:
    producer, worker = make_app(), make_app()
    render = producer.declare("render", args=kind, result=Path)
    jobs = [render.enqueue(scene="a"), render.enqueue(kind(scene="b", frames=2))]
    assert jobs[0].record.args["scene"] == "a"
    assert jobs[1].record.args == {"scene": "b", "frames": 2}

    theirs: Any = worker.declare("render", args=kind, result=Path)

    @theirs.handler
    def render_one(args: kind) -> Path:
        return paths(args)

    drain(worker)
    assert [job.result() for job in jobs] == [Path("a/1"), Path("b/2")]


@KINDS
@pytest.mark.parametrize("is_async", [False, True])
def test_handlers_that_take_the_fields(app: Holdfast, kind: Any, is_async: bool) -> None:
    render: Any = app.declare("render", args=kind, result=str)
    if is_async:

        @render.handler
        async def one(ctx: Context[Any], scene: str, frames: int = 1) -> str:
            return f"{ctx.job.task} {scene} {frames}"
    else:

        @render.handler
        def other(ctx: Context[Any], scene: str, frames: int = 1) -> str:
            return f"{ctx.job.task} {scene} {frames}"

    jobs = [render.enqueue(kind(scene="a")), render.enqueue(scene="b", frames=3)]
    drain(app)
    assert [job.result() for job in jobs] == ["render a 1", "render b 3"]


def test_a_stub_and_its_handler(app: Holdfast) -> None:
    @app.declare(queue="video", retry=2)
    def render(scene: str, frames: int = 1, /, *more: str, quality: float = 0.5, **rest: int) -> list[Any]: ...

    job = render.using(priority=3).enqueue("a", 2, "b", quality=1, x=5)
    assert (job.record.queue, job.record.max_attempts, job.record.priority) == ("video", 2, 3)

    @render.handler
    async def render_it(
        ctx: Context, scene: str, frames: int = 1, /, *more: str, quality: float = 0.5, **rest: int
    ) -> list[Any]:
        return [scene, frames, *more, quality, rest]

    drain(app)
    assert job.result() == ["a", 2, "b", 1.0, {"x": 5}]


def test_no_arguments_and_no_result(app: Holdfast) -> None:
    tick = app.declare("tick")
    seen: list[str] = []

    @tick.handler
    def ticked() -> None:
        seen.append("tick")

    job = tick.enqueue()
    drain(app)
    assert (job.result(), seen) == (None, ["tick"])
    with pytest.raises(InvalidArguments):
        tick.enqueue(1)  # type: ignore[call-arg]


@KINDS
@pytest.mark.parametrize(
    "given", [{}, {"scene": 1}, {"scene": "a", "frames": "many"}, {"scene": "a", "x": 1}, {"frames": 1}]
)
def test_arguments_that_do_not_fit_store_nothing(app: Holdfast, kind: Any, given: dict[str, Any]) -> None:
    render: Any = app.declare("render", args=kind, result=Path)
    with pytest.raises(InvalidArguments, match="render"):
        render.enqueue(**given)
    assert len(app.jobs.list()) == 0


def test_instances_are_validated_too(app: Holdfast) -> None:
    for name, kind in (("data", Data), ("model", Model)):
        render: Any = app.declare(name, args=kind, result=Path)
        bad = Data("a", 0) if kind is Data else Model.model_construct(scene=5, frames=1)
        with pytest.raises(InvalidArguments):
            render.enqueue(bad)
        with pytest.raises(InvalidArguments):
            render.enqueue(Typed(scene="x"))
        with pytest.raises(InvalidArguments):
            render.enqueue()
    assert len(app.jobs.list()) == 0


def test_the_worker_validates_by_the_declaration(make_app: MakeApp) -> None:
    producer, app = make_app(), make_app()

    @producer.task
    def render(scene: str, frames: int) -> None: ...

    theirs = app.declare("render", args=Model, result=None)

    @theirs.handler
    def render_it(scene: str, frames: int) -> None:
        raise AssertionError("frames must be above 0")

    job = render.enqueue("a", 0)
    drain(app)
    assert (job.refresh().state, job.record.reason) == (JobState.FAILED, "invalid_arguments")


def test_a_result_that_was_not_declared_fails_the_job(app: Holdfast) -> None:
    count = app.declare("count", args=Model, result=int)

    @count.handler
    def count_it(args: Model):  # type: ignore[no-untyped-def]
        return args.scene

    job = count.enqueue(scene="a")
    drain(app)
    assert job.refresh().reason == "invalid_result"


def _takes_too_little(scene: str) -> Path: ...
def _takes_more(scene: str, frames: int = 1, *, fps: int) -> Path: ...
def _takes_another_type(scene: str, frames: str = "1") -> Path: ...
def _takes_another_class(args: Data) -> Path: ...
def _returns_another_type(args: Model) -> int: ...
def _takes_narrower(scene: str, frames: bool = True) -> Path: ...


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (_takes_too_little, "does not take frames"),
        (_takes_more, "takes fps, which was not declared"),
        (_takes_another_type, "int, not str"),
        (_takes_another_class, "takes Data: it was declared with Model"),
        (_returns_another_type, "int, not Path"),
        (_takes_narrower, "int, not bool"),
        ("not a function", "made of a function"),
    ],
)
def test_handlers_that_do_not_fit_are_refused(app: Holdfast, handler: Any, why: str) -> None:
    render = app.declare("render", args=Model, result=Path)
    with pytest.raises(ConfigError, match=why):
        render.handler(handler)
    assert not render.handled

    def fits(scene: object, frames: float | str = 1) -> Path | None: ...

    with pytest.raises(ConfigError, match="another thing"):
        render.handler(fits)  # type: ignore[arg-type]


def test_a_default_that_the_handler_lacks_is_refused(app: Holdfast) -> None:
    @app.declare
    def render(scene: str, frames: int = 1) -> None: ...

    def render_it(scene: str, frames: int) -> None: ...

    with pytest.raises(ConfigError, match="no default for frames"):
        render.handler(render_it)  # type: ignore[arg-type]


def test_what_annotations_cannot_tell_yet_is_told_at_the_start(app: Holdfast) -> None:
    @app.declare
    def render(scene: "Later") -> None: ...  # noqa: F821

    @render.handler
    def render_it(scene: "LaterToo") -> None: ...  # noqa: F821

    with pytest.raises(ConfigError, match="annotation of task render"):
        app.work_once()
    globals()["Later"], globals()["LaterToo"] = int, str
    try:
        with pytest.raises(ConfigError, match="int, not str"):
            app.work_once()
        globals()["LaterToo"] = float
        del vars(render.contract.handler)["_hints"]
        app.work_once()
    finally:
        del globals()["Later"], globals()["LaterToo"]


@pytest.mark.parametrize("bad", [int, RootModel[int], 5, list[int]])
def test_arguments_of_no_such_class_are_refused(app: Holdfast, bad: Any) -> None:
    with pytest.raises(ConfigError):
        app.declare("render", args=bad, result=Path)
    assert list(app.tasks) == []


def test_a_second_handler_and_a_second_task_are_refused(app: Holdfast) -> None:
    render = app.declare("render", args=Model, result=None)

    @render.handler
    def render_it(args: Model) -> None: ...

    with pytest.raises(DuplicateTask, match="render_it"):
        render.handler(lambda args: None)
    with pytest.raises(DuplicateTask):
        app.declare("render")

    @app.task(name="other")
    def other() -> None: ...

    with pytest.raises(DuplicateTask):
        app.declare("other")


def test_a_worker_whose_queues_hold_one_without_handler_does_not_start(make_app: MakeApp) -> None:
    app = make_app()
    app.declare("render", args=Model, result=Path, queue="video")

    @app.task(queue="mail")
    def send() -> int:
        return 5

    with pytest.raises(ConfigError, match=r"render \(queue video\).*no handler"):
        app.work_once()
    with pytest.raises(ConfigError, match="render"), app.worker():
        pytest.fail("it started")
    with pytest.raises(ConfigError, match="render"):
        app.work_once(queues=["video"])
    job = send.enqueue()
    assert app.work_once(queues=["mail"]).succeeded == 1
    assert app.work_once(tasks=[send]).claimed == 0
    assert job.result() == 5


def test_a_job_without_handler_waits_for_a_worker_that_has_one(make_app: MakeApp) -> None:
    mailer, other = make_app(), make_app()
    ours, theirs = (app.declare("render", args=Model, result=str, queue="video") for app in (mailer, other))
    job = ours.using(queue="mail").enqueue(scene="a")
    mailer.work_once(queues=["mail"])
    assert (job.refresh().state, job.record.reason) == (JobState.BLOCKED, "unknown_task")

    theirs.handler(lambda args: args.scene)
    drain(other)
    assert (job.result(), job.record.attempt) == ("a", 1)


def test_handlers_all_at_once(app: Holdfast) -> None:
    render = app.declare("render", args=Model, result=str)
    count = app.declare("count", args=Data, result=int)

    def render_it(args: Model) -> str:
        return args.scene

    async def count_it(ctx: Context, args: Data) -> int:
        return args.frames

    class Handlers(TypedDict):
        render: Callable[[Model], str]
        count: Any

    class Short(TypedDict):
        render: Callable[[Model], str]

    class Long(Handlers):
        third: Any

    with pytest.raises(ConfigError, match="without a handler: count"):
        app.handlers({"render": render_it})
    with pytest.raises(ConfigError, match="was not declared: third; declared are render, count"):
        app.handlers({"render": render_it, "count": count_it, "third": count_it})
    with pytest.raises(ConfigError, match="without a handler: count"):
        app.handlers(Short)
    with pytest.raises(ConfigError, match="third"):
        app.handlers(Long)
    with pytest.raises(ConfigError, match="takes Data"):
        app.handlers({"render": count_it, "count": count_it})
    with pytest.raises(ConfigError, match="takes Model"):
        app.handlers({"render": render_it, "count": render_it})
    with pytest.raises(ConfigError, match="mapping"):
        app.handlers([render_it])  # type: ignore[call-overload]
    assert not render.handled
    assert not count.handled

    app.handlers(Handlers)({"render": render_it, "count": count_it})
    jobs = [render.enqueue(scene="a"), count.enqueue("a", 7)]
    drain(app)
    assert [job.result() for job in jobs] == ["a", 7]


def test_in_a_set_of_tasks_for_several_apps(make_app: MakeApp) -> None:
    tasks = TaskSet()
    render = tasks.declare("render", args=Model, result=str)
    with pytest.raises(MisuseError, match="no app has taken in"):
        render.enqueue(scene="a")
    producer, worker = make_app(), make_app()
    producer.include(tasks)
    worker.include(tasks)
    tasks.handlers({"render": lambda args: args.scene})
    job = render.via(producer).using(tags=["x"]).enqueue(scene="a")
    drain(worker)
    assert (job.result(), job.record.tags) == ("a", ("x",))


def test_called_here_and_now(app: Holdfast) -> None:
    render = app.declare("render", args=Model, result=str)
    with pytest.raises(MisuseError, match="no handler here"):
        render(scene="a")

    @render.handler
    def render_it(ctx: Context, args: Model) -> str:
        return f"{args.scene} {args.frames} {ctx.job.attempt}"

    assert render(scene="a") == "a 1 1"
    assert render_it(scene="a", frames=2) == "a 2 1"
    assert render_it is render
    with pytest.raises(InvalidArguments):
        render(scene=5)  # type: ignore[arg-type]


def test_code_of_the_worker(app: Holdfast) -> None:
    """What jobs cannot carry comes with the handler."""
    opened: list[str] = []
    render = app.declare("render", args=Model, result=None, retry=Retry(5, base=0))

    @render.handler(retry=Retry(give_up_on=(ValueError,)), transaction=True)
    def render_it(ctx: Context, args: Model) -> None:
        opened.append(str(ctx.connection is not None))
        raise ValueError(args.scene)

    job = render.enqueue(scene="a")
    drain(app)
    assert (job.refresh().attempt, opened) == (1, ["True"])
    with pytest.raises(ConfigError, match="needs a plain one"):

        @app.declare("other").handler(cpu=True)
        async def other() -> None: ...


async def test_from_event_loops_and_in_bulk(app: Holdfast) -> None:
    render = app.declare("render", args=Model, result=str)
    render.handler(lambda args: args.scene)
    jobs = [await render.aenqueue(scene="a"), *await app.aenqueue_many([render.call(Model(scene="b"))])]
    await app.awork_once()
    assert [await job.aresult() for job in jobs] == ["a", "b"]


def test_a_handler_that_fails(app: Holdfast) -> None:
    render = app.declare("render", args=Model, result=str)

    @render.handler
    def render_it(args: Model) -> str:
        raise Fail("no")

    job = render.enqueue(scene="a")
    drain(app)
    with pytest.raises(JobFailed, match="no"):
        job.result()


def test_options_that_are_functions_of_the_arguments(app: Holdfast) -> None:
    by_class = app.declare("by_class", args=Data, priority=lambda args: args.frames)

    @app.declare(priority=lambda scene, frames: frames + 1)
    def by_stub(scene: str, frames: int = 1) -> None: ...

    jobs = [by_class.enqueue("a", 4), by_class.enqueue(Data("b", 5)), by_stub.enqueue("c")]
    assert [job.record.priority for job in jobs] == [4, 5, 2]
