"""Batches: every job is counted once, and what follows starts once, when the last has ended."""

from typing import Any

import pytest

from holdfast.errors import BatchEnded, DependencyCycle, JobNotFound
from holdfast.ids import new_id
from holdfast.model.batch import BatchRecord
from holdfast.model.job import JobState, NewJob
from holdfast.model.lifecycle import Finish
from holdfast.storage.base import Store
from holdfast.storage.ops import admit, batches, jobs, manage
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.dependencies import after, lent, see_to
from holdfast.testing.conformance.kit import (
    OURS,
    Fixtures,
    add,
    drain,
    end_one,
    finish,
    job,
    repeated,
    see,
    states,
    take,
    take_one,
)


def opened(store: Store, *follow: NewJob, id: str | None = None) -> str:
    id = id or new_id()
    store.run(batches.opened(id, "import", 600.0, follow, OURS))
    return id


def counted(store: Store, batch: str) -> BatchRecord:
    (found,) = store.run(batches.get([batch], OURS))
    assert found is not None
    return found


def member(batch: str, **columns: Any) -> NewJob:
    return after(batch=batch, **columns)


class Batching(Fixtures):
    def test_what_follows_starts_once_all_have_ended(self, store: Store) -> None:
        batch = new_id()
        follow = after(batch)
        opened(store, follow, id=batch)
        ids = add(store, member(batch), member(batch))
        store.run(batches.closed(batch, OURS))
        see_to(store)
        assert (counted(store, batch).state, counted(store, batch).total) == ("running", 2)
        end_one(store, finish(take_one(store)))
        see_to(store)
        assert see(store, follow.id).state is JobState.BLOCKED
        assert counted(store, batch).succeeded == 1
        end_one(store, finish(take_one(store)))
        assert counted(store, batch).left == 0  # by the note, before the pass
        see_to(store)
        assert counted(store, batch).state == "succeeded"
        assert drain(store) == [follow.id]
        assert states(store, ids) == ["succeeded"] * 2

    def test_not_while_it_is_open(self, store: Store) -> None:
        batch = new_id()
        follow = after(batch)
        opened(store, follow, id=batch)
        add(store, member(batch))
        assert len(drain(store)) == 1
        see_to(store)
        assert counted(store, batch).state == "open"
        add(store, member(batch))
        assert len(drain(store)) == 1
        store.run(batches.closed(batch, OURS))
        see_to(store)
        assert drain(store) == [follow.id]

    def test_an_empty_one_ends_at_once(self, store: Store) -> None:
        batch = new_id()
        follow = after(batch)
        opened(store, follow, id=batch)
        store.run(batches.closed(batch, OURS))
        see_to(store)
        assert (counted(store, batch).state, counted(store, batch).progress) == ("succeeded", 1.0)
        assert drain(store) == [follow.id]

    def test_each_way_to_end_is_counted(self, store: Store) -> None:
        batch = new_id()
        follow = [after(batch), after(batch, when="failed"), after(batch, when="finished")]
        opened(store, *follow, id=batch)
        ids = add(store, *(member(batch) for _ in range(5)))
        store.run(batches.closed(batch, OURS))
        held = {each.id: each for each in take(store)}
        for id, state in zip(
            ids, (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.STALLED), strict=False
        ):
            end_one(store, finish(held[id], state))
        store.run(manage.delete([ids[4]], OURS))
        see_to(store)
        found = counted(store, batch)
        assert (found.succeeded, found.failed, found.cancelled, found.stalled) == (1, 1, 2, 1)
        assert (found.state, found.total) == ("failed", 5)
        assert states(store, [each.id for each in follow]) == ["cancelled", "ready", "ready"]

    def test_its_own_jobs_may_add_to_it_when_it_is_closed(self, store: Store) -> None:
        batch = opened(store)
        add(store, member(batch))
        store.run(batches.closed(batch, OURS))
        held = take_one(store)
        add(store, member(batch))
        end_one(store, finish(held))
        see_to(store)
        assert counted(store, batch).state == "running"
        assert len(drain(store)) == 1
        see_to(store)
        assert (counted(store, batch).state, counted(store, batch).total) == ("succeeded", 2)

    def test_but_nobody_to_one_that_has_ended(self, store: Store) -> None:
        batch = opened(store)
        store.run(batches.closed(batch, OURS))
        see_to(store)
        with pytest.raises(BatchEnded):
            add(store, job(), member(batch))
        with pytest.raises(BatchEnded):
            add(store, member(new_id()))
        assert take(store) == []

    def test_cancelling(self, store: Store) -> None:
        batch = new_id()
        follow = [after(batch), after(batch, when="finished")]
        opened(store, *follow, id=batch)
        ids = add(store, *(member(batch) for _ in range(450)))
        held = take_one(store)
        store.run(batches.closed(batch, OURS, stop=True))
        see_to(store)
        assert states(store, ids).count("cancelled") == 449
        assert counted(store, batch).left == 1
        with pytest.raises(BatchEnded):
            add(store, member(batch))
        end_one(store, finish(held, JobState.CANCELLED))
        see_to(store)
        assert counted(store, batch).state == "cancelled"
        assert states(store, [each.id for each in follow]) == ["cancelled", "ready"]

    def test_what_is_not_there_cannot_be_closed(self, store: Store) -> None:
        with pytest.raises(JobNotFound):
            store.run(batches.closed(new_id(), OURS))

    def test_closing_one_that_ended_changes_nothing(self, store: Store) -> None:
        batch = opened(store)
        for stop in (False, False, True):
            store.run(batches.closed(batch, OURS, stop=stop))
            see_to(store)
        assert counted(store, batch).state == "succeeded"

    def test_it_can_be_waited_for_later(self, store: Store) -> None:
        batch = opened(store)
        add(store, member(batch))
        (before,) = add(store, after(batch))
        store.run(batches.closed(batch, OURS))
        assert len(drain(store)) == 1
        see_to(store)
        (later,) = add(store, after(batch))
        assert sorted(drain(store)) == sorted([before, later])

    def test_a_job_of_it_cannot_wait_for_it(self, store: Store) -> None:
        batch = new_id()
        follow = after(batch)
        opened(store, follow, id=batch)
        for needed in (batch, follow.id):
            with pytest.raises(DependencyCycle):
                add(store, after(needed, batch=batch))
        store.run(batches.closed(batch, OURS))
        see_to(store)
        assert drain(store) == [follow.id]

    def test_its_jobs_may_wait_for_each_other(self, store: Store) -> None:
        batch = opened(store)
        (first,) = add(store, member(batch))
        (second,) = add(store, after(first, batch=batch))
        store.run(batches.closed(batch, OURS))
        end_one(store, finish(take_one(store), JobState.FAILED))
        see_to(store)
        assert see(store, second).state is JobState.CANCELLED
        assert (counted(store, batch).failed, counted(store, batch).cancelled) == (1, 1)
        assert counted(store, batch).state == "failed"

    def test_a_job_that_is_there_already_is_counted_too(self, store: Store) -> None:
        batches_ = [opened(store), opened(store)]
        first = job(key="k")
        store.run(admit.admit([first], OURS))
        for batch in batches_:
            store.run(admit.admit([member(batch, key="k")], OURS))
            store.run(batches.closed(batch, OURS))
        see_to(store)
        assert [counted(store, batch).left for batch in batches_] == [1, 1]
        assert drain(store) == [first.id]
        see_to(store)
        assert [counted(store, batch).state for batch in batches_] == ["succeeded"] * 2

    def test_a_removed_row_is_counted(self, store: Store) -> None:
        batch = opened(store)
        add(store, member(batch))
        store.run(batches.closed(batch, OURS))
        end_one(store, finish(take_one(store), keep=0.0))
        see_to(store)
        assert counted(store, batch).state == "succeeded"

    def test_a_retry_by_hand_counts_anew(self, store: Store) -> None:
        batch = opened(store)
        first, _ = add(store, member(batch), member(batch))
        store.run(batches.closed(batch, OURS))
        end_one(store, finish(take_one(store), JobState.FAILED))
        store.run(manage.retry([first], OURS))
        see_to(store)
        found = counted(store, batch)
        assert (found.failed, found.left, found.total) == (0, 2, 2)
        assert len(drain(store)) == 2
        see_to(store)
        assert counted(store, batch).state == "succeeded"

    def test_after_its_end_too_but_nothing_follows_twice(self, store: Store) -> None:
        batch = new_id()
        follow = after(batch, when="failed")
        opened(store, follow, id=batch)
        (first,) = add(store, member(batch))
        store.run(batches.closed(batch, OURS))
        end_one(store, finish(take_one(store), JobState.FAILED))
        see_to(store)
        assert drain(store) == [follow.id]
        store.run(manage.retry([first], OURS))
        see_to(store)
        assert drain(store) == [first]
        see_to(store)
        found = counted(store, batch)
        assert (found.state, found.failed, found.succeeded) == ("failed", 0, 1)

    def test_a_stalled_one_settled_by_hand(self, store: Store) -> None:
        batch = opened(store)
        add(store, member(batch))
        held = take_one(store)
        end_one(store, finish(held, JobState.STALLED))
        store.run(manage.settle(held.id, OURS, Finish(JobState.SUCCEEDED, 0.0, "resolved", "1")))
        see_to(store)
        assert (counted(store, batch).stalled, counted(store, batch).succeeded) == (0, 1)

    def test_noted_only(self, store: Store) -> None:
        batch = opened(store)
        new = member(batch)
        store.run(lent(jobs.enqueue([new], OURS)))
        store.run(lent(batches.closed(batch, OURS)))
        end_one(store, finish(take_one(store)))
        assert counted(store, batch).total == 1
        see_to(store)
        assert (counted(store, batch).state, counted(store, batch).succeeded) == ("succeeded", 1)

    def test_repeated_ops_count_once(self, store: Store) -> None:
        batch = new_id()
        follow = after(batch)
        op = batches.opened(batch, "import", 600.0, [follow], OURS)
        store.run(op)
        store.run(repeated(op))
        new = jobs.enqueue([member(batch), member(batch)], OURS)
        store.run(new)
        store.run(repeated(new))
        close = batches.closed(batch, OURS)
        store.run(close)
        store.run(repeated(close))
        see_to(store)
        assert counted(store, batch).total == 2
        taken = take(store)
        ends = jobs.end([finish(each) for each in taken])
        store.run(ends)
        store.run(repeated(ends))
        see_to(store)
        assert (counted(store, batch).total, counted(store, batch).succeeded) == (2, 2)
        assert drain(store) == [follow.id]

    def test_pages(self, store: Store) -> None:
        ids = [opened(store) for _ in range(5)]
        first = store.run(batches.page(OURS, 3))
        assert [each.id for each in first] == ids[:1:-1]
        assert [each.id for each in store.run(batches.page(OURS, 3, first[-1].id))] == ids[1::-1]

    def test_they_are_forgotten(self, store: Store, clock: Clock) -> None:
        batch, live = opened(store), opened(store)
        store.run(batches.closed(batch, OURS))
        see_to(store)
        assert store.run(batches.prune()) == 0
        clock.advance(601)
        assert store.run(batches.prune()) == 1
        assert store.run(batches.get([batch, live], OURS))[0] is None
        assert counted(store, live).state == "open"
