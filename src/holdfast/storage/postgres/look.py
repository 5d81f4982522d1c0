"""Looks at the server for diagnosis: bounded in time, on a connection of their own, changing nothing."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString, cast

import psycopg
from psycopg.rows import tuple_row

from holdfast.storage.op import Row
from holdfast.storage.postgres.schema import steady
from holdfast.storage.postgres.session import translated
from holdfast.storage.postgres.source import Source

LIMITS = "set local statement_timeout = '10s'; set local lock_timeout = '2s'; set local search_path = pg_catalog"
"""Holds for a transaction, so that it works behind a pooler and leaves nothing there."""


class Look:
    """Runs queries on the server. `$1` and so on stand for values, `"holdfast"` for the schema's quoted name."""

    def __init__(self, source: Source, schema: str) -> None:
        self.source = source
        self.schema = schema

    @property
    def identifier(self) -> str:
        return '"' + self.schema.replace('"', '""') + '"'

    @contextmanager
    def connected(self) -> Generator["psycopg.Connection[Any]", None, None]:
        """A connection within a transaction that is rolled back."""
        connection = self.source.acquire()
        try:
            with steady(connection), connection.transaction(force_rollback=True):
                connection.execute(LIMITS, prepare=False)
                yield connection
        except psycopg.Error as error:
            raise translated(error) from error
        finally:
            self.source.release(connection, broken=connection.closed)

    def rows(self, query: str, *values: Any) -> list[Row]:
        with self.connected() as connection:
            return rows(connection, query.replace('"holdfast"', self.identifier), *values)

    def row(self, query: str, *values: Any) -> Row:
        return self.rows(query, *values)[0]


def rows(connection: "psycopg.Connection[Any]", query: str, *values: Any) -> list[Row]:
    cursor = psycopg.RawCursor(connection, row_factory=tuple_row)
    ours: LiteralString = cast("Any", query)
    given: Sequence[Any] = values
    return cursor.execute(ours, given, prepare=False).fetchall()
