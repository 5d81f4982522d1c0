"""Tenants kept apart by PostgreSQL itself: three roles, and row security on every table.

Who connects as a member of the user role reaches one tenant's rows in each transaction, which names it first. Workers
and the leader reach all, as members of the worker role. The admin role owns everything, and nobody works as it.
"""

import json
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from holdfast.errors import ConfigError, MisuseError, TenantRequired
from holdfast.model.tenant import Scope
from holdfast.model.text import shown


class Reach(Enum):
    """What a role reaches."""

    FREE = "all there is"
    """Tenants are kept apart by this library alone."""
    ALL = "all tenants"
    ONE = "one tenant in each transaction"


ENTER = "select set_config('holdfast.tenant', $1, true)"
"""Names the tenant of a transaction, until its end: no other user of the connection finds it there."""

ENTER_LENT = f"{ENTER} where coalesce(current_setting('holdfast.tenant', true), '') in ('', $1)"
"""The same in a transaction of somebody else's, unless it has another tenant's."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of the roles of a schema that keeps tenants apart."""

    admin: str
    worker: str
    user: str

    @classmethod
    def named(cls, prefix: str) -> "Roles":
        return cls(f"{prefix}_admin", f"{prefix}_worker", f"{prefix}_user")


def roles_of(connection: "psycopg.Connection[Any]", schema: str) -> Roles | None:
    """The roles of this schema; None where tenants are kept apart by this library alone."""
    cursor = psycopg.RawCursor(connection, row_factory=tuple_row)
    row = cursor.execute(_ours(f"select value from \"{schema}\".meta where name = 'tenants'")).fetchone()  # noqa: S608
    return None if row is None else Roles(**json.loads(row[0]))


_WHO: LiteralString = """
select current_user, r.rolsuper, r.rolbypassrls, pg_has_role(r.oid, a.oid, 'member'),
    pg_has_role(r.oid, w.oid, 'member'), pg_has_role(r.oid, u.oid, 'member')
from pg_roles r, pg_roles a, pg_roles w, pg_roles u
where r.rolname = current_user and a.rolname = $1 and w.rolname = $2 and u.rolname = $3
"""


def reach_of(connection: "psycopg.Connection[Any]", schema: str) -> Reach:
    """What the role of this connection reaches.

    Raises ConfigError for one that row security would not hold, and for a stranger.
    """
    roles = roles_of(connection, schema)
    if roles is None:
        return Reach.FREE
    cursor = psycopg.RawCursor(connection, row_factory=tuple_row)
    row = cursor.execute(_WHO, [roles.admin, roles.worker, roles.user]).fetchone()
    if row is None:
        raise ConfigError(
            f"the roles {', '.join(asdict(roles).values())} are not all there: run holdfast migrate --tenants"
        )
    me, superuser, bypasses, admin, worker, user = row
    if superuser or bypasses or admin:
        why = "a superuser" if superuser else "exempt from row security" if bypasses else "the owner of its tables"
        raise ConfigError(
            f"this database keeps tenants apart, and role {me} is {why}: connect as a member of {roles.worker} "
            f"(workers, all tenants) or {roles.user} (one tenant at a time), and as {me} only to migrate"
        )
    if not worker and not user:
        raise ConfigError(
            f"role {me} may do nothing here: grant it {roles.worker} (workers, all tenants) or {roles.user} (one "
            "tenant at a time)"
        )
    return Reach.ALL if worker else Reach.ONE


def tenant_of(scope: Scope) -> str:
    """The tenant that a transaction is for. Raises TenantRequired where there is none."""
    if scope.tenant is None or scope.implied:
        raise TenantRequired(
            "this connection reaches one tenant at a time, and none was named: app.tenant(name) has the whole surface, "
            "and task.using(tenant=name) enqueues"
        )
    return scope.tenant


def entry(reach: Reach, scope: Scope) -> tuple[str, list[Any]]:
    """What names the tenant in a transaction of somebody else's, and answers nothing where it has another's."""
    if reach is Reach.ONE:
        return ENTER_LENT, [tenant_of(scope)]
    return (ENTER, [scope.tenant]) if scope.tenant is not None else ("", [])


def mixture(scope: Scope) -> MisuseError:
    return MisuseError(
        f"the transaction on this connection is another tenant's already, and not {shown(scope.tenant)}'s: take one "
        "transaction for each tenant"
    )


def protect(connection: "psycopg.Connection[Any]", schema: str, roles: Roles) -> list[str]:
    """Make the roles that are missing, give all that is in the schema to the admin role, and turn row security on.

    It may be repeated at any time. Answers the names of the roles made.
    """
    with connection.transaction():
        made = [name for name in asdict(roles).values() if _make_role(connection, name)]
        connection.execute(
            _ours(
                f"insert into \"{schema}\".meta (name, value) values ('tenants', %s) "  # noqa: S608
                "on conflict (name) do update set value = excluded.value"
            ),
            [json.dumps(asdict(roles))],
        )
        _hand_over(connection, schema, roles)
        connection.execute(_ours(f'select "{schema}".protect()'))
    return made


def _make_role(connection: "psycopg.Connection[Any]", name: str) -> bool:
    if connection.execute("select 1 from pg_roles where rolname = %s", [name]).fetchone():
        return False
    connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(name)))
    return True


_OWNED: LiteralString = """
select format('alter table %I.%I owner to %I', $1::text, c.relname, $2::text)
from pg_class c where c.relnamespace = to_regnamespace(quote_ident($1)) and c.relkind in ('r', 'p')
union all
select format('alter function %s owner to %I', p.oid::regprocedure, $2::text)
from pg_proc p where p.pronamespace = to_regnamespace(quote_ident($1))
"""


def _hand_over(connection: "psycopg.Connection[Any]", schema: str, roles: Roles) -> None:
    admin, place = sql.Identifier(roles.admin), sql.Identifier(schema)
    connection.execute(sql.SQL("grant {} to current_user").format(admin))
    connection.execute(sql.SQL("grant usage, create on schema {} to {}").format(place, admin))
    workers, users = sql.Identifier(roles.worker), sql.Identifier(roles.user)
    connection.execute(sql.SQL("grant usage on schema {} to {}, {}").format(place, workers, users))
    owned = psycopg.RawCursor(connection, row_factory=tuple_row).execute(_OWNED, [schema, roles.admin]).fetchall()
    for (line,) in owned:
        connection.execute(_ours(line))


def _ours(text: str) -> LiteralString:
    ours: LiteralString = cast("Any", text)
    return ours
