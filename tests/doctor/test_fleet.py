"""Who works, who leads, what waits for nobody: the same on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.doctor.conftest import Found, findings, healthy, told, worst

from holdfast import Holdfast
from holdfast.doctor import fleet
from holdfast.errors import DatabaseError
from holdfast.ids import new_id
from holdfast.model.finding import Check, Level
from holdfast.model.job import JobState
from holdfast.storage.ops import duties, workers
from holdfast.storage.ops.workers import Sign
from holdfast.testing import Clock
from holdfast.testing.conformance import kit

HOUR = 3600.0


pytestmark = pytest.mark.usefixtures("waiting_for_the_disk")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(database_url: str, clock: Clock) -> Iterator[Holdfast]:
    """One whose time is the test's."""
    app = Holdfast(database_url, migrate=True, clock=clock)
    app.migrate()
    yield app
    app.close()


@contextmanager
def a_worker(app: Holdfast, *, leads: bool = True, **parts: object) -> Iterator[Sign]:
    """One that says it lives, as the tables see it."""
    given: dict[str, object] = {"queues": None, "tasks": '["add"]', "version": "1", **parts}
    sign = Sign(new_id(), "w1", "host", 1, lease=HOUR, running=0, **given)  # type: ignore[arg-type]
    app.store.run(workers.seen(sign))
    if leads:
        app.store.run(duties.lead("caretaker", sign.boot, HOUR))
    yield sign
    app.store.run(workers.gone(sign.boot))


def test_a_new_database_is_healthy(app: Holdfast) -> None:
    found = findings(app)
    healthy(found)
    assert {"Holdfast", "database", "schema", "wake-ups", "workers", "leader", "late work"} <= set(found)
    assert "0 alive" in told(found["workers"])


def test_a_fleet_at_work_is_healthy(app: Holdfast) -> None:
    with a_worker(app):
        kit.add(app.store, kit.job())
        found = findings(app)
        healthy(found)
    assert "w1" in told(found["workers"])
    assert told(found["leader"]).startswith("w1, term 1")
    assert "1 queue" in told(found["waiting jobs"])


def test_a_real_worker_is_seen(database_url: str) -> None:
    app = Holdfast(database_url, migrate=True)
    with app.worker(name="at-work", poll_interval=0.05):
        found = findings(app)
    app.close()
    assert "at-work" in told(found["workers"])


def test_workers_without_a_leader(app: Holdfast) -> None:
    with a_worker(app, leads=False):
        found = findings(app)
    healthy(found, but=("leader",))
    assert worst(found["leader"]) is Level.PROBLEM
    assert "holdfast leader" in told(found["leader"])


def test_a_leader_whose_term_is_over(app: Holdfast, clock: Clock) -> None:
    with a_worker(app):
        clock.advance(HOUR + 1)  # a worker is believed to live for two leases
        found = findings(app)
    assert "nobody leads" in told(found["leader"])


def test_a_worker_that_vanished(app: Holdfast, clock: Clock) -> None:
    with a_worker(app):
        clock.advance(3 * HOUR)
        found = findings(app)
    assert "1 vanished" in told(found["workers"])
    assert worst(found["workers"]) is Level.WARNING


def test_workers_of_two_versions(app: Holdfast) -> None:
    with a_worker(app), a_worker(app, leads=False, version="2"):
        assert "different versions: 1, 2" in told(findings(app)["workers"])


def test_a_queue_that_nobody_serves(app: Holdfast, clock: Clock) -> None:
    kit.add(app.store, kit.job(queue="mail"), kit.job(queue="mail"), kit.job(queue="other"), kit.job(queue="zoo"))
    clock.advance(120)
    with a_worker(app, queues='["other", "more"]'):
        found = findings(app)
        healthy(found, but=("waiting jobs",))
        assert worst(found["waiting jobs"]) is Level.PROBLEM
        said = told(found["waiting jobs"])
        assert "mail (for 2 min), zoo (for 2 min) ->" in said
        assert "-q mail" in said
        with a_worker(app, queues=None):
            healthy(findings(app))


def test_workers_that_do_not_keep_up(app: Holdfast, clock: Clock) -> None:
    kit.add(app.store, kit.job())
    with a_worker(app):
        clock.advance(fleet.LONG + 1)
        found = findings(app)
    assert worst(found["waiting jobs"]) is Level.WARNING
    assert "do not keep up: default (for 5 min)" in told(found["waiting jobs"])


def test_a_task_that_nobody_has(app: Holdfast) -> None:
    for task in ("gone", "add", "lost"):
        claimed = kit.running(app.store, task=task)
        kit.end_one(app.store, kit.requeue(claimed, JobState.BLOCKED, reason="unknown_task"))
    with a_worker(app):
        found = findings(app)
    assert worst(found["unknown tasks"]) is Level.PROBLEM
    assert "no live worker has: gone, lost ->" in told(found["unknown tasks"])


def test_lapsed_leases_and_due_jobs_that_are_left_alone(app: Holdfast, clock: Clock) -> None:
    kit.running(app.store)
    kit.add(app.store, kit.job(delay=10.0), kit.job(delay=10.0), kit.job(delay=900.0))
    clock.advance(45.0)
    healthy(findings(app), but=("late work",))
    clock.advance(60.0)
    said = told(findings(app)["late work"])
    assert "1 running job whose lease ran out" in said
    assert "2 scheduled jobs past due" in said


def test_what_cannot_be_looked_at_keeps_nothing_else_from_being(
    app: Holdfast, monkeypatch: pytest.MonkeyPatch, look: Callable[..., Found]
) -> None:
    def broken() -> Iterator[None]:
        raise DatabaseError("no right to look")
        yield

    checks = list(app.store.checks())
    monkeypatch.setattr(app.store, "checks", lambda: [Check("broken", broken), *checks], raising=False)  # type: ignore[list-item]
    found = look()
    assert "could not be looked at: no right to look" in told(found["broken"])
    assert {"schema", "workers"} <= set(found)


def test_tables_that_are_missing(new_database_url: str) -> None:
    app = Holdfast(new_database_url, migrate=False)
    found = findings(app)
    app.close()
    assert worst(found["database"]) is Level.PROBLEM
    assert told(found["database"]).endswith("-> holdfast migrate")
    assert not {"schema", "workers", "leader"} & set(found)
    assert "wake-ups" in found, "what needs no tables is looked at all the same"


def test_a_server_that_is_away() -> None:
    app = Holdfast("postgresql://nobody:secret@127.0.0.1:1/x")
    found = findings(app)
    app.close()
    assert set(found) == {"Holdfast", "database"}
    assert "secret" not in told(found["database"])
