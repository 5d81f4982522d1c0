"""One attempt, as a short pipeline that ends in a value: load the arguments, run the body, dump the result.

Whatever the body does, an `Outcome` comes out; nothing it raises passes, but for `LeaseLost` and the end of the
worker itself.
"""

import json
import os
import traceback
from typing import Any, TypeAlias

from holdfast.context import Context
from holdfast.errors import HoldfastError, InvalidArguments, InvalidResult, LeaseLost
from holdfast.model.codec import dump_json
from holdfast.model.options import UNSET
from holdfast.model.outcome import Crashed, Outcome, Raised, Snoozed, Stopped, Succeeded, TimedOut
from holdfast.model.signals import Cancel, Fail, RetryIn, Signal, Snooze
from holdfast.model.text import clean_text
from holdfast.task import Task
from holdfast.waiting import running_job
from holdfast.worker.deps import surrounded, surrounded_sync
from holdfast.worker.holding import Holding

AnyTask: TypeAlias = Task[Any, Any, Any]

MOST_TRACEBACK = 32 * 1024
MOST_MESSAGE = 8 * 1024

_encode = json.JSONEncoder().encode  # bound here: a body may replace functions of the json module


async def run_async(held: Holding, task: AnyTask, context: Context[Any]) -> Outcome | None:
    """Run an async body on this loop. None: the lease was lost, and there is nothing to write."""
    outcome = await _run_async(held, task, context)
    outcome = outcome if held.run is None else await held.run.judged(outcome)
    return outcome if held.effects is None else await held.effects.aend(outcome)


def run_sync(held: Holding, task: AnyTask, context: Context[Any]) -> Outcome | None:
    """The same for a sync body, on a thread of its own."""
    outcome = _run_sync(held, task, context)
    return outcome if held.effects is None else held.effects.end(outcome)


async def _run_async(held: Holding, task: AnyTask, context: Context[Any]) -> Outcome | None:
    try:
        args, kwargs = task.load(held.job.args)
    except InvalidArguments as error:
        return Raised(error_text(held, error), None, "invalid_arguments")
    except BaseException as error:
        return judge(held, task, error)
    running_job.set(held)
    forks = _forks
    value: Any = UNSET
    try:
        if held.effects is not None:
            await held.effects.prepare()
        if context.maker is None and not context.wraps:
            value = await task.run(context, args, kwargs)
        else:
            async with surrounded(context):
                value = await task.run(context, args, kwargs)
        return _returned(held, task, value)
    except BaseException as error:
        return judge(held, task, error)
    finally:
        _end_copy(forks)


def _run_sync(held: Holding, task: AnyTask, context: Context[Any]) -> Outcome | None:
    try:
        args, kwargs = task.load(held.job.args)
    except InvalidArguments as error:
        return Raised(error_text(held, error), None, "invalid_arguments")
    except BaseException as error:
        return judge(held, task, error)
    running_job.set(held)
    forks = _forks
    value: Any = UNSET
    try:
        if context.maker is None and not context.wraps:
            value = task.run(context, args, kwargs)
        else:
            with surrounded_sync(context):
                value = task.run(context, args, kwargs)
        return _returned(held, task, value)
    except BaseException as error:
        return judge(held, task, error)
    finally:
        _end_copy(forks)
        running_job.set(None)


_forks = 0
"""How often this process, or one before it, was forked: asking for its id instead is a system call, twice a job."""


def _count_fork() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


def _end_copy(forks: int) -> None:
    """A body forked, and both sides returned: the copy is no worker, and must not go on as one."""
    if _forks != forks:
        os._exit(0)


def _returned(held: Holding, task: AnyTask, value: Any) -> Outcome | None:
    if held.stop == "lost":
        return None
    if held.stop in ("timeout", "deadline"):  # it swallowed its cancellation: the limit holds all the same
        return ran_over(held, task)
    if held.stop == "cancel" and held.noticed:  # it looked, and left off where it stood
        return Stopped(held.stop_reason or "explicit")
    if value is UNSET:
        raise RuntimeError("a wrapper of the attempt swallowed what the body raised")
    try:
        return Succeeded(task.dump(value))
    except InvalidResult as error:
        return Raised(error_text(held, error), None, "invalid_result")


def judge(held: Holding, task: AnyTask, error: BaseException) -> Outcome | None:
    """What an attempt that ended in `error` comes to."""
    try:
        return _judge(held, task, error)
    except BaseException as inner:  # an error may raise from any attribute that is looked at
        stand_in = RuntimeError(f"(looking at the error raised {type(inner).__name__})")
        return Raised(error_text(held, stand_in, kind=type(error).__qualname__), retry_in(held, task, stand_in))


def _judge(held: Holding, task: AnyTask, error: BaseException) -> Outcome | None:
    if held.stop == "lost" or isinstance(error, LeaseLost):
        return None
    if isinstance(error, KeyboardInterrupt):  # it ends the worker too: see Runner
        return Crashed(error_text(held, error))
    if held.stop in ("timeout", "deadline"):
        return ran_over(held, task)
    if held.stop == "cancel":
        return Stopped(held.stop_reason or "explicit")
    if isinstance(error, Signal):
        return _signalled(held, error)
    return Raised(error_text(held, error), retry_in(held, task, error))


def _signalled(held: Holding, signal: Signal) -> Outcome:
    """What the body asked for by raising it."""
    match signal:
        case Snooze():
            return Snoozed(signal.after)
        case Cancel():
            return Stopped(clean_text(str(signal), 255) or "explicit")
        case RetryIn():
            return Raised(error_text(held, signal, data=signal.data), signal.after)
        case Fail():
            return Raised(error_text(held, signal, data=signal.data), None)
        case _:
            return Raised(error_text(held, signal), None)


def ran_over(held: Holding, task: AnyTask) -> Outcome:
    """The outcome of an attempt that ran longer than it may, or beyond the job's deadline."""
    if held.stop == "deadline":
        return Stopped("deadline")
    error = TimeoutError(f"the attempt ran longer than its limit of {held.job.timeout:g} s")
    return TimedOut(error_text(held, error, kind="timeout"), retry_in(held, task, error))


def retry_in(held: Holding, task: AnyTask, error: BaseException) -> float | None:
    """Seconds until the next run, by the job's waits and the task's code; None: no further run."""
    if held.job.attempt >= held.job.max_attempts:
        return None
    try:
        return task.retry_for(held.policy, held.fallback).wait(held.job.attempt, error)
    except Exception:  # the user's rule raised or answered nonsense: wait a while rather than lose the job
        return 60.0


def error_text(held: Holding, error: BaseException, kind: str | None = None, data: Any = None) -> str:
    """The entry for the job's error history, made storable whatever the exception holds."""
    try:
        message = str(error)
    except BaseException as inner:  # a user's __str__ may raise anything
        message = f"(str() of the error raised {type(inner).__name__})"
    entry: dict[str, Any] = {
        "attempt": held.job.attempt,
        "kind": kind or type(error).__qualname__,
        "message": clean_text(message, MOST_MESSAGE),
        "traceback": "" if isinstance(error, Signal) else clean_text(_traceback(error), MOST_TRACEBACK),
    }
    if data is not None:
        try:
            entry["data"] = json.loads(dump_json(data, "data"))
        except HoldfastError as refused:
            entry["data"] = f"(not kept: {refused})"
    return _encode(entry)


def _traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except BaseException as inner:  # formatting runs the user's code too
        return f"(formatting the traceback raised {type(inner).__name__})"
