"""`wait_for` a task: a body goes on when some job of it has ended as it should."""

from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from holdfast.durable.messages import age_of, made_token, taken
from holdfast.errors import InvalidOption
from holdfast.model.branch import Branch
from holdfast.model.end import JobEnd
from holdfast.model.job import JobState
from holdfast.model.match import filter_text
from holdfast.model.text import shown
from holdfast.source import Ends
from holdfast.storage.ops.asks import Wanted
from holdfast.storage.ops.ends import Heard
from holdfast.task import Task

if TYPE_CHECKING:
    from holdfast.durable.run import Run

R = TypeVar("R")
ENDS = ("succeeded", "failed", "cancelled", "stalled", "finished")


async def wait_end(
    run: "Run",
    line: Branch,
    task: Task[Any, R, Any],
    state: object,
    where: object,
    timeout: float | None,
    since: object,
) -> JobEnd[R]:
    """How the first job of the task ended that ended so. A filter that is code is asked in the body."""
    wanted_state = "succeeded" if state is None else state
    if not isinstance(wanted_state, str) or wanted_state not in ENDS:
        raise InvalidOption(f"a job of a task is waited for until it is one of {', '.join(ENDS)}, not {shown(state)}")
    if task.raw:
        raise InvalidOption(f"task {task.name} is raw: its jobs cannot be waited for by what they hold")
    held: dict[str, Any] = {} if wanted_state == "finished" else {"state": str(JobState(wanted_state))}
    if where is not None and not callable(where):
        held["args"] = _checked(task, where)
    source: Ends[R] = Ends(task, None)
    heard = Heard(f"holdfast:{task.name}:waits", task.name, None)
    wanted = Wanted(heard.pipe, filter_text(held), made_token(), age_of(since))
    fits = cast("Callable[[JobEnd[R]], object]", where) if callable(where) else None
    return await taken(run, line, source, wanted, f"end of {task.name}", fits, timeout, heard)


def _checked(task: Task[Any, Any, Any], where: object) -> object:
    if not isinstance(where, Mapping):
        raise InvalidOption(f"where must be a mapping of arguments of {task.name}, or a function, not {shown(where)}")
    parameters = task.signature.parameters
    known = [each.name for each in parameters]
    given = cast("Mapping[object, object]", where)
    unknown = [key for key in given if key not in known]
    if unknown and all(each.kind is not Parameter.VAR_KEYWORD for each in parameters):
        raise InvalidOption(f"task {task.name} has no argument {shown(unknown[0])}; it has {', '.join(known)}")
    return given
