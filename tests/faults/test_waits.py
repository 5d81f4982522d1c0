"""Who stores jobs that wait, and who runs them, is killed: none starts too early, and none waits for ever."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from typing import Any

from tests.faults import waits_crew
from tests.faults.audit import Database
from tests.faults.nursery import Nursery, until

from holdfast.model.job import JobState

KILLS = 10


def lines(folder: Path, kind: str) -> list[str]:
    """What the processes wrote down. One that was killed may have left half a line."""
    found: list[str] = []
    for file in folder.glob(f"{kind}-*"):
        text = file.read_text()
        found += text[: text.rfind("\n") + 1].splitlines()
    return found


def test_waits_survive_kills(nursery: Nursery, database: Database, tmp_path: Path, seed: int) -> None:
    print(f"HOLDFAST_SEED={seed}")
    chance, where = random.Random(seed), str(tmp_path)

    def hire(kind: str) -> Any:
        if kind == "worker":
            return nursery.start(waits_crew.run, url=database.url, where=where)
        return nursery.start(waits_crew.store, url=database.url, where=where, seed=chance.randrange(10**9))

    staff = [(kind, hire(kind)) for kind in ("worker", "worker", "writer", "writer")]
    until(database.settled, "a server up for long enough that leases may lapse")
    until(lambda: len(lines(tmp_path, "ran")) > 20, "jobs that run")
    for _ in range(KILLS):
        kind, victim = staff.pop(chance.randrange(len(staff)))
        victim.kill()
        assert victim.wait() == -signal.SIGKILL, victim.tail()
        staff.append((kind, hire(kind)))
        time.sleep(chance.uniform(0.05, 0.3))
    (tmp_path / "stop").touch()
    for kind, child in staff:
        if kind == "writer":
            assert child.wait() == 0, child.tail()
    app = waits_crew.opened(database.url)
    orphans = [record.id for record in app.batches.list(limit=1000) if record.state == "open"]
    for id in orphans:  # whoever filled them was killed
        batch = app.batches.get(id)
        assert batch is not None
        batch.close()
    until(lambda: database.live() == 0, "all jobs at their end", 30.0, 0.05)
    (tmp_path / "over").touch()
    for _, child in staff:
        assert child.wait() == 0, child.tail()

    records: dict[str, Any] = {}
    after: str | None = None
    while True:
        page = app.jobs.list(limit=1000, after=after)
        records.update((record.id, record) for record in page)
        after = page.next
        if after is None:
            break
    for record in records.values():
        assert record.state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
        if record.state is JobState.CANCELLED:
            assert record.reason == "dependency"
            assert record.attempt == 0
        elif record.after:
            for id in record.after:
                ended = records[id].finished_at if id in records else _batch(app, id).finished_at
                assert ended is not None
                assert ended <= record.started_at, f"{record.id} started before {id} had ended"
    answered = lines(tmp_path, "batches")
    assert answered
    for line in answered:
        id, success, finish = line.split()
        found = _batch(app, id)
        assert found.finished
        assert found.left == 0
        assert found.total == 6
        assert records[finish].state is JobState.SUCCEEDED
        assert (records[success].state is JobState.SUCCEEDED) == (found.state == "succeeded")
    app.close()


MOMENTS = (("unwatch", True), ("release", False), ("release", True), ("batch_end", True))
"""Between the end of a job and the release of who waits for it, and between that of a batch and its callback's."""


def test_killed_between_an_end_and_who_waits_for_it(nursery: Nursery, database_url: str, tmp_path: Path) -> None:
    app, where = waits_crew.opened(database_url), str(tmp_path)
    app.migrate()
    made: list[tuple[Any, Any]] = []
    for statement, after in MOMENTS:
        queue = f"{statement} {after}"
        task = waits_crew.noted.using(queue=queue).via(app)
        with app.batch("two", on_finish=task.call(where, f"{queue} callback")) as batch:
            first = task.call(where, f"{queue} first")
            second = batch.enqueue_many([first, task.call(where, f"{queue} second").after(first)])[1]
        made.append((batch, second))
        child = nursery.start(waits_crew.die, url=database_url, queue=queue, statement=statement, after=after)
        assert child.wait() == -signal.SIGKILL, child.tail()
    with app.worker(lease=1.0, poll_interval=0.1):
        for batch, second in made:
            second.result(timeout=30)
            assert batch.wait(timeout=30).state == "succeeded"
            batch.follow[0].result(timeout=30)
    ran = (tmp_path / "noted").read_text().splitlines()
    for statement, after in MOMENTS:
        queue = f"{statement} {after}"
        assert ran.count(f"{queue} callback") == 1
        assert [what for what in ran if what.startswith(queue)][-2:] == [f"{queue} second", f"{queue} callback"]
    app.close()


def _batch(app: Any, id: str) -> Any:
    found = app.batches.get(id)
    assert found is not None
    return found.record
