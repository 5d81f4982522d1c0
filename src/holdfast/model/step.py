"""What identifies a recorded piece of a job, and what a suspended one waits for."""

from typing import Any, NamedTuple


class StepKey(NamedTuple):
    """Which piece of a job: its line, its name, and its number among those of this name there (from 0)."""

    branch: str
    name: str
    nth: int


class Waits(NamedTuple):
    """What a suspended job waits for, as rows of the database: `pieces` and `journals` that are not recorded yet, the
    keys of pieces that may be answered by others (`asked`), and the `jobs` whose end wakes it; `others`: those of them
    that were not stored as children, and must be told that somebody waits."""

    pieces: tuple[tuple[Any, ...], ...] = ()
    journals: tuple[tuple[Any, ...], ...] = ()
    asked: tuple[tuple[Any, ...], ...] = ()
    jobs: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
