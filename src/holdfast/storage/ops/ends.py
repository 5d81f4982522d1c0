"""Ends of jobs that somebody hears of become messages.

The row of history is the fact, and written by whatever ends a job, in the same commit: nothing is added there, so that
jobs of tasks that nobody hears of pay nothing. Whoever tells reads on in history from where the last one came to; a key
made of the job, its version and its state lets each end be told once.
"""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

import json
from collections.abc import Sequence
from typing import NamedTuple

from holdfast.clock import to_micros
from holdfast.ids import derived_id
from holdfast.model.duration import DAY
from holdfast.model.message import NewMessage
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.ops.pipes import sending
from holdfast.storage.rows import attempt_errors, moment

PAGE = 1000
KEPT = 7 * DAY


class Heard(NamedTuple):
    """The pipe whose messages the ends of a task's jobs are; `state`: in which state, None: in any."""

    pipe: str
    task: str
    state: str | None


def hear(heard: Sequence[Heard]) -> Steps[None]:
    """Within another op: tell these ends from now on. Repeating it changes nothing more."""
    yield one("ends_open")
    yield Statement("ends_hear", sorted(set(heard)))


def wanted() -> Op[bool]:
    """Whether anybody hears of the ends of jobs."""

    def steps(again: bool) -> Steps[bool]:
        return bool((yield one("ends_heard"))[0][0])

    return Op("ends_heard", steps, single=True)


def tell(batch: int = PAGE) -> Op[int]:
    """Make messages of ends, one page; answers how many. Repeated, what the first try told is there."""
    told: list[int] = []

    def steps(again: bool) -> Steps[int]:
        found = yield one("ends_next")
        if not found:
            return 0
        pos, upto = found[0]
        rows = yield one("ends_page", pos, batch)
        if rows:
            told.append(len(rows))
            yield from sending([_message(row) for row in rows])
        if len(rows) < batch and upto > pos:
            yield one("stats_moved", "told", upto)
        return len(rows)

    return Op("ends_tell", steps, apart=True, wakes=True, woken=lambda: bool(told))


def before(heard: Heard, tenant: str, since: int) -> Steps[None]:
    """Within another op: tell the ends of one tenant that came before they were heard, from an instant on."""
    while page := (yield one("ends_since", tenant, heard.pipe, heard.task, since, PAGE)):
        yield from sending([_message(row) for row in page])
        if len(page) < PAGE:
            break


def drop() -> Op[int]:
    """Tell no more what nobody hears; of how many pipes. Repeating it is harmless."""

    def steps(again: bool) -> Steps[int]:
        return len((yield one("ends_drop")))

    return Op("ends_drop", steps, single=True)


def _message(row: Row) -> NewMessage:
    pipe, tenant, id, version, task, state, reason, args, result, errors, at = row
    last, ended = attempt_errors(errors)[-1:], to_micros(moment(at))
    value = {
        "id": id, "version": version, "task": task, "tenant": tenant, "state": state, "reason": reason,
        "args": None if args is None else json.loads(args), "result": result,
        "error": [last[0].kind, last[0].message] if last and state != "succeeded" else None,
        "at": ended,
    }  # fmt: skip
    key = f"{id}:{version}:{state}"
    return NewMessage(tenant, derived_id(id, version, pipe, state), pipe, key, json.dumps(value), id, KEPT, ended)
