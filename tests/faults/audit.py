"""What the database itself saw: triggers write down every move of every job, in order.

The product knows nothing of it. A renewal is no move, but the row's last lease end is written with the next one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg

from holdfast import Holdfast

MOVES_SQLITE = """
create table audit_moves (
    n integer primary key autoincrement, kind text, at integer, job text, was text, became text, old_token integer,
    token integer, old_worker text, worker text, lease_until integer, attempt integer, old_crashes integer,
    crashes integer);
create trigger audit_insert after insert on holdfast_jobs begin
    insert into audit_moves (kind, at, job, became, token, attempt, crashes)
    values ('insert', new.created_at, new.id, new.state, new.token, new.attempt, new.crashes);
end;
create trigger audit_update after update of state, token on holdfast_jobs
when old.state <> new.state or old.token <> new.token or old.crashes <> new.crashes begin
    insert into audit_moves (kind, at, job, was, became, old_token, token, old_worker, worker, lease_until, attempt,
        old_crashes, crashes)
    values ('update', new.updated_at, new.id, old.state, new.state, old.token, new.token, old.worker, new.worker,
        old.lease_until, new.attempt, old.crashes, new.crashes);
end;
create trigger audit_delete after delete on holdfast_jobs begin
    insert into audit_moves (kind, at, job, was, old_token, token, old_worker, lease_until, attempt, old_crashes,
        crashes)
    values ('delete', null, old.id, old.state, old.token, old.token, old.worker, old.lease_until, old.attempt,
        old.crashes, old.crashes);
end;
create trigger audit_history after insert on holdfast_history begin
    insert into audit_moves (kind, at, job, became, token, worker, attempt, crashes)
    values ('history', new.finished_at, new.id, new.state, new.token, new.worker, new.attempt, new.crashes);
end;
"""

MOVES_POSTGRES = """
create table audit_moves (
    n bigserial primary key, kind text, at int8, job text, was text, became text, old_token int8, token int8,
    old_worker text, worker text, lease_until int8, attempt int4, old_crashes int4, crashes int4);
create function audit_micros(t timestamptz) returns int8 language sql immutable as
    $$ select (extract(epoch from t) * 1000000)::int8 $$;
create function audit_move() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into public.audit_moves (kind, at, job, became, token, attempt, crashes)
        values ('insert', public.audit_micros(new.created_at), new.id::text, new.state, new.token, new.attempt,
            new.crashes);
    elsif tg_op = 'DELETE' then
        insert into public.audit_moves (kind, at, job, was, old_token, token, old_worker, lease_until, attempt,
            old_crashes, crashes)
        values ('delete', public.audit_micros(statement_timestamp()), old.id::text, old.state, old.token, old.token,
            old.worker, public.audit_micros(old.lease_until), old.attempt, old.crashes, old.crashes);
    elsif old.state <> new.state or old.token <> new.token or old.crashes <> new.crashes then
        insert into public.audit_moves (kind, at, job, was, became, old_token, token, old_worker, worker, lease_until,
            attempt, old_crashes, crashes)
        values ('update', public.audit_micros(new.updated_at), new.id::text, old.state, new.state, old.token,
            new.token, old.worker, new.worker, public.audit_micros(old.lease_until), new.attempt, old.crashes,
            new.crashes);
    end if;
    return null;
end $$;
create trigger audit_move after insert or update or delete on holdfast.jobs for each row execute function audit_move();
create function audit_history() returns trigger language plpgsql as $$
begin
    insert into public.audit_moves (kind, at, job, became, token, worker, attempt, crashes)
    values ('history', public.audit_micros(new.finished_at), new.id::text, new.state, new.token, new.worker,
        new.attempt, new.crashes);
    return null;
end $$;
create trigger audit_history after insert on holdfast.history for each row execute function audit_history();
"""

READ = """
select n, kind, at, job, was, became, old_token, token, old_worker, worker, lease_until, attempt, old_crashes, crashes
from audit_moves order by n
"""
FINISHED = {
    "sqlite": "select id, state, token, result, attempt, max_attempts, crashes, errors from holdfast_history",
    "postgres": "select id::text, state, token, result, attempt, max_attempts, crashes, errors from holdfast.history",
}
JOBS = {"sqlite": "holdfast_jobs", "postgres": "holdfast.jobs"}


@dataclass(frozen=True, slots=True)
class Move:
    """One change of one job's row. Instants are microseconds; `lease_until` is that of the claim that it ended."""

    n: int
    kind: str
    at: int | None
    job: str
    was: str | None
    became: str | None
    old_token: int | None
    token: int
    old_worker: str | None
    worker: str | None
    lease_until: int | None
    attempt: int
    old_crashes: int | None
    crashes: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A row of history."""

    job: str
    state: str
    token: int
    result: str | None
    attempt: int
    max_attempts: int
    crashes: int
    errors: str | None


class Reader(Protocol):
    def __call__(self, text: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...


class Database:
    """The test's own way into a database, beside the product's: plain SQL, a fresh connection for each look."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.kind = "sqlite" if url.startswith("sqlite") else "postgres"

    def set_up(self) -> None:
        """Make Holdfast's tables, and the triggers that watch them."""
        app = Holdfast(self.url)
        app.migrate()
        app.close()
        if self.kind == "sqlite":
            with self.connected() as connection:
                connection.executescript(MOVES_SQLITE)
        else:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(MOVES_POSTGRES)

    @contextmanager
    def connected(self) -> Iterator[Any]:
        if self.kind == "sqlite":
            connection = sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=20, isolation_level=None)
            try:
                yield connection
            finally:
                connection.close()
        else:
            with psycopg.connect(self.url, autocommit=True) as found:
                yield found

    def ask(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of one query; values are written `%s`, and the table of live jobs `{jobs}`."""
        text = text.replace("{jobs}", JOBS[self.kind])
        with self.connected() as connection:
            if self.kind == "sqlite":
                return connection.execute(text.replace("%s", "?"), values).fetchall()
            return connection.execute(text, values or None).fetchall()

    def settled(self) -> bool:
        """Whether leases may lapse yet: not for three seconds after a server's start."""
        up = "select statement_timestamp() > pg_postmaster_start_time() + interval '3 seconds'"
        return self.kind == "sqlite" or self.ask(up)[0][0]

    def moves(self) -> list[Move]:
        return [Move(*row) for row in self.ask(READ)]

    def finished(self) -> list[Finished]:
        return [Finished(*row) for row in self.ask(FINISHED[self.kind])]

    def live(self) -> int:
        return self.ask("select count(*) from {jobs}")[0][0]
