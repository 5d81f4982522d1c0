"""What became of a claim that was in doubt."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from holdfast.model.job import ClaimedJob
from holdfast.storage.op import Op, Steps
from holdfast.storage.ops.jobs import Wanted, claim_again, in_order


def claimed_under(wanted: Wanted) -> Op[list[ClaimedJob]]:
    """What this claim took and still has, under a full lease from now; it takes nothing more. Repeating it is
    harmless."""

    def steps(again: bool) -> Steps[list[ClaimedJob]]:
        return in_order((yield claim_again(wanted)))

    return Op("claimed_under", steps, single=True)
