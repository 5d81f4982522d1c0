"""What the doctor finds in a PostgreSQL database that something is wrong with."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from tests.doctor.conftest import findings, healthy, told, worst
from tests.pooler import Pooler

from holdfast import Holdfast
from holdfast.model.finding import Level
from holdfast.storage.postgres import checks, holders
from holdfast.storage.postgres.look import Look
from holdfast.storage.postgres.source import UrlSource
from holdfast.testing.cluster import Cluster
from holdfast.testing.conformance import kit

pytestmark = pytest.mark.usefixtures("waiting_for_the_disk")


@pytest.fixture
def app(url: str) -> Iterator[Holdfast]:
    app = Holdfast(url)
    yield app
    app.close()


@pytest.fixture
def admin(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def alter(admin: psycopg.Connection, *commands: str) -> None:
    for command in commands:
        admin.execute(command.encode())


def test_tables_are_compared(app: Holdfast, admin: psycopg.Connection) -> None:
    alter(
        admin,
        "drop index holdfast.jobs_lease",
        "alter table holdfast.workers add column extra text",
        "alter table holdfast.jobs alter column priority type bigint",
        "alter table holdfast.jobs drop constraint running_has_a_lease",
        "create index slow on holdfast.jobs (args)",
        "drop table holdfast.gates",
        "create or replace function holdfast.has_tag(tags text, tag text) returns boolean "
        "language sql as 'select true'",
        "create table public.orders (id int)",
    )
    found = findings(app)["schema"]
    assert worst(found) is Level.PROBLEM
    missing, _, rest = told(found).partition("; not as the migrations make it: ")
    changed, _, more = rest.partition("; beside")
    for part in ("index jobs_lease", "table gates", "constraint jobs.running_has_a_lease"):
        assert part in missing
    for part in ("column jobs.priority", "function has_tag"):
        assert part in changed
    for part in ("column workers.extra", "index slow"):
        assert part in more
    assert "orders" not in told(found)
    assert "gates." not in missing
    scratch = admin.execute("select count(*) from pg_namespace where nspname like 'holdfast_doctor%'").fetchone()
    assert scratch == (0,), "what was made to compare with is gone"


def test_an_invalid_index_is_told(app: Holdfast, admin: psycopg.Connection) -> None:
    admin.execute("update pg_index set indisvalid = false where indexrelid = 'holdfast.jobs_lease'::regclass")
    assert "index jobs_lease" in told(findings(app)["schema"])


def test_a_role_without_the_right_to_compare(url: str, admin: psycopg.Connection) -> None:
    """It may look at the rest."""
    role = f"weak_{admin.info.dbname}"
    alter(
        admin,
        f"create role {role} login",
        f"grant usage on schema holdfast to {role}",
        f"grant select on all tables in schema holdfast to {role}",
    )
    app = Holdfast(url.replace("//postgres@", f"//{role}@"))
    found = findings(app)
    app.close()
    alter(admin, f"drop owned by {role}", f"drop role {role}")
    healthy(found, but=("schema",))
    assert "could not be looked at" in told(found["schema"])
    assert "pg_read_all_stats" in told(found["old snapshots"])


def test_partitions_that_are_missing(app: Holdfast, admin: psycopg.Connection) -> None:
    day = admin.execute("select to_char((now() + interval '2 days') at time zone 'UTC', 'YYYYMMDD')").fetchone()
    assert day is not None
    admin.execute(f"drop table holdfast.history_day_{day[0]}".encode())
    found = findings(app)
    healthy(found, but=("history",))
    assert told(found["history"]).startswith("1 of the partitions")


def test_autovacuum_turned_off_for_a_table(app: Holdfast, admin: psycopg.Connection) -> None:
    admin.execute("alter table holdfast.jobs set (autovacuum_enabled = off)")
    found = findings(app)
    healthy(found, but=("vacuum",))
    assert 'alter table "holdfast".jobs reset' in told(found["vacuum"])


def test_dead_rows(app: Holdfast, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "DEAD", 50)
    admin.execute("alter table holdfast.jobs set (autovacuum_enabled = off)")
    kit.add(app.store, *(kit.job() for _ in range(100)))
    admin.execute("delete from holdfast.jobs")
    admin.execute("select pg_stat_force_next_flush()")
    deadline = time.monotonic() + 20
    while worst(found := list(checks.dead_rows(looking(app)))) is Level.OK:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "jobs has 100 dead rows" in told(found)


def looking(app: Holdfast) -> Look:
    return Look(UrlSource(app._settings.url), "holdfast")  # type: ignore[reportPrivateUsage]


def test_a_clock_that_differs(app: Holdfast, monkeypatch: pytest.MonkeyPatch) -> None:
    real = checks.machine_micros
    for seconds, level in ((5, Level.WARNING), (-600, Level.PROBLEM)):
        monkeypatch.setattr(checks, "machine_micros", lambda seconds=seconds: real() - seconds * 1_000_000)
        found = findings(app)["clock"]
        assert worst(found) is level
    assert "10 min behind" in told(found)


def test_a_transaction_that_stays_open_is_named(app: Holdfast, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(url, application_name="reporting") as reader:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select 1")
        found = list(holders.holders(looking(app), seconds=0.0))
        (mine,) = [each for each in found if f"process {reader.info.backend_pid} " in each.what]
        assert "reporting, user postgres" in mine.what
        assert "idle in transaction" in mine.what
        assert f"pg_terminate_backend({reader.info.backend_pid})" in mine.remedy
        assert list(app.store.strain()) == [], "it is not open for long"
        monkeypatch.setattr(holders, "BRIEF", 0.0)
        assert list(app.store.strain()) == [], "nothing lies behind it"
        monkeypatch.setattr(holders, "DEAD", 0)
        assert "rows of finished jobs lie behind it" in next(iter(app.store.strain())).what


def test_too_few_connections(app: Holdfast, admin: psycopg.Connection) -> None:
    name = admin.info.dbname
    role = f"few_{name}"
    alter(admin, f"create role {role} superuser login", f'alter database "{name}" connection limit 6')
    found = findings(app)
    alter(admin, f'alter database "{name}" connection limit -1', f"drop role {role}")
    healthy(found, but=("connections",))
    assert "too few are free" in told(found["connections"])


def test_wake_ups_that_are_not_heard(app: Holdfast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "HEARD_WITHIN", 0.5)
    monkeypatch.setattr(checks, "notify", lambda look, channel: None)
    found = findings(app)
    healthy(found, but=("wake-ups",))
    assert "not heard" in told(found["wake-ups"])


def test_behind_a_pooler(url: str, pooler: Pooler, monkeypatch: pytest.MonkeyPatch) -> None:
    through = pooler.url(url)
    blind = Holdfast(through)
    found = findings(blind)
    blind.close()
    healthy(found, but=("wake-ups",))
    assert "behind a pooler" in told(found["server"])
    assert "HOLDFAST_LISTEN_URL" in told(found["wake-ups"])
    hearing = Holdfast(through, listen_url=url)
    healthy(findings(hearing))
    hearing.close()
    deaf = Holdfast(through, listen_url=through)
    monkeypatch.setattr(checks, "HEARD_WITHIN", 0.5)
    heard = findings(deaf)["wake-ups"]
    deaf.close()
    assert worst(heard) in (Level.OK, Level.WARNING)  # of two connections the notification may come over the right one


def test_settings_that_lose_data_and_holders_that_are_no_sessions() -> None:
    """On a server of their own: what is prepared, replicated, and not written to the disk."""
    settings = {
        "autovacuum": "off", "max_prepared_transactions": 5, "synchronous_commit": "off", "wal_level": "logical",
    }  # fmt: skip
    with Cluster.start(settings, fsync=False) as server:
        url = server.create_database()
        app = Holdfast(url)
        app.migrate()
        with psycopg.connect(url, autocommit=True) as admin:
            alter(
                admin,
                "select pg_create_logical_replication_slot('unused', 'pgoutput')",
                "begin",
                "create table public.t ()",
                "prepare transaction 'stuck'",
            )
            found = findings(app)
            healthy(found, but=("durability", "vacuum"))
            for part in ("fsync is off", "full_page_writes is off", "synchronous_commit is off"):
                assert part in told(found["durability"])
            assert "autovacuum off" in told(found["vacuum"])
            said = told(list(holders.holders(looking(app), seconds=0.0)))
            assert "prepared transaction 'stuck'" in said
            assert "rollback prepared 'stuck'" in said
            alter(admin, "rollback prepared 'stuck'", "select pg_drop_replication_slot('unused')")
        app.close()
