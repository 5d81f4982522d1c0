"""Runs recorded jobs once more, on their record alone: nothing is called, stored or sent.

Each step and wait answers what is recorded. Where the body asks for something that is not, it is stopped there.
"""

import asyncio
import difflib
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from holdfast.app import Holdfast
from holdfast.context import Context, JobView
from holdfast.durable.journal import Asked, Journal
from holdfast.durable.run import Run
from holdfast.durable.undoing import Cut, Reading
from holdfast.errors import InvalidOption, MisuseError, NonDeterminism
from holdfast.model.branch import Branch
from holdfast.model.job import ClaimedJob
from holdfast.storage.ops.jobs import lease_of
from holdfast.storage.ops.steps import StepKey
from holdfast.task import Task
from holdfast.testing.history import History, histories
from holdfast.waiting import running_job
from holdfast.worker.branches import number_tasks
from holdfast.worker.until_told import on_loop

PATIENCE = 60.0
"""Seconds that a body gets which awaits something that nobody recorded."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of it.

    fits: whether the code asks for what is recorded, and comes to the recorded end as far as there is one.
    said: how it ended, in a sentence. diff: recorded against found, "" where there is no difference.
    pieces: how many recorded pieces were asked for.
    """

    id: str
    task: str
    fits: bool
    said: str
    diff: str = ""
    pieces: int = 0

    def __str__(self) -> str:
        told = f"{self.task} {self.id}: {self.said}"
        return f"{told}\n{self.diff}" if self.diff else told


def replay(app: Holdfast, job: str | History, *, deps: Any = None) -> Replay:
    """Run the body of a job of this app on its record alone, and say where it ends or differs.

    job: its id, or a history that was kept (`History.loads`). deps: what `ctx.deps` is.
    The code between steps does run. Raises JobNotFound, InvalidOption for a task that the app has not, MisuseError for
    one that is no async function, and on an event loop.

    >>> print(replay(app, job.id))
    """
    if on_loop():
        raise MisuseError("replay blocks, and this is an event loop: call it on a thread, asyncio.to_thread(replay, …)")
    history = job if isinstance(job, History) else History.of(app, job)
    return asyncio.run(_Playing(app, history, deps).play())


def assert_replays(app: Holdfast, folder: str | Path, *, deps: Any = None) -> int:
    """Replay all histories of a folder (`holdfast replay --save`), and answer how many there are.

    Raises AssertionError that tells of each which does not fit the code any more, and where there is none.

    >>> def test_code_fits_what_runs_in_production() -> None:
    ...     assert_replays(app, "tests/histories")
    """
    found = [replay(app, history, deps=deps) for _, history in histories(folder)]
    assert found, f"there are no histories in {folder}"
    broken = [str(one) for one in found if not one.fits]
    assert not broken, f"{len(broken)} of {len(found)} histories do not fit the code any more\n" + "\n\n".join(broken)
    return len(found)


class _Body(Branch):
    """The root of the body's lines; what a worker has a holding for."""

    run: Any = None
    extension = 0.0
    early: Any = None
    stop = stop_reason = effects = None
    evicted = False

    def __init__(self, job: ClaimedJob, office: Any) -> None:
        self.job = job
        self.lease = lease_of(job)
        self.office = office
        self.body: Any = None


class _Watching(Reading):
    """Lets the body go on for as long as there is a record."""

    def __init__(self) -> None:
        super().__init__(frozenset())
        self.asked: set[StepKey] = set()
        self.stopped: Asked | None = None

    def look(self, asked: Asked) -> None:
        if asked.known is None or self.waits(asked.known):
            self.stopped = self.stopped or asked
            raise Cut("the record ends here")
        self.asked.add(asked.key)


class _Playing:
    def __init__(self, app: Holdfast, history: History, deps: Any) -> None:
        self._app = app
        self._history = history
        self._deps = deps
        self._watching = _Watching()

    async def play(self) -> Replay:
        history = self._history
        job = ClaimedJob(
            history.tenant, history.id, 2, history.version, history.task, history.queue, history.args, 0,
            history.attempt, max(history.attempt, 1), 0, None, "{}", None, 0,
        )  # fmt: skip
        task = self._app.kept().body_for(job)
        if task is None:
            raise InvalidOption(f"the app has no task {history.task}")
        if not task.is_async:
            raise MisuseError(f"task {history.task} is no async function, and records nothing")
        if history.steps and task.version != history.code:
            return self._changed(f"it began under version {history.code} of its code, and this is {task.version}", "")
        client = SimpleNamespace(pipes=self._app.kept().pipes)
        office: Any = SimpleNamespace(client=client, now=lambda: datetime.now(UTC), store=None)
        body = _Body(job, office)
        body.run = run = Run(body)
        run.read(Journal(history.steps, history.attempt), self._watching)
        with _storing_nothing(self._app):
            return await self._ran(task, body, run)

    async def _ran(self, task: Task[Any, Any, Any], body: _Body, run: Run) -> Replay:
        view = JobView(body.job.id, body.job.task, body.job.queue, body.job.tenant, attempt=body.job.attempt)
        context: Context[Any] = Context(view, deps=self._deps)
        args, kwargs = task.load(body.job.args)
        loop = asyncio.get_running_loop()
        put_back = number_tasks(loop)
        running_job.set(body)
        body.body = main = asyncio.Task(task.run(context, args, kwargs), loop=loop, context=copy_context())
        running_job.set(None)
        try:
            await asyncio.wait([main], timeout=PATIENCE)
            done = main.done()
            await run.close_lines(main)
        finally:
            put_back()
        for each in (main, *(line.task for line in body.others or ())):
            if each is not None and each.done() and not each.cancelled():
                each.exception()  # else asyncio complains that nobody has asked
        if not done:
            return self._changed(f"it awaited something for {PATIENCE:g} s that is not recorded", "")
        if (broken := run.broken) is not None:
            return self._changed("its code asks for another piece than the one recorded", str(broken))
        if self._watching.stopped is not None:
            asked = self._watching.stopped
            line = f" in its line {asked.key.branch}" if asked.key.branch else ""
            return self._fits(f"it comes to {asked.kind} {asked.key.name}{line}, where its record ends")
        if (error := main.exception()) is not None:
            return self._raised(error)
        return self._returned(task.dump(main.result()))

    def _returned(self, result: str) -> Replay:
        history = self._history
        if left := self._left():
            return self._changed("it returns without having asked for all that is recorded", left)
        if history.error is not None:
            return self._changed(f"it returns, and had failed: {history.error['kind']}", "")
        if history.result is None or json.loads(history.result) == json.loads(result):
            return self._fits("it returns" + (", as it did" if history.result is not None else ""))
        return self._changed("it returns something else than it did", _diff(history.result, result))

    def _raised(self, error: BaseException) -> Replay:
        if isinstance(error, NonDeterminism):
            return self._changed("its code asks for another piece than the one recorded", str(error))
        said = f"{type(error).__qualname__}: {error}"
        told = self._history.error
        if told is not None and (told["kind"], told["message"]) == (type(error).__qualname__, str(error)):
            return self._fits(f"it raises {said}, as it did")
        if self._history.result is None and told is None:
            return self._fits(f"it raises {said}")
        before = "succeeded" if told is None else f"failed with {told['kind']}: {told['message']}"
        return self._changed(f"it raises {said}, and had {before}", "")

    def _left(self) -> str:
        """Recorded pieces that nobody asked for: steps and waits that the code no longer has."""
        asked = self._watching.asked
        left = [one for one in self._history.steps if one.key not in asked and one.kind not in ("undo", "patch")]
        kept = [one for one in left if one.state == "done"]
        return "\n".join(f"- {one.kind} {one.key.name}" for one in kept)

    def _fits(self, said: str) -> Replay:
        return Replay(self._history.id, self._history.task, True, said, pieces=len(self._watching.asked))

    def _changed(self, said: str, diff: str) -> Replay:
        return Replay(self._history.id, self._history.task, False, said, diff, len(self._watching.asked))


@contextmanager
def _storing_nothing(app: Holdfast) -> Generator[None]:
    """What a body stores by plain calls, which are not recorded, is refused."""

    def refuse(*given: Any, **named: Any) -> Any:
        raise MisuseError("a replay stores nothing, and this call is not recorded: await aenqueue or asend")

    before = {name: value for name, value in vars(app).items() if name in ("enqueue", "post")}
    vars(app).update(enqueue=refuse, post=refuse)
    try:
        yield
    finally:
        del vars(app)["enqueue"], vars(app)["post"]
        vars(app).update(before)


def _diff(recorded: str, found: str) -> str:
    shown: Callable[[str], list[str]] = lambda text: json.dumps(  # noqa: E731
        json.loads(text), indent=2, sort_keys=True, ensure_ascii=False
    ).splitlines()
    return "\n".join(difflib.unified_diff(shown(recorded), shown(found), "recorded", "found", lineterm=""))
