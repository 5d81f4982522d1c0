"""A body's or a caller's turn at writing to a SQLite database: the gate, and the knowledge that this context has it."""

import threading
from contextlib import AbstractContextManager
from contextvars import ContextVar
from types import TracebackType

from holdfast.errors import MisuseError

_turn: ContextVar["Turn | None"] = ContextVar("holdfast_turn", default=None)


class Turn(AbstractContextManager["Turn"]):
    """Entered and left once each; it may be left by another thread, and more than once."""

    def __init__(self, gate: AbstractContextManager[object]) -> None:
        self.gate = gate
        self._mutex = threading.Lock()
        self._inside = False

    @property
    def inside(self) -> bool:
        return self._inside

    def __enter__(self) -> "Turn":
        refuse_inside(self.gate)
        self.gate.__enter__()
        self._inside = True
        _turn.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._mutex:
            mine, self._inside = self._inside, False
        if mine:
            self.gate.__exit__(kind, error, trace)

    def adopt(self) -> None:
        """Say so in this context too: the gate was entered on another thread."""
        _turn.set(self)


def refuse_inside(gate: object) -> None:
    """A second write to the same database from inside a transaction would wait for that transaction for ever."""
    turn = _turn.get()
    if turn is not None and turn.inside and turn.gate is gate:
        raise MisuseError(
            "this code holds a transaction on the app's SQLite database, which has one writer at a time: do this on "
            "that transaction, by .using(connection=…), or after it"
        )
