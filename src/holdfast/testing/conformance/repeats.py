"""An op whose first try may have been committed is repeated, and ends in the same state with the same answer."""

from collections.abc import Callable

import pytest

from holdfast.ids import new_id
from holdfast.model.job import ClaimedJob, JobState
from holdfast.storage.base import Store
from holdfast.storage.op import Op
from holdfast.storage.ops import duties, inspect, jobs, telling, workers
from holdfast.storage.ops.jobs import Ending, Held, lease_of
from holdfast.storage.ops.leases import renew
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import (
    LEASE,
    OURS,
    Fixtures,
    R,
    add,
    end_one,
    error_entry,
    finish,
    job,
    look,
    repeated,
    requeue,
    running,
    see,
    take,
    take_one,
    wanted,
)
from holdfast.testing.conformance.rescue import judged
from holdfast.testing.conformance.workers import sign

committed = pytest.mark.parametrize("committed", [True, False], ids=["committed", "not committed"])


def try_twice(store: Store, op: Op[R], committed: bool) -> R:
    """Run `op`, lose its answer, repeat it; or lose the first try itself."""
    if committed:
        store.run(op)
    return store.run(repeated(op))


ENDINGS: dict[str, Callable[[ClaimedJob], Ending]] = {
    "finish": lambda held: finish(held, result="1"),
    "fail": lambda held: finish(held, JobState.FAILED, reason="timeout", error=error_entry()),
    "finish, kept for no time": lambda held: finish(held, keep=0.0),
    "retry now": lambda held: requeue(held, reason="retry", error=error_entry()),
    "retry later": lambda held: requeue(held, JobState.SCHEDULED, reason="retry", delay=5.0, error=error_entry()),
    "release": lambda held: requeue(held, uncounted=True),
    "unknown task": lambda held: requeue(held, JobState.BLOCKED, reason="unknown_task", uncounted=True),
}


class Repeats(Fixtures):
    @committed
    def test_say(self, store: Store, committed: bool) -> None:
        held = running(store)
        lines = [
            telling.Line(lease_of(held), number, held.attempt, 1.0, "INFO", f"line {number}", None, 60.0)
            for number in (1, 2)
        ]
        try_twice(store, telling.say([(lease_of(held), '{"done":1}')], lines), committed)
        assert [entry.message for entry in store.run(telling.logs(held.id, OURS))] == ["line 1", "line 2"]
        assert see(store, held.id).progress == {"done": 1}

    @committed
    def test_enqueue(self, store: Store, committed: bool) -> None:
        asked = [job(), job(priority=1)]
        op = jobs.enqueue(asked, OURS)
        try_twice(store, op, committed)
        store.run(repeated(op))
        assert store.run(inspect.count(OURS)) == {"ready": 2}
        assert [each.id for each in take(store)] == [asked[1].id, asked[0].id]

    def test_enqueue_of_a_job_that_runs(self, store: Store) -> None:
        asked = job()
        store.run(jobs.enqueue([asked], OURS))
        claimed = take_one(store)
        before = see(store, asked.id)
        store.run(repeated(jobs.enqueue([asked], OURS)))
        assert see(store, asked.id) == before
        assert end_one(store, finish(claimed)) is Held.DONE

    @pytest.mark.parametrize("keep", [600.0, 0.0])
    def test_enqueue_of_a_job_that_has_run(self, store: Store, keep: float) -> None:
        asked, other = job(), job()
        store.run(jobs.enqueue([asked], OURS))
        end_one(store, finish(take_one(store), keep=keep))
        before = look(store, asked.id)
        store.run(repeated(jobs.enqueue([asked, other], OURS)))
        assert look(store, asked.id) == before
        assert [each.id for each in take(store)] == [other.id]

    def test_enqueue_of_a_job_that_was_given_back_uncounted(self, store: Store) -> None:
        asked = job()
        store.run(jobs.enqueue([asked], OURS))
        end_one(store, requeue(take_one(store), uncounted=True))
        store.run(repeated(jobs.enqueue([asked], OURS)))
        assert [(each.id, each.token) for each in take(store)] == [(asked.id, 2)]

    @committed
    def test_claim(self, store: Store, committed: bool) -> None:
        ids = add(store, *(job(priority=-number, args=f'{{"n":"{number * "x" * 400}"}}') for number in range(5)))
        op = jobs.claim(wanted(3))
        found = try_twice(store, op, committed)
        assert [(each.id, each.token, each.attempt) for each in found] == [(id, 1, 1) for id in ids[:3]]
        assert store.run(repeated(op)) == found
        assert [each.id for each in take(store)] == ids[3:]

    @committed
    def test_claim_by_queues(self, store: Store, committed: bool) -> None:
        ids = add(store, *(job(queue="ab"[number % 2]) for number in range(4)))
        found = try_twice(store, jobs.claim(wanted(2, queues=("a", "b"))), committed)
        assert [each.id for each in found] == ids[:2]

    def test_claim_of_nothing_finds_what_came_since(self, store: Store) -> None:
        op = jobs.claim(wanted(3))
        assert store.run(op) == []
        (id,) = add(store, job())
        assert [each.id for each in store.run(repeated(op))] == [id]

    def test_a_claim_is_found_by_its_own_name_only(self, store: Store) -> None:
        add(store, job(), job())
        first = jobs.claim(wanted(1))
        mine = store.run(first)
        theirs = take(store, 1)
        assert store.run(repeated(first)) == mine != theirs

    @committed
    @pytest.mark.parametrize("name", ENDINGS)
    def test_end(self, store: Store, name: str, committed: bool) -> None:
        claimed = running(store)
        op = jobs.end([ENDINGS[name](claimed)])
        assert try_twice(store, op, committed) == [Held.DONE]
        before = look(store, claimed.id)
        assert store.run(repeated(op)) == [Held.DONE]
        assert look(store, claimed.id) == before

    @committed
    def test_end_of_many(self, store: Store, committed: bool) -> None:
        add(store, *(job() for _ in range(4)))
        first, second, third, fourth = take(store)
        stale = jobs.Lease(fourth.tenant, fourth.id, 9)
        op = jobs.end([finish(first), requeue(second), finish(third, JobState.FAILED), finish(stale)])
        wanted = [Held.DONE, Held.DONE, Held.DONE, Held.LOST]
        assert try_twice(store, op, committed) == wanted
        assert store.run(repeated(op)) == wanted

    def test_end_after_the_next_claim_is_lost(self, store: Store) -> None:
        claimed = running(store)
        op = jobs.end([requeue(claimed)])
        store.run(op)
        take_one(store)
        assert store.run(repeated(op)) == [Held.LOST]

    @committed
    def test_renew(self, store: Store, clock: Clock, committed: bool) -> None:
        held = lease_of(running(store))
        clock.advance(10)
        op = renew([(held, 2.0)], LEASE)
        assert try_twice(store, op, committed) == [Held.DONE]
        clock.advance(LEASE)
        assert store.run(duties.rescue(judged)) == []

    @committed
    def test_rescue(self, store: Store, clock: Clock, committed: bool) -> None:
        claimed = running(store)
        clock.advance(LEASE + 1)
        try_twice(store, duties.rescue(judged), committed)
        found = see(store, claimed.id)
        assert (found.state, found.crashes, len(found.errors)) == (JobState.READY, 1, 1)

    @committed
    def test_promote(self, store: Store, clock: Clock, committed: bool) -> None:
        (id,) = add(store, job(delay=1.0))
        clock.advance(2)
        try_twice(store, duties.promote(), committed)
        assert see(store, id).state is JobState.READY

    @committed
    def test_lead(self, store: Store, committed: bool) -> None:
        assert try_twice(store, duties.lead("r", "a", 5.0), committed) == 1

    @committed
    def test_signs_of_life(self, store: Store, committed: bool) -> None:
        try_twice(store, workers.seen(sign()), committed)
        assert len(store.run(inspect.workers())) == 1
        try_twice(store, workers.gone("boot"), committed)
        assert store.run(inspect.workers()) == []

    @committed
    def test_unblock(self, store: Store, committed: bool) -> None:
        claimed = running(store, task="a")
        end_one(store, requeue(claimed, JobState.BLOCKED, reason="unknown_task", uncounted=True))
        try_twice(store, workers.unblock(["a"]), committed)
        assert see(store, claimed.id).state is JobState.READY

    @committed
    def test_reading(self, store: Store, committed: bool) -> None:
        (id,) = add(store, job())
        (found,) = try_twice(store, inspect.get([id], OURS), committed)
        assert found == look(store, id)
        assert try_twice(store, inspect.get([new_id()], OURS), committed) == [None]
