"""What a job waits for before it starts: the ends of other jobs, or of batches."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable
from uuid import UUID

from holdfast.errors import InvalidOption
from holdfast.ids import check_id
from holdfast.model.text import shown

When: TypeAlias = Literal["succeeded", "failed", "finished"]
"""How what is waited for must end: in success, otherwise than in success, or in any way."""

WHENS = ("succeeded", "failed", "finished")
MOST = 1000
"""Jobs that one may wait for: more are a batch."""

WAITS = "dependency"
"""Reason of a blocked job that waits for others, and of one that was cancelled because they ended otherwise."""


class Need(NamedTuple):
    """A job or batch, and how it must end."""

    id: str
    when: When = "succeeded"


@runtime_checkable
class Identified(Protocol):
    """A job's handle or record, or a batch."""

    @property
    def id(self) -> str: ...


Waitable: TypeAlias = "Identified | str | UUID"
After: TypeAlias = "Waitable | Iterable[Waitable] | None"


def check_when(value: Any) -> When:
    """InvalidOption for what is no `when`."""
    if value not in WHENS:
        raise InvalidOption(f"when must be {', '.join(map(repr, WHENS))}, not {shown(value)}")
    found: When = value
    return found


def listed(given: Any) -> tuple[Any, ...]:
    """One or many, as many; None is none."""
    if given is None:
        return ()
    if isinstance(given, str | UUID | Identified) or not isinstance(given, Iterable):
        return (given,)
    return tuple(given)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def check_waitable(value: object, what: str = "after") -> str:
    """The id of a job or batch that was given by its handle, record or id; InvalidOption for anything else."""
    found = value.id if isinstance(value, Identified) else value
    if not isinstance(found, str | UUID):
        raise InvalidOption(f"{what} takes jobs, records, batches or ids of these, not {shown(value)}")
    return check_id(found)


def distinct(needs: Iterable[Need]) -> tuple[Need, ...]:
    """The last word about each, in the order of the first. InvalidOption for more than `MOST`."""
    found = tuple({need.id: need for need in needs}.values())
    if len(found) > MOST:
        raise InvalidOption(f"a job waits for {MOST} others at most, not {len(found)}: put them in a batch")
    return found
