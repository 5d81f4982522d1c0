"""The lines of a running body: its root, and one for each asyncio task that it starts.

A recorded piece of a job is known by its line, so that gathered branches of equal steps can never take each other's
results, whatever finishes first. Lines are numbered in the order in which their tasks are made.
"""

import asyncio
from typing import Any


class Branch:
    """One line of a body; `path` is "" for the root, "0", "1" … for tasks it starts, "0.0" for a task of these.

    root: what stands for the whole body (for the worker: its `Holding`).
    within: the name of the step whose body runs here: its tasks are not counted, for a replay skips it.
    """

    path = ""
    within: str | None = None
    others: "list[Branch] | None" = None
    """Of a root: all other lines."""
    task: "asyncio.Task[Any] | None" = None

    _forks = 0

    @property
    def root(self) -> Any:
        return self

    @property
    def id(self) -> str:
        """The id of the job."""
        found: str = self.root.job.id
        return found

    @property
    def tenant(self) -> str:
        """Whose job it is."""
        found: str = self.root.job.tenant
        return found

    def fork(self) -> "Branch":
        """The line of a task that this one starts."""
        number, self._forks = self._forks, self._forks + 1
        line = Line(self.root, f"{self.path}.{number}" if self.path else str(number))
        root: Branch = self.root
        if root.others is None:
            root.others = []
        root.others.append(line)
        return line


class Line(Branch):
    """Any but the root."""

    def __init__(self, root: Any, path: str, within: str | None = None) -> None:
        self._root = root
        self.path = path
        self.within = within

    @property
    def root(self) -> Any:
        return self._root


class Inside(Line):
    """The body of a step, and every task that it starts. `nth`: the step's number among those of its name there."""

    nth = 0
    _sends = 0

    def next_send(self) -> int:
        """The number of a message that it sends."""
        self._sends += 1
        return self._sends

    def fork(self) -> Branch:
        return self
