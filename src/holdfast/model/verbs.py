"""Which jobs each verb takes, what it tells, and what a job is after it."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from holdfast.model.job import JobRecord, JobState
from holdfast.model.jsontext import dump_json
from holdfast.model.lifecycle import Finish

TAKES = {
    "edit": "jobs that wait, another time only those that wait for nothing else, and a key only where it is free",
    "cancel": "any job",
    "delete": "any job",
    "retry": "failed, cancelled and stalled jobs, and succeeded ones with force=True",
    "resolve": "jobs that wait or have stalled",
    "fail": "jobs that wait or have stalled",
}
TOLD = {
    "cancel": ("job.cancelled", "job.finished"),
    "retry": ("job.retried",),
    "resolve": ("job.succeeded", "job.finished"),
    "fail": ("job.failed", "job.finished"),
}


def resolved(result: Any) -> Finish:
    return Finish(JobState.SUCCEEDED, 0.0, "resolved", dump_json(result, "result"))


CANCELLED = Finish(JobState.CANCELLED, 0.0, "explicit")


def after(before: JobRecord | None, verdict: Finish, at: datetime) -> JobRecord | None:
    """The record that a job has which is removed at its end."""
    if before is None:
        return None
    text = verdict.result
    return replace(
        before, state=verdict.state, reason=verdict.reason, result=None if text is None else json.loads(text),
        result_text=text, finished_at=at,
    )  # fmt: skip
