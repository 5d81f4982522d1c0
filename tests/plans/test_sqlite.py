"""Each statement finds its rows through an index, whatever `ANALYZE` has or has not said of the tables."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from holdfast.clock import DatabaseClock, machine_micros
from holdfast.storage.load import Part, Sql, load
from holdfast.storage.sqlite.store import SqliteStore

from .values import rows_for

STATEMENTS = load("holdfast.storage.sqlite", "", "?")
BELIEFS = ("never analyzed", "empty", "stale", "fresh")
LARGE = (
    "holdfast_jobs|holdfast_history|holdfast_payloads|holdfast_job_logs|holdfast_gate_jobs|holdfast_gates|"
    "holdfast_waits|holdfast_batches"
)
READS_ALL = {"count"}
"""For tests, demos and small databases."""

FILL = """
with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < :count)
insert into holdfast_jobs (tenant, id, queue, task, args, max_attempts, state, reason, due, created_at, updated_at,
    worker, lease_until, token)
select 'default', lower(hex(randomblob(16))), :queue, 't', '{}', 1, :state,
    case when :state = 'blocked' then 'unknown_task' end,
    :now + n * 1000 + case when :state = 'scheduled' then 3600000000 else 0 end, :now, :now, 'w', :now + 3600000000, 1
from numbers
"""
RUNNING = 500
AMOUNTS = [
    ("default", "ready", 2_000),
    ("other", "ready", 24_000),
    ("other", "scheduled", 12_000),
    ("other", "blocked", 12_000),
    ("default", "running", RUNNING),
    ("full", "blocked", 12_000),
]
FULL_GROUP = """
update holdfast_jobs set reason = 'gate', gates = '[["group:full",null,1,1,null,0,0]]' where queue = 'full';
with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 12000)
insert into holdfast_gates (tenant, name, size, updated_at)
select 'default', case n when 1 then 'group:full' else 'group:' || n end, 1, 0 from numbers;
with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 5)
insert into holdfast_gates (tenant, name, base, size, updated_at)
select 'default', 'limit:parts/' || n, 'limit:parts', 1, 0 from numbers;
insert into holdfast_gate_jobs (tenant, id, gate, rank, due, seq, weight)
select tenant, id, 'group:full', 0, due, seq, 1 from holdfast_jobs where queue = 'full';
insert into holdfast_gate_jobs (tenant, id, gate, rank, due, seq, weight, held)
select tenant, id, 'group:held' || seq, 0, due, seq, 1, 1 from holdfast_jobs where state = 'running';
"""
HISTORY = """
with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 5000)
insert into holdfast_history (tenant, id, version, seq, task, queue, state, priority, due, attempt, max_attempts,
    crashes, policy, token, created_at, finished_at, updated_at, keep_until)
select 'default', lower(hex(randomblob(16))), 1, n, 't', 'default', 'succeeded', 0, 0, 1, 1, 0, '{}', 1, 0, 0, 0,
    :now + n * 86400000000
from numbers
"""


WAITS = """
insert into holdfast_waits (tenant, job, id, need)
select tenant, id, lower(hex(randomblob(16))), 'succeeded' from holdfast_jobs;
insert into holdfast_waits (tenant, job, id, need, batch)
select tenant, id, '0190163d-8694-79b5-8c1d-4f0e2a7b6c5d', 'finished', 1 from holdfast_jobs;
insert into holdfast_wait_notes (tenant, id, what, state)
select tenant, id, case when seq % 2 = 0 then 'batch' else 'look' end, case when seq % 2 = 0 then 'succeeded' end
from holdfast_jobs limit 20000;
with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 5000)
insert into holdfast_batches (tenant, id, name, open, keep, created_at, keep_until)
select 'default', lower(hex(randomblob(16))), 'b', 0, 60, 0, 4000000000000000 + n from numbers;
insert into holdfast_batches (tenant, id, name, keep, created_at)
select tenant, id, 'b', 60, 0 from holdfast_jobs where state = 'running';
"""


class Full:
    """A file that is full of jobs, and what is known of it."""

    def __init__(self, path: Path, belief: str) -> None:
        store = SqliteStore(path, DatabaseClock(), {"synchronous": "off"})
        store.migrate()
        store.close()
        connection = sqlite3.connect(path, isolation_level=None)
        self.now = machine_micros()
        if belief == "empty":
            connection.execute("analyze")
        if belief == "stale":
            connection.execute(FILL, {"queue": "old", "state": "scheduled", "count": 3_000, "now": self.now})
            connection.execute("analyze")
            connection.execute("delete from holdfast_jobs")
        for queue, state, count in AMOUNTS:
            connection.execute(FILL, {"queue": queue, "state": state, "count": count, "now": self.now})
        connection.executescript(FULL_GROUP)
        connection.executescript(WAITS)
        connection.execute(HISTORY, {"now": self.now})
        if belief == "fresh":
            connection.execute("analyze")
        connection.close()  # what `ANALYZE` found is read when a file is opened
        self.connection = sqlite3.connect(path, isolation_level=None)
        found = self.connection.execute("select tenant, id, token from holdfast_jobs where state = 'running'")
        self.keys = found.fetchall()

    def plan(self, part: Part, row: tuple[Any, ...]) -> list[str]:
        found = self.connection.execute("explain query plan " + part.text, self.values(part, row)).fetchall()
        return [str(line[3]) for line in found]

    def work(self, statement: Sql) -> int:
        """Thousands of steps that SQLite's machine takes for it."""
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        self.connection.execute("begin")
        self.connection.set_progress_handler(count, 1_000)
        try:
            for row in rows_for(statement, self.keys):
                for part in statement.parts:
                    self.connection.execute(part.text, self.values(part, row)).fetchall()
        finally:
            self.connection.set_progress_handler(None, 0)
            self.connection.execute("rollback")
        return steps

    def values(self, part: Part, row: tuple[Any, ...]) -> list[Any]:
        values = [json.dumps(value) if isinstance(value, tuple) else value for value in (*row, self.now, 1)]
        return [values[use] for use in part.uses]


@pytest.fixture(scope="module", params=BELIEFS)
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    full = Full(tmp_path_factory.mktemp("plans") / "holdfast.db", request.param)
    yield full
    full.connection.close()


def scans(statement: Sql, plan: list[str]) -> list[str]:
    """Walks through a whole large table, by its own name or the short one that the statement gives it."""
    text = " ".join(part.text for part in statement.parts)
    short = re.findall(rf"\b(?:{LARGE}) (?!where|set|using|order|values|group|select\b)(?:as )?(\w+)", text)
    names = "|".join([LARGE, *short])
    return [line for line in plan if re.match(rf"SCAN (?:{names})\b(?!.*USING)", line)]


Question: TypeAlias = Callable[[Full, str], None]
QUESTIONS: list[tuple[Question, Iterable[str]]] = []


def asked_of(names: Iterable[str]) -> Callable[[Question], Question]:
    def taken(question: Question) -> Question:
        QUESTIONS.append((question, names))
        return question

    return taken


GUARDED = sorted(STATEMENTS.keys() - READS_ALL)


@asked_of(GUARDED)
def no_walk_through_a_table(full: Full, name: str) -> None:
    statement = STATEMENTS[name]
    (row, *_) = rows_for(statement, full.keys)
    for part in statement.parts:
        plan = full.plan(part, row)
        assert not scans(statement, plan), "\n".join(plan)


@asked_of(GUARDED)
def the_work_does_not_grow_with_the_tables(full: Full, name: str) -> None:
    """A walk through 50,000 rows would take some 500 thousand steps."""
    assert full.work(STATEMENTS[name]) <= 100, "thousand steps for a hundred rows"


INDEXES = {
    "claim": "SCAN holdfast_jobs USING INDEX holdfast_jobs_ready",
    "claim_queues": "SEARCH head USING INDEX holdfast_jobs_ready_queue (queue=?)",
    "claim_capped": "SEARCH head USING INDEX holdfast_jobs_ready_queue (queue=?)",
    "queue_running": "SEARCH holdfast_jobs USING INDEX holdfast_jobs_lease (lease_until>?)",
    "restate": "SEARCH holdfast_jobs USING INDEX holdfast_jobs_id (tenant=? AND id=?)",
    "finish": "SEARCH j USING INDEX holdfast_jobs_id (tenant=? AND id=?)",
    "requeue": "SEARCH holdfast_jobs USING INDEX holdfast_jobs_id (tenant=? AND id=?)",
    "renew": "SEARCH j USING INDEX holdfast_jobs_id (tenant=? AND id=?)",
    "get": "SEARCH j USING INDEX holdfast_jobs_id (tenant=? AND id=?)",
    "expired": "SEARCH holdfast_jobs USING INDEX holdfast_jobs_lease (lease_until<?)",
    "promote": "SEARCH holdfast_jobs USING COVERING INDEX holdfast_jobs_scheduled (due<?)",
    "unblock": "SEARCH holdfast_jobs USING INDEX holdfast_jobs_blocked (reason=? AND task=?)",
}


@asked_of(INDEXES)
def each_walks_its_own_index(full: Full, name: str) -> None:
    statement = STATEMENTS[name]
    (row, *_) = rows_for(statement, full.keys)
    plan = [line for part in statement.parts for line in full.plan(part, row)]
    assert [line for line in plan if line.startswith(INDEXES[name].replace("COVERING ", ""))] or INDEXES[
        name
    ] in plan, "\n".join(plan)


@asked_of(["claim", "expired", "promote", "list"])
def nothing_is_sorted_that_an_index_has_in_order(full: Full, name: str) -> None:
    """But for the page of a list, in which two ordered pages meet."""
    statement = STATEMENTS[name]
    (row, *_) = rows_for(statement, full.keys)
    sorts = [line for part in statement.parts for line in full.plan(part, row) if "TEMP B-TREE" in line]
    assert len(sorts) == (1 if name == "list" else 0)


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
