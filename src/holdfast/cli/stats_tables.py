"""Numbers about all jobs as tables and bars, and as JSON documents."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from holdfast.cli.screen import printable
from holdfast.cli.tables import STYLES
from holdfast.cli.times import exact, now, relative
from holdfast.model.duration import format_duration
from holdfast.model.job import JobState
from holdfast.model.sketch import Quantiles
from holdfast.model.stats import Counts, Ended, Live, Slot, Times, counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from holdfast.stats import Stats

ENDS = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.STALLED)
ORDER = (JobState.READY, JobState.RUNNING, JobState.SCHEDULED, JobState.BLOCKED, JobState.SUSPENDED, *ENDS)
RARE = (JobState.BLOCKED, JobState.SUSPENDED, JobState.CANCELLED, JobState.STALLED)
"""States that have a column only where there is one."""

BARS = " ▁▂▃▄▅▆▇█"
FULL = 40


def document(value: Any) -> Any:
    """Anything of the stats for JSON: every part under its name, instants as ISO 8601."""
    if is_dataclass(value):
        return {part.name: document(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, datetime):
        return exact(value)
    if isinstance(value, list | tuple):
        return [document(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {str(name): document(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
    return value


@dataclass(frozen=True, slots=True)
class Overview:
    """What `holdfast stats` shows."""

    last: str
    live: Live
    ended: list[Ended]
    times: Times

    @staticmethod
    def of(stats: "Stats", last: str, queue: str | None, task: str | None) -> "Overview":
        live, ended = stats.now(), stats.ended(last)

        def wanted(one: Any) -> bool:
            return queue in (None, one.queue) and task in (None, one.task)

        if queue is not None or task is not None:
            standings = tuple(one for one in live.standings if wanted(one))
            due = {
                state: min((one.due for one in standings if one.state is state), default=None)
                for state in (JobState.READY, JobState.SCHEDULED)
            }
            live = Live(standings, live.as_of, live.complete, due[JobState.READY], due[JobState.SCHEDULED])
        return Overview(last, live, [one for one in ended if wanted(one)], stats.times(last, queue=queue, task=task))

    @property
    def queues(self) -> list[Counts]:
        return counted(self.live, self.ended, "queue")

    @property
    def tasks(self) -> list[Counts]:
        return counted(self.live, self.ended, "task")

    def document(self) -> dict[str, Any]:
        live = {
            "by_state": document(self.live.by_state), "as_of": exact(self.live.as_of), "complete": self.live.complete,
            "oldest_due": document(self.live.oldest_due), "next_due": document(self.live.next_due),
        }  # fmt: skip
        ended = {state.value: sum(getattr(one, state.value) for one in self.ended) for state in ENDS}
        return {
            "last": self.last, "live": live, "ended": ended, "times": document(self.times),
            "queues": document(self.queues), "tasks": document(self.tasks),
        }  # fmt: skip


def print_overview(console: "Console", found: Overview) -> None:
    if not console.is_terminal:
        _print_lines(found)
        return
    from rich.text import Text

    at = now()
    live = found.live
    states = {**live.by_state, **{state: sum(getattr(one, state.value) for one in found.ended) for state in ENDS}}
    line = Text.assemble(("now     ", "bold"))
    for state in ORDER[:5]:
        line.append_text(number(state, states[state], label=True)).append("  ")
    console.print(line)
    notes = [
        f"the oldest waits since {relative(live.oldest_due, at)}" if live.oldest_due else "",
        f"the next is due {relative(live.next_due, at)}" if live.next_due else "",
        "" if live.complete else "there are more: they are counted once a leader has gone through them",
        f"counted {relative(live.as_of, at)}" if live.complete and (at - live.as_of).total_seconds() > 5 else "",
    ]
    if said := ", ".join(filter(None, notes)):
        console.print(Text("        " + said, "dim"), soft_wrap=True)
    line = Text.assemble((f"{found.last:<8}", "bold"))
    for state in ENDS:
        line.append_text(number(state, states[state], label=True)).append("  ")
    console.print(line)
    for label, times in (("waited", found.times.waits), ("ran", found.times.runs)):
        if times.count:
            console.print(Text.assemble((f"{label:<8}", "bold"), quantiles(times)))
    for name, counts in (("QUEUE", found.queues), ("TASK", found.tasks)):
        if counts:
            console.print()
            console.print(counts_table(name, counts))


def number(state: JobState, count: int, label: bool = False) -> "Text":
    """A count in the colour of its state; nothing is dim."""
    from rich.text import Text

    text = f"{count:,}" + (f" {state.value}" if label else "")
    return Text(text, STYLES[state] if count else "dim")


def quantiles(times: Quantiles) -> str:
    named = (("p50", times.p50), ("p90", times.p90), ("p95", times.p95), ("p99", times.p99), ("max", times.max))
    return "  ".join(f"{name} {short(value)}" for name, value in named)


def short(seconds: float | None) -> str:
    """A duration that is right to a twentieth, in as many digits: `12ms`, `1.3s`, `4m 10s`."""
    if seconds is None:
        return "–"
    return format_duration(float(f"{seconds:.2g}") if seconds < 60 else round(seconds))


def counts_table(name: str, counts: Sequence[Counts], times: Mapping[str, Times] | None = None) -> Any:
    """A row for each queue or task, a column for each state; with `times` how long jobs waited and ran."""
    from rich.table import Table
    from rich.text import Text

    shown = [state for state in ORDER if state not in RARE or any(one.counts[state] for one in counts)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(name, no_wrap=True, overflow="ellipsis", min_width=12)
    for state in shown:
        table.add_column(state.value.upper(), justify="right", no_wrap=True)
    for heading in () if times is None else ("WAIT P50", "P99", "RUN P50", "P99"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in counts:
        cells: list[Text | str] = [number(state, one.counts[state]) for state in shown]
        if times is not None:
            found = times[one.name]
            cells += [short(each) for part in (found.waits, found.runs) for each in (part.p50, part.p99)]
        table.add_row(Text(printable(one.name)), *cells)
    return table


def print_queues(console: "Console", counts: Sequence[Counts], times: Mapping[str, Times]) -> None:
    """The same with how long jobs waited and ran, half of them and nearly all."""
    if not console.is_terminal:
        marks = [f"{part}_{mark}" for part in ("wait", "run") for mark in ("p50", "p99")]
        sys.stdout.write("\t".join(["queue", *(state.value for state in ORDER), *marks]) + "\n")
        for one in counts:
            found = times[one.name]
            seconds = (found.waits.p50, found.waits.p99, found.runs.p50, found.runs.p99)
            cells = [printable(one.name), *(str(one.counts[state]) for state in ORDER)]
            sys.stdout.write("\t".join([*cells, *("" if one is None else f"{one:g}" for one in seconds)]) + "\n")
        return
    if counts:
        console.print(counts_table("QUEUE", counts, times))


def _print_lines(found: Overview) -> None:
    lines: list[str] = ["\t".join(["kind", "name", *(state.value for state in ORDER)])]
    for kind, counts in (("queue", found.queues), ("task", found.tasks)):
        lines += [
            "\t".join([kind, printable(one.name), *(str(one.counts[state]) for state in ORDER)]) for one in counts
        ]
    sys.stdout.write("\n".join(lines) + "\n")


FORMS = {"minute": "%H:%M", "hour": "%m-%d %H:00", "day": "%Y-%m-%d"}


def print_slots(console: "Console", slots: Sequence[Slot], by: str) -> None:
    """A line for each slot, with a bar: what failed and what did not, to one scale."""
    if not console.is_terminal:
        head = "\t".join(["at", *(state.value for state in ENDS)])
        rows = ("\t".join([exact(slot.at), *(str(getattr(slot, state.value)) for state in ENDS)]) for slot in slots)
        sys.stdout.write("\n".join([head, *rows]) + "\n")
        return
    from rich.table import Table
    from rich.text import Text

    shown = [state for state in ENDS if state not in RARE or any(getattr(slot, state.value) for slot in slots)]
    most = max((slot.finished for slot in slots), default=0)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(f"{by.upper()} (UTC)", no_wrap=True)
    for state in shown:
        table.add_column(state.value.upper(), justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for slot in slots:
        bar = Text()
        for state in shown:
            bar.append("█" * _length(getattr(slot, state.value), most), STYLES[state])
        cells = (number(state, getattr(slot, state.value)) for state in shown)
        table.add_row(f"{slot.at:{FORMS.get(by, FORMS['day'])}}", *cells, bar)
    console.print(table)


def _length(count: int, most: int) -> int:
    """What is there is seen, however little it is."""
    return max(1, round(FULL * count / most)) if count else 0


def spark(counts: Iterable[int]) -> str:
    """Counts as a line of small bars.

    >>> spark([0, 1, 8])
    ' ▁█'
    """
    given = list(counts)
    most = max(given, default=0)
    return "".join(BARS[-(-count * (len(BARS) - 1) // most)] if most else " " for count in given)
