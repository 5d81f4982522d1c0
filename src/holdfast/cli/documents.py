"""Records as JSON documents: the keys are stable, instants are ISO 8601 in UTC, durations are seconds."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from holdfast.cli.times import exact
from holdfast.model.job import AttemptError, JobRecord
from holdfast.model.raw import RawBody, RawResult

_PAYLOAD = frozenset({"args", "result"})
_UNSHOWN = frozenset({"result_text"})


def job_document(job: JobRecord, payload: bool, tracebacks: bool) -> dict[str, Any]:
    """Every part of a record under its own name.

    payload: include `args`, `result`, and the `data` of errors.
    tracebacks: include the `traceback` of errors.
    """
    left_out = _UNSHOWN if payload else _UNSHOWN | _PAYLOAD
    found = {part.name: _plain(getattr(job, part.name)) for part in fields(job) if part.name not in left_out}
    if job.raw is not None:
        found.update(raw_document(job.raw, "args", payload))
    if isinstance(job.result, RawResult):
        found.update(raw_document(job.result, "result", payload))
    found["errors"] = [error_document(error, payload, tracebacks) for error in job.errors]
    return found


def raw_document(raw: RawBody | RawResult, part: str, payload: bool) -> dict[str, Any]:
    """What is said of bytes, and never they themselves: `holdfast jobs body` gives them."""
    more = {"target": raw.target} if isinstance(raw, RawBody) else {"data": raw.data}
    told = {"content_type": raw.content_type, "size": None if raw.body is None else len(raw.body)}
    return {f"raw_{part}": told, **({part: more} if payload else {})}


def error_document(error: AttemptError, payload: bool, tracebacks: bool) -> dict[str, Any]:
    hidden = {name for name, shown in (("data", payload), ("traceback", tracebacks)) if not shown}
    return {part.name: _plain(getattr(error, part.name)) for part in fields(error) if part.name not in hidden}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return exact(value)
    return value
