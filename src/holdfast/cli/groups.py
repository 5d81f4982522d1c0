"""`holdfast groups`: look at groups of jobs, and let one go on that a failure has stopped."""

import shlex
import sys
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from holdfast.cli import gate_tables as tables
from holdfast.cli.commands import Command, Group
from holdfast.cli.given import After, Limit, opened
from holdfast.cli.options import AsJson
from holdfast.cli.screen import print_json, printable, stderr, stdout

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.model.gate import Gate

program = typer.Typer(cls=Group, help="Look at groups of jobs, and open stopped ones.", no_args_is_help=True)

Name: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="What the group is called.")]


@program.command("list", cls=Command)
@opened
def list_(
    app: "Holdfast",
    stopped: Annotated[bool, typer.Option("--stopped", help="Only those that a failure keeps shut.")] = False,
    limit: Limit = 100,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """List groups by name: places taken, jobs that wait, and which failure keeps it shut.

    In a terminal it is a table, in a pipe lines with tabs. A count that ends with + is of all that was looked at.
    """
    page = app.groups.list(stopped=stopped, limit=limit, after=after)
    if as_json:
        print_json({"groups": [tables.document(each) for each in page], "next": page.next})
        return
    tables.print_gates(stdout(), page)
    if not page:
        stderr().print("no stopped groups" if stopped else "no groups", style="dim")
    if page.next is not None:
        stderr().print(f"more: --after {printable(page.next)}", style="dim", soft_wrap=True, markup=False)


@program.command("show", cls=Command)
@opened
def show(
    app: "Holdfast",
    name: Name,
    as_json: AsJson = False,
) -> None:
    """Show what is in a group, and which job's failure keeps it shut."""
    gate = app.groups.get(name)
    failed = "" if gate is None else _failed(app, gate)
    if as_json:
        print_json(None if gate is None else tables.document(gate))
    elif gate is None:
        stderr().print(f"no jobs of group {printable(name)} for a day", style="dim", markup=False)
    else:
        tables.print_gate(stdout(), gate, failed)


def _failed(app: "Holdfast", gate: "Gate") -> str:
    """What is known of the job that stopped it, and what to do."""
    if gate.stopped_by is None:
        return ""
    job = app.jobs.get(gate.stopped_by)
    go_on = f"holdfast groups resume {shlex.quote(gate.name)}"
    if job is None:
        return f", which is removed: {go_on}"
    if not job.state.finished:
        return f" ({job.task}), which is {job.state.value} again"
    return f" ({job.task}), {job.state.value}: retry it, or {go_on}"


@program.command("resume", cls=Command)
@opened
def resume(
    app: "Holdfast",
    name: Name,
    as_json: AsJson = False,
) -> None:
    """Let a stopped group go on without the job that failed; a retry of that job does so too, and runs it first."""
    resumed = app.groups.resume(name)
    if as_json:
        print_json({"name": name, "resumed": resumed})
    else:
        said = "goes on" if resumed else "was not stopped: nothing changed"
        sys.stdout.write(f"{printable(name)}\t{said}\n")
