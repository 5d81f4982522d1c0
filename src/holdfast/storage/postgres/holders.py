"""Who keeps the server from cleaning up behind finished jobs: by a snapshot that is held for long."""

from collections.abc import Iterator

from holdfast.model.finding import Finding, problem, span, warning
from holdfast.storage.postgres.look import Look

LONG = 300.0
"""Seconds for which a transaction may well be open."""
TOO_LONG = 3600.0
BRIEF = 5.0
"""The same while dead rows lie where workers look for jobs."""
DEAD = 100_000
"""Rows that are too many to be between two visits of autovacuum."""
MANY = 100_000
"""Transactions that a slot or a standby may lag behind."""

SESSIONS = """
select pid, coalesce(usename, '?'), coalesce(nullif(application_name, ''), 'a session'),
    coalesce(client_addr::text, 'this machine'), coalesce(state, '?'),
    extract(epoch from clock_timestamp() - xact_start)::float8, dead
from pg_stat_activity, pg_stat_get_dead_tuples('"holdfast".jobs'::regclass) as dead
where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
    and (backend_xmin is not null or backend_xid is not null) and backend_type in ('client backend', 'parallel worker')
    and clock_timestamp() - xact_start
        > case when dead < $3::int8 then $1::float8 else least($1::float8, $2::float8) end * interval '1 second'
order by xact_start limit 20
"""
PREPARED = """
select gid, owner, extract(epoch from clock_timestamp() - prepared)::float8
from pg_prepared_xacts
where database = current_database() and clock_timestamp() - prepared > $1::float8 * interval '1 second'
order by prepared limit 20
"""
SLOTS = """
select slot_name, active, age(xmin)::int8 from pg_replication_slots where age(xmin) > $1::int8 order by 3 desc limit 20
"""
STANDBYS = """
select pid, coalesce(nullif(application_name, ''), '?'), coalesce(client_addr::text, 'this machine'),
    age(backend_xmin)::int8
from pg_stat_replication where age(backend_xmin) > $1::int8 order by 4 desc limit 20
"""


def holders(look: Look, seconds: float = LONG, behind: int = MANY) -> Iterator[Finding]:
    """Everybody who holds a snapshot for longer than `seconds`, or is `behind` transactions; and for more than a few
    seconds while dead rows pile up."""
    for pid, user, program, place, state, age, dead in look.rows(SESSIONS, seconds, BRIEF, DEAD):
        judge = problem if age > TOO_LONG else warning
        rows = f"; {dead:,} rows of finished jobs lie behind it" if dead >= DEAD else ""
        yield judge(
            f"process {pid} ({program}, user {user}, from {place}) has a transaction open for {span(age)} "
            f"({state}){rows}",
            f"end it there, or: select pg_terminate_backend({pid}); idle_in_transaction_session_timeout prevents it",
        )
    for name, owner, age in look.rows(PREPARED, seconds):
        yield problem(
            f"the prepared transaction {name!r} of user {owner} has been open for {span(age)}",
            f"commit prepared {name!r}, or rollback prepared {name!r}",
        )
    for name, active, age in look.rows(SLOTS, behind):
        yield warning(
            f"the replication slot {name} ({'in use' if active else 'not in use'}) is {age:,} transactions behind",
            "let its standby catch up, or" + f" select pg_drop_replication_slot('{name}') if nobody needs it",
        )
    for pid, name, place, age in look.rows(STANDBYS, behind):
        yield warning(
            f"the standby {name} (process {pid}, at {place}) holds back {age:,} transactions by hot_standby_feedback",
            "look for a long query there",
        )
