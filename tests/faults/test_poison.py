"""A job that kills its worker ends, and takes no other job with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.faults import crew
from tests.faults.audit import Database
from tests.faults.conftest import FIGURES
from tests.faults.nursery import Child, Nursery, until
from tests.faults.verdict import judge

from holdfast import Holdfast

NEIGHBOURS = 20
SUSPECT_WAIT = 0.3


def test_poison_job_ends_after_three_crashes_and_no_neighbour_does(
    nursery: Nursery, database: Database, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    how = "exit" if database.kind == "sqlite" else "kill"
    app = Holdfast(database.url)
    app.include(crew.tasks)
    neighbours = {
        job.id for job in app.enqueue_many([crew.neighbour.call(0.05 + n % 6 / 20) for n in range(NEIGHBOURS)])
    }
    poison = app.enqueue_many([crew.poison.call(how)])[0].id
    workers = [hire(nursery, database, tmp_path) for _ in range(2)]
    deaths = 0

    def all_done() -> bool:
        nonlocal deaths
        for worker in workers:
            if not worker.alive:
                deaths += 1
                workers.remove(worker)
                workers.append(hire(nursery, database, tmp_path))
        return database.live() == 0

    until(all_done, "the poison job and its neighbours at their end", 15.0)
    all_done()
    app.close()
    ends = {row.job: row for row in database.finished()}
    assert set(ends) == neighbours | {poison}
    convicted = ends[poison]
    assert (convicted.state, deaths) == ("failed", 3)
    assert [error["kind"] for error in json.loads(convicted.errors or "[]")] == ["crashed"] * 3
    assert reason_of(database, poison) == "crashed"
    assert {ends[job].state for job in neighbours} == {"succeeded"}
    verdict = judge(database, tmp_path, stored=neighbours)
    assert set(verdict.complaints) <= {"wrong end", "finished without a run"}, verdict  # the poison job's own
    assert all(poison in said for all_said in verdict.complaints.values() for said in all_said), verdict
    beside = sum(ends[job].crashes for job in neighbours)
    record_property(
        FIGURES,
        f"poison by {how} {database.kind}: ended after 3 crashes; {NEIGHBOURS} neighbours, {beside} crashes beside it, "
        f"most {max(ends[job].crashes for job in neighbours)} of one, convicted 0",
    )


def hire(nursery: Nursery, database: Database, folder: Path) -> Child:
    return nursery.start(
        crew.work,
        url=database.url,
        where=str(folder),
        lease=1.0,
        poll_interval=0.1,
        concurrency=30,
        suspect_wait=SUSPECT_WAIT,
    )


def reason_of(database: Database, job: str) -> str:
    history = "holdfast_history" if database.kind == "sqlite" else "holdfast.history"
    return database.ask(f"select reason from {history} where id = %s", job)[0][0]
