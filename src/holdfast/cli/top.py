"""`holdfast top`: queues and workers, as they stand and go."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli import workers as worker_tables
from holdfast.cli.given import opened
from holdfast.cli.options import AsJson
from holdfast.cli.screen import print_json, printable, stdout
from holdfast.cli.stats_tables import ORDER, RARE, document, number, quantiles, short, spark
from holdfast.cli.times import now, relative
from holdfast.model.duration import seconds
from holdfast.model.job import JobState

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.app import Holdfast
    from holdfast.model.queue import Queue
    from holdfast.model.stats import Counts, Live, Slot, Times
    from holdfast.storage.ops.inspect import WorkerRecord

MINUTES = 30
LABEL = 10


@dataclass(frozen=True, slots=True)
class Sight:
    """What is to be seen at one instant."""

    at: datetime
    where: str
    live: "Live"
    slots: "Sequence[Slot]"
    times: "Times"
    counts: "Sequence[Counts]"
    queues: "dict[str, Queue]"
    workers: "Sequence[WorkerRecord]"

    @staticmethod
    def of(app: "Holdfast") -> "Sight":
        from holdfast.model.stats import counted
        from holdfast.storage.ops.inspect import workers

        live, ended = app.stats.now(), app.stats.ended("1h")
        return Sight(
            now(), app.store.where, live, app.stats.histogram("minute", last=f"{MINUTES}m"), app.stats.times("5m"),
            counted(live, ended, "queue"), {queue.name: queue for queue in app.queues.list()},
            [worker for worker in app.store.run(workers(), "read") if worker.alive],
        )  # fmt: skip

    @property
    def rate(self) -> float:
        """Jobs that ended in a second, in this minute and the last one."""
        last = self.slots[-2:]
        spent = (self.at - last[0].at).total_seconds()
        return sum(slot.finished for slot in last) / max(1.0, spent)


@opened
def run(
    app: "Holdfast",
    interval: Annotated[str, typer.Option("--interval", metavar="DURATION", help="How often to look anew.")] = "2s",
    once: Annotated[bool, typer.Option("--once", help="Look once and end; in a pipe it always does.")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch queues and workers: what waits and runs, what ended within the hour and how fast. Ctrl+C ends it."""
    pause = max(0.2, seconds(interval, "--interval"))
    console = stdout()
    if as_json:
        print_json(_document(Sight.of(app)))
        return
    if not console.is_terminal:
        _print_lines(Sight.of(app))
    elif once:
        console.print(picture(Sight.of(app), console.width))
    else:
        _watch(app, console, pause)


def _watch(app: "Holdfast", console: "Console", pause: float) -> None:
    from rich.live import Live as Screen

    from holdfast.errors import DatabaseError

    sight = Sight.of(app)
    with Screen(picture(sight, console.width), console=console, screen=True, auto_refresh=False) as screen:
        try:
            while True:
                time.sleep(pause)
                try:
                    sight = Sight.of(app)
                    screen.update(picture(sight, console.width, console.height), refresh=True)
                except DatabaseError as error:  # it may be back at the next look
                    screen.update(picture(sight, console.width, console.height, str(error)), refresh=True)
        except KeyboardInterrupt:
            return


def picture(sight: Sight, width: int, height: int | None = None, trouble: str = "") -> Any:
    """All of it, as wide as it may be; rows that a screen so high has no place for are counted."""
    from rich.console import Group as Lines
    from rich.text import Text

    rows = None if height is None else max(4, height - 12 - min(len(sight.workers), 8))
    title = Text.assemble(("holdfast ", "bold"), (printable(sight.where), "dim"))
    title.append(f"  {sight.at:%H:%M:%S} UTC", "dim")
    title.truncate(width, overflow="ellipsis")
    lines: list[Any] = [title]
    if trouble:
        lines.append(Text(f"the database does not answer; this is how it was: {printable(trouble)}", "bold red"))
    lines += ["", *_summary(sight), "", _queue_table(sight, rows)]
    if sight.workers:
        lines += ["", worker_tables.table(sight.workers[:8] if height else sight.workers, sight.at)]
        if height and len(sight.workers) > 8:
            lines.append(Text(f"and {len(sight.workers) - 8} more workers", "dim"))
    else:
        lines += ["", Text("nobody works", "yellow")]
    return Lines(*lines)


def _summary(sight: Sight) -> list[Any]:
    from rich.text import Text

    states = sight.live.by_state
    live = Text.assemble(("now".ljust(LABEL), "bold"))
    for state in ORDER[:5]:
        if state not in RARE or states[state]:
            live.append_text(number(state, states[state], label=True)).append("   ")
    if sight.live.oldest_due is not None and sight.live.oldest_due < sight.at:
        live.append(f"the oldest waits for {relative(sight.live.oldest_due, sight.at).removesuffix(' ago')}", "dim")
    ended = Text.assemble((f"{MINUTES} min".ljust(LABEL), "bold"))
    ended.append(spark(slot.finished for slot in sight.slots), "green")
    ended.append(f"  {sum(slot.finished for slot in sight.slots):,} ended, {sight.rate:.3g}/s")
    if failed := sum(slot.failed for slot in sight.slots):
        ended.append(f", {failed:,} failed", "bold red")
    found = [live, ended]
    for label, times in (("waited", sight.times.waits), ("ran", sight.times.runs)):
        if times.count:
            found.append(Text.assemble((label.ljust(LABEL), "bold"), quantiles(times), ("  in 5 min", "dim")))
    return found


def _queue_table(sight: Sight, rows: int | None) -> Any:
    from rich.table import Table
    from rich.text import Text

    shown = [state for state in ORDER if state not in RARE or any(one.counts[state] for one in sight.counts)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("QUEUE", no_wrap=True, overflow="ellipsis", min_width=12)
    for state in shown:
        table.add_column(state.value.upper(), justify="right", no_wrap=True)
    table.add_column("OLDEST", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, overflow="ellipsis")
    busiest = sorted(
        sight.counts, key=lambda one: (-one.counts[JobState.READY] - one.counts[JobState.RUNNING], one.name)
    )
    for one in busiest[:rows]:
        queue = sight.queues.get(one.name)
        paused = queue is not None and queue.paused
        table.add_row(
            Text(printable(one.name), "yellow" if paused else ""),
            *(number(state, one.counts[state]) for state in shown),
            _oldest(sight, one.name),
            Text("paused", "yellow") if paused else "",
        )
    if rows is not None and len(busiest) > rows:
        table.add_row(Text(f"and {len(busiest) - rows} more", "dim"))
    if not busiest:
        table.add_row(Text("no jobs", "dim"))
    return table


def _oldest(sight: Sight, queue: str) -> str:
    """How long the oldest ready job waits."""
    due = min(
        (one.due for one in sight.live.standings if one.queue == queue and one.state is JobState.READY), default=None
    )
    return "" if due is None or due > sight.at else short(max(1.0, (sight.at - due).total_seconds()))


def _print_lines(sight: Sight) -> None:
    """A line for each queue, then one for each worker."""
    lines = ["\t".join(["queue", *(state.value for state in ORDER), "oldest", "paused"])]
    for one in sight.counts:
        queue = sight.queues.get(one.name)
        paused = "paused" if queue is not None and queue.paused else ""
        counts = (str(one.counts[state]) for state in ORDER)
        lines.append("\t".join([printable(one.name), *counts, _oldest(sight, one.name), paused]))
    lines += ["", "\t".join(worker_tables.HEADINGS), *map(worker_tables.line, sight.workers)]
    sys.stdout.write("\n".join(lines) + "\n")


def _document(sight: Sight) -> dict[str, Any]:
    return {
        "at": document(sight.at), "now": document(sight.live.by_state), "minutes": document(list(sight.slots)),
        "times": document(sight.times), "queues": document(list(sight.counts)),
        "paused": sorted(name for name, queue in sight.queues.items() if queue.paused),
        "workers": [worker_tables.document(worker) for worker in sight.workers],
    }  # fmt: skip
