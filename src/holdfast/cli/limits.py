"""`holdfast limits`: look at limits, give them other numbers, leave them to the code again."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from holdfast.cli import gate_tables as tables
from holdfast.cli.commands import Command, Group
from holdfast.cli.given import After, Limit, opened
from holdfast.cli.options import AsJson
from holdfast.cli.screen import print_json, printable, stderr, stdout
from holdfast.errors import InvalidOption

if TYPE_CHECKING:
    from holdfast.app import Holdfast

program = typer.Typer(cls=Group, help="Look at limits, and change them while jobs wait.", no_args_is_help=True)

Name: TypeAlias = Annotated[
    str, typer.Argument(metavar="NAME", help="What the limit is called: its name=, else its task.")
]


@program.command("list", cls=Command)
@opened
def list_(
    app: "Holdfast",
    limit: Limit = 100,
    after: After = None,
    parts: Annotated[bool, typer.Option("--parts", help="In a terminal, too, a line for every part.")] = False,
    as_json: AsJson = False,
) -> None:
    """List limits and their parts by name: places taken, jobs that wait, how fast they start.

    In a terminal it is a table, where one line sums up a limit of many parts, with the three for which most jobs wait;
    in a pipe lines with tabs, one for each part. One that nobody has used for a day is not there, unless it was set by
    hand. A count that ends with + is of all that was looked at.
    """
    summed = stdout().is_terminal and not (parts or as_json)
    page = app.limits.list(limit=tables.MOST if summed else limit, after=after)
    if summed and page:
        tables.print_limits(stdout(), page)
        if page.next is not None:
            stderr().print(f"more: --after {printable(page.next)}", style="dim", soft_wrap=True, markup=False)
        return
    if as_json:
        print_json({"limits": [tables.document(each) for each in page], "next": page.next})
        return
    tables.print_gates(stdout(), page)
    if not page:
        stderr().print("no limits", style="dim")
    if page.next is not None:
        stderr().print(f"more: --after {printable(page.next)}", style="dim", soft_wrap=True, markup=False)


@program.command("show", cls=Command)
@opened
def show(
    app: "Holdfast",
    name: Name,
    part: Annotated[
        str | None, typer.Option("--part", metavar="VALUE", help="Its part for one value of its by= function.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is in a limit, or in one part of it."""
    gate = app.limits.get(name, part=part)
    if as_json:
        print_json(None if gate is None else tables.document(gate))
    elif gate is None:
        whole = name if part is None else f"{name}/{part}"
        stderr().print(f"no jobs under limit {printable(whole)} for a day", style="dim", markup=False)
    else:
        tables.print_gate(stdout(), gate)


@program.command("set", cls=Command)
@opened
def set_(
    app: "Holdfast",
    name: Name,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", "-c", metavar="N", help="So many places. Else any number.")
    ] = None,
    throttle: Annotated[
        str | None, typer.Option(metavar="RATE", help="How fast its jobs start, as in 10/s or 5m. Else at any pace.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a limit and all its parts other numbers, both of them: what the code says no longer counts for it.

    Jobs that run go on; a smaller limit is reached as they end.
    """
    if concurrency is None and throttle is None:
        raise InvalidOption("say what to set: --concurrency, --throttle or both; what is not given is then no limit")
    app.limits.set(name, concurrency=concurrency, throttle=throttle)
    gate = app.limits.get(name)
    _say(name, None if gate is None else tables.document(gate), as_json, "" if gate is None else tables.numbers(gate))


@program.command("reset", cls=Command)
@opened
def reset(
    app: "Holdfast",
    name: Name,
    as_json: AsJson = False,
) -> None:
    """Leave a limit to the code again: its numbers count from the next start of a worker on."""
    app.limits.reset(name)
    gate = app.limits.get(name)
    said = "nothing was said of it" if gate is None else "the next worker that starts sets it"
    _say(name, None if gate is None else tables.document(gate), as_json, said)


def _say(name: str, document: dict[str, Any] | None, as_json: bool, said: str) -> None:
    if as_json:
        print_json(document)
    else:
        sys.stdout.write(f"{printable(name)}\t{printable(said)}\n")
