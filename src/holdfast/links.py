"""What calls wait for, and the batches that count them, become parts of the jobs they are stored as."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from holdfast.errors import InvalidOption
from holdfast.model.job import NewJob
from holdfast.model.need import Need, distinct
from holdfast.model.policy import linked_policy
from holdfast.task import Awaited, Call


def linked(calls: Sequence[Call[Any]], new: Sequence[NewJob], batch: str | None = None) -> list[NewJob]:
    """The jobs of these calls with what they wait for, and the batch that counts them.

    batch: of those for which nobody named one. Raises InvalidOption for what cannot be waited for.
    """
    times = Counter(map(id, calls))
    jobs = {id(call): job for call, job in zip(calls, new, strict=True)}

    def need(one: Awaited) -> Need:
        if isinstance(one.what, str):
            return Need(one.what, one.when)
        name = one.what.task.name
        if times[id(one.what)] != 1:
            why = "more than once there" if times[id(one.what)] else "not there"
            raise InvalidOption(
                f"a call can wait for others of the same enqueue_many only, and this one of {name} is {why}"
            )
        job = jobs[id(one.what)]
        if job.conditional:
            raise InvalidOption(
                f"another job may answer the call of {name} (it has key, cache, debounce or rate_limit): "
                "enqueue it first, and wait for the job that this answers"
            )
        return Need(job.id, one.when)

    return [
        _linked(job, [need(one) for one in (*call.task.awaits, *call.awaits)], call.task.batch or batch)
        for call, job in zip(calls, new, strict=True)
    ]


def _linked(job: NewJob, needs: list[Need], batch: str | None) -> NewJob:
    if not needs and batch is None:
        return job
    if needs and job.debounce is not None:
        raise InvalidOption("give after or debounce, not both: debounce waits for the newest input, and no longer")
    after = distinct(needs)
    return job._replace(after=after, batch=batch, policy=linked_policy(job.policy, after, batch))


def links(calls: Sequence[Call[Any]]) -> bool:
    """Whether any of these waits for something, or is in a batch."""
    return any(call.awaits or call.task.awaits or call.task.batch for call in calls)
