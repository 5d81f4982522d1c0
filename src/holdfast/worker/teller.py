"""Carries what bodies say (progress, log lines) to the database: all that was said since the last time, in one batch.

Bodies speak from any thread and wait for nothing. Of progress only the newest counts; lines are bounded per attempt.
"""

import asyncio
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Said:
    """A log line of a body, `at` in monotonic seconds."""

    held: Holding
    number: int
    at: float
    level: str
    message: str
    step: str | None = None


class Teller:
    """One per worker."""

    def __init__(self, store: Store, bus: Bus, narrator: Narrator) -> None:
        self._store = store
        self._bus = bus
        self._narrator = narrator
        self._progress: dict[Holding, str] = {}
        self._lines: list[Said] = []
        self._progress_under_way: dict[Holding, str] = {}
        self._lines_under_way: list[Said] = []
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

    def line(self, held: Holding, level: str, message: str, step: str | None = None) -> None:
        with self._mutex:  # a body may speak from several threads
            held.lines = number = held.lines + 1
        if number > MOST_LINES:
            return
        if number == MOST_LINES:
            level, message = "WARNING", f"further lines of this attempt are not kept: {MOST_LINES} is the most"
        said = Said(held, number, monotonic(), level, clean_text(message, MOST_LINE), step)
        with self._mutex:
            self._lines.append(said)

    def take(self, held: Holding) -> Op[None] | None:
        """What one body said and is not known to be written, for whoever writes it with the body's end.

        From any thread. What is under way is said again, which changes nothing if it arrives. Waiting for it would be
        no cure: on SQLite it may be waiting for the very transaction that is to end.
        """
        with self._mutex:
            progress = self._progress.pop(held, None) or self._progress_under_way.get(held)
            mine = [said for said in (*self._lines_under_way, *self._lines) if said.held is held]
            self._lines = [said for said in self._lines if said.held is not held]
        if progress is None and not mine:
            return None
        return say([] if progress is None else [(held.lease, progress)], _lines(mine))

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
            lines, self._lines = self._lines, []
            self._progress_under_way, self._lines_under_way = progress, lines
        try:
            await self._store.arun(say([(held.lease, text) for held, text in progress.items()], _lines(lines)))
        except HoldfastError as error:
            self._bus.tell("database.away", what="progress and log lines were lost", cause=error)
            return
        finally:
            with self._mutex:
                self._progress_under_way, self._lines_under_way = {}, []
        for held, text in progress.items():
            self._narrator.note("job.progress", held.lease, progress=json.loads(text))


def _lines(lines: Sequence[Said]) -> list[Line]:
    now = monotonic()
    return [
        Line(
            said.held.lease, said.number, said.held.job.attempt, now - said.at, said.level, said.message, said.step,
            _keep(said.held),
        )
        for said in lines
    ]  # fmt: skip


def _keep(held: Holding) -> float:
    """How long a line is kept: as long as the job's record may be, and an hour where that is for no time."""
    return max(held.policy.keep_succeeded, held.policy.keep_failed) or 3600.0
