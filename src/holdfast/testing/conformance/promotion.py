"""Scheduled jobs become ready when their time has come."""

import pytest

from holdfast.model.job import JobState
from holdfast.storage.base import Store
from holdfast.storage.ops import duties
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import (
    Fixtures,
    add,
    end_one,
    error_entry,
    job,
    requeue,
    running,
    see,
    states,
    take,
)


class Promotion(Fixtures):
    def test_due_jobs_become_ready_to_the_microsecond(self, store: Store, clock: Clock) -> None:
        ids = add(store, job(delay=1.0), job(delay=2.0), job(delay=3.5))
        clock.advance(0.999999)
        promoted = store.run(duties.promote())
        assert promoted.count == 0
        assert promoted.next_in == pytest.approx(0.000001)
        clock.advance(0.000001)
        promoted = store.run(duties.promote())
        assert (promoted.count, promoted.next_in) == (1, 1.0)
        clock.advance(1)
        promoted = store.run(duties.promote())
        assert (promoted.count, promoted.next_in) == (1, 1.5)
        assert states(store, ids) == ["ready", "ready", "scheduled"]

    def test_nothing_waits(self, store: Store) -> None:
        add(store, job())
        promoted = store.run(duties.promote())
        assert (promoted.count, promoted.next_in) == (0, None)

    def test_a_page_at_a_time_the_earliest_first(self, store: Store, clock: Clock) -> None:
        late, early, middle = add(store, job(delay=30.0), job(delay=10.0), job(delay=20.0))
        clock.advance(60)
        assert store.run(duties.promote(batch=2)).count == 2
        assert states(store, [early, middle, late]) == ["ready", "ready", "scheduled"]
        assert store.run(duties.promote(batch=2)).count == 1

    def test_they_come_in_the_order_of_their_time(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(job(delay=float(10 - number)) for number in range(5)))
        clock.advance(60)
        store.run(duties.promote())
        assert [each.id for each in take(store)] == list(reversed(ids))

    def test_a_retry_comes_back(self, store: Store, clock: Clock) -> None:
        claimed = running(store)
        end_one(store, requeue(claimed, JobState.SCHEDULED, reason="retry", delay=5.0, error=error_entry()))
        clock.advance(5)
        assert store.run(duties.promote()).count == 1
        found = see(store, claimed.id)
        assert (found.state, found.reason, found.updated_at) == (JobState.READY, None, clock.now())
        assert [(each.id, each.attempt) for each in take(store)] == [(claimed.id, 2)]

    def test_only_scheduled_jobs(self, store: Store, clock: Clock) -> None:
        claimed = running(store)
        end_one(store, requeue(claimed, JobState.BLOCKED, reason="unknown_task"))
        clock.advance(60)
        assert store.run(duties.promote()).count == 0
        assert see(store, claimed.id).state is JobState.BLOCKED
