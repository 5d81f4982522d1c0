"""Two apps in one PostgreSQL database, each with a schema of its own: nothing crosses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from holdfast import Holdfast
from holdfast.errors import ConfigError
from holdfast.storage.ops.installation import installation
from holdfast.testing import drain

SOON = 20.0
ODD = ("Shop", "my-app", "shop 2.0", "select", "User", "a" * 63)
Make = Callable[..., Holdfast]


@pytest.fixture
def make(postgres_url: str) -> Iterator[Make]:
    """Makes apps on the test's database whose task says in which schema it ran."""
    made: list[Holdfast] = []

    def make(schema: str = "holdfast", **settings: Any) -> Holdfast:
        app = Holdfast(postgres_url, schema=schema, migrate=True, **settings)

        @app.task
        def where(n: int) -> str:
            return f"{schema} {n}"

        app.where = where  # type: ignore[attr-defined]
        made.append(app)
        return app

    yield make
    for app in made:
        app.close()


def test_jobs_do_not_cross(make: Make) -> None:
    one, other = make(), make("other_jobs")
    here, there = one.where.enqueue(1), other.where.enqueue(2)  # type: ignore[attr-defined]
    assert other.jobs.get(here.id) is None
    assert [job.id for job in one.jobs.list()] == [here.id]
    assert (drain(one).succeeded, drain(other).succeeded) == (1, 1)
    assert (here.result(), there.result()) == ("holdfast 1", "other_jobs 2")


def test_both_work_and_lead_at_once(make: Make, postgres_url: str) -> None:
    one, other = make(), make("other_jobs")
    with one.worker(poll_interval=0.1), other.worker(poll_interval=0.1):
        handles = [app.where.enqueue(n) for n in range(20) for app in (one, other)]  # type: ignore[attr-defined]
        answers = [job.result(timeout=SOON) for job in handles]
        assert answers == [f"{schema} {n}" for n in range(20) for schema in ("holdfast", "other_jobs")]
        until = time.monotonic() + SOON
        while len(leaders(postgres_url, "holdfast") | leaders(postgres_url, "other_jobs")) < 2:
            assert time.monotonic() < until, "each schema has a leader of its own"
            time.sleep(0.01)


def leaders(url: str, schema: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(f'select boot from "{schema}".leaders'.encode()).fetchall()
        return {boot for (boot,) in found}


def test_wake_ups_do_not_cross(make: Make) -> None:
    one, other, others = make(), make("other_jobs"), make("other_jobs")
    heard_one, heard_other = threading.Event(), threading.Event()
    with closing(one.store.listen(heard_one.set)), closing(other.store.listen(heard_other.set)):
        assert heard_one.wait(SOON)  # each hears once that it listens
        assert heard_other.wait(SOON)
        heard_one.clear()
        heard_other.clear()
        others.where.enqueue(1)  # type: ignore[attr-defined]
        assert heard_other.wait(SOON)
        assert not heard_one.is_set()


def test_each_has_an_identity_and_a_transaction_serves_both(make: Make, postgres_url: str) -> None:
    one, other = make(), make("other_jobs")
    assert one.store.run(installation(), "read") != other.store.run(installation(), "read")
    with psycopg.connect(postgres_url) as connection:
        one.where.using(connection=connection).enqueue(1)  # type: ignore[attr-defined]
        other.where.using(connection=connection).enqueue(2)  # type: ignore[attr-defined]
        other.where.using(connection=connection).enqueue(3)  # type: ignore[attr-defined]
    assert (one.jobs.count(), other.jobs.count()) == ({"ready": 1}, {"ready": 2})


def test_to_empty_one_leaves_the_other(make: Make) -> None:
    one, other = make(), make("other_jobs")
    one.where.enqueue(1)  # type: ignore[attr-defined]
    other.where.enqueue(2)  # type: ignore[attr-defined]
    other.store.reset()
    assert (one.jobs.count(), other.jobs.count()) == ({"ready": 1}, {})


@pytest.mark.parametrize("schema", ODD)
def test_an_odd_name_works_for_a_whole_life(make: Make, schema: str) -> None:
    app = make(schema, defaults={"keep_succeeded": "1h"})
    assert drain(app).claimed == 0
    job = app.where.enqueue(1)  # type: ignore[attr-defined]
    with app.worker(poll_interval=0.1):
        assert job.result(timeout=SOON) == f"{schema} 1"
    app.do_duties()
    assert app.migrate() == []
    assert app.store.reset()
    assert app.jobs.count() == {}


def test_upper_case_is_another_name(make: Make) -> None:
    lower, upper = make("shop"), make("SHOP")
    lower.where.enqueue(1)  # type: ignore[attr-defined]
    assert (lower.jobs.count(), upper.jobs.count()) == ({"ready": 1}, {})


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("jobs (id int)", "a table called jobs"),
        ("migrations (id int, name text)", "a table called migrations"),
        ("history (id int); create table public.workers (id int)", "tables called history, workers"),
    ],
)
def test_tables_of_another_program_are_not_taken_for_ours(
    make: Make, postgres_url: str, table: str, names: str
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"create table public.{table}".encode())
    app = make("public")
    with pytest.raises(ConfigError, match=f"^schema public has {names} of another program"):
        app.where.enqueue(1)  # type: ignore[attr-defined]
    with psycopg.connect(postgres_url) as connection:
        left = connection.execute(
            "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        ).fetchone()
    assert left == (2 if ";" in table else 1,)
    elsewhere = make("holdfast")
    elsewhere.where.enqueue(1)  # type: ignore[attr-defined]


def test_a_schema_made_beforehand_may_hold_tables_with_other_names(make: Make, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("create table public.orders (id int)")
    app = make("public")
    app.where.enqueue(1)  # type: ignore[attr-defined]
    assert drain(app).succeeded == 1
