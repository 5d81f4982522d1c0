"""What came of a request, once its job has ended or has become another: a record to read, a successor, or neither."""

from dataclasses import dataclass
from typing import TypeAlias

from holdfast.errors import JobCancelled, JobFailed, JobStalled
from holdfast.model.job import JobRecord, JobState
from holdfast.model.tenant import Scope
from holdfast.storage.op import Op
from holdfast.storage.ops.inspect import Gone, Version, version

Found: TypeAlias = JobRecord | Gone | None


@dataclass(frozen=True, slots=True)
class Successor:
    """The job, and its version, that took the place of another."""

    id: str
    version: int | None = None


def to_ask(found: Found, meant: int | None, scope: Scope) -> Op[Version] | None:
    """What must be read to know what became of version `meant` of a job that was found so; None: nothing.

    Only jobs with a key are replaced; any job that ended may have been retried.
    """
    if not isinstance(found, JobRecord):
        return None
    if found.state is JobState.CANCELLED and found.reason == "debounced":
        return version(found.id, found.version, scope)
    if meant is not None and found.version > meant and found.key is not None:
        return version(found.id, meant, scope)
    return None


def judge(found: JobRecord, ended: Version) -> Found | Successor:
    """What became of the version that `ended` tells of: its own record, what took its place, or None where it was
    retried, so that the newest is what is meant."""
    if found.reason == "debounced" and found.state is JobState.CANCELLED:
        return found if ended.successor is None else Successor(ended.successor)
    if ended.record is None:  # it never ran; or it is kept no more
        return Successor(found.id, found.version) if ended.successor is None else Gone(found.id)
    if ended.successor is None:
        return None
    return Successor(found.id, found.version) if ended.record.reason == "superseded" else ended.record


def result_text(record: JobRecord, meant: int | None) -> str:
    """The result of a job that ended, as JSON text. Raises what came of it instead."""
    if meant is not None and record.version < meant:  # what waited for its end was given up with it
        raise JobCancelled(
            record.id, record.reason if record.state is JobState.CANCELLED and record.reason else "explicit"
        )
    match record.state:
        case JobState.SUCCEEDED:
            return record.result_text or "null"
        case JobState.CANCELLED:
            raise JobCancelled(record.id, record.reason or "explicit")
        case JobState.STALLED:
            raise JobStalled(f"job {record.id} stalled ({record.reason}) and waits for a person", record.id)
        case _:
            raise _failure(record)


def _failure(record: JobRecord) -> JobFailed:
    if not record.errors:
        return JobFailed(record.id, record.reason or "failed", "no error was recorded")
    last = record.errors[-1]
    return JobFailed(record.id, last.kind, last.message, last.traceback)
