"""Marks: which job an input or a debounce belongs to, and when a rate let the last one in.

A mark that was taken is locked until the commit, so what it decides is decided once.
"""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Iterator, Sequence

from holdfast.model.gate import ENTERS
from holdfast.model.inputs import canonical, digest, input_name
from holdfast.model.job import JobState, NewJob
from holdfast.model.lifecycle import Finish
from holdfast.model.policy import Policy
from holdfast.model.spacing import Space
from holdfast.storage.op import Row, Statement, Steps
from holdfast.storage.ops.admitted import Admitted, Answer
from holdfast.storage.ops.fenced import end_locked
from holdfast.storage.ops.jobs import Ending, Lease, new_row
from holdfast.storage.ops.lines import NOWHERE

MARGIN = 3600.0
"""Seconds for which marks outlive what they are for."""

DAY = 86_400.0


def rounds(jobs: Sequence[NewJob], places: Sequence[int]) -> Iterator[list[int]]:
    """Places in their order, no two of one mark in a round."""
    left = list(places)
    while left:
        first: dict[tuple[str, str], int] = {}
        for place in left:
            first.setdefault((jobs[place].tenant, mark_name(jobs[place])), place)
        yield list(first.values())
        taken = set(first.values())
        left = [place for place in left if place not in taken]


def mark_name(job: NewJob) -> str:
    """What the mark of an input or a debounce is called."""
    return input_name(job.task, job.args) if job.debounce is None else job.debounce.name


def enqueue_new(jobs: Sequence[NewJob], again: bool) -> Steps[None]:
    """Store jobs that nothing stands in the way of."""
    rows = [new_row(job) for job in jobs]
    if any(job.gates is not None for job in jobs):
        rows = [(*row, ENTERS, job.group, job.gates) for row, job in zip(rows, jobs, strict=True)]
        if again:
            yield Statement("enqueue_gated_again", rows)
        else:
            yield Statement("enqueue_gated", [(*row, *NOWHERE) for row in rows])
    else:
        yield Statement("enqueue_again" if again else "enqueue", rows)


def let_in(jobs: Sequence[NewJob], places: Sequence[int]) -> Steps[dict[int, Answer]]:
    """The refusals among requests that have a rate. Of several of one name in an op the first may be let in."""
    refused: dict[int, Answer] = {}
    first: dict[tuple[str, str], int] = {}
    for place in places:
        first.setdefault((jobs[place].tenant, _space(jobs[place].rate_limit).name), place)
    asked = list(first.values())
    waits: dict[int, float] = {}
    if asked:
        rows = [(jobs[at].tenant, (s := _space(jobs[at].rate_limit)).name, jobs[at].id, s.seconds) for at in asked]
        for ordinal, wait in (yield Statement("rate", rows)):
            waits[asked[int(ordinal) - 1]] = wait
    for place in places:
        space = _space(jobs[place].rate_limit)
        leader = first[jobs[place].tenant, space.name]
        wait = waits[leader] if place == leader else waits[leader] or space.seconds
        if wait:
            refused[place] = Admitted("refused", jobs[place].id, retry_after=wait)
    return refused


def _space(space: Space | None) -> Space:
    assert space is not None
    return space


# Inputs


def joined(jobs: Sequence[NewJob], places: Sequence[int]) -> Steps[dict[int, Answer]]:
    """The jobs that answer the inputs at these places, by place."""
    rows: list[Row] = []
    for place in places:
        job = jobs[place]
        assert job.cache is not None
        rows.append((job.tenant, input_name(job.task, job.args), job.cache.seconds, int(job.cache.failures)))
    found: dict[int, Answer] = {}
    for ordinal, id, version in (yield Statement("joined", rows)):
        found[places[int(ordinal) - 1]] = Admitted("joined", id, version)
    return found


def known(jobs: Sequence[NewJob], places: Sequence[int], again: bool) -> Steps[dict[int, Answer]]:
    """Inputs that nobody else has run, or will; each of another input."""
    held = yield from _mark(jobs, places, "input")
    others = [place for place in places if held[place][0] != jobs[place].id]
    answers = (yield from joined(jobs, others)) if others else {}
    anew = [place for place in others if place not in answers]
    yield from _remark(jobs, anew, "input", dict.fromkeys(anew, 0.0))
    mine = [place for place in places if place not in answers]
    if mine:
        yield from enqueue_new([jobs[place] for place in mine], again)
    answers.update((place, Admitted("new", jobs[place].id)) for place in mine)
    return answers


def _mark(jobs: Sequence[NewJob], places: Sequence[int], kind: str) -> Steps[dict[int, tuple[str, str | None, float]]]:
    """Whose the marks are: an id, the input and for how long, by place. Nobody else writes them until the commit."""
    rows: list[Row] = []
    for place in places:
        job = jobs[place]
        rows.append((job.tenant, mark_name(job), kind, job.id, _input(job), _lasts(job)))
    return {places[int(row[0]) - 1]: row[1:] for row in (yield Statement("mark", rows))}


def _remark(jobs: Sequence[NewJob], places: Sequence[int], kind: str, ages: dict[int, float]) -> Steps[None]:
    if places:
        rows: list[Row] = []
        for place in places:
            job = jobs[place]
            rows.append((job.tenant, mark_name(job), kind, job.id, _input(job), ages[place], _lasts(job)))
        yield Statement("remark", rows)


def _lasts(job: NewJob) -> float:
    return DAY if job.debounce is None else job.debounce.seconds + MARGIN


def _input(job: NewJob) -> str | None:
    return None if job.debounce is None else digest(f"{job.task} {canonical(job.args)}")


# Debounces


def debounced(jobs: Sequence[NewJob], places: Sequence[int], again: bool) -> Steps[dict[int, Answer]]:
    """Requests that wait for a newer one; each of another name."""
    answers: dict[int, Answer] = {}
    held = yield from _mark(jobs, places, "debounce")
    others = {place: held[place] for place in places if held[place][0] != jobs[place].id}
    waiting = yield from _waiting(jobs, others)
    ages = {place: others[place][2] if place in waiting else 0.0 for place in places if place in others}
    delays = {place: _delay(_space(jobs[place].debounce), ages.get(place, 0.0)) for place in places}
    same = [place for place in waiting if others[place][1] == _input(jobs[place])]
    if same:
        rows = [(jobs[place].tenant, others[place][0], delays[place]) for place in same]
        for row in (yield Statement("postpone", rows)):
            place = same[int(row[0]) - 1]
            answers[place] = Admitted("joined", others[place][0])
    losers = [place for place in waiting if place not in answers]
    if losers:
        yield from end_locked([waiting[place] for place in losers], [])
        yield Statement("supersede", [(jobs[at].tenant, others[at][0], 1, jobs[at].id) for at in losers])
    mine = [place for place in places if place not in answers]
    yield from _remark(jobs, [place for place in mine if place in others], "debounce", ages)
    if mine:
        yield from enqueue_new([jobs[place]._replace(delay=delays[place]) for place in mine], again)
    for place in mine:
        answers[place] = Admitted("new", jobs[place].id, loser=others[place][0] if place in losers else None)
    return answers


def _waiting(jobs: Sequence[NewJob], others: dict[int, tuple[str, str | None, float]]) -> Steps[dict[int, Ending]]:
    """How to end those that still wait, by place: due later and never claimed. The others are on their way."""
    places = list(others)
    if not places:
        return {}
    found: dict[int, Ending] = {}
    rows = [(jobs[place].tenant, others[place][0]) for place in places]
    for ordinal, state, token, _, policy, *_ in (yield Statement("lock", rows)):
        if state == JobState.SCHEDULED and token == 0:
            place = places[int(ordinal) - 1]
            lease = Lease(jobs[place].tenant, others[place][0], token)
            found[place] = Ending(lease, Finish(JobState.CANCELLED, Policy.read(policy).keep_failed, "debounced"))
    return found


def _delay(space: Space, waited: float) -> float:
    """Seconds to wait from now: the spacing anew, but no longer than `max_wait` after the first."""
    return space.seconds if space.max_wait is None else max(0.0, min(space.seconds, space.max_wait - waited))
