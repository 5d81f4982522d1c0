"""One SQLite connection, spoken to in named statements."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any

from holdfast import errors
from holdfast.clock import Clock, machine_micros
from holdfast.model.tenant import Scope
from holdfast.storage.base import ConnectionLost
from holdfast.storage.load import Part, Sql, load
from holdfast.storage.op import Row
from holdfast.storage.sqlite.forks import afoot

PACKAGE = "holdfast.storage.sqlite"


class SqliteSession:
    """Transactions begin IMMEDIATE (a deferred one that turns to writing fails at once under load) and pass the gate
    first. The instant of a batch is read once the lock is held, so no commit is older than one it came after.
    `owned` is false for a connection on which the caller has a transaction open; `lasting`: it is not ours to close.
    `reads`: it only reads, and waits for no writer."""

    one_tenant = False

    def __init__(
        self,
        connection: sqlite3.Connection,
        clock: Clock,
        gate: AbstractContextManager[object] | None,
        owned: bool = True,
        lasting: bool = False,
        reads: bool = False,
    ) -> None:
        self._reads = reads
        self._connection = connection
        self._cursor = connection.cursor()
        self._cursor.row_factory = None  # the caller's connection may have one
        self._statements = load(PACKAGE, "", "?")
        self._clock = clock
        self._gate: AbstractContextManager[object] = afoot if reads else gate if gate is not None else nullcontext()
        self._owned = owned
        self._lasting = lasting
        self._gated = False
        self._inside = False
        self._now = 0

    def merges(self, name: str) -> bool:
        return self._statements[name].mode == "rows"

    def reads(self, name: str) -> bool:
        return self._statements[name].kind == "read"

    def enter(self, scope: Scope) -> None:
        """Tenants are kept apart by what the operations ask for."""

    def begin(self) -> None:
        """That the lock cannot be had is told like a lost connection: nothing was changed, it may be tried again."""
        try:
            self._gate.__enter__()
            self._gated = True
            self._cursor.execute("begin" if self._reads else "begin immediate")
        except BaseException as error:
            self._leave()
            reason = translated(error)
            if isinstance(reason, errors.DatabaseUnavailable):
                raise ConnectionLost(reason, in_doubt=False) from error
            raise reason from error
        self._inside = True
        self._now = self._read_clock()

    def commit(self) -> None:
        try:
            self._cursor.execute("commit")
        except sqlite3.Error as error:
            self.rollback()
            raise translated(error) from error
        self._leave()

    def rollback(self) -> None:
        try:
            if self._connection.in_transaction:
                self._cursor.execute("rollback")
        except sqlite3.Error as error:
            raise ConnectionLost(error, in_doubt=False) from error
        finally:
            self._leave()

    def execute(self, name: str, rows: Sequence[Row]) -> list[Row]:
        statement = self._statements[name]
        if self._inside or not self._owned:
            return self._execute(statement, rows)
        if statement.kind == "read" and not self._lasting:
            self._now = self._read_clock()
            with afoot:
                return self._execute(statement, rows)
        self.begin()  # to read in memory, too: another's transaction may be open on this very connection
        try:
            answer = self._execute(statement, rows)
        except BaseException:
            self.rollback()
            raise
        self.commit()
        return answer

    def rest(self) -> None:
        """Nothing to give back: the connection is ours."""

    def close(self) -> None:
        try:
            if self._owned:
                self.rollback()
        finally:
            if not self._lasting:
                with afoot:
                    self._connection.close()

    def use_clock(self) -> None:
        """Read the instant anew: a borrowed transaction has no beginning of ours."""
        self._now = self._read_clock()

    def _read_clock(self) -> int:
        fixed = self._clock.fixed()
        return machine_micros() if fixed is None else fixed

    def _leave(self) -> None:
        self._inside = False
        if self._gated:
            self._gated = False
            self._gate.__exit__(None, None, None)

    def _execute(self, statement: Sql, rows: Sequence[Row]) -> list[Row]:
        try:
            if statement.mode == "one":
                return self._execute_one(statement, rows[0])
            return self._execute_rows(statement, rows)
        except sqlite3.Error as error:
            raise translated(error) from error

    def _execute_one(self, statement: Sql, row: Row) -> list[Row]:
        values = [json.dumps(value) if isinstance(value, tuple) else value for value in (*row, self._now)]
        answer: list[Row] = []
        for part in statement.parts:
            found = self._cursor.execute(part.text, tuple(values[use] for use in part.uses)).fetchall()
            answer = found or answer
        return answer

    def _execute_rows(self, statement: Sql, rows: Sequence[Row]) -> list[Row]:
        """Row by row with the prepared commands. What returns no rows answers for each row that it changed."""
        now = self._now
        cursor = self._cursor
        given: list[Row] = [(*row, now) for row in rows]
        if statement.parts[0].given:
            return self._execute_given(statement, given)
        if statement.kind == "silent":
            part = statement.parts[0]
            cursor.executemany(part.text, map(_picker(part.uses), given))
            return []
        answer: list[Row] = []
        parts = [(part.text, _picker(part.uses)) for part in statement.parts]
        first = parts[0]
        for ordinal, values in enumerate(given, 1):
            for command in parts:
                text, pick = command
                cursor.execute(text, pick(values))
                if cursor.description is not None:
                    answer += [(ordinal, *found) for found in cursor.fetchall()]
                elif command is first and cursor.rowcount > 0:
                    answer.append((ordinal,))
        return answer

    def _execute_given(self, statement: Sql, given: list[Row]) -> list[Row]:
        """All rows in few commands, for the thread gives Python's lock away in each of them, and a busy one beside it
        keeps it for 5 ms. Where not every row could be changed, the last command says which were, or, if it takes one
        row at a time, what there is instead."""
        *before, last = statement.parts
        if last.numbered:
            for part in before:
                self._many(part, given)
            return self._found(last, [(*row, ordinal) for ordinal, row in enumerate(given, 1)])
        if statement.kind == "silent":
            for part in statement.parts:
                self._many(part, given)
            return []
        there = [self._many(part, given) == len(given) for part in before]
        if all(there) and (not last.given or self._many(last, given) == len(given)):
            return [(ordinal,) for ordinal in range(1, len(given) + 1)]
        if not last.given:
            pick = _picker(last.uses)
            asked = ((ordinal, self._cursor.execute(last.text, pick(row))) for ordinal, row in enumerate(given, 1))
            return [(ordinal, *found) for ordinal, found_rows in asked for found in found_rows.fetchall()]
        return [(ordinal,) for ordinal, row in enumerate(given, 1) if self._many(last, [row])]

    def _many(self, part: Part, given: list[Row]) -> int:
        """How many rows the command changed."""
        return sum(self._cursor.execute(text, values).rowcount for text, values in _portions(part, given))

    def _found(self, part: Part, given: list[Row]) -> list[Row]:
        """What a command answers by the numbers of the rows."""
        found: list[Row] = []
        for text, values in _portions(part, given):
            found += self._cursor.execute(text, values).fetchall()
        return found


PORTIONS = (128, 32, 8, 2, 1)
"""Rows in one command: few sizes, so that each is prepared once."""


def _portions(part: Part, given: list[Row]) -> Iterator[tuple[str, Row]]:
    """The commands that do it for all rows, and their values."""
    pick, at = _picker(part.uses), 0
    for size in PORTIONS:
        while len(given) - at >= size:
            yield _for_rows(part, size), tuple(chain.from_iterable(map(pick, given[at : at + size])))
            at += size


@cache
def _for_rows(part: Part, size: int) -> str:
    """The command for so many rows."""
    width = len(part.uses)
    rows = ("(" + ", ".join(f"?{n * width + k + 1}" for k in range(width)) + ")" for n in range(size))
    return part.text.replace(part.given, ", ".join(rows))


@cache
def _picker(uses: tuple[int, ...]) -> Callable[[Row], Row]:
    """What takes a command's values out of a row: one call where a comprehension would cost as much as the command."""
    if len(uses) > 1:
        return itemgetter(*uses)
    return lambda row: tuple(row[use] for use in uses)


_LOST = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_INTERNAL})


def translated(error: BaseException) -> BaseException:
    """Our error for the driver's: by code, never by the text of the message."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        if isinstance(error, sqlite3.Error):  # the driver itself refuses a value, or a connection that was closed
            return errors.DatabaseError(f"{type(error).__name__}: {error}")
        if isinstance(error, OSError):
            return errors.DatabaseUnavailable(f"the file beside the database cannot be opened or locked ({error})")
        return error
    if code == sqlite3.SQLITE_BUSY_SNAPSHOT:
        return errors.DatabaseUnavailable(
            "this transaction had read before it was to write, and another has written since: roll it back and try "
            "again, or begin it with BEGIN IMMEDIATE"
        )
    primary: int = code & 0xFF
    match primary:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return errors.DatabaseUnavailable(f"the SQLite file stayed locked by another program ({error})")
        case sqlite3.SQLITE_READONLY:
            return errors.ReadOnlyDatabase(
                f"the database cannot be written ({error}): check the rights of the file and of its folder, "
                "which must be writable too"
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return errors.DatabaseUnavailable(f"the SQLite file cannot be opened ({error})")
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return errors.NotADatabase(f"the file is not a SQLite database, or is damaged ({error})")
        case sqlite3.SQLITE_FULL:
            return errors.DatabaseUnavailable(
                f"the disk or the database's size limit is full ({error}); nothing changed"
            )
        case _ if primary in _LOST:
            return ConnectionLost(error, in_doubt=True)
        case _:
            return errors.DatabaseError(f"{_name(error)}: {error}")


def _name(error: BaseException) -> Any:
    return getattr(error, "sqlite_errorname", type(error).__name__)
