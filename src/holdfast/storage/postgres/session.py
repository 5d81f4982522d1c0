"""One PostgreSQL connection, spoken to in named statements."""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import errors as pg
from psycopg.rows import tuple_row

from holdfast import errors
from holdfast.clock import Clock, from_micros
from holdfast.storage.base import ConnectionLost
from holdfast.storage.load import Part, Sql, load
from holdfast.storage.op import Row
from holdfast.storage.postgres.arrays import literal
from holdfast.storage.postgres.source import Source

PACKAGE = "holdfast.storage.postgres"
CHUNK = 5000
"""Rows in one statement: beyond it batches gain nothing and hold locks longer."""


class PostgresSession:
    """Outside `begin` each statement is its own transaction, so a batch of one statement costs one trip."""

    def __init__(self, source: Source, clock: Clock, schema: str) -> None:
        self._source = source
        self._clock = clock
        self._statements = load(PACKAGE, schema, "$")
        self._connection: psycopg.Connection[Any] | None = None
        self._cursor: psycopg.RawCursor[Row] | None = None
        self._inside = False

    def merges(self, name: str) -> bool:
        return self._statements[name].mode == "rows"

    def begin(self) -> None:
        self._send("begin isolation level read committed")
        self._inside = True

    def commit(self) -> None:
        self._send("commit", in_doubt=True)
        self._inside = False

    def rollback(self) -> None:
        self._inside = False
        self._send("rollback")

    def execute(self, name: str, rows: Sequence[Row]) -> list[Row]:
        statement = self._statements[name]
        in_doubt = not self._inside and statement.kind != "read"
        part = statement.parts[0]
        if statement.mode == "one":
            return self._send(part.text, self._single(part, rows[0]), in_doubt)
        if len(rows) <= CHUNK:
            return self._send(part.text, self._columns(part, rows), in_doubt)
        return self._in_chunks(statement, rows)

    def rest(self) -> None:
        if self._source.pooled and self._connection is not None:
            connection, self._connection, self._cursor = self._connection, None, None
            self._source.release(connection, broken=False)

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection, self._cursor = self._connection, None, None
            self._source.release(connection, broken=self._inside or connection.broken)

    def _in_chunks(self, statement: Sql, rows: Sequence[Row]) -> list[Row]:
        """More rows than one statement should hold, in one transaction all the same."""
        alone = not self._inside
        if alone:
            self.begin()
        try:
            answer: list[Row] = []
            for start in range(0, len(rows), CHUNK):
                values = self._columns(statement.parts[0], rows[start : start + CHUNK])
                found = self._send(statement.parts[0].text, values)
                answer += [(row[0] + start, *row[1:]) for row in found]
        except ConnectionLost:
            raise
        except Exception:
            if alone:
                self.rollback()
            raise
        if alone:
            self.commit()
        return answer

    def _columns(self, part: Part, rows: Sequence[Row]) -> list[Any]:
        columns = list(zip(*rows, strict=True))
        width = len(columns)
        return [
            self._now() if use == width else literal(columns[use], cast)
            for use, cast in zip(part.uses, part.types, strict=True)
        ]

    def _single(self, part: Part, row: Row) -> list[Any]:
        width = len(row)
        return [
            self._now() if use == width else _value(row[use], cast)
            for use, cast in zip(part.uses, part.types, strict=True)
        ]

    def _now(self) -> Any:
        fixed = self._clock.fixed()
        return None if fixed is None else from_micros(fixed)

    def _send(self, text: str, values: Sequence[Any] | None = None, in_doubt: bool = False) -> list[Row]:
        try:
            if self._cursor is None:
                self._connection = self._source.acquire()
                self._cursor = psycopg.RawCursor(self._connection, row_factory=tuple_row)
                self._cursor.format = psycopg.pq.Format.BINARY
            cursor = self._cursor
            cursor.execute(text, values)  # pyright: ignore[reportArgumentType] - our own SQL, from files
            return cursor.fetchall() if cursor.description is not None else []
        except psycopg.Error as error:
            raise self._translated(error, in_doubt) from error

    def _translated(self, error: psycopg.Error, in_doubt: bool) -> Exception:
        connection = self._connection
        if connection is not None and (connection.closed or connection.broken):
            return ConnectionLost(error, in_doubt)
        return translated(error)


def _value(value: Any, cast: str) -> Any:
    return literal(value, cast) if value is not None and cast.endswith("[]") else value


def translated(error: psycopg.Error) -> Exception:
    """Our error for the driver's: by SQLSTATE, never by the text of the message."""
    match error:
        case pg.UndefinedTable() | pg.InvalidSchemaName() | pg.UndefinedFunction() | pg.UndefinedColumn():
            return errors.SchemaMissing(f"{_text(error)}. Run: holdfast migrate")
        case pg.InsufficientPrivilege():
            return errors.DatabaseError(f"this role may not do that: {_text(error)}. Grant it, or use another role")
        case pg.ReadOnlySqlTransaction():
            return errors.ReadOnlyDatabase(
                f"the server is read-only ({_text(error)}): connect to the primary, not to a standby"
            )
        case pg.TooManyConnections() | pg.CannotConnectNow() | pg.DiskFull() | pg.OutOfMemory():
            return errors.DatabaseUnavailable(_text(error))
        case pg.LockNotAvailable() | pg.QueryCanceled():
            return errors.DatabaseUnavailable(f"the database was too busy: {_text(error)}; nothing changed")
        case _ if error.sqlstate is None:
            return errors.DatabaseUnavailable(f"cannot reach PostgreSQL: {_text(error)}")
        case _:
            return errors.DatabaseError(f"{error.sqlstate}: {_text(error)}")


def _text(error: psycopg.Error) -> str:
    return error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
