"""How fast this worker goes, and so how many jobs are worth taking ahead: as many as it begins in a moment.

A claim and the write of endings wait for the disk, for milliseconds each, while short bodies take microseconds: with
twice the slots taken ahead (the first rule here) the loop stood idle for 64 % of a drain.
"""

from holdfast.clock import monotonic

AHEAD = 0.04
"""Seconds of work to take ahead."""

MOST = 1000
"""Jobs taken ahead at most."""

LOOK = 0.005
"""Seconds over which the pace is taken at least."""


class Pace:
    """Ended bodies per second, a moving average. `floor`: jobs that are taken ahead in any case."""

    def __init__(self, floor: int) -> None:
        self.ahead = self._floor = floor
        """Jobs worth taking ahead."""
        self._ended = 0
        self._since = monotonic()
        self._rate = 0.0

    def ended(self) -> None:
        self._ended += 1

    def look(self) -> None:
        """Take the pace anew, if it is time."""
        now = monotonic()
        passed = now - self._since
        if passed >= LOOK:
            self._rate += (self._ended / passed - self._rate) * min(1.0, passed / 0.05)
            self._ended, self._since = 0, now
            self.ahead = max(self._floor, min(MOST, int(self._rate * AHEAD)))
