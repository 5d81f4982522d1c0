"""What people say of queues, and what workers and people read of it. `ruled` is how jobs are claimed by it."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from holdfast.model.job import JobState
from holdfast.model.queue import Defaults, Queue, QueueStats, Rules
from holdfast.model.tenant import DEFAULT_TENANT, IMPLIED, Scope
from holdfast.storage.op import Op, Row, Steps, one
from holdfast.storage.rows import moment_or_none

MOST = 10_000
"""Rows of a state that a count looks at, and queues in a list."""

SAMPLE = 1000
"""Jobs of a state that a list of queues looks at, where no index tells their queues apart."""


LINES = 16
"""Tenants and priorities with ready jobs, the best first, among which is looked for one that is not the default."""


class Changed(NamedTuple):
    """A queue as it is now, and as it was before."""

    now: Queue
    before: Queue


def rules() -> Op[Rules]:
    """What workers have to know. Their claims are of all tenants, and so are these queues."""

    def steps(again: bool) -> Steps[Rules]:
        rows = yield one("queue_rules", DEFAULT_TENANT)
        lines = yield one("turn_lines", "", LINES)
        said = [row for row in rows if row[4] == DEFAULT_TENANT]
        return Rules(
            frozenset(row[0] for row in said if row[1]),
            frozenset(row[0] for row in said if row[2] and not row[1]),
            any(line[1] != DEFAULT_TENANT for line in lines),
            frozenset((row[4], row[0]) for row in rows if row[4] != DEFAULT_TENANT),
            {row[0]: found for row in said if (found := Defaults.read(row[3]))},
        )

    return Op("queue_rules", steps, single=True)


def get(name: str, scope: Scope) -> Op[Queue]:
    """One queue; of any name there is one, of which perhaps nothing was said."""

    def steps(again: bool) -> Steps[Queue]:
        return _queue((yield one("queue_get", scope.tenant, name)), name, scope)

    return Op("queue_get", steps, scope, single=True)


def every(scope: Scope) -> Op[list[Queue]]:
    """Queues of which something was said, or in which jobs wait or run, or that a live worker serves by name."""

    def steps(again: bool) -> Steps[list[Queue]]:
        found = {row[1]: _record(row) for row in (yield one("queue_list", scope.tenant, MOST))}
        rows = one("queue_names", SAMPLE) if scope.implied else one("tenant_queue_names", scope.tenant, MOST)
        for (name,) in (yield rows):
            found.setdefault(name, Queue(name, scope.tenant or DEFAULT_TENANT))
        return [found[name] for name in sorted(found)]

    return Op("queue_list", steps, scope, reads=True)


def stats(name: str, scope: Scope = IMPLIED, most: int = MOST) -> Op[QueueStats]:
    """How many jobs it has, by state, as far as `most` rows of each show: of all tenants, or of the one named."""
    asked = one("queue_stats", name, most) if scope.implied else one("tenant_queue_stats", scope.tenant, name, most)

    def steps(again: bool) -> Steps[QueueStats]:
        counts = dict.fromkeys(JobState, 0)
        more: set[JobState] = set()
        for state, count, all_seen in (yield asked):
            counts[JobState(state)] += int(count)
            if not all_seen:
                more.add(JobState(state))
        return QueueStats(name, counts, frozenset(more))

    return Op("queue_stats", steps, scope, single=True)


def change(name: str, scope: Scope, changed: Callable[[Queue], Queue]) -> Op[Changed]:
    """Say something else of a queue. Repeating it is harmless: `before` is then what the first try came to."""

    def steps(again: bool) -> Steps[Changed]:
        yield one("queue_open", scope.tenant, name)
        before = _queue((yield one("queue_held", scope.tenant, name)), name, scope)
        wanted = changed(before)
        now = before
        if wanted != before:
            yield one(
                "queue_put", scope.tenant, name, wanted.display_name, wanted.paused, wanted.paused_by,
                wanted.concurrency, wanted.rate, wanted.defaults.dumps(),
            )  # fmt: skip
            now = _queue((yield one("queue_get", scope.tenant, name)), name, scope)
        return Changed(now, replace(before, paused_at=None) if again and now.paused else before)

    return Op("queue_put", steps, scope, wakes=True)


def _queue(rows: list[Row], name: str, scope: Scope) -> Queue:
    return _record(rows[0]) if rows else Queue(name, scope.tenant or DEFAULT_TENANT)


def _record(row: Row) -> Queue:
    tenant, name, display_name, paused_at, paused_by, concurrency, spacing, defaults, updated_at = row
    given = Defaults.read(defaults)
    return Queue(
        name, tenant, display_name, moment_or_none(paused_at), paused_by, concurrency, spacing,
        given.retry, given.keep_succeeded, given.keep_failed, moment_or_none(updated_at),
    )  # fmt: skip
