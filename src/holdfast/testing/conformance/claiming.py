"""Who gets which job: in order, one holder each."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast.ids import new_id
from holdfast.model.job import ClaimedJob, JobState
from holdfast.model.lifecycle import Verdict
from holdfast.storage.base import Store
from holdfast.storage.ops import duties, inspect
from holdfast.storage.ops.jobs import HEAD, Place
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import (
    LEASE,
    OURS,
    Fixtures,
    add,
    end,
    end_one,
    finish,
    job,
    requeue,
    seconds_between,
    see,
    take,
    take_one,
)


def after(taken: list[ClaimedJob]) -> Place:
    return Place(-taken[-1].priority, taken[-1].tenant, taken[-1].due, taken[-1].seq)


class Claiming(Fixtures):
    def test_a_claim_is_a_lease_under_a_token(self, store: Store, clock: Clock) -> None:
        (id,) = add(store, job(priority=3, timeout=5.0, max_attempts=4, policy='{"max_crashes":null}'))
        clock.advance(10)
        claimed = take_one(store, worker="me")
        assert (claimed.tenant, claimed.id, claimed.task, claimed.queue) == ("default", id, "add", "default")
        assert (claimed.args, claimed.priority, claimed.timeout) == ('{"a":1}', 3, 5.0)
        assert (claimed.policy, claimed.version, claimed.token) == ('{"max_crashes":null}', 1, 1)
        assert (claimed.attempt, claimed.max_attempts, claimed.crashes) == (1, 4, 0)
        found = see(store, id)
        assert (found.state, found.worker, found.attempt) == (JobState.RUNNING, "me", 1)
        assert (found.updated_at, found.started_at, found.due_at) == (clock.now(), clock.now(), found.created_at)

    def test_higher_priorities_first_then_due_then_sequence(self, store: Store, clock: Clock) -> None:
        low, early = add(store, job(priority=-1), job(delay=5.0))
        clock.advance(10)
        late, same, high = add(store, job(), job(), job(priority=1))
        store.run(duties.promote())
        assert [each.id for each in take(store)] == [high, early, late, same, low]

    def test_at_most_a_batch(self, store: Store) -> None:
        ids = add(store, *(job() for _ in range(5)))
        assert [each.id for each in take(store, 2)] == ids[:2]
        assert [each.id for each in take(store, 2)] == ids[2:4]
        assert [each.id for each in take(store, 2)] == ids[4:]
        assert take(store, 2) == []

    def test_nothing_to_claim(self, store: Store) -> None:
        assert take(store) == []
        assert take(store, queues=("default",)) == []

    def test_only_ready_jobs(self, store: Store) -> None:
        add(store, job(), job(delay=60.0), job(), job())
        first, second, third = take(store)
        end(
            store,
            finish(first),
            requeue(second, JobState.BLOCKED, reason="unknown_task", uncounted=True),
            requeue(third, JobState.SCHEDULED, reason="retry", delay=5.0),
        )
        assert take(store) == []

    def test_only_the_queues_asked_for_in_one_order(self, store: Store) -> None:
        names = ["a", "b", "c", "a", "b", "c"]
        add(store, *(job(queue=name, priority=number % 2) for number, name in enumerate(names)))
        taken = take(store, queues=("a", "b"))
        assert [(each.queue, each.priority) for each in taken] == [("b", 1), ("a", 1), ("a", 0), ("b", 0)]
        assert [each.queue for each in take(store, queues=("c", "nobody's"))] == ["c", "c"]

    def test_a_batch_is_the_best_of_all_queues(self, store: Store) -> None:
        add(store, *(job(queue="ab"[number % 2], priority=number) for number in range(8)))
        assert [each.priority for each in take(store, 3, queues=("a", "b"))] == [7, 6, 5]

    def test_a_queue_named_twice_is_one_queue(self, store: Store) -> None:
        ids = add(store, *(job(queue="a") for _ in range(4)))
        assert [each.id for each in take(store, 3, queues=("a", "a"))] == ids[:3]

    def test_no_queues_is_none_not_all(self, store: Store) -> None:
        add(store, job())
        assert take(store, queues=()) == []

    def test_only_the_tasks_asked_for(self, store: Store) -> None:
        add(store, job(task="a"), job(task="b"), job(task="c"))
        assert [each.task for each in take(store, tasks=("c", "a"))] == ["a", "c"]
        assert take(store, queues=("default",), tasks=("a",)) == []
        assert [each.task for each in take(store, queues=("default",), tasks=("b",))] == ["b"]

    def test_jobs_with_many_crashes_can_be_left_alone(self, store: Store) -> None:
        crashed, fresh = add(store, job(priority=1), job())
        for _ in range(2):
            end_one(store, requeue(take_one(store), crashed=True, uncounted=True))
        assert see(store, crashed).crashes == 2
        assert [each.id for each in take(store, most_crashes=1)] == [fresh]
        assert [each.crashes for each in take(store, most_crashes=2)] == [2]

    def test_from_a_remembered_place_nothing_is_skipped(self, store: Store) -> None:
        ids = add(store, *(job(priority=number % 3, queue="ab"[number % 2]) for number in range(24)))
        taken: list[ClaimedJob] = []
        place = HEAD
        while found := take(store, 5, after=place):
            taken += found
            place = after(found)
        assert sorted(each.id for each in taken) == sorted(ids)
        assert [-each.priority for each in taken] == sorted(-each.priority for each in taken)

    def test_the_same_by_queues(self, store: Store) -> None:
        ids = add(store, *(job(priority=number % 3, queue="ab"[number % 2]) for number in range(24)))
        taken: list[ClaimedJob] = []
        place = HEAD
        while found := take(store, 5, after=place, queues=("a", "b")):
            taken += found
            place = after(found)
        assert sorted(each.id for each in taken) == sorted(ids)
        assert [-each.priority for each in taken] == sorted(-each.priority for each in taken)

    def test_a_look_at_the_head_finds_what_came_before_the_place(self, store: Store) -> None:
        add(store, job(), job())
        place = after(take(store))
        (urgent,) = add(store, job(priority=5))
        assert [each.id for each in take(store) or take(store, after=place)] == [urgent]

    def test_places_at_the_limits_of_priority(self, store: Store) -> None:
        add(store, *(job(priority=value) for value in (2**31 - 1, 2**31 - 1, -(2**31), -(2**31))))
        order: list[int] = []
        place = HEAD
        while found := take(store, 1, after=place):
            order.append(found[0].priority)
            place = after(found)
        assert order == [2**31 - 1, 2**31 - 1, -(2**31), -(2**31)]

    def test_a_new_claim_has_a_new_token_and_attempt(self, store: Store, clock: Clock) -> None:
        (id,) = add(store, job())
        tokens: list[tuple[int, int]] = []
        for _ in range(3):
            claimed = take_one(store)
            tokens.append((claimed.token, claimed.attempt))
            end_one(store, requeue(claimed))
        assert tokens == [(1, 1), (2, 2), (3, 3)]
        assert see(store, id).state is JobState.READY

    def test_started_at_is_of_the_present_attempt(self, store: Store, clock: Clock) -> None:
        (id,) = add(store, job())
        clock.advance(10)
        end_one(store, requeue(take_one(store), elapsed=2.0))
        assert seconds_between(see(store, id).created_at, see(store, id).started_at) == 8.0
        clock.advance(10)
        take_one(store)
        assert see(store, id).started_at == clock.now()

    def test_the_lease_has_the_length_asked_for(self, store: Store, clock: Clock) -> None:
        add(store, job())
        take_one(store)
        clock.advance(LEASE)
        assert store.run(duties.rescue(_never)) == []
        clock.advance(0.000001)
        with pytest.raises(AssertionError):
            store.run(duties.rescue(_never))

    def test_claimers_never_share_a_job(self, store: Store, peer: Store) -> None:
        ids = add(store, *(job(priority=number % 4, queue="ab"[number % 2]) for number in range(240)))
        start = threading.Barrier(4)

        def claim_all(number: int) -> list[tuple[str, int]]:
            mine = (store, peer)[number % 2]
            queues = (None, ("a", "b"))[number // 2]
            taken: list[tuple[str, int]] = []
            start.wait()
            empty = 0
            while empty < 3:
                found = take(mine, 1 + number, worker=f"worker {number}", claim=new_id(), queues=queues)
                taken += [(each.id, each.token) for each in found]
                empty = 0 if found else empty + 1
            return taken

        with ThreadPoolExecutor(4) as pool:
            taken = [each for found in pool.map(claim_all, range(4)) for each in found]
        assert len(taken) == len(set(taken)), "a job was handed out twice"
        taken += [(each.id, each.token) for each in take(store, 1000)]
        assert sorted(taken) == sorted((id, 1) for id in ids)
        assert store.run(inspect.count(OURS)) == {"running": 240}


def _never(lapsed: duties.Lapsed) -> Verdict:
    raise AssertionError(f"{lapsed.lease.id} was found")
