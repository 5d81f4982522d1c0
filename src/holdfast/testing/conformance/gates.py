"""Groups: never more of one at a time than it has places, in order, and no place is lost."""

import pytest

from holdfast.model.gate import GROUP, LIMIT, Pass
from holdfast.model.job import JobState
from holdfast.model.lifecycle import Finish, Requeue
from holdfast.storage.base import Store
from holdfast.storage.op import Op
from holdfast.storage.ops import duties, gates, jobs, manage, standing, workers
from holdfast.storage.ops.jobs import Held
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import (
    LEASE,
    OURS,
    Fixtures,
    add,
    drain,
    end,
    end_one,
    finish,
    gated,
    grouped,
    ids_of,
    job,
    repeated,
    requeue,
    see,
    states,
    sweep,
    take,
    take_one,
)


def lapse(store: Store, clock: Clock, verdict: Requeue | Finish | None = None) -> None:
    """The leases of all who run run out, and are swept."""
    clock.advance(LEASE + 1)
    put = verdict or Requeue(JobState.READY, "rescued", uncounted=True, crashed=True)
    store.run(duties.rescue(lambda lapsed: put))


class Gates(Fixtures):
    def test_one_of_a_group_at_a_time_in_order(self, store: Store) -> None:
        ids = add(store, *(grouped() for _ in range(5)))
        assert states(store, ids) == ["ready"] + ["blocked"] * 4
        assert drain(store) == ids

    def test_blocked_jobs_say_why(self, store: Store) -> None:
        _, second = add(store, grouped("customer:42"), grouped("customer:42"))
        found = see(store, second)
        assert (found.state, found.reason, found.group) == (JobState.BLOCKED, "gate", "customer:42")

    def test_groups_do_not_hold_each_other_up(self, store: Store) -> None:
        ids = add(store, grouped("a"), grouped("a"), grouped("b"), grouped("b"))
        assert ids_of(take(store)) == [ids[0], ids[2]]
        assert take(store) == []

    def test_plain_jobs_pass_by(self, store: Store) -> None:
        ids = add(store, grouped(), grouped(), job(), job())
        assert ids_of(take(store)) == [ids[0], ids[2], ids[3]]

    def test_as_many_as_the_limit(self, store: Store) -> None:
        ids = add(store, *(grouped(size=3) for _ in range(8)))
        first = take(store)
        assert ids_of(first) == ids[:3]
        assert end(store, finish(first[1])) == [Held.DONE]
        assert ids_of(take(store)) == [ids[3]]
        assert end(store, finish(first[0]), finish(first[2])) == [Held.DONE] * 2
        assert ids_of(take(store)) == ids[4:6]

    def test_priority_first_within(self, store: Store) -> None:
        holder = add(store, grouped())
        low, high, same = add(store, grouped(priority=-1), grouped(priority=5), grouped())
        assert drain(store) == [high, *holder, same, low]

    def test_a_better_newcomer_takes_an_unclaimed_offer(self, store: Store) -> None:
        (usual,) = add(store, grouped())
        (urgent,) = add(store, grouped(priority=9))
        assert states(store, [usual, urgent]) == ["blocked", "ready"]
        assert drain(store) == [urgent, usual]

    def test_a_claimed_job_is_not_taken_its_place(self, store: Store) -> None:
        add(store, grouped())
        holder = take_one(store)
        add(store, grouped(priority=9))
        assert take(store) == []
        assert see(store, holder.id).state is JobState.RUNNING

    @pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.STALLED])
    def test_any_end_makes_room(self, store: Store, state: JobState) -> None:
        ids = add(store, grouped(), grouped())
        end_one(store, finish(take_one(store), state))
        assert ids_of(take(store)) == ids[1:]

    def test_a_job_removed_at_its_end_makes_room(self, store: Store) -> None:
        ids = add(store, grouped(), grouped())
        end_one(store, finish(take_one(store), keep=0.0))
        assert ids_of(take(store)) == ids[1:]

    def test_a_waiting_retry_is_overtaken(self, store: Store, clock: Clock) -> None:
        first, second, third = add(store, *(grouped() for _ in range(3)))
        end_one(store, requeue(take_one(store), JobState.SCHEDULED, reason="retry", delay=60.0))
        holder = take_one(store)
        assert holder.id == second
        clock.advance(61)
        store.run(duties.promote())
        assert (see(store, first).state, see(store, first).reason) == (JobState.BLOCKED, "gate")
        end_one(store, finish(holder))
        assert drain(store) == [third, first]

    def test_or_keeps_its_place(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(grouped(block=True) for _ in range(3)))
        end_one(store, requeue(take_one(store), JobState.SCHEDULED, reason="retry", delay=60.0))
        assert take(store) == []
        clock.advance(61)
        store.run(duties.promote())
        assert drain(store) == ids

    def test_a_retry_at_once_keeps_its_place(self, store: Store) -> None:
        ids = add(store, *(grouped() for _ in range(2)))
        end_one(store, requeue(take_one(store), JobState.READY, reason="retry"))
        assert drain(store) == ids

    def test_a_rescued_job_keeps_its_place(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(grouped() for _ in range(3)))
        take_one(store)
        lapse(store, clock)
        assert states(store, ids) == ["ready", "blocked", "blocked"]
        assert drain(store) == ids

    def test_and_so_does_a_suspect(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(grouped() for _ in range(2)))
        take_one(store)
        lapse(store, clock, Requeue(JobState.SCHEDULED, "suspect", 10.0, uncounted=True, crashed=True))
        assert take(store) == []
        clock.advance(11)
        store.run(duties.promote())
        assert drain(store) == ids

    def test_a_job_that_ends_in_the_rescue_passes_its_place_on(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(grouped() for _ in range(2)))
        take_one(store)
        lapse(store, clock, Finish(JobState.FAILED, 60.0, "crashed"))
        assert drain(store) == ids[1:]

    def test_a_late_end_after_the_rescue_makes_room_once(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(grouped() for _ in range(3)))
        late = take_one(store)
        lapse(store, clock)
        assert end_one(store, finish(late)) is Held.DONE
        assert states(store, ids[1:]) == ["ready", "blocked"]

    def test_a_stale_end_makes_no_room(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(grouped() for _ in range(3)))
        stale = take_one(store)
        lapse(store, clock)
        again = take_one(store)
        assert end_one(store, finish(stale)) is Held.LOST
        assert states(store, ids) == ["running", "blocked", "blocked"]
        assert end_one(store, finish(again)) is Held.DONE

    def test_cancelling(self, store: Store) -> None:
        offered, waiting, last = add(store, *(grouped() for _ in range(3)))
        assert store.run(manage.cancel([waiting], OURS)) == [manage.Answer.DONE]
        assert store.run(manage.cancel([offered], OURS)) == [manage.Answer.DONE]
        assert drain(store) == [last]

    def test_deleting_a_running_one(self, store: Store) -> None:
        first, second = add(store, *(grouped() for _ in range(2)))
        holder = take_one(store)
        assert store.run(manage.delete([first], OURS)) == [manage.Answer.DONE]
        assert end_one(store, finish(holder)) is Held.LOST
        assert drain(store) == [second]

    def test_expiring(self, store: Store, clock: Clock) -> None:
        add(store, grouped(expires=5.0), grouped(expires=5.0))
        (last,) = add(store, grouped())
        clock.advance(6)
        store.run(manage.overdue())
        assert drain(store) == [last]

    def test_retrying_by_hand(self, store: Store) -> None:
        first, second = add(store, grouped(), grouped())
        end_one(store, finish(take_one(store), JobState.FAILED))
        holder = take_one(store)
        assert store.run(manage.retry([first], OURS)) == [manage.Answer.DONE]
        assert (see(store, first).state, see(store, first).reason) == (JobState.BLOCKED, "gate")
        end_one(store, finish(holder))
        assert drain(store) == [first]
        assert see(store, second).state is JobState.SUCCEEDED

    def test_delayed_jobs_come_to_the_gate_when_due(self, store: Store, clock: Clock) -> None:
        (later,) = add(store, grouped(delay=5.0))
        (now,) = add(store, grouped())
        holder = take_one(store)
        assert holder.id == now
        clock.advance(6)
        store.run(duties.promote())
        assert see(store, later).state is JobState.BLOCKED
        end_one(store, finish(holder))
        assert drain(store) == [later]

    def test_an_unknown_task_makes_room_and_comes_back(self, store: Store) -> None:
        first, second = add(store, grouped(), grouped())
        end_one(store, requeue(take_one(store), JobState.BLOCKED, reason="unknown_task", uncounted=True))
        holder = take_one(store)
        assert holder.id == second
        store.run(workers.unblock(("add",)))
        assert see(store, first).reason == "gate"
        end_one(store, finish(holder))
        assert drain(store) == [first]

    def test_a_lent_enqueue_touches_no_gate(self, store: Store) -> None:
        """On a connection of somebody else's the job waits for the pass, whose transaction is short."""
        op = jobs.enqueue([grouped()], OURS)
        assert op.lent is not None
        seen = [statement.name for statement in op.lent()]
        assert seen == ["enqueue_gated"]

    def test_what_was_stored_so_is_offered_by_the_pass(self, store: Store) -> None:
        new = [grouped(), grouped(), grouped()]
        op = jobs.enqueue(new, OURS)
        assert op.lent is not None
        store.run(Op("lent", lambda again: op.lent() if op.lent else op.steps(again)))
        assert take(store) == []
        assert store.run(gates.due()).now
        sweep(store)
        assert drain(store) == [each.id for each in new]

    def test_an_offer_that_nobody_claims_passes_on_to_another_queue(self, store: Store, clock: Clock) -> None:
        first, twin, other = add(store, grouped(queue="dead"), grouped(queue="dead"), grouped(queue="live"))
        clock.advance(0.9)
        sweep(store)
        assert states(store, [first, other]) == ["ready", "blocked"]
        clock.advance(0.2)
        due = store.run(gates.due())
        assert due.now
        sweep(store)
        assert states(store, [first, twin, other]) == ["blocked", "blocked", "ready"]
        end_one(store, finish(take_one(store, queues=("live",))))
        assert see(store, first).state is JobState.READY

    def test_however_many_of_its_queue_stand_before_that(self, store: Store, clock: Clock) -> None:
        jobs = [grouped(queue="dead") for _ in range(40)] + [grouped(queue="live") for _ in range(2)]
        *dead, one, two = add(store, *jobs)
        clock.advance(1.1)
        assert store.run(gates.due()).now
        sweep(store)
        assert states(store, [dead[0], one]) == ["blocked", "ready"]
        end_one(store, finish(take_one(store, queues=("live",))))
        assert states(store, [dead[0], two]) == ["blocked", "ready"]

    def test_and_stays_where_all_others_would_wait_for_the_same(self, store: Store, clock: Clock) -> None:
        ids = add(store, grouped(), grouped())
        for _ in range(5):
            clock.advance(1.1)
            sweep(store)
        assert states(store, ids) == ["ready", "blocked"]
        assert not store.run(gates.due()).now

    def test_a_failure_can_stop_its_group(self, store: Store) -> None:
        first, second, third = add(store, *(grouped(stop=True) for _ in range(3)))
        end_one(store, finish(take_one(store)))
        end_one(store, finish(take_one(store), JobState.FAILED))
        assert take(store) == []
        assert states(store, [first, second, third]) == ["succeeded", "failed", "blocked"]
        assert store.run(manage.retry([second], OURS)) == [manage.Answer.DONE]
        assert drain(store) == [second, third]

    def test_until_a_person_opens_it(self, store: Store) -> None:
        _, second = add(store, *(grouped(stop=True) for _ in range(2)))
        end_one(store, finish(take_one(store), JobState.FAILED))
        assert take(store) == []
        assert store.run(gates.resume(("default", "group:a"))) is True
        assert drain(store) == [second]

    def test_or_deletes_what_failed(self, store: Store) -> None:
        first, second, other = add(store, *(grouped(name, stop=True) for name in "aab"))
        end(store, *(finish(each, JobState.FAILED) for each in take(store)))
        assert [found.stopped_by for found in store.run(standing.page("default", GROUP, 9, stopped=True))] == [
            first,
            other,
        ]
        assert store.run(manage.delete([first], OURS)) == [manage.Answer.DONE]
        assert drain(store) == [second]
        assert [found.name for found in store.run(standing.page("default", GROUP, 9, stopped=True))] == ["b"]

    def test_or_says_that_it_has_succeeded(self, store: Store) -> None:
        stalled, second = add(store, *(grouped(stop=True) for _ in range(2)))
        end_one(store, finish(take_one(store), JobState.STALLED))
        assert take(store) == []
        store.run(manage.settle(stalled, OURS, Finish(JobState.SUCCEEDED, 600.0, "resolved", "1")))
        assert drain(store) == [second]

    def test_what_is_in_it(self, store: Store) -> None:
        add(
            store,
            *(grouped(name, 2) for name in ("b", "a", "a", "a", "c", "a")),
            gated(Pass("limit:api/x", "limit:api")),
        )
        found = store.run(standing.page("default", GROUP, 2))
        assert [(each.name, each.part, each.size, each.used, each.waiting) for each in found] == [
            ("a", None, 2, 2, 2), ("b", None, 2, 1, 0),
        ]  # fmt: skip
        assert [each.name for each in store.run(standing.page("default", GROUP, 9, after="b"))] == ["c"]
        (limit,) = store.run(standing.page("default", LIMIT, 9))
        assert (limit.name, limit.part, limit.used, limit.stopped) == ("api", "x", 1, False)
        assert store.run(standing.page("other", GROUP, 9)) == []

    def test_repeats_change_nothing(self, store: Store) -> None:
        new = [grouped(), grouped(), grouped()]
        store.run(jobs.enqueue(new, OURS))
        store.run(repeated(jobs.enqueue(new, OURS)))
        assert states(store, [each.id for each in new]) == ["ready", "blocked", "blocked"]
        ending = finish(take_one(store))
        assert end_one(store, ending) is Held.DONE
        assert store.run(repeated(jobs.end([ending]))) == [Held.DONE]
        assert states(store, [each.id for each in new]) == ["succeeded", "ready", "blocked"]
        store.run(repeated(jobs.enqueue(new[:1], OURS)))
        assert drain(store) == [each.id for each in new[1:]]

    def test_many_at_once(self, store: Store) -> None:
        ids = add(store, *(grouped(f"g{number % 7}", 2) for number in range(200)))
        first = take(store)
        assert sorted(ids_of(first)) == sorted(ids[:14])
        assert end(store, *(finish(each) for each in first)) == [Held.DONE] * 14
        assert sorted(ids_of(take(store))) == sorted(ids[14:28])
