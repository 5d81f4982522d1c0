"""What may be said of a queue while the fleet runs: that it is paused, how much of it runs at once and how fast it
starts, and what its jobs are given that say nothing of it themselves."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from holdfast.model.job import ClaimedJob, JobState
from holdfast.model.policy import KEEPS, SAID, Policy
from holdfast.model.retry import Retry

TOGETHER = 0.05
"""Seconds: jobs of a queue with a pace that would start so close to each other may start together."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a queue gives its jobs; None: nothing, it is left to the app.

    retry: how often they run, and the waits in between. keep_succeeded, keep_failed: seconds a finished row is kept.
    """

    retry: Retry | None = None
    keep_succeeded: float | None = None
    keep_failed: float | None = None

    def dumps(self) -> str:
        stored: dict[str, Any] = {name: value for name in KEEPS if (value := getattr(self, name)) is not None}
        if self.retry is not None:
            stored["retry"] = self.retry.to_json()
        return json.dumps(stored, separators=(",", ":"), sort_keys=True)

    @staticmethod
    def read(text: str) -> "Defaults":
        """What `dumps` wrote; none where nobody understands it, for no row may stop the others."""
        return _read(text)

    def given(self, policy: str, max_attempts: int) -> tuple[str, int]:
        """The policy and number of runs of a job, with these where neither it nor its task said anything."""
        stored = Policy.read(policy)
        changes: dict[str, Any] = {
            name: value
            for name in SAID.values()
            if (value := getattr(self, name)) is not None and not stored.says(name)
        }
        if not changes:
            return policy, max_attempts
        if self.retry is not None and "retry" in changes:
            max_attempts = self.retry.attempts
        return replace(stored, **changes).dumps(), max_attempts

    def __bool__(self) -> bool:
        return self != NO_DEFAULTS


NO_DEFAULTS = Defaults()


@lru_cache(maxsize=256)
def _read(text: str) -> Defaults:
    try:
        stored = json.loads(text)
        retry = stored.get("retry")
        keeps = {name: float(stored[name]) for name in KEEPS if name in stored}
        return Defaults(None if retry is None else Retry.from_json(retry), **keeps)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return NO_DEFAULTS


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue, and what was said of it. One of which nothing was said has no limits, and is not paused.

    name: what jobs call it. display_name: what people call it.
    paused, paused_at, paused_by: whether none of its jobs start, since when, and who said so.
    concurrency: how many of its jobs run at once in the whole fleet; None: any number.
    rate: seconds between two starts in the whole fleet; None: at any pace.
    retry, keep_succeeded, keep_failed: what its jobs are given where neither they nor their task say anything of it,
        seconds; None: what the app says.
    updated_at: when something was said of it last; None: never.
    """

    name: str
    tenant: str = "default"
    display_name: str | None = None
    paused_at: datetime | None = None
    paused_by: str | None = None
    concurrency: int | None = None
    rate: float | None = None
    retry: Retry | None = None
    keep_succeeded: float | None = None
    keep_failed: float | None = None
    updated_at: datetime | None = None

    @property
    def paused(self) -> bool:
        return self.paused_at is not None

    @property
    def defaults(self) -> Defaults:
        return Defaults(self.retry, self.keep_succeeded, self.keep_failed)


@dataclass(frozen=True, slots=True)
class QueueStats:
    """How many jobs a queue has.

    counts: by state, all states; each is right, but for states in `more`: of these there are at least so many.
    more: states of which not every row was looked at, for there were too many.
    """

    queue: str
    counts: Mapping[JobState, int]
    more: frozenset[JobState] = frozenset()

    def shown(self, state: JobState | str) -> str:
        """A count for people: `12`, or `10,000+`."""
        known = JobState(state)
        return f"{self.counts[known]:,}" + ("+" if known in self.more else "")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a worker has to know of queues; nothing where nothing was said of any."""

    paused: frozenset[str] = frozenset()
    limited: frozenset[str] = frozenset()
    shared: bool = False
    """Whether jobs of several tenants are ready."""
    held: frozenset[tuple[str, str]] = frozenset()
    """Tenants that hold back their own jobs in a queue: tenant and queue."""
    defaults: Mapping[str, Defaults] = field(default_factory=dict[str, Defaults])

    @property
    def restricted(self) -> frozenset[str]:
        """Queues that a plain claim must not take from."""
        return self.paused | self.limited

    def shut(self, job: ClaimedJob) -> bool:
        """Whether a plain claim must not have taken it."""
        return job.queue in self.paused or job.queue in self.limited or (job.tenant, job.queue) in self.held

    def restrict(self, queues: tuple[str, ...] | None) -> bool:
        """Whether a claim from these queues (None: all) must heed something."""
        if queues is None:
            return bool(self.paused or self.limited or self.held)
        held = {queue for _, queue in self.held}
        return any(name in self.paused or name in self.limited or name in held for name in queues)


NO_RULES = Rules()


class Allowance(NamedTuple):
    """How many jobs of a queue may start now, and in how many seconds one more may; None: when one of them ends."""

    now: int
    next_in: float | None


def allowance(
    concurrency: int | None, spacing: float | None, ahead: float | None, running: int, most: int
) -> Allowance:
    """What a queue lets in of `most`.

    spacing: seconds between two starts. ahead: in how many seconds the next one is due, by the starts so far.

    Starts keep their pace over any time; those that are due within a twentieth of a second may come together, for a
    pace of thousands a second could not be kept one by one.

    >>> allowance(None, 0.01, None, 0, 100).now
    5
    """
    room = most if concurrency is None else max(0, min(most, concurrency - running))
    if spacing is None or room == 0:
        return Allowance(room, None)
    slack = max(0.0, TOGETHER - spacing)
    early = max(0.0, ahead or 0.0) - slack
    if early > 0:
        return Allowance(0, early)
    due = math.floor(-early / spacing + 1e-9) + 1
    taken = min(room, due)
    wait = early + taken * spacing
    return Allowance(taken, wait if taken == due else None)
