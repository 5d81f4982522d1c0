"""What identifies a recorded piece of a job."""

from typing import NamedTuple


class StepKey(NamedTuple):
    """Which piece of a job: its line, its name, and its number among those of this name there (from 0)."""

    branch: str
    name: str
    nth: int
