"""What decides when one job runs, read for people: its row, its gates, its queue, what it waits for, who works."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence
from typing import NamedTuple, cast

from holdfast.model.gate import ENTERS, WAITS
from holdfast.model.job import JobState
from holdfast.model.tenant import DEFAULT_TENANT, NONE, Scope
from holdfast.storage.op import Op, Row, Steps, one
from holdfast.storage.ops.inspect import WorkerRecord, workers

AHEAD = 1001
"""Jobs that a count of those before it looks at."""


class Sight(NamedTuple):
    """A live job. Times are seconds from now; `mark` is how a worker says that it takes what is left of the queue."""

    version: int
    state: JobState
    reason: str | None
    queue: str
    task: str
    mark: str
    due_in: float
    attempt: int
    max_attempts: int
    worker: str | None
    lease_left: float | None
    stop_reason: str | None
    expires_in: float | None
    deadline_in: float | None
    running_for: float | None
    gated: bool
    before: int = 0
    gates: tuple[GateSight, ...] = ()
    waits: tuple[WaitSight, ...] = ()
    pieces: tuple[PieceSight, ...] = ()
    rule: QueueSight | None = None


class Holder(NamedTuple):
    """A job that has a place in a gate. `stops`: it failed, and keeps the gate shut."""

    id: str
    stops: bool
    state: str | None
    worker: str | None


class GateSight(NamedTuple):
    """A gate that a job stands before (or in: `held`), and how it stands."""

    gate: str
    held: bool
    size: int | None
    spacing: float | None
    next_in: float | None
    weight: int
    used: int
    before: int
    holders: tuple[Holder, ...] = ()


class WaitSight(NamedTuple):
    """A job or batch (`batch`: its name) that is waited for."""

    id: str
    need: str
    state: str | None
    task: str | None
    batch: str | None


class PieceSight(NamedTuple):
    """What a body waits for."""

    name: str
    kind: str
    topic: str | None
    due_in: float | None


class QueueSight(NamedTuple):
    """What was said of its queue, and how many of its jobs run."""

    paused_for: float | None
    paused_by: str | None
    concurrency: int | None
    spacing: float | None
    next_in: float | None
    running: int = 0


def sight(id: str, scope: Scope) -> Op[Sight | None]:
    """A live job and what decides when it runs; None for one that is not live."""

    def steps(again: bool) -> Steps[Sight | None]:
        found = yield one("explain_job", scope.tenant, id)
        if not found:
            return None
        seen = Sight(*found[0])
        seen = seen._replace(state=JobState(seen.state), gated=bool(seen.gated))
        if seen.state is JobState.BLOCKED and seen.reason in (WAITS, ENTERS):
            seen = seen._replace(gates=(yield from _gates(id, scope)))
        elif seen.state is JobState.BLOCKED:
            rows = yield one("explain_waits", scope.tenant, id)
            seen = seen._replace(waits=tuple(WaitSight(*row) for row in rows))
        elif seen.state is JobState.SUSPENDED:
            rows = yield one("explain_pieces", scope.tenant, id, seen.version)
            seen = seen._replace(pieces=tuple(PieceSight(*row) for row in rows))
        elif seen.state is JobState.READY:
            ((before,),) = yield one("explain_ahead", scope.tenant, id, AHEAD)
            seen = seen._replace(before=int(before))
        return seen

    return Op("explain", steps, scope, reads=True)


def _gates(id: str, scope: Scope) -> Steps[tuple[GateSight, ...]]:
    found: list[GateSight] = []
    for row in (yield one("explain_gates", scope.tenant, id)):
        gate = GateSight(*row)
        gate = gate._replace(held=bool(gate.held), used=int(gate.used))
        if not gate.held:
            holders = yield one("explain_holders", scope.tenant, gate.gate)
            gate = gate._replace(holders=tuple(Holder(each[0], bool(each[1]), *each[2:]) for each in holders))
        found.append(gate)
    return tuple(found)


def rule(queue: str, scope: Scope) -> Op[QueueSight | None]:
    """What was said of a queue, for all tenants or by this one, as far as it holds its jobs up."""

    def steps(again: bool) -> Steps[QueueSight | None]:
        rows = yield one("explain_queue", DEFAULT_TENANT, queue)
        if scope.tenant != DEFAULT_TENANT and (not rows or rows[0][0] is None):
            own = yield one("explain_queue", scope.tenant, queue)
            rows = own if own and own[0][0] is not None else rows
        if not rows:
            return None
        said = QueueSight(*rows[0])
        if said.concurrency is None:
            return said
        running: list[Row] = yield one("queue_running", (queue,))
        return said._replace(running=int(running[0][1]) if running else 0)

    return Op("explain_queue", steps, NONE)


def here() -> Op[Sequence[WorkerRecord]]:
    """Who works."""
    return cast("Op[Sequence[WorkerRecord]]", workers().within(NONE))
