"""Pipes and their messages as tables and as JSON documents."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from holdfast.cli.screen import printable
from holdfast.cli.times import exact, now, relative
from holdfast.model.ask import Ask
from holdfast.model.message import Message, Pending, PipeStats
from holdfast.storage.ops.pipes import MOST_COUNTED

if TYPE_CHECKING:
    from rich.console import Console


def stats_document(stats: PipeStats) -> dict[str, Any]:
    return {**asdict(stats), "last_at": exact(stats.last_at) if stats.last_at else None}


def document(message: Message[Any]) -> dict[str, Any]:
    """Every part of a message under its own name."""
    found = asdict(message)
    del found["place"]
    return {**found, "sent_at": exact(message.sent_at), "keep_until": exact(message.keep_until)}


def ask_document(ask: Ask) -> dict[str, Any]:
    """Every part of a wait under its own name."""
    found = asdict(ask)
    found |= {name: exact(found[name]) if found[name] else None for name in ("since", "asked_at", "until")}
    return found


def counted(number: int) -> str:
    return f"{number:,}+" if number >= MOST_COUNTED else f"{number:,}"


def print_pipes(console: "Console", found: Sequence[PipeStats]) -> None:
    if not console.is_terminal:
        lines = ["name\tmessages\tpending\tparked\tlast_at"]
        for one in found:
            newest = exact(one.last_at) if one.last_at else ""
            lines.append("\t".join([printable(one.name), str(one.messages), str(one.pending), str(one.parked), newest]))
        sys.stdout.write("\n".join(lines) + "\n")
        return
    if not found:
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("NAME", no_wrap=True, overflow="ellipsis")
    for name in ("MESSAGES", "PENDING", "PARKED"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("LAST", no_wrap=True)
    at = now()
    for one in found:
        parked = Text(counted(one.parked), "red" if one.parked else "dim")
        last = relative(one.last_at, at) if one.last_at else ""
        table.add_row(
            Text(printable(one.name)), counted(one.messages), Text(counted(one.pending), "" if one.pending else "dim"),
            parked, last,
        )  # fmt: skip
    console.print(table)


def print_messages(console: "Console", found: Sequence[Message[Any]], values: bool) -> None:
    if not console.is_terminal:
        names = ["id", "sent_at", "key", "taken", "job", *(["value"] if values else [])]
        lines = ["\t".join(names)]
        for one in found:
            cells = [one.id, exact(one.sent_at), printable(one.key or ""), str(one.taken), one.job or ""]
            lines.append("\t".join([*cells, *([_value(one)] if values else [])]))
        sys.stdout.write("\n".join(lines) + "\n")
        return
    if not found:
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("ID", no_wrap=True)
    table.add_column("SENT", no_wrap=True)
    table.add_column("TAKEN BY", no_wrap=True)
    table.add_column("KEY", no_wrap=True, overflow="ellipsis")
    if values:
        table.add_column("VALUE", no_wrap=True, overflow="ellipsis")
    at = now()
    for one in found:
        taken = f"{one.taken} task" + ("" if one.taken == 1 else "s") if one.taken else ""
        shown = [Text(one.id), Text(relative(one.sent_at, at)), Text(taken), Text(printable(one.key or ""))]
        table.add_row(*shown, *([Text(_value(one))] if values else []))
    console.print(table)


def print_parked(console: "Console", pending: Sequence[Pending]) -> None:
    """What could not be made of messages, and why."""
    for one in pending:
        if one.parked is not None:
            console.print(f"{one.message} could not become {printable(one.task)}: {printable(one.parked)}", style="red")


def _value(message: Message[Any]) -> str:
    return printable(json.dumps(message.value, ensure_ascii=False))
