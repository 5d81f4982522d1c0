"""`app.jobs`: reading jobs, and doing to one what a person may want."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias, TypeVar, overload

from holdfast.errors import DatabaseUnavailable, InvalidOption, JobNotFound, WrongState
from holdfast.executor import Executor
from holdfast.ids import check_id
from holdfast.model.duration import Duration, seconds
from holdfast.model.job import JobRecord, JobState
from holdfast.model.jsontext import dump_json
from holdfast.model.lifecycle import Finish
from holdfast.model.tenant import Scope
from holdfast.model.text import check_name, shown
from holdfast.storage.op import Op
from holdfast.storage.ops import inspect, manage, telling
from holdfast.storage.ops.manage import Answer
from holdfast.storage.ops.telling import LogEntry
from holdfast.task import Task

R = TypeVar("R")
Answers: TypeAlias = list[Answer]  # named out here: in the class, `list` is a verb
Entries: TypeAlias = list[LogEntry]
Answered: TypeAlias = list[JobRecord | inspect.Gone | None]
MOST_LISTED = 1000
BUSY_FOR = 5.0
"""Seconds a verb waits for a row that somebody's transaction has locked."""


class Page(Sequence[JobRecord]):
    """Some jobs, and where the next page begins: `next` is a cursor, or None on the last page."""

    def __init__(self, records: list[JobRecord], next: str | None) -> None:
        self._records = records
        self.next = next

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, place: int) -> JobRecord: ...
    @overload
    def __getitem__(self, place: slice) -> list[JobRecord]: ...
    def __getitem__(self, place: int | slice) -> JobRecord | list[JobRecord]:
        return self._records[place]

    def __iter__(self) -> Iterator[JobRecord]:
        return iter(self._records)


class Jobs:
    """The jobs of one app. Each verb has a twin for event loops: `cancel` and `acancel`."""

    def __init__(self, executor: Executor, scope: Scope) -> None:
        self._executor = executor
        self._scope = scope

    # Reading

    def get(self, id: str) -> JobRecord | None:
        """The record of a job, live or finished; None for what is absent.

        >>> app.jobs.get(job.id).state
        <JobState.SUCCEEDED: 'succeeded'>
        """
        return _there(self._run(inspect.get([check_id(id)], self._scope), "read"))

    async def aget(self, id: str) -> JobRecord | None:
        """`get` for event loops."""
        return _there(await self._arun(inspect.get([check_id(id)], self._scope), "read"))

    def list(
        self,
        *,
        state: JobState | str | None = None,
        queue: str | None = None,
        task: "Task[Any, Any, Any] | str | None" = None,
        tag: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Page:
        """Jobs, newest first, each of their versions: a page of at most `limit` (1 to 1,000), after the cursor `after`.

        Raises InvalidOption for a state that does not exist, what is no name, a bad limit or cursor.

        >>> page = app.jobs.list(state="failed", limit=50)
        >>> older = app.jobs.list(state="failed", limit=50, after=page.next)
        """
        found = self._run(_page(self._scope, state, queue, task, tag, limit, after), "read")
        return _cut(found, limit)

    async def alist(
        self,
        *,
        state: JobState | str | None = None,
        queue: str | None = None,
        task: "Task[Any, Any, Any] | str | None" = None,
        tag: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Page:
        """`list` for event loops."""
        found = await self._arun(_page(self._scope, state, queue, task, tag, limit, after), "read")
        return _cut(found, limit)

    def count(self) -> dict[str, int]:
        """Jobs by state. It reads every row: for small databases and tests."""
        return self._run(inspect.count(self._scope), "read")

    def logs(self, id: str, *, limit: int = 1000) -> Entries:
        """What the job's attempts said with `ctx.log`, oldest first: entries with at, level, message, attempt, step.

        limit: at most so many, 1 to 1,000.
        """
        return self._run(telling.logs(check_id(id), self._scope, limit=_checked(limit)), "read")

    async def alogs(self, id: str, *, limit: int = 1000) -> Entries:
        """`logs` for event loops."""
        return await self._arun(telling.logs(check_id(id), self._scope, limit=_checked(limit)), "read")

    # Doing

    def cancel(self, id: str) -> JobRecord:
        """Cancel a job: what waits never starts; what runs is asked to stop, and learns of it within a second.

        Answers the record; one that has ended stays as it is. Raises JobNotFound.

        >>> app.jobs.cancel(job.id).state
        <JobState.CANCELLED: 'cancelled'>
        """
        before = self._before(id)
        answer = self._persist(manage.cancel([check_id(id)], self._scope))[0]
        return self._done(id, "cancel", answer, self._ended(before, CANCELLED) if answer is Answer.DONE else before)

    async def acancel(self, id: str) -> JobRecord:
        """`cancel` for event loops."""
        before = await self._abefore(id)
        answer = (await self._apersist(manage.cancel([check_id(id)], self._scope)))[0]
        ended = self._ended(before, CANCELLED) if answer is Answer.DONE else before
        return await self._adone(id, "cancel", answer, ended)

    def retry(self, id: str, *, delay: Duration = 0, force: bool = False) -> JobRecord:
        """Run a failed, cancelled or stalled job again, as a new version with its full number of attempts.

        delay: how long to wait first. force: take a succeeded one too.
        Raises JobNotFound, and WrongState for a job that is live, or that succeeded.
        """
        op = manage.retry([check_id(id)], self._scope, seconds(delay, "delay"), force)
        return self._done(id, "retry", self._run(op)[0])

    async def aretry(self, id: str, *, delay: Duration = 0, force: bool = False) -> JobRecord:
        """`retry` for event loops."""
        op = manage.retry([check_id(id)], self._scope, seconds(delay, "delay"), force)
        return await self._adone(id, "retry", (await self._arun(op))[0])

    def delete(self, id: str) -> JobRecord:
        """Remove a job in any state, with all its versions and log lines; whoever runs it is fenced first.

        Answers what was removed.
        Raises JobNotFound.
        """
        record = self._known(id, self._before(id))
        self._judge(id, "delete", record, self._persist(manage.delete([record.id], self._scope))[0])
        self._executor.tell("job.deleted", record)
        return record

    async def adelete(self, id: str) -> JobRecord:
        """`delete` for event loops."""
        record = self._known(id, await self._abefore(id))
        self._judge(id, "delete", record, (await self._apersist(manage.delete([record.id], self._scope)))[0])
        self._executor.tell("job.deleted", record)
        return record

    def resolve(self, id: str, result: Any = None) -> JobRecord:
        """End a job by hand that waits or has stalled: it succeeded, with this result (anything JSON can hold).

        Raises JobNotFound, and WrongState for a job that runs or has ended otherwise.
        """
        return self._settle(id, "resolve", _resolved(result))

    async def aresolve(self, id: str, result: Any = None) -> JobRecord:
        """`resolve` for event loops."""
        return await self._asettle(id, "resolve", _resolved(result))

    def fail(self, id: str, reason: str = "by hand") -> JobRecord:
        """End a job by hand that waits or has stalled: it failed, for this reason. Raises as `resolve` does."""
        return self._settle(id, "fail", Finish(JobState.FAILED, 0.0, check_name(reason, "reason")))

    async def afail(self, id: str, reason: str = "by hand") -> JobRecord:
        """`fail` for event loops."""
        return await self._asettle(id, "fail", Finish(JobState.FAILED, 0.0, check_name(reason, "reason")))

    # How

    def _run(self, op: Op[R], lane: str = "write") -> R:
        return self._executor.run(op, lane)

    async def _arun(self, op: Op[R], lane: str = "write") -> R:
        return await self._executor.arun(op, lane)

    def _before(self, id: str) -> JobRecord | None:
        return _there(self._executor.before(inspect.get([check_id(id)], self._scope)))

    async def _abefore(self, id: str) -> JobRecord | None:
        return _there(await self._executor.abefore(inspect.get([check_id(id)], self._scope)))

    def _persist(self, op: Op[Answers]) -> Answers:
        """Run it until no row is locked by somebody else."""
        give_up = time.monotonic() + BUSY_FOR
        while True:
            answers = self._run(op)
            if Answer.BUSY not in answers:
                return answers
            _patience(give_up)
            time.sleep(0.02)

    async def _apersist(self, op: Op[Answers]) -> Answers:
        give_up = time.monotonic() + BUSY_FOR
        while True:
            answers = await self._arun(op)
            if Answer.BUSY not in answers:
                return answers
            _patience(give_up)
            await asyncio.sleep(0.02)

    def _settle(self, id: str, verb: str, verdict: Finish) -> JobRecord:
        before = self._before(id)
        answer = self._persist(manage.settle(check_id(id), self._scope, verdict))[0]
        return self._done(id, verb, answer, self._ended(before, verdict))

    async def _asettle(self, id: str, verb: str, verdict: Finish) -> JobRecord:
        before = await self._abefore(id)
        answer = (await self._apersist(manage.settle(check_id(id), self._scope, verdict)))[0]
        return await self._adone(id, verb, answer, self._ended(before, verdict))

    def _ended(self, before: JobRecord | None, verdict: Finish) -> JobRecord | None:
        return _after(before, verdict, self._executor.now())

    def _done(self, id: str, verb: str, answer: Answer, removed: JobRecord | None = None) -> JobRecord:
        """`removed`: what to answer for a job that ended and is kept for no time."""
        return self._judge(id, verb, self.get(id) or removed, answer)

    async def _adone(self, id: str, verb: str, answer: Answer, removed: JobRecord | None = None) -> JobRecord:
        return self._judge(id, verb, await self.aget(id) or removed, answer)

    def _known(self, id: str, record: JobRecord | None) -> JobRecord:
        if record is None:
            raise JobNotFound(f"there is no job {id}", id)
        return record

    def _judge(self, id: str, verb: str, record: JobRecord | None, answer: Answer) -> JobRecord:
        if answer is Answer.ABSENT:
            raise JobNotFound(f"there is no job {id}", id)
        known = self._known(id, record)
        if answer in (Answer.FORBIDDEN, Answer.BUSY):
            raise WrongState(f"job {id} is {known.state}: {verb} takes {TAKES[verb]}; nothing changed", id)
        if answer is Answer.DONE:
            self._tell(verb, known)
        return known

    def _tell(self, verb: str, record: JobRecord) -> None:
        names = TOLD.get(verb, ())
        for name in names:
            self._executor.tell(name, record)
        if "job.finished" in names:
            self._executor.ended()


TAKES = {
    "cancel": "any job",
    "delete": "any job",
    "retry": "failed, cancelled and stalled jobs, and succeeded ones with force=True",
    "resolve": "jobs that wait or have stalled",
    "fail": "jobs that wait or have stalled",
}
TOLD = {
    "cancel": ("job.cancelled", "job.finished"),
    "retry": ("job.retried",),
    "resolve": ("job.succeeded", "job.finished"),
    "fail": ("job.failed", "job.finished"),
}


def _there(found: Answered) -> JobRecord | None:
    return found[0] if isinstance(found[0], JobRecord) else None


def _resolved(result: Any) -> Finish:
    return Finish(JobState.SUCCEEDED, 0.0, "resolved", dump_json(result, "result"))


CANCELLED = Finish(JobState.CANCELLED, 0.0, "explicit")


def _after(before: JobRecord | None, verdict: Finish, at: datetime) -> JobRecord | None:
    """The record that a job has which is removed at its end."""
    if before is None:
        return None
    text = verdict.result
    return replace(
        before, state=verdict.state, reason=verdict.reason, result=None if text is None else json.loads(text),
        result_text=text, finished_at=at,
    )  # fmt: skip


def _patience(give_up: float) -> None:
    if time.monotonic() > give_up:
        raise DatabaseUnavailable(
            f"somebody's transaction has had the job's row locked for {BUSY_FOR:g} s; nothing changed: try again later"
        )


def _page(
    scope: Scope,
    state: JobState | str | None,
    queue: str | None,
    task: "Task[Any, Any, Any] | str | None",
    tag: str | None,
    limit: int,
    after: str | None,
) -> "Op[list[JobRecord]]":
    _checked(limit)
    name = task.name if isinstance(task, Task) else task
    which = inspect.Filter(_state(state), _name(queue, "queue"), _name(name, "task"), _name(tag, "tag"))
    id, version = (None, 0) if after is None else _cursor(after)
    return inspect.page(which, scope, limit + 1, id, version)


def _name(value: str | None, what: str) -> str | None:
    return None if value is None else check_name(value, what)


def _checked(limit: int) -> int:
    if type(limit) is not int or not 1 <= limit <= MOST_LISTED:
        raise InvalidOption(f"limit must be a whole number from 1 to {MOST_LISTED}, not {shown(limit)}")
    return limit


def _cut(found: list[JobRecord], limit: int) -> Page:
    last = found[limit - 1] if len(found) > limit else None
    return Page(found[:limit], None if last is None else last.id if last.version == 1 else f"{last.id}.{last.version}")


def _cursor(text: str) -> tuple[str, int]:
    """The job and version after which a page begins; an id alone is its first version, after which none is left."""
    id, _, version = str(text).partition(".")
    if version and not (version.isascii() and version.isdigit() and len(version) < 10):
        raise InvalidOption(f"after must be the cursor that a page ended with, not {shown(text)}")
    return check_id(id), int(version or 0)


def _state(state: JobState | str | None) -> str | None:
    if state is None:
        return None
    try:
        return JobState(state).value
    except ValueError:
        raise InvalidOption(f"state must be one of {', '.join(JobState)}, not {shown(state)}") from None
