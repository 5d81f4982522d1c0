"""Take Holdfast's own tables out of a SQLite file; the user's tables beside them stay."""

import sqlite3


def drop(connection: sqlite3.Connection) -> None:
    """Drop every table whose name begins with `holdfast_`, inside the caller's transaction."""
    named = connection.execute(
        "select name from sqlite_master where type = 'table' and name like 'holdfast\\_%' escape '\\'"
    ).fetchall()
    for (name,) in named:
        connection.execute('drop table "' + name.replace('"', '""') + '"')
