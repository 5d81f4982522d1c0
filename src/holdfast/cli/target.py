"""What a command works on: the app or the database that its options name."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from holdfast.app import Holdfast


@dataclass(slots=True)
class Asked:
    """What was asked for, wherever on the command line it stood."""

    url: str | None = None
    schema: str | None = None
    verbose: int = 0

    def take(self, url: str | None, schema: str | None, verbose: int) -> None:
        """Add what stands after the command's name; it wins over what stands before."""
        self.url = self.url if url is None else url
        self.schema = self.schema if schema is None else schema
        self.verbose += verbose


def asked(context: typer.Context, url: str | None, schema: str | None, verbose: int) -> Asked:
    """All options of this run, those of the command itself included."""
    found = context.find_object(Asked)
    if found is None:
        found = context.obj = Asked()
    found.take(url, schema, verbose)
    return found


def app_named(name: str, asked: Asked) -> "Holdfast":
    """The app that MODULE:APP names, with --url and --schema instead of its own."""
    from holdfast.cli.imports import load_app

    app = load_app(name)
    if asked.url is not None or asked.schema is not None:
        app.configure(asked.url, schema=asked.schema)
    return app


def app_of_database(asked: Asked, migrate: bool | None = None) -> "Holdfast":
    """An app without tasks, for what needs a database only."""
    from holdfast.app import Holdfast

    return Holdfast(asked.url, schema=asked.schema, migrate=migrate)


def existing(asked: Asked) -> "Holdfast":
    """The same on a database that is there: looking at it makes and changes nothing.

    Raises DatabaseUnavailable where the SQLite file does not exist.
    """
    refuse_absent_file(asked)
    return app_of_database(asked, migrate=False)


def refuse_absent_file(asked: Asked) -> None:
    """Raises DatabaseUnavailable where the URL names a SQLite file that does not exist."""
    from holdfast.config import Settings
    from holdfast.errors import DatabaseUnavailable
    from holdfast.model.url import SqliteUrl, parse_url

    url = parse_url(Settings.load(url=asked.url).url)
    if isinstance(url, SqliteUrl) and url.path is not None and not Path(url.path).exists():
        raise DatabaseUnavailable(
            f"there is no SQLite database {Path(url.path).absolute()}: give --url or HOLDFAST_URL, "
            "or make it with holdfast migrate"
        )


def reach(app: "Holdfast", lane: str) -> None:
    """Open the database now, over a connection that will be needed anyway, or raise what is wrong with it."""
    from holdfast.ids import new_id
    from holdfast.model.tenant import Scope
    from holdfast.storage.ops import inspect

    app.store.run(inspect.get([new_id()], Scope()), lane)
