"""Rows of either database become values of the model."""

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

from holdfast.clock import from_micros
from holdfast.errors import InvalidOption
from holdfast.model.job import AttemptError, ClaimedJob, JobRecord, JobState
from holdfast.model.policy import Policy
from holdfast.model.raw import given_back
from holdfast.model.rule import Spec
from holdfast.model.schedule import Schedule
from holdfast.storage.op import Row


def moment(value: Any) -> datetime:
    """PostgreSQL gives datetimes in the session's zone, SQLite microseconds."""
    return value.astimezone(UTC) if isinstance(value, datetime) else from_micros(value)


def moment_or_none(value: Any) -> datetime | None:
    return None if value is None else moment(value)


def claimed(row: Row) -> ClaimedJob:
    return ClaimedJob(*row)


def record(row: Row) -> JobRecord:
    """A row of get.sql or list.sql, without its ordinal."""
    (
        tenant, id, version, _, task, queue, state, reason, priority, due, args, result, key, group, tags, metadata,
        attempt, max_attempts, crashes, timeout, policy_text, errors, progress, schedule_id, worker, created_at,
        started_at, finished_at, updated_at, _, _,
    ) = row  # fmt: skip
    policy = Policy.read(policy_text)
    return JobRecord(
        id=id,
        task=task,
        queue=queue,
        tenant=tenant,
        version=version,
        state=JobState(state),
        reason=reason,
        priority=priority,
        args=_decoded(args, dict) or {},
        result=given_back(_decoded(result)),
        key=key,
        group=group,
        progress=_decoded(progress),
        attempt=attempt,
        max_attempts=max_attempts,
        crashes=crashes,
        errors=attempt_errors(errors),
        timeout=timeout,
        on_timeout=policy.on_timeout,
        keep_succeeded=policy.keep_succeeded,
        keep_failed=policy.keep_failed,
        tags=tuple(_decoded(tags, list) or ()),
        metadata=_decoded(metadata, dict) or {},
        schedule_id=schedule_id,
        worker=worker,
        created_at=moment(created_at),
        due_at=moment(due),
        started_at=moment_or_none(started_at),
        finished_at=moment_or_none(finished_at),
        updated_at=moment(updated_at),
        after=tuple(need.id for need in policy.after),
        batch=policy.batch,
        result_text=result,
    )


def is_stub(row: Row) -> bool:
    """True for what is left, for an hour, of a job that was to be removed at its end."""
    return bool(row[-2])


def attempt_errors(text: str | None) -> tuple[AttemptError, ...]:
    entries: list[Any] = _decoded(text, list) or []
    return tuple(_attempt_error(cast("dict[str, Any]", entry)) for entry in entries if isinstance(entry, dict))


def _attempt_error(entry: dict[str, Any]) -> AttemptError:
    at = entry.get("at")
    return AttemptError(
        attempt=entry.get("attempt", 0),
        kind=entry.get("kind", "Error"),
        message=entry.get("message", ""),
        traceback=entry.get("traceback", ""),
        data=entry.get("data"),
        at=moment(at) if isinstance(at, int) else None,
        worker=entry.get("worker"),
    )


def _decoded(text: str | None, kind: type = object) -> Any:
    """JSON that others may have written, too: None for what is none, or is of another kind. No row hides its page."""
    try:
        value = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, kind) else None


@lru_cache(maxsize=1024)
def names(text: str) -> frozenset[str]:
    """A JSON list of names; none where it is no such list."""
    return frozenset(name for name in _decoded(text, list) or () if isinstance(name, str))


def schedule(row: Row) -> Schedule:
    """A row of schedule_get.sql. Its spec is None where nobody understands it: no row hides its page."""
    tenant, name, source, deployment, task, args, _, spec, _, next_at, last_at, fired_at, paused, parked = row[:14]
    try:
        read = Spec.loads(spec)
    except InvalidOption:
        read = None
    fired, skipped, created_at, updated_at = row[14:18]
    return Schedule(
        name=name,
        tenant=tenant,
        task=task,
        args=_decoded(args, dict) or {},
        source=source,
        deployment=deployment,
        spec=read,
        paused=bool(paused),
        parked=parked,
        next_due=moment_or_none(next_at),
        last_due=moment_or_none(last_at),
        fired_at=moment_or_none(fired_at),
        fired=fired,
        skipped=skipped,
        created_at=moment(created_at),
        updated_at=moment(updated_at),
    )
