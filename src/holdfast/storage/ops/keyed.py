"""Keys: new jobs whose key is free, and what becomes of those that find it taken."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

import json
from collections.abc import Sequence

from holdfast.errors import DatabaseUnavailable
from holdfast.model import undoing
from holdfast.model.conflict import NEWER
from holdfast.model.job import JobState, NewJob
from holdfast.model.lifecycle import Finish
from holdfast.model.policy import Policy, is_awaited
from holdfast.storage.op import Row, Statement, Steps
from holdfast.storage.ops import gated
from holdfast.storage.ops.admitted import Admitted, Answer, Clash
from holdfast.storage.ops.fenced import begin_to_undo
from holdfast.storage.ops.jobs import Ending, Lease, new_row

MOST_ROUNDS = 100
"""How often what moved meanwhile is looked at again in vain."""


def keyed(jobs: Sequence[NewJob], places: Sequence[int], freed: list[Lease]) -> Steps[dict[int, Answer]]:
    """What the requests at these places come to, by place: stored, or as `on_conflict` says; merges are left to do.

    freed: filled with jobs that were replaced before they ran, and the gates that they no longer stand before.
    """
    answers: dict[int, Answer] = {}
    left = list(places)
    tries = 0
    while left:
        if tries == MOST_ROUNDS:
            raise DatabaseUnavailable("the keys of these jobs changed hands all the time; nothing changed: try again")
        rows = [_keyed_row(jobs[place]) for place in left]
        there: dict[int, Clash] = {}
        for ordinal, *found in (yield Statement("enqueue_key", rows)):
            place = left[int(ordinal) - 1]
            if not found or found[0] == jobs[place].id:
                answers[place] = Admitted("new", jobs[place].id)
            else:
                id, version, state, args, pending, gates = found
                there[place] = Clash(id, version, state, args or "", pending, gates)
        replacing: list[int] = []
        for place, clash in there.items():
            match jobs[place].on_conflict:
                case "replace":
                    replacing.append(place)
                case "merge":
                    answers[place] = clash
                case "reject":
                    answers[place] = Admitted("taken", clash.id, clash.version)
                case _:
                    answers[place] = Admitted("kept", clash.id, clash.version)
        # Two of one key replace one after the other, each what is there by then.
        first = list({there[place].id: place for place in reversed(replacing)}.values())
        behind: set[int] = set()
        answers.update((yield from _replace(jobs, first[::-1], there, behind)))
        for place in first:
            clash = there[place]
            answer = answers.get(place)
            left_it = isinstance(answer, Admitted) and answer.version == clash.version + 1 and place not in behind
            if left_it and clash.gates is not None and clash.state != JobState.RUNNING:
                freed.append(Lease(jobs[place].tenant, clash.id, 0, clash.gates))
        before, left = len(left), [place for place in left if place not in answers]
        tries = tries + 1 if len(left) == before else 0
    return answers


def _replace(
    jobs: Sequence[NewJob], places: Sequence[int], there: dict[int, Clash], behind: set[int]
) -> Steps[dict[int, Answer]]:
    """Put requests in the place of the live jobs that were seen; those that changed meanwhile are not answered.

    behind: filled with the places of requests that wait on jobs which undo what they did.
    """
    answers: dict[int, Answer] = {}
    waiting = [place for place in places if there[place].state != JobState.RUNNING]
    running = [place for place in places if there[place].state == JobState.RUNNING]
    rows = [_replace_row(jobs[place], there[place]) for place in waiting]
    pends = [pend_row(jobs[place], there[place]) for place in running]
    for name, among, given in (("replace", waiting, rows), ("pend", running, pends)):
        for row in (yield Statement(name, given)) if given else ():
            place = among[int(row[0]) - 1]
            clash = there[place]
            answers[place] = Admitted("replaced", clash.id, clash.next if name == "pend" else clash.version + 1)
    missed = [place for place in waiting if place not in answers]
    if missed:
        answers.update((yield from _behind(jobs, missed, there)))
        behind.update(place for place in missed if place in answers)
    return answers


def _behind(jobs: Sequence[NewJob], places: Sequence[int], there: dict[int, Clash]) -> Steps[dict[int, Answer]]:
    """Requests wait on jobs that have done what is to be undone: these are over now, and undo it first."""
    answers: dict[int, Answer] = {}
    over: list[Ending] = []
    owing: list[int] = []
    for ordinal, state, token, version, policy, _, _, gates in (
        yield Statement("lock", [(jobs[place].tenant, there[place].id) for place in places])
    ):
        place = places[int(ordinal) - 1]
        if version != there[place].version or state == JobState.RUNNING or undoing.MARK not in policy:
            continue
        owing.append(place)
        if undoing.OWING in policy:
            lease = Lease(jobs[place].tenant, there[place].id, token, gates, is_awaited(policy))
            over.append(Ending(lease, Finish(JobState.CANCELLED, Policy.read(policy).keep_failed, NEWER)))
    if over:
        yield from gated.after([after for _, after in (yield from begin_to_undo(over))])
    rows = [pend_row(jobs[place], there[place]) for place in owing]
    for row in (yield Statement("pend", rows)) if rows else ():
        place = owing[int(row[0]) - 1]
        answers[place] = Admitted("replaced", there[place].id, there[place].next)
    return answers


def _keyed_row(job: NewJob) -> Row:
    return (*new_row(job), job.key, job.on_conflict, job.group, job.gates)


def _replace_row(job: NewJob, clash: Clash) -> Row:
    tenant, id, _, *columns = new_row(job)
    return (tenant, clash.id, clash.version, id, *columns, job.group, job.gates)


def pend_row(job: NewJob, clash: Clash) -> Row:
    (
        _, _, _, task, args, priority, delay, run_at, max_attempts, timeout, policy, tags, metadata, expires, deadline,
    ) = new_row(job)  # fmt: skip
    pending = {
        "version": clash.next, "task": task, "args": args, "priority": priority, "delay": _micros(delay),
        "run_at": run_at, "max_attempts": max_attempts, "timeout": timeout, "policy": policy, "tags": tags,
        "metadata": metadata, "expires": _micros(expires), "deadline": _micros(deadline), "group_key": job.group,
        "gates": job.gates,
    }  # fmt: skip
    text = json.dumps(pending, separators=(",", ":"), ensure_ascii=False)
    return (job.tenant, clash.id, clash.version, job.id, text, clash.next, clash.pending)


def _micros(duration: float | None) -> int | None:
    return None if duration is None else round(duration * 1_000_000)
