"""Keeps a number of worker processes at work: `holdfast worker --processes N`, `app.run_worker(processes=N)`.

Each process is this program started once more (never forked: a fork would copy threads' locks and connections), which
finds its post and works there. The supervisor runs no jobs. It starts another process for one that ended, replaces
those that say they are spent, hands signals on, and has the leases of a dead one released at once.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from holdfast.errors import ConfigError
from holdfast.events.bus import Bus
from holdfast.worker.hand import UNREACHABLE, Hand

YOUNG = 10.0
"""Seconds: who dies younger is followed by another one only after a pause, longer each time."""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0

HOPELESS = 4
"""Starts at one place in a row that failed after which the supervisor ends, if no other place works."""

LEEWAY = 30.0
"""Seconds beyond the grace time after which a process that was told to stop is killed."""

HURRIED = 10.0
"""Seconds after which one that was told to stop at once is killed."""

BEGIN_LIMIT = 120.0
"""Seconds in which a successor must import its program and reach the database."""

AGAIN = 30.0
"""Seconds after which a process that is spent is replaced, if its successor could not work."""

LAST_LOOKS = (0.0, 1.0, 4.0)
"""Seconds after a process's end at which its leases are released: what it sent last, the database may do after it."""

Release = Callable[[str, bool, str], object]
"""Release all that a worker (its boot id) holds; whether as a crash; why."""


@dataclass(eq=False, slots=True)
class Place:
    """A process's number, who is there, and how often in a row one died young, or never got to work, there."""

    number: int
    hand: Hand | None = None
    successor: Hand | None = None
    young: int = 0
    failed: int = 0

    def pause(self) -> float:
        return 0.0 if self.young == 0 else min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.young - 1, 10))


@dataclass(frozen=True, slots=True)
class Renewal:
    """A process to be replaced. One that insists is put off where that fails, not given up."""

    place: Place
    hand: Hand
    why: str
    insists: bool = False


class Supervisor:
    """Runs until it is told to stop, or until its processes cannot work."""

    def __init__(self, processes: int, grace: float, release: Release, bus: Bus) -> None:
        if sys.platform == "win32":
            raise ConfigError("several processes need a POSIX system; start several workers instead")
        self._grace = grace
        self._release = release
        self._bus = bus
        self._places = [Place(number) for number in range(1, processes + 1)]
        self._hands: set[Hand] = set()
        self._told = 0
        self._status = 0
        self._over = asyncio.Event()
        self._renewals: asyncio.Queue[Renewal] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._burials: list[threading.Thread] = []
        self._leaving = threading.Event()
        self._terminal = _has_terminal()

    def run(self) -> int:
        """Work until told to stop; answers the exit status: 1 where processes cannot work or had to be killed."""
        return asyncio.run(self._run())

    async def _run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup sets it
            loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        for place in self._places:
            self._do(self._fill(place))
        self._do(self._renew())
        await self._over.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._await_burials)
        self._bus.tell("supervisor.stopped", what="in order" if self._status == 0 else "not in order")
        return self._status

    # Starting

    async def _fill(self, place: Place, pause: float = 0.0) -> None:
        """Have a process at this place."""
        await asyncio.sleep(pause)
        while not self._told:
            try:
                place.hand = await self._start(place)
                return
            except OSError as error:  # no memory, no descriptors, too many processes
                place.young += 1
                self._bus.tell("process.absent", number=place.number, cause=error, seconds=place.pause())
                await asyncio.sleep(place.pause())

    async def _start(self, place: Place) -> Hand:
        hand = await Hand.start(place.number)
        hand.spent = lambda why: self._renewals.put_nowait(Renewal(place, hand, why, insists=True))
        self._hands.add(hand)
        self._bus.tell("process.started", number=place.number, pid=hand.pid)
        self._do(self._follow(place, hand))
        if self._told:
            hand.stop()
        return hand

    async def _follow(self, place: Place, hand: Hand) -> None:
        if await hand.began():
            place.failed = 0
        await hand.ended()
        self._hands.discard(hand)
        if not hand.left_in_order:
            self._bury(hand)
        if self._told:
            self._status = self._status or int(not hand.left_in_order)
            self._end_if_empty()
        elif hand is place.hand and not hand.told and place.successor is None:
            self._follow_up(place, hand)
        elif not hand.left_in_order and hand is not place.successor:
            self._tell_end(hand, "another is at its place already")

    def _follow_up(self, place: Place, hand: Hand) -> None:
        """Nobody is at this place any more."""
        place.young = place.young + 1 if hand.age < YOUNG else 0
        if not hand.ready and hand.status != UNREACHABLE:  # a database comes back, wrong code does not
            place.failed += 1
        if place.failed >= HOPELESS and not any(each.works for each in self._hands):
            self._give_up(place, hand)
            return
        pause = place.pause() if place.young > 1 or not hand.ready else 0.0
        self._tell_end(hand, f"another starts in {pause:g} s" if pause else "another starts now")
        self._do(self._fill(place, pause))

    def _tell_end(self, hand: Hand, what: str) -> None:
        name = "process.left" if hand.left_in_order else "process.ended"
        self._bus.tell(name, number=hand.number, pid=hand.pid, how=hand.epitaph(), what=what)

    def _give_up(self, place: Place, hand: Hand) -> None:
        self._bus.tell("supervisor.hopeless", number=place.number, count=place.failed, how=hand.epitaph())
        self._status = self._told = 1
        for each in self._hands:
            each.stop()
        self._deadline(self._grace + LEEWAY)
        self._end_if_empty()

    # Replacing

    async def _renew(self) -> None:
        """Replace processes one at a time, so that there is never more than one too many."""
        while True:
            asked = await self._renewals.get()
            if self._told or asked.place.hand is not asked.hand or not asked.hand.works:
                continue
            if not await self._replace(asked.place, asked.hand, asked.why):
                self._put_off(asked)

    def _put_off(self, failed: "Renewal") -> None:
        """What should take a place cannot work: those there stay, and who is spent is replaced later."""
        waiting = [failed]
        while not self._renewals.empty():
            waiting.append(self._renewals.get_nowait())
        for each in waiting:
            if each.insists:
                asyncio.get_running_loop().call_later(AGAIN, self._renewals.put_nowait, each)

    async def _replace(self, place: Place, old: Hand, why: str) -> bool:
        """Have another process take the place, and the old one go once the new one works. False if it cannot."""
        try:
            new = place.successor = await self._start(place)
        except OSError as error:
            self._bus.tell("process.absent", number=place.number, cause=error, seconds=AGAIN)
            return False
        works = await self._began(new)
        place.successor = None
        if not works:
            if not self._told:
                what = f"process {old.pid} stays" if old.alive else "its place is empty"
                self._bus.tell("process.unfit", number=place.number, pid=new.pid, how=new.epitaph(), what=what)
                if not old.alive:
                    self._follow_up(place, new)
            return False
        place.hand, place.young = new, 0
        self._bus.tell("process.replaced", number=place.number, pid=old.pid, by=new.pid, why=why)
        old.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace + LEEWAY):
                await old.ended()
        self._kill(old)
        return True

    async def _began(self, new: Hand) -> bool:
        """Whether it gets to work. One whose import hangs must not keep the others from being replaced."""
        try:
            async with asyncio.timeout(BEGIN_LIMIT):
                return await new.began() and new.alive
        except TimeoutError:
            new.kill()
            await new.ended()
            return False

    # Stopping

    def _hang_up(self) -> None:
        """SIGHUP: replace all processes one after another, unless it means that the terminal was closed."""
        if self._terminal and not _has_terminal():
            self._stop()
        if self._told:
            return
        self._bus.tell("supervisor.renewing", count=len(self._places))
        for place in self._places:
            if place.hand is not None:
                self._renewals.put_nowait(Renewal(place, place.hand, "as SIGHUP asked for"))

    def _stop(self) -> None:
        """The first signal lets running jobs end, the second one gives them back, the third one kills."""
        self._told += 1
        if self._told == 1:
            self._bus.tell("supervisor.stopping", count=len(self._hands), seconds=self._grace)
            for hand in self._hands:
                hand.stop()
            self._deadline(self._grace + LEEWAY)
        elif self._told == 2:
            for hand in self._hands:
                hand.hurry()
            self._deadline(HURRIED)
        else:
            self._kill_all()
        self._end_if_empty()

    def _deadline(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._kill_all)

    def _kill_all(self) -> None:
        for hand in self._hands:
            self._kill(hand)

    def _kill(self, hand: Hand) -> None:
        if hand.alive and not hand.killed:
            hand.kill()
            self._bus.tell("process.killed", number=hand.number, pid=hand.pid)

    def _end_if_empty(self) -> None:
        if not self._hands:
            self._over.set()

    # Burying

    def _bury(self, hand: Hand) -> None:
        """Release what it held, on a thread: the database may be away, and signals must be heard meanwhile."""
        counted = not (hand.told and (hand.killed or (hand.status or 0) > 0))
        thread = threading.Thread(target=self._release_all, args=(hand.boot, counted, hand.epitaph()), daemon=True)
        self._burials.append(thread)
        self._burials = [each for each in self._burials if each is thread or each.is_alive()]
        thread.start()

    def _release_all(self, boot: str, counted: bool, epitaph: str) -> None:
        waited = 0.0
        for look in LAST_LOOKS:
            last = self._leaving.wait(look - waited)
            waited = look
            try:
                self._release(boot, counted, f"its process {epitaph}")
            except Exception as error:
                self._bus.tell("database.away", what=f"the leases of worker {boot} could not be released", cause=error)
            if last:
                return

    def _await_burials(self) -> None:
        self._leaving.set()
        for thread in self._burials:
            thread.join(5.0)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """A fault of our own ends the supervisor: its processes hear that it is gone, and stop in order."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._bus.tell("worker.fault", part="the supervisor", cause=error)
            self._status = 1
            self._over.set()


def _has_terminal() -> bool:
    """Whether this process has a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True
