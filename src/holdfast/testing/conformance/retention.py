"""Finished jobs are seen for as long as their retention says, and then go."""

from holdfast.model.job import JobState
from holdfast.model.tenant import ALL
from holdfast.storage.base import Store
from holdfast.storage.ops import duties, inspect
from holdfast.storage.ops.inspect import Gone
from holdfast.storage.ops.jobs import Held
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import (
    OURS,
    Fixtures,
    add,
    end_one,
    error_entry,
    finish,
    job,
    listed,
    look,
    requeue,
    running,
    see,
    take,
)

DAY = 86_400.0


def tidy(store: Store) -> None:
    """What the leader does."""
    while store.run(duties.prune(batch=2)):
        pass
    store.run(duties.partitions())


class Retention(Fixtures):
    def test_kept_for_as_long_as_asked(self, store: Store, clock: Clock) -> None:
        for keep in (1.0, 90.0, 7 * DAY, 31 * DAY, 33 * DAY, 500 * DAY, 3_000 * DAY):
            claimed = running(store)
            end_one(store, finish(claimed, keep=keep))
            clock.advance(keep - 0.000001)
            tidy(store)
            assert see(store, claimed.id).state is JobState.SUCCEEDED, keep
            clock.advance(0.000001)
            assert look(store, claimed.id) is None, keep
            tidy(store)
            assert look(store, claimed.id) is None, keep

    def test_past_its_time_it_is_in_no_list_and_no_count(self, store: Store, clock: Clock) -> None:
        end_one(store, finish(running(store), keep=10.0))
        assert store.run(inspect.count(OURS)) == {"succeeded": 1}
        clock.advance(10)
        assert listed(store, 10) == []
        assert store.run(inspect.count(OURS)) == {}

    def test_kept_for_no_time_leaves_its_name_for_an_hour(self, store: Store, clock: Clock) -> None:
        secret = "a secret that must go"
        claimed = running(store, args=f'{{"s":"{secret}"}}', metadata=f'{{"s":"{secret}"}}')
        end_one(store, requeue(claimed, error=error_entry(secret)))
        (claimed,) = take(store)
        assert end_one(store, finish(claimed, keep=0.0, result=f'"{secret}"', error=error_entry(secret))) is Held.DONE
        assert look(store, claimed.id) == Gone(claimed.id)
        assert listed(store, 10) == []
        assert store.run(inspect.count(ALL)) == {}
        clock.advance(3_599.9)
        tidy(store)
        assert look(store, claimed.id) == Gone(claimed.id)
        clock.advance(0.2)
        tidy(store)
        assert look(store, claimed.id) is None

    def test_live_jobs_are_never_pruned(self, store: Store, clock: Clock) -> None:
        (id,) = add(store, job())
        clock.advance(10_000 * DAY)
        tidy(store)
        assert see(store, id).state is JobState.READY

    def test_partitions_are_made_once(self, store: Store, clock: Clock) -> None:
        store.run(duties.partitions())
        made, dropped = store.run(duties.partitions())
        assert (made, dropped) == (0, 0)

    def test_upkeep_after_a_long_pause(self, store: Store, clock: Clock) -> None:
        """Jobs that ended after the last partition made ahead do not stop the making of new ones."""
        clock.advance(60 * DAY)
        claimed = running(store)
        end_one(store, finish(claimed, keep=5 * DAY))
        for _ in range(3):
            store.run(duties.partitions())
            clock.advance(DAY)
        assert see(store, claimed.id).state is JobState.SUCCEEDED
        clock.advance(3 * DAY)
        tidy(store)
        assert look(store, claimed.id) is None
