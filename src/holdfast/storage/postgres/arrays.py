"""Columns of values as PostgreSQL array literals.

The driver would look at every element to choose a type, and a column of small ints one day and large ones the next
would be two prepared statements. The statements cast every array, so text is enough.
"""

from collections.abc import Callable, Sequence
from typing import Any


def _plain(column: Sequence[Any]) -> str:
    return "{" + ",".join(["null" if value is None else str(value) for value in column]) + "}"


def _truth(column: Sequence[Any]) -> str:
    return "{" + ",".join(["null" if value is None else "t" if value else "f" for value in column]) + "}"


def _text(column: Sequence[Any]) -> str:
    return "{" + ",".join(["null" if value is None else _quoted(value) for value in column]) + "}"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


WRITERS: dict[str, Callable[[Sequence[Any]], str]] = {
    "text[]": _text,
    "uuid[]": _plain,
    "int4[]": _plain,
    "int8[]": _plain,
    "float8[]": _plain,
    "bool[]": _truth,
}


def literal(column: Sequence[Any], cast: str) -> str:
    """`column` as the text of an array of the type that the statement casts it to."""
    return WRITERS[cast](column)
