"""Values for any statement by the names in its signature, so that a new statement is guarded from its first day."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from holdfast.ids import new_id
from holdfast.storage.load import Sql

ROWS = 100
"""Rows that a *rows* statement is tried with."""

GATES = '[["group:full",null,1,1,null,0,0]]'
LINES = json.dumps([
    {"ord": place, "rank": 0, "tenant": tenant, "weight": 1, "queue": queue, "count": 50, "due": None, "seq": 0}
    for place, (tenant, queue) in enumerate([("default", "default"), ("default", "idle"), ("none", "default")])
])  # fmt: skip

FIXED: dict[str, Any] = {
    "age": 1.0, "conflict": "keep", "failures": 0, "input": None, "key": "k", "kind": "input", "next": 2,
    "pending": '{"version":2}', "per": 1.0, "seen": None, "successor": new_id(), "ttl": 60.0,
    "after": None, "after_due": None, "after_rank": -(2**31), "after_seq": 0, "ago": 0.5, "args": "{}",
    "anchor": 0, "attempt": 1, "base": None, "batch": 100, "before": None, "boot": "boot", "channel": "c",
    "claim": new_id(), "crashed": 0, "deadline": None, "deployment": None, "due": None, "fired": 1, "instant": 0,
    "job": "{}", "last": 0, "nth": 0, "parked": None, "paused": False, "skipped": 0, "source": "api", "spec": "{}",
    "after_name": "s", "after_tenant": "t", "former": "s", "newest": 10,
    "timed": True, "origin": new_id(),
    "branch": "", "code": None, "mark": None, "place": 0, "topic": None, "tries": 1, "value": "1",
    "undo": None, "undoes": 0, "ending": None,
    "anew": (False, True), "caps": (100, 5), "concurrency": 1, "defaults": "{}", "display_name": None,
    "lane": "default\tt", "odd": False, "most": 10, "paused_by": None, "pipe": "p", "pipes": ("p", "q"),
    "seq": 1, "since": 0, "filter": None, "secret": "s", "sender": None, "message_id": new_id(),
    "delay": 0.0, "edited": 0, "elapsed": 1.0, "error": '{"attempt":1}',
    "cancelled": 0, "count": 1, "failed": 0, "need": "succeeded", "stalled": 0, "succeeded": 0, "total": 1,
    "what": "look",
    "expires": None, "gate": "group:full", "gates": GATES, "grace": 0.0, "group_key": "full", "host": "h",
    "keep": 600.0, "kept": None, "lease": 30.0, "level": "info", "line": 1, "lines": LINES,
    "max_attempts": 1, "message": "m",
    "metadata": None, "name": "n", "other": "group:other", "passed": 0, "pid": 1, "policy": "{}", "priority": 0,
    "progress": "{}", "queue": "default", "queues": ("default", "idle"), "reason": None, "result": "1", "role": "r",
    "run_at": None, "running": 0, "seconds": 15.0, "size": 1, "spacing": None, "state": "ready", "step": None,
    "stop": 0, "suspects": 2**31 - 1, "tag": None, "tags": None, "task": "t", "tasks": ("t", "u"), "tenant": "default",
    "back": False, "created_from": None, "created_to": None, "due_from": None, "due_to": None,
    "ended": True, "rest": True, "finished_from": None, "finished_to": None, "highest": None, "live": True,
    "most_live": 10, "most_stored": None,
    "lowest": None, "states": None, "until": None, "until_due": None, "until_rank": None, "until_seq": None,
    "up": False, "window": 500, "about": new_id(), "beyond": 2**62, "actor": "a", "said": None,
    "was": None, "became": None,
    "verb": "edit",
    "timeout": 1.0, "token": 1, "uncounted": 0, "version": 1, "weight": 1, "worker": "w",
}  # fmt: skip

KEY = object()
"""The id of a job that runs."""

FIXED |= {
    "cancelled": 0, "count": 1, "failed": 0, "grain": "hour", "high": 0, "low": 0, "pos": 0, "runs": "{}", "stalled": 0,
    "succeeded": 1, "upto": 0, "waits": "{}", "forced": 0,
}  # fmt: skip

NO_FILTER: dict[str, Any] = {
    "queue": None, "task": None, "tag": None, "key": None, "group_key": None, "error": None, "version": 0,
}  # fmt: skip

OWN: dict[str, dict[str, Any]] = {
    "batch_add": {"job": new_id()},
    "ends_since": {"since": 4_000_000_000_000_000},
    "batch_end": {"state": "succeeded"},
    "batch_members": {"id": "0190163d-8694-79b5-8c1d-4f0e2a7b6c5d"},
    "claim": {"tasks": None},
    "claim_capped": {"tasks": None},
    "claim_queues": {"tasks": None},
    "claim_turns": {"tasks": None, "most": 50},
    "claim_turns_queues": {"tasks": None, "most": 50},
    "enqueue_gated": {"line": "group:full"},
    "finish": {"state": "succeeded"},
    "gate_edit": {"base": "limit:parts"},
    "gate_look": {"batch": 8},
    "gate_names": {"after": "group:", "until": "h"},
    "gate_stopped": {"after": "group:"},
    "gate_reconcile": {"base": "limit:parts"},
    "hand_over": {"state": "succeeded"},
    "merge": {"seen": "{}"},
    "message_send": {"job": new_id()},
    "stats_live_put": {"due": 0},
    "stats_moved": {"name": "ended"},
    "stats_walk": {"after": "0190163d-8694-79b5-8c1d-4f0e2a7b6c5d"},
    "list": NO_FILTER,
    "list_claim": {**NO_FILTER, "after_due": 0},
    "list_claim_edge": {"after_due": 0},
    "list_count": {**NO_FILTER, "until": "ffffffff-0000-0000-0000-000000000000"},
    "list_few": {**NO_FILTER, "queue": "default", "key": "k", "version": 0, "running": True},
    "list_few_edge": {"running": True},
    "list_up": {**NO_FILTER, "version": 2**31 - 1},
    "unblock_rest": {"tasks": ("\tdefault", "\nmail")},
    "step": {"kind": "step", "state": "done"},
    "wait": {"job": new_id()},
    "wait_note": {"state": None},
    "waits_ended": {"job": KEY, "state": "succeeded"},
    "worker_seen": {"queues": None, "tasks": "[]"},
}
"""Where a name means something else."""

FRESH_IDS = frozenset({
    "enqueue", "enqueue_again", "enqueue_gated", "enqueue_gated_again", "enqueue_key", "mark", "rate",
    "batch_new", "wait", "ask_put", "message_send",
})  # fmt: skip
FRESH_NAMES = frozenset({"enqueue_key", "mark", "rate"})
"""Statements of which no two rows may be about one key or mark."""


LINED = frozenset({"gate_leave", "gate_offer", "gate_places", "gate_reopen", "gate_seat", "gate_shift", "gate_wait"})
"""Statements that are asked about jobs in a full group's line: about running ones they would not look there at all."""

_instants = count()


class Unknown(AssertionError):
    """A value that nobody has told these tests of."""


def rows_for(statement: Sql, keys: list[tuple[str, str, int]]) -> list[tuple[Any, ...]]:
    """`keys`: tenant, id and token of jobs that run."""
    own = OWN.get(statement.name, {})

    def value(name: str, key: tuple[str, str, int]) -> Any:
        if name in own:
            return key[1] if own[name] is KEY else own[name]
        if name == "request":
            return new_id()
        if name == "id":
            return new_id() if statement.name in FRESH_IDS else key[1]
        if name == "queue" and statement.name == "stats_live_put":
            return new_id()
        if name == "instant" and statement.name == "stats_put":
            return next(_instants)
        if name in ("key", "name") and statement.name in FRESH_NAMES:
            return new_id()
        if name not in FIXED:
            raise Unknown(f"{statement.name}.sql takes {name!r}: give tests/plans/values.py a value to try it with")
        return FIXED[name]

    chosen = keys[:ROWS] if statement.mode == "rows" else keys[:1]
    return [tuple(value(name, key) for name in statement.signature) for key in chosen]
