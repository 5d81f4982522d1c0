"""Take Holdfast's own tables out of a SQLite file; the user's tables beside them stay."""

import sqlite3


def drop(connection: sqlite3.Connection) -> None:
    """Drop every table and view whose name begins with `holdfast_`, inside the caller's transaction."""
    named = connection.execute(
        "select type, name from sqlite_master where type in ('table', 'view') and name like 'holdfast\\_%' escape '\\' "
        "order by type desc"
    ).fetchall()
    for kind, name in named:
        connection.execute(f'drop {kind} "' + name.replace('"', '""') + '"')
