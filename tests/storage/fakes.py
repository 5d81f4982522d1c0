"""A session without a database: it remembers what it was told, and fails where a test says so."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from holdfast.storage.base import ConnectionLost
from holdfast.storage.op import Op, Row, Statement


class FakeSession:
    """Statements whose name begins with "rows" may be merged, "read" only reads. Each row is answered by itself."""

    def __init__(self, trouble: Callable[[str, Sequence[Row]], BaseException | None] | None = None) -> None:
        self.said: list[str] = []
        self.given: list[tuple[str, list[Row]]] = []
        self.closed = False
        self.rested = 0
        self._trouble = trouble or (lambda name, rows: None)

    def execute(self, name: str, rows: Sequence[Row]) -> list[Row]:
        self._meet(name, rows)
        self.given.append((name, list(rows)))
        if self.merges(name):
            return [(ordinal, *row) for ordinal, row in enumerate(rows, 1) if "silent" not in row]
        return [tuple(rows[0])]

    def begin(self) -> None:
        self._meet("begin")

    def commit(self) -> None:
        self._meet("commit")

    def rollback(self) -> None:
        self._meet("rollback")

    def close(self) -> None:
        self.closed = True

    def rest(self) -> None:
        self.rested += 1

    def merges(self, name: str) -> bool:
        return "rows" in name

    one_tenant = False

    def enter(self, scope: object) -> None:
        """Tenants are nothing to it."""

    def reads(self, name: str) -> bool:
        return "read" in name

    def _meet(self, name: str, rows: Sequence[Row] = ()) -> None:
        self.said.append(name)
        trouble = self._trouble(name, rows)
        if trouble is not None:
            raise trouble


def op(*statements: tuple[str, Sequence[Row]], single: bool | None = None, wakes: bool = False) -> Op[Any]:
    """An op that runs these statements one after another and answers all their rows, with what `again` was."""

    def steps(again: bool) -> Generator[Statement, list[Row], Any]:
        answers: list[Any] = ["again"] if again else []
        for name, rows in statements:
            answers.append((yield Statement(name, rows)))
        return answers

    return Op("fake", steps, single=len(statements) == 1 if single is None else single, wakes=wakes)


def ask(*rows: Any, name: str = "rows") -> Op[Any]:
    """An op of one *rows* statement; a row is about the job of its first value."""
    return op((name, [("t", row) for row in rows]))


def lost(in_doubt: bool) -> ConnectionLost:
    return ConnectionLost(OSError("the wire broke"), in_doubt)
