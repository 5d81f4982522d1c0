"""Killed at each of its writes, a job with steps, waits and children goes on, and ends as if nothing had been."""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from pathlib import Path

import pytest
from tests.conftest import CHAOS
from tests.faults import steps_crew
from tests.faults.conftest import FIGURES
from tests.faults.nursery import Nursery

from holdfast import JobState

MOST = 40
"""More writes than the job has."""


def test_killed_at_every_write(
    nursery: Nursery, database_url: str, tmp_path: Path, seed: int, record_property: pytest.RecordProperty
) -> None:
    """Before it and after it; one in five of these in a usual run, and all with HOLDFAST_CHAOS=1."""
    print(f"HOLDFAST_SEED={seed}")
    stride = 1 if CHAOS else 5
    app = steps_crew.open_app(database_url)
    app.migrate()
    log = tmp_path / "effects"
    log.touch()
    began, kills, jobs = time.monotonic(), 0, []
    for after in (False, True):
        for nth in range(1 + (seed + 2 * after) % stride, MOST, stride):
            queue = f"{nth} {after}"
            jobs.append(steps_crew.song.using(queue=queue).via(app).enqueue())
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
    done: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for line in log.read_text().splitlines():
        job, rest = line.split(" ", 1)
        done[job].append(tuple(rest.rsplit(" ", 1)))  # type: ignore[arg-type]
    record_property(
        FIGURES,
        f"steps {app.store.where[:8]}: killed at each of {kills} writes in {took:.0f} s, "
        f"{sum(map(len, done.values())) - 10 * len(jobs)} effects of {10 * len(jobs)} repeated, for their record was "
        "the write",
    )
    assert kills >= 25 / stride
    for job in jobs:
        record = job.refresh()
        assert record.state is JobState.SUCCEEDED, record
        last = dict(done[job.id])
        assert {what: last[what] for what in record.result} == record.result, "nothing is done again once recorded"
        names = [what for what, _ in done[job.id]]
        repeated = len(names) - 10
        assert 0 <= repeated <= 4, names
        everything = app.jobs.list(queue=record.queue)
        assert sorted(one.task for one in everything) == ["child", "child", "note", "note", "song"]
        assert {one.state.value for one in everything} == {"succeeded"}
    app.close()
