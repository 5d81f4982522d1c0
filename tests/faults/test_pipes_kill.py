"""Killed at each write about messages, each of these becomes one job, and frees each wait once."""

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

MOST = 40
"""More writes than there are."""


def test_g31_killed_at_every_write_about_messages(
    nursery: Nursery, database_url: str, tmp_path: Path, seed: int, record_property: pytest.RecordProperty
) -> None:
    """Before it and after it; one in twelve of these in a usual run, and all with HOLDFAST_CHAOS=1."""
    print(f"HOLDFAST_SEED={seed}")
    stride = 1 if CHAOS else 12
    app = steps_crew.open_app(database_url)
    app.migrate()
    log = tmp_path / "effects"
    log.touch()
    began, kills, sent = time.monotonic(), 0, 0
    for after in (False, True):
        for nth in range(1 + (seed + 5 * after) % stride, MOST, stride):
            for number in (sent, sent + 1):
                steps_crew.heard.via(app).send({"number": number})
                steps_crew.approved.via(app).send({"number": number, "by": f"person {number}"})
            sent += 2
            child = nursery.start(
                steps_crew.work, url=database_url, path=str(log), queue="default", nth=nth, after=after, messages=sent
            )
            status = child.wait()
            if status == 0:
                break  # it has no such write
            assert status == -signal.SIGKILL, child.tail()
            kills += 1
            for record in app.jobs.list(state="running"):
                app.bury(record.worker or "", counted=False)
            child = nursery.start(
                steps_crew.work, url=database_url, path=str(log), queue="default", nth=0, after=False, messages=sent
            )
            assert child.wait() == 0, child.tail()
    took = time.monotonic() - began
    record_property(FIGURES, f"pipes {app.store.where[:8]}: killed at each of {kills} writes in {took:.0f} s")
    assert kills >= 12 / stride
    jobs = list(app.jobs.list(task="listener", limit=1000))
    assert sorted(job.args["number"] for job in jobs) == list(range(sent)), "one job for each message"
    assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    assert {job.args["number"]: job.result for job in jobs} == {n: f"person {n}" for n in range(sent)}
    followers = [job.args["number"] for job in app.jobs.list(task="follower", state="succeeded", limit=1000)]
    assert sorted(followers) == list(range(sent)), "one job for each end"
    answers = [message.value["number"] for message in app.pipes.messages("approved", limit=1000)]
    assert sorted(answers) == sorted([*range(sent), *(100 + n for n in range(sent))]), "each is sent once"
    app.close()
