"""Batches: opened, closed, counted, read. Their jobs are linked to them in `waits`; a pass counts and ends them."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence

from holdfast.errors import JobNotFound
from holdfast.model.batch import BatchRecord, BatchState
from holdfast.model.job import NewJob
from holdfast.model.tenant import Scope
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.ops import stored
from holdfast.storage.ops.jobs import new_row
from holdfast.storage.ops.waits import note, seen_to
from holdfast.storage.rows import moment, moment_or_none


def opened(id: str, name: str, keep: float, follow: Sequence[NewJob], scope: Scope) -> Op[None]:
    """Open a batch, and store the jobs that are to follow it. Repeated: what is there stays as it is."""
    rows = [new_row(job) for job in follow]

    def steps(again: bool, lent: bool = False) -> Steps[None]:
        yield Statement("batch_new", [(scope.tenant, id, name, keep)])
        if follow:
            yield from stored.store(follow, rows, again, lent)

    return Op("batch_new", steps, scope, single=not follow, lent=lambda: steps(False, lent=True))


def closed(id: str, scope: Scope, stop: bool = False) -> Op[None]:
    """Take no more jobs but from the batch's own; `stop`: none at all, and cancel those that are in it.

    The pass does the rest, and all of it while somebody's open transaction adds to the batch. Repeating it is harmless.
    Raises JobNotFound.
    """

    def steps(again: bool) -> Steps[None]:
        key = (scope.tenant or "", id)
        done = yield Statement("batch_close", [(*key, int(stop))])
        if not done:
            (found,) = yield from read([id], key[0])
            if found is None:
                raise JobNotFound(f"there is no batch {id} (any more)", id)
            if found.finished:
                return
        what = "stop" if stop else "batch" if done else "close"
        yield seen_to([note(what, *key, "added" if what == "batch" else None, 0)])

    return Op("batch_close", steps, scope)


def get(ids: Sequence[str], scope: Scope) -> Op[list[BatchRecord | None]]:
    """Batches with their counts, in the order asked; None for what is absent."""

    def steps(again: bool) -> Steps[list[BatchRecord | None]]:
        return (yield from read(ids, scope.tenant or ""))

    return Op("batch_get", steps, scope, single=True)


def read(ids: Sequence[str], tenant: str) -> Steps[list[BatchRecord | None]]:
    """`get` within another op."""
    found: list[BatchRecord | None] = [None] * len(ids)
    if ids:
        for ordinal, *row in (yield Statement("batch_get", [(tenant, id) for id in ids])):
            found[int(ordinal) - 1] = record(tuple(row))
    return found


def record(row: Row) -> BatchRecord:
    """A row of batch_get.sql, without its ordinal."""
    tenant, id, name, ended, open, _, total, succeeded, failed, cancelled, stalled, created_at, finished_at = row
    state: BatchState = ended or ("open" if open else "running")
    return BatchRecord(
        id, name, tenant, state, total, succeeded, failed, cancelled, stalled, moment(created_at),
        moment_or_none(finished_at),
    )  # fmt: skip


def page(scope: Scope, limit: int, after: str | None = None) -> Op[list[BatchRecord]]:
    """Batches newest first, at most `limit`, those made before `after`."""

    def steps(again: bool) -> Steps[list[BatchRecord]]:
        ids = [id for (id,) in (yield one("batch_list", scope.tenant, after, limit))]
        return [found for found in (yield from read(ids, scope.tenant or "")) if found is not None]

    return Op("batch_list", steps, scope, single=True)


def prune(batch: int = 1000) -> Op[int]:
    """Forget batches that ended and whose time is over, one page; how many."""

    def steps(again: bool) -> Steps[int]:
        return len((yield one("batch_prune", batch)))

    return Op("batch_prune", steps, single=True)
