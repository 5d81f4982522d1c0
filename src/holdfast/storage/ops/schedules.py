"""Schedules as people and code put them: stored, changed, paused, read. `firing` is what the leader does with them."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from holdfast.clock import MICROSECOND, to_micros
from holdfast.errors import InvalidOption
from holdfast.model.rule import Rule, Spec, rule_of
from holdfast.model.schedule import NewSchedule, Schedule, ScheduleStats
from holdfast.model.tenant import Scope
from holdfast.storage import rows as decode
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.rows import moment, moment_or_none

MOST_REASONS = 20

MOST_MOVED = 10_000
"""Runs that a schedule keeps when its task is renamed; a backfill takes no more instants either."""


class Stored(NamedTuple):
    """A locked row of a schedule, as statements need it."""

    tenant: str
    name: str
    source: str
    deployment: str | None
    task: str
    args: str
    job: str
    spec: str
    anchor: datetime
    next_at: datetime | None
    last_at: datetime | None
    paused: bool
    parked: str | None
    fired: int

    @staticmethod
    def of(row: Row) -> Stored:
        tenant, name, source, deployment, task, args, job, spec = row[:8]
        anchor, next_at, last_at, _, paused, parked, fired = row[8:15]
        return Stored(
            tenant, name, source, deployment, task, args, job, spec, moment(anchor), moment_or_none(next_at),
            moment_or_none(last_at), bool(paused), parked, fired,
        )  # fmt: skip

    def rule(self) -> tuple[Spec, Rule]:
        """Raises InvalidOption where nobody here understands what is stored."""
        return rule_of(self.spec, self.anchor)


def micros(instant: datetime | None) -> int | None:
    return None if instant is None else to_micros(instant)


def get(name: str, scope: Scope) -> Op[Schedule | None]:
    """One schedule, None where it is not."""

    def steps(again: bool) -> Steps[Schedule | None]:
        found = yield one("schedule_get", scope.tenant, name)
        return decode.schedule(found[0]) if found else None

    return Op("schedule_get", steps, scope, single=True)


def page(scope: Scope, batch: int, after: str | None = None) -> Op[list[Schedule]]:
    """Schedules in the order of their names, after the name `after`."""

    def steps(again: bool) -> Steps[list[Schedule]]:
        return [decode.schedule(row) for row in (yield one("schedule_list", scope.tenant, after, batch))]

    return Op("schedule_list", steps, scope, single=True)


def stats(scope: Scope) -> Op[ScheduleStats]:
    """How they stand, and what they did in the last 24 hours."""

    def steps(again: bool) -> Steps[ScheduleStats]:
        active, paused, parked, ended, next_at, fired, failed, worst, late = (
            yield one("schedule_stats", scope.tenant)
        )[0]
        why = (yield one("schedule_reasons", scope.tenant, MOST_REASONS)) if parked else []
        return ScheduleStats(
            active, paused, parked, ended, moment_or_none(next_at), fired, failed, late, worst, dict(why)
        )  # fmt: skip

    return Op("schedule_stats", steps, scope)


def stored_rule(name: str, scope: Scope) -> Op[tuple[Stored | None, datetime]]:
    """What is stored of a schedule, and the instant at which it was read."""

    def steps(again: bool) -> Steps[tuple[Stored | None, datetime]]:
        now = moment((yield one("moment"))[0][0])
        found = yield one("schedule_get", scope.tenant, name)
        return Stored.of(found[0]) if found else None, now

    return Op("schedule_rule", steps, scope)


def put(new: NewSchedule) -> Op[Schedule]:
    """Store a schedule, or change the one of this name. Repeating it changes nothing more."""

    def steps(again: bool) -> Steps[Schedule]:
        now = moment((yield one("moment"))[0][0])
        found = yield one("schedule_lock", new.tenant, new.name)
        if not found and not (yield Statement("schedule_new", [_new_row(new, now)])):
            found = yield one("schedule_lock", new.tenant, new.name)
        if found:
            yield Statement("schedule_change", [_changed_row(new, Stored.of(found[0]), now)])
        return decode.schedule((yield one("schedule_lock", new.tenant, new.name))[0])

    return Op("schedule_put", steps, Scope(new.tenant))


def _new_row(new: NewSchedule, now: datetime) -> Row:
    first = micros(new.spec.rule(now).first(now))
    return (
        new.tenant, new.name, new.source, new.deployment, new.task, new.args, new.job, new.spec.dumps(), micros(now),
        first, None if new.paused else first, bool(new.paused),
    )  # fmt: skip


def _changed_row(new: NewSchedule, there: Stored, now: datetime) -> Row:
    """The same rule keeps its next instant, another one begins after now; an instant that has come and not fired yet
    stays due either way, and none that has fired comes again."""
    spec = new.spec.dumps()
    paused = there.paused if new.paused is None else new.paused
    next_at = there.next_at
    owed = next_at is not None and next_at <= now and not there.paused
    if there.paused and not paused:
        next_at = _after(new.spec.rule(there.anchor), now, there.last_at)
    elif spec != there.spec and not owed:
        next_at = _after(new.spec.rule(there.anchor), now, there.last_at)
        if new.spec.max_runs is not None and there.fired >= new.spec.max_runs:
            next_at = None
    return (
        new.tenant, new.name, new.source, new.deployment, new.task, new.args, new.job, spec, micros(there.anchor),
        micros(next_at), None if paused else micros(next_at), paused, None,
    )  # fmt: skip


def _after(rule: Rule, now: datetime, last: datetime | None) -> datetime | None:
    return rule.next(now if last is None else max(now, last))


def pause(name: str, scope: Scope) -> Op[Schedule | None]:
    """Fire no more until it is resumed. Repeating it is harmless."""

    def change(there: Stored, now: datetime) -> Row:
        return _standing(there, there.next_at, True, there.parked)

    return _changing("schedule_pause", name, scope, change)


def resume(name: str, scope: Scope) -> Op[Schedule | None]:
    """Go on: after a pause with the next instant after now, after parking with what it still owes. Repeating it is
    harmless. Raises InvalidOption where nobody here understands when it fires."""

    def change(there: Stored, now: datetime) -> Row:
        spec, rule = there.rule()
        next_at = there.next_at
        if there.paused and (spec.max_runs is None or there.fired < spec.max_runs):
            next_at = _after(rule, now - MICROSECOND, there.last_at)
        return _standing(there, next_at, False, None)

    return _changing("schedule_resume", name, scope, change)


def _standing(there: Stored, next_at: datetime | None, paused: bool, parked: str | None) -> Row:
    due = None if paused or parked is not None else micros(next_at)
    return (
        there.tenant, there.name, there.source, there.deployment, there.task, there.args, there.job, there.spec,
        micros(there.anchor), micros(next_at), due, paused, parked,
    )  # fmt: skip


def _changing(op: str, name: str, scope: Scope, change: Callable[[Stored, datetime], Row]) -> Op[Schedule | None]:
    def steps(again: bool) -> Steps[Schedule | None]:
        now = moment((yield one("moment"))[0][0])
        found = yield one("schedule_lock", scope.tenant, name)
        if not found:
            return None
        yield Statement("schedule_change", [change(Stored.of(found[0]), now)])
        return decode.schedule((yield one("schedule_lock", scope.tenant, name))[0])

    return Op(op, steps, scope)


def delete(name: str, scope: Scope) -> Op[Schedule | None]:
    """Remove a schedule; its jobs stay. Answers what was removed.

    Repeated, it answers what the first try saw and removed.
    """
    seen: list[Schedule] = []

    def steps(again: bool) -> Steps[Schedule | None]:
        found = yield one("schedule_lock", scope.tenant, name)
        if found:
            seen[:] = [decode.schedule(found[0])]
            yield Statement("schedule_delete", [(scope.tenant, name)])
        return seen[0] if found or (again and seen) else None

    return Op("schedule_delete", steps, scope)


class Declared(NamedTuple):
    """What a worker's start did to schedules declared in code."""

    added: int
    changed: int
    removed: int


def declare(declared: Sequence[NewSchedule], tasks: Sequence[str], deployment: str | None) -> Op[Declared]:
    """Make the stored schedules of code those that this worker's code declares, and try its parked ones again.

    tasks: all that the worker knows. A schedule that code declared is removed where it is declared no more, by the
    deployment that declared it: the one of that name, or without a name one that has its task. Those put by API are
    left alone. One whose task has another name by now, and its old one as an alias, goes on under the new name.
    Repeating it changes nothing more.
    """
    wanted = {(new.tenant, new.name): new for new in declared}

    def steps(again: bool) -> Steps[Declared]:
        now = moment((yield one("moment"))[0][0])
        found = [Stored.of(row) for row in (yield one("schedules_declared", tuple(tasks), deployment))]
        there = {(one.tenant, one.name): one for one in found}
        renamed = _renamed(declared, there)
        if renamed:
            yield Statement("schedule_rename", renamed)
            yield Statement("schedule_rename_runs", [(*row, MOST_MOVED) for row in renamed])
            yield Statement("schedule_rename_jobs", renamed)
            for tenant, name, former in renamed:
                there[tenant, name] = there.pop((tenant, former))._replace(name=name)
        gone = [key for key, one in there.items() if key not in wanted and _is_ours(one, deployment)]
        changed = [row for key, one in there.items() if (row := _reconciled(wanted.get(key), one, now)) is not None]
        new = [_new_row(one, now) for key, one in sorted(wanted.items()) if key not in there]
        if gone:
            yield Statement("schedule_delete", gone)
        if changed:
            yield Statement("schedule_change", changed)
        added = (yield Statement("schedule_new", new)) if new else []
        return Declared(len(added), len(changed), len(gone))

    return Op("schedules_declare", steps)


def _renamed(declared: Sequence[NewSchedule], there: Mapping[tuple[str, str], Stored]) -> list[Row]:
    """Schedules of tasks that have another name by now: what they are called, and what they were called."""
    wanted = {(new.tenant, new.name) for new in declared}
    found: list[Row] = []
    for new in declared:
        for former in new.formerly if (new.tenant, new.name) not in there else ():
            key = new.tenant, former
            if key in there and key not in wanted and there[key].source == "code":
                found.append((new.tenant, new.name, former))
                break
    return sorted(found)


def _is_ours(there: Stored, deployment: str | None) -> bool:
    """Whether code of this deployment declared it."""
    return there.source == "code" and there.deployment == deployment


def _reconciled(new: NewSchedule | None, there: Stored, now: datetime) -> Row | None:
    """What a stored schedule is to become; None where nothing changes."""
    if new is not None and there.source == "code":
        same = (there.deployment, there.task, there.args, there.job, there.spec)
        if same != (new.deployment, new.task, new.args, new.job, new.spec.dumps()) or there.parked is not None:
            return _changed_row(new, there, now)
    elif there.parked is not None and there.source == "api":
        try:
            there.rule()
        except InvalidOption:
            return None
        return _standing(there, there.next_at, there.paused, None)
    return None
