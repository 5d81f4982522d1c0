"""The judge of the fault tests itself: a clean history passes, and each planted fault is complained of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.faults.audit import Finished, Move
from tests.faults.verdict import judge

JOB = "01900000-0000-7000-8000-000000000001"


@dataclass
class Told:
    """A history as the triggers, the tables and the journals would tell it. Instants are microseconds."""

    moves: list[Move] = field(default_factory=list)
    ends: list[Finished] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)


def move(kind: str, at: int, was: str | None, became: str | None, token: int, **more: Any) -> Move:
    plain: dict[str, Any] = {
        "old_token": token,
        "old_worker": None,
        "worker": None,
        "lease_until": None,
        "attempt": 1,
        "old_crashes": 0,
        "crashes": 0,
    }
    return Move(n=at, kind=kind, at=at, job=JOB, was=was, became=became, token=token, **{**plain, **more})


def crashed_once() -> Told:
    """A job is claimed by a worker that dies, rescued, and finished by another: nothing wrong with it."""
    return Told(
        [
            move("insert", 0, None, "ready", 0),
            move("update", 10, "ready", "running", 1, old_token=0, worker="a"),
            move("update", 200, "running", "ready", 1, lease_until=150, old_worker="a", crashes=1),
            move("update", 210, "ready", "running", 2, old_token=1, worker="b", old_crashes=1, crashes=1),
            move("delete", 230, "running", None, 2, lease_until=360, old_worker="b", old_crashes=1, crashes=1),
            move("history", 230, None, "succeeded", 2, worker="b", crashes=1),
        ],
        [Finished(JOB, "succeeded", 2, "2", 1, 1, 1, None)],
        [
            {"kind": "ask", "pid": 9, "at": 0, "job": JOB, "task": "noop"},
            {"kind": "ack", "pid": 9, "at": 1, "job": JOB},
            {"kind": "boot", "pid": 1, "at": 1, "boot": "a"},
            {"kind": "begin", "pid": 1, "at": 20, "job": JOB, "token": 1, "attempt": 1},
            {"kind": "begin", "pid": 2, "at": 215, "job": JOB, "token": 2, "attempt": 1},
            {"kind": "end", "pid": 2, "at": 220, "job": JOB, "token": 2, "how": "returned"},
        ],
    )


def lose(told: Told) -> None:
    told.ends.clear()


def end_twice(told: Told) -> None:
    told.ends.append(told.ends[0])
    told.moves.append(told.moves[-1])


def end_wrongly(told: Told) -> None:
    told.ends[0] = replace(told.ends[0], state="failed")


def spend_too_much(told: Told) -> None:
    told.ends[0] = replace(told.ends[0], attempt=2)


def store_a_stale_result(told: Told) -> None:
    told.ends[0] = replace(told.ends[0], result="1")


def accept_a_stale_end(told: Told) -> None:
    told.moves[4] = replace(told.moves[4], old_token=1, token=1)
    told.moves[5] = replace(told.moves[5], token=1)


def rescue_too_early(told: Told) -> None:
    """The worker lives, for it writes in its journal afterwards."""
    told.moves[2] = replace(told.moves[2], at=100)
    told.lines.append({"kind": "end", "pid": 1, "at": 110, "job": JOB, "token": 1, "how": "returned"})


def claim_what_is_held(told: Told) -> None:
    del told.moves[2]


def keep_the_token(told: Told) -> None:
    told.moves[3] = replace(told.moves[3], token=1)


def move_after_the_end(told: Told) -> None:
    told.moves.append(move("update", 300, "ready", "running", 3, old_token=2, worker="c"))


def run_beside(told: Told) -> None:
    """The second run begins beside the first, which was given back though it had not ended."""
    told.moves[2] = replace(told.moves[2], crashes=0)


def run_without_claim(told: Told) -> None:
    told.lines.append({"kind": "begin", "pid": 3, "at": 240, "job": JOB, "token": 7, "attempt": 1})


def run_one_claim_twice(told: Told) -> None:
    told.lines.append({"kind": "begin", "pid": 3, "at": 240, "job": JOB, "token": 2, "attempt": 1})


def finish_without_a_run(told: Told) -> None:
    del told.lines[4:]


def store_half_a_batch(told: Told) -> None:
    told.lines.append({"kind": "torn", "pid": 9, "at": 2, "job": JOB, "stored": 1, "of": 3})


PLANTED: dict[Callable[[Told], None], str] = {
    lose: "lost",
    end_twice: "doubled",
    end_wrongly: "wrong end",
    spend_too_much: "attempts",
    store_a_stale_result: "stale",
    accept_a_stale_end: "stale",
    rescue_too_early: "two leases",
    claim_what_is_held: "two leases",
    keep_the_token: "two leases",
    move_after_the_end: "moved after its end",
    run_beside: "two leases",
    run_without_claim: "run without claim",
    run_one_claim_twice: "two runs of one claim",
    finish_without_a_run: "finished without a run",
    store_half_a_batch: "torn",
}


def judged(told: Told, folder: Path, died: int = 100) -> Any:
    for line in told.lines:
        with (folder / f"{line['pid']}.journal").open("a") as file:
            file.write(json.dumps(line) + "\n")

    class Tables:
        def moves(self) -> list[Move]:
            return told.moves

        def finished(self) -> list[Finished]:
            return told.ends

    return judge(Tables(), folder, {1: died})  # type: ignore[arg-type]


def test_a_clean_history_passes(tmp_path: Path) -> None:
    verdict = judged(crashed_once(), tmp_path)
    assert not verdict.complaints, verdict
    assert (verdict.jobs, verdict.runs, verdict.rescues, len(verdict.recoveries)) == (1, 2, 1, 1)


def test_each_death_is_recovered_from_once(tmp_path: Path) -> None:
    told = crashed_once()
    told.moves[4:] = [
        move("update", 230, "running", "scheduled", 2, old_worker="b", old_crashes=1, crashes=1),
        move("update", 900, "ready", "running", 3, old_token=2, worker="b", old_crashes=1, crashes=1, attempt=2),
        move("delete", 930, "running", None, 3, old_worker="b", old_crashes=1, crashes=1, attempt=2),
    ]
    assert judged(told, tmp_path, died=50).recoveries == [160 / 1e6]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_complained_of(plant: Callable[[Told], None], tmp_path: Path) -> None:
    told = crashed_once()
    plant(told)
    verdict = judged(told, tmp_path)
    assert verdict.count(PLANTED[plant]), verdict


def test_the_dead_may_lose_a_lease_that_would_last(tmp_path: Path) -> None:
    told = crashed_once()
    told.moves[2] = replace(told.moves[2], at=100)
    verdict = judged(told, tmp_path)
    assert not verdict.complaints, verdict
