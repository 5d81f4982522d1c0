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

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.batches import Batch
    from holdfast.consumer import handles, on
    from holdfast.context import Context, RawJob
    from holdfast.durable.patching import patched
    from holdfast.durable.sleep import sleep
    from holdfast.durable.step import step
    from holdfast.durable.waiting import cancel, gather, invoke, wait_for
    from holdfast.handle import Job
    from holdfast.model.batch import BatchRecord
    from holdfast.model.end import JobEnd
    from holdfast.model.event import Event
    from holdfast.model.inputs import Cache
    from holdfast.model.job import JobRecord, JobState, NewJob
    from holdfast.model.limit import Limit
    from holdfast.model.raw import RawResult
    from holdfast.model.retry import Retry
    from holdfast.model.signals import Cancel, Fail, RetryIn, Snooze
    from holdfast.model.spacing import Spacing
    from holdfast.pipe import Pipe
    from holdfast.storage.open import migration_sql
    from holdfast.task import Call, Task
    from holdfast.taskset import TaskSet
    from holdfast.worker.tally import Report

__version__ = "0.1.0"

__all__ = [
    "Batch",
    "BatchRecord",
    "Cache",
    "Call",
    "Cancel",
    "Context",
    "Event",
    "Fail",
    "Holdfast",
    "Job",
    "JobEnd",
    "JobRecord",
    "JobState",
    "Limit",
    "NewJob",
    "Pipe",
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
    "cancel",
    "gather",
    "handles",
    "invoke",
    "migration_sql",
    "on",
    "patched",
    "sleep",
    "step",
    "wait_for",
]

# Each name is imported when it is first asked for, so that a program pays for what it uses.
_HOMES = {
    "Batch": "holdfast.batches",
    "BatchRecord": "holdfast.model.batch",
    "Cache": "holdfast.model.inputs",
    "Call": "holdfast.task",
    "Cancel": "holdfast.model.signals",
    "Context": "holdfast.context",
    "Event": "holdfast.model.event",
    "Fail": "holdfast.model.signals",
    "Holdfast": "holdfast.app",
    "Job": "holdfast.handle",
    "JobEnd": "holdfast.model.end",
    "JobRecord": "holdfast.model.job",
    "JobState": "holdfast.model.job",
    "Limit": "holdfast.model.limit",
    "NewJob": "holdfast.model.job",
    "Pipe": "holdfast.pipe",
    "RawJob": "holdfast.context",
    "RawResult": "holdfast.model.raw",
    "Report": "holdfast.worker.tally",
    "Retry": "holdfast.model.retry",
    "RetryIn": "holdfast.model.signals",
    "Snooze": "holdfast.model.signals",
    "Spacing": "holdfast.model.spacing",
    "Task": "holdfast.task",
    "TaskSet": "holdfast.taskset",
    "cancel": "holdfast.durable.waiting",
    "gather": "holdfast.durable.waiting",
    "handles": "holdfast.consumer",
    "invoke": "holdfast.durable.waiting",
    "migration_sql": "holdfast.storage.open",
    "on": "holdfast.consumer",
    "patched": "holdfast.durable.patching",
    "sleep": "holdfast.durable.sleep",
    "step": "holdfast.durable.step",
    "wait_for": "holdfast.durable.waiting",
}
_ROOMS = ("errors", "events", "testing")


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        found = getattr(import_module(_HOMES[name]), name)
    elif name in _ROOMS:
        found = import_module(f"holdfast.{name}")
    else:
        raise AttributeError(f"module 'holdfast' has no {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
