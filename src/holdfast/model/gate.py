"""Gates: what a job must pass before it runs. A group is one, a limit is one, a throttle is one.

A job with gates is stored blocked and stands in the line of one of them. It is offered (ready) once it has a place in
all of them, and keeps these places until it ends or waits for a retry.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from holdfast.model.text import check_name, shown

GROUP = "group:"
LIMIT = "limit:"
THROTTLE = "throttle:"
WAITS = "gate"
"""Reason of a blocked job that stands in a gate's line."""

ENTERS = "gate_entry"
"""Reason of a blocked job that has come to its gates and stands in no line yet."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One gate that a job must pass.

    gate: its name, with the kind before it: `group:42`, `limit:api`, `limit:api/acme`, `throttle:scrape`.
    base: the limit that is split by an argument, or itself; None for a group.
    weight: how many places the job takes; size: how many there are, None for any number.
    spacing: seconds between two starts, None for any.
    block: a place in it is kept while the job waits for a retry; stop: a failure shuts it until a person opens it.
    """

    gate: str
    base: str | None = None
    weight: int = 1
    size: int | None = 1
    spacing: float | None = None
    block: bool = False
    stop: bool = False

    @property
    def group(self) -> bool:
        return self.gate.startswith(GROUP)


@dataclass(frozen=True, slots=True)
class Gate:
    """A group or a limit, and what is in it.

    name: as its jobs name it; part: of a limit that is split by an argument, for which value.
    size: how many places there are, None for any number; spacing: seconds between two starts, None for any.
    edited: set by hand, so that the code does not count for it.
    used: places taken by jobs that run, are about to, or keep theirs.
    waiting: jobs in its line, counted up to 10,000, in a list up to 100; more: whether there are more than that.
    stopped_by: the job whose failure keeps a group shut, None where it is open.
    """

    name: str
    part: str | None
    size: int | None
    spacing: float | None
    edited: bool
    used: int
    waiting: int
    more: bool
    stopped_by: str | None

    @property
    def stopped(self) -> bool:
        """Whether a failure keeps it shut."""
        return self.stopped_by is not None


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def dump_passes(passes: Iterable[Pass]) -> str | None:
    """As a job's row holds them: in the order of their names, groups first; None for no gates."""
    return _dumped(tuple(passes))


@lru_cache(maxsize=4096)
def _dumped(passes: tuple[Pass, ...]) -> str | None:
    rows = [
        [one.gate, one.base, one.weight, one.size, one.spacing, int(one.block), int(one.stop)]
        for one in sorted(passes, key=lambda one: one.gate)
    ]
    return _encode(rows) if rows else None


@lru_cache(maxsize=4096)
def load_passes(text: str | None) -> tuple[Pass, ...]:
    """What `dump_passes` wrote; none where a stranger wrote what nobody understands, for no row may stop the others."""
    try:
        return tuple(
            Pass(str(gate), base, int(weight), size, spacing, bool(block), bool(stop))
            for gate, base, weight, size, spacing, block, stop in json.loads(text or "[]")
        )
    except (ValueError, TypeError, RecursionError):
        return ()


@lru_cache(maxsize=4096)
def gate_names(text: str | None) -> tuple[str, ...]:
    """The gates that are named in it."""
    return tuple(one.gate for one in load_passes(text))


@lru_cache(maxsize=4096)
def is_spaced(text: str | None) -> bool:
    """Whether one of them has starts apart."""
    return any(one.spacing is not None for one in load_passes(text))


def group_gate(name: object) -> str:
    """The gate of a group; InvalidOption for what is no name."""
    return GROUP + check_name(name, "group")


def split(limit: str, value: object) -> str:
    """The gate of a limit's part for one value; InvalidOption where that is no name."""
    part = value if isinstance(value, str) else shown(value, 256)
    return f"{limit}/{check_name(part, 'by')}"
