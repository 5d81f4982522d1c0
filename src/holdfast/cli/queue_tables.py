"""Queues as a table, one by one, and as JSON documents."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from holdfast.cli.screen import printable
from holdfast.cli.tables import STYLES as JOB_STYLES
from holdfast.cli.times import exact, now, relative, utc
from holdfast.model.duration import format_duration
from holdfast.model.job import JobState
from holdfast.model.queue import Queue, QueueStats

if TYPE_CHECKING:
    from rich.console import Console

Counted = tuple[Queue, QueueStats]
WAITING = (JobState.READY, JobState.RUNNING, JobState.SCHEDULED, JobState.BLOCKED)
LABEL = 14


def rate(queue: Queue) -> str:
    """`10/s`, or `one in 5m`."""
    if queue.rate is None:
        return ""
    return f"{1 / queue.rate:g}/s" if queue.rate <= 1 else f"one in {format_duration(queue.rate)}"


def defaults(queue: Queue) -> list[str]:
    """What its jobs are given."""
    return [
        text
        for text, given in (
            (f"{queue.retry.attempts if queue.retry else 0} runs", queue.retry is not None),
            (f"succeeded kept {_kept(queue.keep_succeeded)}", queue.keep_succeeded is not None),
            (f"others kept {_kept(queue.keep_failed)}", queue.keep_failed is not None),
        )
        if given
    ]


def _kept(seconds: float | None) -> str:
    return format_duration(seconds) if seconds else "not at all"


def limits(queue: Queue) -> list[str]:
    """What holds its jobs up."""
    places = "" if queue.concurrency is None else f"{queue.concurrency} at once"
    return [text for text in (places, rate(queue)) if text]


def standing(queue: Queue) -> str:
    """In one line all that was said of it."""
    pause = [f"paused by {queue.paused_by or 'somebody'}"] if queue.paused else ["not paused"]
    return ", ".join([*pause, *limits(queue), *defaults(queue)])


PLAIN: tuple[tuple[str, Callable[[Queue], str]], ...] = (
    ("name", lambda queue: queue.name),
    ("paused", lambda queue: exact(queue.paused_at) if queue.paused_at else ""),
    ("concurrency", lambda queue: "" if queue.concurrency is None else str(queue.concurrency)),
    ("rate", lambda queue: "" if queue.rate is None else f"{queue.rate:g}"),
    ("display_name", lambda queue: queue.display_name or ""),
)


def document(queue: Queue, stats: QueueStats | None = None) -> dict[str, Any]:
    """Every part of a queue under its own name; `rate` is the seconds between two starts."""
    found: dict[str, Any] = {part.name: getattr(queue, part.name) for part in fields(queue)}
    found["paused"] = queue.paused
    for name in ("paused_at", "updated_at"):
        found[name] = exact(found[name]) if found[name] else None
    if queue.retry is not None:
        found["retry"] = {"attempts": queue.retry.attempts, **queue.retry.to_json()}
    if stats is not None:
        found["counts"] = {state.value: count for state, count in stats.counts.items()}
        found["more"] = sorted(state.value for state in stats.more)
    return found


def print_queues(console: "Console", found: Sequence[Counted]) -> None:
    if not console.is_terminal:
        lines = ["\t".join([*(name for name, _ in PLAIN), *(state.value for state in WAITING)])]
        for queue, stats in found:
            cells = [printable(cell(queue)) for _, cell in PLAIN] + [str(stats.counts[state]) for state in WAITING]
            lines.append("\t".join(cells))
        sys.stdout.write("\n".join(lines) + "\n")
        return
    if not found:
        return
    from rich.table import Table
    from rich.text import Text

    rows = [[stats.shown(state) for state in WAITING] for _, stats in found]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("NAME", no_wrap=True, overflow="ellipsis")
    for place, state in enumerate(WAITING):
        width = max(len(state), *(len(row[place]) for row in rows))
        table.add_column(state.value.upper(), no_wrap=True, justify="right", min_width=width)
    table.add_column("", no_wrap=True, overflow="ellipsis")
    for (queue, _), row in zip(found, rows, strict=True):
        counts = [
            Text(cell, JOB_STYLES[state] if cell != "0" else "dim") for state, cell in zip(WAITING, row, strict=True)
        ]
        style = "yellow" if queue.paused else ""
        said = [f"paused by {queue.paused_by or 'somebody'}"] if queue.paused else []
        said += [*limits(queue), queue.display_name or ""]
        table.add_row(
            Text(printable(queue.name), style), *counts, Text(printable(", ".join(filter(None, said))), style)
        )
    console.print(table)


def print_queue(console: "Console", queue: Queue, stats: QueueStats) -> None:
    """All that is known; parts that are empty are left out."""
    from rich.text import Text

    at = now()
    state = ("paused", "yellow") if queue.paused else ("open", "green")
    console.print(Text.assemble((printable(queue.name), "bold"), "  ", state), soft_wrap=True)
    paused = ""
    if queue.paused_at is not None:
        paused = f"by {queue.paused_by or 'somebody'}, {relative(queue.paused_at, at)} ({utc(queue.paused_at)})"
    facts = [
        ("called", queue.display_name or ""),
        ("paused", paused),
        ("at once", str(queue.concurrency or "")),
        ("starts", rate(queue)),
        ("its jobs get", ", ".join(defaults(queue))),
        ("jobs", ", ".join(f"{stats.shown(each)} {each.value}" for each in JobState if stats.counts[each]) or "none"),
        ("changed", f"{relative(queue.updated_at, at)} ({utc(queue.updated_at)})" if queue.updated_at else ""),
    ]
    for label, value in facts:
        if value:
            console.print(Text.assemble("  ", (f"{label:<{LABEL}}", "cyan"), printable(value)), soft_wrap=True)
