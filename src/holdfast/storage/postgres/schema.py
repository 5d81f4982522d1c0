"""Our own schema in a PostgreSQL database: which steps were run there, and running the missing ones."""

import shlex
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from holdfast.errors import ConfigError
from holdfast.storage.migrate import migrations, tables_of
from holdfast.storage.postgres.session import PACKAGE
from holdfast.storage.postgres.tenancy import roles_of


def applied_to(connection: "psycopg.Connection[Any]", schema: str) -> int | None:
    """The number of the last step that was run there; None where there are no tables.

    Raises ConfigError where the schema's tables are another program's.
    """
    cursor = psycopg.RawCursor(connection, row_factory=tuple_row)
    columns = {name for (name,) in cursor.execute(_COLUMNS, [f'"{schema}".migrations'])}
    if not columns:
        return None
    if not columns >= {"number", "name", "applied_at"}:
        raise _taken(schema, ["migrations"])
    row = cursor.execute(_ours(f'select max(number) from "{schema}".migrations')).fetchone()  # noqa: S608
    return None if row is None else row[0]


_COLUMNS: LiteralString = (
    "select attname from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped"
)
_NAMES: LiteralString = (
    "select relname from pg_class "
    "where relnamespace = to_regnamespace(quote_ident($1)) and relname = any($2) order by 1"
)


def _taken(schema: str, names: list[str]) -> ConfigError:
    return ConfigError(
        f"schema {schema} has {'a table' if len(names) == 1 else 'tables'} called {', '.join(names)} of another "
        "program: give Holdfast a schema of its own, as in schema='holdfast'"
    )


def _refuse_others(connection: "psycopg.Connection[Any]", schema: str) -> None:
    """Before the first step: it would fail at a table of that name, or worse, not at all."""
    names = list(tables_of(migrations(PACKAGE, schema)))
    cursor = psycopg.RawCursor(connection, row_factory=tuple_row)
    found = [name for (name,) in cursor.execute(_NAMES, [schema, names])]
    if found:
        raise _taken(schema, found)


def migrate(connection: "psycopg.Connection[Any]", schema: str) -> list[str]:
    """Run the missing steps, each in a transaction of its own, one process at a time. Answers their names."""
    made: list[str] = []
    for step in migrations(PACKAGE, schema):
        with connection.transaction():
            lock_schema(connection, schema)
            applied = applied_to(connection, schema)
            if (applied or 0) >= step.number:
                continue
            if applied is None:
                _refuse_others(connection, schema)
            for line in preparation(schema) if step.number == 1 else ():
                connection.execute(_ours(line))
            roles = None if applied is None else roles_of(connection, schema)
            if roles is not None:  # what the step makes is that role's, and protected like the rest
                connection.execute(SQL("set local role {}").format(Identifier(roles.admin)))
            connection.execute(_ours(step.sql))
            connection.execute(_ours(_recorded(schema, step.number, step.name)))
            if roles is not None:
                connection.execute(_ours(f'select "{schema}".protect()'))
            made.append(step.name)
    return made


@contextmanager
def steady(connection: "psycopg.Connection[Any]") -> Generator[None, None, None]:
    """Whatever the database's default: a statement that comes after a lock sees what the lock was waiting for.

    And nothing is prepared, for behind a pooler that fails."""
    before, threshold = connection.isolation_level, connection.prepare_threshold
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    connection.prepare_threshold = None
    try:
        yield
    finally:
        if not connection.closed:
            connection.isolation_level = before
            connection.prepare_threshold = threshold


def lock_schema(connection: "psycopg.Connection[Any]", schema: str) -> None:
    """One process at a time changes a schema; until the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"holdfast:{schema}"])


def _ours(text: str) -> LiteralString:
    """SQL of our own files, in which only a checked schema name was put: to the type checkers, a literal."""
    ours: LiteralString = cast("Any", text)
    return ours


def dump_command(address: str | None, schema: str, target: Path) -> str:
    """What copies Holdfast's tables to a file; without --schema it copies the whole database."""
    words = ["pg_dump", "--format=custom", f'--schema="{schema}"', f"--file={target}", address or "postgresql://…"]
    return shlex.join(words)


def preparation(schema: str) -> tuple[str, ...]:
    """What stands before the first step."""
    return (
        f'create schema if not exists "{schema}"',
        f'create table if not exists "{schema}".migrations '
        "(number int primary key, name text not null, applied_at timestamptz not null default now())",
    )


def _recorded(schema: str, number: int, name: str) -> str:
    return f"insert into \"{schema}\".migrations (number, name) values ({number}, '{name}')"  # noqa: S608


def migration_sql(schema: str = "holdfast") -> list[str]:
    """Every statement from an empty database to the newest schema, for other migration tools."""
    script = list(preparation(schema))
    for step in migrations(PACKAGE, schema):
        script += [step.sql, _recorded(schema, step.number, step.name)]
    return script
