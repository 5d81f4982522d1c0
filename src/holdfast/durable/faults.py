"""What is recorded of a step that failed, and what it raises."""

import json
import traceback

from holdfast.errors import BodyFailed, StepFailed, StepTimeout
from holdfast.model.signals import Signal
from holdfast.model.text import clean_text

MOST_ERROR = 32 * 1024
"""Bytes of a step's traceback that are kept."""


def error_entry(error: BaseException) -> str:
    """An error as JSON text, made storable whatever it holds."""
    try:
        if isinstance(error, StepFailed | BodyFailed):
            kind, message, trace = error.kind, error.message, error.traceback
        else:
            kind, message = type(error).__qualname__, str(error)
            trace = "" if isinstance(error, Signal) else "".join(traceback.format_exception(error))
    except BaseException as inner:  # it is the user's code that is asked
        kind, message, trace = type(error).__name__, f"(looking at the error raised {type(inner).__name__})", ""
    return json.dumps({"kind": kind, "message": clean_text(message, 8192), "traceback": clean_text(trace, MOST_ERROR)})


def failed(name: str, entry: str) -> StepFailed:
    """The error of a step, the same now and at each replay."""
    told = json.loads(entry)
    kind = StepTimeout if told["kind"] == "timeout" else StepFailed
    return kind(name, told["kind"], told["message"], told.get("traceback", ""))
