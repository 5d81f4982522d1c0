"""Workers and producers are killed in the middle of transactions: effects, ends of jobs and new jobs stay one."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter

import pytest
from tests.faults import effects_crew
from tests.faults.audit import Database
from tests.faults.conftest import FIGURES
from tests.faults.nursery import Child, Nursery, until

LEASE = 1.0
WORKERS = 3
RATE = 60.0
KILLS = int(os.environ.get("HOLDFAST_KILLS") or 100)
CHAOS_KILLS = int(os.environ.get("HOLDFAST_KILLS") or 2_000)
SHARE = 45.0
"""Seconds for which one loop may go on killing in an ordinary run; it then says that it did fewer."""

HISTORY = {"sqlite": "holdfast_history", "postgres": "holdfast.history"}


class Fleet:
    """Workers and a producer, and what was done to them."""

    def __init__(self, nursery: Nursery, database: Database, chance: random.Random) -> None:
        self.nursery = nursery
        self.database = database
        self.chance = chance
        self.kills = 0
        self.workers = [self.hire() for _ in range(WORKERS)]
        self.producer = self.start_producer()

    def hire(self) -> Child:
        return self.nursery.start(effects_crew.work, where=self.database.url, lease=LEASE)

    def start_producer(self) -> Child:
        seed = self.chance.randrange(10**9)
        return self.nursery.start(effects_crew.produce, where=self.database.url, seed=seed, rate=RATE)

    def kill_one(self) -> None:
        """Some of those that run jobs, and now and then the producer."""
        until(lambda: self.database.ask("select count(*) from {jobs} where state = 'running'")[0][0], "running jobs")
        time.sleep(self.chance.uniform(0, 0.1))
        if self.chance.random() < 0.2:
            self.bury(self.producer)
            self.producer = self.start_producer()
        else:
            place = self.chance.randrange(WORKERS)
            self.bury(self.workers[place])
            self.workers[place] = self.hire()
        self.kills += 1

    def bury(self, child: Child) -> None:
        child.kill()
        assert child.wait() == -signal.SIGKILL, child.tail()

    def drain(self, seconds: float) -> None:
        """No more faults and no more orders: everything must end soon."""
        self.producer.signal(signal.SIGTERM)
        assert self.producer.wait() == 0, self.producer.tail()
        until(lambda: self.database.live() == 0, "all jobs at their end", seconds, 0.05)
        for worker in self.workers:
            worker.signal(signal.SIGTERM)
        for worker in self.workers:
            assert worker.wait() == 0, worker.tail()


def complaints(database: Database) -> tuple[list[str], int]:
    """What is wrong, and how many orders there were."""
    orders = Counter(order for (order,) in database.ask("select id from orders"))
    effects = Counter(database.ask("select id, part from effects"))
    ended = database.ask(f"select task, state, args from {HISTORY[database.kind]}")
    jobs = Counter(json.loads(args)["order"] for task, _, args in ended if task != "receipt")
    states = {json.loads(args)["order"]: state for task, state, args in ended if task != "receipt"}
    receipts = Counter(json.loads(args)["order"] for task, _, args in ended if task == "receipt")
    found = [f"order {order} has {jobs[order]} jobs" for order in orders if jobs[order] != 1]
    found += [f"a job has no order {order}" for order in jobs if orders[order] != 1]
    for order, state in states.items():
        wanted = 1 if state == "succeeded" else 0
        there = (effects[order, 1], effects[order, 2], receipts[order])
        if there != (wanted,) * 3:
            found.append(f"order {order}, {state}: effects and receipts {there}")
    found += [f"effects of no job: {order}" for order, _ in effects if order not in states]
    found += [
        f"hopeless succeeded: {args}" for task, state, args in ended if (task, state) == ("hopeless", "succeeded")
    ]
    expected = {"hopeless": "failed"}
    found += [f"{task} ended {state}" for task, state, _ in ended if state != expected.get(task, "succeeded")]
    return found, len(orders)


def check_kills(
    nursery: Nursery, database: Database, seed: int, kills: int, share: float | None, record: pytest.RecordProperty
) -> None:
    with database.connected() as connection:
        connection.execute("create table orders (id bigint)")
        connection.execute("create table effects (id bigint, part int)")
    fleet = Fleet(nursery, database, random.Random(seed))
    began = time.monotonic()
    while fleet.kills < kills and (share is None or time.monotonic() - began < share):
        fleet.kill_one()
        time.sleep(fleet.chance.uniform(0, 0.25))
    seconds = time.monotonic() - began
    fleet.drain(40.0)
    wrong, orders = complaints(database)
    less = "" if fleet.kills >= kills else f" ** ONLY {fleet.kills} OF {kills} KILLS: OUT OF TIME **"
    record(
        FIGURES,
        f"effects {database.kind}: {fleet.kills} kills in {seconds:.0f} s, {orders} orders, doubled or lost effects, "
        f"jobs and receipts {len(wrong)}, seed {seed}{less}",
    )
    assert not wrong, f"HOLDFAST_SEED={seed}\n" + "\n".join(wrong[:20])
    assert orders > kills


def test_effects_under_kills(
    nursery: Nursery, database: Database, seed: int, record_property: pytest.RecordProperty
) -> None:
    check_kills(nursery, database, seed, KILLS, SHARE, record_property)


@pytest.mark.chaos
def test_effects_under_many_kills(
    nursery: Nursery, database: Database, seed: int, record_property: pytest.RecordProperty
) -> None:
    check_kills(nursery, database, seed, CHAOS_KILLS, None, record_property)
