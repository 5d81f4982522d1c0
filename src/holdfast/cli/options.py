"""Options that every command takes; those about the database may also stand before its name."""

from typing import Annotated, TypeAlias

import typer

from holdfast.cli.logs import LEVELS

PANEL = "Database and output"

Url: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="The database: sqlite:///app.db or postgresql://user@host/name. "
        "Else $HOLDFAST_URL, pyproject.toml, sqlite:///holdfast.db.",
        rich_help_panel=PANEL,
    ),
]
Schema: TypeAlias = Annotated[
    str | None,
    typer.Option("--schema", metavar="NAME", help="The PostgreSQL schema of the tables.", rich_help_panel=PANEL),
]
Verbose: TypeAlias = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, show_default=False, help="Say more; -vv: show tracebacks.", rich_help_panel=PANEL
    ),
]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead.", rich_help_panel=PANEL)
]
JsonLogs: TypeAlias = Annotated[bool, typer.Option("--json", help="Log one JSON object a line.", rich_help_panel=PANEL)]
LogLevel: TypeAlias = Annotated[
    str | None,
    typer.Option("--log-level", metavar="LEVEL", help=f"The least that is logged: {', '.join(LEVELS)}; -v is debug."),
]
AppName: TypeAlias = Annotated[
    str | None,
    typer.Argument(metavar="MODULE:APP", show_default=False, help="The app, as in shop.jobs:app."),
]
