"""A job that ended and runs again is a new version of itself: what belonged to the old one cannot touch it."""

from holdfast.model.job import JobState
from holdfast.storage.base import Store
from holdfast.storage.ops import jobs, manage
from holdfast.storage.ops.jobs import Held, lease_of
from holdfast.storage.ops.leases import renew
from holdfast.testing.conformance.kit import (
    LEASE,
    OURS,
    Fixtures,
    add,
    end_one,
    error_entry,
    finish,
    job,
    listed,
    repeated,
    running,
    see,
    take,
    take_one,
)


def retry(store: Store, *ids: str) -> None:
    assert store.run(manage.retry(ids, OURS)) == [manage.Answer.DONE] * len(ids)


class Versions(Fixtures):
    def test_the_newest_version_is_the_job(self, store: Store) -> None:
        claimed = running(store, args='{"a":1}', max_attempts=3)
        end_one(store, finish(claimed, JobState.FAILED, error=error_entry("first")))
        retry(store, claimed.id)
        found = see(store, claimed.id)
        assert (found.version, found.state, found.attempt, found.max_attempts) == (2, JobState.READY, 0, 3)
        assert (found.args, found.errors, found.crashes) == ({"a": 1}, (), 0)
        again = take_one(store)
        assert (again.id, again.version, again.attempt) == (claimed.id, 2, 1)
        end_one(store, finish(again, result='"second"'))
        found = see(store, claimed.id)
        assert (found.version, found.state, found.result) == (2, JobState.SUCCEEDED, "second")

    def test_a_late_end_of_the_old_version_is_lost(self, store: Store) -> None:
        old = running(store)
        end_one(store, finish(old, JobState.FAILED))
        retry(store, old.id)
        before = see(store, old.id)
        assert end_one(store, finish(old)) is Held.LOST
        assert end_one(store, finish(old, JobState.CANCELLED, reason="explicit")) is Held.LOST
        assert store.run(renew([(lease_of(old), 1.0)], LEASE)) == [Held.LOST]
        assert see(store, old.id) == before
        new = take_one(store)
        assert end_one(store, finish(old)) is Held.LOST
        assert end_one(store, finish(new)) is Held.DONE

    def test_an_enqueue_repeated_late_leaves_the_new_version_alone(self, store: Store) -> None:
        asked = job()
        store.run(jobs.enqueue([asked], OURS))
        end_one(store, finish(take_one(store), JobState.FAILED))
        retry(store, asked.id)
        before = see(store, asked.id)
        store.run(repeated(jobs.enqueue([asked], OURS)))
        assert see(store, asked.id) == before
        assert [each.version for each in take(store)] == [2]

    def test_a_list_shows_each_version_once(self, store: Store) -> None:
        (id, other) = add(store, job(), job(delay=99.0))
        for _ in range(3):
            end_one(store, finish(take_one(store), JobState.FAILED))
            retry(store, id)
        found = listed(store, 10)
        assert [(each.id, each.version) for each in found] == [(other, 1), (id, 4), (id, 3), (id, 2), (id, 1)]
        assert [each.state for each in found[1:]] == ["ready", "failed", "failed", "failed"]
