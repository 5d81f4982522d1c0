"""What is said of queues, and claims that go by it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from holdfast.model.job import ClaimedJob, JobState
from holdfast.model.policy import Policy
from holdfast.model.queue import Queue, Rules
from holdfast.model.retry import Retry
from holdfast.storage.base import Store
from holdfast.storage.ops import queues, ruled
from holdfast.storage.ops.queues import Changed
from holdfast.storage.ops.ruled import Claimed
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import (
    OURS,
    Fixtures,
    add,
    end_one,
    finish,
    grouped,
    ids_of,
    job,
    repeated,
    requeue,
    see,
    take,
    wanted,
)


def say(store: Store, name: str = "q", **what: Any) -> Changed:
    return store.run(queues.change(name, OURS, lambda queue: replace(queue, **what)))


def pause(store: Store, name: str = "q", by: str | None = "ann") -> Changed:
    return say(store, name, paused_at=datetime(1970, 1, 1, tzinfo=UTC), paused_by=by)


def claim(store: Store, batch: int = 100, free: int = 100, **others: Any) -> Claimed:
    """As a worker does that knows what is said of queues now."""
    return store.run(ruled.claim(wanted(batch, **others), store.run(queues.rules()), free))


def taken(store: Store, batch: int = 100, **others: Any) -> list[ClaimedJob]:
    return claim(store, batch, **others).jobs


class Queues(Fixtures):
    def test_of_any_queue_nothing_is_said_at_first(self, store: Store) -> None:
        assert store.run(queues.get("q", OURS)) == Queue("q")
        assert store.run(queues.rules()) == Rules()
        assert store.run(queues.every(OURS)) == []

    def test_what_is_said_is_kept_and_what_is_not_said_stays(self, store: Store, peer: Store, clock: Clock) -> None:
        say(store, display_name="Mail", concurrency=3)
        say(peer, rate=0.5, retry=Retry(4, base=1), keep_failed=60.0)
        found = peer.run(queues.get("q", OURS))
        assert (found.display_name, found.concurrency, found.rate) == ("Mail", 3, 0.5)
        assert (found.retry, found.keep_succeeded, found.keep_failed) == (Retry(4, base=1), None, 60.0)
        assert (found.paused, found.updated_at) == (False, clock.now())
        assert store.run(queues.every(OURS)) == [found]
        say(peer, display_name=None, concurrency=None, rate=None, retry=None, keep_failed=None)
        assert replace(store.run(queues.get("q", OURS)), updated_at=None) == Queue("q")
        assert store.run(queues.rules()) == Rules()

    def test_a_pause_keeps_its_beginning(self, store: Store, clock: Clock) -> None:
        began = clock.now()
        first = pause(store)
        assert (first.before.paused, first.now.paused_at, first.now.paused_by) == (False, began, "ann")
        clock.advance(60)
        again = pause(store)
        assert (again.before.paused, again.now.paused_at) == (True, began)
        assert store.run(queues.rules()).paused == {"q"}
        assert say(store, paused_at=None).now.paused_at is None
        assert store.run(queues.rules()).paused == set()

    def test_a_repeated_pause_is_told_as_the_first(self, store: Store) -> None:
        op = queues.change("q", OURS, lambda queue: replace(queue, paused_at=queue.paused_at or datetime.now(UTC)))
        store.run(op)
        assert store.run(repeated(op)).before.paused is False

    def test_queues_are_listed_that_have_jobs(self, store: Store) -> None:
        add(store, job(queue="ready"), job(queue="runs"), job(queue="later", delay=60.0))
        take(store, 1, queues=("runs",))
        say(store, "said", concurrency=1)
        assert [queue.name for queue in store.run(queues.every(OURS))] == ["later", "ready", "runs", "said"]

    def test_paused_queues_are_not_claimed_from(self, store: Store) -> None:
        add(store, job(queue="q", priority=9), job(queue="q"))
        others = add(store, job(queue="a"), job(queue="b", priority=1))
        pause(store)
        assert ids_of(taken(store)) == others[::-1]
        assert taken(store) == taken(store, queues=("q",)) == []
        say(store, paused_at=None)
        assert len(taken(store)) == 2

    def test_what_is_said_of_others_changes_nothing_for_a_worker(self, store: Store) -> None:
        ids = add(store, *(job(queue="q") for _ in range(3)))
        pause(store, "other")
        assert ids_of(taken(store, queues=("q",))) == ids

    def test_no_more_run_than_a_queue_lets(self, store: Store, peer: Store) -> None:
        ids = add(store, *(job(queue="q") for _ in range(5)))
        say(store, concurrency=2)
        first = taken(store)
        assert ids_of(first) == ids[:2]
        assert claim(peer) == Claimed([], None)
        end_one(store, finish(first[0]))
        assert ids_of(taken(peer, worker="other")) == [ids[2]]
        assert taken(store) == []

    def test_places_of_plain_claims_count(self, store: Store) -> None:
        add(store, *(job(queue="q") for _ in range(5)))
        take(store, 3)
        say(store, concurrency=4)
        assert len(taken(store)) == 1

    def test_a_lower_limit_is_reached_as_jobs_end(self, store: Store) -> None:
        add(store, *(job(queue="q") for _ in range(5)))
        held = take(store, 3)
        say(store, concurrency=2)
        assert taken(store) == []
        end_one(store, finish(held[0]))
        assert taken(store) == []
        end_one(store, requeue(held[1], JobState.SCHEDULED, delay=60.0))
        assert len(taken(store)) == 1

    def test_a_place_waits_for_no_slot(self, store: Store) -> None:
        add(store, *(job(queue="q") for _ in range(5)))
        plain = add(store, *(job(queue="p") for _ in range(5)))
        say(store, concurrency=4)
        assert sorted(each.queue for each in taken(store, free=1)) == ["p"] * len(plain) + ["q"]

    def test_order_is_kept_across_limited_and_other_queues(self, store: Store) -> None:
        ids = add(
            store, job(queue="q", priority=3), job(queue="p", priority=2), job(queue="q", priority=1), job(queue="p")
        )
        say(store, concurrency=1)
        assert ids_of(taken(store, 2)) == ids[:2]
        assert ids_of(taken(store)) == [ids[3]]

    def test_a_batch_is_never_exceeded(self, store: Store) -> None:
        add(store, *(job(queue=name) for name in "abcq" for _ in range(3)))
        say(store, concurrency=2)
        assert len(taken(store, 5)) == 5

    def test_starts_keep_their_pace(self, store: Store, peer: Store, clock: Clock) -> None:
        ids = add(store, *(job(queue="q") for _ in range(5)))
        say(store, rate=10.0)
        first = claim(store)
        assert ids_of(first.jobs) == ids[:1]
        assert first.next_in == pytest.approx(10.0)
        clock.advance(4)
        early = claim(peer)
        assert early.jobs == []
        assert early.next_in == pytest.approx(6.0)
        clock.advance(6)
        assert ids_of(taken(peer)) == [ids[1]]
        clock.advance(100)
        assert ids_of(taken(store)) == [ids[2]], "what was not used is not saved up"

    def test_a_fast_pace_lets_several_start_together(self, store: Store, clock: Clock) -> None:
        add(store, *(job(queue="q") for _ in range(1000)))
        say(store, rate=0.002)
        started = len(taken(store))
        assert started == 25, "a twentieth of a second's worth"
        for _ in range(100):
            clock.advance(0.01)
            started += len(taken(store))
        assert started == pytest.approx(500 + 25, abs=1)

    def test_another_pace_holds_at_once(self, store: Store, clock: Clock) -> None:
        add(store, *(job(queue="q") for _ in range(3)))
        say(store, rate=86_400.0)
        assert len(taken(store)) == 1
        say(store, rate=2.0)
        assert claim(store).next_in == pytest.approx(2.0)
        clock.advance(2)
        assert len(taken(store)) == 1
        say(store, rate=None)
        assert len(taken(store)) == 1

    def test_pace_and_limit_hold_together(self, store: Store, clock: Clock) -> None:
        add(store, *(job(queue="q") for _ in range(5)))
        say(store, rate=1.0, concurrency=2)
        assert len(taken(store)) == 1
        clock.advance(1)
        assert len(taken(store)) == 1
        clock.advance(1)
        assert claim(store) == Claimed([], None), "an end makes a place, no clock does"

    def test_jobs_of_groups_are_limited_too(self, store: Store) -> None:
        add(store, *(grouped(str(n), queue="q") for n in range(3)))
        say(store, concurrency=2)
        assert len(taken(store)) == 2

    def test_defaults_are_for_jobs_that_say_nothing(self, store: Store) -> None:
        silent, told, kept = add(
            store,
            job(queue="q"),
            job(queue="q", policy=Policy(retry=Retry(base=1), said="r").dumps(), max_attempts=2),
            job(queue="q", policy=Policy(keep_failed=5.0, on_crash="stall", said="f").dumps()),
        )
        say(store, retry=Retry(7, backoff="linear"), keep_succeeded=60.0, keep_failed=90.0)
        jobs = {each.id: each for each in taken(store)}
        for id, attempts, failed in ((silent, 7, 90.0), (told, 2, 90.0), (kept, 7, 5.0)):
            record, policy = see(store, id), Policy.read(jobs[id].policy)
            assert record.max_attempts == jobs[id].max_attempts == attempts
            assert record.keep_failed == policy.keep_failed == failed
            assert record.keep_succeeded == policy.keep_succeeded == 60.0
        assert Policy.read(jobs[silent].policy).retry.kind == "linear"
        assert Policy.read(jobs[told].policy).retry.base == 1.0
        assert Policy.read(jobs[kept].policy).on_crash == "stall"

    def test_defaults_are_given_once(self, store: Store) -> None:
        add(store, job(queue="q"))
        say(store, retry=Retry(3))
        (held,) = taken(store)
        end_one(store, requeue(held, reason="retry"))
        say(store, retry=Retry(9))
        assert [each.max_attempts for each in taken(store)] == [3]

    def test_a_repeated_claim_finds_what_it_took(self, store: Store) -> None:
        add(store, *(job(queue="q") for _ in range(4)))
        say(store, concurrency=2, rate=0.001, retry=Retry(5))
        op = ruled.claim(wanted(), store.run(queues.rules()), 100)
        first = store.run(op)
        assert store.run(repeated(op)).jobs == first.jobs
        assert len(first.jobs) == 2

    def test_knowledge_that_is_old_takes_too_little(self, store: Store) -> None:
        add(store, job(queue="q"))
        say(store, concurrency=2)
        old = store.run(queues.rules())
        pause(store)
        assert store.run(ruled.claim(wanted(), old, 100)).jobs == []
        say(store, paused_at=None, concurrency=None)
        assert len(store.run(ruled.claim(wanted(), old, 100)).jobs) == 1

    def test_counts_are_right_as_far_as_they_go(self, store: Store) -> None:
        add(store, *(job(queue=name) for name in "qp" for _ in range(4)))
        add(store, *(job(queue=name, delay=60.0) for name in "qp" for _ in range(3)))
        add(store, *(grouped("g", queue="q") for _ in range(3)))
        held = take(store, 2, queues=("q",))
        end_one(store, finish(held[0]))
        end_one(store, finish(held[1], JobState.FAILED))
        found = store.run(queues.stats("q"))
        assert {state: count for state, count in found.counts.items() if count} == {
            "ready": 3, "scheduled": 3, "blocked": 2, "succeeded": 1, "failed": 1,
        }  # fmt: skip
        assert not found.more
        some = store.run(queues.stats("q", most=2))
        assert some.more >= {JobState.READY, JobState.SCHEDULED}
        assert (some.counts[JobState.READY], some.shown("ready")) == (2, "2+")
        assert some.counts[JobState.SCHEDULED] <= 3
