"""Carries what bodies say (progress, log lines) to the database: all that was said since the last time, in one batch.

Bodies speak from any thread and wait for nothing. Of progress only the newest counts; lines are bounded per attempt.
"""

import asyncio
import contextlib
import json
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from holdfast.clock import monotonic
from holdfast.errors import HoldfastError
from holdfast.events.bus import Bus
from holdfast.model.text import clean_text
from holdfast.storage.base import Store
from holdfast.storage.op import Op
from holdfast.storage.ops.telling import Line, say
from holdfast.worker.holding import Holding
from holdfast.worker.narrator import Narrator

PACE = 0.5
"""Seconds between two batches."""

MOST_LINES = 1000
"""Lines kept of one attempt."""

MOST_LINE = 4096
"""Bytes kept of one line."""


class Teller:
    """One per worker."""

    def __init__(self, store: Store, bus: Bus, narrator: Narrator) -> None:
        self._store = store
        self._bus = bus
        self._narrator = narrator
        self._progress: dict[Holding, str] = {}
        self._lines: deque[tuple[Holding, float, str, str]] = deque()
        self._mutex = threading.Lock()
        self._writing = asyncio.Lock()

    @property
    def pending(self) -> bool:
        """Whether something was said that is not written yet, or is on its way."""
        return bool(self._progress or self._lines) or self._writing.locked()

    def progress(self, held: Holding, state: dict[str, Any]) -> None:
        text = json.dumps(state)
        with self._mutex:
            self._progress[held] = text

    def line(self, held: Holding, level: str, message: str) -> None:
        held.lines += 1
        if held.lines > MOST_LINES:
            return
        if held.lines == MOST_LINES:
            level, message = "WARNING", f"further lines of this attempt are not kept: {MOST_LINES} is the most"
        self._lines.append((held, monotonic(), level, clean_text(message, MOST_LINE)))

    def take(self, held: Holding) -> Op[None] | None:
        """What one body said and is not written yet, for whoever writes it with the body's end. From any thread."""
        with self._mutex:
            progress = self._progress.pop(held, None)
        mine = [line for line in tuple(self._lines) if line[0] is held]
        for line in mine:
            with contextlib.suppress(ValueError):  # written meanwhile
                self._lines.remove(line)
        if progress is None and not mine:
            return None
        return say([] if progress is None else [(held.lease, progress)], self._said(mine))

    async def run(self) -> None:
        """Write now and then, until cancelled."""
        while True:
            await asyncio.sleep(PACE)
            await self.flush()

    async def flush(self) -> None:
        """Write what was said so far. What the database would not take is let go: it is only talk."""
        async with self._writing:
            if self._progress or self._lines:
                await self._flush()

    async def _flush(self) -> None:
        with self._mutex:
            progress, self._progress = self._progress, {}
        lines: list[tuple[Holding, float, str, str]] = []
        with contextlib.suppress(IndexError):  # a body's transaction may take its lines at the same time
            while True:
                lines.append(self._lines.popleft())
        try:
            await self._store.arun(say([(held.lease, text) for held, text in progress.items()], self._said(lines)))
        except HoldfastError as error:
            self._bus.tell("database.away", what="progress and log lines were lost", cause=error)
            return
        for held, text in progress.items():
            self._narrator.note("job.progress", held.lease, progress=json.loads(text))

    def _said(self, lines: Sequence[tuple[Holding, float, str, str]]) -> list[Line]:
        now = monotonic()
        return [
            Line(held.lease, held.job.attempt, now - at, level, message, None, _keep(held))
            for held, at, level, message in lines
        ]


def _keep(held: Holding) -> float:
    """How long a line is kept: as long as the job's record may be, and an hour where that is for no time."""
    return max(held.policy.keep_succeeded, held.policy.keep_failed) or 3600.0
