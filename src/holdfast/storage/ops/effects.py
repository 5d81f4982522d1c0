"""The end of a job within its body's own transaction."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from holdfast.model.job import JobState
from holdfast.model.policy import is_awaited
from holdfast.storage.op import Op, Statement, Steps
from holdfast.storage.ops import gated, suspended, waits
from holdfast.storage.ops.ending import Ending, Held, Lease, finish_row
from holdfast.storage.ops.fenced import HANDED, HANDED_ON, WATCHED, let_go, unwatched


def complete(ending: Ending) -> Op[Held]:
    """Write this end, under its token, where the row is there to be written: anything else is no end of this attempt.

    Stricter than `end`, which takes its own earlier write for its success: beside this write there are effects, and
    who wrote before did so without them. Never repeated: its transaction is the body's.
    """
    lease = ending.lease

    def steps(again: bool) -> Steps[Held]:
        yield from gated.before([ending])
        if (yield Statement("finish", [finish_row(ending)])):
            yield from suspended.after([ending])
            yield from gated.after([ending])
            return Held.DONE
        found = yield Statement("held", [(lease.tenant, lease.id, lease.token)])
        if found and found[0][1] in (HANDED, HANDED_ON):
            if (yield Statement("hand_over", [finish_row(ending)])):
                if found[0][1] == HANDED_ON:
                    yield from waits.begun([(lease.tenant, lease.id)])
                yield from gated.after([ending], enters=True)
                return Held.DONE
            return Held.LOCKED
        if found and found[0][1] == WATCHED and (yield from unwatched([ending])):
            yield from let_go([ending], [])
            awaited = ending.lease.awaited or is_awaited(found[0][4])
            yield from suspended.after([ending._replace(lease=ending.lease._replace(awaited=awaited))])
            yield from gated.after([ending])
            return Held.DONE
        return Held.LOCKED if found and found[0][1] in (1, WATCHED) else Held.LOST

    return Op("complete", steps)


def succeeded_under(lease: Lease) -> Op[bool]:
    """Whether the attempt of this claim has ended in success."""

    def steps(again: bool) -> Steps[bool]:
        found = yield Statement("held", [(lease.tenant, lease.id, lease.token)])
        return bool(found) and found[0][1] == 2 and found[0][2] == JobState.SUCCEEDED

    return Op("succeeded_under", steps, single=True)
