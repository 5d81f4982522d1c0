"""Columns of values as PostgreSQL array literals.

The driver would look at every element to choose a type, and a column of small ints one day and large ones the next
would be two prepared statements. The statements cast every array, so text is enough.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from holdfast.storage.load import Part, Sql
from holdfast.storage.op import Row

Write: TypeAlias = Callable[[Sequence[Any], str], Any]

CHUNK = 5000
"""Rows in one statement: beyond it batches gain nothing and hold locks longer."""


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
    """`column` as the text of an array of the type that the statement casts it to.

    Most columns of a batch hold one value throughout, which is then written once.
    """
    write = WRITERS[cast]
    count = len(column)
    if count > 1 and column.count(column[0]) == count:
        return "{" + ",".join([write(column[:1])[1:-1]] * count) + "}"
    return write(column)


def chunks(statement: Sql, rows: Sequence[Row], now: Any, write: Write = literal) -> Iterator[list[Any]]:
    """What a statement is given, once for each run of it: a *rows* statement takes so many rows at a time.

    write: how a column becomes an array.
    """
    part = statement.parts[0]
    if statement.mode == "one":
        yield _single(part, rows[0], now, write)
        return
    for start in range(0, len(rows), CHUNK):
        yield _columns(part, rows[start : start + CHUNK], now, write)


def _columns(part: Part, rows: Sequence[Row], now: Any, write: Write) -> list[Any]:
    columns = list(zip(*rows, strict=True))
    width = len(columns)
    return [now if use == width else write(columns[use], cast) for use, cast in zip(part.uses, part.types, strict=True)]


def _single(part: Part, row: Row, now: Any, write: Write) -> list[Any]:
    width = len(row)
    return [
        now if use == width else _value(row[use], cast, write) for use, cast in zip(part.uses, part.types, strict=True)
    ]


def _value(value: Any, cast: str, write: Write) -> Any:
    return write(value, cast) if value is not None and cast.endswith("[]") else value
