"""Keeping what was claimed."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence

from holdfast.storage.op import Op, Statement, Steps
from holdfast.storage.ops.fenced import HANDED
from holdfast.storage.ops.jobs import Held, Lease


def renew(leases: Sequence[tuple[Lease, float | None]], length: float) -> Op[list[Held]]:
    """Move the end of leases `length` seconds from now. Each comes with the running time of its body so far.

    Repeating it is harmless.
    """
    rows = [(lease.tenant, lease.id, lease.token, length, elapsed) for lease, elapsed in leases]

    def steps(again: bool) -> Steps[list[Held]]:
        renewed = {row[0] for row in (yield Statement("renew", rows))}
        answers = [Held.DONE if ordinal in renewed else Held.LOST for ordinal in range(1, len(rows) + 1)]
        missed = [place for place, answer in enumerate(answers) if answer is Held.LOST]
        if missed:
            for ordinal, place, *_ in (yield Statement("held", [rows[at][:3] for at in missed])):
                answers[missed[ordinal - 1]] = Held.LOCKED if place in (1, HANDED) else Held.LOST
        return answers

    return Op("renew", steps)
