"""What a request comes to on which other jobs decide."""

import json
from dataclasses import dataclass
from typing import Literal, TypeAlias

How: TypeAlias = Literal["new", "replaced", "merged", "kept", "joined", "taken", "refused"]


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a request came to: a job's version, or a refusal.

    how: "new"; "replaced" or "merged": a live job's next version, or its arguments; "kept" or "joined": there was one
        that answers; "taken": the key belongs to that job; "refused": it came too soon, by `retry_after` seconds.
    loser: the id of a job that was cancelled because this one is the newer.
    """

    how: How
    id: str
    version: int = 1
    retry_after: float = 0.0
    loser: str | None = None


@dataclass(frozen=True, slots=True)
class Clash:
    """A live job has the key of a request that is to be merged with it: what it had to do when it was looked at.

    args: its arguments; `pending`: what waits on it while it runs, whose arguments come before its own; `gates`: what
        it has places in.
    """

    id: str
    version: int
    state: str
    args: str
    pending: str | None = None
    gates: str | None = None

    @property
    def live_args(self) -> str:
        """The arguments to merge with."""
        if self.pending is None:
            return self.args
        args: str = json.loads(self.pending)["args"]
        return args

    @property
    def next(self) -> int:
        """The version that comes after what runs and what waits already."""
        version: int = self.version if self.pending is None else json.loads(self.pending)["version"]
        return version + 1


Answer: TypeAlias = Admitted | Clash
