"""Messages of pipes: sent, read, removed."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

import json
from collections.abc import Sequence
from typing import Any

from holdfast.model.message import Message, NewMessage, Pending, PipeStats, Sent
from holdfast.model.tenant import Scope
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.rows import moment, moment_or_none

MOST_COUNTED = 10_000


def send(messages: Sequence[NewMessage], scope: Scope) -> Op[list[Sent]]:
    """Store messages; one whose key is there already is not stored, and answers the one that has it.

    Repeated, those that are there under their own ids were sent by the first try.
    """

    def steps(again: bool) -> Steps[list[Sent]]:
        return (yield from sending(messages))

    return Op("message_send", steps, scope, single=all(message.key is None for message in messages), wakes=True)


def sending(messages: Sequence[NewMessage]) -> Steps[list[Sent]]:
    """`send` within another op."""
    new = {int(row[0]) for row in (yield Statement("message_send", [tuple(message) for message in messages]))}
    missed = [message for ordinal, message in enumerate(messages, 1) if ordinal not in new]
    there: dict[str, str] = {}
    if missed:
        rows = [(message.tenant, message.id, message.pipe, message.key) for message in missed]
        there = {missed[int(ordinal) - 1].id: id for ordinal, id in (yield Statement("message_there", rows))}
    return [Sent(id := there.get(message.id, message.id), id == message.id) for message in messages]


def get(id: str, scope: Scope) -> Op[Message[Any] | None]:
    """One message, its value as JSON has it; None where it is not."""

    def steps(again: bool) -> Steps[Message[Any] | None]:
        found = yield one("message_get", scope.tenant, id)
        return decoded(found[0]) if found else None

    return Op("message_get", steps, scope, single=True)


def page(pipe: str, scope: Scope, batch: int, before: int | None = None) -> Op[list[Message[Any]]]:
    """Messages of a pipe, the newest first, their values as JSON has them."""

    def steps(again: bool) -> Steps[list[Message[Any]]]:
        return [decoded(row) for row in (yield one("message_list", scope.tenant, pipe, before, batch))]

    return Op("message_list", steps, scope, single=True)


def decoded(row: Row) -> Message[Any]:
    id, pipe, key, value, job, sent_at, keep_until, taken, tenant, seq = row
    return Message(
        id, pipe, json.loads(value), key, tenant, job, moment(sent_at), moment(keep_until), taken, seq
    )  # fmt: skip


def stats(pipe: str, scope: Scope) -> Op[PipeStats]:
    """How a pipe stands."""

    def steps(again: bool) -> Steps[PipeStats]:
        return (yield from _stats([pipe], scope))[0]

    return Op("pipe_stats", steps, scope, single=True)


def every(scope: Scope) -> Op[list[PipeStats]]:
    """All pipes of a tenant that have messages, by name."""

    def steps(again: bool) -> Steps[list[PipeStats]]:
        names = [name for (name,) in (yield one("pipe_names", scope.tenant))]
        return (yield from _stats(names, scope)) if names else []

    return Op("pipe_names", steps, scope)


def _stats(pipes: Sequence[str], scope: Scope) -> Steps[list[PipeStats]]:
    rows = yield Statement("pipe_stats", [(scope.tenant, pipe, MOST_COUNTED) for pipe in pipes])
    return [
        PipeStats(pipes[int(ordinal) - 1], messages, moment_or_none(last_at), pending, parked)
        for ordinal, messages, last_at, pending, parked in rows
    ]  # fmt: skip


def pending(pipe: str, scope: Scope, batch: int) -> Op[list[Pending]]:
    """What messages of a pipe are still to become, the oldest first."""

    def steps(again: bool) -> Steps[list[Pending]]:
        return [Pending(*row) for row in (yield one("deliveries_list", scope.tenant, pipe, batch))]

    return Op("deliveries_list", steps, scope, single=True)


def retry(pipe: str, scope: Scope) -> Op[int]:
    """Try anew what could not be made of messages; answers how many. Repeating it is harmless."""

    def steps(again: bool) -> Steps[int]:
        return len((yield one("deliveries_retry", scope.tenant, pipe)))

    return Op("deliveries_retry", steps, scope, single=True, wakes=True)


def prune(batch: int = 1000) -> Op[int]:
    """Remove messages past their retention, one page; answers how many."""

    def steps(again: bool) -> Steps[int]:
        return len((yield one("messages_prune", batch)))

    return Op("messages_prune", steps)
