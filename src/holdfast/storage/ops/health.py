"""Signs of trouble in the tables: work that nobody does. Each statement looks at a bounded number of rows."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from dataclasses import dataclass

from holdfast.storage.op import Op, Steps, one


def waiting() -> Op[dict[str, float]]:
    """Queues with ready jobs, 1,000 at most, and for how many seconds the first in line has been due."""

    def steps(again: bool) -> Steps[dict[str, float]]:
        found = yield one("waiting")
        return {str(queue): float(seconds) for queue, seconds in found}

    return Op("waiting", steps, single=True)


def unknown() -> Op[list[str]]:
    """Tasks whose jobs wait for a worker that has them, 1,000 at most."""

    def steps(again: bool) -> Steps[list[str]]:
        return [task for (task,) in (yield one("unknown"))]

    return Op("unknown", steps, single=True)


@dataclass(frozen=True, slots=True)
class Late:
    """Running jobs whose lease ran out, and scheduled ones that are due: 1,000 stands for more."""

    lapsed: int
    overdue: int


def late(seconds: float) -> Op[Late]:
    """What a leader should have seen to `seconds` ago."""

    def steps(again: bool) -> Steps[Late]:
        lapsed, overdue = (yield one("late", seconds))[0]
        return Late(lapsed, overdue)

    return Op("late", steps, single=True)


@dataclass(frozen=True, slots=True)
class Leadership:
    """Who has a role, for how many seconds more; below zero: since when nobody has."""

    role: str
    boot: str
    term: int
    seconds: float


def leaders() -> Op[list[Leadership]]:
    """The last leader of each role."""

    def steps(again: bool) -> Steps[list[Leadership]]:
        return [Leadership(*row) for row in (yield one("leaders"))]

    return Op("leaders", steps, single=True)
