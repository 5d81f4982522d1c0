"""`invoke`, `wait_for`, `gather`, `cancel`: other jobs, from within a body."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, cast, overload
from uuid import UUID

from holdfast.durable.ends import wait_end
from holdfast.durable.messages import wait_message
from holdfast.errors import InvalidOption
from holdfast.handle import Job
from holdfast.ids import check_id
from holdfast.model.duration import Duration, seconds
from holdfast.model.end import JobEnd
from holdfast.model.job import JobRecord, JobState
from holdfast.model.text import shown
from holdfast.pipe import Pipe
from holdfast.running import line_here, run_of
from holdfast.task import Task

P = ParamSpec("P")
R = TypeVar("R")


class Invoke:
    """Runs a task as a child: `await invoke(task, *args)`, the same as `await task.invoke(*args)`."""

    def __init__(self, timeout: float | None = None) -> None:
        self._timeout = timeout

    def using(self, *, timeout: Duration | None = None) -> "Invoke":
        """The same with a `timeout`, after which WaitTimeout is raised; the child goes on.

        >>> await invoke.using(timeout="1h")(find_song, fingerprint)
        """
        return Invoke(None if timeout is None else seconds(timeout, "timeout"))

    async def __call__(self, task: Task[P, R, Any], /, *args: P.args, **kwargs: P.kwargs) -> R:
        given: Any = task
        if not isinstance(given, Task):
            raise InvalidOption(f"invoke takes a task and its arguments, not {shown(task)}")
        line = line_here("invoke")
        found: R = await run_of(line).invoke(line, task.call(*args, **kwargs), self._timeout)
        return found


invoke = Invoke()

STATES = frozenset({state.value for state in JobState} | {"finished"})


@overload
async def wait_for(
    pipe: Pipe[R],
    /,
    *,
    where: Mapping[str, Any] | Sequence[Any] | Callable[[R], object] | str | float | None = None,
    timeout: Duration | None = None,
    since: Duration | None = None,
    token: str | None = None,
) -> R: ...
@overload
async def wait_for(
    task: Task[Any, R, Any],
    state: JobState | str = "succeeded",
    /,
    *,
    where: Mapping[str, Any] | Callable[[JobEnd[R]], object] | None = None,
    timeout: Duration | None = None,
    since: Duration | None = None,
) -> JobEnd[R]: ...
@overload
async def wait_for(job: Job[R], /, *, timeout: Duration | None = None) -> R: ...
@overload
async def wait_for(job: JobRecord | str | UUID, /, *, timeout: Duration | None = None) -> Any: ...
@overload
async def wait_for(
    job: Job[Any] | JobRecord | str | UUID, state: JobState | str, /, *, timeout: Duration | None = None
) -> JobState: ...
async def wait_for(
    job: Any,
    state: Any = None,
    /,
    *,
    where: Any = None,
    timeout: Duration | None = None,
    since: Any = None,
    token: str | None = None,
) -> Any:
    """Wait for another job, any job of a task or a message of a pipe, in the async body of a task: this one's slot is
    free meanwhile.

    A pipe: the answer is the oldest message since this job was enqueued that holds `where`: mappings by what they name,
        lists by position with `...` for anything, other values equal; or a function of the message, for which each that
        comes wakes the body. A job takes a message once; many jobs may take the same one.
    since: "now", "ever" or a duration: messages that came since this wait began, ever, or so long before it.
    token: what somebody can answer this wait with, `app.answer(token, value)`, instead of by a message; None: one is
        made. Make it in a step: `await step(secrets.token_urlsafe)`.

    task: the answer is how (a JobEnd) the first of its jobs ended, since this one was enqueued, that ended in this
        `state` ("succeeded", "failed", "cancelled", "stalled", "finished": any) and holds `where`: of its arguments,
        as above, or a function of the JobEnd.

    job: its handle, record or id. Without a `state` its end is waited for, and what it returned is the answer.
    state: a JobState or "finished": the state it has come to is the answer. A state that a job passes quickly may be
        missed; one that it can no longer reach raises NoResult.
    timeout: after which WaitTimeout is raised; None: none.

    Raises what became of the job (JobFailed, JobCancelled …), JobNotFound, WaitTimeout, InvalidOption for the job that
    runs itself, MisuseError where no async body runs.

    >>> report = await wait_for(job, timeout="1h")
    """
    line = line_here("wait_for")
    length = None if timeout is None else seconds(timeout, "timeout")
    if isinstance(job, Pipe):
        if state is not None:
            raise InvalidOption(f"a pipe has no state {shown(state)}; give where=")
        return await wait_message(run_of(line), line, cast("Any", job), where, length, since, token)
    if isinstance(job, Task):
        if token is not None:
            raise InvalidOption("token is for a pipe, not for a task: its jobs answer")
        return await wait_end(run_of(line), line, cast("Any", job), state, where, length, since)
    if where is not None or since is not None or token is not None:
        raise InvalidOption("where, since and token are for a pipe or a task, not for a job")
    load: Callable[[str], Any] = json.loads
    if isinstance(job, Job):
        load = cast("Any", job).decode
    id = _id_of(job)
    if state is not None and state not in STATES:
        raise InvalidOption(f"state must be one of {', '.join(sorted(STATES))}, not {shown(state)}")
    return await run_of(line).wait_for_job(line, id, None if state is None else str(state), length, load)


def _id_of(job: Any) -> str:
    return check_id(cast("Any", job).id if isinstance(job, Job | JobRecord) else job)


async def gather(*pieces: Coroutine[Any, Any, R] | Awaitable[R], limit: int | None = None) -> list[R]:
    """`asyncio.gather` of steps, children and waits, of which at most `limit` are begun at once. The first error is
    raised, and the others are then cut off.

    >>> songs = await gather(*(find_song.invoke(path) for path in paths), limit=20)
    """
    line = line_here("gather")
    given: Any = limit
    if limit is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
        raise InvalidOption(f"limit must be a whole number from 1, not {shown(limit)}")
    if not pieces:
        return []
    run = run_of(line)
    room = asyncio.Semaphore(len(pieces) if limit is None else limit)

    async def one(piece: Any) -> R:
        with run.held():
            await room.acquire()
        try:
            found: R = await piece
            return found
        finally:
            room.release()

    tasks = [asyncio.ensure_future(one(piece)) for piece in pieces]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for piece in pieces:
            if asyncio.iscoroutine(piece):
                piece.close()
        raise


async def cancel(job: Job[Any] | JobRecord | str | UUID) -> JobState:
    """Cancel another job, once; answers the state it was in. Raises JobNotFound, MisuseError."""
    line = line_here("cancel")
    id = _id_of(job)
    found: JobState = await run_of(line).cancel(line, id)
    return found
