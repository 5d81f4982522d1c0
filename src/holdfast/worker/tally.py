"""What a worker has done, counted as verdicts are made."""

from dataclasses import asdict, dataclass, field

from holdfast.model.job import JobState
from holdfast.model.lifecycle import Finish, Requeue


@dataclass(frozen=True, slots=True)
class Report:
    """What one `work_once` did: jobs claimed, how their attempts ended, and how many it gave back unfinished."""

    claimed: int = 0
    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    cancelled: int = 0
    left: int = 0

    def __add__(self, other: "Report") -> "Report":
        mine, theirs = asdict(self), asdict(other)
        return Report(**{name: mine[name] + theirs[name] for name in mine})

    def __str__(self) -> str:
        return ", ".join(f"{value} {name}" for name, value in asdict(self).items() if value) or "nothing done"


@dataclass(slots=True)
class Tally:
    """Counts that a worker keeps for its report."""

    claimed: int = 0
    counts: dict[str, int] = field(default_factory=dict[str, int])

    def count(self, verdict: Finish | Requeue) -> None:
        name = _name(verdict)
        self.counts[name] = self.counts.get(name, 0) + 1

    def report(self) -> Report:
        got = self.counts.get
        return Report(
            claimed=self.claimed,
            succeeded=got("succeeded", 0),
            failed=got("failed", 0),
            retried=got("retried", 0),
            cancelled=got("cancelled", 0),
            left=got("left", 0),
        )


def _name(verdict: Finish | Requeue) -> str:
    if isinstance(verdict, Requeue):
        return "left" if verdict.uncounted else "retried"
    return "failed" if verdict.state is JobState.STALLED else verdict.state._value_
