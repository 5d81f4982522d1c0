"""Jobs of schedules that people ask for: now, and for a range that is past."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from datetime import datetime, timedelta
from typing import NamedTuple

from holdfast.errors import InvalidOption
from holdfast.ids import new_id
from holdfast.model.rule import Rule, Spec
from holdfast.model.tenant import Scope
from holdfast.storage.op import Op, Statement, Steps, one
from holdfast.storage.ops.firing import Fired, make
from holdfast.storage.ops.schedules import Stored, micros
from holdfast.storage.rows import moment

MOST_BACKFILLED = 10_000


def trigger(name: str, scope: Scope) -> Op[Fired | None]:
    """Make a job of a schedule now, beside its rule; None where the schedule is not.

    Repeated, it makes no second: the instant is the first try's, and with it the run's name is taken.
    """
    id = new_id()
    nth = int(id[-12:], 16) + 1
    asked: list[datetime] = []
    answers: list[Fired] = []

    def steps(again: bool) -> Steps[Fired | None]:
        asked.append(moment((yield one("moment"))[0][0]))
        now = asked[0]
        found = yield one("schedule_lock", scope.tenant, name)
        if not found:
            return None
        row = Stored.of(found[0])
        if again and (yield Statement("get", [(scope.tenant, id)])):
            return Fired(row.tenant, row.name, row.task, id, now, 0.0)
        answers.extend((yield from make([(row, Spec(), now, nth, False, id)], again)))
        return answers[-1]  # where the run is noted, it is the first try's: its answer holds

    return Op("schedule_trigger", steps, scope, wakes=True)


class Range(NamedTuple):
    """From its first instant to its last, both included."""

    start: datetime
    end: datetime


def backfill(name: str, scope: Scope, span: Range, dry_run: bool) -> Op[int | None]:
    """Make the jobs of a schedule for the instants of `span` that have none, and answer how many; None where the
    schedule is not. Repeated, it counts those of the first try too.

    Raises InvalidOption for a span of more than 10,000 instants, or one that ends after now.
    """

    first: dict[int | None, str] = {}

    def steps(again: bool) -> Steps[int | None]:
        now = moment((yield one("moment"))[0][0])
        found = yield one("schedule_lock", scope.tenant, name)
        if not found:
            return None
        row = Stored.of(found[0])
        spec, rule = row.rule()
        ticks = instants(rule, span, now)
        there = (yield from _noted(row, span)) if dry_run or again else {}
        if dry_run:
            return sum(micros(tick) not in there for tick in ticks)
        before = sum(there.get(instant) == id for instant, id in first.items())
        made = yield from make([(row, spec, tick, 0, False, new_id()) for tick in ticks], again)
        given = {micros(job.tick): job.job for job in made if job.refusal is None}
        first.update(given)
        return before + len(given)

    return Op("schedule_backfill", steps, scope, wakes=True)


def instants(rule: Rule, span: Range, now: datetime) -> list[datetime]:
    """A rule's instants in a span, which must be past."""
    if span.end > now:
        raise InvalidOption(f"a backfill must end by now: {span.end.isoformat()} lies ahead")
    before = span.start - timedelta(microseconds=1)
    found: list[datetime] = []
    while (tick := rule.next(before)) is not None and tick <= span.end:
        if len(found) >= MOST_BACKFILLED:
            raise InvalidOption(f"a backfill takes at most {MOST_BACKFILLED} instants: take a shorter range")
        found.append(tick)
        before = tick
    return found


def _noted(row: Stored, span: Range) -> Steps[dict[int | None, str]]:
    """The rule's own instants in a span that have their job, and its id."""
    before = micros(span.end + timedelta(microseconds=1))
    found: dict[int | None, str] = {}
    while page := (yield one("schedule_runs", row.tenant, row.name, before, 1000)):
        found.update((micros(moment(at)), id) for id, at, nth in page if nth == 0)
        oldest = moment(page[-1][1])
        if oldest < span.start or len(page) < 1000:
            break
        before = micros(oldest)
    return found
