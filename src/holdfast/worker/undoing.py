"""Stands in for the task of a job that is over, and undoes what its steps did."""

from typing import Any

from holdfast.context import Context
from holdfast.model.job import ClaimedJob
from holdfast.model.options import NO_OPTIONS
from holdfast.model.undoing import is_undoing
from holdfast.task import Task
from holdfast.waiting import running_job
from holdfast.worker.attempt import AnyTask


def standing_in(job: ClaimedJob, task: AnyTask) -> AnyTask:
    """The task that runs this job: the job's own, or what undoes its steps."""
    return Undoing(task) if is_undoing(job.policy) else task


class Undoing(Task[Any, Any, Any]):
    """Is given what its task's body would be given, and calls that only to learn what it gives its steps."""

    def __init__(self, task: AnyTask) -> None:
        super().__init__(_nothing, task.name, (), False, NO_OPTIONS)
        self.task = task
        self.version = task.version
        self.consumer = getattr(task, "consumer", None)

    @property
    def takes_context(self) -> bool:
        return True

    def load(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (), {}

    def run(self, context: Context[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._undo(context)

    async def _undo(self, context: Context[Any]) -> None:
        held: Any = running_job.get()

        async def again() -> None:
            args, kwargs = self.task.load(held.job.args)
            await self.task.run(context, args, kwargs)

        held.run = held.office.open(held)
        await held.run.undo(again)


async def _nothing() -> None: ...
