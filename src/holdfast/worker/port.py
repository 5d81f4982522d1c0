"""What a body's `Context` reaches through: its worker."""

from holdfast.errors import JobStopped, LeaseLost
from holdfast.worker.holding import Holding
from holdfast.worker.teller import Teller


class BodyPort:
    """One attempt's line to its worker; usable from any thread."""

    __slots__ = ("_held", "_teller")

    def __init__(self, held: Holding, teller: Teller) -> None:
        self._held = held
        self._teller = teller

    @property
    def stopped(self) -> bool:
        stopped = self._held.stop is not None
        self._held.noticed |= stopped
        return stopped

    @property
    def evicted(self) -> bool:
        return self._held.evicted

    def check(self) -> None:
        if self._held.stop == "lost":
            raise LeaseLost(f"another worker holds job {self._held.job.id} now")
        if self._held.stop is not None:
            raise JobStopped(f"job {self._held.job.id} is to stop: {self._held.stop_reason or self._held.stop}")

    def progress(self, state: dict[str, object]) -> None:
        self._teller.progress(self._held, state)

    def line(self, level: str, message: str) -> None:
        self._teller.line(self._held, level, message)

    def extend(self, seconds: float) -> None:
        self._held.extension += seconds
