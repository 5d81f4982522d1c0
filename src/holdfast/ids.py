"""Job ids: UUIDv7 text, so that ids sort by the time they were made.

    0190163d-8694-7 9b5 -  8 c1d-4f0e2a7b6c5d
    └ milliseconds ┘│└── 74-bit counter ────┘     version nibble 7, variant bits 10
                    version

The counter starts at a random value in every new millisecond and grows by a random step within one, so ids of
one process never repeat and always grow, also when the wall clock is set back.
"""

import hashlib
import os
import re
import struct
import threading
import uuid
from collections.abc import Iterator

from holdfast.clock import machine_micros
from holdfast.errors import InvalidOption

_WORDS = struct.Struct("<1024I")
_COUNTER_BITS = 74
_LOW_62 = (1 << 62) - 1
_LOW_48 = (1 << 48) - 1
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


class _Generator:
    """The counter of one process, and the random bytes it has in store."""

    __slots__ = ("_counter", "_lock", "_millis", "_prefix", "_words")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millis = 0
        self._counter = 0
        self._prefix = ""
        self._words: Iterator[int] = iter(())

    def __call__(self) -> str:
        with self._lock:
            millis = machine_micros() // 1000
            if millis > self._millis:
                self._start(millis)
            else:
                self._counter += 1 + (next(self._words, None) or self._random_word())
                if self._counter >> _COUNTER_BITS:
                    self._start(self._millis + 1)
            counter, prefix = self._counter, self._prefix
        low = counter & _LOW_62
        return "%s%03x-%04x-%012x" % (prefix, counter >> 62, 0x8000 | low >> 48, low & _LOW_48)  # noqa: UP031

    def _start(self, millis: int) -> None:
        self._millis = millis
        # Two bits less than the counter holds, so that a millisecond has room for 2**41 steps and more.
        self._counter = self._random_word() << 40 | self._random_word() << 8 | self._random_word() & 0xFF
        self._prefix = f"{millis >> 16:08x}-{millis & 0xFFFF:04x}-7"

    def _random_word(self) -> int:
        word = next(self._words, None)
        if word is None:
            self._words = iter(_WORDS.unpack(os.urandom(_WORDS.size)))
            word = next(self._words)
        return word


_generate = _Generator()


def _after_fork() -> None:
    # A fork copies the counter and the random pool, and perhaps a lock that a thread of the parent held.
    global _generate
    _generate = _Generator()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def new_id() -> str:
    """A new UUIDv7 in canonical text; greater than every id this process made before. Thread- and fork-safe.

    >>> new_id()
    '0190163d-8694-79b5-8c1d-4f0e2a7b6c5d'
    """
    return _generate()


def derived_id(parent: str, *parts: object) -> str:
    """An id that is always the same for the same parent and parts; it begins with the time of its parent's.

    >>> derived_id("0190163d-8694-79b5-8c1d-4f0e2a7b6c5d", "report", 0)
    '0190163d-8694-7d6f-9d3c-6d4b62c5a2b1'
    """
    data = "\x00".join((parent, *map(str, parts))).encode("utf-8", "surrogatepass")
    tail = hashlib.blake2b(data, digest_size=10).hexdigest()
    variant = 0x8 | int(tail[3], 16) & 0x3
    return f"{parent[:13]}-7{tail[:3]}-{variant:x}{tail[4:7]}-{tail[7:19]}"


def check_id(value: str | uuid.UUID) -> str:
    """The canonical text (lower case, with hyphens) of a UUID of any version; else InvalidOption.

    >>> check_id("0190163D869479B58C1D4F0E2A7B6C5D")
    '0190163d-8694-79b5-8c1d-4f0e2a7b6c5d'
    """
    canonical = _canonical(value)
    if canonical is None:
        shown = f"{value!r:.60}" if type(value) is str else type(value).__name__
        raise InvalidOption(f"a job id is a UUID such as '0190163d-8694-79b5-8c1d-4f0e2a7b6c5d', not {shown}")
    return canonical


def _canonical(value: object) -> str | None:
    if isinstance(value, uuid.UUID):
        return str(value)
    # uuid.UUID alone would also take blanks, underscores, braces and digits of other scripts.
    if isinstance(value, str) and _UUID.fullmatch(value):
        return str(uuid.UUID(value))
    return None
