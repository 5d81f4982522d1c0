"""Schedules as a table, one by one, and as JSON documents."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from holdfast.cli.screen import printable
from holdfast.cli.tables import STYLES as JOB_STYLES
from holdfast.cli.times import exact, now, relative, utc
from holdfast.model.duration import format_duration
from holdfast.model.job import JobRecord
from holdfast.model.schedule import Schedule, ScheduleStats

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {"active": "green", "paused": "yellow", "parked": "bold red", "ended": "dim"}
LABEL = 10

PLAIN: tuple[tuple[str, Callable[[Schedule], str]], ...] = (
    ("name", lambda one: one.name),
    ("state", lambda one: one.state),
    ("task", lambda one: one.task),
    ("when", lambda one: one.when),
    ("next_due", lambda one: exact(one.next_due) if one.next_due else ""),
    ("last_due", lambda one: exact(one.last_due) if one.last_due else ""),
    ("fired", lambda one: str(one.fired)),
    ("parked", lambda one: one.parked or ""),
)


def plain(value: Any) -> Any:
    """As JSON holds it."""
    if isinstance(value, datetime):
        return exact(value)
    if isinstance(value, ScheduleStats):
        return {part.name: plain(getattr(value, part.name)) for part in fields(value)}
    return value


def document(one: Schedule) -> dict[str, Any]:
    """Every part of a schedule under its own name, and its rule's."""
    parts = [part.name for part in fields(one) if part.name != "spec"]
    found = {name: plain(getattr(one, name)) for name in parts}
    found["state"] = one.state
    if one.spec is not None:
        found.update({part.name: plain(getattr(one.spec, part.name)) for part in fields(one.spec)})
    return found


def print_schedules(console: "Console", found: Sequence[Schedule]) -> None:
    if not found and console.is_terminal:
        return
    if not console.is_terminal:
        lines = ["\t".join(name for name, _ in PLAIN)]
        lines += ["\t".join(printable(cell(one)) for _, cell in PLAIN) for one in found]
        sys.stdout.write("\n".join(lines) + "\n")
        return
    from rich.table import Table
    from rich.text import Text

    at = now()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("NAME", "STATE", "WHEN", "NEXT", "UTC", "FIRED", "TASK"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", justify="right" if heading == "FIRED" else "left")
    for one in found:
        due = one.next_due if one.state == "active" else None
        cells = (
            one.name, one.state, one.when, relative(due, at) if due else "", utc(due) if due else "", str(one.fired),
            one.task if one.task != one.name else "",
        )  # fmt: skip
        texts = [Text(printable(cell)) for cell in cells]
        texts[1].stylize(STYLES[one.state])
        texts[4].stylize("dim")
        table.add_row(*texts)
    console.print(table)
    for one in found:
        if one.parked is not None:
            console.print(Text(f"{printable(one.name)}: {printable(one.parked)}", "red"), soft_wrap=True)


def summary(stats: ScheduleStats) -> str:
    """One line for people."""
    counts = [(stats.active, "active"), (stats.paused, "paused"), (stats.parked, "parked"), (stats.ended, "ended")]
    standing = ", ".join(f"{count} {what}" for count, what in counts if count)
    day = f"in the last day {stats.fired} job{'' if stats.fired == 1 else 's'}, {stats.failed} failed"
    if stats.worst_lateness is not None:
        day += f", at most {format_duration(max(0.0, round(stats.worst_lateness, 3)))} late"
    return f"{standing}; {day}"


def print_schedule(console: "Console", one: Schedule, coming: Sequence[datetime], jobs: Sequence[JobRecord]) -> None:
    """All that is known; parts that are empty are left out."""
    from rich.text import Text

    at = now()
    console.print(Text.assemble((printable(one.name), "bold"), "  ", (one.state, STYLES[one.state])), soft_wrap=True)
    for label, value in _facts(one, at):
        if value:
            console.print(Text.assemble("  ", (f"{label:<{LABEL}}", "cyan"), printable(value)), soft_wrap=True)
    for number, each in enumerate(coming):
        label = "coming" if number == 0 else ""
        line = f"{utc(each)}  {_local(each, one.tz)}{relative(each, at)}"
        console.print(Text.assemble("  ", (f"{label:<{LABEL}}", "cyan"), line), soft_wrap=True)
    for number, job in enumerate(jobs):
        label = "runs" if number == 0 else ""
        tick = utc(job.tick) if job.tick else ""
        state = (job.state.value, JOB_STYLES[job.state])
        console.print(
            Text.assemble("  ", (f"{label:<{LABEL}}", "cyan"), tick, "  ", job.id, "  ", state), soft_wrap=True
        )


def _facts(one: Schedule, at: datetime) -> list[tuple[str, str]]:
    spec = one.spec
    facts = [
        ("when", one.when),
        ("task", one.task),
        ("args", json.dumps(dict(one.args), ensure_ascii=False) if one.args else ""),
        ("from", f"code, deployment {one.deployment}" if one.deployment else one.source),
        ("parked", one.parked or ""),
        ("last", f"{utc(one.last_due)} ({relative(one.last_due, at)})" if one.last_due else ""),
        ("fired", f"{one.fired}" + (f", {one.skipped} skipped" if one.skipped else "")),
    ]
    if spec is not None:
        ends = f"until {utc(spec.end_at)}" if spec.end_at else ""
        runs = f"{spec.max_runs} in all" if spec.max_runs else ""
        facts += [
            ("catch up", str(spec.catch_up)),
            ("overlap", spec.overlap),
            ("jitter", format_duration(spec.jitter) if spec.jitter else ""),
            ("ends", ", ".join(part for part in (ends, runs) if part)),
        ]
    return facts


def _local(instant: datetime, tz: str | None) -> str:
    if tz in (None, "UTC"):
        return ""
    return f"{instant.astimezone(ZoneInfo(tz or 'UTC')):%a %H:%M:%S %Z}  "


def print_instants(console: "Console", found: Sequence[datetime], tz: str) -> None:
    """One a line: in UTC, in its zone, and in a terminal how far off."""
    at = now()
    for each in found:
        if console.is_terminal:
            print(f"{utc(each)}  {_local(each, tz)}{relative(each, at)}")
        else:
            print(f"{exact(each)}\t{each.astimezone(ZoneInfo(tz)).isoformat()}")
