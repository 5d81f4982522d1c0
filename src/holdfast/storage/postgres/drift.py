"""The tables as they are, held against what the migrations make: in a schema that is made for it and rolled back."""

import re
import secrets
from collections.abc import Iterable
from typing import Any

import psycopg

from holdfast.model.finding import Finding
from holdfast.storage.compare import compared
from holdfast.storage.load import with_schema
from holdfast.storage.migrate import Migration, migrations
from holdfast.storage.postgres.look import Look, rows
from holdfast.storage.postgres.session import PACKAGE

_OURS = r"relnamespace = to_regnamespace(quote_ident($1)) and relname !~ '^history_(day|month)_\d+' "
_SHAPE = rf"""
with tables as (
    select oid, relname from pg_class where {_OURS} and relkind in ('r', 'p') and relname <> 'migrations'
)
select 'table ' || relname, '' from tables
union all
select 'column ' || t.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
    || case when a.attnotnull then ' not null' else '' end || a.attidentity::text || a.attgenerated::text
    || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
from tables t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
union all
select 'index ' || c.relname, pg_get_indexdef(i.indexrelid) || case when i.indisvalid then '' else ' (invalid)' end
from tables t join pg_index i on i.indrelid = t.oid join pg_class c on c.oid = i.indexrelid
union all
select 'constraint ' || t.relname || '.' || o.conname, pg_get_constraintdef(o.oid)
from tables t join pg_constraint o on o.conrelid = t.oid where o.contype <> 'n'
union all
select 'trigger ' || t.relname || '.' || g.tgname, pg_get_triggerdef(g.oid)
from tables t join pg_trigger g on g.tgrelid = t.oid where not g.tgisinternal
union all
select 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', p.prosrc
from pg_proc p where p.pronamespace = to_regnamespace(quote_ident($1))
"""  # noqa: S608 - words of ours


def drift(look: Look, applied: int) -> list[Finding]:
    """What differs in the schema from what the steps up to `applied` make."""
    scratch = f"holdfast_doctor_{secrets.token_hex(4)}"
    with look.connected() as connection:
        there = _shape(connection, look.schema)
        _make(connection, scratch, [step for step in migrations(PACKAGE, scratch) if step.number <= applied])
        return compared(_shape(connection, scratch), there)


def _make(connection: "psycopg.Connection[Any]", schema: str, steps: Iterable[Migration]) -> None:
    connection.execute(with_schema('create schema "holdfast"', schema).encode())
    for step in steps:
        connection.execute(step.sql.encode())


def _shape(connection: "psycopg.Connection[Any]", schema: str) -> dict[str, str]:
    quoted = '"' + schema.replace('"', '""') + '"'

    def plain(text: str) -> str:
        text = text.replace(f"{quoted}.", "").replace(quoted, "")
        return re.sub(rf"(?<!'){re.escape(schema)}\.", "", text)  # 'holdfast.tenant' is a setting

    return {plain(name): plain(made) for name, made in rows(connection, _SHAPE, schema)}
