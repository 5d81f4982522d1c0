"""Jobs as a table: aligned and coloured in a terminal, lines with tabs in a pipe."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from holdfast.cli.screen import printable
from holdfast.cli.times import exact, now, relative, utc
from holdfast.model.job import JobRecord, JobState
from holdfast.model.raw import RawBody, RawResult

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {
    JobState.SCHEDULED: "magenta",
    JobState.BLOCKED: "yellow",
    JobState.READY: "blue",
    JobState.RUNNING: "bold cyan",
    JobState.SUSPENDED: "cyan",
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "bold red",
    JobState.CANCELLED: "dim",
    JobState.STALLED: "red",
}
WIDE = 104
WIDEST = 150
GAP = 2
NARROWEST = 8


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, what stands below it, and from which width of the terminal on it is shown."""

    heading: str
    cell: Callable[[JobRecord, datetime], str]
    from_width: int = 0
    keep: bool = False
    style: str = ""


def moment_of(job: JobRecord) -> datetime:
    """The instant that matters: when it is due if that lies ahead, else when it last changed."""
    return job.due_at if job.state is JobState.SCHEDULED else job.updated_at


def note(job: JobRecord, at: datetime) -> str:
    """Why it stands where it does: the last error of a job that failed, else its reason."""
    if job.errors and job.state is not JobState.SUCCEEDED:
        last = job.errors[-1]
        return f"{last.kind}: {last.message}" if last.message else last.kind
    return job.reason or ("" if job.raw is None else sized(job.raw))


def sized(raw: RawBody | RawResult) -> str:
    """`1,234 bytes, application/json`: what is shown of bytes, which stay unseen."""
    size = f"{len(raw.body or b''):,} bytes"
    return size if raw.content_type is None else f"{size}, {raw.content_type}"


def _args(job: JobRecord) -> str:
    return json.dumps(dict(job.args), ensure_ascii=False) if job.raw is None else sized(job.raw)


def _result(job: JobRecord) -> str:
    return sized(job.result) if isinstance(job.result, RawResult) else job.result_text or ""


def _when(job: JobRecord, at: datetime) -> str:
    return relative(moment_of(job), at)


COLUMNS = (
    Column("ID", lambda job, at: job.id, keep=True),
    Column("STATE", lambda job, at: job.state.value, keep=True),
    Column("TASK", lambda job, at: job.task),
    Column("QUEUE", lambda job, at: job.queue, WIDE),
    Column("RUN", lambda job, at: f"{job.attempt}/{job.max_attempts}", keep=True),
    Column("WHEN", _when, keep=True),
    Column("UTC", lambda job, at: utc(moment_of(job)), WIDE, keep=True, style="dim"),
    Column("NOTE", note, WIDEST),
)
PAYLOAD = (
    Column("ARGS", lambda job, at: _args(job)),
    Column("RESULT", lambda job, at: _result(job), WIDE),
)
PLAIN: tuple[tuple[str, Callable[[JobRecord], str]], ...] = (
    ("id", lambda job: job.id),
    ("state", lambda job: job.state.value),
    ("task", lambda job: job.task),
    ("queue", lambda job: job.queue),
    ("attempt", lambda job: str(job.attempt)),
    ("max_attempts", lambda job: str(job.max_attempts)),
    ("created_at", lambda job: exact(job.created_at)),
    ("due_at", lambda job: exact(job.due_at)),
    ("updated_at", lambda job: exact(job.updated_at)),
    ("note", lambda job: note(job, job.updated_at)),
)


def print_jobs(console: "Console", jobs: list[JobRecord], payload: bool) -> None:
    if console.is_terminal:
        _print_table(console, jobs, payload)
    else:
        _print_lines(jobs, payload)


def _print_table(console: "Console", jobs: list[JobRecord], payload: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    if not jobs:
        return
    at = now()
    columns = [column for column in (*COLUMNS, *(PAYLOAD if payload else ())) if console.width >= column.from_width]
    rows = [[printable(column.cell(job, at)) for column in columns] for job in jobs]
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for column, width in zip(columns, widths(columns, rows, console.width), strict=True):
        table.add_column(column.heading, no_wrap=True, overflow="ellipsis", style=column.style, width=width)
    for job, row in zip(jobs, rows, strict=True):
        cells = [Text(cell) for cell in row]
        cells[1].stylize(STYLES[job.state])
        table.add_row(*cells)
    console.print(table)


def widths(columns: list[Column], rows: list[list[str]], room: int) -> list[int]:
    """How wide each column is: as its widest cell, and where that is too much the widest give way one by one."""
    from rich.cells import cell_len

    found = [max(len(column.heading), *(cell_len(row[place]) for row in rows)) for place, column in enumerate(columns)]
    yielding = [place for place, column in enumerate(columns) if not column.keep]
    for _ in range(sum(found) + GAP * len(found) - room):
        widest = max(yielding, key=lambda place: found[place])
        if found[widest] <= NARROWEST:
            break
        found[widest] -= 1
    return found


def _print_lines(jobs: list[JobRecord], payload: bool) -> None:
    columns = list(PLAIN)
    if payload:
        columns.append(("args", _args))
        columns.append(("result", _result))
    lines = ["\t".join(name for name, _ in columns)]
    lines += ["\t".join(printable(cell(job)) for _, cell in columns) for job in jobs]
    sys.stdout.write("\n".join(lines) + "\n")


def print_counts(console: "Console", counts: Mapping[str, int]) -> None:
    """Jobs by state, a line each, and how many they are in all."""
    rows = [(state, counts.get(state, 0)) for state in JobState if counts.get(state)]
    total = sum(counts.values())
    if not console.is_terminal:
        sys.stdout.write("".join(f"{state.value}\t{count}\n" for state, count in rows) + f"total\t{total}\n")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=False)
    table.add_column(min_width=10)
    table.add_column(justify="right")
    for state, count in rows:
        table.add_row(Text(state.value, STYLES[state]), f"{count:,}")
    table.add_row(Text("total", "bold"), Text(f"{total:,}", "bold"))
    console.print(table)
