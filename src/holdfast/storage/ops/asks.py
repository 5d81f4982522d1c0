"""Jobs that wait for messages, and how the two find each other.

A wait looks through the messages of before when it begins, and a message's waits are looked through soon after it came.
What is committed at the same time is seen by neither: so whoever matches takes up new waits as well as new messages,
and the later of the two to be taken up finds the other.
"""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from holdfast.clock import to_micros
from holdfast.model.ask import Ask
from holdfast.model.match import matches
from holdfast.model.step import StepKey
from holdfast.model.tenant import Scope
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.ops.ends import Heard, before, hear
from holdfast.storage.ops.jobs import Held
from holdfast.storage.ops.steps import Entry, write
from holdfast.storage.ops.waking import Answered, Key, Piece, answering
from holdfast.storage.rows import moment, moment_or_none

PAGE = 1000
MOST_OPEN = 20_000
"""Waits of one pipe that a message is matched with."""


class Wanted(NamedTuple):
    """What a body waits for. `age`: seconds that a message may be old, None: since the job was enqueued."""

    pipe: str
    filter: str | None
    token: str
    age: float | None


class Open(NamedTuple):
    """A wait that is not over."""

    piece: Piece
    pipe: str
    filter: str | None
    since: datetime


def register(entry: Entry, wanted: Wanted, heard: Heard | None = None) -> Op[Held]:
    """Record that a body waits for a message, and take the oldest of those that came before, if one will do. `heard`:
    where the messages are ends of jobs.

    Repeated, it is the same wait.
    """

    def steps(again: bool) -> Steps[Held]:
        (held,) = yield from write([entry])
        if held is not Held.DONE:
            return held
        tenant, id = entry.lease.tenant, entry.lease.id
        piece = Piece(tenant, id, entry.version, entry.row.key)
        yield one("ask_put", tenant, id, entry.version, *entry.row.key, *wanted)
        rows = yield one("ask_since", tenant, id, entry.version, *entry.row.key)
        since = next((row[0] for row in rows if row[0] is not None), None)
        if since is None:
            return held
        if heard is not None:
            yield from hear([heard])
            yield from before(heard, tenant, to_micros(moment(since)))
        taken = {row[1] for row in rows if row[1] is not None}
        last = 0
        while page := (yield one("messages_since", tenant, wanted.pipe, to_micros(moment(since)), last, PAGE)):
            for message, value, seq, _ in page:
                last = seq
                if message not in taken and matches(wanted.filter, json.loads(value)):
                    yield from _take([Taking(piece, message, value)])
                    return held
            if len(page) < PAGE:
                break
        return held

    return Op("ask", steps, Scope(entry.lease.tenant), wakes=True, apart=True)


class Taking(NamedTuple):
    """A wait ends with a message, or an answer."""

    piece: Piece
    message: str | None
    value: str


def _take(taking: Sequence[Taking]) -> Steps[tuple[list[bool], list[Key]]]:
    """Answer waits; which of them still waited, and the jobs that are still to be woken."""
    done, left = yield from answering([Answered(each.piece, "done", each.value) for each in taking])
    rows = [(*each.piece[:3], *each.piece.key, each.message) for each, ok in zip(taking, done, strict=True) if ok]
    over = [(*each.piece[:3], *each.piece.key, None) for each, ok in zip(taking, done, strict=True) if not ok]
    if rows or over:
        yield Statement("ask_take", sorted([*rows, *over], key=lambda row: row[:6]))
    return done, left


@dataclass(slots=True)
class Matched:
    """What a page of matching did: waits that are over, jobs still to be woken, and whether there may be more."""

    freed: int = 0
    left: list[Key] = field(default_factory=list[Key])
    full: bool = False


def unmatched() -> Op[bool]:
    """Whether there is anything to match."""

    def steps(again: bool) -> Steps[bool]:
        return bool((yield one("unmatched"))[0][0])

    return Op("unmatched", steps, single=True)


def match(batch: int = 100) -> Op[Matched]:
    """Give new messages to those who wait for them, and new waits what came before them: one page of each.

    Repeated: what the first try matched is not new any more.
    """

    def steps(again: bool) -> Steps[Matched]:
        messages = yield one("messages_fresh", batch)
        fresh = [_open(row) for row in (yield one("asks_fresh", batch))]
        taking = yield from _of_messages(messages)
        taken = {each.piece for each in taking}
        taking += yield from _of_waits([each for each in fresh if each.piece not in taken], taking)
        found = Matched(full=len(messages) >= batch or len(fresh) >= batch)
        if taking:
            done, found.left = yield from _take(sorted(taking, key=lambda each: each.piece[:4]))
            found.freed = sum(done)
        if messages:
            yield Statement("messages_matched", [row[:2] for row in messages])
        if fresh:
            yield Statement("asks_checked", [(*each.piece[:3], *each.piece.key) for each in fresh])
        return found

    return Op("match", steps, wakes=True, apart=True)


def _open(row: Row) -> Open:
    tenant, id, version, branch, name, nth, pipe, filter, since = row
    return Open(Piece(tenant, id, version, StepKey(branch, name, nth)), pipe, filter, moment(since))


def _of_messages(messages: Sequence[Row]) -> Steps[list[Taking]]:
    """Who takes these new messages: each of its waits at most one, each job a message at most once."""
    if not messages:
        return []
    topics = sorted({(row[0], row[2]) for row in messages})
    waits: dict[tuple[str, str], list[Open]] = {}
    for row in (yield Statement("asks_open", [(*topic, MOST_OPEN) for topic in topics])):
        waits.setdefault(topics[int(row[0]) - 1], []).append(_open(row[1:]))
    if not waits:
        return []
    took: set[tuple[str, str, int]] = set()
    for ordinal, id, version in (yield Statement("messages_took", [row[:2] for row in messages])):
        took.add((messages[int(ordinal) - 1][1], id, version))
    found: list[Taking] = []
    for tenant, message, pipe, text, sent_at in messages:
        left: list[Open] = []
        value, at = json.loads(text), moment(sent_at)
        for each in waits.get((tenant, pipe), ()):
            once = (message, each.piece.id, each.piece.version)
            if once not in took and each.since <= at and matches(each.filter, value):
                took.add(once)
                found.append(Taking(each.piece, message, text))
            else:
                left.append(each)
        waits[tenant, pipe] = left
    return found


def _of_waits(fresh: Sequence[Open], taking: Sequence[Taking]) -> Steps[list[Taking]]:
    """What these new waits take of the messages that came before."""
    groups: dict[tuple[str, str], list[Open]] = {}
    for each in fresh:
        groups.setdefault((each.piece.tenant, each.pipe), []).append(each)
    found: list[Taking] = []
    took = {(each.message, each.piece.id, each.piece.version) for each in taking}
    for (tenant, pipe), waits in sorted(groups.items()):
        last, since, left = 0, to_micros(min(each.since for each in waits)), list(waits)
        while left and (page := (yield one("messages_since", tenant, pipe, since, last, PAGE))):
            last = page[-1][2]
            by_jobs = yield Statement("messages_took", [(tenant, row[0]) for row in page])
            took |= {(page[int(ordinal) - 1][0], id, version) for ordinal, id, version in by_jobs}
            for message, text, _, sent_at in page:
                value, at = json.loads(text), moment(sent_at)
                for each in tuple(left):
                    once = (message, each.piece.id, each.piece.version)
                    if once not in took and each.since <= at and matches(each.filter, value):
                        took.add(once)
                        found.append(Taking(each.piece, message, text))
                        left.remove(each)
            if len(page) < PAGE:
                break
    return found


class Reply(Enum):
    """What an answer came to."""

    TAKEN = "taken"
    UNKNOWN = "unknown"
    """Nobody has this token."""
    OVER = "over"
    """It was answered, or its time is over, or its job ended."""
    UNFIT = "unfit"
    """It does not hold what is waited for."""


class Replied(NamedTuple):
    how: Reply
    pipe: str = ""
    filter: str | None = None
    left: tuple[Key, ...] = ()


def reply(token: str, value: str, pipe: str | None, scope: Scope) -> Op[Replied]:
    """Answer the wait that has this token, once; `pipe`: only where it is a wait for this one.

    Repeated, it finds its own answer, and says that it was taken.
    """
    held: Any = json.loads(value)

    def steps(again: bool) -> Steps[Replied]:
        found = yield one("ask_get", scope.tenant, token)
        if not found:
            return Replied(Reply.UNKNOWN)
        wait, over = _open(found[0][:-1]), bool(found[0][-1])
        if over or pipe not in (None, wait.pipe):
            return Replied(Reply.TAKEN if over and again else Reply.OVER, wait.pipe)
        if not matches(wait.filter, held):
            return Replied(Reply.UNFIT, wait.pipe, wait.filter)
        done, left = yield from _take([Taking(wait.piece, None, value)])
        return Replied(Reply.TAKEN if done[0] else Reply.OVER, wait.pipe, None, tuple(left))

    return Op("reply", steps, scope, wakes=True, apart=True)


def pipe_of(token: str, scope: Scope) -> Op[str | None]:
    """The pipe that a wait with this token is for; None where there is none."""

    def steps(again: bool) -> Steps[str | None]:
        found = yield one("ask_get", scope.tenant, token)
        return found[0][6] if found else None

    return Op("ask_get", steps, scope)


def of_job(id: str, scope: Scope) -> Op[list[Ask]]:
    """What a job waits for."""

    def steps(again: bool) -> Steps[list[Ask]]:
        return [
            Ask(pipe, None if filter is None else json.loads(filter), token, moment(since), moment(asked_at),
                moment_or_none(due))
            for pipe, filter, token, since, asked_at, due in (yield one("asks_of", scope.tenant, id))
        ]  # fmt: skip

    return Op("asks_of", steps, scope, single=True)
