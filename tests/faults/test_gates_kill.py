"""Workers with jobs of groups and limits are killed: no gate ever lets too many in, and nothing waits for ever."""

from __future__ import annotations

import itertools
import json
import random
import signal
import time
from collections import Counter, defaultdict

import pytest
from tests.faults import gates_crew
from tests.faults.audit import Database, Move
from tests.faults.conftest import FIGURES
from tests.faults.nursery import Child, Nursery, until

LEASE = 1.0
WORKERS = 3
KILLS = 12

GATES = {
    "sqlite": "select id, gates, seq, state from holdfast_history",
    "postgres": "select id::text, gates, seq, state from holdfast.history",
}


def gates_of(database: Database) -> dict[str, list[str]]:
    return {id: [one[0] for one in json.loads(gates)] for id, gates, _, _ in database.ask(GATES[database.kind])}


def most_at_once(moves: list[Move], gates: dict[str, list[str]]) -> Counter[str]:
    """How many rows of each gate ever ran at once. A claim is made after the commit of what made its place, so the
    order in which the moves were written down is that of the places."""
    now: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for move in moves:
        if move.kind not in ("update", "delete"):
            continue
        for gate in gates[move.job]:
            now[gate] += (move.became == "running" and move.kind == "update") - (move.was == "running")
            most[gate] = max(most[gate], now[gate])
    return most


def first_claims(moves: list[Move]) -> dict[str, Move]:
    first: dict[str, Move] = {}
    for move in moves:
        if move.kind == "update" and move.became == "running":
            first.setdefault(move.job, move)
    return first


def out_of_order(database: Database, moves: list[Move], gates: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Jobs of a group that began before one that had been stored earlier."""
    seqs = {id: seq for id, _, seq, _ in database.ask(GATES[database.kind])}
    by_group: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for id, move in first_claims(moves).items():
        for gate in gates[id]:
            if gate.startswith("group:"):
                by_group[gate].append((move.n, seqs[id], id))
    wrong: list[tuple[str, str]] = []
    for gate, claims in by_group.items():
        claims.sort()
        wrong += [(gate, later) for (_, one, _), (_, other, later) in itertools.pairwise(claims) if other < one]
    return wrong


def test_places_are_kept_through_kills(
    nursery: Nursery, database: Database, seed: int, record_property: pytest.RecordProperty
) -> None:
    print(f"HOLDFAST_SEED={seed}")
    chance = random.Random(seed)

    def hire() -> Child:
        return nursery.start(gates_crew.work, url=database.url, lease=LEASE, poll_interval=0.25)

    workers = [hire() for _ in range(WORKERS)]
    producer = nursery.start(gates_crew.produce, url=database.url, seed=chance.randrange(10**9), most=250)
    until(database.settled, "a server up for long enough that leases may lapse")
    began = time.monotonic()
    for _ in range(KILLS):
        until(
            lambda: database.ask("select 1 from {jobs} where state = 'running' limit 1") or not producer.alive, "work"
        )
        time.sleep(chance.uniform(0, 0.3))
        victim = workers.pop(chance.randrange(len(workers)))
        victim.kill()
        assert victim.wait() == -signal.SIGKILL, victim.tail()
        workers.append(hire())
    assert producer.wait() == 0, producer.tail()
    until(lambda: database.live() == 0, "all jobs at their end", 40.0, 0.1)
    took = time.monotonic() - began
    for worker in workers:
        worker.signal(signal.SIGTERM)
    for worker in workers:
        assert worker.wait() == 0, worker.tail()

    moves, gates = database.moves(), gates_of(database)
    states = Counter(state for _, _, _, state in database.ask(GATES[database.kind]))
    most = most_at_once(moves, gates)
    wrong = out_of_order(database, moves, gates)
    starts = sorted(
        move.at or 0
        for move in moves
        if move.kind == "update" and move.became == "running" and "throttle:task spaced" in gates[move.job]
    )
    closest = min((later - earlier for earlier, later in itertools.pairwise(starts)), default=0) / 1e6
    record_property(
        FIGURES,
        f"gates {database.kind}: {KILLS} kills in {took:.0f} s, {sum(states.values())} jobs, "
        f"at most {most['limit:two']} of 2 at once, "
        f"{max(most[gate] for gate in most if gate.startswith('group:'))} of a group, {len(wrong)} out of order, "
        f"starts {closest * 1000:.0f} ms apart or more (40 asked for), seed {seed}",
    )
    assert set(states) == {"succeeded"}
    assert most["limit:two"] == 2
    assert {most[gate] for gate in most if gate.startswith("group:")} == {1}
    assert not wrong, f"HOLDFAST_SEED={seed}\n{wrong}"
    assert len(starts) > 20
    assert closest >= gates_crew.SPACING - 0.001
