"""What the end of an attempt does besides where its job waits in the middle of its body."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.model.lifecycle import Requeue, Waits
from holdfast.storage.op import Statement, Steps
from holdfast.storage.ops.waking import waking

if TYPE_CHECKING:
    from holdfast.storage.ops.jobs import Ending


def after(written: Sequence[Ending]) -> Steps[None]:
    """After jobs were suspended: record what they wait for, and wake those for which it has come already.

    Their rows are locked by that write, so that nothing which comes meanwhile is missed: who brings it finds the job
    suspended, or is found here.
    """
    waits = [waits for ending in written if (waits := _waits(ending)) is not None]
    pieces = [row for each in waits for row in each.pieces]
    if pieces:
        yield Statement("step", pieces)
    journals = [row for each in waits for row in each.journals]
    if journals:
        yield Statement("journal", journals)
    asked = [row for each in waits for row in each.asked]
    if asked:
        over = {asked[int(row[0]) - 1][:2] for row in (yield Statement("steps_over", asked))}
        yield from waking(over)


def _waits(ending: Ending) -> Waits | None:
    return ending.verdict.waits if isinstance(ending.verdict, Requeue) else None
