"""`holdfast workers`: who works."""

import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.commands import Command, Group
from holdfast.cli.given import opened
from holdfast.cli.options import AsJson
from holdfast.cli.screen import print_json, printable, say, stdout
from holdfast.cli.times import exact, now, relative
from holdfast.storage import rows

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.storage.ops.inspect import WorkerRecord

program = typer.Typer(cls=Group, help="See who works.", no_args_is_help=True)


@program.command("list", cls=Command)
@opened
def list_(
    app: "Holdfast",
    gone: Annotated[bool, typer.Option("--gone", help="Those too that vanished within the last hour.")] = False,
    as_json: AsJson = False,
) -> None:
    """List workers, the newest first: how many of their slots are taken, which queues they serve."""
    from holdfast.storage.ops.inspect import workers

    found = [worker for worker in app.store.run(workers(), "read") if gone or worker.alive]
    if as_json:
        print_json({"workers": [document(worker) for worker in found]})
        return
    if stdout().is_terminal:
        if found:
            stdout().print(table(found, now()))
    else:
        sys.stdout.write("\n".join(["\t".join(HEADINGS), *map(line, found)]) + "\n")
    if not found:
        say("no workers")


def document(worker: "WorkerRecord") -> dict[str, Any]:
    """Every part of it; `queues`: null for all."""
    found = asdict(worker)
    found["queues"] = None if worker.queues is None else sorted(rows.names(worker.queues))
    found["tasks"] = sorted(rows.names(worker.tasks))
    return {name: exact(value) if isinstance(value, datetime) else value for name, value in found.items()}


def state(worker: "WorkerRecord") -> str:
    return "gone" if not worker.alive else "paused" if worker.paused else "at work" if worker.running else "idle"


HEADINGS = ("worker", "state", "running", "concurrency", "queues", "version", "started_at")


def line(worker: "WorkerRecord") -> str:
    """It, for a pipe."""
    slots = (str(worker.running), str(worker.concurrency))
    cells = (printable(worker.name), state(worker), *slots, _queues(worker, ","), worker.version)
    return "\t".join([*cells, exact(worker.started_at)])


def _queues(worker: "WorkerRecord", between: str) -> str:
    return "all" if worker.queues is None else printable(between.join(sorted(rows.names(worker.queues))))


STYLES = {"gone": "red", "paused": "yellow", "at work": "cyan", "idle": "green"}
BAR = 12


def table(found: "Iterable[WorkerRecord]", at: datetime) -> Any:
    """A row for each, with a bar of the slots that are taken."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    shown.add_column("WORKER", no_wrap=True, overflow="ellipsis", min_width=12)
    shown.add_column("STATE", no_wrap=True)
    shown.add_column("SLOTS", no_wrap=True, min_width=BAR)
    shown.add_column("", justify="right", no_wrap=True)
    shown.add_column("QUEUES", no_wrap=True, overflow="ellipsis")
    shown.add_column("UP", justify="right", no_wrap=True)
    for worker in found:
        how = state(worker)
        taken = 0 if worker.concurrency <= 0 else min(BAR, -(-worker.running * BAR // worker.concurrency))
        bar = Text.assemble(("━" * taken, "cyan"), ("━" * (BAR - taken), "bright_black"))
        up = relative(worker.started_at, at).removesuffix(" ago")
        shown.add_row(
            Text(printable(worker.name)), Text(how, STYLES[how]), bar, f"{worker.running}/{worker.concurrency}",
            Text(_queues(worker, " ")), up,
        )  # fmt: skip
    return shown
