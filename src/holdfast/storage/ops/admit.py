"""Requests of which other jobs decide what becomes of them: keys, inputs that are known, debounces, rates.

All of an op is one transaction, and each statement takes all the requests that it is for. What one request does the
next one of the same op sees, so those about one thing go in rounds.
"""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Iterator, Sequence

from holdfast.model.job import JobState, NewJob
from holdfast.model.need import Need
from holdfast.model.tenant import Scope
from holdfast.storage.op import Op, Statement, Steps
from holdfast.storage.ops import gated, waits
from holdfast.storage.ops.admitted import Admitted, Answer, Clash, How
from holdfast.storage.ops.gates import looked_at
from holdfast.storage.ops.jobs import Lease
from holdfast.storage.ops.keyed import keyed, pend_row
from holdfast.storage.ops.marked import debounced, enqueue_new, joined, known, let_in, rounds
from holdfast.storage.ops.waits import Link


def admit(jobs: Sequence[NewJob], scope: Scope) -> Op[list[Answer]]:
    """Store what is to be stored of these requests, and say what each came to, in their order.

    Repeated: a request that made a job finds it by its id, one that changed another's job by the mark it left; one of
    which neither is there changed nothing, and is judged anew.
    """
    gates = any(job.gates is not None for job in jobs)
    single = len(jobs) == 1 and jobs[0].key is not None and jobs[0].rate_limit is None
    linked = any(job.linked for job in jobs)
    single = single and jobs[0].on_conflict != "replace" and not gates and not linked

    def steps(again: bool) -> Steps[list[Answer]]:
        answers: dict[int, Answer] = {}
        needs = (yield from waits.wanted(jobs)) if linked else {}
        if again:
            answers.update((yield from _stored(jobs)))
        left = [place for place in range(len(jobs)) if place not in answers]
        answers.update((yield from let_in(jobs, [place for place in left if jobs[place].rate_limit is not None])))
        left = [place for place in left if place not in answers]
        plain = [place for place in left if not _decided(jobs[place])]
        if plain:
            yield from enqueue_new([jobs[place] for place in plain], again)
            answers.update((place, Admitted("new", jobs[place].id)) for place in plain)
        for kind, one_round in (("cache", known), ("debounce", debounced)):
            asked = [place for place in left if getattr(jobs[place], kind) is not None]
            for places in rounds(jobs, asked):
                answers.update((yield from one_round(jobs, places, again)))
        freed: list[Lease] = []
        answers.update((yield from keyed(jobs, [place for place in left if jobs[place].key is not None], freed)))
        if again:  # the first try may have been committed, and its job have run, since we looked
            new = [(jobs[at].tenant, jobs[at].id) for at in left if _is_new(answers[at])]
            yield Statement("enqueue_undo", new)
        if linked:
            yield from waits.link(list(_links(jobs, answers, needs)))
        freed = [lease for lease in freed if lease.gates]
        if freed:
            yield Statement("gate_leave", [(lease.tenant, lease.id, None, 0) for lease in freed])
        if gates or freed:
            yield looked_at((key for lease in freed for key in gated.keys(lease)), entries=gates)
        return [answers[place] for place in range(len(jobs))]

    marks = any(job.cache is not None or job.debounce is not None for job in jobs)
    return Op("admit", steps, scope, single=single, wakes=True, apart=marks)


def merge(new: NewJob, clash: Clash, args: str, scope: Scope) -> Op[Answer | None]:
    """Put merged arguments in the place of those that were looked at; None where these have changed since.

    Repeated: the mark it left says that it is done.
    """

    def steps(again: bool) -> Steps[Answer | None]:
        if again and (found := (yield from _stored([new]))):
            return found[0]
        row = (new.tenant, clash.id, clash.version, new.id, args, clash.args)
        if clash.state != JobState.RUNNING and (yield Statement("merge", [row])):
            return Admitted("merged", clash.id, clash.version)
        done = yield Statement("pend", [pend_row(new._replace(args=args), clash)])  # it may undo what it did
        return Admitted("merged", clash.id, clash.next) if done else None

    return Op("merge", steps, scope, single=True, wakes=False)


def join(jobs: Sequence[NewJob], scope: Scope) -> Op[list[Answer | None]]:
    """The jobs that answer these inputs by now; None where one is to be run. Repeating it is harmless."""

    def steps(again: bool) -> Steps[list[Answer | None]]:
        found = yield from joined(jobs, range(len(jobs)))
        return [found.get(place) for place in range(len(jobs))]

    return Op("join", steps, scope, single=True)


def by_key(queue: str, key: str, scope: Scope) -> Op[str | None]:
    """The id of the job of a key: the live one, else the one that ended last."""

    def steps(again: bool) -> Steps[str | None]:
        found = yield Statement("by_key", [(scope.tenant, queue, key)])
        return found[0][1] if found else None

    return Op("by_key", steps, scope, single=True)


def _decided(job: NewJob) -> bool:
    """Whether there is more to ask about it than its rate."""
    return job.key is not None or job.cache is not None or job.debounce is not None


def _stored(jobs: Sequence[NewJob]) -> Steps[dict[int, Answer]]:
    found: dict[int, Answer] = {}
    for ordinal, id, version in (yield Statement("stored", [(job.tenant, job.id) for job in jobs])):
        job = jobs[int(ordinal) - 1]
        how: How = "new" if id == job.id else "merged" if job.on_conflict == "merge" else "replaced"
        found[int(ordinal) - 1] = Admitted(how, id, version)
    return found


def _links(jobs: Sequence[NewJob], answers: dict[int, Answer], needs: dict[str, tuple[Need, ...]]) -> Iterator[Link]:
    """What is to wait for whom: a batch for whichever job answers a request, a job only if the request made it."""
    for place, job in enumerate(jobs):
        answer = answers[place]
        if not job.linked or (isinstance(answer, Admitted) and answer.how in ("taken", "refused")):
            continue
        if isinstance(answer, Admitted) and answer.how in ("new", "replaced"):
            yield Link(job.tenant, answer.id, needs.get(job.id, ()), job.batch, answer.how == "replaced")
        elif job.batch is not None:
            yield Link(job.tenant, answer.id, (), job.batch)


def _is_new(answer: Answer) -> bool:
    return isinstance(answer, Admitted) and answer.how == "new"
