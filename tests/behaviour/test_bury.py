"""What a dead worker held is given up at once: as a crash, or, killed because it was told to stop, as none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from holdfast import Event, Holdfast
from holdfast.ids import new_id
from holdfast.leader.duties.bury import CARETAKER
from holdfast.storage.ops import duties, inspect, workers
from holdfast.storage.ops.jobs import Wanted, claim
from holdfast.storage.ops.workers import Sign


class Dead:
    """A worker that held a job and the leadership, and is no more."""

    def __init__(self, app: Holdfast, **options: Any) -> None:
        self.app = app
        self.boot = new_id()
        (task,) = app.tasks
        self.job = task.using(**options).enqueue()
        app.store.run(workers.seen(Sign(self.boot, "n", "h", 1, None, "[]", 30.0, 1, "1")))
        assert app.store.run(duties.lead(CARETAKER, self.boot, 30.0)) is not None
        assert len(app.store.run(claim(Wanted(self.boot, new_id(), 3600.0, 1)), "claim")) == 1
        assert self.job.refresh().state == "running"


@pytest.fixture
def app(database_url: str) -> Iterator[Holdfast]:
    app = Holdfast(database_url, migrate=True)

    @app.task
    def work() -> str:
        return "done"

    yield app
    app.close()


def test_a_death_is_a_crash_of_what_it_ran(app: Holdfast) -> None:
    dead = Dead(app)
    app.bury(dead.boot, why="its process was killed by SIGKILL")
    record = dead.job.refresh()
    assert (record.state, record.reason, record.attempt, record.crashes) == ("ready", "rescued", 0, 1)
    assert record.errors[0].message == "its worker vanished while it held this job: its process was killed by SIGKILL"
    assert app.work_once().succeeded == 1


def test_one_killed_because_it_was_told_to_stop_counts_nothing(app: Holdfast) -> None:
    dead = Dead(app)
    app.bury(dead.boot, counted=False)
    record = dead.job.refresh()
    assert (record.state, record.attempt, record.crashes, record.errors) == ("ready", 0, 0, ())


def test_it_gives_up_its_leadership_and_its_place_on_the_list(app: Holdfast) -> None:
    dead = Dead(app)
    app.bury(dead.boot)
    assert app.store.run(duties.lead(CARETAKER, "another", 5.0)) is not None
    assert app.store.run(inspect.workers(), "read") == []


def test_a_cancel_that_was_on_its_way_is_kept(app: Holdfast) -> None:
    dead = Dead(app)
    app.jobs.cancel(dead.job.id)
    app.bury(dead.boot, counted=False)
    assert dead.job.refresh().state == "cancelled"


def test_a_last_crash_ends_the_job_and_is_told(app: Holdfast) -> None:
    told: list[Event] = []
    app.on("job.failed", told.append)
    dead = Dead(app, max_crashes=1)
    app.bury(dead.boot)
    assert (dead.job.refresh().state, dead.job.record.reason) == ("failed", "crashed")
    assert [event.job.id for event in told if event.job is not None] == [dead.job.id]


def test_others_keep_what_they_have(app: Holdfast) -> None:
    dead, alive = Dead(app), new_id()
    (task,) = app.tasks
    job = task.enqueue()
    assert len(app.store.run(claim(Wanted(alive, new_id(), 30.0, 1)), "claim")) == 1
    app.bury(dead.boot)
    app.bury(dead.boot)  # as often as one likes
    assert (job.refresh().state, job.record.worker) == ("running", alive)
    assert dead.job.refresh().crashes == 1
