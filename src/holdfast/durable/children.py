"""Other jobs, as a body sees them: started, waited for, each once.

The record of a child and the child itself are one commit, so that a replay finds both or neither.
"""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.bound import Surface, astore, new_jobs
from holdfast.clock import monotonic
from holdfast.durable.journal import Asked
from holdfast.durable.waits import Wait
from holdfast.errors import (
    HoldfastError,
    InvalidOption,
    JobCancelled,
    JobFailed,
    JobNotFound,
    JobStalled,
    LeaseLost,
    MisuseError,
    NoResult,
    ResultGone,
    WaitTimeout,
)
from holdfast.executor import OwnTransactions
from holdfast.handle import Job
from holdfast.management import Jobs
from holdfast.model.branch import Branch
from holdfast.model.gate import load_passes
from holdfast.model.job import JobRecord, JobState, NewJob
from holdfast.model.options import Unset
from holdfast.model.policy import awaited_policy
from holdfast.model.tenant import Scope
from holdfast.results import result_text
from holdfast.running import digest_of, enqueue_name, numbered
from holdfast.storage.ops.inspect import Gone, get
from holdfast.storage.ops.jobs import Held
from holdfast.storage.ops.steps import StepRow, start
from holdfast.task import Call

if TYPE_CHECKING:
    from holdfast.durable.run import Run

KEPT = 86400.0
"""Seconds that the row of a child stays at least, so that its result can be taken by whoever waits for it."""

JOB = "job:"
"""Begins the topic of a piece that waits for a job."""


async def invoke(run: "Run", line: Branch, call: Call[Any], timeout: float | None) -> Any:
    """Run a child, and answer what it returned, or raise what became of it."""
    asked = await run.ask(line, call.task.name, "invoke", digest_of([call]))
    known, left, foreign = asked.known, timeout, False
    if known is not None and known.state != "waiting":
        return answered(known.state, known.result, known.error, call.task.signature.load_result)
    if known is not None:
        id, left = (known.topic or "").removeprefix(JOB), known.left
    else:
        id, foreign = await _start(run, line, asked, call, timeout)
    return await _outcome(run, line, asked, id, left, call.task.signature.load_result, foreign=foreign)


async def wait_for_job(
    run: "Run", line: Branch, id: str, state: str | None, timeout: float | None, load: Callable[[str], Any]
) -> Any:
    """What a job returned (no `state`), or the state that it has come to."""
    if id == run.job.id:
        raise InvalidOption(f"job {id} would wait for itself")
    asked = await run.ask(line, f"job {id}", "wait", state)
    known, left = asked.known, timeout
    read: Callable[[str], Any] = load if state is None else (lambda text: JobState(json.loads(text)))
    if known is not None and known.state != "waiting":
        return answered(known.state, known.result, known.error, read)
    row = None
    if known is None:
        row = StepRow(asked.key, asked.place, "wait", "waiting", asked.mark, delay=timeout, topic=JOB + id)
    else:
        left = known.left
    if state is None:
        return await _outcome(run, line, asked, id, left, load, row, foreign=True)
    return await _state(run, line, asked, id, state, left, row)


async def _start(run: "Run", line: Branch, asked: Asked, call: Call[Any], timeout: float | None) -> tuple[str, bool]:
    """The id of the child, and whether another job may have answered in its place."""
    surface = surface_of(call)
    (new,) = new_jobs(surface, [call])
    new = _child(run, call, new)
    _refuse_own_group(run, new)
    if new.conditional or call.task.connection is not None:
        (job,) = await astore(surface, [call], [new])
        new = new._replace(id=job.id)
        await run.put(asked, _waiting(asked, new.id, timeout))
        return new.id, not job.created
    held = await run.write(lambda entry: start(entry, [new], Scope(new.tenant)), _waiting(asked, new.id, timeout))
    if held is not Held.DONE:
        raise LeaseLost(f"another worker holds job {run.job.id} now")
    return new.id, False


def _waiting(asked: Asked, id: str, timeout: float | None) -> StepRow:
    return StepRow(asked.key, asked.place, asked.kind, "waiting", asked.mark, delay=timeout, topic=JOB + id)


def _child(run: "Run", call: Call[Any], new: NewJob) -> NewJob:
    """A child is its parent's tenant's, and its row outlives its end, for its parent to read it."""
    return inherited(run, call, new)._replace(policy=awaited_policy(new.policy, KEPT))


def inherited(run: "Run", call: Call[Any], new: NewJob) -> NewJob:
    return new._replace(tenant=run.job.tenant) if isinstance(call.task.options.tenant, Unset) else new


def _refuse_own_group(run: "Run", new: NewJob) -> None:
    ours = {each.gate for each in load_passes(run.job.gates) if each.group}
    theirs = {each.gate for each in load_passes(new.gates) if each.group}
    if both := ours & theirs:
        raise MisuseError(
            f"a child of {new.task} in group {both.pop().removeprefix('group:')} would wait for the place of job "
            f"{run.job.id}, which waits for it: give it another group"
        )


def surface_of(call: Call[Any]) -> Surface:
    binding = call.task.binding
    if not isinstance(binding, Surface):
        raise MisuseError(f"task {call.task.name} is bound to {binding!r}, which cannot store children")
    return binding


async def _outcome(
    run: "Run", line: Branch, asked: Asked, id: str, left: float | None, load: Callable[[str], Any],
    row: StepRow | None = None, foreign: bool = False,
) -> Any:  # fmt: skip
    def judge(found: JobRecord | Gone | None) -> tuple[str | None, Exception | None]:
        if isinstance(found, JobRecord) and not found.state.finished:
            return None, None
        try:
            if isinstance(found, JobRecord):
                return result_text(found, None), None
            if isinstance(found, Gone):
                raise ResultGone(f"job {id} ended, and its row was removed as its retention asked", id)
            raise JobNotFound(f"there is no job {id} (any more)", id)
        except HoldfastError as error:
            return None, error

    return await _until(run, line, asked, id, left, judge, load, row, foreign)


async def _state(
    run: "Run", line: Branch, asked: Asked, id: str, state: str, left: float | None, row: StepRow | None
) -> JobState:
    def judge(found: JobRecord | Gone | None) -> tuple[str | None, Exception | None]:
        if not isinstance(found, JobRecord):
            return None, JobNotFound(f"there is no job {id} (any more)", id)
        if found.state.value == state or (state == "finished" and found.state.finished):
            return json.dumps(found.state.value), None
        if found.state.finished:
            return None, NoResult(f"job {id} ended {found.state.value}, and was waited for to be {state}", id)
        return None, None

    read: Callable[[str], JobState] = lambda text: JobState(json.loads(text))  # noqa: E731
    found: JobState = await _until(run, line, asked, id, left, judge, read, row, foreign=True)
    return found


async def _until(
    run: "Run", line: Branch, asked: Asked, id: str, left: float | None,
    judge: Callable[[JobRecord | Gone | None], tuple[str | None, Exception | None]], load: Callable[[str], Any],
    row: StepRow | None, foreign: bool,
) -> Any:  # fmt: skip
    """Look at a job until `judge` says what to record; wait in between."""
    wait = Wait(asked, line, row, None if left is None else monotonic() + left, id, foreign=foreign)
    began = monotonic()
    while True:
        (found,) = await run.busy(run.office.store.arun(get([id], Scope(run.job.tenant)), "read"))
        result, error = judge(found)
        if result is None and error is None and (left := wait.left) is not None and left <= 0:
            error = WaitTimeout(f"job {id} was waited for in vain: the time for it is over")
        if result is None and error is None:
            await run.wait(wait)
            continue
        entry = None if error is None else outcome_entry(error)
        await run.put(
            asked, StepRow(asked.key, asked.place, asked.kind, "done" if error is None else "failed", asked.mark,
                           result, entry, elapsed=monotonic() - began, topic=JOB + id)
        )  # fmt: skip
        return answered("done" if error is None else "failed", result, entry, load)


def outcome_entry(error: Exception) -> str:
    """What is recorded of a wait that ended in an error."""
    told: dict[str, Any] = {"how": type(error).__name__, "message": str(error), "job": getattr(error, "job_id", "")}
    if isinstance(error, JobFailed):
        told |= {"kind": error.kind, "message": error.message, "traceback": error.traceback}
    if isinstance(error, JobCancelled):
        told["reason"] = error.reason
    return json.dumps(told)


def answered(state: str, result: str | None, error: str | None, load: Callable[[str], Any]) -> Any:
    """The answer of a wait, the same now and at each replay."""
    if state == "done":
        return load(result or "null")
    told = json.loads(error or "{}")
    how, message, job = told.get("how", ""), told.get("message", ""), told.get("job", "")
    match how:
        case "JobFailed":
            raise JobFailed(job, told.get("kind", ""), message, told.get("traceback", ""))
        case "JobCancelled":
            raise JobCancelled(job, told.get("reason", ""))
        case "WaitTimeout":
            raise WaitTimeout(message)
        case "JobStalled":
            raise JobStalled(message, job)
        case "ResultGone":
            raise ResultGone(message, job)
        case "JobNotFound":
            raise JobNotFound(message, job)
        case _:
            raise NoResult(message, job)


async def enqueue(
    run: "Run", line: Branch, surface: Surface, calls: Sequence[Call[Any]], new: Sequence[NewJob]
) -> list[Job[Any]]:
    """Store jobs once, however often the body comes here."""
    asked = await run.ask(line, enqueue_name(calls), "enqueue", digest_of(calls))
    if asked.known is not None and asked.known.state == "done":
        return _handles(run, calls, json.loads(asked.known.result or "[]"))
    new = [inherited(run, *each) for each in zip(calls, new, strict=True)]
    if any(job.conditional for job in new):
        handles = await run.busy(astore(surface, calls, new))
        await run.put(asked, _stored(asked, [(job.id, job.created, job.version) for job in handles]))
        return handles
    new = numbered(run.job, asked.key, new)
    done = [(job.id, True, 1) for job in new]
    # Repeated, for an earlier run may have stored them before it recorded anything.
    held = await run.write(lambda entry: start(entry, new, Scope(run.job.tenant), stored=True), _stored(asked, done))
    if held is not Held.DONE:
        raise LeaseLost(f"another worker holds job {run.job.id} now")
    return _handles(run, calls, done)


async def cancel(run: "Run", line: Branch, id: str) -> JobState:
    """Cancel another job, once: the state it was in."""
    if id == run.job.id:
        raise InvalidOption(f"job {id} would cancel itself: raise Cancel")
    asked = await run.ask(line, f"cancel {id}", "cancel", None)
    if asked.known is not None and asked.known.state == "done":
        return JobState(json.loads(asked.known.result or "null"))
    (found,) = await run.busy(run.office.store.arun(get([id], Scope(run.job.tenant)), "read"))
    if not isinstance(found, JobRecord):
        raise JobNotFound(f"there is no job {id} (any more)", id)
    await run.busy(Jobs(OwnTransactions(run.office.client), Scope(run.job.tenant)).acancel(id))
    await run.put(asked, StepRow(asked.key, asked.place, "cancel", "done", None, json.dumps(found.state.value)))
    return found.state


def _stored(asked: Asked, done: Sequence[tuple[str, bool, int | None]]) -> StepRow:
    return StepRow(asked.key, asked.place, "enqueue", "done", asked.mark, json.dumps(done))


def _handles(run: "Run", calls: Sequence[Call[Any]], done: Sequence[Sequence[Any]]) -> list[Job[Any]]:
    return [
        Job(run.office.client, id, call.task.signature.load_result, Scope(), created, version)
        for call, (id, created, version) in zip(calls, done, strict=True)
    ]
