"""Requests that depend on other jobs: stored, merged with a live job, answered by one, or refused.

What is done is one generator that yields operations, run by a sync and an async driver: in transactions of our own
where a key that somebody's open transaction holds is waited for a while, or in the caller's.
"""

import asyncio
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

from holdfast.errors import Busy, HoldfastError, InvalidOption, KeyTaken, MisuseError, RateLimited
from holdfast.executor import Executor
from holdfast.handle import Job
from holdfast.model.duration import format_duration
from holdfast.model.job import JobRecord, NewJob
from holdfast.model.tenant import Scope
from holdfast.model.text import shown
from holdfast.storage.op import Op
from holdfast.storage.ops.admit import admit, join, merge
from holdfast.storage.ops.admitted import Admitted, Answer, Clash
from holdfast.storage.ops.inspect import Gone, get
from holdfast.storage.ops.tenants import Quotas

R = TypeVar("R")

BUSY_FOR = 5.0
"""Seconds an enqueue waits for a key that somebody's open transaction holds."""

PAUSE = 0.02

Asking: TypeAlias = Generator[tuple[Op[Any], str], Any, list[Admitted]]
"""Yields operations, and the lane that each is for."""

TOLD = {
    "new": "job.enqueued",
    "replaced": "job.enqueued",
    "merged": "job.deduplicated",
    "kept": "job.deduplicated",
    "joined": "job.deduplicated",
    "taken": "job.refused",
    "refused": "job.refused",
}
LOST = ("job.cancelled", "job.finished")
WHY = {"taken": "key_taken", "refused": "rate_limited"}


def admissions(executor: Executor, new: Sequence[NewJob], scope: Scope) -> list[Admitted]:
    """What each request came to, in their order. All are stored in one transaction, merges apart, which come after it.

    Raises Busy where somebody's open transaction holds a key for too long.
    """
    asking = _admissions(new, scope, executor.client.quotas)
    op, lane = next(asking)
    while True:
        try:
            op, lane = asking.send(patiently(executor, op, lane))
        except StopIteration as stop:
            found: list[Admitted] = stop.value
            break
    for names, request, admitted, read in _to_tell(executor, new, found):
        try:
            _tell(executor, names, request, admitted, executor.run(read, "read")[0])
        except HoldfastError as error:  # that nobody can be told of it is no failure of the enqueue
            executor.tell("database.away", what="what became of a request was not told", cause=error)
    return found


async def aadmissions(executor: Executor, new: Sequence[NewJob], scope: Scope) -> list[Admitted]:
    """`admissions` for event loops."""
    asking = _admissions(new, scope, executor.client.quotas)
    op, lane = next(asking)
    while True:
        try:
            op, lane = asking.send(await apatiently(executor, op, lane))
        except StopIteration as stop:
            found: list[Admitted] = stop.value
            break
    for names, request, admitted, read in _to_tell(executor, new, found):
        try:
            _tell(executor, names, request, admitted, (await executor.arun(read, "read"))[0])
        except HoldfastError as error:
            executor.tell("database.away", what="what became of a request was not told", cause=error)
    return found


def joining(job: NewJob) -> Op[list[Answer | None]]:
    """What looks for the job that answers an input by now. Raises InvalidOption for a task without a cache."""
    if job.cache is None:
        raise InvalidOption(f"{job.task} has no cache, so that its jobs are not known by their input: give it cache=…")
    return join([job], Scope(job.tenant))


def refusal(found: Admitted, job: NewJob, handle: Job[Any]) -> KeyTaken | RateLimited | None:
    """Why a request was not stored, if it was not."""
    if found.how == "taken":
        taken = f"job {found.id} has the key {shown(job.key)} in queue {shown(job.queue)}; nothing was stored"
        return KeyTaken(taken, handle)
    if found.how == "refused":
        wait = format_duration(found.retry_after)
        early = f"{job.task} came sooner than its rate_limit allows: try again in {wait}; nothing was stored"
        return RateLimited(early, found.retry_after)
    return None


def _admissions(new: Sequence[NewJob], scope: Scope, quotas: Quotas) -> Asking:
    answers: list[Answer | None] = [None] * len(new)
    cached = [place for place, job in enumerate(new) if job.cache is not None]
    if cached:  # by a read alone, for most inputs of a cache are known
        found = yield join([new[place] for place in cached], scope), "read"
        for place, answer in zip(cached, found, strict=True):
            answers[place] = answer
    left = [place for place, answer in enumerate(answers) if answer is None]
    if quotas.unknown(new):
        yield quotas.ask(scope), "keys"
    if left:
        found = yield (
            quotas.within(admit([new[place] for place in left], scope), [new[place] for place in left]),
            "keys",
        )
        for place, answer in zip(left, found, strict=True):
            answers[place] = answer
    done: list[Admitted] = []
    for job, answer in zip(new, answers, strict=True):
        while isinstance(answer, Clash):
            assert job.merge is not None
            args = job.merge(answer.live_args, job.args)
            answer = yield merge(job, answer, args, scope), "keys"
            if answer is None:  # it changed meanwhile
                (answer,) = yield admit([job], scope), "keys"
        assert answer is not None
        done.append(answer)
    return done


def patiently(executor: Executor, op: Op[R], lane: str) -> R:
    """Run an op; what somebody's open transaction holds is waited for a while."""
    give_up = time.monotonic() + BUSY_FOR
    while True:
        try:
            return executor.run(op, lane)
        except Busy:
            if not executor.retries or time.monotonic() > give_up:
                raise
        time.sleep(PAUSE)


async def apatiently(executor: Executor, op: Op[R], lane: str) -> R:
    """`patiently` for event loops."""
    give_up = time.monotonic() + BUSY_FOR
    while True:
        try:
            return await executor.arun(op, lane)
        except Busy:
            if not executor.retries or time.monotonic() > give_up:
                raise
        await asyncio.sleep(PAUSE)


def _to_tell(
    executor: Executor, new: Sequence[NewJob], found: Sequence[Admitted]
) -> Iterator[tuple[list[str], NewJob, Admitted, Op[list[JobRecord | Gone | None]]]]:
    """What somebody wants to hear of, with what reads the record of the job that it is about."""
    if any(admitted.how == "replaced" or admitted.loser is not None for admitted in found):
        executor.ended()
    if not any(map(executor.wanted, {*TOLD.values(), *LOST})):
        return
    for request, admitted in zip(new, found, strict=True):
        about: list[tuple[tuple[str, ...], str]] = [((TOLD[admitted.how],), admitted.id)]
        if admitted.loser is not None:
            about.insert(0, (LOST, admitted.loser))
        for names, id in about:
            wanted = [name for name in names if executor.wanted(name)]
            if wanted:
                yield wanted, request, admitted, get([id], Scope(request.tenant))


def _tell(
    executor: Executor, names: Sequence[str], request: NewJob, admitted: Admitted, record: JobRecord | Gone | None
) -> None:
    job = record if isinstance(record, JobRecord) else None
    for name in names:
        if name == "job.refused":
            why, after = WHY[admitted.how], admitted.retry_after
            executor.tell(
                name, job, queue=request.queue, task=request.task, request=request, why=why, retry_after=after
            )
        elif job is not None:
            executor.tell(name, job)


def refuse_others(job: NewJob, tenant: str) -> None:
    """Raise InvalidOption for a job of another tenant than this."""
    if job.tenant != tenant:
        raise InvalidOption(
            f"a job of {job.task} is for tenant {shown(job.tenant)}, and this is the surface of tenant "
            f"{shown(tenant)}; nothing was stored"
        )


def kept(new: object, wrap: Callable[[NewJob], NewJob]) -> NewJob:
    if not isinstance(new, NewJob):
        raise MisuseError(f"wrap_enqueues: {shown(wrap)} must answer a NewJob, not {shown(new)}")
    return new
