"""Numbered migrations, forward only: `0001_jobs.sql` and so on in each database's folder."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from holdfast.errors import SchemaMissing, SchemaTooNew, SchemaTooOld
from holdfast.storage.load import with_schema

NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: its number, its name and its SQL for one schema."""

    number: int
    name: str
    sql: str


@cache
def migrations(package: str, schema: str = "holdfast") -> tuple[Migration, ...]:
    """Every step of a database, in order."""
    found: list[Migration] = []
    for entry in (files(package) / "migrations").iterdir():
        match = NAME.match(entry.name)
        if match is not None:
            found.append(Migration(int(match[1]), entry.name[:-4], with_schema(entry.read_text("utf-8"), schema)))
    return tuple(sorted(found, key=lambda step: step.number))


_TABLE = re.compile(r'create (?:unlogged )?table (?:if not exists )?(?:"[^"]+"\.)?(\w+)')


def tables_of(steps: tuple[Migration, ...]) -> set[str]:
    """The names of the tables that these steps make."""
    return {name for step in steps for name in _TABLE.findall(step.sql)}


def judge(applied: int | None, package: str, where: str, remedy: str) -> None:
    """Refuse a schema that this version cannot work with. `applied` is the last step's number, None for no schema."""
    newest = migrations(package)[-1].number
    if applied is None:
        raise SchemaMissing(f"{where} has no Holdfast tables yet. {remedy}")
    if applied < newest:
        raise SchemaTooOld(
            f"the Holdfast tables of {where} are at step {applied} and this version needs step {newest}. {remedy}"
        )
    if applied > newest:
        raise SchemaTooNew(
            f"the Holdfast tables of {where} are at step {applied}, made by a newer version; this one knows up to "
            f"step {newest}. Install the newer Holdfast here, or use another schema"
        )
