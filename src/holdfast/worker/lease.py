"""Leases are renewed by a thread with a connection of its own, so that no Python code of a body can starve them.

A job is renewed when a third of its lease has passed. It is not renewed once its time limit and a grace are over,
nor when the event loop has not turned for two minutes: then nobody would ever end it here. Code that keeps the GIL
for a whole lease does starve this thread; it is fenced like any late worker, and belongs in a process body.
"""

import sys
import threading
import traceback
from collections.abc import Callable, Sequence

from holdfast.clock import monotonic
from holdfast.events.bus import Bus
from holdfast.storage.base import Store
from holdfast.storage.ops import workers
from holdfast.storage.ops.jobs import Held
from holdfast.storage.ops.leases import renew
from holdfast.storage.ops.telling import stops
from holdfast.worker.holding import Holding, Holdings, Stop

GRACE = 30.0
"""Seconds beyond a time limit during which the lease is still renewed, so that the time-out itself can be written."""

LOOK = 0.5
"""Seconds between two looks for running jobs that are to stop."""

RUNG_PAUSE = 0.05

LOOP_DEAD = 120.0
"""Seconds without a turn of the event loop after which nothing is renewed any more."""

LOOP_SLOW = 1.0
"""Seconds without a turn after which the stack of the loop's thread is logged."""


class Renewer:
    """Renews what is held, and says that the worker lives."""

    def __init__(
        self,
        store: Store,
        holdings: Holdings,
        bus: Bus,
        lease: float,
        sign: Callable[[], workers.Sign],
        stop: Callable[[Holding, Stop, str | None], None],
    ) -> None:
        self._store = store
        self._holdings = holdings
        self._bus = bus
        self._lease = lease
        self._sign = sign
        self._tell_stop = stop
        self._stop = threading.Event()
        self._rung = threading.Event()
        self._looked_at = float("-inf")
        self._succeeded_at = monotonic()
        self._signed_at = float("-inf")
        self._turned_at = monotonic()
        self._loop_thread = threading.get_ident()
        self._warned = False
        self._thread = threading.Thread(target=self._run, name="holdfast-lease", daemon=True)

    def start(self) -> None:
        self._loop_thread = threading.get_ident()
        self.loop_turned()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._rung.set()

    def look_soon(self) -> None:
        """Somebody rang: perhaps to have a running job stopped."""
        self._rung.set()

    def sign_soon(self) -> None:
        """What the worker says of itself has changed."""
        self._signed_at = float("-inf")
        self._rung.set()

    def join(self, timeout: float) -> None:
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def loop_turned(self) -> None:
        """The worker's loop says so at least once a second."""
        self._turned_at = monotonic()
        self._warned = False

    @property
    def healthy(self) -> bool:
        """False when no renewal has succeeded for a lease: a worker that cannot renew takes nothing more."""
        return monotonic() - self._succeeded_at < self._lease

    def _run(self) -> None:
        while not self._stop.is_set():
            until_look = self._looked_at + LOOK - monotonic()
            if self._rung.wait(min(self._lease / 10, until_look if until_look > 0 else LOOK)):
                self._stop.wait(RUNG_PAUSE)  # bells ring a hundred times a second; one look answers many
                self._rung.clear()
            if self._stop.is_set():
                return
            try:
                self.run_once()
            except Exception as error:  # a thread that ended here would let every lease run out
                self._bus.tell("database.away", what="leases cannot be renewed", cause=error)

    def run_once(self) -> None:
        """Renew what is due and say that the worker lives, when that is due."""
        self._watch_loop()
        due = self._due()
        if due:
            self._renew(due)
        self._look_for_stops()
        if monotonic() - self._signed_at >= self._lease / 3:
            self._store.run(workers.seen(self._sign()), "lease")
            self._signed_at = monotonic()
        self._succeeded_at = monotonic()

    def _look_for_stops(self) -> None:
        """Ask which jobs are to stop; jobs that take less than the pace of these looks pay nothing for it."""
        now = monotonic()
        if now - self._looked_at < LOOK:
            return
        running = [held for held in self._holdings if held.stop is None and (held.elapsed() or 0.0) > LOOK / 2]
        if not running:
            return
        self._looked_at = now
        asked = self._store.run(stops([held.lease for held in running]), "lease")
        for one in asked:
            held = self._holdings.find(one.lease)
            if held is not None:
                self._tell_stop(held, "cancel" if one.reason else "lost", one.reason)

    def _due(self) -> list[Holding]:
        now = monotonic()
        if now - self._turned_at > LOOP_DEAD:
            return []
        third = self._lease / 3
        return [held for held in self._holdings if now - held.leased_at >= third and now < held.overdue_at() + GRACE]

    def _renew(self, due: Sequence[Holding]) -> None:
        asked_at = monotonic()
        answers = self._store.run(renew([(held.lease, held.elapsed()) for held in due], self._lease), "lease")
        for held, answer in zip(due, answers, strict=True):
            if answer is Held.DONE:
                held.leased_at = asked_at
            elif answer is Held.LOST:
                self._tell_stop(held, "lost", None)

    def _watch_loop(self) -> None:
        stood = monotonic() - self._turned_at
        if stood > LOOP_SLOW + 1.0 and not self._warned:
            self._warned = True
            # The documented way to another thread's stack, its leading underscore notwithstanding.
            frame = sys._current_frames().get(self._loop_thread)  # pyright: ignore[reportPrivateUsage]
            stack = "".join(traceback.format_stack(frame)) if frame is not None else "(no frame)"
            self._bus.tell("worker.blocked", seconds=stood, stack=stack)
