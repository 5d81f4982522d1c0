"""Ops that share a commit: each gets its own answer, and an error is its own."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from holdfast.errors import DatabaseUnavailable, HoldfastError
from holdfast.model.filter import JobFilter
from holdfast.model.job import JobRecord, JobState
from holdfast.storage.base import Store
from holdfast.storage.op import Op, Steps, no_statements, one
from holdfast.storage.ops import duties, inspect, jobs, lists
from holdfast.storage.ops.jobs import Held, lease_of
from holdfast.storage.ops.leases import renew
from holdfast.testing.conformance.kit import (
    LEASE,
    OURS,
    Fixtures,
    add,
    end_one,
    finish,
    job,
    look,
    requeue,
    running,
    see,
    states,
    take,
)

PATIENCE = 10.0
"""Seconds after which a test gives up waiting for another thread."""


def together(store: Store, ops: Sequence[Op[Any]], lane: str = "write") -> list[Any]:
    """Run all as one batch: an op that takes its time holds the lane until they have gathered behind it.

    Answers each op's answer, or the error it raised.
    """
    held, free = threading.Event(), threading.Event()

    def hold(again: bool) -> Steps[None]:
        held.set()
        assert free.wait(PATIENCE)
        yield from no_statements()

    async def gather() -> list[Any]:
        waiting = [asyncio.ensure_future(store.arun(op, lane)) for op in ops]
        await asyncio.sleep(0)  # each has put its op in the lane when it first waits
        free.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    holder = threading.Thread(target=store.run, args=(Op("hold", hold), lane))
    holder.start()
    assert held.wait(PATIENCE)
    try:
        return asyncio.run(gather())
    finally:
        free.set()
        holder.join()


class Batches(Fixtures):
    def test_many_enqueues_in_one(self, store: Store) -> None:
        asked = [[job(), job()] for _ in range(50)]
        assert together(store, [jobs.enqueue(each, OURS) for each in asked]) == [None] * 50
        assert [each.id for each in take(store)] == [each.id for pair in asked for each in pair]

    def test_only_the_guilty_errs(self, store: Store) -> None:
        (taken,) = add(store, job())
        asked = [job() for _ in range(5)]
        asked[2] = job(id=taken)
        answers = together(store, [jobs.enqueue([each], OURS) for each in asked])
        assert [isinstance(answer, HoldfastError) for answer in answers] == [False, False, True, False, False]
        assert store.run(inspect.count(OURS)) == {"ready": 5}

    def test_the_same_id_twice_in_one_batch(self, store: Store) -> None:
        twin = job(args='{"first":1}')
        answers = together(
            store, [jobs.enqueue([twin], OURS), jobs.enqueue([job(id=twin.id, args='{"second":1}')], OURS)]
        )
        assert [isinstance(answer, HoldfastError) for answer in answers] == [False, True]
        assert see(store, twin.id).args == {"first": 1}

    def test_an_op_that_breaks_takes_nobody_with_it(self, store: Store) -> None:
        def broken(again: bool) -> Steps[None]:
            yield one("count", None)
            raise ZeroDivisionError

        asked = [job(), job()]
        ops: list[Op[Any]] = [jobs.enqueue([each], OURS) for each in asked]
        ops.insert(1, Op("broken", broken))
        answers = together(store, ops)
        assert (answers[0], type(answers[1]), answers[2]) == (None, ZeroDivisionError, None)
        assert states(store, [each.id for each in asked]) == ["ready", "ready"]

    def test_many_ends_in_one(self, store: Store) -> None:
        ids = add(store, *(job() for _ in range(20)))
        held = take(store)
        ops = [jobs.end([finish(each) if number % 2 else requeue(each)]) for number, each in enumerate(held)]
        assert together(store, ops) == [[Held.DONE]] * 20
        assert states(store, ids[:4]) == ["ready", "succeeded", "ready", "succeeded"]

    def test_lost_and_done_in_one(self, store: Store) -> None:
        add(store, *(job() for _ in range(4)))
        held = take(store)
        stale = jobs.Lease("default", held[1].id, 9)
        ops = [
            jobs.end([finish(held[0])]),
            jobs.end([finish(stale), finish(held[2])]),
            renew([(stale, 1.0), (lease_of(held[1]), 1.0)], LEASE),
            jobs.end([requeue(held[3])]),
        ]
        assert together(store, ops) == [[Held.DONE], [Held.LOST, Held.DONE], [Held.LOST, Held.DONE], [Held.DONE]]

    def test_two_ends_of_one_job_in_one_batch(self, store: Store) -> None:
        claimed = running(store)
        ops = [jobs.end([finish(claimed, result="1")]), jobs.end([finish(claimed, JobState.FAILED)])]
        assert together(store, ops) == [[Held.DONE], [Held.LOST]]
        assert see(store, claimed.id).state is JobState.SUCCEEDED

    def test_a_renewal_and_an_end_of_one_job_in_one_batch(self, store: Store) -> None:
        claimed = running(store)
        ops = [renew([(lease_of(claimed), 1.0)], LEASE), jobs.end([finish(claimed)])]
        assert together(store, ops) == [[Held.DONE], [Held.DONE]]

    def test_two_claims_in_one_batch_share_nothing(self, store: Store) -> None:
        ids = add(store, *(job() for _ in range(7)))
        claims = [jobs.claim(jobs.Wanted(f"w{number}", job().id, LEASE, 3)) for number in range(3)]
        answers = together(store, claims)
        assert [len(answer) for answer in answers] == [3, 3, 1]
        assert [each.id for answer in answers for each in answer] == ids

    def test_a_job_enqueued_and_claimed_in_one_batch(self, store: Store) -> None:
        asked = job()
        ops: list[Op[Any]] = [jobs.enqueue([asked], OURS), jobs.claim(jobs.Wanted("w", job().id, LEASE, 3))]
        _, claimed = together(store, ops)
        assert [each.id for each in claimed] == [asked.id]

    def test_reads_and_writes_in_one(self, store: Store) -> None:
        (id,) = add(store, job())
        ops: list[Op[Any]] = [
            inspect.get([id], OURS),
            inspect.get([id, id], OURS),
            inspect.count(OURS),
            lists.page(JobFilter(), OURS, 5),
            duties.promote(),
        ]
        one, two, count, page, promoted = together(store, ops)
        assert one == [look(store, id)]
        assert two == one * 2
        assert (count, [found for found, _ in page.jobs], promoted.count) == ({"ready": 1}, one, 0)
        assert together(store, ops[:4], "read") == [one, two, count, page]

    def test_many_threads(self, store: Store) -> None:
        def produce(number: int) -> JobRecord:
            (id,) = add(store, job(priority=number))
            return see(store, id)

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(produce, range(120)))
        assert [each.priority for each in found] == list(range(120))

    def test_threads_and_tasks_together(self, store: Store) -> None:
        async def produce(number: int) -> str:
            asked = job(priority=number)
            await store.arun(jobs.enqueue([asked], OURS))
            (found,) = await store.arun(inspect.get([asked.id], OURS), "read")
            assert isinstance(found, JobRecord)
            return found.id

        async def produce_many() -> list[str]:
            return await asyncio.gather(*(produce(number) for number in range(100)))

        with ThreadPoolExecutor(4) as pool:
            threads = [pool.submit(lambda: [add(store, job())[0] for _ in range(25)]) for _ in range(4)]
            ids = asyncio.run(produce_many())
            for thread in threads:
                ids += thread.result()
        assert sorted(each.id for each in take(store, 1000)) == sorted(ids)

    def test_what_is_acknowledged_is_there_for_others(self, store: Store, peer: Store) -> None:
        for _ in range(10):
            (id,) = add(store, job())
            assert see(peer, id).state is JobState.READY
            end_one(peer, finish(take(peer, 1)[0]))
            assert see(store, id).state is JobState.SUCCEEDED

    def test_a_closed_store_refuses(self, store: Store) -> None:
        add(store, job())
        store.close()
        with pytest.raises(DatabaseUnavailable):
            add(store, job())
        store.close()
