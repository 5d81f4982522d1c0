"""Undo: what a job's steps did is taken back, in reverse, before it ends failed or cancelled.

With a step is recorded which function undoes it, and with which arguments. When the job is over its row lives on, with
the end it will have come to in its policy (`holdfast.model.undoing`), and is claimed like any other: then this runs and
not the body. What is undone is recorded as a piece of its own, so that a crash in the middle goes on where it was.

A name in the database must never say which code is run. So a function is taken from the steps that this process has
defined (`step.using(undo=…)`), and where it knows none of that name the body is run once more, on its record alone,
for what it gives its steps.
"""

import asyncio
import importlib
import inspect
import json
from collections.abc import Callable, Coroutine, Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.clock import monotonic
from holdfast.durable.faults import error_entry
from holdfast.durable.journal import Asked, Journal
from holdfast.durable.performing import perform
from holdfast.durable.steps import WAITS, StepOptions, function_of, undone_by
from holdfast.errors import HoldfastError, InvalidOption, InvalidResult, JobStopped, LeaseLost
from holdfast.model.codec import Signature
from holdfast.model.retry import Retry
from holdfast.model.signals import Fail, RetryIn, Snooze
from holdfast.model.tenant import Scope
from holdfast.model.text import clean_text
from holdfast.storage.ops import steps as ops
from holdfast.storage.ops.jobs import Held
from holdfast.storage.ops.steps import Entry, Kept, StepKey, StepRecord, StepRow

if TYPE_CHECKING:
    from holdfast.durable.run import Run

TRIES = Retry(attempts=10, backoff=WAITS)
"""How what undoes a step is tried, whatever the step's own retry is: 10 times, over four days."""

SHORT = 1.0
"""Seconds between two tries for which the job keeps its slot."""

NEAR = 0.05

LONGEST = 3600.0
"""Seconds that one try may take where the step has no time limit of its own."""

REPLAY = 300.0
"""Seconds that the body may take which is run for its functions."""


class Undo(NamedTuple):
    """What is recorded of a step that can be undone. number: which of the job's; name: the function's, "" for one that
    only a body can give; args: JSON text; limit: seconds that a try may take."""

    number: int
    name: str
    args: str
    limit: float

    def dumps(self) -> str:
        return json.dumps(self)


class _Due(NamedTuple):
    """A step that is to be undone, and how often that was tried in vain."""

    step: StepRecord
    undo: Undo
    tries: int
    left: float


def planned(number: int, options: StepOptions, value: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """What is to be recorded with a step that did something. Raises InvalidResult for what JSON cannot hold."""
    assert options.undo is not None
    function = undone_by(options.undo)
    takes = _arguments(function, value, args, kwargs)
    try:
        text = json.dumps(value) if takes is None else Signature(function, "undo").bind_dump(*takes)
    except (HoldfastError, ValueError, TypeError) as error:
        raise InvalidResult(f"what undoes the step cannot be kept: {error}") from error
    return Undo(number, name_of(function), text, options.timeout or LONGEST).dumps()


def check_arguments(options: StepOptions, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Before a step's function is called: whether what undoes it can be. Raises InvalidOption."""
    assert options.undo is not None
    function = undone_by(options.undo)
    takes = _arguments(function, None, args, kwargs)
    try:
        if takes is not None:
            inspect.Signature(Signature(function, name).parameters).bind(*takes[0], **takes[1])
    except TypeError as error:
        raise InvalidOption(
            f"what undoes step {name} is called with its result, and where it needs more, with the step's arguments "
            f"after it: {error}"
        ) from error


def _arguments(
    function: Callable[..., Any], value: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], Mapping[str, Any]] | None:
    """The step's result; with the step's own arguments after it where more is needed. None: nobody knows what it
    takes."""
    try:
        takes = Signature(function, "undo").parameters
    except (TypeError, ValueError):  # a builtin without a signature
        return None
    if not takes:
        return (), {}
    needed = [each for each in takes if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL,
                                                                                        each.VAR_KEYWORD)]  # fmt: skip
    return ((value,), {}) if len(needed) < 2 else ((value, *args), kwargs)


_known: dict[str, Callable[..., Any]] = {}
"""Functions that undo steps of this process, by name: those that are the same wherever their module is imported."""


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function that is one of a module's; "" for any other."""
    name = f"{getattr(function, '__module__', None)}:{getattr(function, '__qualname__', '')}"
    if _known.get(name) is function:
        return name
    module, _, path = name.partition(":")
    found: Any = None
    try:
        found = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError):
        return ""
    if found is not function and undone_by(found) is not function:
        return ""
    _known[name] = function
    return name


class Cut(JobStopped):
    """A body that is run on its record alone has come to something that is not recorded."""


class Reading:
    """A body's run on its record alone: what its steps are given, and where it stopped."""

    def __init__(self, wanted: frozenset[StepKey]) -> None:
        self._wanted = wanted
        self.undo: dict[StepKey, Callable[..., Any]] = {}

    def look(self, asked: Asked) -> None:
        """A piece is asked for. Raises Cut where nothing more is to be learned."""
        if asked.known is None or self.waits(asked.known) or self._wanted <= self.undo.keys():
            raise Cut("the record ends here")

    def waits(self, known: StepRecord) -> bool:
        """Of a sleep nobody records the end: it is over when its time is."""
        return known.state == "waiting" and (known.kind != "sleep" or (known.left or 0.0) > 0)

    def saw(self, key: StepKey, options: StepOptions) -> None:
        if options.undo is not None:
            self.undo[key] = undone_by(options.undo)


async def undo_all(run: "Run", again: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Undo what the job's steps did, the last first.

    again: runs the body. Raises Snooze until it is to be tried again, Fail where it was tried in vain, LeaseLost.
    """
    job = run.job
    run.body.extension = float("inf")  # the job's own time limit was its body's
    kept = await run.office.store.arun(ops.read(job.id, job.version, Scope(job.tenant)), "read")
    if kept is None:
        return
    due = _due(kept)
    unknown = frozenset(each.step.key for each in due if each.undo.name not in _known)
    given = (await _read(run, kept, unknown, again)) if unknown else {}
    for place, each in enumerate(due):
        if each.left > NEAR:
            raise Snooze(each.left)
        function = given.get(each.step.key) or _known.get(each.undo.name)
        await _undo(run, place, each, function)


def _due(kept: Kept) -> list[_Due]:
    """What is still to be undone, in that order."""
    own = {each.key: each for each in kept.steps if each.kind == "undo"}
    found: list[_Due] = []
    for each in kept.steps:
        if each.undo is None or each.state != "done":
            continue
        before = own.get(_key(each.key))
        if before is None or before.state == "failed":  # it was given up, and is to be tried anew
            found.append(_Due(each, Undo(*json.loads(each.undo)), 0, 0.0))
        elif before.state == "waiting":
            found.append(_Due(each, Undo(*json.loads(each.undo)), before.tries, before.left or 0.0))
    return sorted(found, key=lambda one: -one.undo.number)


def earlier(step: StepRecord) -> str:
    """The line where a step stays that a later attempt of the job has done otherwise."""
    return f"earlier {Undo(*json.loads(step.undo or '[]')).number}"


def _key(step: StepKey) -> StepKey:
    return StepKey(f"undo {step.branch}".strip(), step.name, step.nth)


async def _read(
    run: "Run", kept: Kept, wanted: frozenset[StepKey], again: Callable[[], Coroutine[Any, Any, Any]]
) -> dict[StepKey, Callable[..., Any]]:
    """What a body gives its steps to be undone with, for those of which no function is known here."""
    reading = Reading(wanted)
    run.read(Journal(kept.steps, 0), reading)
    # Not by the loop's task factory: it is the body itself, and no line that this one starts.
    body = asyncio.Task(again(), loop=asyncio.get_running_loop(), context=copy_context())
    try:
        await asyncio.wait([body], timeout=REPLAY)
    finally:
        await run.close_lines(body)
        run.read(None, None)
    if body.done() and not body.cancelled():
        body.exception()  # whatever it raises was raised before
    return reading.undo


async def _undo(run: "Run", place: int, due: _Due, function: Callable[..., Any] | None) -> None:
    """Undo one step, until it is done. Raises Snooze, Fail, LeaseLost."""
    step, undo, tries = due.step, due.undo, due.tries
    name = f"undo {step.key.name}"[:255]
    row = StepRow(_key(step.key), place, "undo", "done", None, None, None)
    if function is None:
        error: BaseException = LookupError(
            "the function that undoes it is none of this program's modules, and the body did not come to the step"
        )
        await _record(run, row._replace(state="failed", error=error_entry(error), tries=tries))
        raise Fail(f"{name}: {error}")
    called = function_of(function, name)
    options = StepOptions(timeout=undo.limit)
    while True:
        tries += 1
        began = monotonic()
        try:
            args, kwargs = called.load_call(undo.args)
            await perform(run.body, run.body.root, name, options, called, args, kwargs, step.key.nth)
        except Exception as raised:
            error = raised
        else:
            await _record(run, row._replace(tries=tries, elapsed=monotonic() - began))
            return
        wait = None if tries >= TRIES.attempts else TRIES.wait(tries, error)
        if isinstance(error, RetryIn | Snooze) and wait is not None:
            wait = error.after
        run.office.line(run.body, "WARNING", f"try {tries} failed: {clean_text(repr(error), 500)}", name)
        state = "failed" if wait is None else "waiting"
        if wait is not None and wait <= SHORT:
            await asyncio.sleep(wait)
            continue
        await _record(
            run,
            row._replace(state=state, error=error_entry(error), tries=tries, delay=wait, elapsed=monotonic() - began),
        )
        if wait is not None:
            raise Snooze(wait)
        raise Fail(f"{name} failed {tries} times: {clean_text(repr(error), 500)}") from error


async def _record(run: "Run", row: StepRow) -> None:
    job = run.job
    held = await asyncio.shield(run.office.record(Entry(run.body.lease, job.version, job.attempt, row)))
    if held is not Held.DONE:
        raise LeaseLost(f"another worker holds job {job.id} now")
