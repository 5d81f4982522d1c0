"""What a body waits for, and when its job is suspended for it.

A job is suspended when something durable is waited for, no step runs, and every line of the body waits for such a thing
or for its own tasks. A line that awaits anything else gets a second; it is then cut off, as by a crash.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from holdfast.clock import monotonic
from holdfast.durable.journal import Asked
from holdfast.model.branch import Branch
from holdfast.storage.ops.steps import StepRecord, StepRow

FOREVER = 100 * 365.25 * 86400.0
"""Seconds until a job is looked at again that waits for something which may never come."""

FOREIGN = 1.0
"""Seconds that a line gets which awaits something that is not recorded, while the others wait."""

OFTEN, SELDOM = 0.125, 30.0
"""Seconds between two looks at a job whose end is waited for: twice as many each time, from the first to the second."""

LOOK = 0.5
"""Seconds between two looks at what a running body waits for beside its steps."""


@dataclass(eq=False, slots=True)
class Wait:
    """A line waits. `row`: what is to be recorded of it, None once it is; `ends_at`: when its time is over (monotonic);
    `job`: the id of the job whose end it waits for, `foreign`: which is no child; `answered`: whether somebody else may
    write its end; `known`: what is recorded by now."""

    asked: Asked
    line: Branch
    row: StepRow | None
    ends_at: float | None
    job: str | None = None
    known: StepRecord | None = None
    answered: bool = False
    foreign: bool = False
    near: bool = False
    pause: float = OFTEN
    over: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def left(self) -> float | None:
        return None if self.ends_at is None else self.ends_at - monotonic()

    def looks(self) -> Iterator[float]:
        """In how many seconds it may be over, at the latest."""
        if self.ends_at is not None:
            yield self.ends_at - monotonic()
        if self.job is not None:
            self.pause = min(self.pause * 2, SELDOM)
            yield self.pause

    def end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


class Waits:
    """The waits of one body. `suspend` is called when there is nothing else, `look` when some may be over."""

    def __init__(self, root: Branch, suspend: Callable[[], None], look: Callable[[], None]) -> None:
        self._root = root
        self._suspend = suspend
        self._look = look
        self._waits: dict[Branch, Wait] = {}
        self._busy = 0
        self._stirred_at = 0.0
        self._checking: asyncio.Handle | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._held: set[Branch] = set()
        self.suspended = False

    def all(self) -> list[Wait]:
        return list(self._waits.values())

    async def wait(self, wait: Wait) -> None:
        """Until it is over."""
        if wait.over.done():
            wait.over, wait.near = asyncio.get_running_loop().create_future(), False
        self._waits[wait.line] = wait
        self.stir()
        try:
            await wait.over
        finally:
            self._waits.pop(wait.line, None)

    def begin(self) -> None:
        """A step begins: the job is not suspended before it has ended."""
        self._busy += 1

    def end(self) -> None:
        self._busy -= 1
        self.stir()

    def hold(self, line: Branch) -> None:
        """This line waits for others of its body."""
        self._held.add(line)
        self.stir()

    def let_go(self, line: Branch) -> None:
        self._held.discard(line)

    def stir(self) -> None:
        """Something changed: see whether there is anything but waiting, once the loop has turned."""
        self._stirred_at = monotonic()
        if self._waits and self._checking is None and not self.suspended:
            loop = asyncio.get_running_loop()
            self._checking = loop.call_soon(self._soon, loop, 1)

    def _soon(self, loop: asyncio.AbstractEventLoop, turns: int) -> None:
        self._checking = loop.call_soon(self._soon, loop, turns - 1) if turns else loop.call_soon(self._check)

    def _check(self) -> None:
        self._checking = None
        if not self._waits or self.suspended:
            return
        if self._busy:
            self._look_later()
            return
        if any(each.near or each.over.done() for each in self._waits.values()):
            return  # it goes on at once, and stirs again
        idle = monotonic() - self._stirred_at
        if self._all_wait() or idle >= FOREIGN:
            self.suspended = True
            if self._looking is not None:
                self._looking.cancel()
                self._looking = None
            self._suspend()
            return
        self._checking = asyncio.get_running_loop().call_later(FOREIGN - idle + 0.001, self._check)

    def _look_later(self) -> None:
        """Beside a step that runs, what is waited for is asked about now and then."""
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(LOOK, self._look_now)

    def _look_now(self) -> None:
        self._looking = None
        if self._waits and not self.suspended:
            self._look()
            if self._busy:
                self._look_later()

    def _all_wait(self) -> bool:
        root = self._root
        if root.others:
            root.others = [line for line in root.others if line.task is not None and not line.task.done()]
        lines = [root, *(root.others or ())]
        parents = {line.path.rpartition(".")[0] for line in lines if line.path}
        return all(line in self._waits or line in self._held or line.path in parents for line in lines)
