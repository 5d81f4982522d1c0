"""Records as JSON documents: the keys are stable, instants are ISO 8601 in UTC, durations are seconds."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from holdfast.cli.times import exact
from holdfast.model.job import AttemptError, JobRecord

_PAYLOAD = frozenset({"args", "result"})
_UNSHOWN = frozenset({"result_text"})


def job_document(job: JobRecord, payload: bool, tracebacks: bool) -> dict[str, Any]:
    """Every part of a record under its own name.

    payload: include `args`, `result`, and the `data` of errors.
    tracebacks: include the `traceback` of errors.
    """
    left_out = _UNSHOWN if payload else _UNSHOWN | _PAYLOAD
    found = {part.name: _plain(getattr(job, part.name)) for part in fields(job) if part.name not in left_out}
    found["errors"] = [error_document(error, payload, tracebacks) for error in job.errors]
    return found


def error_document(error: AttemptError, payload: bool, tracebacks: bool) -> dict[str, Any]:
    hidden = {name for name, shown in (("data", payload), ("traceback", tracebacks)) if not shown}
    return {part.name: _plain(getattr(error, part.name)) for part in fields(error) if part.name not in hidden}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return exact(value)
    return value
