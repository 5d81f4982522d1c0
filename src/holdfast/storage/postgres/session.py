"""One PostgreSQL connection, spoken to in named statements."""

from collections.abc import Sequence
from typing import Any, LiteralString, cast

import psycopg
from psycopg import errors as pg
from psycopg.rows import tuple_row

from holdfast import errors
from holdfast.clock import Clock, from_micros, monotonic
from holdfast.model.tenant import Scope
from holdfast.storage.base import ConnectionLost, guard
from holdfast.storage.load import load
from holdfast.storage.op import Row
from holdfast.storage.postgres.arrays import CHUNK, chunks
from holdfast.storage.postgres.deadline import CALL, SERVER, Deadline
from holdfast.storage.postgres.source import Source
from holdfast.storage.postgres.tenancy import ENTER, tenant_of

PACKAGE = "holdfast.storage.postgres"

PINS: dict[str, str] = {
    "default_transaction_isolation": "read committed",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_sort": "off",
    "enable_incremental_sort": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "idle_in_transaction_session_timeout": "10s",
    "statement_timeout": f"{SERVER}s",
}
"""Planner settings under which each statement has one plan, whatever the statistics say. A queue is empty one second
and holds 50,000 jobs the next; a plan made for the empty table then took 5,000 ms for what this one does in 1.4.
And the time after which the rows locked by a process that was stopped amid a transaction are free again, and the
longest time for which a statement of ours may run or wait for a lock. It never cuts a commit short.
"""

PREPARED = 1000
"""Statements that stay prepared on a connection: all of ours, and none makes another one's plan be made anew."""

_EACH = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in PINS.items())
PIN = f"select {_EACH} from (select pg_backend_pid() as pid) as own where pid = $1"  # noqa: S608 - words of ours
"""Pins a connection of ours for good. Behind a pooler the server process is not the one that we were told of, may
serve others next, and is left alone."""

BEGIN = "begin isolation level read committed"
BEGIN_PINNED = "; ".join([BEGIN, *(f"set local {name} = '{value}'" for name, value in list(PINS.items())[1:])])
"""For connections that are not ours alone: the same for one transaction, in the same trip."""
_EACH_LOCAL = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in list(PINS.items())[1:])
PIN_LOCAL = f"select {_EACH_LOCAL}"
"""The same as a single command: a pipeline takes no others."""


class PostgresSession:
    """Outside `begin` each statement is its own transaction: on a connection of our own a batch of one statement
    costs one trip. `owned` is false for a connection on which the caller has a transaction open; on our own no call
    takes longer than `limit` seconds. `lock_timeout`: how long a statement waits for somebody's lock; None: as long as
    it takes. `one_tenant`: the role reaches one tenant at a time, which each transaction names."""

    def __init__(
        self,
        source: Source,
        clock: Clock,
        schema: str,
        owned: bool = True,
        lock_timeout: str | None = None,
        limit: float = CALL,
        one_tenant: bool = False,
    ) -> None:
        self.one_tenant = one_tenant
        self._tenant = ""
        self._source = source
        self._lock_timeout = lock_timeout
        self._deadline = Deadline(limit) if owned else None
        self._clock = clock
        self._statements = load(PACKAGE, schema, "$")
        self._connection: psycopg.Connection[Any] | None = None
        self._cursor: psycopg.RawCursor[Row] | None = None
        self._owned = owned
        self._inside = not owned
        self._pinned = False

    def merges(self, name: str) -> bool:
        return self._statements[name].mode == "rows"

    def reads(self, name: str) -> bool:
        return self._statements[name].kind == "read"

    def enter(self, scope: Scope) -> None:
        if self.one_tenant:
            self._tenant = tenant_of(scope)

    def begin(self) -> None:
        self._connect()
        begin = BEGIN if self._pinned else BEGIN_PINNED
        if self._lock_timeout is not None and not self._pinned:
            begin += f"; set local lock_timeout = '{self._lock_timeout}'"
        self._command(begin)
        self._inside = True
        if self.one_tenant:
            self._send(ENTER, [self._tenant])

    def commit(self) -> None:
        self._inside = False
        self._command("commit", in_doubt=True)

    def rollback(self) -> None:
        self._inside = False
        self._command("rollback")

    def execute(self, name: str, rows: Sequence[Row]) -> list[Row]:
        statement = self._statements[name]
        return self._execute(
            statement.parts[0].text, list(chunks(statement, rows, self._now())), statement.kind == "read"
        )

    def rest(self) -> None:
        if self._source.pooled and self._connection is not None:
            self._source.release(self._forget(self._connection), broken=False)

    def close(self) -> None:
        if self._connection is not None:
            broken = self._inside or self._connection.broken
            self._source.release(self._forget(self._connection), broken)

    def _forget(self, connection: "psycopg.Connection[Any]") -> "psycopg.Connection[Any]":
        self._connection, self._cursor = None, None
        if self._deadline is not None:
            self._deadline.forget()
        return connection

    def _execute(self, text: str, runs: Sequence[list[Any]], reads: bool) -> list[Row]:
        """Run a statement once for each chunk of its rows, all in one transaction."""
        self._connect()
        if self._inside or (self._pinned and len(runs) <= 1 and not self.one_tenant):
            answer: list[Row] = []
            for number, values in enumerate(runs):
                found = self._send(text, values, in_doubt=not self._inside and not reads)
                answer += [(row[0] + number * CHUNK, *row[1:]) for row in found] if number else found
            return answer
        if len(runs) == 1 and self._lock_timeout is None and psycopg.Pipeline.is_supported():
            return self._send_whole(text, runs[0], reads)
        with guard(self):
            return self._execute(text, runs, reads)

    def _now(self) -> Any:
        fixed = self._clock.fixed()
        return None if fixed is None else from_micros(fixed)

    def _connect(self) -> "psycopg.Connection[Any]":
        """The connection, opened if there is none. That it cannot be had is told like its loss: nothing was sent."""
        if self._connection is not None:
            return self._connection
        try:
            connection = self._source.acquire()
        except errors.DatabaseUnavailable as error:
            raise ConnectionLost(error, in_doubt=False) from error
        self._connection = connection
        if self._deadline is not None:
            self._deadline.watch(connection)
        self._cursor = psycopg.RawCursor(connection, row_factory=tuple_row)
        self._cursor.format = psycopg.pq.Format.BINARY
        if self._owned and not self._source.pooled:
            self._pinned = bool(self._send(PIN, [connection.info.backend_pid]))
            connection.prepared_max = PREPARED
            if self._pinned and self._lock_timeout is not None:
                self._command(f"set lock_timeout = '{self._lock_timeout}'")
        return connection

    def _send(self, text: str, values: Sequence[Any], in_doubt: bool = False) -> list[Row]:
        assert self._cursor is not None
        prepare = self._pinned if self._owned else None
        deadline = self._deadline
        try:
            ours: LiteralString = cast("Any", text)  # our own SQL, from files
            if deadline is not None:
                deadline.since = monotonic()
            self._cursor.execute(ours, values, prepare=prepare)
            return self._cursor.fetchall() if self._cursor.description is not None else []
        except psycopg.Error as error:
            raise self._translated(error, in_doubt) from error
        finally:
            if deadline is not None:
                deadline.since = None

    def _send_whole(self, text: str, values: Sequence[Any], reads: bool) -> list[Row]:
        """A transaction of one statement, with its beginning and its end in one trip instead of three."""
        assert self._connection is not None
        assert self._cursor is not None
        connection, cursor = self._connection, self._cursor
        self._inside = True
        try:
            with connection.pipeline():
                connection.execute(BEGIN.encode(), prepare=False)
                if not self._pinned:
                    connection.execute(PIN_LOCAL.encode(), prepare=False)
                if self.one_tenant:
                    cursor.execute(ENTER.encode(), [self._tenant], prepare=False)
                cursor.execute(text.encode(), values, prepare=self._pinned)
                connection.execute("commit", prepare=False)
            self._inside = False
            return cursor.fetchall() if cursor.description is not None else []
        except psycopg.Error as error:
            reason = self._translated(error, in_doubt=not reads)
            if not isinstance(reason, ConnectionLost):
                self.rollback()
            raise reason from error
        except BaseException:  # a value that the driver cannot encode, or Ctrl-C: the transaction may have begun
            self.rollback()
            raise

    def _command(self, text: str, in_doubt: bool = False) -> None:
        """Run what takes no values and answers nothing; several commands at once need the simple protocol."""
        connection = self._connect()
        deadline = self._deadline
        try:
            ours: LiteralString = cast("Any", text)  # our own SQL, from files
            if deadline is not None:
                deadline.since = monotonic()
            connection.execute(ours, prepare=False)
        except psycopg.Error as error:
            raise self._translated(error, in_doubt) from error
        finally:
            if deadline is not None:
                deadline.since = None

    def _translated(self, error: psycopg.Error, in_doubt: bool) -> Exception:
        connection = self._connection
        if connection is None or connection.closed or connection.broken or _going(error):
            return ConnectionLost(error, in_doubt)
        return translated(error)


FAILED = "the transaction on this connection has failed: roll it back first"

GOING = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03"})


def _going(error: psycopg.Error) -> bool:
    """Said by a server that closes the connection after it: shutting down, starting up, tired of an idle one."""
    state = error.sqlstate or ""
    return state in GOING or state.startswith("08")


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
        case pg.InFailedSqlTransaction():
            return errors.MisuseError(FAILED)
        case pg.TooManyConnections() | pg.DiskFull() | pg.OutOfMemory():
            return errors.DatabaseUnavailable(_text(error))
        case pg.LockNotAvailable() | pg.DeadlockDetected():
            return errors.Busy(f"a row stayed locked by somebody's transaction: {_text(error)}; nothing changed")
        case pg.QueryCanceled() | pg.SerializationFailure():
            return errors.DatabaseUnavailable(f"the database was too busy: {_text(error)}; nothing changed")
        case _ if _going(error) or (error.sqlstate is None and isinstance(error, psycopg.OperationalError)):
            return errors.DatabaseUnavailable(f"cannot reach PostgreSQL: {_text(error)}")
        case _ if error.sqlstate is None:
            return errors.DatabaseError(f"the driver refused a value: {_text(error)}")
        case _:
            return errors.DatabaseError(f"{error.sqlstate}: {_text(error)}")


def _text(error: psycopg.Error) -> str:
    return error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
