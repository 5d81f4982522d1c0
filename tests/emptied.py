"""A PostgreSQL database that many tests share, without a row of what they did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from holdfast import Holdfast
from holdfast.testing.cluster import Server

EMPTY = """
do $$
declare
    leaf regclass;
begin
    for leaf in
        select oid from pg_class
        where relnamespace = 'holdfast'::regnamespace and relkind = 'r' and relname <> all ('{meta,migrations}')
    loop
        execute format('delete from only %s', leaf);
    end loop;
end $$
"""
"""Leaf by leaf: to plan a delete from a table of seventy partitions takes ten times as long as to do it."""

OTHERS = """
select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
"""


class SharedDatabase:
    """Migrated; `empty` takes a few milliseconds where a new database takes half a second."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)
        self._made = self._tables()

    def empty(self) -> None:
        self._connection.execute(EMPTY)
        if self._tables() != self._made:  # a test that moves its clock by years has partitions dropped
            self._connection.execute("select holdfast.ensure_history(now())")
            self._made = self._tables()

    def disconnect_all(self) -> None:
        """Whoever still uses it."""
        self._connection.execute(OTHERS)

    def close(self) -> None:
        self._connection.close()

    def _tables(self) -> Any:
        return self._connection.execute("select count(*), max(oid) from pg_class where relkind = 'r'").fetchone()


@contextmanager
def shared_database(cluster: Server) -> Iterator[SharedDatabase]:
    """Until the end of the session."""
    url = cluster.create_database()
    app = Holdfast(url)
    app.migrate()
    app.close()
    database = SharedDatabase(url)
    yield database
    database.close()
    cluster.drop_database(url)
