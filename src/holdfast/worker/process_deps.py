"""`ctx.deps` in processes: each makes its own, once, at the first body that asks.

Values do not travel. What travels is where their maker is: its module and name, by which the process imports it. So a
maker that a process cannot import, or whose value must be awaited, is told before a worker starts.
"""

import inspect
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from holdfast.context import Context
from holdfast.errors import MisuseError
from holdfast.model.options import UNSET, Unset
from holdfast.worker.deps import DepsBook, enter_sync
from holdfast.worker.place import attribute, import_place, place_of_function
from holdfast.worker.wire import Frame


def frame_for(book: DepsBook, task: str) -> Frame | None:
    """What a process is told of the deps of a task's bodies: where to import their maker, or why there are none."""
    if not isinstance(book.replaced, Unset):
        return {"why": "app.replace_deps puts another value in their place, which no process can be given"}
    make = book.maker(task)
    if make is None:
        return None
    why = why_not(make)
    return {"why": why} if why else {"place": place_of_function(make), "per_job": book.per_job}


def why_not(make: Callable[..., Any]) -> str | None:
    """Why a process cannot call this maker; None where it can."""
    whole = inspect.unwrap(make)
    if inspect.iscoroutinefunction(whole) or inspect.isasyncgenfunction(whole):
        return "what they are made by must be awaited, and a process has no event loop"
    place = place_of_function(make)
    if place["module"] is None or place["name"] is None or "<" in place["name"]:
        return (
            f"a process imports what they are made by, and {place['name'] or make} has no name at the top of a module"
        )
    if attribute(sys.modules.get(place["module"]), place["name"]) is not make:
        return f"a process imports what they are made by, and {place['module']} has no such {place['name']}"
    return None


class ProcessDeps:
    """The values of one process."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._values: dict[tuple[str, str], Any] = {}

    def give(self, context: "ProcessContext", frame: Mapping[str, Any] | None) -> None:
        """Let this attempt's body have what the worker told of."""
        if frame is None:
            return
        if "why" in frame:
            context.source = partial(_refuse, context.job.task, frame["why"])
        elif frame["per_job"]:
            context.maker = lambda: _made_by(frame["place"])
        else:
            context.source = partial(self._value, frame["place"])

    def close(self) -> None:
        self._stack.close()

    def _value(self, place: Frame) -> Any:
        key = (place["module"], place["name"])
        if key not in self._values:
            self._values[key] = enter_sync(self._stack, lambda: _made_by(place), "a process has no event loop")
        return self._values[key]


class ProcessContext(Context[Any]):
    """A context whose deps are made when they are first asked for."""

    __slots__ = ("source",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.source: Callable[[], Any] | None = None

    @property
    def deps(self) -> Any:
        if self._deps is UNSET and self.source is not None:
            self.give_deps(self.source())
        return super().deps


def _made_by(place: Frame) -> Any:
    make: Any = import_place(place, "what deps are made by")
    return make()


def _refuse(task: str, why: str) -> Any:
    raise MisuseError(f"task {task} has no deps in its process: {why}")
