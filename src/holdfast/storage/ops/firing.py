"""Jobs that schedules make by their own rule, and what jobs they have made."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from holdfast.errors import InvalidOption
from holdfast.ids import new_id
from holdfast.model.job import JobRecord, NewJob
from holdfast.model.rule import Firing, Rule, Spec, delay_of, firing
from holdfast.model.schedule import job_of
from holdfast.model.tenant import ALL, Scope
from holdfast.model.text import clean_text, shown
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.ops import manage
from holdfast.storage.ops.admit import admit
from holdfast.storage.ops.admitted import Admitted
from holdfast.storage.ops.inspect import Gone, get
from holdfast.storage.ops.jobs import enqueue
from holdfast.storage.ops.manage import Answer
from holdfast.storage.ops.schedules import Stored, micros
from holdfast.storage.rows import moment

LOOK_AGAIN = timedelta(seconds=1)
"""After so long a schedule that waits for its own job looks again."""

MOST_JOBS = 2_000
"""Jobs after which a page of firing takes up no further schedule."""

SUPERSEDED = "superseded"
MOST_REASON = 1024


class Fired(NamedTuple):
    """A job that a schedule made, for the instant `tick`, enqueued `late` seconds after it.

    refusal: why it made none: a live job has its key, or it came too soon.
    """

    tenant: str
    schedule: str
    task: str
    job: str
    tick: datetime
    late: float
    refusal: Admitted | None = None


class Parked(NamedTuple):
    tenant: str
    schedule: str
    task: str
    reason: str


@dataclass(slots=True)
class Round:
    """What one page of firing did. `due`: schedules it looked at; `full`: there may be more."""

    due: int = 0
    full: bool = False
    fired: list[Fired] = field(default_factory=list[Fired])
    parked: list[Parked] = field(default_factory=list[Parked])
    cancelled: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


class _Due(NamedTuple):
    """A schedule whose instant has come, and what its rule makes of it."""

    row: Stored
    spec: Spec
    rule: Rule
    firing: Firing


UNKNOWN = "unknown"
NOBODY_KNOWS = "no live worker knows the task"
"""How the reason begins of a schedule that is parked until somebody does."""

BROKEN = "firing it failed:"
"""How the reason begins of one that is parked until somebody repairs it."""

Check: TypeAlias = Callable[[str, str], str | None]
"""Why a task cannot run with these arguments (JSON text): None where it can, UNKNOWN for a task that is not here."""


def fire(check: Check, batch: int = 200) -> Op[Round]:
    """Make the jobs of schedules that are due, one page: each instant's job, that it has one, and what the schedule
    waits for next are one commit. A schedule that cannot fire is parked, and stops no other.

    Repeated: what the first try fired is not due any more.
    """

    def steps(again: bool) -> Steps[Round]:
        found = yield one("schedules_due", batch)
        done = Round(full=len(found) >= batch)
        if not found:
            return done
        now = moment(found[0][-1])
        rows = [(Stored.of(row), moment(row[-2])) for row in found]
        elsewhere: frozenset[str] = frozenset()
        if any(check(row.task, row.args) == UNKNOWN for row, _ in rows):
            elsewhere = known_to_others((yield one("workers")))
        due, moves = _judge(rows, now, check, elsewhere, done)
        due = yield from _overlaps(due, moves, now, done)
        ticks = [(each, tick) for each in due for tick in each.firing.instants]
        jobs = yield from make([(each.row, each.spec, tick, 0, True, new_id()) for each, tick in ticks], again)
        by_schedule: dict[tuple[str, str], list[Fired]] = {}
        for job in jobs:
            by_schedule.setdefault((job.tenant, job.schedule), []).append(job)
        for each in due:
            own = by_schedule.get((each.row.tenant, each.row.name), [])
            made = [job._replace(late=(now - job.tick).total_seconds()) for job in own if job.refusal is None]
            done.fired += made
            moves.append(_move(each, len(made), len(own) - len(made)))
        yield Statement("schedule_fired", sorted(moves, key=lambda row: row[:2]))
        return done

    return Op("schedules_fire", steps, wakes=True)


def known_to_others(workers: Sequence[Row]) -> frozenset[str]:
    """The tasks that live workers say they know, from rows of workers.sql."""
    return frozenset(name for row in workers if row[-1] for name in json.loads(row[5] or "[]"))


def _judge(
    rows: Sequence[tuple[Stored, datetime]], now: datetime, check: Check, elsewhere: frozenset[str], done: Round
) -> tuple[list[_Due], list[Row]]:
    """What is to be fired, and the moves of schedules that are parked instead."""
    due: list[_Due] = []
    moves: list[Row] = []
    jobs = 0
    for row, due_at in rows:
        if jobs >= MOST_JOBS:  # what is not looked at stays due
            done.full = True
            break
        done.due += 1
        try:
            reason = _refusal(row, check, elsewhere)
            if reason is None and row.next_at is not None:
                spec, rule = row.rule()
                job_of(row.job, "", row.tenant, row.task, row.args, now)
                waited = due_at > row.next_at  # it was a job of its own that held the instant up
                judged = firing(spec, rule, row.next_at, now, row.fired, waited)
                jobs += len(judged.instants)
                due.append(_Due(row, spec, rule, judged))
                continue
        except InvalidOption as error:
            reason = str(error)
        except Exception as error:  # whatever is wrong with one must not keep the others from firing
            reason = f"{BROKEN} {type(error).__name__}: {error}"
        reason = clean_text(reason or "it has no next instant", MOST_REASON)
        done.parked.append(Parked(row.tenant, row.name, row.task, reason))
        moves.append((row.tenant, row.name, micros(row.next_at), None, None, 0, 0, reason))
    return due, moves


def _refusal(row: Stored, check: Check, elsewhere: frozenset[str]) -> str | None:
    reason = check(row.task, row.args)
    if reason != UNKNOWN:
        return reason
    return None if row.task in elsewhere else f"{NOBODY_KNOWS} {shown(row.task)}"


class Revived(NamedTuple):
    """How many of a page of parked schedules go on, and the cursor of the next page (None: there is none)."""

    going: int
    after: tuple[str, str] | None


def revive(check: Check, after: tuple[str, str] = ("", ""), batch: int = 1000) -> Op[Revived]:
    """Have schedules go on that could fire again, one page of those that are parked: somebody knows their task by now,
    or it takes their arguments, or their zone is known. They owe what they owed. Repeating it is harmless."""

    def steps(again: bool) -> Steps[Revived]:
        parked = [Stored.of(row) for row in (yield one("schedules_parked", *after, batch))]
        following = parked[-1][:2] if len(parked) >= batch else None
        if not parked:
            return Revived(0, None)
        elsewhere: frozenset[str] = frozenset()
        if any((row.parked or "").startswith(NOBODY_KNOWS) for row in parked):
            elsewhere = known_to_others((yield one("workers")))
        moves: list[Row] = []
        for row in parked:
            if _could_fire(row, check, elsewhere):
                next_at = micros(row.next_at)
                moves.append((row.tenant, row.name, next_at, None if row.paused else next_at, None, 0, 0, None))
        if moves:
            yield Statement("schedule_fired", moves)
        return Revived(len(moves), following)

    return Op("schedules_revive", steps)


def _could_fire(row: Stored, check: Check, elsewhere: frozenset[str]) -> bool:
    """Whether what a schedule is parked for is over. Only who knows the task can say so of its arguments."""
    reason = row.parked or ""
    if reason.startswith(NOBODY_KNOWS):
        return row.task in elsewhere or check(row.task, row.args) != UNKNOWN
    if reason.startswith(BROKEN) or row.next_at is None or check(row.task, row.args) is not None:
        return False
    try:
        row.rule()
        job_of(row.job, "", row.tenant, row.task, row.args, row.next_at)
    except InvalidOption:
        return False
    return True


def _overlaps(due: list[_Due], moves: list[Row], now: datetime, done: Round) -> Steps[list[_Due]]:
    """Of schedules whose jobs must not meet: what is left to fire now. The others get their move here."""
    asked = [each for each in due if each.spec.overlap != "allow" and each.firing.instants]
    if not asked:
        return due
    live: dict[tuple[str, str], list[str]] = {}
    for ordinal, id in (yield Statement("schedule_live", [(each.row.tenant, each.row.name) for each in asked])):
        row = asked[int(ordinal) - 1].row
        live.setdefault((row.tenant, row.name), []).append(id)
    left: list[_Due] = []
    for each in due:
        key = each.row.tenant, each.row.name
        if not live.get(key) or each.spec.overlap == "allow":
            left.append(each)
        elif each.spec.overlap == "skip":
            moves.append(_move(each, skipped=1))
        elif each.spec.overlap == "queue-one":
            moves.append((*key, micros(each.row.next_at), micros(now + LOOK_AGAIN), None, 0, 0, None))
        elif (yield from _cancelled(key, live[key], done)):
            left.append(each)
        else:
            moves.append((*key, micros(each.row.next_at), micros(now + LOOK_AGAIN / 10), None, 0, 0, None))
    return left


def _cancelled(key: tuple[str, str], ids: Sequence[str], done: Round) -> Steps[bool]:
    """Cancel the live jobs of a schedule; False where somebody has one locked just now."""
    answers = yield from manage.cancel(ids, Scope(key[0]), SUPERSEDED).steps(False)
    done.cancelled += [(key[0], id) for id, answer in zip(ids, answers, strict=True) if answer is Answer.DONE]
    return Answer.BUSY not in answers


def _move(each: _Due, fired: int = 0, skipped: int = 0) -> Row:
    following = each.firing.next
    if following is None and skipped and each.spec.max_runs is not None:
        following = each.rule.next(each.firing.last)  # what made no job is none of its runs
    next_at = micros(following)
    return (
        each.row.tenant, each.row.name, next_at, next_at, micros(each.firing.last), fired, skipped, None,
    )  # fmt: skip


def make(wanted: Sequence[tuple[Stored, Spec, datetime, int, bool, str]], again: bool) -> Steps[list[Fired]]:
    """Enqueue a job for each instant that has none yet, and answer what these came to. What is refused leaves the
    instant without one: it may have it later."""
    if not wanted:
        return []
    runs = [(row.tenant, row.name, micros(tick), nth, id, timed) for row, _, tick, nth, timed, id in wanted]
    noted = [wanted[int(answer[0]) - 1] for answer in (yield Statement("schedule_run", runs))]
    new: list[NewJob] = []
    for row, spec, tick, nth, _, id in noted:
        later = 0.0 if nth else delay_of(spec.jitter, row.tenant, row.name, tick)
        new.append(job_of(row.job, id, row.tenant, row.task, row.args, tick, later))
    answers = yield from stored(new, again)
    fired: list[Fired] = []
    stamps: list[Row] = []
    moved: list[Row] = []
    undone: list[Row] = []
    for (row, _, tick, nth, _, id), answer in zip(noted, answers, strict=True):
        refusal = answer if answer.how in ("taken", "refused") else None
        fired.append(Fired(row.tenant, row.name, row.task, answer.id, tick, 0.0, refusal))
        if answer.how in ("new", "replaced"):
            stamps.append((row.tenant, answer.id, row.name))
        if refusal is not None:
            undone.append((row.tenant, row.name, micros(tick), nth))
        elif answer.id != id:
            moved.append((row.tenant, row.name, micros(tick), nth, answer.id))
    if stamps:
        yield Statement("schedule_stamp", stamps)
    if moved:
        yield Statement("schedule_run_job", moved)
    if undone:
        yield Statement("schedule_run_undone", undone)
    return fired


def stored(new: Sequence[NewJob], again: bool) -> Steps[list[Admitted]]:
    """Enqueue jobs; one of which others decide may come to another job, or to none."""
    plain = [job for job in new if not job.conditional]
    asked = [job for job in new if job.conditional]
    if plain:
        yield from enqueue(plain, ALL).steps(again)
    found = {job.id: Admitted("new", job.id) for job in plain}
    if asked:
        for job, answer in zip(asked, (yield from admit(asked, ALL).steps(again)), strict=True):
            assert isinstance(answer, Admitted), "merging needs code, and no schedule stores any"
            found[job.id] = answer
    return [found[job.id] for job in new]


def runs(
    name: str, scope: Scope, batch: int, before: datetime | None
) -> Op[list[tuple[JobRecord | Gone | None, datetime]]]:
    """A schedule's jobs and their instants, the newest first, before the instant `before`."""

    def steps(again: bool) -> Steps[list[tuple[JobRecord | Gone | None, datetime]]]:
        found = yield one("schedule_runs", scope.tenant, name, micros(before), batch)
        ids = [row[0] for row in found]
        records = (yield from get(ids, scope).steps(again)) if ids else []
        return [(record, moment(row[1])) for record, row in zip(records, found, strict=True)]

    return Op("schedule_runs", steps, scope)


def prune_runs(keep: float, batch: int = 1000) -> Op[int]:
    """Forget runs of over `keep` seconds ago, one page; answers how many."""

    def steps(again: bool) -> Steps[int]:
        removed: int = (yield one("schedule_runs_prune", keep, batch))[0][0]
        return removed

    return Op("schedule_runs_prune", steps)
