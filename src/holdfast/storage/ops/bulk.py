"""What people do to many jobs, and to what they say of one: each change with a note of who made it, in one transaction.

A page of jobs is looked at under its locks, so that only what still meets the conditions is changed. Repeated after an
unknown commit, an op finds its notes and answers what they say.
"""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from holdfast.ids import new_id
from holdfast.model.audit import AuditEntry, Deed
from holdfast.model.edit import Edit
from holdfast.model.filter import JobFilter
from holdfast.model.job import JobRecord
from holdfast.model.lifecycle import Verdict
from holdfast.model.tenant import Scope
from holdfast.storage import rows as decode
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.ops import manage
from holdfast.storage.ops.duties import Lapsed, judged, put_back_as
from holdfast.storage.ops.jobs import Ending, Held, end
from holdfast.storage.ops.manage import WAITING, Answer
from holdfast.storage.rows import moment

AUDIT_KEPT = 90 * 86_400.0
LAST = 2**62
CHANGED = (Answer.DONE, Answer.ASKED)


class Change(NamedTuple):
    """What was done to one job, and its record before."""

    before: JobRecord | None
    id: str
    answer: Answer


Do = Callable[[Sequence[str], bool], Steps[list[Answer]]]
Became = Callable[[Change], str]
"""What a note says a job is since."""


def cancel(ids: Sequence[str], which: JobFilter, scope: Scope, deed: Deed) -> Op[list[Change]]:
    """Cancel those of these jobs that meet the conditions, as `manage.cancel` does."""
    return _page(ids, which, scope, deed, lambda fit, again: manage.cancel(fit, scope).steps(again))


def delete(ids: Sequence[str], which: JobFilter, scope: Scope, deed: Deed) -> Op[list[Change]]:
    """Remove those of these jobs whose newest version meets the conditions."""
    return _page(ids, which, scope, deed, lambda fit, again: manage.delete(fit, scope).steps(again))


def retry(
    delays: Mapping[str, float], which: JobFilter, scope: Scope, deed: Deed, force: bool = False
) -> Op[list[Change]]:
    """Retry those of these jobs whose newest version meets the conditions, each after its delay in seconds."""

    def do(fit: Sequence[str], again: bool) -> Steps[list[Answer]]:
        return (yield from manage.retry(fit, scope, delays, force).steps(again))

    return _page(tuple(delays), which, scope, deed, do)


@dataclass(frozen=True, slots=True)
class Old:
    """Running jobs that began so many seconds ago: those whose lease has run out, or with `forced` all."""

    age: float
    forced: bool = False


def running(old: Old, scope: Scope, most: int) -> Op[list[str]]:
    """The ids of such jobs, the lease that ran out first before the others."""

    def steps(again: bool) -> Steps[list[str]]:
        return [row[1] for row in (yield one("running", scope.tenant, old.age, int(old.forced), most))]

    return Op("running", steps, scope, single=True)


def rescue(
    ids: Sequence[str],
    which: JobFilter,
    scope: Scope,
    deed: Deed,
    old: Old,
    verdicts: dict[str, tuple[Lapsed, Verdict]],
) -> Op[list[Change]]:
    """Put back those of these jobs that are `old` and meet the conditions, as the leader does.

    verdicts: filled with what was made of each.
    """

    def do(fit: Sequence[str], again: bool) -> Steps[list[Answer]]:
        rows = yield Statement("lapsed", [(scope.tenant, id, old.age, int(old.forced)) for id in fit])
        lapsed = [Lapsed.of(row[1:]) for row in rows]
        verdicts.update((each.lease.id, (each, judged(each, "it was rescued by hand"))) for each in lapsed)
        endings = [Ending(each.lease, verdicts[each.lease.id][1]) for each in lapsed]
        done: set[str] = set()
        for each, held in zip(lapsed, (yield from end(endings).steps(False)) if endings else [], strict=True):
            if held in (Held.DONE, Held.REPLACED, Held.UNDOING):
                done.add(each.lease.id)
                verdicts[each.lease.id] = (each, put_back_as(verdicts[each.lease.id][1], held, each.policy))
        return [Answer.DONE if id in done else Answer.FORBIDDEN for id in fit]

    def became(change: Change) -> str:
        return json.dumps({"state": verdicts[change.id][1].state})

    return _page(ids, which, scope, deed, do, became)


def _page(
    ids: Sequence[str], which: JobFilter, scope: Scope, deed: Deed, do: Do, became: Became | None = None
) -> Op[list[Change]]:
    request = new_id()

    def steps(again: bool) -> Steps[list[Change]]:
        if again and (done := (yield from _done_before(ids, scope, request))):
            return [Change(None, id, Answer.DONE) for id in done]
        yield Statement("lock", [(scope.tenant, id) for id in ids])
        found = {record.id: record for _, record in (yield from _records(ids, scope)) if which.fits(record)}
        fit = [id for id in ids if id in found]
        if not fit:
            return []
        answers = yield from do(fit, False)
        changes = [Change(found[id], id, answer) for id, answer in zip(fit, answers, strict=True)]
        yield from _noted([each for each in changes if each.answer in CHANGED], scope, deed, request, became)
        return changes

    return Op(f"{deed.verb}_many", steps, scope, wakes=True)


def edit(ids: Sequence[str], which: JobFilter, edit: Edit, scope: Scope, deed: Deed) -> Op[list[Change]]:
    """Change what is said of those of these jobs that wait and meet the conditions."""
    request = new_id()

    def steps(again: bool) -> Steps[list[Change]]:
        if again and (done := (yield from _done_before(ids, scope, request))):
            return [Change(None, id, Answer.DONE) for id in done]
        locked = yield Statement("lock", [(scope.tenant, id) for id in ids])
        live = {ids[int(row[0]) - 1]: row[7] for row in locked}
        found = {record.id: (record, row) for row, record in (yield from _records(ids, scope)) if which.fits(record)}
        fit = [id for id in found if id in live and edit.takes(found[id][0], live[id])]
        answers = {id: Answer.FORBIDDEN if id in found else Answer.ABSENT for id in ids}
        answers.update((id, Answer.BUSY) for id in found if id not in live and found[id][0].state in WAITING)
        if fit:
            rows = [(scope.tenant, id, *_edited(edit, *found[id])) for id in fit]
            written = [fit[int(row[0]) - 1] for row in (yield Statement("edit", rows))]
            answers.update((id, Answer.DONE) for id in written)
            notes: list[Row] = []
            for id in written:
                record = found[id][0]
                was, became = edit.difference(record)
                notes.append((scope.tenant, id, deed.verb, deed.actor, deed.said, was, became, request))
            if notes:
                yield Statement("audit", notes)
        return [Change(found[id][0] if id in found else None, id, answers[id]) for id in ids]

    return Op("edit", steps, scope, wakes=True)


def _edited(edit: Edit, record: JobRecord, row: Row) -> Row:
    """The columns of edit.sql: as they were, or as they shall be."""
    tags, metadata, max_attempts, timeout, policy = row[14], row[15], row[17], row[19], row[20]
    return edit.columns(record, tags, metadata, max_attempts, timeout, policy)


def _records(ids: Sequence[str], scope: Scope) -> Steps[list[tuple[Row, JobRecord]]]:
    rows = yield Statement("get", [(scope.tenant, id) for id in ids])
    return [(row[1:], decode.record(row[1:])) for row in rows if not decode.is_stub(row[1:])]


def _done_before(ids: Sequence[str], scope: Scope, request: str) -> Steps[list[str]]:
    rows = yield Statement("audit_again", [(scope.tenant, id, request) for id in ids])
    return [ids[int(row[0]) - 1] for row in rows]


def _noted(changes: Sequence[Change], scope: Scope, deed: Deed, request: str, became: Became | None) -> Steps[None]:
    if changes:
        rows = [
            (scope.tenant, each.id, deed.verb, deed.actor, deed.said, _state(each.before),
             _became(deed.verb, each) if became is None else became(each), request)
            for each in changes
        ]  # fmt: skip
        yield Statement("audit", rows)


def _state(record: JobRecord | None) -> str | None:
    return None if record is None else json.dumps({"state": record.state, "version": record.version})


def _became(verb: str, change: Change) -> str | None:
    before = change.before
    if verb == "delete" or before is None:
        return None
    if change.answer is Answer.ASKED:
        return json.dumps({"state": "running", "version": before.version, "stop": "explicit"})
    version = before.version + (verb == "retry")
    return json.dumps({"state": "cancelled" if verb == "cancel" else "live", "version": version})


@dataclass(frozen=True, slots=True)
class Entries:
    """Some notes, and whether older ones were seen."""

    entries: list[AuditEntry]
    more: bool


def audited(scope: Scope, limit: int, id: str | None = None, beyond: int = LAST) -> Op[Entries]:
    """What was done, the newest first: to one job, or to any."""

    def steps(again: bool) -> Steps[Entries]:
        rows = yield one("audit_list", scope.tenant, id, beyond, limit + 1)
        return Entries([_entry(row) for row in rows[:limit]], len(rows) > limit)

    return Op("audit_list", steps, scope, single=True)


def _entry(row: Row) -> AuditEntry:
    seq, at, verb, actor, id, said, was, became = row
    when: datetime = moment(at)
    return AuditEntry(seq, when, verb, actor, id, *(_loaded(text) for text in (said, was, became)))


def _loaded(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None


def prune_audit(batch: int = 1000) -> Op[int]:
    """Forget what was done over 90 days ago, one page; answers how much."""

    def steps(again: bool) -> Steps[int]:
        return len((yield one("audit_prune", AUDIT_KEPT, batch)))

    return Op("audit_prune", steps)
