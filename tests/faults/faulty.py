"""A store whose n-th call to the database fails: before its effect, after it, or from then on.

A call is one begin, commit or statement of any lane. The connection is really closed at the failure, so whatever was
not committed is undone by the database itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from holdfast.errors import DatabaseUnavailable
from holdfast.storage.base import ConnectionLost, Session
from holdfast.storage.op import Row

Moment = Literal["unsent", "before", "after"]
"""unsent: nothing was sent, and that is known; before: sent and lost on its way; after: done, the answer lost."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong. lasting: the database stays away from then on, until it is healed."""

    at: int
    moment: Moment
    lasting: bool = False

    def __str__(self) -> str:
        return f"call {self.at} fails {self.moment} its effect{' and the database stays away' if self.lasting else ''}"


@dataclass
class Wire:
    """Counts all calls to one store, and fails the one it was told to."""

    fault: Fault | None = None
    calls: list[str] = field(default_factory=list)
    hit: bool = False
    away: bool = False
    patience: float = 10.0
    meanwhile: Callable[[], None] | None = None
    """What others do before the call that failed is repeated."""
    on: str | None = None
    mutex: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, fault: Fault | None, on: str | None = None) -> None:
        """on: fail the next call of this name, and not the n-th of all."""
        with self.mutex:
            self.fault, self.calls, self.hit, self.away, self.on = fault, [], False, False, on
            self.patience = 0.03 if fault is not None and fault.lasting else 10.0

    def heal(self) -> None:
        with self.mutex:
            self.fault, self.away, self.patience = None, False, 10.0

    def passes(self, call: str) -> Fault | None:
        """Count a call; answers the fault that it meets. Raises where the database is away."""
        with self.mutex:
            if self.away:
                raise ConnectionLost(OSError("the database is away"), in_doubt=False)
            self.calls.append(call)
            fault = self.fault
            if fault is None or self.hit or (call != self.on if self.on else len(self.calls) != fault.at):
                return None
            self.hit = True
            self.away = fault.lasting
            return fault


class FaultySession:
    """A session on a wire."""

    def __init__(self, inner: Session, wire: Wire) -> None:
        self._inner = inner
        self._wire = wire

    def begin(self) -> None:
        self._call("begin", self._inner.begin)

    def commit(self) -> None:
        self._call("commit", self._inner.commit)

    def rollback(self) -> None:
        self._call("rollback", self._inner.rollback)

    def execute(self, name: str, rows: Any) -> list[Row]:
        answer: list[Row] = self._call(name, lambda: self._inner.execute(name, rows))
        return answer

    def close(self) -> None:
        self._inner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _call(self, name: str, action: Callable[[], Any]) -> Any:
        fault = self._wire.passes(name)
        if fault is None:
            return action()
        if fault.moment == "after":
            action()
        if self._wire.meanwhile is not None:
            self._wire.meanwhile()
        raise ConnectionLost(OSError(f"{name} was cut off"), in_doubt=fault.moment != "unsent")


@contextmanager
def wired(store: Any) -> Iterator[Wire]:
    """Put all lanes of a store on one wire."""
    wire = Wire()
    for lane in set(store._lanes.values()):
        put_on(lane, wire)
    yield wire


def put_on(lane: Any, wire: Wire) -> None:
    connect = lane._connect

    def connected() -> Any:
        if wire.away:
            raise DatabaseUnavailable("the database is away")
        return FaultySession(connect(), wire)

    lane._drop_session()
    lane._connect = connected
    lane._patience = lambda: wire.patience
