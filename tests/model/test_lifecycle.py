"""Every move is in the table, every verdict is a legal move, and the databases hold to the same states."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from itertools import product
from typing import Any, TypeAlias, get_args

import psycopg
import pytest

from holdfast.clock import DatabaseClock
from holdfast.model.job import FINISHED, JobState
from holdfast.model.lifecycle import (
    MOVES,
    SUSPECT_CRASHES,
    SUSPECT_WAIT,
    Finish,
    Requeue,
    allowed,
    decide,
)
from holdfast.model.outcome import (
    Crashed,
    Outcome,
    Parked,
    Raised,
    Released,
    Snoozed,
    Stopped,
    Succeeded,
    TimedOut,
    UnknownTask,
)
from holdfast.model.picture import diagram
from holdfast.model.policy import Policy
from holdfast.storage.ops.duties import Lapsed
from holdfast.storage.ops.jobs import Lease
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.storage.sqlite.store import SqliteStore

LIVE = frozenset(JobState) - FINISHED
WAITING = LIVE - {JobState.RUNNING}


def attempted(attempt: int = 1, max_attempts: int = 1, crashes: int = 0) -> Lapsed:
    return Lapsed(Lease("t", "i", 1), attempt, max_attempts, crashes, "{}", "w", "t", "q")


# ---------------------------------------------------------------- the table


def test_every_state_has_its_moves() -> None:
    assert MOVES.keys() == set(JobState)
    assert all(MOVES.values())


def test_no_move_goes_nowhere() -> None:
    assert [state for state, moves in MOVES.items() if state in moves] == []


def test_every_state_is_reachable_from_an_enqueue() -> None:
    reached = {JobState.READY, JobState.SCHEDULED}
    while new := {target for state in reached for target in MOVES[state]} - reached:
        reached |= new
    assert reached == set(JobState)


def test_every_live_job_can_end() -> None:
    for state in LIVE:
        assert MOVES[state].keys() & FINISHED, state


def test_a_job_runs_only_when_it_was_ready() -> None:
    assert [state for state in JobState if allowed(state, JobState.RUNNING)] == [JobState.READY]


def test_whatever_waits_can_be_cancelled_failed_or_resolved() -> None:
    for state, end in product(WAITING, (JobState.CANCELLED, JobState.FAILED, JobState.SUCCEEDED)):
        assert allowed(state, end), (state, end)


def test_finished_jobs_only_run_anew() -> None:
    again = {JobState.READY, JobState.BLOCKED, JobState.SCHEDULED}
    for state in FINISHED - {JobState.STALLED}:
        assert MOVES[state].keys() == again
    assert MOVES[JobState.STALLED].keys() == again | {JobState.SUCCEEDED, JobState.FAILED}


def test_the_picture_shows_every_move() -> None:
    picture = diagram()
    for origin, moves in MOVES.items():
        for target, why in moves.items():
            assert f"{origin} --> {target}: {why}" in picture
    assert picture.startswith("stateDiagram-v2")


# ---------------------------------------------------------------- verdicts

OUTCOMES: list[Outcome] = [
    Succeeded("1"),
    Raised("{}", None),
    Raised("{}", 0.0),
    Raised("{}", 5.0, "why"),
    TimedOut("{}", None),
    TimedOut("{}", 5.0),
    Released(),
    Released("look_ahead"),
    UnknownTask(),
    Parked("{}"),
    Crashed("{}"),
    Snoozed(0.0),
    Snoozed(9.0),
    Stopped("deadline"),
]
JOBS = [attempted(a, m, c) for a, m, c in product((1, 2, 3), (1, 3), (0, 1, 2, 5))]
RULES = [
    Policy(on_timeout=timeout, on_crash=crash, max_crashes=most)
    for timeout, crash, most in product(("fail", "stall"), ("retry", "stall"), (None, 0, 1, 2, 3, 10))
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=repr)
def test_every_verdict_is_a_legal_move(outcome: Outcome) -> None:
    for job, rules in product(JOBS, RULES):
        verdict = decide(job, outcome, rules)
        assert allowed(JobState.RUNNING, verdict.state), verdict
        if isinstance(verdict, Finish):
            assert verdict.state.finished
            assert verdict.keep == (rules.keep_succeeded if verdict.state is JobState.SUCCEEDED else rules.keep_failed)
        else:
            assert verdict.state in WAITING
            assert (verdict.state is JobState.SCHEDULED) == (verdict.delay > 0)


def test_a_result_is_kept() -> None:
    assert decide(attempted(), Succeeded("[1]"), Policy(keep_succeeded=5.0)) == Finish(
        JobState.SUCCEEDED, 5.0, result="[1]"
    )


@pytest.mark.parametrize(
    ("attempt", "retry_in", "state"),
    [(1, 5.0, "scheduled"), (2, 0.0, "ready"), (3, 5.0, "failed"), (4, 5.0, "failed"), (1, None, "failed")],
)
@pytest.mark.parametrize("kind", [Raised, TimedOut])
def test_as_many_runs_as_attempts(kind: Any, attempt: int, retry_in: float | None, state: str) -> None:
    verdict = decide(attempted(attempt, 3), kind('{"e":1}', retry_in), Policy())
    assert (verdict.state, verdict.error) == (state, '{"e":1}')
    if isinstance(verdict, Requeue):
        assert (verdict.reason, verdict.delay, verdict.uncounted, verdict.crashed) == ("retry", retry_in, False, False)


def test_a_time_limit_can_stall() -> None:
    stalled = decide(attempted(1, 3), TimedOut("{}", 5.0), Policy(on_timeout="stall"))
    assert (stalled.state, stalled.reason) == (JobState.STALLED, "timeout")
    failed = decide(attempted(1, 1), TimedOut("{}", 5.0), Policy())
    assert (failed.state, failed.reason) == (JobState.FAILED, "timeout")


@pytest.mark.parametrize("outcome", [Released(), UnknownTask(), Snoozed(5.0), Snoozed(0.0)])
def test_what_never_began_is_not_counted(outcome: Outcome) -> None:
    verdict = decide(attempted(1, 1), outcome, Policy())
    assert isinstance(verdict, Requeue)
    assert (verdict.uncounted, verdict.crashed, verdict.error) == (True, False, None)


def test_crashes_are_counted_apart_from_attempts_and_convict_at_the_third() -> None:
    crashed = Crashed("{}")
    first, second, third = (decide(attempted(1, 1, crashes), crashed, Policy()) for crashes in range(3))
    assert first == Requeue(JobState.READY, "rescued", error="{}", uncounted=True, crashed=True)
    assert second == Requeue(JobState.SCHEDULED, "suspect", SUSPECT_WAIT, "{}", uncounted=True, crashed=True)
    assert third == Finish(JobState.FAILED, Policy().keep_failed, "crashed", error="{}")
    assert SUSPECT_CRASHES == 2


def test_crashes_without_limit_make_no_suspects() -> None:
    for crashes in range(20):
        verdict = decide(attempted(1, 1, crashes), Crashed("{}"), Policy(max_crashes=None))
        assert verdict == Requeue(JobState.READY, "rescued", error="{}", uncounted=True, crashed=True)


def test_a_crash_can_stall() -> None:
    verdict = decide(attempted(), Crashed("{}"), Policy(on_crash="stall"))
    assert (verdict.state, verdict.reason) == (JobState.STALLED, "crashed")


# ---------------------------------------------------------------- the schemas

DATABASES = ("sqlite", "postgres")


def schema(database: str) -> str:
    folder = files(f"holdfast.storage.{database}") / "migrations"
    return "\n".join(entry.read_text("utf-8") for entry in folder.iterdir() if entry.name.endswith(".sql"))


@pytest.mark.parametrize("database", DATABASES)
def test_the_schemas_know_these_states(database: str) -> None:
    bodies = dict(re.findall(r'create table (?:holdfast_|"holdfast"\.)(\w+) \((.*?)\n\)', schema(database), re.DOTALL))
    checks = [
        re.search(r"^    state text not null(.*?)\),\n", bodies[name], re.DOTALL | re.MULTILINE) for name in TABLES
    ]
    words = [set(re.findall(r"'(\w+)'", check[1])) for check in checks if check]
    assert words == [set(LIVE), set(FINISHED)]


TABLES = ("jobs", "history")


Execute: TypeAlias = Callable[..., Any]


@pytest.fixture(scope="module", params=DATABASES)
def database(request: pytest.FixtureRequest) -> Iterator[tuple[Execute, Any]]:
    """Runs SQL, with PostgreSQL's names of the tables, on an empty schema; and an instant as it takes it."""
    if request.param == "sqlite":
        store = SqliteStore(None, DatabaseClock())
        store.check()
        memory: Any = store._memory

        def on_sqlite(sql: str, values: Sequence[Any] = ()) -> None:
            memory.execute(sql.replace("holdfast.", "holdfast_").replace("%s", "?"), values)

        yield on_sqlite, 0
        store.close()
        return
    cluster = request.getfixturevalue("cluster")
    url = cluster.create_database()
    migrated = PostgresStore(UrlSource(url), DatabaseClock())
    migrated.migrate()
    migrated.close()
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection.execute, "2026-01-01T00:00:00Z"
    cluster.drop_database(url)


@pytest.fixture
def insert(database: tuple[Execute, Any]) -> Execute:
    """Inserts a good row, or one with bad columns."""
    execute, now = database
    execute("delete from holdfast.jobs")

    def insert(**columns: Any) -> None:
        row = {**dict.fromkeys(INSTANTS, now), **GOOD, **columns}
        execute(INSERT.format(", ".join(row), ", ".join("%s" for _ in row)), list(row.values()))

    return insert


INSERT = "insert into holdfast.jobs ({}) values ({})"
GOOD: dict[str, Any] = {
    "id": "0190163d-8694-79b5-8c1d-4f0e2a7b6c5d", "task": "t", "state": "ready", "args": "{}", "max_attempts": 1,
}  # fmt: skip
INSTANTS = ("due", "created_at", "updated_at")


def test_a_good_row(insert: Execute) -> None:
    insert()


@pytest.mark.parametrize("state", sorted(WAITING))
def test_live_states_are_taken(insert: Execute, state: str) -> None:
    insert(state=state)


@pytest.mark.parametrize(
    "bad",
    [
        {"state": "dreaming"},
        {"state": "succeeded"},
        {"state": "running"},
        {"state": "running", "worker": "w"},
        {"task": ""},
        {"queue": ""},
        {"tenant": ""},
        {"key": ""},
        {"group_key": ""},
        {"attempt": -1},
        {"crashes": -1},
        {"max_attempts": 0},
        {"version": 0},
        {"args": None},
        {"task": None},
        {"policy": None},
    ],
    ids=str,
)
def test_rows_that_contradict_themselves_are_refused(insert: Execute, bad: dict[str, Any]) -> None:
    with pytest.raises((sqlite3.IntegrityError, psycopg.errors.IntegrityError)):
        insert(**bad)


def test_both_schemas_have_the_same_columns() -> None:
    only_postgres = {"span", "settled", "candidate", "holders"}
    only_sqlite = {"pos"}
    found = []
    for database, prefix in (("sqlite", "holdfast_"), ("postgres", '"holdfast".')):
        tables: dict[str, set[str]] = {}
        for name, body in re.findall(rf"create table {prefix}(\w+) \((.*?)\n\)", schema(database), re.DOTALL):
            words = re.findall(r"^    (\w+) ", body, re.MULTILINE)
            tables[name] = set(words) - {"primary", "constraint", "check"} - only_postgres - only_sqlite
        found.append(tables)
    sqlite_tables, postgres_tables = found
    sqlite_tables.pop("payloads")
    assert sqlite_tables == postgres_tables


def test_every_outcome_is_judged() -> None:
    assert {type(outcome) for outcome in OUTCOMES} == set(get_args(Outcome))
