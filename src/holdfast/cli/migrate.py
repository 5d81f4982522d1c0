"""`holdfast migrate`: make the tables, bring them up to date, or print the SQL that does."""

from typing import Annotated

import typer

from holdfast.cli.options import AppName, AsJson, Schema, Url, Verbose
from holdfast.cli.screen import print_json
from holdfast.cli.target import app_named, app_of_database, asked


def run(
    context: typer.Context,
    app: AppName = None,
    sql: Annotated[
        bool,
        typer.Option("--sql", help="Print the SQL for PostgreSQL, from nothing to the newest step; touch nothing."),
    ] = False,
    reset: Annotated[
        bool, typer.Option("--reset", help="For development: delete all jobs and tables and make them anew.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Really --reset.")] = False,
    tenants: Annotated[
        bool, typer.Option("--tenants", help="Let PostgreSQL keep tenants apart: three roles, and row security.")
    ] = False,
    roles: Annotated[
        str, typer.Option("--roles", help="What the names of the roles begin with.", metavar="PREFIX")
    ] = "holdfast",
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Make Holdfast's tables, or bring them up to date.

    It may run beside workers, and any number of times. SQLite files need it only where an app says migrate=False.
    """
    from holdfast.errors import MisuseError
    from holdfast.model.text import check_name

    wanted = asked(context, url, schema, verbose)
    if sql:
        print_sql(wanted.schema)
        return
    found = app_of_database(wanted) if app is None else app_named(app, wanted)
    try:
        store = found.store
        where = store.where
        if reset and not yes:
            raise MisuseError(f"--reset deletes every job of {where}, which cannot be undone: repeat it with --yes")
        steps = store.reset() if reset else store.migrate()
        made = store.keep_apart(check_name(roles, "--roles")) if tenants else []
    finally:
        found.close()
    if as_json:
        print_json({"database": where.removeprefix("the "), "reset": reset, "steps": steps, "roles": made})
    else:
        print_steps(where, steps, reset)
        if tenants:
            print_roles(roles, made)


def print_steps(where: str, steps: list[str], reset: bool) -> None:
    what = f"ran {', '.join(steps)}" if steps else "up to date"
    print(f"{where.removeprefix('the ')}: {'emptied; ' if reset else ''}{what}")


def print_roles(prefix: str, made: list[str]) -> None:
    print(f"tenants are kept apart by PostgreSQL{'; made the roles ' + ', '.join(made) if made else ''}")
    print(f"grant {prefix}_worker to the role that workers connect as, {prefix}_user to that of programs which enqueue")


def print_sql(schema: str | None) -> None:
    """The statements, each ended by a semicolon."""
    from holdfast.config import Settings
    from holdfast.storage.open import migration_sql

    for statement in migration_sql(Settings.load(schema=schema).schema):
        print(statement.strip().rstrip(";") + ";\n")
