"""What `holdfast doctor` looks at in a PostgreSQL database."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

from holdfast.clock import machine_micros
from holdfast.model.finding import Check, Finding, fine, problem, size, span, warning
from holdfast.storage.postgres.drift import drift
from holdfast.storage.postgres.holders import holders
from holdfast.storage.postgres.listen import NotifyListener, channel_of
from holdfast.storage.postgres.look import Look, rows
from holdfast.storage.postgres.source import Source, direct

DEAD = 100_000
DEAD_SHARE = 5
AHEAD = 7
"""Days for which history should have its partitions."""
SKEWED = 2.0
FAR_SKEWED = 60.0
PER_WORKER = 5
"""Connections of a worker process: to claim, write, renew, read and listen."""
RETAINED = 1024**3
HEARD_WITHIN = 3.0


def checks(look: Look, listen: Source | None) -> list[Check]:
    """Every check, in the order in which they are told."""
    looks: list[tuple[str, Callable[[], Iterator[Finding]], bool]] = [
        ("server", lambda: server(look), False),
        ("durability", lambda: durability(look), False),
        ("schema", lambda: schema(look), True),
        ("history", lambda: history(look), True),
        ("old snapshots", lambda: snapshots(look), False),
        ("vacuum", lambda: vacuum(look), False),
        ("dead rows", lambda: dead_rows(look), True),
        ("disk", lambda: disk(look), False),
        ("connections", lambda: connections(look), True),
        ("clock", lambda: clock(look), False),
        ("wake-ups", lambda: wake_ups(look, listen), False),
    ]
    return [Check(*each) for each in looks]


def server(look: Look) -> Iterator[Finding]:
    with look.connected() as connection:
        version = connection.info.parameter_status("server_version") or "?"
        number = connection.info.server_version
        pooled = not direct(connection)
        ((standby, bits),) = rows(connection, "select pg_is_in_recovery(), current_setting('server_encoding')")
    where = f"PostgreSQL {version}" + (", behind a pooler" if pooled else "")
    if number < 140000:
        yield problem(f"{where} is too old", "use PostgreSQL 14 or newer")
    elif standby:
        yield problem(f"{where} is a standby and cannot be written", "connect to the primary")
    elif bits != "UTF8":
        yield warning(f"{where}, whose database has the encoding {bits}", "use a database with the encoding UTF8")
    else:
        yield fine(where)


def durability(look: Look) -> Iterator[Finding]:
    names = ("fsync", "full_page_writes", "synchronous_commit")
    found = {name: look.row("select current_setting($1)", name)[0] for name in names}
    bad = False
    for name in names[:2]:
        if found[name] == "off":
            bad = True
            yield problem(
                f"{name} is off: a power cut damages the database",
                f"alter system set {name} = on; select pg_reload_conf()",
            )
    if found["synchronous_commit"] == "off":
        bad = True
        yield warning(
            "synchronous_commit is off: a crash of the server may lose what was stored just before",
            "set synchronous_commit = on for this role or database, if that matters",
        )
    if not bad:
        yield fine(f"fsync and full_page_writes on, synchronous_commit={found['synchronous_commit']}")


def schema(look: Look) -> Iterator[Finding]:
    applied, name = look.row('select number, name from "holdfast".migrations order by number desc limit 1')
    yield from drift(look, applied) or [fine(f"as migration {name} makes it")]


def history(look: Look) -> Iterator[Finding]:
    missing = look.row(
        """
        select count(*) from generate_series(0, $1::int) n
        where to_regclass('"holdfast".' || quote_ident('history_day_'
            || to_char(date_trunc('day', now() at time zone 'UTC') + n * interval '1 day', 'YYYYMMDD'))) is null
        """,
        AHEAD,
    )[0]
    strays = look.row(
        'select exists (select from "holdfast".history_day_other), exists (select from "holdfast".history_week_other), '
        'exists (select from "holdfast".history_quarter_other)'
    )
    if missing:
        yield problem(
            f"{missing} of the partitions that history needs in the next {AHEAD} days are missing: finished jobs go to "
            "a common one, and are removed row by row",
            "run a worker that leads, or: holdfast leader --once",
        )
    elif any(strays):
        yield warning(
            "some finished jobs came before their partition was there and are removed row by row",
            "nothing, if it stays so; see that some process leads all the time",
        )
    else:
        yield fine(f"partitions are there for {AHEAD} days and more")


def snapshots(look: Look) -> Iterator[Finding]:
    found = list(holders(look))
    yield from found
    if not found:
        all_seen = look.row("select pg_has_role('pg_read_all_stats', 'usage')")[0]
        note = "" if all_seen else "; this role sees its own sessions only: grant pg_read_all_stats to it to see all"
        yield fine(f"nobody holds one for long{note}")


def vacuum(look: Look) -> Iterator[Finding]:
    off = [name for name in ("autovacuum", "track_counts") if look.row("select current_setting($1)", name)[0] == "off"]
    if off:
        yield problem(
            f"{' and '.join(off)} off: tables grow without end, and the server stops in the end",
            f"alter system set {off[0]} = on; select pg_reload_conf()",
        )
    tables = [
        name
        for (name,) in look.rows(
            "select relname from pg_class where relnamespace = to_regnamespace(quote_ident($1)) "
            "and array_to_string(reloptions, ',') ~* 'autovacuum_enabled=(off|false|0|no)' order by 1",
            look.schema,
        )
    ]
    for table in tables:
        yield problem(
            f"autovacuum is turned off for the table {table}",
            f"alter table {look.identifier}.{table} reset (autovacuum_enabled)",
        )
    if not off and not tables:
        yield fine("autovacuum on")


def dead_rows(look: Look) -> Iterator[Finding]:
    found = look.rows(
        """
        select relname, n_live_tup, n_dead_tup, extract(epoch from now() - last_autovacuum)::float8,
            pg_total_relation_size(relid)
        from pg_stat_user_tables where schemaname = $1 and relname in ('jobs', 'job_logs')
        order by 1
        """,
        look.schema,
    )
    for table, live, dead, since, room in found:
        last = "never vacuumed" if since is None else f"vacuumed {span(since)} ago"
        if dead > DEAD and dead > DEAD_SHARE * live:
            yield warning(
                f"{table} has {dead:,} dead rows beside {live:,} live ones, in {size(room)}; {last}",
                "look who holds an old snapshot, and what autovacuum is busy with",
            )
        else:
            yield fine(f"{table}: {dead:,} dead rows beside {live:,}, in {size(room)}; {last}")


def disk(look: Look) -> Iterator[Finding]:
    """The server does not tell how much room its disk has; it tells what takes it."""
    (database,) = look.row("select pg_database_size(current_database())")
    slots = look.rows(
        """
        select slot_name, active, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8
        from pg_replication_slots
        where not pg_is_in_recovery() and pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) > $1::float8
        """,
        float(RETAINED),
    )
    for name, active, amount in slots:
        yield warning(
            f"the replication slot {name} ({'in use' if active else 'not in use'}) keeps {size(amount)} of the "
            "write-ahead log",
            f"let its reader catch up, or select pg_drop_replication_slot('{name}') if nobody needs it",
        )
    if not slots:
        yield fine(f"the database takes {size(database)}")


def connections(look: Look) -> Iterator[Finding]:
    most, reserved, used, workers = look.row(
        """
        select current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,
            (select count(*)::int from pg_stat_activity where backend_type = 'client backend'),
            (select count(*)::int from "holdfast".workers where expires_at > now())
        """
    )
    limit, here = look.row(
        "select d.datconnlimit, (select count(*)::int from pg_stat_activity where datname = d.datname) "
        "from pg_database d where d.datname = current_database()"
    )
    free = most - reserved - used
    if limit >= 0:
        free = min(free, limit - here)
    told = f"{used} of {most} used, {workers} workers alive (each holds up to {PER_WORKER})"
    if free < 1:
        yield problem(f"{told}: none is free", "raise max_connections, or put a pooler in between")
    elif free < PER_WORKER:
        yield warning(f"{told}: too few are free for one more", "raise max_connections, or put a pooler in between")
    else:
        yield fine(told)


def clock(look: Look) -> Iterator[Finding]:
    """Of a few looks the quickest counts."""
    best, skew = float("inf"), 0.0
    with look.connected() as connection:
        for _ in range(5):
            before = machine_micros() / 1e6
            ((there,),) = rows(connection, "select extract(epoch from clock_timestamp())::float8")
            after = machine_micros() / 1e6
            if after - before < best:
                best, skew = after - before, there - (before + after) / 2
    if abs(skew) < SKEWED:
        yield fine(f"as this machine's, to {span(max(abs(skew), best, 0.001))}")
        return
    told = f"the server's is {span(abs(skew))} {'ahead of' if skew > 0 else 'behind'} this machine's"
    remedy = "keep both by NTP; jobs go by the server's, but logs and instants you compute do not"
    if abs(skew) - best / 2 > FAR_SKEWED:
        yield problem(told, remedy)
    else:
        yield warning(told, remedy)


def wake_ups(look: Look, listen: Source | None) -> Iterator[Finding]:
    """Notify once and listen, as another process would."""
    source = listen or look.source
    if listen is None:
        with look.connected() as connection:
            pooled = not direct(connection)
        if pooled:
            yield warning(
                "the URL leads through a pooler, where wake-ups get lost: workers see new jobs by polling",
                "give listen_url= (HOLDFAST_LISTEN_URL), a way to the server past the pooler",
            )
            return
        if not source.listens:
            yield warning("the pool is too small to listen on a connection of it", "give listen_url=, or enlarge it")
            return
    heard = threading.Event()
    channel = channel_of(look.schema)
    with closing(NotifyListener(source, channel, heard.set, trusted=True)):
        if not heard.wait(HEARD_WITHIN):  # it wakes once when it has begun to listen
            yield warning(f"no connection to listen on could be had at {source.where}", "see that listen_url is right")
            return
        heard.clear()
        began = time.monotonic()
        notify(look, channel)
        if heard.wait(HEARD_WITHIN):
            yield fine(f"heard after {(time.monotonic() - began) * 1000:.0f} ms")
        else:
            yield warning(
                "a notification was sent and not heard: workers see new jobs by polling",
                "see that listen_url leads to the same database, and to no pooler in transaction mode",
            )


def notify(look: Look, channel: str) -> None:
    """Sent by its commit, so outside the transaction of a look."""
    connection = look.source.acquire()
    try:
        rows(connection, "select pg_notify($1, '')", channel)
    finally:
        look.source.release(connection, broken=False)
