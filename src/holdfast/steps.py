"""Recorded pieces of jobs, for people and programs: what a body has done and waits for, and what to do about it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from holdfast.errors import JobNotFound, WrongState
from holdfast.executor import Executor
from holdfast.ids import check_id
from holdfast.model.job import JobRecord
from holdfast.model.tenant import Scope
from holdfast.storage.op import Op
from holdfast.storage.ops import inspect
from holdfast.storage.ops import steps as ops
from holdfast.storage.ops.inspect import Gone
from holdfast.storage.ops.steps import Kept, StepRecord

Found: TypeAlias = list[JobRecord | Gone | None]


@dataclass(frozen=True, slots=True)
class StepInfo:
    """A recorded piece of a job.

    line: "" for the body itself, "0", "1" … for tasks that it started; name, number: which piece of that line it is.
    kind: step, sleep, wait, invoke, enqueue, cancel or patch. state: done, failed or waiting.
    result: what it came to; error: kind, message and traceback of what it failed with.
    tries: how often its function ran. due: of one that waits, when its time is over. waits_for: what for.
    """

    line: str
    name: str
    number: int
    kind: str
    state: str
    result: Any
    error: dict[str, Any] | None
    tries: int
    began_at: datetime
    ended_at: datetime | None
    due: datetime | None
    waits_for: str | None


class Steps:
    """What `app.steps` is: the recorded pieces of jobs."""

    def __init__(self, executor: Executor, scope: Scope) -> None:
        self._executor = executor
        self._scope = scope

    def list(self, id: str, *, version: int | None = None) -> tuple[StepInfo, ...]:
        """What a job has recorded, in the order in which it began.

        version: of the job; None: its newest. Raises JobNotFound.

        >>> for step in app.steps.list(job.id): print(step.name, step.state)
        """
        number = version or self._known(id, self._executor.run(self._get(id), "read")[0]).version
        return _infos(self._executor.run(ops.read(check_id(id), number, self._scope), "read"))

    async def alist(self, id: str, *, version: int | None = None) -> tuple[StepInfo, ...]:
        """`list` for event loops."""
        number = version or self._known(id, (await self._executor.arun(self._get(id), "read"))[0]).version
        return _infos(await self._executor.arun(ops.read(check_id(id), number, self._scope), "read"))

    def release(self, id: str) -> None:
        """Let a job go on that is parked, for its code asked for other steps than it had recorded: once code that fits
        is there. Raises JobNotFound, and WrongState for a job that is not parked.

        >>> app.steps.release(job.id)
        """
        if not self._executor.run(ops.release(check_id(id), self._scope)):
            self._refuse(id, self._executor.run(self._get(id), "read")[0])

    async def arelease(self, id: str) -> None:
        """`release` for event loops."""
        if not await self._executor.arun(ops.release(check_id(id), self._scope)):
            self._refuse(id, (await self._executor.arun(self._get(id), "read"))[0])

    def _get(self, id: str) -> "Op[Found]":
        return inspect.get([check_id(id)], self._scope)

    def _known(self, id: str, found: JobRecord | Gone | None) -> JobRecord:
        if not isinstance(found, JobRecord):
            raise JobNotFound(f"there is no job {id} (any more)", id)
        return found

    def _refuse(self, id: str, found: JobRecord | Gone | None) -> None:
        known = self._known(id, found)
        raise WrongState(f"job {id} is {known.state} and not parked: release takes parked jobs; nothing changed", id)


def _infos(kept: Kept | None) -> tuple[StepInfo, ...]:
    found = [] if kept is None else sorted(kept.steps, key=lambda one: (one.began_at, one.key.branch, abs(one.place)))
    return tuple(map(_info, found))


def _info(record: StepRecord) -> StepInfo:
    return StepInfo(
        record.key.branch, record.key.name, record.key.nth, record.kind, record.state, _json(record.result),
        _json(record.error), record.tries, record.began_at, record.ended_at, record.due, record.topic,
    )  # fmt: skip


def _json(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:  # a stranger wrote it
        return text
