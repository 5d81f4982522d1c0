"""Does the leader's duties, each at its own pace, for as long as this process leads.

Leadership is a lease of five seconds with a term. Every duty is safe beside another leader's, so that a short
overlap, or a process that woke up late, harms nothing.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.clock import machine_micros, monotonic
from holdfast.errors import HoldfastError
from holdfast.events.bus import Bus
from holdfast.leader.duties import (
    bury,
    ends,
    gates,
    overdue,
    promote,
    prune,
    rescue,
    schedules,
    stats,
    upkeep,
    waits,
    watch,
)
from holdfast.leader.duties.bury import CARETAKER as ROLE
from holdfast.storage.base import Store
from holdfast.storage.ops import duties

MOURN_EVERY = 0.5
"""Seconds between two looks for workers of this machine that died, where the store can know."""

TERM = 5.0
"""Seconds for which leadership is held at most. With short leases it is shorter: a leader's successor must be there
before the jobs that died with it lapse."""

MARGIN = 0.4
"""The part of it that is left when it is renewed."""


BUSY = 0.05
"""Seconds until schedules are looked at again that another leader, or somebody's transaction, has locked."""


@dataclass(slots=True)
class Duty:
    """Something to be done every so often; `run` answers in how many seconds to do it again, None for its pace."""

    name: str
    every: float
    run: Callable[[], float | None]
    due_at: float = float("-inf")
    failing: bool = False


class Caretaker:
    """A thread that stands for election and works while it leads."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        boot: str,
        lease: float = 30.0,
        most_idle: float = 1.0,
        find: schedules.Find = schedules.nobody,
    ) -> None:
        self._store = store
        self._find = find
        self._bus = bus
        self._boot = boot
        self._lease = lease
        self._length = min(TERM, 0.4 * lease)
        self._stop = threading.Event()
        self._nudged = threading.Event()
        self._thread = threading.Thread(target=self._work, name="holdfast-leader", daemon=True)
        self._term: int | None = None
        self._leads_until = float("-inf")
        self._turned_at, self._turned_wall = monotonic(), machine_micros() / 1e6
        self._calm_until = float("-inf")
        self._strained = 0
        self._swept, self._sweep_at = ("", ""), float("-inf")
        self._anybodys = Duty("release what dead workers held", MOURN_EVERY, self._mourn)
        self._counting = stats.Counting()
        self._gates = Duty("look at gates", gates.IDLE, self._look_at_gates)
        self._waits = Duty("see to jobs that wait", waits.IDLE, self._see_to_waits)
        self._duties = [
            Duty("promote", most_idle, self._promote),
            self._gates,
            self._waits,
            Duty("tell ends", ends.IDLE, self._tell_ends),
            Duty("rescue", min(5.0, lease / 3), self._rescue),
            Duty("revive schedules", 30.0, self._revive),
            Duty("prune", 60.0, self._prune),
            Duty("upkeep", 3600.0, self._upkeep),
            Duty("watch", watch.EVERY, self._watch),
            Duty("count", 60.0, self._count),
        ]

    @property
    def leads(self) -> bool:
        return monotonic() < self._leads_until

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop soon; leadership is given up at once."""
        self._stop.set()
        self._nudged.set()

    def expect(self, delay: float) -> None:
        """A job of this process is due in `delay` seconds: a short retry need not wait for the next look."""
        at = monotonic() + delay
        promote_duty = self._duties[0]
        if at < promote_duty.due_at:
            promote_duty.due_at = at
            self._nudged.set()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _work(self) -> None:
        pause = 0.0
        while True:
            self._nudged.wait(pause)
            self._nudged.clear()
            self._notice_pause(pause)
            if self._stop.is_set():
                break
            try:
                pause = self.run_once()
            except Exception as error:  # a thread that ended here would leave its process without a leader for good
                self._bus.tell("database.away", what="the leader's duties cannot be done", cause=error)
                pause = random.uniform(0.5, 1.5)
        if self.leads:
            try:
                self._store.run(duties.abdicate(ROLE, self._boot))
            except HoldfastError as error:
                self._bus.tell("database.away", what="leadership could not be given up", cause=error)

    def run_once(self) -> float:
        """Stand for election if it is time, do what is due, and answer how many seconds to wait."""
        if self._anybodys.due_at <= monotonic():
            self._do(self._anybodys)
        now = monotonic()
        if now > self._leads_until - MARGIN * self._length:
            self._stand(now)
        if not self.leads:
            return min(self._length / 2 * random.uniform(0.9, 1.1), max(0.0, self._anybodys.due_at - monotonic()))
        for duty in self._duties:
            if duty.due_at <= monotonic() and not self._stop.is_set():
                self._do(duty)
        soonest = min(duty.due_at for duty in (self._anybodys, *self._duties))
        return max(0.0, min(soonest, self._leads_until - MARGIN * self._length) - monotonic())

    def _do(self, duty: Duty) -> None:
        """One that fails waits for its next turn and holds up none of the others; said once until it succeeds."""
        try:
            again = duty.run()
            duty.failing = False
        except Exception as error:
            again = None
            if not duty.failing:
                self._bus.tell("database.away", what=f"the duty to {duty.name} failed", cause=error)
            duty.failing = True
        duty.due_at = monotonic() + (duty.every if again is None else min(duty.every, again))

    def _notice_pause(self, planned: float) -> None:
        """A process that stood still could not renew its own leases, nor see others': rescue waits for a lease."""
        now, wall = monotonic(), machine_micros() / 1e6
        stood = max(now - self._turned_at, wall - self._turned_wall) - planned
        if stood > self._lease / 2:
            self._calm_until = now + max(self._lease, rescue.SETTLING)
        self._turned_at, self._turned_wall = now, wall

    def _stand(self, now: float) -> None:
        term = self._store.run(duties.lead(ROLE, self._boot, self._length))
        if term is None:
            self._leads_until = float("-inf")
            return
        self._leads_until = now + self._length
        if term != self._term:
            self._term = term
            self._bus.tell("leader.elected", term=term)

    def _mourn(self) -> float | None:
        """Leader or not: whoever sees first that a worker is dead releases what it held."""

        def release(boot: str) -> None:
            bury.run_once(self._store, self._bus, boot)

        if self._store.mourn(release) is None:
            self._anybodys.every = float("inf")
        return None

    def _promote(self) -> float | None:
        promoted = promote.run_once(self._store)
        if promoted.overdue:
            overdue.run_once(self._store, self._bus)
        if promoted.noted:
            self._waits.due_at = float("-inf")
        if promoted.gates and self._gates.due_at > monotonic() + gates.EVERY:
            self._gates.due_at = float("-inf")
        times = [promoted.next_in]
        if promoted.schedule_in is not None and promoted.schedule_in <= 0:
            fired = schedules.run_once(self._store, self._bus, self._find)
            times.append(0.0 if fired.looked else BUSY)
        else:
            times.append(promoted.schedule_in)
        return min((time for time in times if time is not None), default=None)

    def _look_at_gates(self) -> float | None:
        looked = gates.run_once(self._store)
        if looked.next_in is not None and monotonic() >= self._sweep_at:
            self._sweep_at = monotonic() + gates.SWEEP_EVERY
            self._swept = gates.sweep_once(self._store, self._swept)
        return looked.next_in

    def _revive(self) -> float | None:
        if schedules.revive(self._store, self._find):
            self._duties[0].due_at = monotonic()
        return None

    def _see_to_waits(self) -> float | None:
        return waits.run_once(self._store, self._bus).next_in

    def _tell_ends(self) -> float | None:
        return ends.run_once(self._store)

    def _rescue(self) -> float | None:
        self._notice_pause(0.0)
        if monotonic() < self._calm_until:
            return None
        rescue.run_settled(self._store, self._bus, self._lease)
        return None

    def _prune(self) -> float | None:
        removed = prune.run_once(self._store)
        if removed:
            self._bus.tell("history.pruned", count=removed)
        if unused := gates.prune_once(self._store):
            self._bus.tell("gate.pruned", count=unused)
        waits.prune_once(self._store)
        ends.prune_once(self._store)
        return 1.0 if removed >= prune.PAGE * prune.MOST_PAGES else None

    def _upkeep(self) -> float | None:
        upkeep.run_once(self._store)
        return None

    def _watch(self) -> float | None:
        self._strained = watch.run_once(self._store, self._bus, self._strained)
        return None

    def _count(self) -> float | None:
        return self._counting.run(self._store, self._bus.now())
