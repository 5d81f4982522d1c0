"""Stores drop their own tables and make them anew, and nobody else's; and migrate only where they may."""

import sqlite3
from pathlib import Path

import psycopg
import pytest

from holdfast import Holdfast
from holdfast.errors import DatabaseError, SchemaMissing
from holdfast.storage.migrate import migrations


def jobs_of(app: Holdfast) -> int:
    return sum(app.jobs.count().values())


def filled(url: str, **settings: str) -> Holdfast:
    app = Holdfast(url, migrate=True, **settings)

    @app.task
    def greet(name: str) -> None: ...

    greet.enqueue("Ada")
    assert jobs_of(app) == 1
    return app


def test_reset_empties_and_leaves_a_usable_schema(database_url: str) -> None:
    app = filled(database_url)
    assert app.store.reset()[0] == "0001_jobs"
    assert jobs_of(app) == 0
    assert app.migrate() == []
    app.close()
    again = filled(database_url)
    again.close()


def test_reset_makes_what_was_never_there(database_url: str) -> None:
    app = Holdfast(database_url)
    assert app.store.reset()[0] == "0001_jobs"
    assert jobs_of(app) == 0
    app.close()


def test_reset_of_a_database_in_memory() -> None:
    app = filled("sqlite:///:memory:")
    app.store.reset()
    assert jobs_of(app) == 0
    app.close()


def test_sqlite_keeps_the_tables_of_others(sqlite_url: str, tmp_path: Path) -> None:
    app = filled(sqlite_url)
    with sqlite3.connect(tmp_path / "holdfast.db") as connection:
        connection.execute("create table orders (id integer)")
        connection.execute("create table holdfastish (id integer)")
    connection.close()
    app.store.reset()
    app.close()
    connection = sqlite3.connect(tmp_path / "holdfast.db")
    names = {name for (name,) in connection.execute("select name from sqlite_master")}
    connection.close()
    assert {"orders", "holdfastish"} <= names


def test_postgres_refuses_a_schema_with_tables_of_others(postgres_url: str) -> None:
    app = filled(postgres_url, schema="shop")
    with psycopg.connect(postgres_url) as connection:
        connection.execute("create table shop.orders (id int)")
        connection.execute("create table other (id int)")
    with pytest.raises(DatabaseError, match=r"schema shop is not Holdfast's alone \(orders\)"):
        app.store.reset()
    assert jobs_of(app) == 1
    with psycopg.connect(postgres_url) as connection:
        connection.execute("drop table shop.orders")
    app.store.reset()
    assert jobs_of(app) == 0
    app.close()


def test_postgres_refuses_the_public_schema(postgres_url: str) -> None:
    app = filled(postgres_url, schema="public")
    with pytest.raises(DatabaseError, match="schema public"):
        app.store.reset()
    assert jobs_of(app) == 1
    app.close()


def test_migrate_false_leaves_a_database_as_it_is(new_database_url: str) -> None:
    app = Holdfast(new_database_url, migrate=False)
    with pytest.raises(SchemaMissing):
        app.jobs.list()
    app.close()
    assert Holdfast(new_database_url).migrate() == [step.name for step in migrations("holdfast.storage.sqlite")]
