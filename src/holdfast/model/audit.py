"""Who did what to a job by hand."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Deed:
    """What is done and by whom; `said`: the conditions or changes that were given, as JSON."""

    verb: str
    actor: str
    said: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A note of one change to one job.

    seq: its place, which grows. verb: cancel, retry, delete, edit. actor: who, as they said. job: its id.
    said: what was asked: the conditions, and of an edit the changes. before, after: what they changed, as it was and as
    it is since; None where nothing is left.
    """

    seq: int
    at: datetime
    verb: str
    actor: str
    job: str
    said: Any
    before: Any
    after: Any
