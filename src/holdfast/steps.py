"""Recorded pieces of jobs, for people and programs: what a body has done and waits for, and what to do about it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from holdfast.errors import InvalidOption, JobNotFound, WrongState
from holdfast.executor import Executor
from holdfast.ids import check_id, new_id
from holdfast.model.job import JobRecord, NewJob
from holdfast.model.jsontext import dump_json
from holdfast.model.tenant import Scope
from holdfast.model.text import shown
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
    kind: step, sleep, wait, invoke, enqueue, cancel, patch or undo (of the step of this name and number, on a line
        "undo" or "undo 0" …). state: done, failed or waiting.
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
        is there; or for a step could not be undone, which is then tried anew. Raises JobNotFound, and WrongState for a
        job that is not parked.

        >>> app.steps.release(job.id)
        """
        if not self._executor.run(ops.release(check_id(id), self._scope)):
            self._refuse(id, self._executor.run(self._get(id), "read")[0])

    async def arelease(self, id: str) -> None:
        """`release` for event loops."""
        if not await self._executor.arun(ops.release(check_id(id), self._scope)):
            self._refuse(id, (await self._executor.arun(self._get(id), "read"))[0])

    def fork(self, id: str, before: str, *, number: int = 0, args: Mapping[str, Any] | None = None) -> str:
        """Store a new job of the same task that begins with what this one had recorded before it came to a step, and
        does all from there on anew; answers its id.

        before, number: the name of the step, and which of that name. args: arguments to change, by name.
        It has the job's task, queue, priority, time limit, number of runs and tags, and neither its key nor its group.
        What the old job's steps did is not undone if the new one fails: it is not the new one's.
        Raises JobNotFound, and InvalidOption where the job recorded no such step.

        >>> app.steps.fork(job.id, before="charge", args={"amount": 10})
        """
        record = self._known(id, self._executor.run(self._get(id), "read")[0])
        kept = self._executor.run(ops.read(record.id, record.version, self._scope), "read")
        new, op = self._forked(record, kept, before, number, args)
        self._executor.run(op)
        return new

    async def afork(self, id: str, before: str, *, number: int = 0, args: Mapping[str, Any] | None = None) -> str:
        """`fork` for event loops."""
        record = self._known(id, (await self._executor.arun(self._get(id), "read"))[0])
        kept = await self._executor.arun(ops.read(record.id, record.version, self._scope), "read")
        new, op = self._forked(record, kept, before, number, args)
        await self._executor.arun(op)
        return new

    def _forked(
        self, record: JobRecord, kept: Kept | None, before: str, number: int, args: Mapping[str, Any] | None
    ) -> tuple[str, Op[None]]:
        pieces = [] if kept is None else kept.steps
        found = [one for one in pieces if one.key.name == before and one.key.nth == number]
        if kept is None or not found:
            raise InvalidOption(f"job {record.id} recorded no step {shown(before)} of number {number}")
        done = (one for one in pieces if one.state == "done" and one.kind != "undo")
        past = [one for one in done if _is_before(one, found[0])]
        new = NewJob(
            new_id(),
            record.task,
            dump_json({**record.args, **(args or {})}, "args"),
            tenant=record.tenant,
            queue=record.queue,
            priority=record.priority,
            max_attempts=record.max_attempts,
            timeout=record.timeout,
            tags=json.dumps(list(record.tags)) if record.tags else None,
            metadata=dump_json({**record.metadata, ops.FORK: record.id}, "metadata"),
        )
        return new.id, ops.fork(new, record.id, kept, past, record.version, self._scope)

    def _get(self, id: str) -> "Op[Found]":
        return inspect.get([check_id(id)], self._scope)

    def _known(self, id: str, found: JobRecord | Gone | None) -> JobRecord:
        if not isinstance(found, JobRecord):
            raise JobNotFound(f"there is no job {id} (any more)", id)
        return found

    def _refuse(self, id: str, found: JobRecord | Gone | None) -> None:
        known = self._known(id, found)
        raise WrongState(f"job {id} is {known.state} and not parked: release takes parked jobs; nothing changed", id)


def _is_before(one: StepRecord, other: StepRecord) -> bool:
    """By place within a line, by time between lines."""
    if one.key.branch == other.key.branch:
        return abs(one.place) < abs(other.place)
    return one.ended_at is not None and one.ended_at <= other.began_at


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
