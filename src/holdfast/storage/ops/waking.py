"""Jobs that wait in the middle of their bodies, seen from outside: who waits for a topic, an answer, a wake-up.

An answer is written before its job is woken. A body that waits is suspended in a transaction which looks for answers
last. Where the two meet, one finds the other's row locked: who wakes tries again, and nothing is missed.
"""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from holdfast.model.job import FINISHED
from holdfast.model.step import StepKey
from holdfast.storage.op import Op, Statement, Steps
from holdfast.storage.ops.gated import entered


class Piece(NamedTuple):
    """A piece that waits."""

    tenant: str
    id: str
    version: int
    key: StepKey
    mark: str | None = None


class Answered(NamedTuple):
    """What a piece that waits has come to: `state` "done" with a result, or "failed" with an error, as JSON texts."""

    piece: Piece
    state: str
    result: str | None = None
    error: str | None = None


def waits_for(topics: Sequence[tuple[str, str]], page: int = 1000) -> Op[list[list[Piece]]]:
    """Of each topic (tenant, name) the pieces that wait for it, a page at most."""

    def steps(again: bool) -> Steps[list[list[Piece]]]:
        return (yield from waiting_for(topics, page))

    return Op("steps_topic", steps, single=True)


def waiting_for(topics: Sequence[tuple[str, str]], page: int = 1000) -> Steps[list[list[Piece]]]:
    """`waits_for` within another op."""
    found: list[list[Piece]] = [[] for _ in topics]
    rows = yield Statement("steps_topic", [(*topic, page) for topic in topics])
    for ordinal, id, version, branch, name, nth, mark in rows:
        place = int(ordinal) - 1
        found[place].append(Piece(topics[place][0], id, version, StepKey(branch, name, nth), mark))
    return found


Key: TypeAlias = tuple[str, str]
"""Tenant and id of a job."""


class Woken(NamedTuple):
    """`number`: of jobs that go on. `left`: those whose rows somebody had locked: `wake` is to be tried again, after
    this is committed."""

    number: int
    left: list[Key]


def answer(answers: Sequence[Answered]) -> Op[tuple[list[bool], list[Key]]]:
    """Answer pieces that wait, and wake their jobs: which of them did wait, and the jobs that are still to be woken.

    Repeated, what was answered by the first try waits no more, and is told so.
    """

    def steps(again: bool) -> Steps[tuple[list[bool], list[Key]]]:
        return (yield from answering(answers))

    return Op("answer", steps, wakes=True)


def answering(answers: Sequence[Answered]) -> Steps[tuple[list[bool], list[Key]]]:
    """`answer` within another op."""
    rows = [(*each.piece[:3], *each.piece.key, each.state, each.result, each.error) for each in answers]
    done = {int(row[0]) for row in (yield Statement("step_answer", rows))}
    jobs = {each.piece[:2] for ordinal, each in enumerate(answers, 1) if ordinal in done}
    woken = yield from waking(jobs)
    return [ordinal in done for ordinal in range(1, len(answers) + 1)], woken.left


def wake(jobs: Iterable[Key]) -> Op[Woken]:
    """Let suspended jobs go on; those that run look by themselves. Repeating it is harmless."""
    keys = set(jobs)

    def steps(again: bool) -> Steps[Woken]:
        return (yield from waking(keys))

    return Op("wake", steps, wakes=True)


def waking(jobs: Iterable[Key]) -> Steps[Woken]:
    """`wake` within another op."""
    keys = sorted(jobs)
    if not keys:
        return Woken(0, [])
    found = {int(ordinal): (bool(waits), bool(gated)) for ordinal, waits, gated in (yield Statement("wake", keys))}
    missed = [key for ordinal, key in enumerate(keys, 1) if ordinal not in found]
    if missed:
        there = {int(row[0]) for row in (yield Statement("get", missed)) if row[7] not in FINISHED}
        missed = [key for ordinal, key in enumerate(missed, 1) if ordinal in there]
    if any(waits and gated for waits, gated in found.values()):
        yield entered()
    return Woken(sum(waits for waits, _ in found.values()), missed)
