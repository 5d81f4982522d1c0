"""At most one live job of a key, whoever races and whoever is killed; nothing that was answered is lost."""

from __future__ import annotations

import json
import random
import signal
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from tests.faults import keys_crew
from tests.faults.audit import Database
from tests.faults.nursery import Nursery, until

from holdfast import Holdfast

WRITERS = 20
KILLS = 12


def answers(folder: Path) -> list[dict[str, Any]]:
    """What the processes were told. One that was killed may have left half a line."""
    found: list[dict[str, Any]] = []
    for file in folder.glob("answers-*"):
        for line in file.read_text().splitlines():
            if line.endswith("}"):
                found.append(json.loads(line))
    return found


@pytest.mark.parametrize("way", ["one by one", "bulk", "borrowed", "cache"])
def test_twenty_writers_of_one_key_make_one_job(nursery: Nursery, database: Database, tmp_path: Path, way: str) -> None:
    writers = [nursery.start(keys_crew.write, url=database.url, where=str(tmp_path), way=way) for _ in range(WRITERS)]
    (tmp_path / "gate").touch()
    for writer in writers:
        assert writer.wait() == 0, writer.tail()
    told: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for one in answers(tmp_path):
        told[one["key"]].append(one)
    assert {key: len(each) for key, each in told.items()} == dict.fromkeys(range(keys_crew.KEYS), WRITERS)
    assert all(len({one["id"] for one in each}) == 1 for each in told.values())
    assert all(sum(one["created"] for one in each) == 1 for each in told.values())
    assert database.live() == keys_crew.KEYS


def test_replacements_survive_kills(nursery: Nursery, database: Database, tmp_path: Path, seed: int) -> None:
    """Writers and workers are killed while jobs are replaced, also those that run: of each answer that was given the
    version has ended, or a newer one of the same job has."""
    print(f"HOLDFAST_SEED={seed}")
    chance = random.Random(seed)
    where = str(tmp_path)

    def hire(kind: str) -> Any:
        if kind == "worker":
            return nursery.start(keys_crew.run, url=database.url, where=where, lease=1.0)
        return nursery.start(keys_crew.replace, url=database.url, where=where, seed=chance.randrange(10**9))

    staff = [(kind, hire(kind)) for kind in ("worker", "worker", "writer", "writer", "writer")]
    (tmp_path / "gate").touch()
    until(database.settled, "a server up for long enough that leases may lapse")
    until(lambda: len(answers(tmp_path)) > 20, "writers at work")
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
    until(lambda: database.live() == 0, "all jobs at their end", 20.0, 0.05)
    (tmp_path / "over").touch()
    for _, child in staff:
        assert child.wait() == 0, child.tail()
    with_jobs = Holdfast(database.url)
    newest: dict[str, Any] = {}
    for one in answers(tmp_path):
        record = newest.get(one["id"]) or with_jobs.jobs.get(one["id"])
        assert record is not None, one
        newest[one["id"]] = record
        assert record.version >= one["version"], one
    assert {str(record.state) for record in newest.values()} == {"succeeded"}
    with_jobs.close()
