"""Which jobs each verb takes, and what it tells."""

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
