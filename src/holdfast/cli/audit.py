"""`holdfast audit`: who did what to jobs by hand."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from holdfast.cli.commands import Command, Group
from holdfast.cli.given import After, Limit, opened
from holdfast.cli.options import AsJson
from holdfast.cli.screen import print_json, printable, say, stdout
from holdfast.cli.times import exact, now, relative

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.model.audit import AuditEntry

program = typer.Typer(cls=Group, help="See who did what to jobs by hand.", no_args_is_help=True)


@program.command("list", cls=Command)
@opened
def list_(
    app: "Holdfast",
    job: Annotated[str | None, typer.Option("--job", metavar="ID", help="Only about this job.")] = None,
    limit: Limit = 50,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """List what edits and bulk verbs changed in the last 90 days, the newest first: who, what, before and after."""
    page = app.audit.list(job=job, limit=limit, after=after)
    if as_json:
        print_json({"notes": [_document(note) for note in page], "next": page.next})
        return
    if stdout().is_terminal:
        _print_table(page)
    else:
        lines: list[str] = ["\t".join(["at", "actor", "verb", "job", "before", "after", "said"])]
        lines += ["\t".join(map(printable, _cells(note, exact(note.at)))) for note in page]
        sys.stdout.write("\n".join(lines) + "\n")
    if not page:
        say("no notes")
    if page.next is not None:
        say(f"more: --after {page.next}")


def _document(note: "AuditEntry") -> dict[str, Any]:
    return {
        "seq": note.seq, "at": exact(note.at), "verb": note.verb, "actor": note.actor, "job": note.job,
        "said": note.said, "before": note.before, "after": note.after,
    }  # fmt: skip


def _cells(note: "AuditEntry", at: str) -> list[str]:
    return [at, note.actor, note.verb, note.job, _short(note.before), _short(note.after), _short(note.said)]


def _short(value: Any) -> str:
    """`state=ready version=1` of what was noted."""
    if not isinstance(value, Mapping):
        return "" if value is None else str(value)
    parts = cast("Mapping[str, Any]", value).items()
    return " ".join(f"{name}={each if isinstance(each, str) else json.dumps(each)}" for name, each in parts)


def _print_table(page: "Sequence[AuditEntry]") -> None:
    from rich.table import Table
    from rich.text import Text

    if not page:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading, least in (("WHEN", 7), ("WHO", 8), ("VERB", 6), ("JOB", 36), ("BEFORE", 8), ("AFTER", 8)):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", min_width=least)
    at = now()
    for note in page:
        table.add_row(*(Text(printable(cell)) for cell in _cells(note, relative(note.at, at))[:6]))
    stdout().print(table)
