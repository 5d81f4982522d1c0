"""Killed at each of its writes, a job that fails undoes all that it did, in order, and then ends."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from tests.conftest import CHAOS
from tests.faults import steps_crew
from tests.faults.conftest import FIGURES
from tests.faults.nursery import Nursery

from holdfast import JobState

MOST = 20
"""More writes than the job has."""


def test_killed_at_every_write_of_undoing(
    nursery: Nursery, database_url: str, tmp_path: Path, seed: int, record_property: pytest.RecordProperty
) -> None:
    """Before it and after it; one in six of these in a usual run, and all with HOLDFAST_CHAOS=1."""
    print(f"HOLDFAST_SEED={seed}")
    stride = 1 if CHAOS else 6
    app = steps_crew.open_app(database_url)
    app.migrate()
    log = tmp_path / "effects"
    log.touch()
    began, kills, jobs = time.monotonic(), 0, []
    for after in (False, True):
        for nth in range(1 + (seed + 2 * after) % stride, MOST, stride):
            queue = f"{nth} {after}"
            jobs.append(steps_crew.trip.using(queue=queue).via(app).enqueue())
            child = nursery.start(steps_crew.work, url=database_url, path=str(log), queue=queue, nth=nth, after=after)
            status = child.wait()
            if status == 0:
                break  # it has no such write
            assert status == -signal.SIGKILL, child.tail()
            kills += 1
            for record in app.jobs.list(queue=queue, state="running"):
                app.bury(record.worker or "", counted=False)
            child = nursery.start(steps_crew.work, url=database_url, path=str(log), queue=queue, nth=0, after=False)
            assert child.wait() == 0, child.tail()
    took = time.monotonic() - began
    record_property(FIGURES, f"undo {app.store.where[:8]}: killed at each of {kills} writes in {took:.0f} s")
    assert kills >= 12 / stride
    lines = [line.split(" ") for line in log.read_text().splitlines()]
    for job in jobs:
        record = job.refresh()
        assert (record.state, record.errors[-1].message) == (JobState.FAILED, "no car"), record
        done = [what for id, what, _ in lines if id == job.id]
        undone = [what.removeprefix("undo-") for what in done if what.startswith("undo-")]
        assert list(dict.fromkeys(undone)) == ["room", "bus", "flight"], done  # a repeated one follows itself
        assert undone == sorted(undone, key=["room", "bus", "flight"].index)
        last = max(place for place, what in enumerate(done) if not what.startswith("undo-"))
        assert all(not what.startswith("undo-") for what in done[:last]), "nothing is done once undoing has begun"
    app.close()
