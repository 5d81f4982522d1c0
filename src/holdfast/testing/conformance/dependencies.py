"""Jobs that wait for others: never too early, never for ever, cancelled where they wait in vain."""

from typing import Any

import pytest

from holdfast.errors import DependencyCycle, JobNotFound
from holdfast.ids import new_id
from holdfast.model.job import JobState, NewJob
from holdfast.model.lifecycle import Finish, Requeue
from holdfast.model.need import Need
from holdfast.model.policy import linked_policy
from holdfast.model.tenant import Scope
from holdfast.storage.base import Session, Store, run_batch
from holdfast.storage.op import Op, Shared, Statement, Steps
from holdfast.storage.ops import duties, jobs, manage, passing, waits
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
    grouped,
    job,
    repeated,
    requeue,
    see,
    states,
    take,
    take_one,
)


def after(
    *ids: str, when: Any = "succeeded", batch: str | None = None, of: NewJob | None = None, **columns: Any
) -> NewJob:
    """A job that waits for others, or is in a batch."""
    needs = tuple(Need(id, when) for id in ids)
    made = of or job(**columns)
    return made._replace(after=needs, batch=batch, policy=linked_policy(made.policy, needs, batch))


def see_to(store: Store, most: int = 200) -> None:
    """Passes of the duty, until there is nothing left to do."""
    for _ in range(most):
        if not store.run(passing.due()).now:
            return
        store.run(passing.calls())
    raise AssertionError("the pass never ends")


def lent(op: Op[Any]) -> Op[Any]:
    """The op as it is run on a connection of somebody else's: what its batch shares is noted."""

    def steps(again: bool) -> Steps[Any]:
        inner = op.lent() if op.lent else op.steps(again)
        try:
            wanted = next(inner)
            while True:
                plain = Statement(wanted.name, wanted.rows) if isinstance(wanted, Shared) else wanted
                wanted = inner.send((yield plain))
        except StopIteration as stop:
            return stop.value

    return Op(op.name, steps, op.scope)


class Dependencies(Fixtures):
    def test_it_waits_and_says_for_what(self, store: Store) -> None:
        (first,) = add(store, job())
        (second,) = add(store, after(first))
        found = see(store, second)
        assert (found.state, found.reason, found.after) == (JobState.BLOCKED, "dependency", (first,))
        assert store.run(waits.awaited([second, first], "default")) == [[(Need(first), False)], []]

    def test_it_is_ready_by_the_end_of_the_last(self, store: Store) -> None:
        first, second = add(store, job(), job())
        (third,) = add(store, after(first, second))
        end_one(store, finish(take_one(store)))
        assert see(store, third).state is JobState.BLOCKED
        end_one(store, finish(take_one(store)))
        assert see(store, third).state is JobState.READY
        assert drain(store) == [third]
        assert not store.run(passing.due()).now

    def test_both_ends_in_one_batch(self, store: Store) -> None:
        first, second = add(store, job(), job())
        (third,) = add(store, after(first, second))
        assert end(store, *(finish(each) for each in take(store))) == [Held.DONE] * 2
        assert drain(store) == [third]

    def test_an_end_wakes(self, store: Store) -> None:
        (first,) = add(store, job())
        add(store, after(first))
        op = jobs.end([finish(take_one(store))])
        assert not op.wakes
        store.run(op)
        assert op.woken is not None
        assert op.woken()

    def test_a_plain_end_wakes_nobody(self, store: Store) -> None:
        add(store, job())
        op = jobs.end([finish(take_one(store))])
        store.run(op)
        assert op.woken is not None
        assert not op.woken()

    def test_what_succeeded_already_counts(self, store: Store) -> None:
        (first,) = add(store, job())
        drain(store)
        (second,) = add(store, after(first))
        assert see(store, second).state is JobState.READY

    def test_also_when_its_row_is_removed_but_not_forgotten(self, store: Store) -> None:
        add(store, job())
        held = take_one(store)
        end_one(store, finish(held, keep=0.0))
        assert drain(store) == []
        (second,) = add(store, after(held.id))
        assert drain(store) == [second]

    @pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED, JobState.STALLED])
    def test_in_vain(self, store: Store, state: JobState) -> None:
        (first,) = add(store, job())
        ids = add(store, after(first))
        ids += add(store, after(*ids), after(first, when="failed"))
        ids += add(store, after(ids[1], when="finished"))
        end_one(store, finish(take_one(store), state))
        see_to(store)
        assert states(store, ids) == ["cancelled", "cancelled", "ready", "ready"]
        assert see(store, ids[1]).reason == "dependency"

    def test_success_is_in_vain_for_who_waits_for_failure(self, store: Store) -> None:
        (first,) = add(store, job())
        ids = add(store, after(first, when="failed"), after(first, when="finished"))
        end_one(store, finish(take_one(store)))
        see_to(store)
        assert states(store, ids) == ["cancelled", "ready"]

    def test_what_failed_already_is_in_vain(self, store: Store) -> None:
        add(store, job())
        held = take_one(store)
        end_one(store, finish(held, JobState.FAILED))
        ids = add(store, after(held.id), after(held.id, when="finished"), after(held.id, when="failed"))
        see_to(store)
        assert states(store, ids) == ["cancelled", "ready", "ready"]

    def test_a_retry_is_no_end(self, store: Store, clock: Clock) -> None:
        (first,) = add(store, job())
        (second,) = add(store, after(first))
        end_one(store, requeue(take_one(store), JobState.SCHEDULED, reason="retry", delay=5.0))
        assert see(store, second).state is JobState.BLOCKED
        clock.advance(6)
        store.run(duties.promote())
        assert drain(store) == [first, second]

    def test_unknown_ones_are_refused(self, store: Store) -> None:
        new = after(new_id())
        with pytest.raises(JobNotFound):
            store.run(jobs.enqueue([job(), new], OURS))
        assert take(store) == []
        with pytest.raises(JobNotFound):
            store.run(jobs.enqueue([after(new_id(), key="k")], OURS))

    def test_so_are_those_of_another_tenant(self, store: Store) -> None:
        theirs = job(tenant="acme")
        store.run(jobs.enqueue([theirs], Scope("acme")))
        with pytest.raises(JobNotFound):
            add(store, after(theirs.id))

    def test_and_rings(self, store: Store) -> None:
        one, two = job(), job()
        with pytest.raises(DependencyCycle):
            add(store, after(two.id, of=one), after(one.id, of=two))
        with pytest.raises(DependencyCycle):
            add(store, after(one.id, of=one))
        assert take(store) == []

    def test_one_bulk_may_hold_them_in_any_order(self, store: Store) -> None:
        one, two = job(), job()
        add(store, after(one.id, of=two), one)
        assert drain(store) == [one.id, two.id]

    def test_a_refused_one_takes_no_other_op_with_it(self, store: Store) -> None:
        good = job()
        bad = jobs.enqueue([after(new_id())], OURS)
        opening: Any = store
        session: Session = opening._open()
        try:
            answers = run_batch(session, [jobs.enqueue([good], OURS), bad])
        finally:
            session.close()
        assert answers[0] == (None, None)
        assert isinstance(answers[1][1], JobNotFound)
        assert drain(store) == [good.id]

    def test_later_still(self, store: Store, clock: Clock) -> None:
        """A delay counts from the enqueue, and both must be over."""
        (first,) = add(store, job())
        ids = add(store, after(first, delay=10.0), after(first, delay=1.0))
        clock.advance(5)
        store.run(duties.promote())
        end_one(store, finish(take_one(store)))
        assert states(store, ids) == ["scheduled", "ready"]
        clock.advance(6)
        store.run(duties.promote())
        assert states(store, ids) == ["ready", "ready"]

    def test_it_expires_while_it_waits(self, store: Store, clock: Clock) -> None:
        (first,) = add(store, job())
        ids = add(store, after(first, expires=5.0), after(first, deadline=5.0))
        ids += add(store, after(ids[0], when="finished"))
        clock.advance(6)
        store.run(manage.overdue())
        see_to(store)
        assert states(store, ids) == ["cancelled", "cancelled", "ready"]
        assert drain(store) == [first, ids[2]]

    def test_of_a_group(self, store: Store) -> None:
        (first,) = add(store, job())
        (second,) = add(store, after(first, of=grouped()))
        (third,) = add(store, grouped())
        held = {each.id: each for each in take(store)}
        assert held.keys() == {first, third}
        end_one(store, finish(held[first]))
        assert (see(store, second).state, see(store, second).reason) == (JobState.BLOCKED, "gate")
        end_one(store, finish(held[third]))
        assert drain(store) == [second]

    def test_after_a_job_of_a_group(self, store: Store) -> None:
        first, second = add(store, grouped(), grouped())
        (third,) = add(store, after(first, of=grouped()))
        assert drain(store) == [first, second, third]

    def test_cancelling_what_is_waited_for(self, store: Store) -> None:
        (first,) = add(store, job())
        ids = add(store, after(first), after(first, when="finished"))
        assert store.run(manage.cancel([first], OURS)) == [manage.Answer.DONE]
        see_to(store)
        assert states(store, ids) == ["cancelled", "ready"]

    def test_cancelling_who_waits(self, store: Store) -> None:
        (first,) = add(store, job())
        (second,) = add(store, after(first))
        (third,) = add(store, after(second))
        assert store.run(manage.cancel([second], OURS)) == [manage.Answer.DONE]
        see_to(store)
        assert states(store, [first, second, third]) == ["ready", "cancelled", "cancelled"]
        assert see(store, second).reason == "explicit"
        assert drain(store) == [first]
        see_to(store)
        assert states(store, [second, third]) == ["cancelled", "cancelled"]

    @pytest.mark.parametrize("runs", [True, False])
    def test_deleting_what_is_waited_for(self, store: Store, runs: bool) -> None:
        (first,) = add(store, job())
        ids = add(store, after(first), after(first, when="finished"))
        if runs:
            take_one(store)
        assert store.run(manage.delete([first], OURS)) == [manage.Answer.DONE]
        see_to(store)
        assert states(store, ids) == ["cancelled", "ready"]

    def test_deleting_who_waits(self, store: Store) -> None:
        (first,) = add(store, job())
        (second,) = add(store, after(first))
        assert store.run(manage.delete([second], OURS)) == [manage.Answer.DONE]
        assert drain(store) == [first]
        see_to(store)

    def test_settled_by_hand(self, store: Store) -> None:
        first, second = add(store, job(), job())
        ids = add(store, after(first), after(second))
        assert store.run(manage.settle(first, OURS, Finish(JobState.SUCCEEDED, 0.0, "resolved", "1"))) == [
            manage.Answer.DONE
        ]
        assert store.run(manage.settle(second, OURS, Finish(JobState.FAILED, 0.0, "by hand"))) == [manage.Answer.DONE]
        see_to(store)
        assert states(store, ids) == ["ready", "cancelled"]

    def test_who_waits_may_be_settled_by_hand(self, store: Store) -> None:
        (first,) = add(store, job())
        (second,) = add(store, after(first))
        (third,) = add(store, after(second))
        store.run(manage.settle(second, OURS, Finish(JobState.SUCCEEDED, 0.0, "resolved", "1")))
        assert states(store, [second, third]) == ["succeeded", "ready"]

    def test_the_rescue_is_no_end_but_the_last_crash_is(self, store: Store, clock: Clock) -> None:
        (first,) = add(store, job())
        (second,) = add(store, after(first, when="failed"))
        take_one(store)
        clock.advance(LEASE + 1)
        store.run(duties.rescue(lambda lapsed: Requeue(JobState.READY, "rescued", uncounted=True, crashed=True)))
        assert see(store, second).state is JobState.BLOCKED
        take_one(store)
        clock.advance(LEASE + 1)
        store.run(duties.rescue(lambda lapsed: Finish(JobState.FAILED, 60.0, "crashed")))
        see_to(store)
        assert states(store, [first, second]) == ["failed", "ready"]

    def test_a_late_end_after_the_rescue(self, store: Store, clock: Clock) -> None:
        (first,) = add(store, job())
        (second,) = add(store, after(first))
        late = take_one(store)
        clock.advance(LEASE + 1)
        store.run(duties.rescue(lambda lapsed: Requeue(JobState.READY, "rescued", uncounted=True, crashed=True)))
        assert end_one(store, finish(late)) is Held.DONE
        assert drain(store) == [second]

    def test_a_stale_end_lets_nobody_go(self, store: Store, clock: Clock) -> None:
        (first,) = add(store, job())
        (second,) = add(store, after(first))
        stale = take_one(store)
        clock.advance(LEASE + 1)
        store.run(duties.rescue(lambda lapsed: Requeue(JobState.READY, "rescued", uncounted=True, crashed=True)))
        again = take_one(store)
        assert end_one(store, finish(stale)) is Held.LOST
        assert end_one(store, requeue(stale)) is Held.LOST
        assert see(store, second).state is JobState.BLOCKED
        assert end_one(store, finish(again)) is Held.DONE
        assert see(store, second).state is JobState.READY

    def test_a_repeated_end(self, store: Store) -> None:
        (first,) = add(store, job())
        (second,) = add(store, after(first))
        op = jobs.end([finish(take_one(store))])
        assert store.run(op) == [Held.DONE]
        assert store.run(repeated(op)) == [Held.DONE]
        assert drain(store) == [second]

    def test_a_repeated_enqueue(self, store: Store) -> None:
        (first,) = add(store, job())
        op = jobs.enqueue([after(first)], OURS)
        store.run(op)
        store.run(repeated(op))
        ran = drain(store)
        assert len(ran) == 2
        store.run(repeated(op))
        see_to(store)
        assert drain(store) == []

    def test_a_repeated_enqueue_of_one_that_was_let_go(self, store: Store) -> None:
        (first,) = add(store, job())
        op = jobs.enqueue([after(first)], OURS)
        store.run(op)
        end_one(store, finish(take_one(store)))
        store.run(repeated(op))
        assert len(drain(store)) == 1

    def test_an_end_that_is_noted_only(self, store: Store) -> None:
        """On a connection of somebody else's nobody is let go before the pass."""
        from holdfast.storage.ops.effects import complete

        (first,) = add(store, job())
        (second,) = add(store, after(first))
        assert store.run(lent(complete(finish(take_one(store))))) is Held.DONE
        assert see(store, second).state is JobState.BLOCKED
        see_to(store)
        assert drain(store) == [second]

    def test_an_enqueue_that_is_noted_only(self, store: Store) -> None:
        (first,) = add(store, job())
        new = after(first)
        store.run(lent(jobs.enqueue([new], OURS)))
        assert see(store, new.id).state is JobState.BLOCKED
        end_one(store, finish(take_one(store)))  # unmarked: it ends as a plain one
        assert see(store, new.id).state is JobState.BLOCKED
        see_to(store)
        assert drain(store) == [new.id]

    def test_many_wait_for_one(self, store: Store) -> None:
        (first,) = add(store, job())
        ids = add(store, *(after(first, when="succeeded" if n % 2 else "failed") for n in range(1200)))
        end_one(store, finish(take_one(store)))
        see_to(store)
        found = states(store, ids)
        assert (found.count("ready"), found.count("cancelled")) == (600, 600)

    def test_one_waits_for_many(self, store: Store) -> None:
        ids = add(store, *(job() for _ in range(1000)))
        (last,) = add(store, after(*ids))
        while taken := take(store, 300):
            assert see(store, last).state is JobState.BLOCKED
            end(store, *(finish(each) for each in taken))
            if see(store, last).state is not JobState.BLOCKED:
                break
        assert drain(store) == [last]

    def test_a_long_chain_that_fails(self, store: Store) -> None:
        ids = add(store, job())
        for _ in range(40):
            ids += add(store, after(ids[-1]))
        end_one(store, finish(take_one(store), JobState.FAILED))
        see_to(store)
        assert set(states(store, ids[1:])) == {"cancelled"}
