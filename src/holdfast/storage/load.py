"""SQL lives in files; this reads them.

The first line says what the statement is for. The second is its signature, the same in both databases' folders:
`--: rows tenant, id` or `--: one queue, batch`; `read` before it says that it changes nothing, `silent` that it
answers nothing. In the text a value is `:name`; `:now` is the instant of the batch
and is filled in by the store. Each database's driver gets the placeholders it knows (`$1`, `?1`).

A line `--> NAME` stands for the text of `NAME.part`: what several statements share.

SQLite's commands run for one row at a time, but for those that begin a common table expression with
`given as (:rows)`, or `given as (:rows tenant, id)`: it holds the values of many rows, in columns of their names.
`ord` among them is the number of the row, by which the last command answers.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

SIGNATURE = re.compile(r"^--: (?:(read|silent) )?(rows|one)(?: ([a-z_, ]+))?$", re.MULTILINE)
GIVEN = re.compile(r"\bgiven as \(:rows(?: ([a-z_, ]+))?\)")
SHARED = re.compile(r"^ *--> (\w+)$", re.MULTILINE)
VALUE = re.compile(r"(?<![:\w]):([a-z_]+)(?:::([a-z0-9]+))?(\[\])?")
NOW = "now"
ORDINAL = "ord"


@dataclass(frozen=True, slots=True)
class Part:
    """One SQL command. `uses[k]` is the place in the signature of placeholder k+1, `types[k]` its cast.

    given: the text that stands for one of many rows, "" where it takes one at a time; numbered: with its number.
    """

    text: str
    uses: tuple[int, ...]
    types: tuple[str, ...]
    given: str = ""
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Sql:
    """A statement as loaded. SQLite's may be several commands run one after another for each row."""

    name: str
    mode: Literal["rows", "one"]
    kind: Literal["read", "silent", "write"]
    signature: tuple[str, ...]
    parts: tuple[Part, ...]


@cache
def load(package: str, schema: str, mark: str) -> dict[str, Sql]:
    """All statements of `package`/sql, with `mark` ("$" or "?") before placeholder numbers."""
    folder = files(package) / "sql"
    found = (entry for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return {
        entry.name[:-4]: parse(entry.name[:-4], whole(entry.read_text("utf-8"), folder), schema, mark)
        for entry in found
    }


def whole(source: str, folder: Traversable) -> str:
    """A file's text with what it shares with others in place."""
    return SHARED.sub(lambda found: (folder / f"{found[1]}.part").read_text("utf-8").rstrip(), source)


def parse(name: str, source: str, schema: str, mark: str) -> Sql:
    """Turn a file's text into a statement; every value used must stand in its signature."""
    header = SIGNATURE.search(source)
    if header is None:
        raise ValueError(f"{name}.sql: no signature line '--: rows …' or '--: one …'")
    signature = tuple(word.strip() for word in (header[3] or "").split(",") if word.strip())
    body = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith("--"))
    commands = (part.strip().rstrip(";") for part in with_schema(body, schema).split(";\n"))
    mode: Literal["rows", "one"] = "rows" if header[2] == "rows" else "one"
    kind: Literal["read", "silent", "write"] = (
        "read" if header[1] == "read" else "silent" if header[1] == "silent" else "write"
    )
    return Sql(name, mode, kind, signature, tuple(_part(name, text, signature, mark) for text in commands if text))


def _part(file: str, text: str, signature: tuple[str, ...], mark: str) -> Part:
    places = (*signature, NOW, ORDINAL)
    text, given = _with_given(file, text, places)
    names: list[str] = []
    types: list[str] = []

    def number(match: re.Match[str]) -> str:
        name, cast, array = match[1], match[2], match[3] or ""
        if name not in places:
            raise ValueError(f"{file}.sql: :{name} is not in the signature ({', '.join(places[:-1])})")
        if name not in names:
            names.append(name)
            types.append((cast or "") + array)
        return f"{mark}{names.index(name) + 1}" + (f"::{cast}{array}" if cast else array)

    numbered = VALUE.sub(number, text)
    uses = tuple(places.index(used) for used in names)
    return Part(numbered, uses, tuple(types), VALUE.sub(number, given), ORDINAL in names)


def _with_given(file: str, text: str, places: tuple[str, ...]) -> tuple[str, str]:
    """The text with the values of one row in place of `:rows`, and how these stand there."""
    found = GIVEN.search(text)
    if found is None:
        return text, ""
    columns = places[:-1] if found[1] is None else tuple(word.strip() for word in found[1].split(","))
    row = f"({', '.join(':' + name for name in columns)})"
    rest = text[: found.start()] + text[found.end() :]
    if VALUE.search(rest):
        raise ValueError(f"{file}.sql: beside (:rows) no other value can stand; take it from given")
    return f"{text[: found.start()]}given ({', '.join(columns)}) as (values {row}){text[found.end() :]}", row


def with_schema(text: str, schema: str) -> str:
    """Statements name the default schema as a quoted identifier, so this exact token can only be that."""
    return text.replace('"holdfast"', '"' + schema.replace('"', '""') + '"')
