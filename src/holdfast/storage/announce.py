"""Who is told of a commit that is not ours.

SQLAlchemy tells by events, and whoever runs a transaction of ours by the list that `announcing` gives.
"""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from holdfast.storage.base import wake_all

Ring: TypeAlias = Callable[[], None]

_waiting: "WeakKeyDictionary[Any, list[Ring]]" = WeakKeyDictionary()
"""Rings that wait for the commit of a SQLAlchemy session or connection. Each is listened to once, and for good."""


def tell(target: Any, event: str, told: Callable[[Any], None], ring: Ring) -> None:
    if target not in _waiting:
        sys.modules["sqlalchemy.event"].listen(target, event, told)
    rings = _waiting.setdefault(target, [])
    if ring not in rings:
        rings.append(ring)


def session_committed(session: Any) -> None:
    if session.in_nested_transaction():  # a savepoint: the commit is yet to come
        return
    ring_all(session)


def ring_all(target: Any) -> None:
    rings = _waiting.get(target, [])
    waiting, rings[:] = list(rings), []
    wake_all(waiting)


_announced: dict[int, list[Ring]] = {}


@contextmanager
def announcing(given: object) -> Generator[list[Ring]]:
    """While this lasts, enqueues on `given` leave their rings in the list, for whoever commits."""
    rings: list[Ring] = []
    _announced[id(given)] = rings
    try:
        yield rings
    finally:
        del _announced[id(given)]


def announced(given: object) -> list[Ring] | None:
    return _announced.get(id(given))
