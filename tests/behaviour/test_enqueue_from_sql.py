"""Jobs from SQL: `select holdfast.enqueue(…)` on PostgreSQL, `insert into holdfast_enqueue …` on SQLite."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from holdfast import Holdfast, JobState, RawJob, Retry
from holdfast.model.job import JobRecord

Enqueue = Callable[..., str | None]
RUN_AT = datetime(2030, 1, 31, 15, 0, tzinfo=UTC)
DURATIONS = ("delay", "timeout", "expires", "deadline", "keep_succeeded", "keep_failed")


@pytest.fixture
def app(database_url: str) -> Iterator[Holdfast]:
    app = Holdfast(database_url, migrate=True)

    @app.task
    def add(a: int, b: int = 0) -> int:
        return a + b

    @app.task("hook", raw=True)
    def hook(item: RawJob) -> list[Any]:
        return [item.body.hex(), item.content_type, item.target]

    app.migrate()
    yield app
    app.close()


@pytest.fixture
def connection(database_url: str, app: Holdfast) -> Iterator[Any]:
    """Somebody else's, who does not know Holdfast."""
    if database_url.startswith("sqlite"):
        other: Any = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
    else:
        other = psycopg.connect(database_url, autocommit=True)
    yield other
    other.close()


@pytest.fixture
def enqueue(connection: Any) -> Enqueue:
    """Enqueues by SQL; answers the id, which SQLite does not."""

    def run(task: str = "add", **given: Any) -> str | None:
        names = ["task", *given]
        if isinstance(connection, sqlite3.Connection):
            values = [task, *(_for_sqlite(value) for value in given.values())]
            marks = ", ".join("?" * len(values))
            connection.execute(f"insert into holdfast_enqueue ({', '.join(names)}) values ({marks})", values)
            return None
        values = [task, *(_for_postgres(name, value) for name, value in given.items())]
        call = ", ".join(f"{name} => %s" + (f"::{CASTS[name]}" if name in CASTS else "") for name in names)
        return connection.execute(f"select holdfast.enqueue({call})", values).fetchone()[0].hex

    return run


CASTS = {**dict.fromkeys(("args", "metadata", "target"), "jsonb"), **dict.fromkeys(DURATIONS, "interval"),
         "tags": "text[]", "id": "uuid", "body": "bytea", "run_at": "timestamptz", "priority": "int"}  # fmt: skip


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return json.dumps(value) if isinstance(value, dict | list) else value


def _for_postgres(name: str, value: Any) -> Any:
    if name in DURATIONS and isinstance(value, int | float):
        return f"{value} seconds"
    return json.dumps(value) if CASTS.get(name) == "jsonb" else value


def stored(app: Holdfast) -> list[JobRecord]:
    return list(app.jobs.list())


def test_a_job_from_sql_is_the_same_as_one_from_the_app(app: Holdfast, enqueue: Enqueue) -> None:
    (task,) = [task for task in app.tasks if task.name == "add"]
    options: dict[str, Any] = {
        "queue": "mail", "priority": -7, "run_at": RUN_AT, "key": "k", "timeout": 12.5, "tags": ["a", "b"],
        "keep_succeeded": 60, "keep_failed": 0, "metadata": {"user": {"id": 5}},
    }  # fmt: skip
    enqueue(args={"a": 1}, retry=4, **options)
    (ours,) = stored(app)
    app.jobs.delete(ours.id)
    theirs = app.jobs.get(task.using(retry=Retry(4), **options).enqueue(1).id)
    assert theirs is not None
    assert replace(theirs, id=ours.id, created_at=ours.created_at, updated_at=ours.updated_at) == ours
    assert abs(ours.created_at - theirs.created_at) < timedelta(minutes=1)


def test_what_is_not_said_is_as_for_a_plain_task(app: Holdfast, enqueue: Enqueue) -> None:
    (task,) = [task for task in app.tasks if task.name == "add"]
    enqueue(args={"a": 20, "b": 22})
    (ours,) = stored(app)
    theirs = app.jobs.get(task.enqueue(20, 22).id)
    assert theirs is not None
    times = {name: getattr(ours, name) for name in ("created_at", "updated_at", "due_at")}
    assert replace(theirs, id=ours.id, **times) == ours
    assert app.work_once().succeeded == 2
    assert app.jobs.get(ours.id).result == 42  # type: ignore[union-attr]


def test_long_arguments_and_a_delay(app: Holdfast, enqueue: Enqueue) -> None:
    enqueue(args={"a": 1, "long": "é" * 5000}, delay=90, expires=100, deadline=200)
    (job,) = stored(app)
    assert (job.state, job.due_at - job.created_at) == (JobState.SCHEDULED, timedelta(seconds=90))
    assert job.args["long"] == "é" * 5000


def test_a_key_keeps_the_live_job_and_is_free_afterwards(app: Holdfast, enqueue: Enqueue) -> None:
    ids = [enqueue(args={"a": 1}, key="k"), enqueue(args={"a": 2}, key="k"), enqueue(args={"a": 1}, queue="q", key="k")]
    assert sorted(job.queue for job in stored(app)) == ["default", "q"]
    assert ids[0] == ids[1] != ids[2] or ids == [None] * 3
    with pytest.raises((psycopg.Error, sqlite3.Error), match="key"):
        enqueue(args={"a": 3}, key="k", on_conflict="reject")
    assert app.work_once().succeeded == 2
    enqueue(args={"a": 3}, key="k", on_conflict="reject")
    assert [job.args for job in app.jobs.list(state="ready")] == [{"a": 3}]


def test_an_id_of_ones_own_makes_it_repeatable(app: Holdfast, enqueue: Enqueue) -> None:
    id = "0190163d-8694-79b5-8c1d-4f0e2a7b6c5d"
    for _ in range(2):
        enqueue(args={"a": 1}, id=id)
    assert app.work_once().succeeded == 1
    enqueue(args={"a": 1}, id=id)
    (job,) = stored(app)
    assert (job.id, job.state) == (id, JobState.SUCCEEDED)


@pytest.mark.parametrize("body", [b"<paid/> \xc3\xa9", b"\x00\xff" * 50], ids=["text", "binary"])
def test_raw_jobs_carry_any_bytes(app: Holdfast, enqueue: Enqueue, body: bytes) -> None:
    enqueue("hook", body=body, content_type="application/xml", target={"shop": 7})
    (job,) = stored(app)
    assert job.raw is not None
    assert job.raw.body == body
    assert app.work_once().succeeded == 1
    assert app.jobs.get(job.id).result == [body.hex(), "application/xml", {"shop": 7}]  # type: ignore[union-attr]


def test_a_group_runs_one_after_another(app: Holdfast, enqueue: Enqueue) -> None:
    for number in range(3):
        enqueue(args={"a": number}, group_key="customer:1")
    app.do_duties()
    # Not by id: those that SQL makes in one millisecond are in no order.
    assert {job.args["a"]: job.state for job in stored(app)} == {0: "ready", 1: "blocked", 2: "blocked"}
    order: list[Any] = []
    app.on("job.started", lambda event: order.append(event.job.args["a"] if event.job else None))
    while app.work_once().succeeded:
        app.do_duties()
    assert order == [0, 1, 2]


def test_workers_are_woken(app: Holdfast, database_url: str, enqueue: Enqueue) -> None:
    woken = threading.Event()
    listener = app.store.listen(woken.set)
    try:
        if database_url.startswith("postgresql"):
            assert woken.wait(10)  # by itself, once it listens
            woken.clear()
        # SQLite's listener begins with its first look, which may come after the first of these.
        assert any(enqueue(args={"a": 1}) is not Ellipsis and woken.wait(0.5) for _ in range(20))
    finally:
        listener.close()


def test_it_is_part_of_the_callers_transaction(app: Holdfast, connection: Any, enqueue: Enqueue) -> None:
    connection.execute("begin")
    enqueue(args={"a": 1}, key="k")
    connection.execute("rollback")
    assert stored(app) == []


def test_a_trigger_enqueues(app: Holdfast, connection: Any) -> None:
    connection.execute("create table sales (id integer primary key, total integer)")
    if isinstance(connection, sqlite3.Connection):
        connection.execute(
            "create trigger added after insert on sales begin insert into holdfast_enqueue (task, args, key) "
            "values ('add', json_object('a', new.id, 'b', new.total), 'order:' || new.id); end"
        )
    else:
        connection.execute(
            "create function added() returns trigger language plpgsql as $$ begin perform holdfast.enqueue('add', "
            "jsonb_build_object('a', new.id, 'b', new.total), key => 'order:' || new.id); return null; end $$"
        )
        connection.execute("create trigger added after insert on sales for each row execute function added()")
    connection.execute("insert into sales values (1, 10), (2, 20)")
    assert sorted((job.key, job.args["b"]) for job in stored(app)) == [("order:1", 10), ("order:2", 20)]


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("task", {"task": ""}),
    ("task", {"task": "x" * 256}),
    ("task", {"task": None}),
    ("queue", {"queue": "a\nb"}),
    ("key", {"key": ""}),
    ("group_key", {"group_key": ""}),
    ("tenant", {"tenant": ""}),
    ("args", {"args": [1]}),
    ("args", {"args": {"a": "x" * 1_100_000}}),
    ("args", {"args": {"$raw": "utf-8", "body": ""}}),
    ("metadata", {"metadata": ["x"]}),
    ("tag", {"tags": ["ok", ""]}),
    ("tags", {"tags": [str(n) for n in range(101)]}),
    ("retry", {"retry": 0}),
    ("group_limit", {"group_key": "g", "group_limit": 0}),
    ("priority|range", {"priority": 2**31}),
    ("delay", {"delay": -1}),
    ("timeout", {"timeout": 40_000_000_000}),
    ("run_at", {"run_at": datetime(1969, 12, 31, tzinfo=UTC)}),
    ("run_at or delay", {"run_at": RUN_AT, "delay": 1}),
    ("on_conflict", {"key": "k", "on_conflict": "replace"}),
    ("body", {"target": {"a": 1}}),
    ("no args", {"body": b"x", "args": {"a": 1}}),
    ("id|uuid", {"id": "no uuid"}),
    *(("not for jobs from SQL", {name: "1d"}) for name in ("cache", "debounce", "rate_limit", "throttle", "after")),
]


def test_what_cannot_be_is_refused_by_name_and_changes_nothing(app: Holdfast, enqueue: Enqueue) -> None:
    for named, given in REFUSED:
        with pytest.raises((psycopg.Error, sqlite3.Error), match=named):
            enqueue(**{"task": "add", "args": {"a": 1}, **given})
    assert stored(app) == []
