"""`holdfast groups`: look at groups of jobs, and let one go on that a failure has stopped."""

import shlex
import sys
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from holdfast.cli import gate_tables as tables
from holdfast.cli.commands import Command, Group
from holdfast.cli.options import AsJson, Schema, Url, Verbose
from holdfast.cli.screen import print_json, printable, stderr, stdout
from holdfast.cli.target import asked, existing

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.model.gate import Gate

program = typer.Typer(cls=Group, help="Look at groups of jobs, and open stopped ones.", no_args_is_help=True)

Name: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="What the group is called.")]


@program.command("list", cls=Command)
def list_(
    context: typer.Context,
    stopped: Annotated[bool, typer.Option("--stopped", help="Only those that a failure keeps shut.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", help="At most so many, 1 to 1000.")] = 100,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="The next page: the cursor that the last one ended with.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """List groups by name: places taken, jobs that wait, and which failure keeps it shut.

    In a terminal it is a table, in a pipe lines with tabs. A count that ends with + is of all that was looked at.
    """
    app = existing(asked(context, url, schema, verbose))
    try:
        page = app.groups.list(stopped=stopped, limit=limit, after=after)
    finally:
        app.close()
    if as_json:
        print_json({"groups": [tables.document(each) for each in page], "next": page.next})
        return
    tables.print_gates(stdout(), page)
    if not page:
        stderr().print("no stopped groups" if stopped else "no groups", style="dim")
    if page.next is not None:
        stderr().print(f"more: --after {printable(page.next)}", style="dim", soft_wrap=True, markup=False)


@program.command("show", cls=Command)
def show(
    context: typer.Context,
    name: Name,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Show what is in a group, and which job's failure keeps it shut."""
    app = existing(asked(context, url, schema, verbose))
    try:
        gate = app.groups.get(name)
        failed = "" if gate is None else _failed(app, gate)
    finally:
        app.close()
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
def resume(
    context: typer.Context,
    name: Name,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Let a stopped group go on without the job that failed; a retry of that job does so too, and runs it first."""
    app = existing(asked(context, url, schema, verbose))
    try:
        opened = app.groups.resume(name)
    finally:
        app.close()
    if as_json:
        print_json({"name": name, "resumed": opened})
    else:
        said = "goes on" if opened else "was not stopped: nothing changed"
        sys.stdout.write(f"{printable(name)}\t{said}\n")
