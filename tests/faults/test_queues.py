"""What is said of a queue holds for the whole fleet, whoever is killed: its limit, and its pause."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults import queues_crew
from tests.faults.audit import Database
from tests.faults.conftest import FIGURES
from tests.faults.nursery import Child, Nursery, until

from holdfast import Holdfast

WORKERS, KILLS, PLACES, JOBS = 4, 6, 3, 500


class Run(NamedTuple):
    """One attempt: when it began, and when it ended or its process was killed."""

    pid: int
    queue: str
    job: int
    begin: float
    end: float


def runs(folder: Path, killed: dict[int, float]) -> list[Run]:
    found: list[Run] = []
    for file in folder.glob("runs-*"):
        pid = int(file.name.removeprefix("runs-"))
        open_ones: dict[tuple[str, int], float] = {}
        for line in file.read_text().splitlines():
            words = line.split()
            if len(words) != 4 or not words[3].count("."):
                continue  # the half line of one that was killed
            queue, job, what, at = words[0], int(words[1]), words[2], float(words[3])
            if what == "begin":
                open_ones[queue, job] = at
            else:
                found.append(Run(pid, queue, job, open_ones.pop((queue, job)), at))
        found += [Run(pid, queue, job, at, killed.get(pid, float("inf"))) for (queue, job), at in open_ones.items()]
    return found


def most_at_once(found: list[Run]) -> int:
    steps = sorted([(run.begin, 1) for run in found] + [(run.end, -1) for run in found])
    now = most = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def test_a_limit_is_never_exceeded_whoever_is_killed(
    nursery: Nursery, database: Database, tmp_path: Path, seed: int, record_property: Any
) -> None:
    print(f"HOLDFAST_SEED={seed}")
    chance = random.Random(seed)
    app = Holdfast(database.url)
    app.include(queues_crew.tasks)
    app.queues.configure("few", concurrency=PLACES)
    calls = [call for n in range(JOBS) for call in (queues_crew.few.call(n), queues_crew.many.call(n))]
    app.enqueue_many(calls)

    def hire() -> Child:
        return nursery.start(queues_crew.run, url=database.url, where=str(tmp_path), lease=1.0)

    staff = [hire() for _ in range(WORKERS)]
    killed: dict[int, float] = {}
    until(database.settled, "a server up for long enough that leases may lapse")
    for _ in range(KILLS):
        before = len(runs(tmp_path, killed))
        until(lambda least=before + 5: len(runs(tmp_path, killed)) > least, "workers at work", 20.0)
        victim = staff.pop(chance.randrange(len(staff)))
        victim.kill()
        assert victim.wait() == -signal.SIGKILL, victim.tail()
        killed[victim.pid] = time.monotonic()
        staff.append(hire())
    until(lambda: database.live() == 0, "all jobs at their end", 60.0, 0.05)
    (tmp_path / "over").touch()
    for child in staff:
        assert child.wait() == 0, child.tail()
    app.close()
    found = runs(tmp_path, killed)
    few = [run for run in found if run.queue == "few"]
    assert {run.job for run in few} == set(range(JOBS))
    assert most_at_once(few) <= PLACES
    assert most_at_once([run for run in found if run.queue == "many"]) > PLACES
    told = f"{len(few)} runs, {KILLS} kills, {len(few) - JOBS} again, most at once {most_at_once(few)}"
    record_property(FIGURES, f"limit {PLACES} of a queue, {database.kind}: {told}")


def test_a_pause_holds_in_every_process(
    nursery: Nursery, database: Database, tmp_path: Path, record_property: Any
) -> None:
    app = Holdfast(database.url)
    app.include(queues_crew.tasks)
    app.enqueue_many([queues_crew.few.call(n) for n in range(4000)])
    staff = [nursery.start(queues_crew.run, url=database.url, where=str(tmp_path), lease=30.0) for _ in range(3)]
    until(lambda: len({run.pid for run in runs(tmp_path, {})}) == 3, "three workers at work", 20.0)
    app.queues.pause("few")
    paused = time.monotonic()
    time.sleep(2.5)
    late = [run.begin - paused for run in runs(tmp_path, {})]
    assert max(late) < 1.0
    app.queues.resume("few")
    resumed = time.monotonic()
    until(
        lambda: len({run.pid for run in runs(tmp_path, {}) if run.begin > resumed}) == 3, "three workers at work", 20.0
    )
    first = min(run.begin for run in runs(tmp_path, {}) if run.begin > resumed) - resumed
    app.queues.pause("few")
    (tmp_path / "over").touch()
    for child in staff:
        assert child.wait() == 0, child.tail()
    app.close()
    told = f"last start after {max(late):.2f} s, first one after the resume after {first:.2f} s"
    record_property(FIGURES, f"pause of a queue among 3 workers, {database.kind}: {told}")
