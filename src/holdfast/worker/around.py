"""The app's wrappers around an attempt whose body runs in a process: they run here, in the worker, around all of it.

So they need not be importable, reach the worker's own tracer, and see a process that is killed. What they do not see is
the body's own exception, which stays in its process: `BodyFailed` stands for it.
"""

import json
from collections.abc import Callable
from typing import Any

from holdfast.context import Context
from holdfast.errors import BodyFailed, JobStopped, LeaseLost
from holdfast.model.outcome import Outcome, Raised, Released, Snoozed, Stopped, Succeeded, TimedOut
from holdfast.model.signals import Cancel, Snooze
from holdfast.worker.attempt import AnyTask, judge
from holdfast.worker.deps import wrapped_sync
from holdfast.worker.holding import Holding


def within_wraps(
    held: Holding, task: AnyTask, context: Context[Any], run: Callable[[], Outcome | None]
) -> Outcome | None:
    """Run an attempt within its wrappers, which may fail it and cannot save it."""
    if not context.wraps:
        return run()
    stand_in: BaseException | None = None
    outcome: Outcome | None = None
    try:
        with wrapped_sync(context):
            outcome = run()
            if not isinstance(outcome, Succeeded):
                stand_in = _stand_in(outcome)
                raise stand_in
    except BaseException as error:
        if error is stand_in or held.stop is not None:
            return outcome if stand_in is not None else judge(held, task, error)
        return judge(held, task, error)
    if stand_in is not None and held.stop is None:
        return judge(held, task, RuntimeError("a wrapper of the attempt swallowed what the body raised"))
    return outcome


def _stand_in(outcome: Outcome | None) -> BaseException:
    match outcome:
        case Raised() | TimedOut():
            entry = json.loads(outcome.error)
            return BodyFailed(entry["kind"], entry["message"], entry.get("traceback", ""))
        case Snoozed():
            return Snooze(outcome.delay)
        case Stopped():
            return Cancel(outcome.reason)
        case None:
            return LeaseLost()
        case Released() | _:
            return JobStopped("the worker stops")
