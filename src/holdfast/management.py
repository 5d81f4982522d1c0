"""`app.jobs`: reading jobs, and doing to one what a person may want."""

import asyncio
import json
import time
from typing import Any, TypeAlias, TypeVar

from typing_extensions import Unpack

from holdfast.errors import DatabaseUnavailable, InvalidOption, JobNotFound, KeyTaken, OutcomeUnknown, WrongState
from holdfast.executor import Executor
from holdfast.explaining import atold, ended, told
from holdfast.handle import Job
from holdfast.ids import check_id
from holdfast.many import edit_of
from holdfast.model.conflict import check_key
from holdfast.model.duration import Duration, seconds
from holdfast.model.explanation import Explanation
from holdfast.model.job import JobRecord, JobState
from holdfast.model.lifecycle import Finish
from holdfast.model.tenant import Scope
from holdfast.model.text import check_name, shown
from holdfast.model.verbs import CANCELLED, TAKES, TOLD, after, resolved
from holdfast.paging import Asked, Counts, FilterArguments, Order, Page, checked, filtered
from holdfast.rescuing import Rescuing
from holdfast.storage.op import Op
from holdfast.storage.ops import inspect, lists, manage, telling
from holdfast.storage.ops.admit import by_key
from holdfast.storage.ops.manage import Answer
from holdfast.storage.ops.telling import LogEntry

R = TypeVar("R")
Answers: TypeAlias = list[Answer]  # named out here: in the class, `list` is a verb
Entries: TypeAlias = list[LogEntry]
Answered: TypeAlias = list[JobRecord | inspect.Gone | None]
BUSY_FOR = 5.0
"""Seconds a verb waits for a row that somebody's transaction has locked."""


class Jobs(Rescuing):
    """The jobs of one app. Each verb has a twin for event loops: `cancel` and `acancel`."""

    def __init__(self, executor: Executor, scope: Scope) -> None:
        self._executor = executor
        self._scope = scope

    # Reading

    def get(self, id: str | None = None, *, queue: str | None = None, key: str | None = None) -> JobRecord | None:
        """The record of a job, live or finished; None for what is absent.

        Give its id, or `key` (and `queue`, "default"): the live job that has it, else the one that ended last.

        >>> app.jobs.get(job.id).state
        <JobState.SUCCEEDED: 'succeeded'>
        """
        if (ask := _by_key(id, queue, key, self._scope)) is not None:
            id = self._run(ask, "read")
        return None if id is None else _there(self._run(inspect.get([check_id(id)], self._scope), "read"))

    async def aget(
        self, id: str | None = None, *, queue: str | None = None, key: str | None = None
    ) -> JobRecord | None:
        """`get` for event loops."""
        if (ask := _by_key(id, queue, key, self._scope)) is not None:
            id = await self._arun(ask, "read")
        return None if id is None else _there(await self._arun(inspect.get([check_id(id)], self._scope), "read"))

    def list(
        self,
        *,
        order: Order = "-created",
        limit: int = 100,
        after: str | None = None,
        before: str | None = None,
        **filters: Unpack[FilterArguments],
    ) -> Page:
        """Jobs that meet all of these conditions, each of their versions: a page of at most `limit` (1 to 1,000).

        filters: see `holdfast.paging.FilterArguments`: state, queue, task, tag, key, group, tenant, priority, created,
            due, finished, error.
        order: "-created" (the newest first), "created", "claim" (ready jobs as they would start), "-claim".
        after, before: a cursor, the `next` or `previous` of a page.

        One page looks at 10,000 rows at most: if these do not fill it, `partial` is true and `next` goes on.
        Raises InvalidOption for what is no filter or cannot be one, a bad limit or cursor.

        >>> page = app.jobs.list(state="failed", error="Timeout", limit=50)
        >>> older = app.jobs.list(state="failed", error="Timeout", limit=50, after=page.next)
        """
        asked = Asked.of(self._scope, filters, order, limit, after, before)
        return asked.page(self._run(asked.op(), "read"))

    async def alist(
        self,
        *,
        order: Order = "-created",
        limit: int = 100,
        after: str | None = None,
        before: str | None = None,
        **filters: Unpack[FilterArguments],
    ) -> Page:
        """`list` for event loops."""
        asked = Asked.of(self._scope, filters, order, limit, after, before)
        return asked.page(await self._arun(asked.op(), "read"))

    def count(self, **filters: Unpack[FilterArguments]) -> Counts:
        """Jobs by state: those that meet all of these conditions, as `list` takes them.

        The newest 100,000 live and as many finished ones are looked at; where there are more, `complete` is false.

        >>> app.jobs.count(queue="mail").total
        """
        return Counts(*self._run(lists.count(*filtered(self._scope, filters)), "read"))

    async def acount(self, **filters: Unpack[FilterArguments]) -> Counts:
        """`count` for event loops."""
        return Counts(*await self._arun(lists.count(*filtered(self._scope, filters)), "read"))

    def explain(self, id: str) -> Explanation:
        """Why a job does not run, or has not run yet: `str()` of the answer is a sentence, and `reasons` has codes.

        Raises JobNotFound.

        >>> print(app.jobs.explain(job.id))
        send_mail 0190… is scheduled: it is due in 5 min; expected to start at 2026-03-01 09:05:00 UTC
        """
        return told(self._executor, check_id(id), self._scope) or ended(id, self.get(id))

    async def aexplain(self, id: str) -> Explanation:
        """`explain` for event loops."""
        return await atold(self._executor, check_id(id), self._scope) or ended(id, await self.aget(id))

    def logs(self, id: str, *, limit: int = 1000) -> Entries:
        """What the job's attempts said with `ctx.log`, oldest first: entries with at, level, message, attempt, step.

        limit: at most so many, 1 to 1,000.
        """
        return self._run(telling.logs(check_id(id), self._scope, limit=checked(limit)), "read")

    async def alogs(self, id: str, *, limit: int = 1000) -> Entries:
        """`logs` for event loops."""
        return await self._arun(telling.logs(check_id(id), self._scope, limit=checked(limit)), "read")

    # Doing

    def cancel(self, id: str | None = None, *, queue: str | None = None, key: str | None = None) -> JobRecord:
        """Cancel a job: what waits never starts; what runs is asked to stop, and learns of it within a second.

        Give its id, or its key as `get` takes it. Answers the record; one that has ended stays as it is. Raises
        JobNotFound.

        >>> app.jobs.cancel(job.id).state
        <JobState.CANCELLED: 'cancelled'>
        """
        id = self._id(id, queue, key)
        before = self._before(id)
        answer = self._persist(manage.cancel([check_id(id)], self._scope))[0]
        return self._done(id, "cancel", answer, self._ended(before, CANCELLED) if answer is Answer.DONE else before)

    async def acancel(self, id: str | None = None, *, queue: str | None = None, key: str | None = None) -> JobRecord:
        """`cancel` for event loops."""
        id = await self._aid(id, queue, key)
        before = await self._abefore(id)
        answer = (await self._apersist(manage.cancel([check_id(id)], self._scope)))[0]
        ended = self._ended(before, CANCELLED) if answer is Answer.DONE else before
        return await self._adone(id, "cancel", answer, ended)

    def retry(self, id: str, *, delay: Duration = 0, force: bool = False) -> JobRecord:
        """Run a failed, cancelled or stalled job again, as a new version with its full number of attempts.

        delay: how long to wait first. force: take a succeeded one too.
        Raises JobNotFound; WrongState for a job that is live, or that succeeded; KeyTaken where another live job has
        its key by now.
        """
        op = manage.retry([check_id(id)], self._scope, seconds(delay, "delay"), force)
        answer = self._run(op, "keys")[0]
        if answer is Answer.FORBIDDEN:
            before = self._before(id)
            if (ask := self._taken(before, force)) is not None:
                self._refuse_taken(before, self._executor.before(ask))
        return self._done(id, "retry", answer)

    async def aretry(self, id: str, *, delay: Duration = 0, force: bool = False) -> JobRecord:
        """`retry` for event loops."""
        op = manage.retry([check_id(id)], self._scope, seconds(delay, "delay"), force)
        answer = (await self._arun(op, "keys"))[0]
        if answer is Answer.FORBIDDEN:
            before = await self._abefore(id)
            if (ask := self._taken(before, force)) is not None:
                self._refuse_taken(before, await self._executor.abefore(ask))
        return await self._adone(id, "retry", answer)

    def delete(self, id: str | None = None, *, queue: str | None = None, key: str | None = None) -> JobRecord:
        """Remove a job in any state, with all its versions and log lines; whoever runs it is fenced first.

        Give its id, or its key as `get` takes it. Answers what was removed. Raises JobNotFound.
        """
        id = self._id(id, queue, key)
        record = self._known(id, self._before(id))
        self._judge(id, "delete", record, self._persist(manage.delete([record.id], self._scope))[0])
        self._executor.tell("job.deleted", record)
        return record

    async def adelete(self, id: str | None = None, *, queue: str | None = None, key: str | None = None) -> JobRecord:
        """`delete` for event loops."""
        id = await self._aid(id, queue, key)
        record = self._known(id, await self._abefore(id))
        self._judge(id, "delete", record, (await self._apersist(manage.delete([record.id], self._scope)))[0])
        self._executor.tell("job.deleted", record)
        return record

    def edit(self, id: str, *, by: str | None = None, **changes: Any) -> JobRecord:
        """Change what is said of a job that waits: options of `Task.using`, and `args` by the names of parameters.

        changes: queue, priority, delay, run_at, args, timeout, tags, metadata, retry, on_timeout, on_crash,
            max_crashes, keep_succeeded, keep_failed. What is not named stays. `args` are checked when the job runs.
        by: who does it, for the note in `app.audit`; None: the user and host of this process.
        Raises InvalidOption for anything else, JobNotFound, and WrongState where the job does not wait, where it waits
        for a group, limit or other job and is to be due at another time, or where its key is taken in the new queue;
        then nothing is changed.

        >>> app.jobs.edit(job.id, priority=10, delay="5m").due_at
        """
        op = edit_of(check_id(id), changes, self._scope, by)
        return self._done(id, "edit", self._persist(op)[0])

    async def aedit(self, id: str, *, by: str | None = None, **changes: Any) -> JobRecord:
        """`edit` for event loops."""
        op = edit_of(check_id(id), changes, self._scope, by)
        return await self._adone(id, "edit", (await self._apersist(op))[0])

    def resolve(self, id: str, result: Any = None) -> JobRecord:
        """End a job by hand that waits or has stalled: it succeeded, with this result (anything JSON can hold).

        Raises JobNotFound, and WrongState for a job that runs or has ended otherwise.
        """
        return self._settle(id, "resolve", resolved(result))

    async def aresolve(self, id: str, result: Any = None) -> JobRecord:
        """`resolve` for event loops."""
        return await self._asettle(id, "resolve", resolved(result))

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

    def _id(self, id: str | None, queue: str | None, key: str | None) -> str:
        ask = _by_key(id, queue, key, self._scope)
        return _named(id if ask is None else self._executor.before(ask), queue, key)

    async def _aid(self, id: str | None, queue: str | None, key: str | None) -> str:
        ask = _by_key(id, queue, key, self._scope)
        return _named(id if ask is None else await self._executor.abefore(ask), queue, key)

    def _taken(self, record: JobRecord | None, force: bool) -> Op[str | None] | None:
        """What finds who has the key of a job that could not be retried though its state allows it."""
        if record is None or record.key is None:
            return None
        allowed = record.state in manage.RETRIED or (force and record.state is JobState.SUCCEEDED)
        return by_key(record.queue, record.key, self._scope) if allowed else None

    def _refuse_taken(self, record: JobRecord | None, other: str | None) -> None:
        if record is not None and other not in (None, record.id):
            job = Job(self._executor.client, other or "", json.loads, self._scope)
            raise KeyTaken(f"job {other} has the key {shown(record.key)} of job {record.id}; nothing changed", job)

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
        return after(before, verdict, self._executor.now())

    def _done(self, id: str, verb: str, answer: Answer, removed: JobRecord | None = None) -> JobRecord:
        """`removed`: what to answer for a job that ended and is kept for no time, or cannot be read just then."""
        try:
            found = self.get(id) or removed
        except DatabaseUnavailable as error:
            found = _unread(id, verb, answer, removed, error)
        return self._judge(id, verb, found, answer)

    async def _adone(self, id: str, verb: str, answer: Answer, removed: JobRecord | None = None) -> JobRecord:
        try:
            found = await self.aget(id) or removed
        except DatabaseUnavailable as error:
            found = _unread(id, verb, answer, removed, error)
        return self._judge(id, verb, found, answer)

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


def _by_key(id: str | None, queue: str | None, key: str | None, scope: Scope) -> Op[str | None] | None:
    """What finds the id of a job that was named by its key; None where it was named by its id."""
    if (id is None) == (key is None) or (key is None and queue is not None):
        raise InvalidOption("name a job by its id, a UUID, or by key= (and queue=), not by both")
    queue = "default" if queue is None else queue
    return None if key is None else by_key(check_name(queue, "queue"), check_key(key), scope)


def _named(id: str | None, queue: str | None, key: str | None) -> str:
    if id is None:
        raise JobNotFound(f"there is no job with the key {shown(key)} in queue {shown(queue or 'default')}")
    return id


def _unread(id: str, verb: str, answer: Answer, known: JobRecord | None, error: DatabaseUnavailable) -> JobRecord:
    """The record after a change that was made, though the database cannot be asked for it."""
    if answer is not Answer.DONE:
        raise error
    if known is None:
        raise OutcomeUnknown(f"{verb} of job {id} was done; what became of it since cannot be read: {error}") from error
    return known


def _there(found: Answered) -> JobRecord | None:
    return found[0] if isinstance(found[0], JobRecord) else None


def _patience(give_up: float) -> None:
    if time.monotonic() > give_up:
        raise DatabaseUnavailable(
            f"somebody's transaction has had the job's row locked for {BUSY_FOR:g} s; nothing changed: try again later"
        )
