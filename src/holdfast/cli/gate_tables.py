"""Groups and limits as tables, one by one, and as JSON documents."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from holdfast.cli.screen import printable
from holdfast.model.duration import format_duration
from holdfast.model.gate import Gate

if TYPE_CHECKING:
    from rich.console import Console

LABEL = 12
MOST = 1000
"""Parts that are summed up at once."""

FEW = 5
"""Parts of a limit that are shown one by one."""

BUSIEST = 3
"""And of a limit that has more, the busiest."""

PLAIN: tuple[tuple[str, Callable[[Gate], str]], ...] = (
    ("name", lambda gate: gate.name),
    ("part", lambda gate: gate.part or ""),
    ("size", lambda gate: "" if gate.size is None else str(gate.size)),
    ("spacing", lambda gate: "" if gate.spacing is None else f"{gate.spacing:g}"),
    ("used", lambda gate: str(gate.used)),
    ("waiting", lambda gate: str(gate.waiting)),
    ("edited", lambda gate: "yes" if gate.edited else ""),
    ("stopped_by", lambda gate: gate.stopped_by or ""),
)


def waiting(gate: Gate) -> str:
    """A count, with a + where there may be more."""
    return f"{gate.waiting:,}{'+' if gate.more else ''}"


def places(gate: Gate) -> str:
    """`2 of 5`, or `2` of any number."""
    return str(gate.used) if gate.size is None else f"{gate.used} of {gate.size}"


def starts(gate: Gate) -> str:
    """`10/s`, or `one in 5m`."""
    if gate.spacing is None:
        return ""
    return f"{1 / gate.spacing:g}/s" if gate.spacing <= 1 else f"one in {format_duration(gate.spacing)}"


def called(gate: Gate) -> str:
    return gate.name if gate.part is None else f"{gate.name}/{gate.part}"


def numbers(gate: Gate) -> str:
    """What it lets in, in one line."""
    return ", ".join(
        filter(None, ("any number at once" if gate.size is None else f"{gate.size} at once", starts(gate)))
    )


def document(gate: Gate) -> dict[str, Any]:
    """Every part under its own name; `spacing` is the seconds between two starts."""
    return {part.name: getattr(gate, part.name) for part in fields(gate)} | {"stopped": gate.stopped}


def print_gates(console: "Console", found: Sequence[Gate]) -> None:
    if not console.is_terminal:
        lines = ["\t".join(name for name, _ in PLAIN)]
        lines += ["\t".join(printable(cell(gate)) for _, cell in PLAIN) for gate in found]
        sys.stdout.write("\n".join(lines) + "\n")
        return
    if found:
        _print_table(console, found)


def print_limits(console: "Console", found: Sequence[Gate]) -> None:
    """A line for each limit, and for its parts where these are few."""
    by_name: dict[str, list[Gate]] = {}
    for gate in found:
        by_name.setdefault(gate.name, []).append(gate)
    lines: list[Gate | Summary] = []
    for parts in by_name.values():
        if len(parts) <= FEW:
            lines += parts
        else:
            lines.append(Summary(parts))
            lines += sorted(parts, key=lambda gate: (-gate.waiting, -gate.used))[:BUSIEST]
    _print_table(console, lines)


class Summary:
    """Many parts of one limit in a line."""

    def __init__(self, parts: Sequence[Gate]) -> None:
        sizes = [gate.size for gate in parts if gate.size is not None]
        self.name = f"{parts[0].name} ({len(parts):,} parts)"
        used, full = (
            sum(gate.used for gate in parts),
            sum(gate.size is not None and gate.used >= gate.size for gate in parts),
        )
        self.places = f"{used:,} of {sum(sizes):,}" if len(sizes) == len(parts) else f"{used:,}"
        self.waiting = f"{sum(gate.waiting for gate in parts):,}{'+' if any(gate.more for gate in parts) else ''}"
        self.said = f"{full:,} full" if full else ""


def _print_table(console: "Console", found: Sequence[Gate | Summary]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("NAME", no_wrap=True, overflow="ellipsis")
    for heading in ("TAKEN", "WAITING"):
        table.add_column(heading, no_wrap=True, justify="right", min_width=len(heading))
    table.add_column("", no_wrap=True, overflow="ellipsis")
    for gate in found:
        if isinstance(gate, Summary):
            table.add_row(Text(printable(gate.name), "bold"), gate.places, gate.waiting, gate.said)
            continue
        style = "yellow" if gate.stopped else ""
        said = [f"stopped by {gate.stopped_by}"] if gate.stopped else []
        said += [starts(gate), "set by hand" if gate.edited else ""]
        counts = [Text(places(gate), "" if gate.used else "dim"), Text(waiting(gate), "" if gate.waiting else "dim")]
        table.add_row(
            Text(printable(called(gate)), style), *counts, Text(printable(", ".join(filter(None, said))), style)
        )
    console.print(table)


def print_gate(console: "Console", gate: Gate, failed: str = "") -> None:
    """All that is known; parts that are empty are left out. `failed`: what is known of the job that stopped it."""
    from rich.text import Text

    state = ("stopped", "yellow") if gate.stopped else ("open", "green")
    console.print(Text.assemble((printable(called(gate)), "bold"), "  ", state), soft_wrap=True)
    facts = [
        ("stopped by", f"{gate.stopped_by}{failed}" if gate.stopped else ""),
        ("taken", places(gate)),
        ("starts", starts(gate)),
        ("waiting", waiting(gate)),
        ("numbers", "set by hand" if gate.edited else ""),
    ]
    for label, value in facts:
        if value:
            console.print(Text.assemble("  ", (f"{label:<{LABEL}}", "cyan"), printable(value)), soft_wrap=True)
