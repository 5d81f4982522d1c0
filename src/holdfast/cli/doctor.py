"""`holdfast doctor`: what is wrong with the database and those who work on it, and what to do."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import typer

from holdfast.cli.exits import Exit
from holdfast.cli.options import AppName, AsJson, Schema, Url, Verbose
from holdfast.cli.screen import print_json, printable, stdout
from holdfast.cli.target import Asked, app_named, asked, existing
from holdfast.errors import DatabaseUnavailable
from holdfast.model.finding import Finding, Level, problem

if TYPE_CHECKING:
    from rich.console import Console


MARKS = {Level.OK: ("✓", "green"), Level.WARNING: ("!", "bold yellow"), Level.PROBLEM: ("✗", "bold red")}
PLAIN_MARKS = {Level.OK: "ok", Level.WARNING: "!", Level.PROBLEM: "!!"}
NAME_WIDTH = 16


def run(
    context: typer.Context,
    app: AppName = None,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Look for what is wrong, and say what to do about it.

    It looks at versions, tables, what keeps the database from cleaning up, disk, clocks, wake-ups, workers, the leader,
    and jobs that wait for nobody. It changes nothing. Exit code 1 where there is a problem, 0 with warnings only.
    """
    findings = list_out(examined(app, asked(context, url, schema, verbose)), as_json)
    if any(finding.level is Level.PROBLEM for _, finding in findings):
        raise typer.Exit(Exit.FAILED)


def examined(name: str | None, wanted: Asked) -> Iterator[tuple[str, Finding]]:
    """Every finding as soon as it is made."""
    from holdfast import __version__
    from holdfast.doctor.examination import examine

    try:
        app = existing(wanted) if name is None else app_named(name, wanted)
    except DatabaseUnavailable as error:
        yield "database", problem(str(error), "")
        return
    try:
        yield from examine(app.store, __version__)
    finally:
        app.close()


def list_out(found: Iterable[tuple[str, Finding]], as_json: bool) -> list[tuple[str, Finding]]:
    """Print the findings as they come, and answer them."""
    console = stdout()
    if as_json:
        whole = list(found)
        print_json(document(whole))
        return whole
    findings: list[tuple[str, Finding]] = []
    for name, finding in found:
        findings.append((name, finding))
        if console.is_terminal:
            print_finding(console, name, finding)
        else:
            cells = (finding.level.value, name, finding.what, finding.remedy)
            sys.stdout.write("\t".join(printable(cell) for cell in cells) + "\n")
            sys.stdout.flush()
    if console.is_terminal:
        print_sum(console, findings)
    return findings


def document(findings: list[tuple[str, Finding]]) -> dict[str, Any]:
    return {
        "ok": not any(finding.level is Level.PROBLEM for _, finding in findings),
        "findings": [
            {"check": name, "level": finding.level.value, "what": finding.what, "remedy": finding.remedy or None}
            for name, finding in findings
        ],
    }


def print_finding(console: "Console", name: str, finding: Finding) -> None:
    """A mark, the check, and two sentences, wrapped beside the check's name."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    mark, style = MARKS[finding.level]
    arrow = "→"
    if "utf" not in console.encoding.lower():
        mark, arrow = PLAIN_MARKS[finding.level], "->"
    table = Table.grid(padding=(0, 1))
    table.add_column(width=2)
    table.add_column(width=NAME_WIDTH)
    table.add_column(ratio=1, overflow="fold")
    what_style = "" if finding.level is Level.OK else style.removeprefix("bold ")
    table.add_row(Text(mark, style), Text(name, "bold"), Text(printable(finding.what), what_style))
    if finding.remedy:
        table.add_row("", "", Text(f"{arrow} {printable(finding.remedy)}", "dim"))
    console.print(Padding(table, (0, 0, 0, 1)))


def print_sum(console: "Console", findings: list[tuple[str, Finding]]) -> None:
    from rich.text import Text

    counts = {level: sum(finding.level is level for _, finding in findings) for level in Level}
    told = [
        (f"{count} {level.value}{'s' if count != 1 else ''}", MARKS[level][1])
        for level, count in counts.items()
        if count and level is not Level.OK
    ]
    parts: list[Any] = []
    for text, style in told:
        parts += [(text, style), ", "]
    good = counts[Level.OK]
    parts.append(f"{good} check{'s' if good != 1 else ''} found nothing wrong")
    console.print(Text.assemble("\n ", *parts))
