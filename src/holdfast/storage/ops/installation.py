"""Which database this is: its tables were given an identity when they were made."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from holdfast.model.tenant import NONE
from holdfast.storage.op import Op, Steps, one


def installation() -> Op[str]:
    """The identity of the tables that this connection sees."""

    def steps(again: bool) -> Steps[str]:
        found = yield one("installation")
        return str(found[0][0])

    return Op("installation", steps, NONE, single=True)
