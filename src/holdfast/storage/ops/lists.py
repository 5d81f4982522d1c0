"""Pages of jobs, found by conditions, in one of four orders. Whatever is asked, so many rows at most are looked at."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from holdfast.clock import to_micros
from holdfast.model.filter import JobFilter
from holdfast.model.job import JobRecord, JobState
from holdfast.model.tenant import Scope
from holdfast.storage import rows as decode
from holdfast.storage.op import Op, Row, Steps, one
from holdfast.storage.rows import moment

WINDOW = 10_000
"""Rows of each table that one page looks at, at most."""
COUNTED = 100_000
"""Rows of each table that a count looks at, at most."""
NEWEST = 2**31 - 1
"""A version past all others."""


class ById(NamedTuple):
    """A place in the order of creation: a job, and which of its versions."""

    id: str | None = None
    version: int = 0


class ByClaim(NamedTuple):
    """A place in the order of claims."""

    rank: int
    due: int
    seq: int


@dataclass(frozen=True, slots=True)
class Found:
    """Jobs in the order in which they were looked for, each with its place, and where the window ended: at `edge`, None
    where nothing lies beyond. `more`: a further one was seen."""

    jobs: list[tuple[JobRecord, ById | ByClaim]]
    more: bool
    edge: ById | ByClaim | None = None


def page(which: JobFilter, scope: Scope, limit: int, after: ById | None = None, up: bool = False) -> Op[Found]:
    """Jobs by id, oldest first (`up`) or newest first, each with its versions, from a place on."""
    at = after or ById()
    version = at.version if at.version or not up else NEWEST

    def steps(again: bool) -> Steps[Found]:
        running, keyed = _few(which)
        if running or keyed:
            ended = keyed and which.ended
            asked = (scope.tenant, running, ended, which.queue, which.key, WINDOW)
            if (yield one("list_few_edge", *asked))[0][0] < WINDOW:
                few = (up, running, keyed and which.live, ended, WINDOW, limit + 1)
                rows = yield one("list_few", scope.tenant, at.id, version, *few, *which.values())
                return _by_id(rows, limit, None)
        flags = (which.live, which.ended and not which.unsuccessful, which.unsuccessful)
        edge = (yield one("list_edge", scope.tenant, at.id, up, *flags, WINDOW))[0][0]
        name = "list_up" if up else "list"
        rows = yield one(name, scope.tenant, at.id, version, edge, *flags, limit + 1, *which.values())
        return _by_id(rows, limit, edge)

    return Op("list", steps, scope, reads=True)


def _few(which: JobFilter) -> tuple[bool, bool]:
    """Whether they are found among those that run, or by their key."""
    return which.states == (JobState.RUNNING,), which.key is not None and which.queue is not None


def _by_id(rows: Sequence[Row], limit: int, edge: str | None) -> Found:
    records = [decode.record(row) for row in rows[:limit]]
    jobs: list[tuple[JobRecord, ById | ByClaim]] = [(each, ById(each.id, each.version)) for each in records]
    return Found(jobs, len(rows) > limit, None if edge is None else ById(edge))


HEAD = ByClaim(-(2**31) - 1, 0, 0)
TAIL = ByClaim(2**31 + 1, 0, 0)


def line(which: JobFilter, scope: Scope, limit: int, after: ByClaim | None = None, back: bool = False) -> Op[Found]:
    """Ready jobs in the order in which they would start, or from its end back (`back`), from a place on."""
    at = after or (TAIL if back else HEAD)

    def steps(again: bool) -> Steps[Found]:
        ends = yield one("list_claim_edge", scope.tenant, back, *at, which.queue, WINDOW)
        edge = ByClaim(ends[0][0], _micros(ends[0][1]), ends[0][2]) if ends else None
        until: tuple[Any, ...] = edge or (None, None, None)
        rows = yield one("list_claim", scope.tenant, back, *at, *until, limit + 1, *which.values())
        # The branches of the statement are of one walk each, but no order is promised across them.
        placed = sorted(((decode.record(row), _place(row)) for row in rows), key=lambda each: each[1], reverse=back)
        return Found(list(placed[:limit]), len(rows) > limit, edge)

    return Op("line", steps, scope, reads=True)


def _place(row: Row) -> ByClaim:
    """`priority`, `due` and `seq` as the columns of a record come."""
    return ByClaim(-row[8], _micros(row[9]), row[3])


def _micros(due: Any) -> int:
    return to_micros(moment(due))


def count(which: JobFilter, scope: Scope) -> Op[tuple[dict[str, int], bool]]:
    """Jobs by state, and whether that is all of them: so many of the newest rows are looked at."""

    def steps(again: bool) -> Steps[tuple[dict[str, int], bool]]:
        flags = (which.live, which.ended and not which.unsuccessful, which.unsuccessful)
        edge = (yield one("list_edge", scope.tenant, None, False, *flags, COUNTED))[0][0]
        counts: dict[str, int] = {}
        for state, number in (yield one("list_count", scope.tenant, edge, *flags, *which.values())):
            counts[state] = counts.get(state, 0) + number
        return counts, edge is None

    return Op("list_count", steps, scope, reads=True)
