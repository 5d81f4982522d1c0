"""What the end of an attempt does besides where its job waits in the middle of its body."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from holdfast.model.lifecycle import Finish, Requeue
from holdfast.model.step import Waits
from holdfast.storage.op import Statement, Steps
from holdfast.storage.ops.waking import Key, waiting_for, waking

if TYPE_CHECKING:
    from holdfast.storage.ops.jobs import Ending, Lease


def concerns(ending: Ending) -> bool:
    """Whether a job is suspended by this, or one ends that another waits for."""
    verdict = ending.verdict
    return verdict.waits is not None if isinstance(verdict, Requeue) else ending.lease.awaited


def after(written: Sequence[Ending]) -> Steps[None]:
    """After attempts have ended: record what suspended jobs wait for, and wake those for which it has come already;
    wake who waited for jobs that ended.

    The rows of suspended jobs are locked by that write: who brings what they wait for finds them suspended, or has
    brought it before this looks. Where the end of a child meets the suspension of its parent, the parent looks again by
    itself, soon.
    """
    waits = [
        (ending.lease, ending.verdict.waits)
        for ending in written
        if isinstance(ending.verdict, Requeue) and ending.verdict.waits is not None
    ]
    if waits:
        yield from _suspended(waits)
    yield from over(ending.lease for ending in written if isinstance(ending.verdict, Finish))


def over(leases: Iterable[Lease]) -> Steps[None]:
    """Wake who waits for the ends of these jobs."""
    topics = [(lease.tenant, topic(lease.id)) for lease in leases if lease.awaited]
    if topics:
        pieces = yield from waiting_for(topics)
        yield from waking({piece[:2] for page in pieces for piece in page})


def _suspended(waits: Sequence[tuple[Lease, Waits]]) -> Steps[None]:
    pieces = [row for _, each in waits for row in each.pieces]
    if pieces:
        yield Statement("step", pieces)
    journals = [row for _, each in waits for row in each.journals]
    if journals:
        yield Statement("journal", journals)
    over: set[Key] = set()
    asked = [row for _, each in waits for row in each.asked]
    if asked:
        over |= {asked[int(row[0]) - 1][:2] for row in (yield Statement("steps_over", asked))}
    others = {(lease.tenant, id) for lease, each in waits for id in each.others}
    if others:
        yield Statement("await_end", sorted(others))
    jobs = [(lease, id) for lease, each in waits for id in each.jobs]
    if jobs:
        live = {int(row[0]) for row in (yield Statement("lives", [(lease.tenant, id) for lease, id in jobs]))}
        over |= {lease[:2] for ordinal, (lease, _) in enumerate(jobs, 1) if ordinal not in live}
    yield from waking(over)


def topic(id: str) -> str:
    """What a piece waits for that waits for a job."""
    return f"job:{id}"
