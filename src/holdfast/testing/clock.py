"""A clock that only a test moves."""

import threading
from datetime import UTC, datetime

from holdfast.clock import from_micros, to_micros
from holdfast.model.duration import Duration, seconds
from holdfast.model.options import check_moment


class Clock:
    """The time that the database's statements see, for tests: it stands still until it is moved.

    Delays, retries, leases and retention follow it; what a process waits for locally (time limits of bodies,
    `result(timeout=…)`) does not. Safe to move from any thread.

    start: the first instant, an aware datetime; the present second if not given.

    >>> clock = Clock()
    >>> app = Holdfast("sqlite:///:memory:", clock=clock)
    >>> greet.using(delay="1h").enqueue("Ada")
    >>> clock.advance("1h")
    >>> drain(app).succeeded
    1
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._micros = to_micros(datetime.now(UTC).replace(microsecond=0) if start is None else _moment(start))

    def __repr__(self) -> str:
        return f"<Clock at {self.now().isoformat()}>"

    def fixed(self) -> int:
        """The instant in microseconds since 1970, as a store asks for it."""
        return self._micros

    def now(self) -> datetime:
        """The instant, in UTC."""
        return from_micros(self._micros)

    def advance(self, by: Duration) -> datetime:
        """Move on by a duration such as "1h", and answer the new instant. Raises InvalidOption."""
        micros = round(seconds(by, "by") * 1_000_000)
        with self._lock:
            self._micros += micros
        return self.now()

    def set(self, moment: datetime) -> datetime:
        """Move to an aware datetime, also an earlier one. Raises InvalidOption."""
        micros = to_micros(_moment(moment))
        with self._lock:
            self._micros = micros
        return self.now()


def _moment(moment: datetime) -> datetime:
    return check_moment(moment, "a clock's time")
