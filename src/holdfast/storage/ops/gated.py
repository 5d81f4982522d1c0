"""What the operations on jobs do besides where a job has gates: at its enqueue, at its end, and when it comes back."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.model.gate import ENTERS, WAITS, gate_names, is_spaced, load_passes
from holdfast.model.job import JobState, NewJob
from holdfast.model.lifecycle import Finish, Requeue, Verdict
from holdfast.storage.op import Row, Shared, Statement, Steps
from holdfast.storage.ops.gates import looked_at
from holdfast.storage.ops.lines import NOWHERE, Comer, Line, lined

if TYPE_CHECKING:
    from holdfast.storage.ops.jobs import Ending, Lease


def insert(
    jobs: Sequence[NewJob], plain: Sequence[Row], again: bool = False, lent: bool = False, waiting: Container[str] = ()
) -> Steps[set[int]]:
    """Store new jobs some of which have gates (`plain`: their rows without them), and have them stand in line: the
    places of those that had run already and were not stored again.

    waiting: ids of jobs that come to their gates later, for they wait for others.
    lent: on a connection of somebody else's, whose transaction may be long: no gate is touched, and the leader's pass
    has them stand in line.
    """
    reason = ENTERS if lent else WAITS
    nobody = lent or not any(job.gates is not None and job.id not in waiting for job in jobs)
    lines = [NOWHERE] * len(jobs) if nobody else (yield from _lines(jobs, waiting))
    rows: list[Row] = [(*row, reason, job.group, job.gates) for job, row in zip(jobs, plain, strict=True)]
    if not again:
        yield Statement("enqueue_gated", [(*row, *line) for row, line in zip(rows, lines, strict=True)])
        return set()
    yield Statement("enqueue_gated_again", rows)
    undone = {int(row[0]) - 1 for row in (yield Statement("enqueue_undo", [row[:2] for row in rows]))}
    if undone:
        yield Statement("gate_leave", [(*rows[place][:2], None, 0) for place in sorted(undone)])
    stand = [
        (job.tenant, job.id, *line)
        for at, (job, line) in enumerate(zip(jobs, lines, strict=True))
        if line[0] is not None and at not in undone
    ]
    if stand:
        yield Statement("gate_wait", stand)
    return undone


def _lines(jobs: Sequence[NewJob], waiting: Container[str]) -> Steps[list[Line]]:
    """Where each stands. Many are alike, and looked at once, in the order of the last of each kind."""
    kinds = [(job.tenant, job.queue, job.task, None if job.id in waiting else job.gates) for job in jobs]
    alike = list(dict.fromkeys(reversed(kinds)))[::-1]
    lines = yield from lined([Comer(kind[0], kind[1], kind[2], load_passes(kind[3])) for kind in alike])
    found = dict(zip(alike, lines, strict=True))
    return [found[kind] for kind in kinds]


def enter(jobs: Sequence[NewJob]) -> Steps[None]:
    """Look at the gates before which new jobs stand now."""
    found = {(job.tenant, gate) for job in jobs if job.gates is not None for gate in gate_names(job.gates)}
    if found:
        yield looked_at(sorted(found))


def before(endings: Sequence[Ending]) -> Steps[list[Ending]]:
    """Before jobs with gates end or are given back: note what their start keeps shut, and how they come back."""
    spaced = [ending for ending in endings if is_spaced(ending.lease.gates)]
    if not spaced:
        return list(endings)
    yield from noted((ending.lease, ending.elapsed) for ending in spaced)
    return [ending._replace(verdict=_verdict(ending)) for ending in endings]


def noted(leases: Iterable[tuple[Lease, float | None]]) -> Steps[None]:
    """Before running jobs leave, each with the running time of its body if known: note what their start keeps shut."""
    notes: list[Row] = [
        (lease.tenant, lease.id, lease.token, each.gate, each.weight, elapsed)
        for lease, elapsed in leases
        for each in load_passes(lease.gates)
        if each.spacing is not None
    ]
    if notes:
        yield Statement("gate_started", notes)


def _verdict(ending: Ending) -> Verdict:
    """A job that begins anew must pass gates with a spacing again."""
    verdict = ending.verdict
    spaced = is_spaced(ending.lease.gates)
    if spaced and isinstance(verdict, Requeue) and verdict.state is JobState.READY:
        return replace(verdict, state=JobState.BLOCKED, reason=ENTERS)
    return verdict


def after(endings: Iterable[Ending], enters: bool = False) -> Steps[None]:
    """After they were written: give up their places, and offer them to the next.

    enters: newer versions of some have come to their gates in the same moment.
    """
    written = [ending for ending in endings if ending.lease.gates and not _stays(ending.verdict)]
    rows = [row for ending in written if (row := _leaving(ending)) is not None]
    if rows:
        yield Statement("gate_leave", rows)
    if written:
        enters = enters or any(ending.verdict.reason == ENTERS for ending in written)
        yield looked_at((key for ending in written for key in keys(ending.lease)), enters)


def _stays(verdict: Verdict) -> bool:
    """Whether the job was just given back: it has its places, and nothing is to be done."""
    return isinstance(verdict, Requeue) and verdict.state is JobState.READY and not verdict.crashed


def _leaving(ending: Ending) -> Row | None:
    """What gate_leave.sql is given: where the job keeps its place, and whether that shuts the gate."""
    lease, verdict = ending.lease, ending.verdict
    if isinstance(verdict, Finish) and verdict.state is JobState.SUCCEEDED:
        return (lease.tenant, lease.id, None, 0)
    group = next((each for each in load_passes(lease.gates) if each.group), None)
    kept, stop = False, False
    match verdict:
        case Finish(state):
            kept = stop = group is not None and group.stop and state in (JobState.FAILED, JobState.STALLED)
        case Requeue(JobState.READY):
            return None
        case Requeue(JobState.SCHEDULED, reason):
            kept = group is not None and (group.block or reason == "suspect")
        case Requeue(JobState.SUSPENDED):
            kept = group is not None
        case Requeue(_, reason):
            kept = reason == ENTERS
    return (lease.tenant, lease.id, group.gate if kept and group is not None else None, int(stop))


def freed(leases: Iterable[Lease]) -> Steps[None]:
    """Jobs were removed: give up all their places, and offer them to the next."""
    gated = [lease for lease in leases if lease.gates]
    if gated:
        yield Statement("gate_leave", [(lease.tenant, lease.id, None, 0) for lease in gated])
        yield looked_at(key for lease in gated for key in keys(lease))


def reopened(jobs: Sequence[tuple[str, str]]) -> Steps[None]:
    """Jobs that had failed are gone, or count as succeeded: groups that they had stopped go on."""
    opened = yield Statement("gate_reopen", jobs)
    if opened:
        yield looked_at((jobs[int(ordinal) - 1][0], gate) for ordinal, gate in opened)


def keys(lease: Lease) -> list[tuple[str, str]]:
    """The gates of a job: tenant and name."""
    return [(lease.tenant, gate) for gate in gate_names(lease.gates)]


def entered() -> Shared:
    """Jobs have come to their gates."""
    return looked_at((), entries=True)
