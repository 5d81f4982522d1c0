"""Background jobs and durable workflows in the database you already have: SQLite when you start, PostgreSQL when
you grow.

    from holdfast import Holdfast

    app = Holdfast("sqlite:///app.db")

    @app.task
    def greet(name: str) -> str:
        return f"Hello, {name}!"

    job = greet.enqueue("Ada")      # any process
    app.run_worker()                # any other process, or: holdfast worker module:app
    job.result(timeout=10)
"""

from holdfast.app import Holdfast
from holdfast.context import Context, RawJob
from holdfast.handle import Job
from holdfast.model.event import Event
from holdfast.model.inputs import Cache
from holdfast.model.job import JobRecord, JobState, NewJob
from holdfast.model.limit import Limit
from holdfast.model.raw import RawResult
from holdfast.model.retry import Retry
from holdfast.model.signals import Cancel, Fail, RetryIn, Snooze
from holdfast.model.spacing import Spacing
from holdfast.storage.open import migration_sql
from holdfast.task import Call, Task
from holdfast.taskset import TaskSet
from holdfast.worker.tally import Report

__version__ = "0.1.0"

__all__ = [
    "Cache",
    "Call",
    "Cancel",
    "Context",
    "Event",
    "Fail",
    "Holdfast",
    "Job",
    "JobRecord",
    "JobState",
    "Limit",
    "NewJob",
    "RawJob",
    "RawResult",
    "Report",
    "Retry",
    "RetryIn",
    "Snooze",
    "Spacing",
    "Task",
    "TaskSet",
    "__version__",
    "migration_sql",
]
