"""Who comes to gates: the gates are made and brought up to date, and it is said who of them needs a long look.

A gate remembers whose jobs came to it first: their queue and task, its lane. As long as only such jobs stand in its
line, one statement tells who is next, in many gates at once. `odd` ones are of another lane, whose turn may come
because nobody claims those before them; they have several gates, or take more than one place.
"""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from holdfast.model.gate import Pass
from holdfast.model.offers import Key
from holdfast.storage.op import Row, Statement, Steps

Line: TypeAlias = tuple[str | None, int, bool]
"""The gate in whose line a job stands, its weight there, and whether it is odd."""

NOWHERE: Line = (None, 1, False)


class Comer(NamedTuple):
    """A job that comes to its gates."""

    tenant: str
    queue: str
    task: str
    passes: Sequence[Pass]

    @property
    def lane(self) -> str:
        return f"{self.queue}\t{self.task}"


class Known(NamedTuple):
    """What a gate is, as gate_known.sql says it."""

    lane: str | None
    size: int | None
    spacing: float | None
    edited: bool


def lined(comers: Sequence[Comer]) -> Steps[list[Line]]:
    """Make gates that are not there, and say where each comer stands: before the first of its gates.

    The newest comer says how large a group is, and how far apart a throttle's starts are; limits go by what workers'
    code says when they start.
    """
    first: dict[Key, tuple[Pass, str]] = {}
    own: dict[Key, Pass] = {}
    for comer in comers:
        for each in comer.passes:
            key = (comer.tenant, each.gate)
            if key not in first:
                first[key] = (each, comer.lane)
            if each.base is None:
                own[key] = each
    keys = sorted(first)
    known = yield from _known(keys)
    missing = [key for key in keys if key not in known]
    if missing:
        yield opening((tenant, *first[tenant, gate]) for tenant, gate in missing)
        known.update((yield from _known(missing)))
    yield from _bring_up(own, known)
    if ownerless := [(*key, first[key][1]) for key, gate in known.items() if gate.lane is None]:
        yield Statement("gate_adopt", ownerless)
    return [_line(comer, known) for comer in comers]


def _line(comer: Comer, known: dict[Key, Known]) -> Line:
    if not comer.passes:
        return NOWHERE
    each = comer.passes[0]
    gate = known.get((comer.tenant, each.gate))
    same = gate is not None and gate.lane == comer.lane
    return (each.gate, each.weight, not same or each.weight != 1 or len(comer.passes) > 1)


def _known(keys: Sequence[Key]) -> Steps[dict[Key, Known]]:
    if not keys:
        return {}
    rows = yield Statement("gate_known", keys)
    return {
        keys[int(ordinal) - 1]: Known(lane, size, spacing, bool(edited))
        for ordinal, lane, size, spacing, edited in rows
    }


def _bring_up(own: dict[Key, Pass], known: dict[Key, Known]) -> Steps[None]:
    changed: list[Row] = []
    for key in sorted(own):
        gate, each = known.get(key), own[key]
        if gate is None or (not gate.edited and (gate.size, gate.spacing) != (each.size, each.spacing)):
            changed.append((*key, each.size, each.spacing))
    if changed:
        yield Statement("gate_resize", changed)


def opening(passes: Iterable[tuple[str, Pass, str | None]]) -> Statement:
    """Make the gates of these passes (tenant, pass, lane) that are not there."""
    rows = {
        (tenant, each.gate): (tenant, each.gate, each.base, each.size, each.spacing, lane)
        for tenant, each, lane in passes
    }
    return Statement("gate_open", [rows[key] for key in sorted(rows)])
