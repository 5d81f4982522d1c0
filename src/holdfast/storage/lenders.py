"""What a user may lend: a driver's connection, or a session or wrapper of a library that has one.

Nothing is imported here: what is given is recognised by its type, so its library is loaded already.
"""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

from holdfast.errors import DatabaseUnavailable, InvalidOption, MisuseError
from holdfast.model.text import shown
from holdfast.storage.alchemy import AlchemyConnection, AlchemySession, AsyncAlchemyConnection, AsyncAlchemySession
from holdfast.storage.announce import Ring
from holdfast.storage.base import wake_all
from holdfast.storage.drivers import DRIVERS, Undo, driver_connection, names_of
from holdfast.storage.lender import WORKS, Lender, Lent


class Django(Lender):
    _atomic: Any = None

    def lend(self) -> Lent:
        self.given.ensure_connection()
        self.given.validate_no_broken_transaction()
        return driver_connection(self.given.connection)

    def after_commit(self, ring: Ring, soon: Ring) -> bool:
        if not (self.given.in_atomic_block or self.given.get_autocommit()):
            return False  # its transaction is managed by hand, and Django tells nobody
        self.given.on_commit(partial(wake_all, (ring,)))  # it is committed by then: nothing may raise
        return True

    def begin(self) -> None:
        self._atomic = sys.modules["django.db.transaction"].atomic(self.given.alias)
        self._atomic.__enter__()

    def commit(self) -> None:
        self._atomic.__exit__(None, None, None)

    def rollback(self) -> None:
        self._atomic.__exit__(Undo, Undo(), None)

    def close(self) -> None:
        """As after a request: Django keeps one for each thread, for as long as CONN_MAX_AGE says."""
        self.given.close_if_unusable_or_obsolete()


def _scoped(given: Any) -> Lender:
    return recognise(given())


def _proxy(given: Any) -> Lender:
    """What Django hands out by name: its cache is one too."""
    if not hasattr(given, "ensure_connection"):
        raise InvalidOption(refusal(given))
    return Django(given)


_KNOWN: dict[tuple[str, str], Callable[[Any], Lender]] = {
    **{name: make for name, (_, make) in DRIVERS.items()},
    ("sqlalchemy", "Session"): AlchemySession,
    ("sqlalchemy", "Connection"): AlchemyConnection,
    ("sqlalchemy", "AsyncSession"): AsyncAlchemySession,
    ("sqlalchemy", "AsyncConnection"): AsyncAlchemyConnection,
    ("sqlalchemy", "scoped_session"): _scoped,
    ("sqlalchemy", "async_scoped_session"): _scoped,
    ("django", "BaseDatabaseWrapper"): Django,
    ("django", "ConnectionProxy"): _proxy,
}


def find(given: object) -> Lender | None:
    """The lender for what was given, None where it is nothing we know."""
    for name in names_of(given):
        make = _KNOWN.get(name)
        if make is not None:
            return make(given)
    return None


def recognise(given: object) -> Lender:
    """The lender for what was given; InvalidOption, saying what works, for anything else."""
    found = find(given)
    if found is None:
        raise InvalidOption(refusal(given))
    return found


@contextmanager
def telling() -> Generator[None]:
    """What a library says of its own session or connection, before the driver is asked anything, becomes our error."""
    try:
        yield
    except Exception as error:
        ours = _ours(error)
        if ours is None:
            raise
        raise ours from error


def _ours(error: Exception) -> Exception | None:
    names = names_of(error)
    if names[0][0] not in ("sqlalchemy", "django"):
        return None
    text = " ".join(str(error).split())
    kinds = {name for _, name in names}
    if kinds & {"DBAPIError", "DatabaseError"} and "TransactionManagementError" not in kinds:
        return DatabaseUnavailable(f"the caller's connection cannot be had: {text}")
    return MisuseError(f"the caller's transaction cannot be used as it is: {text}")


def refusal(given: object) -> str:
    return f"connection must be {WORKS}; not {shown(given)}"
