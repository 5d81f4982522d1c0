"""What the viewer sees: a live board in a terminal, plain lines elsewhere."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

SECONDS_OF_SPEED = 2.0
PLAIN_EVERY = 2.0


@dataclass
class Hand:
    """A worker process as the board shows it: `holds` jobs it has claimed, `done` those it has finished."""

    name: str
    pid: int
    state: str = "starting"
    holds: int = 0
    done: int = 0


class Board:
    """Keeps what is known and draws it."""

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        self.total = total
        self.hands: list[Hand] = []
        self.done = 0
        self.began = time.monotonic()
        self._notes: list[Text] = []
        self._ends: deque[float] = deque()
        self._live: Live | None = None
        self._said_at = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw while the block runs."""
        if not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, get_renderable=self._drawn, refresh_per_second=10) as self._live:
            yield
        self._live = None

    def note(self, text: str, style: str = "") -> None:
        """Something happened."""
        line = Text.assemble((f"{self.seconds:4.1f} s   ", "dim"), (text, style))
        self._notes.append(line)
        if self._live is None:
            self.console.print(Text("  ") + line, soft_wrap=True)

    def ended(self) -> None:
        """One more file is done."""
        self.done += 1
        self._ends.append(time.monotonic())
        if self._live is None and self.seconds - self._said_at >= PLAIN_EVERY:
            self._said_at = self.seconds
            self.note(f"{self.done:,} of {self.total:,} files, {self._speed():,.0f} jobs/s; {self._holds()}")

    def _holds(self) -> str:
        return ", ".join(f"{hand.name} ({hand.state}) holds {hand.holds}" for hand in self.hands)

    def _speed(self) -> float:
        now = time.monotonic()
        while self._ends and self._ends[0] < now - SECONDS_OF_SPEED:
            self._ends.popleft()
        return len(self._ends) / max(min(SECONDS_OF_SPEED, self.seconds), 0.1)

    def _drawn(self) -> RenderableType:
        workers = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
        for head in ("worker", "process", "state"):
            workers.add_column(head)
        for head in ("holds", "files done"):
            workers.add_column(head, justify="right")
        for hand in self.hands:
            style = {"killed": "red", "working": "green"}.get(hand.state, "")
            state = Text(hand.state, style)
            workers.add_row(hand.name, str(hand.pid), state, f"{hand.holds}", f"{hand.done:,}")
        bar = Table.grid(padding=(0, 2, 0, 0))
        bar.add_row(
            ProgressBar(self.total, self.done, width=40),
            f"{self.done:,} / {self.total:,} files",
            f"{self._speed():,.0f} jobs/s",
            f"{self.seconds:.1f} s",
        )
        return Padding(Group(bar, "", workers, "", *self._notes), (0, 0, 0, 2))
