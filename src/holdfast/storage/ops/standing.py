"""What people read of gates: one by its name, a page of them, those that a failure keeps shut."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence

from holdfast.model.gate import GROUP, LIMIT, Gate
from holdfast.model.offers import Key
from holdfast.storage.op import Op, Row, Statement, Steps, one

MOST_WAITING = 10_000
"""Jobs in a line that are counted."""

MOST_LISTED = 100
"""And of each where many are listed."""

ENDS = {GROUP: "h", LIMIT: "m"}
"""What comes after all names of a kind, in the order of any language: most see no colons."""


def get(keys: Sequence[Key]) -> Op[list[Gate | None]]:
    """These gates, None for one that is not there."""

    def steps(again: bool) -> Steps[list[Gate | None]]:
        return (yield from _read(keys, MOST_WAITING))

    return Op("gate_get", steps, single=True)


def page(tenant: str, kind: str, batch: int, after: str = "", stopped: bool = False) -> Op[list[Gate]]:
    """At most `batch` gates of a kind by name, those after the gate `kind` + `after`.

    stopped: only those that a failure keeps shut.
    """

    def steps(again: bool) -> Steps[list[Gate]]:
        begin = kind + after
        names = (
            one("gate_stopped", tenant, begin, batch)
            if stopped
            else one("gate_names", tenant, begin, ENDS[kind], batch)
        )
        keys = [(tenant, str(name)) for (name,) in (yield names) if str(name).startswith(kind)]
        found = (yield from _read(keys, MOST_LISTED)) if keys else []
        return [gate for gate in found if gate is not None]

    return Op("gate_names", steps)


def _read(keys: Sequence[Key], most: int) -> Steps[list[Gate | None]]:
    found: list[Gate | None] = [None] * len(keys)
    for ordinal, *row in (yield Statement("gate_get", [(*key, most + 1) for key in keys])):
        place = int(ordinal) - 1
        found[place] = _gate(keys[place][1], tuple(row), most)
    return found


def _gate(gate: str, row: Row, most: int) -> Gate:
    base, size, spacing, edited, used, waiting, stopped_by = row
    whole = gate if base is None else str(base)
    part = gate[len(whole) + 1 :] if len(gate) > len(whole) else None
    name = whole.partition(":")[2]
    return Gate(
        name, part, size, spacing, bool(edited), int(used), min(int(waiting), most), int(waiting) > most, stopped_by
    )
