"""Does a step: calls its function until it succeeds or is given up, and records what came of it."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast.clock import monotonic
from holdfast.durable import committing, undoing
from holdfast.durable.faults import error_entry, failed
from holdfast.durable.journal import Asked
from holdfast.durable.performing import perform
from holdfast.durable.steps import StepFunction, StepOptions
from holdfast.errors import ConfigError, InvalidResult, MisuseError, StepTimeout
from holdfast.model.branch import Branch
from holdfast.model.signals import RetryIn, Signal
from holdfast.model.text import clean_text
from holdfast.storage.op import Op
from holdfast.storage.ops.jobs import Held
from holdfast.storage.ops.steps import StepRow, record_once

if TYPE_CHECKING:
    from holdfast.durable.run import Run

SHORT = 1.0
"""Seconds of a wait between two tries of a step for which a job keeps its slot."""

HOPELESS = (InvalidResult, MisuseError, ConfigError)
"""What no further try can mend."""

LARGEST = 1024 * 1024
"""Bytes of a step's result that are kept."""


async def do(
    run: "Run", line: Branch, asked: Asked, name: str, options: StepOptions, function: StepFunction,
    args: tuple[Any, ...], kwargs: Mapping[str, Any],
) -> Any:  # fmt: skip
    """The result of a step that is not recorded yet, or waits for another try. Raises StepFailed."""
    known = asked.known
    if options.undo is not None:
        undoing.check_arguments(options, name, args, kwargs)
    if options.transaction is not None:
        _check_transaction(run, name, options)
    tries = 0
    run.keep_undo(asked)
    if known is not None:
        tries = known.tries
        await run.until(line, asked, None, known.left)
    error: BaseException
    while True:
        tries += 1
        began = monotonic()
        try:
            if options.transaction is not None:
                return await _committed(run, line, asked, name, options, function, args, kwargs, tries)
            value = await run.busy(perform(run.body, line, name, options, function, args, kwargs, asked.key.nth))
            row = _done(run, asked, name, options, function, value, args, kwargs, tries, began)
        except Signal as signal:
            if not isinstance(signal, RetryIn):
                raise
            error, wait = signal, options.wait(tries, signal)
            wait = signal.after if wait is not None else None
        except Exception as raised:
            error, wait = raised, None if isinstance(raised, HOPELESS) else options.wait(tries, raised)
        else:
            await run.put(asked, row)
            return function.load(row.result or "null")
        entry = error_entry(error)
        if wait is None:
            await run.put(asked, StepRow(asked.key, asked.place, "step", "failed", asked.mark, None, entry, tries,
                                          monotonic() - began))  # fmt: skip
            raise failed(name, entry) from error
        run.office.line(run.body, "WARNING", f"try {tries} failed: {clean_text(repr(error), 500)}", name)
        if wait <= SHORT:
            await run.busy(asyncio.sleep(wait))
        else:
            row = StepRow(asked.key, asked.place, "step", "waiting", asked.mark, None, entry, tries,
                          monotonic() - began, wait)  # fmt: skip
            await run.until(line, asked, row, wait)


def _done(
    run: "Run", asked: Asked, name: str, options: StepOptions, function: StepFunction, value: Any,
    args: tuple[Any, ...], kwargs: Mapping[str, Any], tries: int, began: float,
) -> StepRow:  # fmt: skip
    """What is recorded of a step that succeeded. Raises InvalidResult."""
    text = function.dump(value)
    if len(text) > LARGEST:
        raise InvalidResult(
            f"the result of step {name} has {len(text):,} characters, and {LARGEST:,} are the most: "
            "store it elsewhere, and return where"
        )
    undo = None if options.undo is None else undoing.planned(run.owe(), options, value, args, kwargs)
    return StepRow(
        asked.key, asked.place, "step", "done", asked.mark, text, None, tries, monotonic() - began, undo=undo
    )


def _check_transaction(run: "Run", name: str, options: StepOptions) -> None:
    if run.body.effects is not None:
        raise MisuseError(f"step {name} has a transaction, and so has its task, whose end would be another commit")
    committing.check_free(options.transaction, name)


async def _committed(
    run: "Run", line: Branch, asked: Asked, name: str, options: StepOptions, function: StepFunction,
    args: tuple[Any, ...], kwargs: Mapping[str, Any], tries: int,
) -> Any:  # fmt: skip
    """The result of a step whose writes and record are one commit."""
    await run.begin_journal()
    began = monotonic()

    def write(value: Any) -> Op[Held]:
        return record_once(run.entry(_done(run, asked, name, options, function, value, args, kwargs, tries, began)))

    one = committing.Try(write)
    called = committing.within(run, name, options.transaction, function, one)
    try:
        value = await run.busy(perform(run.body, line, name, options, called, args, kwargs, asked.key.nth, one))
    except Exception as error:
        one.over = True
        if not one.doubt and not isinstance(error, committing.Recorded | StepTimeout):
            raise
        found = await run.recorded(asked)  # whether its commit has happened is for the database to say
        if found is None or found.state != "done":
            raise
        return function.load(found.result or "null")
    except BaseException:
        one.over = True
        raise
    return function.load(function.dump(value))
