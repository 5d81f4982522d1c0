"""The life of a job, as data: every legal move, and the one function that judges an attempt's outcome.

All moves live in `MOVES`; statements guard the edges, CHECK constraints repeat what each state requires, and the
picture in the docs is drawn from this table (`model/picture.py`).
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from holdfast.model import undoing
from holdfast.model.job import JobState
from holdfast.model.outcome import (
    Crashed,
    Outcome,
    Parked,
    Raised,
    Released,
    Snoozed,
    Stopped,
    Succeeded,
    TimedOut,
    UnknownTask,
)
from holdfast.model.step import Waits

S = JobState

MOVES: dict[JobState, dict[JobState, str]] = {
    S.SCHEDULED: {
        S.READY: "due",
        S.BLOCKED: "due, gated",
        S.CANCELLED: "cancel",
        S.FAILED: "fail",
        S.SUCCEEDED: "resolve",
    },
    S.BLOCKED: {
        S.READY: "unblocked",
        S.SCHEDULED: "edit, or unblocked before it is due",
        S.CANCELLED: "cancel",
        S.FAILED: "fail",
        S.SUCCEEDED: "resolve",
    },
    S.READY: {
        S.RUNNING: "claim",
        S.BLOCKED: "offer passed on",
        S.SCHEDULED: "edit",
        S.CANCELLED: "cancel",
        S.FAILED: "fail",
        S.SUCCEEDED: "resolve",
    },
    S.RUNNING: {
        S.SUCCEEDED: "returned",
        S.FAILED: "attempts or crashes used up",
        S.CANCELLED: "cancel",
        S.STALLED: "timed out, on_timeout=stall",
        S.SCHEDULED: "retry, snooze or suspect",
        S.READY: "release, rescue",
        S.BLOCKED: "unknown task, changed code, undo failed, or a rate to pass again",
        S.SUSPENDED: "waits, or undoes",
    },
    S.SUSPENDED: {
        S.READY: "woken",
        S.BLOCKED: "woken, gated",
        S.CANCELLED: "cancel",
        S.FAILED: "fail",
        S.SUCCEEDED: "resolve",
    },
    S.STALLED: {
        S.SUCCEEDED: "resolve",
        S.FAILED: "fail",
        S.READY: "retry",
        S.BLOCKED: "retry, gated",
        S.SCHEDULED: "retry later",
    },
    **{
        final: {S.READY: "retry", S.BLOCKED: "retry, gated", S.SCHEDULED: "retry later"}
        for final in (S.SUCCEEDED, S.FAILED, S.CANCELLED)
    },
}

SUSPECT_CRASHES = 2
"""With so many crashes behind it a job is a suspect: it waits, and a process holds one at a time."""

SUSPECT_WAIT = 10.0
"""Seconds a suspect waits before it may run again."""


def allowed(origin: JobState, target: JobState) -> bool:
    """True where the table has this move."""
    return target in MOVES[origin]


class Attempted(Protocol):
    """What the judge needs to know of the job whose attempt ended."""

    @property
    def attempt(self) -> int: ...
    @property
    def max_attempts(self) -> int: ...
    @property
    def crashes(self) -> int: ...


class Rules(Protocol):
    """The job's own policy, as far as the judge needs it."""

    @property
    def on_timeout(self) -> str: ...
    @property
    def on_crash(self) -> str: ...
    @property
    def max_crashes(self) -> int | None: ...
    @property
    def keep_succeeded(self) -> float: ...
    @property
    def keep_failed(self) -> float: ...
    @property
    def undo(self) -> str | None: ...


class Finish(NamedTuple):
    """The job ends: its row moves to history and stays there for `keep` seconds (0: only its id and token, 1 h)."""

    state: JobState
    keep: float
    reason: str | None = None
    result: str | None = None
    error: str | None = None
    undone: bool = False
    """Nothing is to be undone first, or it is."""

    @property
    def undoes(self) -> bool:
        """Whether a job that ends so undoes first what it did."""
        return not self.undone and (self.state is JobState.FAILED or self.state is JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Requeue:
    """The job lives on. `uncounted` gives the attempt back; `crashed` counts one crash; `waits`: for what it is
    suspended."""

    state: JobState
    reason: str | None = None
    delay: float = 0.0
    error: str | None = None
    uncounted: bool = False
    crashed: bool = False
    waits: Waits | None = None


Verdict: TypeAlias = Finish | Requeue


def decide(job: Attempted, outcome: Outcome, rules: Rules) -> Verdict:
    """What becomes of a running job whose attempt ended so."""
    if (ended := rules.undo) and (over := undoing.read(ended)) is not None:
        return _undid(*over, outcome, rules)
    match outcome:
        case Succeeded():
            return Finish(S.SUCCEEDED, rules.keep_succeeded, None, outcome.result)
        case TimedOut(error, _) if rules.on_timeout == "stall":
            return Finish(S.STALLED, rules.keep_failed, "timeout", error=error)
        case TimedOut(error, retry_in):
            return _retry_or_fail(job, error, retry_in, "timeout", rules)
        case Raised(error, retry_in, reason):
            return _retry_or_fail(job, error, retry_in, reason, rules)
        case Snoozed(delay):
            return Requeue(S.SCHEDULED if delay > 0 else S.READY, "snooze", delay, uncounted=True)
        case Stopped(reason):
            return Finish(S.CANCELLED, rules.keep_failed, reason)
        case Released():
            return Requeue(S.READY, uncounted=True)
        case UnknownTask():
            return Requeue(S.BLOCKED, "unknown_task", uncounted=True)
        case Parked(error):
            return Requeue(S.BLOCKED, "nondeterminism", error=error, uncounted=True)
        case Crashed(error):
            return _after_crash(job, error, rules)


def _retry_or_fail(job: Attempted, error: str, retry_in: float | None, reason: str | None, rules: Rules) -> Verdict:
    if retry_in is None or job.attempt >= job.max_attempts:
        return Finish(S.FAILED, rules.keep_failed, reason, error=error)
    return Requeue(S.SCHEDULED if retry_in > 0 else S.READY, "retry", retry_in, error)


def _after_crash(job: Attempted, error: str, rules: Rules) -> Verdict:
    if rules.on_crash == "stall":
        return Finish(S.STALLED, rules.keep_failed, "crashed", error=error)
    crashes = job.crashes + 1
    if rules.max_crashes is not None:
        if crashes >= rules.max_crashes:
            return Finish(S.FAILED, rules.keep_failed, "crashed", error=error)
        if crashes >= SUSPECT_CRASHES:
            return Requeue(S.SCHEDULED, "suspect", SUSPECT_WAIT, error, uncounted=True, crashed=True)
    return Requeue(S.READY, "rescued", error=error, uncounted=True, crashed=True)


def _undid(state: str, reason: str | None, outcome: Outcome, rules: Rules) -> Verdict:
    """What becomes of a job that undoes what it did: it ends as it was to end, and not before it is done."""
    match outcome:
        case Succeeded():
            return Finish(JobState(state), rules.keep_failed, reason, undone=True)
        case Released():
            return Requeue(S.READY, uncounted=True)
        case UnknownTask():
            return Requeue(S.BLOCKED, "unknown_task", uncounted=True)
        case Snoozed(delay):
            return Requeue(S.SUSPENDED, "undo", delay, uncounted=True)
        case Crashed(error):
            return Requeue(S.SCHEDULED, "suspect", SUSPECT_WAIT, error, uncounted=True, crashed=True)
        case _:
            return Requeue(S.BLOCKED, "undo", uncounted=True)
