"""Time limits of running bodies, kept by one timer for all of them."""

import asyncio
from collections.abc import Callable, Iterable

from holdfast.clock import monotonic
from holdfast.worker.holding import NEVER, Holding, Stop


class TimeLimits:
    """Calls `stop` for each body that is over its limit or its job's deadline, from the loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        running: Callable[[], Iterable[Holding]],
        stop: Callable[[Holding, Stop], None],
    ) -> None:
        self._loop = loop
        self._running = running
        self._stop = stop
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = NEVER

    def watch(self, held: Holding) -> None:
        """A body began."""
        overdue_at = held.overdue_at()
        if overdue_at < self._alarm_at:
            self._set_alarm(overdue_at)

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()

    def _set_alarm(self, at: float) -> None:
        self.close()
        self._alarm_at = at
        self._alarm = self._loop.call_later(max(0.0, at - monotonic()), self._ring)

    def _ring(self) -> None:
        """Stop what is over its limit, and set the alarm for the next."""
        now = monotonic()
        self._alarm_at, self._alarm = NEVER, None
        for held in list(self._running()):
            if held.stop is None and held.overdue_at() <= now:
                self._stop(held, "deadline" if held.deadline_at <= now else "timeout")
        following = min((held.overdue_at() for held in self._running() if held.stop is None), default=NEVER)
        if following < NEVER:
            self._set_alarm(following)
