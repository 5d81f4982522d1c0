"""Forks while other threads are in SQLite.

SQLite keeps its mutexes and what it knows of locks in the memory of the process: what is locked while a thread forks
stays locked for ever in the child's copy, whoever opens the file there. So a fork waits for what is under way: writes,
which stand at their file's gate, and all else, which is counted here.
"""

import os
import threading

from holdfast.storage.sqlite.gate import Gate, all_gates, forget_gates

PATIENCE = 5.0
"""Seconds that a fork waits for each."""


class Afoot:
    """Reads, and connections that are being opened or closed: any number at once, none begins while a thread forks."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """In a forked child, where none of the others goes on."""
        self._changed = threading.Condition(threading.Lock())
        self._count = 0
        self._forking = 0

    def __enter__(self) -> None:
        with self._changed:
            while self._forking:
                self._changed.wait()
            self._count += 1

    def __exit__(self, *exc: object) -> None:
        with self._changed:
            self._count -= 1
            if self._forking:
                self._changed.notify_all()

    def hold(self) -> None:
        with self._changed:
            self._forking += 1
            self._changed.wait_for(lambda: not self._count, PATIENCE)

    def let_go(self) -> None:
        with self._changed:
            self._forking -= 1
            self._changed.notify_all()


afoot = Afoot()

_held: list[Gate] = []


def _before() -> None:
    afoot.hold()  # first: who opens a file passes its gate
    _held[:] = [gate for gate in all_gates() if gate.hold(PATIENCE)]


def _after_in_parent() -> None:
    while _held:
        _held.pop().let_go()
    afoot.let_go()


def _after_in_child() -> None:
    _held.clear()
    forget_gates()
    afoot.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
