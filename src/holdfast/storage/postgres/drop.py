"""Take Holdfast's own schema out of a PostgreSQL database; never a table of somebody else's."""

import re
from typing import TYPE_CHECKING, Any

from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from holdfast.errors import DatabaseError
from holdfast.storage.migrate import migrations, tables_of
from holdfast.storage.postgres.session import PACKAGE

if TYPE_CHECKING:
    from psycopg import Connection

_MADE = re.compile(r'create (?:or replace )?(?:view|function|type)(?: if not exists)? "[^"]+"\.(\w+)')

_THERE = """
select relname from pg_class
where relnamespace = to_regnamespace(quote_ident(%s)) and relkind in ('r', 'p', 'v', 'm', 'f') and not relispartition
union
select proname from pg_proc where pronamespace = to_regnamespace(quote_ident(%s))
order by 1
"""


def drop(connection: "Connection[Any]", schema: str) -> None:
    """Drop the schema with all that is in it, inside the caller's transaction.

    Raises DatabaseError, and drops nothing, where it holds what no migration of Holdfast made.
    """
    steps = migrations(PACKAGE, schema)
    made = {name for step in steps for name in _MADE.findall(step.sql)} | tables_of(steps) | {"migrations"}
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(_THERE, (schema, schema))
        there = {name for (name,) in cursor}
        if schema == "public" or there - made:
            raise DatabaseError(
                f"schema {schema} is not Holdfast's alone ({', '.join(sorted(there - made)) or 'it is public'}), "
                "and nothing was dropped: drop Holdfast's part of it yourself"
            )
        cursor.execute(SQL("drop schema if exists {} cascade").format(Identifier(schema)))
