"""Claims while something was said of queues: paused ones are left alone, and of those with a limit or a pace no more is
taken than they let in, counted under the lock of their rows.

The plain claim knows nothing of this. A worker reads what was said now and then, and claims so only where it matters.
"""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from holdfast.model.job import ClaimedJob
from holdfast.model.queue import Allowance, Rules, allowance
from holdfast.model.tenant import DEFAULT_TENANT
from holdfast.model.turns import Turns
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.ops.jobs import Wanted, asked, claim_again, in_order
from holdfast.storage.ops.turns import Taken, take

AGAIN = 0.02
"""Seconds after which a queue is tried again that another claim had locked."""


class Claimed(NamedTuple):
    """What a claim took, in how many seconds there may be more without any other event (None: never), and how it asked
    for it where it went by turns."""

    jobs: list[ClaimedJob]
    next_in: float | None = None
    turns: Taken | None = None


@dataclass(frozen=True, slots=True)
class _Locked:
    """A queue under our lock, and what it lets in now."""

    spacing: float | None
    allowed: Allowance


def claim(wanted: Wanted, rules: Rules, free: int, again: bool = False, turns: Turns | None = None) -> Op[Claimed]:
    """`jobs.claim`, by the rules.

    turns: tenants take turns, as this says.

    free: so many jobs could begin at once: no more are taken of a queue with a limit, for a place in it waits for no
        slot.

    Repeated as `jobs.claim` is. It stands apart: two such claims in one transaction would not see each other's jobs.
    """
    limited = rules.limited if wanted.queues is None else rules.limited.intersection(wanted.queues)

    def steps(repeated: bool) -> Steps[Claimed]:
        rows = (yield claim_again(wanted)) if repeated or again else []
        next_in: float | None = None
        taken: Taken | None = None
        if not rows and rules.restrict(wanted.queues):
            rows, next_in, taken = yield from _restricted(wanted, rules, sorted(limited), free, turns)
        elif not rows and turns is not None:
            rows, taken = yield from take(wanted, turns, wanted.queues)
        elif not rows:
            rows = yield asked(wanted)
        return Claimed((yield from _with_defaults(in_order(rows), rules)), next_in, taken)

    looks_first = turns is not None and not rules.restrict(wanted.queues)
    return Op("claim", steps, apart=True, single=looks_first and not again)


def _restricted(
    wanted: Wanted, rules: Rules, limited: Sequence[str], free: int, turns: Turns | None
) -> Steps[tuple[list[Row], float | None, Taken | None]]:
    locked: dict[str, _Locked] = {}
    waits: list[float] = []
    if limited:
        locked = yield from _lock(limited, min(wanted.batch, max(free, 0)))
        waits += [each.allowed.next_in for each in locked.values() if each.allowed.next_in is not None]
        if len(locked) < len(limited):
            waits.append(AGAIN)
    open_now = {name: each for name, each in locked.items() if each.allowed.now > 0}
    names = wanted.queues if wanted.queues is not None else [name for (name,) in (yield one("queues_ready"))]
    plain = [name for name in dict.fromkeys(names) if name not in rules.restricted]
    next_in = min(waits, default=None)
    queues = [*plain, *open_now]
    if not queues:
        return [], next_in, None
    taken: Taken | None = None
    if turns is not None:
        most = {name: each.allowed.now for name, each in open_now.items()}
        rows, taken = yield from take(wanted, turns, queues, most, rules.held)
    else:
        caps = [wanted.batch] * len(plain) + [each.allowed.now for each in open_now.values()]
        anew = [False] * len(plain) + [True] * len(open_now)
        rows = yield Statement(
            "claim_capped", [(*asked(wanted).rows[0][:10], tuple(queues), tuple(caps), tuple(anew))]
        )  # fmt: skip
    yield from _note_starts(rows, open_now)
    return rows, next_in, taken


def _lock(names: Sequence[str], most: int) -> Steps[dict[str, _Locked]]:
    found = yield one("queue_lock", DEFAULT_TENANT, tuple(names))
    counted = [name for name, concurrency, _, _ in found if concurrency is not None]
    running: Mapping[str, int] = dict((yield one("queue_running", tuple(counted)))) if counted else {}
    return {
        name: _Locked(spacing, allowance(concurrency, spacing, ahead, running.get(name, 0), most))
        for name, concurrency, spacing, ahead in found
    }


def _note_starts(rows: Sequence[Row], locked: Mapping[str, _Locked]) -> Steps[None]:
    taken = [row[5] for row in rows]
    notes = [
        (DEFAULT_TENANT, name, each.spacing * taken.count(name))
        for name, each in sorted(locked.items())
        if each.spacing is not None and name in taken
    ]
    if notes:
        yield Statement("queue_started", notes)


def _with_defaults(jobs: list[ClaimedJob], rules: Rules) -> Steps[list[ClaimedJob]]:
    """Before its first run a job is given what its queue says of jobs like it."""
    changed: dict[int, ClaimedJob] = {}
    for place, job in enumerate(jobs):
        if job.attempt == 1 and (defaults := rules.defaults.get(job.queue)):
            policy, attempts = defaults.given(job.policy, job.max_attempts)
            if (policy, attempts) != (job.policy, job.max_attempts):
                changed[place] = job._replace(policy=policy, max_attempts=attempts)
    if changed:
        yield Statement(
            "restate", [(job.tenant, job.id, job.token, job.policy, job.max_attempts) for job in changed.values()]
        )
    return [changed.get(place, job) for place, job in enumerate(jobs)]
