"""Each statement has a plan that does not depend on what the planner believes of the tables.

A queue is empty one second and holds 50,000 jobs the next, so a plan is made while the tables are empty, or while
their statistics are of another time, and is used when they are full.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import psycopg
import pytest
from psycopg.rows import tuple_row

from holdfast.clock import DatabaseClock
from holdfast.ids import new_id
from holdfast.storage.load import Sql, load
from holdfast.storage.postgres.arrays import chunks
from holdfast.storage.postgres.session import BEGIN_PINNED, PostgresSession
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.testing.cluster import Server, database_name

from .values import LINED, ROWS, Unknown, rows_for

STATEMENTS = load("holdfast.storage.postgres", "holdfast", "$")
BELIEFS = ("never analyzed", "empty", "stale", "fresh")
UNPLANNED = {"partitions", "notify", "installation"}
"""Commands, and a look into a table of three rows."""

READS_ALL = {"count"}
"""For tests, demos and small databases."""

READS_RUNNING = {"claim_again", "drained", "queue_names", "queue_running", "queue_stats", "running"}
"""Asked seldom: they look at every running job, of which there are as many as workers have slots."""

RUNNING = 500

LARGE = ("jobs", "history", "job_logs", "gate", "marks", "wait", "batches")
FILL = """
insert into holdfast.jobs (tenant, id, queue, task, args, max_attempts, state, reason, due, created_at, updated_at,
    worker, lease_until, token)
select 'default', gen_random_uuid(), %(queue)s, 't', '{}', 1, %(state)s,
    case when %(state)s = 'blocked' then 'unknown_task' end,
    now() + n * interval '1 ms' + case when %(state)s = 'scheduled' then interval '1 hour' else interval '0' end,
    now(), now(), 'w', now() + interval '1 hour', 1
from generate_series(1, %(count)s) n
"""
AMOUNTS = [
    ("default", "ready", 2_000),
    ("other", "ready", 24_000),
    ("other", "scheduled", 12_000),
    ("other", "blocked", 12_000),
    ("default", "running", RUNNING),
    ("full", "blocked", 12_000),
]
FULL_GROUP = """
delete from holdfast.gates;
delete from holdfast.gate_jobs;
delete from holdfast.gate_notes;
update holdfast.jobs set reason = 'gate', gates = '[["group:full",null,1,1,null,0,0]]' where queue = 'full';
insert into holdfast.gates (tenant, name, size, updated_at)
select 'default', case n when 1 then 'group:full' else 'group:' || n end, 1, now() from generate_series(1, 12000) n;
insert into holdfast.gates (tenant, name, base, size, updated_at)
select 'default', 'limit:parts/' || n, 'limit:parts', 1, now() from generate_series(1, 5) n;
insert into holdfast.gate_jobs (tenant, id, gate, rank, due, seq, weight)
select tenant, id, 'group:full', 0, due, seq, 1 from holdfast.jobs where queue = 'full';
insert into holdfast.gate_jobs (tenant, id, gate, rank, due, seq, weight, held)
select tenant, id, 'group:held' || seq, 0, due, seq, 1, true from holdfast.jobs where state = 'running';
"""
HISTORY = """
insert into holdfast.history (tenant, id, version, seq, task, queue, state, priority, due, attempt, max_attempts,
    crashes, policy, token, created_at, finished_at, updated_at, keep_until, span)
select 'default', gen_random_uuid(), 1, n, 't', 'default', 'succeeded', 0, now(), 1, 1, 0, '{}', 1, now(), now(), now(),
    now() + (n %% 30) * interval '1 day' + interval '1 hour',
    case when n %% 30 between 8 and 27 then 'week' else 'day' end -- some before their partition was there
from generate_series(1, 5000) n
"""


MARKS = """
insert into holdfast.marks (tenant, kind, name, id, since, keep_until)
select 'default', (array['input', 'debounce', 'rate', 'request'])[n % 4 + 1], 'n' || n, gen_random_uuid(), now(),
    now() + n * interval '1 second' - interval '50 seconds'
from generate_series(1, 20000) n
"""


WAITS = """
delete from holdfast.waits;
insert into holdfast.waits (tenant, job, id, need)
select tenant, id, gen_random_uuid(), 'succeeded' from holdfast.jobs;
insert into holdfast.waits (tenant, job, id, need, batch)
select tenant, id, '0190163d-8694-79b5-8c1d-4f0e2a7b6c5d', 'finished', true from holdfast.jobs;
insert into holdfast.wait_notes (tenant, id, what, state)
select tenant, id, case when n % 2 = 0 then 'batch' else 'look' end, case when n % 2 = 0 then 'succeeded' end
from (select tenant, id, row_number() over () as n from holdfast.jobs limit 20000) as jobs;
insert into holdfast.batches (tenant, id, name, open, keep, created_at, keep_until)
select 'default', gen_random_uuid(), 'b', false, 60, now(), now() + n * interval '1 second' - interval '50 seconds'
from generate_series(1, 5000) n;
insert into holdfast.batches (tenant, id, name, keep, created_at)
select tenant, id, 'b', 60, now() from holdfast.jobs where state = 'running';
"""


@dataclass
class Node:
    """One node of a plan that was run."""

    kind: str
    relation: str
    index: str
    condition: str
    rows: float
    sorted_by: list[str]
    children: list[Node] = field(default_factory=list)

    def all(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.all()

    def __str__(self) -> str:
        below = "".join("\n  " + line for child in self.children for line in str(child).splitlines())
        return f"{self.kind} {self.relation} {self.index} {self.condition} ({self.rows:.0f} rows)" + below


def node(plan: dict[str, Any]) -> Node:
    seen = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Join Filter", 0)
    return Node(
        plan["Node Type"],
        plan.get("Relation Name", ""),
        plan.get("Index Name", ""),
        plan.get("Index Cond", plan.get("TID Cond", "")),
        seen * plan["Actual Loops"],
        plan.get("Sort Key", []),
        [node(child) for child in plan.get("Plans", [])],
    )


class Kept(UrlSource):
    """A source of one connection that a test can look at."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.connection = super().acquire()

    def acquire(self) -> psycopg.Connection[Any]:
        return self.connection


class Full:
    """A database that was filled after its plans had been made."""

    def __init__(self, url: str, belief: str) -> None:
        self.source = Kept(url)
        connection = self.source.connection
        connection.prepared_max = None  # a lane uses few of all the statements, this one all
        connection.execute("alter table holdfast.jobs set (autovacuum_enabled = off)")
        if belief == "empty":
            connection.execute("vacuum analyze")
        if belief == "stale":
            connection.execute(FILL, {"queue": "old", "state": "scheduled", "count": 3_000})
            connection.execute("analyze")
        self.plan_now()
        connection.prepare_threshold = None  # or the driver gives up at a rollback what it has prepared
        connection.execute("delete from holdfast.jobs")
        for queue, state, count in AMOUNTS:
            connection.execute(FILL, {"queue": queue, "state": state, "count": count})
        connection.execute(FULL_GROUP)
        connection.execute(HISTORY.replace("%%", "%"))
        connection.execute(MARKS)
        connection.execute(WAITS)
        if belief == "fresh":
            connection.execute("vacuum analyze")
        found = connection.execute("select tenant, id::text, token from holdfast.jobs where state = 'running'")
        self.keys = found.fetchall()
        found = connection.execute("select tenant, id::text, token from holdfast.jobs where queue = 'full' limit 500")
        self.lined = found.fetchall()

    def plan_now(self) -> None:
        """Run every statement once on a connection of our own: its plan is made, and kept."""
        session = PostgresSession(self.source, DatabaseClock(), "holdfast")
        nobody = [("default", new_id(), 1)] * 2
        for name, statement in STATEMENTS.items():
            if name not in UNPLANNED:
                with suppress(Unknown):  # its own test tells of it
                    rows = rows_for(statement, nobody)[:1]
                    session.begin()
                    session.execute(name, rows)
                    session.commit()

    def kept_plan(self, statement: Sql) -> tuple[Node, int]:
        """The plan that was made then, run now."""
        cursor = self.source.connection.cursor(row_factory=tuple_row)
        prepared = cursor.execute("select name, statement from pg_prepared_statements").fetchall()
        (name,) = [name for name, text in prepared if text == statement.parts[0].text]
        values = ", ".join(_literal(value) for value in self.values(statement))
        return self._explain(f"execute {name}" + (f" ({values})" if values else ""), [])

    def plan_of_today(self, statement: Sql) -> tuple[Node, int]:
        """As on a connection that is not ours alone: planned at each use, under the settings of the transaction."""
        return self._explain(statement.parts[0].text, self.values(statement), BEGIN_PINNED)

    def values(self, statement: Sql) -> list[Any]:
        keys = self.lined if statement.name in LINED else self.keys
        (values,) = chunks(statement, rows_for(statement, keys), None)
        return values

    def _explain(self, text: str, values: list[Any], begin: str = "begin") -> tuple[Node, int]:
        connection = self.source.connection
        connection.execute(begin.encode(), prepare=False)
        try:
            cursor = psycopg.RawCursor(connection, row_factory=tuple_row)
            query = f"explain (analyze, buffers, timing off, format json) {text}".encode()
            found = cursor.execute(query, values, prepare=False).fetchone()
        finally:
            connection.execute("rollback")
        assert found is not None
        plan = (json.loads(found[0]) if isinstance(found[0], str) else found[0])[0]["Plan"]
        return node(plan), plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def _literal(value: Any) -> str:
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"


@pytest.fixture(scope="module")
def empty(cluster: Server) -> Iterator[str]:
    url = cluster.create_database()
    store = PostgresStore(UrlSource(url), DatabaseClock())
    store.migrate()
    store.close()
    yield url
    cluster.drop_database(url)


@pytest.fixture(scope="module", params=BELIEFS)
def full(request: pytest.FixtureRequest, cluster: Server, empty: str) -> Iterator[Full]:
    url = cluster.create_database(template=database_name(empty))
    full = Full(url, request.param)
    yield full
    full.source.connection.close()
    cluster.drop_database(url)


def check(statement: Sql, plan: Node, pages: int) -> None:
    """What holds for every plan: no walk through a table, no sort of what it read, and few pages."""
    rows = RUNNING if READS_RUNNING & {statement.name} else ROWS
    touched = [part for part in plan.all() if part.relation.startswith(LARGE)]
    said = f"{statement.name}, {pages} pages\n{plan}"
    assert not [part for part in touched if "Seq Scan" in part.kind or part.kind == "Bitmap Heap Scan"], said
    assert not [part for part in plan.all() if part.kind in ("Hash Join", "Merge Join")], said
    assert max((part.rows for part in touched), default=0) <= 10 * rows, said
    sorts = [part for part in plan.all() if "Sort" in part.kind]
    assert not [part for part in sorts if part.rows > 4 * rows], said
    assert pages <= 200 + 400 * rows, said


Question: TypeAlias = Callable[[Full, str], None]
QUESTIONS: list[tuple[Question, Iterable[str]]] = []


def asked_of(names: Iterable[str]) -> Callable[[Question], Question]:
    def taken(question: Question) -> Question:
        QUESTIONS.append((question, names))
        return question

    return taken


GUARDED = sorted(STATEMENTS.keys() - UNPLANNED - READS_ALL)


@asked_of(GUARDED)
def a_plan_made_before_holds_for_the_full_tables(full: Full, name: str) -> None:
    check(STATEMENTS[name], *full.kept_plan(STATEMENTS[name]))


@asked_of(GUARDED)
def a_plan_made_now_holds_for_the_full_tables(full: Full, name: str) -> None:
    check(STATEMENTS[name], *full.plan_of_today(STATEMENTS[name]))


INDEXES = {
    "claim": {"jobs_ready"},
    "claim_queues": {"jobs_ready_queue"},
    "claim_capped": {"jobs_ready_queue"},
    "queues_ready": {"jobs_ready_queue"},
    "queue_running": {"jobs_lease"},
    "restate": {"jobs_pkey"},
    "claim_again": {"jobs_lease"},
    "finish": {"jobs_pkey"},
    "requeue": {"jobs_pkey"},
    "renew": {"jobs_pkey"},
    "held": {"jobs_pkey"},
    "get": {"jobs_pkey"},
    "list": {"jobs_pkey"},
    "lock": {"jobs_pkey"},
    "expired": {"jobs_lease"},
    "unblock": {"jobs_blocked"},
    "gate_entries": {"jobs_blocked"},
}


@asked_of(INDEXES)
def each_walks_its_own_index(full: Full, name: str) -> None:
    for plan, _ in (full.kept_plan(STATEMENTS[name]), full.plan_of_today(STATEMENTS[name])):
        used = {part.index for part in plan.all() if part.index.startswith("jobs_")}
        assert used == INDEXES[name], str(plan)


@asked_of(["claim", "claim_queues", "claim_capped", "finish", "requeue", "renew", "promote", "unblock"])
def rows_are_written_by_their_place(full: Full, name: str) -> None:
    plan, _ = full.kept_plan(STATEMENTS[name])
    assert [part for part in plan.all() if part.kind == "Tid Scan"], str(plan)


@asked_of(["claim", "claim_queues", "claim_capped"])
def a_claim_reads_what_it_takes(full: Full, name: str) -> None:
    """Behind 24,000 ready jobs of another queue, 12,000 scheduled and 12,000 blocked ones."""
    plan, pages = full.kept_plan(STATEMENTS[name])
    (walked,) = [part for part in plan.all() if part.index]
    assert walked.rows <= ROWS + 1, str(plan)
    assert pages <= 20 * ROWS, str(plan)


@asked_of(["list"])
def a_page_of_the_list_reads_a_page(full: Full, name: str) -> None:
    plan, pages = full.kept_plan(STATEMENTS[name])
    (walked,) = [part for part in plan.all() if part.index == "jobs_pkey"]
    assert walked.kind == "Index Scan"
    assert walked.rows <= ROWS
    assert pages <= 1_000, str(plan)


def test_every_statement(full: Full) -> None:
    """One test for all of them: to fill the tables takes longer than all that is asked of them then."""
    wrong: list[str] = []
    for question, names in QUESTIONS:
        for name in names:
            try:
                question(full, name)
            except Exception as error:
                wrong.append(f"{question.__name__}[{name}]: {error}")
    assert not wrong, "\n\n".join(wrong)
