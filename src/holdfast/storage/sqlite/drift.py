"""The tables as they are, held against what the migrations make."""

import sqlite3
from collections.abc import Iterable

from holdfast.model.finding import Finding
from holdfast.storage.compare import compared
from holdfast.storage.migrate import Migration

_OURS = "select type, name, tbl_name, sql from sqlite_master where tbl_name like 'holdfast\\_%' escape '\\'"


def drift(connection: sqlite3.Connection, steps: Iterable[Migration]) -> list[Finding]:
    """What differs in the tables from what these steps make."""
    from holdfast.storage.sqlite.store import commands

    fresh = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for step in steps:
            for command in commands(step.sql):
                fresh.execute(command)
        return compared(_shape(fresh), _shape(connection))
    finally:
        fresh.close()


def _shape(connection: sqlite3.Connection) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind, name, table, sql in connection.execute(_OURS).fetchall():
        if table == "holdfast_migrations" or sql is None:  # made apart; and indexes that SQLite makes itself
            continue
        found[f"{kind} {name}"] = "" if kind == "table" else " ".join(sql.split())
        if kind == "table":
            for _, column, form, required, default, key, hidden in connection.execute(
                "select * from pragma_table_xinfo(?)", (name,)
            ):
                found[f"column {name}.{column}"] = f"{form} {required} {default} {key} {hidden}"
            found[f"definition of {name}"] = " ".join(sql.split())
    return found
