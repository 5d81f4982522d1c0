"""What messages become: one job, or what a transform makes of it, for each task that their pipe triggers.

A message is handed to all tasks that its pipe triggers by a worker that knows one of them: then there is a delivery for
each. Whoever knows a delivery's task makes the jobs; that they are stored and that the delivery goes is one commit.
"""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from holdfast.model.job import NewJob
from holdfast.storage.op import Op, Statement, Steps, one
from holdfast.storage.ops.admitted import Admitted
from holdfast.storage.ops.ends import Heard, hear
from holdfast.storage.ops.firing import stored

Pair: TypeAlias = tuple[str, str]
"""A pipe, and a task that it triggers."""


class Due(NamedTuple):
    """A message that is to become jobs of a task; `value` is its JSON text."""

    tenant: str
    message: str
    task: str
    pipe: str
    value: str


class Made(NamedTuple):
    """The jobs of a delivery; or why there can be none for now."""

    due: Due
    jobs: tuple[NewJob, ...] = ()
    refusal: str | None = None


class Look(NamedTuple):
    """Deliveries that are due, and whether there are messages that were handed to nobody."""

    due: list[Due]
    untaken: bool


def declare(pairs: Sequence[Pair], tasks: Sequence[str], heard: Sequence[Heard] = ()) -> Op[int]:
    """Say which pipes trigger these tasks: those and no others. What was set aside of theirs is tried again; answers
    how many. Repeating it changes nothing more.

    heard: which of the pipes are ends of jobs, and of which task.
    """
    wanted = sorted(set(pairs))

    def steps(again: bool) -> Steps[int]:
        there = {(pipe, task) for pipe, task in (yield one("triggers_on", tuple(tasks)))}
        if gone := sorted(there - set(wanted)):
            yield Statement("trigger_drop", gone)
            yield Statement("ends_unheard", sorted({(pipe,) for pipe, _ in gone}))
        if wanted:
            yield Statement("trigger_put", wanted)
        if heard:
            yield from hear(heard)
        return len((yield one("deliveries_revive", tuple(tasks))))

    return Op("triggers_declare", steps, wakes=True)


def look(tasks: Sequence[str], pipes: Sequence[str], batch: int) -> Op[Look]:
    """What there is to do for tasks that are triggered by pipes. Only reads."""

    def steps(again: bool) -> Steps[Look]:
        due = [Due(*row) for row in (yield one("deliveries_due", tuple(tasks), batch))]
        return Look(due, bool((yield one("untaken", tuple(pipes)))[0][0]))

    return Op("deliveries_look", steps)


def hand(pipes: Sequence[str], batch: int) -> Op[int]:
    """Hand messages of these pipes to every task that the pipe triggers, one page; answers how many messages.

    Repeated, those that the first try handed are left alone.
    """

    def steps(again: bool) -> Steps[int]:
        found = yield one("messages_untaken", tuple(pipes), batch)
        if not found:
            return 0
        tasks: dict[str, list[str]] = {}
        for pipe, task in (yield one("triggers_of", tuple(sorted({row[2] for row in found})))):
            tasks.setdefault(pipe, []).append(task)
        rows = [
            (tenant, id, task, pipe, seq) for tenant, id, pipe, seq in found for task in tasks.get(pipe, ())
        ]  # fmt: skip
        if rows:
            yield Statement("delivery_put", sorted(rows, key=lambda row: row[:3]))
        taken = sorted((tenant, id, len(tasks[pipe])) for tenant, id, pipe, _ in found if pipe in tasks)
        if taken:
            yield Statement("messages_taken", taken)
        return len(taken)

    return Op("messages_hand", steps, wakes=True)


def deliver(made: Sequence[Made]) -> Op[list[tuple[Made, list[Admitted]]]]:
    """Store the jobs of deliveries, or set these aside; answers those that were still there, with what came of it.

    Repeated, what the first try did is not there any more.
    """

    def steps(again: bool) -> Steps[list[tuple[Made, list[Admitted]]]]:
        parked = [each for each in made if each.refusal is not None]
        if parked:
            yield Statement("delivery_park", [(*each.due[:3], each.refusal) for each in parked])
        wanted = [each for each in made if each.refusal is None]
        if not wanted:
            return []
        took = yield Statement("delivery_take", [each.due[:3] for each in wanted])
        mine = [wanted[int(row[0]) - 1] for row in took]
        answers = iter((yield from stored([job for each in mine for job in each.jobs], again)))
        return [(each, [next(answers) for _ in each.jobs]) for each in mine]

    return Op("deliver", steps, wakes=True, apart=True)
