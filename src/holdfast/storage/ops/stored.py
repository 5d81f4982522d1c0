"""New jobs that are more than a row: some have gates, wait for others, or are in a batch."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence

from holdfast.model.job import NewJob
from holdfast.storage.op import Row, Statement, Steps
from holdfast.storage.ops import gated, waits
from holdfast.storage.ops.waits import Link


def store(jobs: Sequence[NewJob], rows: Sequence[Row], again: bool = False, lent: bool = False) -> Steps[None]:
    """Store new jobs (`rows`: what enqueue.sql takes). Those that wait for others come to their gates after that."""
    linked = any(job.linked for job in jobs)
    needs = (yield from waits.wanted(jobs)) if linked else {}
    gates = any(job.gates is not None for job in jobs)
    undone: set[int] = set()
    if gates:
        undone = yield from gated.insert(jobs, rows, again, lent, {id for id, need in needs.items() if need})
    else:
        yield Statement("enqueue_again" if again else "enqueue", rows)
        if again:
            undone = {int(row[0]) - 1 for row in (yield Statement("enqueue_undo", [row[:2] for row in rows]))}
    if linked:
        new = [job for place, job in enumerate(jobs) if place not in undone and job.linked]
        yield from waits.link([Link(job.tenant, job.id, needs.get(job.id, ()), job.batch) for job in new])
    if gates and not lent:
        yield from gated.enter([job for job in jobs if not needs.get(job.id)])
