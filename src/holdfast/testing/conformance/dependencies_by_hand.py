"""Jobs that wait for others, changed by hand meanwhile, and those with keys."""

import pytest

from holdfast.errors import DependencyCycle
from holdfast.model.job import JobState
from holdfast.storage.base import Store
from holdfast.storage.ops import admit, manage
from holdfast.storage.ops.admitted import Admitted
from holdfast.testing.conformance.dependencies import after, see_to
from holdfast.testing.conformance.kit import (
    OURS,
    Fixtures,
    add,
    drain,
    end_one,
    finish,
    job,
    see,
    take,
    take_one,
)


class DependenciesByHand(Fixtures):
    # By hand, later

    def test_retried_by_hand_it_waits_for_what_lives_again(self, store: Store) -> None:
        (first,) = add(store, job())
        (second,) = add(store, after(first))
        end_one(store, finish(take_one(store), JobState.FAILED))
        see_to(store)
        store.run(manage.retry([first], OURS))
        store.run(manage.retry([second], OURS))
        assert (see(store, second).state, see(store, second).reason) == (JobState.BLOCKED, "dependency")
        assert drain(store) == [first, second]

    def test_or_runs_where_nothing_does(self, store: Store) -> None:
        (first,) = add(store, job())
        (second,) = add(store, after(first))
        end_one(store, finish(take_one(store), JobState.FAILED))
        see_to(store)
        store.run(manage.retry([second], OURS))
        assert drain(store) == [second]

    # With keys

    def test_a_kept_key_takes_on_nothing(self, store: Store) -> None:
        first = job(key="k")
        store.run(admit.admit([first], OURS))
        (other,) = add(store, job())
        (answer,) = store.run(admit.admit([after(other, key="k")], OURS))
        assert isinstance(answer, Admitted)
        assert answer.how == "kept"
        assert see(store, first.id).state is JobState.READY

    def test_a_replaced_one_is_waited_for_still(self, store: Store) -> None:
        first = job(key="k")
        store.run(admit.admit([first], OURS))
        (second,) = add(store, after(first.id))
        store.run(admit.admit([job(key="k", on_conflict="replace")], OURS))
        assert see(store, second).state is JobState.BLOCKED
        assert drain(store) == [first.id, second]

    def test_also_while_it_runs(self, store: Store) -> None:
        first = job(key="k")
        store.run(admit.admit([first], OURS))
        held = take_one(store)
        (second,) = add(store, after(first.id))
        store.run(admit.admit([job(key="k", on_conflict="replace")], OURS))
        end_one(store, finish(held))
        assert (see(store, first.id).version, see(store, second).state) == (2, JobState.BLOCKED)
        assert drain(store) == [first.id, second]

    def test_a_replacement_waits_for_its_own(self, store: Store) -> None:
        old, new = add(store, job(), job())
        first = after(old, key="k")
        store.run(admit.admit([first], OURS))
        store.run(admit.admit([after(new, key="k", on_conflict="replace")], OURS))
        held = {each.id: each for each in take(store)}
        end_one(store, finish(held[old], JobState.FAILED))
        see_to(store)
        assert see(store, first.id).state is JobState.BLOCKED
        end_one(store, finish(held[new]))
        assert drain(store) == [first.id]

    def test_or_for_nothing(self, store: Store) -> None:
        (old,) = add(store, job())
        first = after(old, key="k")
        store.run(admit.admit([first], OURS))
        store.run(admit.admit([job(key="k", on_conflict="replace")], OURS))
        end_one(store, finish(take_one(store), JobState.FAILED))
        see_to(store)
        assert drain(store) == [first.id]

    def test_what_waits_on_a_running_row_waits_for_others_then(self, store: Store) -> None:
        first = job(key="k")
        store.run(admit.admit([first], OURS))
        held = take_one(store)
        (other,) = add(store, job())
        store.run(admit.admit([after(other, key="k", on_conflict="replace")], OURS))
        end_one(store, finish(held))
        assert (see(store, first.id).state, see(store, first.id).reason) == (JobState.BLOCKED, "dependency")
        assert drain(store) == [other, first.id]

    def test_a_key_cannot_close_a_ring(self, store: Store) -> None:
        first = job(key="k")
        store.run(admit.admit([first], OURS))
        (second,) = add(store, after(first.id))
        for needed in (first.id, second):
            with pytest.raises(DependencyCycle):
                store.run(admit.admit([after(needed, key="k", on_conflict="replace")], OURS))
        assert see(store, first.id).version == 1
        assert drain(store) == [first.id, second]

    def test_nor_on_a_running_row(self, store: Store) -> None:
        first = job(key="k")
        store.run(admit.admit([first], OURS))
        held = take_one(store)
        (second,) = add(store, after(first.id))
        with pytest.raises(DependencyCycle):
            store.run(admit.admit([after(second, key="k", on_conflict="replace")], OURS))
        end_one(store, finish(held))
        assert drain(store) == [second]
