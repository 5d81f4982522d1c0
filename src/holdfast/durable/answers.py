"""Waits that somebody else answers: a piece is recorded as waiting for a topic, and whoever has the answer writes it.

The other side is `storage/ops/waking.py`: `waits_for` finds the pieces of a topic, `answer` writes and wakes.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from holdfast.clock import monotonic
from holdfast.durable.children import answered, outcome_entry
from holdfast.durable.waits import Wait
from holdfast.errors import LeaseLost, WaitTimeout
from holdfast.model.branch import Branch
from holdfast.storage.op import Op
from holdfast.storage.ops.jobs import Held
from holdfast.storage.ops.steps import Entry, StepRow
from holdfast.storage.ops.waking import Answered, Piece, answer

if TYPE_CHECKING:
    from holdfast.durable.run import Run


async def wait_answered(
    run: "Run",
    line: Branch,
    name: str,
    topic: str,
    mark: str | None,
    timeout: float | None,
    register: Callable[[Entry], Op[Held]] | None = None,
) -> str:
    """The answer of a piece of this name, as JSON text, once it has been written; recorded as any other.

    mark: what tells it from others of its topic; a body that asks with another mark has changed.
    register: an op that records the piece as waiting and does, in the same transaction, whatever may answer it at once.

    Raises WaitTimeout, and what its answer says that it is.
    """
    asked = await run.ask(line, name, "wait", mark)
    known, left = asked.known, timeout
    if known is not None and known.state != "waiting":
        return _text(known.state, known.result, known.error)
    if known is None:
        row = StepRow(asked.key, asked.place, "wait", "waiting", mark, delay=timeout, topic=topic)
        if register is None:
            await run.put(asked, row)
        elif await run.write(register, row) is not Held.DONE:
            raise LeaseLost(f"another worker holds job {run.job.id} now")
    else:
        left = known.left
    wait = Wait(asked, line, None, None if left is None else monotonic() + left, answered=True)
    await run.look_at(wait)
    while True:
        if wait.known is not None and wait.known.state != "waiting":
            return _text(wait.known.state, wait.known.result, wait.known.error)
        if wait.left is None or wait.left > 0:
            await run.wait(wait)
            continue
        late = outcome_entry(WaitTimeout(f"{name} was waited for in vain: the time for it is over"))
        piece = Piece(run.job.tenant, run.job.id, run.job.version, asked.key, mark)
        await run.busy(run.office.store.arun(answer([Answered(piece, "failed", None, late)])))
        await run.look_at(wait)  # an answer may have been quicker


def _text(state: str, result: str | None, error: str | None) -> str:
    found: str = answered(state, result, error, lambda text: text)
    return found
