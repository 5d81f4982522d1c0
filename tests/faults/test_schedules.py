"""Leaders killed between any two statements of a firing: each instant of each schedule has exactly one job."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.faults.conftest import FIGURES
from tests.faults.faulty import Fault, Moment, Wire, put_on

from holdfast import Context, Holdfast
from holdfast.storage.ops import firing
from holdfast.testing import Clock

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SCHEDULES = 420
MINUTES = 50
MOMENTS: tuple[Moment, ...] = ("unsent", "before", "after")


class Leader:
    """A process that fires, over connections of its own that are cut off when they are told to be."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.app = Holdfast(url, clock=clock)

        @self.app.task
        def work(ctx: Context) -> None: ...

        self.task = work
        self.wire = Wire()
        store: Any = self.app.store
        self.app.migrate()
        for lane in set(store._lanes.values()):
            put_on(lane, self.wire)

    def fire(self, fault: Fault | None, batch: int) -> int:
        """One page; with a lasting fault it dies there. Answers how many calls to the database it had made."""
        self.wire.arm(fault)
        try:
            self.app.store.run(firing.fire(lambda task, args: None, batch))
        except Exception:
            assert fault is not None, "nothing was cut off"
            assert fault.lasting, "what is repeated ends well"
        made = len(self.wire.calls)
        self.wire.heal()
        return made


@pytest.mark.slow
def test_leaders_killed_while_firing_make_one_job_per_instant(
    database_url: str, seed: int, record_property: Any
) -> None:
    chance = random.Random(seed)
    clock = Clock(START)
    leaders = [Leader(database_url, clock), Leader(database_url, clock)]
    first = leaders[0]
    for number in range(SCHEDULES):
        first.app.schedules.put(f"s{number}", first.task, cron="* * * * *", catch_up="all")
    kills: Counter[str] = Counter()
    reached: set[int] = set()
    for _ in range(MINUTES):
        clock.set(clock.now() + MINUTE)
        for turn in range(4):
            leader = leaders[turn % 2]
            at, moment = chance.randint(1, 8), chance.choice(MOMENTS)
            fault = Fault(at, moment, lasting=chance.random() < 0.8)
            leader.fire(fault, chance.choice((50, 150)))
            if leader.wire.hit:
                kills[moment] += 1
                reached.add(at)
        while leaders[0].fire(None, 500) and leaders[0].app.schedules.stats().next_due <= clock.now():  # type: ignore[operator]
            pass
    assert len(reached) >= 7, "it was killed at the begin, between all statements, and at the commit"

    wanted = {START + n * MINUTE for n in range(1, MINUTES + 1)}
    table, runs = (
        ("holdfast.jobs", "holdfast.schedule_runs")
        if database_url.startswith("postgres")
        else ("holdfast_jobs", "holdfast_schedule_runs")
    )
    with first.app.transaction() as connection:
        found = connection.execute(f"select schedule_id, metadata from {table}").fetchall()
        (noted,) = connection.execute(f"select count(*) from {runs}").fetchone()
    ticks: dict[str, list[str]] = {}
    for schedule, metadata in found:
        ticks.setdefault(schedule, []).append(metadata)
    assert len(found) == noted == SCHEDULES * MINUTES >= 20_000
    assert set(ticks) == {f"s{number}" for number in range(SCHEDULES)}
    expected = sorted(f'{{"holdfast:tick":"{tick.isoformat()}"}}' for tick in wanted)
    assert all(sorted(each) == expected for each in ticks.values())
    for record in first.app.schedules.list(limit=1000):
        assert (record.fired, record.last_due) == (MINUTES, max(wanted))
    for leader in leaders:
        leader.app.close()
    kind = "PostgreSQL" if database_url.startswith("postgres") else "SQLite"
    record_property(
        FIGURES,
        f"firing on {kind}, seed {seed}: {len(found)} instants, {sum(kills.values())} kills "
        f"({', '.join(f'{count} {moment}' for moment, count in sorted(kills.items()))}), 0 lost, 0 twice",
    )
