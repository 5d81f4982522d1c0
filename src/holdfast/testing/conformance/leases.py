"""Every write about a running job carries its token: who lost the job changes nothing."""

from collections.abc import Callable

import pytest

from holdfast.ids import new_id
from holdfast.model.job import JobState
from holdfast.model.lifecycle import Finish, Requeue, Verdict
from holdfast.storage.base import Store
from holdfast.storage.ops import duties
from holdfast.storage.ops.duties import Lapsed
from holdfast.storage.ops.jobs import Ending, Held, Lease, lease_of
from holdfast.storage.ops.leases import renew as renewal
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import (
    FOREVER,
    LEASE,
    Fixtures,
    add,
    end,
    end_one,
    error_entry,
    finish,
    job,
    requeue,
    running,
    seconds_between,
    see,
    take,
    take_one,
)


def put_back(lapsed: Lapsed) -> Verdict:
    return Requeue(JobState.READY, "rescued", error=error_entry("crashed"), uncounted=True, crashed=True)


def convict(lapsed: Lapsed) -> Verdict:
    return Finish(JobState.FAILED, FOREVER, "crashed", error=error_entry("crashed"))


def renew(store: Store, *leases: Lease, length: float = LEASE, elapsed: float | None = 0.5) -> list[Held]:
    return store.run(renewal([(lease, elapsed) for lease in leases], length))


ENDINGS: dict[str, Callable[[Lease], Ending]] = {
    "finish": lambda lease: finish(lease, result='"late"'),
    "fail": lambda lease: finish(lease, JobState.FAILED, error=error_entry("late")),
    "retry": lambda lease: requeue(lease, JobState.SCHEDULED, reason="retry", delay=9.0, error=error_entry("late")),
    "release": lambda lease: requeue(lease, uncounted=True),
}


class Leases(Fixtures):
    def test_a_renewed_lease_does_not_lapse(self, store: Store, clock: Clock) -> None:
        held = lease_of(running(store))
        for _ in range(3):
            clock.advance(LEASE - 1)
            assert renew(store, held) == [Held.DONE]
            assert store.run(duties.rescue(put_back)) == []
        clock.advance(LEASE + 1)
        assert len(store.run(duties.rescue(put_back))) == 1

    def test_renewing_says_when_the_body_started(self, store: Store, clock: Clock) -> None:
        held = lease_of(running(store))
        created = see(store, held.id).created_at
        clock.advance(10)
        renew(store, held, elapsed=None)
        assert see(store, held.id).started_at == created, "as far as anybody knows, at the claim"
        renew(store, held, elapsed=4.0)
        assert seconds_between(created, see(store, held.id).started_at) == 6.0
        renew(store, held, elapsed=None)
        assert seconds_between(created, see(store, held.id).started_at) == 6.0
        clock.advance(5)
        end_one(store, finish(held, elapsed=9.5))
        assert seconds_between(created, see(store, held.id).started_at) == 5.5

    def test_many_renewals_in_one(self, store: Store, clock: Clock) -> None:
        add(store, *(job() for _ in range(6)))
        held = [lease_of(each) for each in take(store)]
        end_one(store, finish(held[2]))
        stale = [*held[:4], Lease(held[4].tenant, held[4].id, 7), Lease("default", new_id(), 1), held[5]]
        wanted = [Held.DONE, Held.DONE, Held.LOST, Held.DONE, Held.LOST, Held.LOST, Held.DONE]
        assert renew(store, *stale) == wanted
        assert renew(store) == []

    def test_an_expired_lease_that_nobody_took_can_be_renewed(self, store: Store, clock: Clock) -> None:
        held = lease_of(running(store))
        clock.advance(10 * LEASE)
        assert renew(store, held) == [Held.DONE]
        assert store.run(duties.rescue(put_back)) == []

    @pytest.mark.parametrize("name", ENDINGS)
    def test_an_end_under_another_token_changes_nothing(self, store: Store, name: str) -> None:
        claimed = running(store)
        before = see(store, claimed.id)
        for token in (0, 2, 999):
            assert end_one(store, ENDINGS[name](Lease("default", claimed.id, token))) is Held.LOST
        for stranger in (Lease("other", claimed.id, 1), Lease("default", new_id(), 1)):
            assert end_one(store, ENDINGS[name](stranger)) is Held.LOST
        assert see(store, claimed.id) == before

    @pytest.mark.parametrize("name", ENDINGS)
    def test_a_late_end_after_a_new_claim_changes_nothing(self, store: Store, clock: Clock, name: str) -> None:
        late = running(store)
        clock.advance(LEASE + 1)
        store.run(duties.rescue(put_back))
        new = take_one(store, worker="the new one")
        before = see(store, late.id)
        assert end_one(store, ENDINGS[name](lease_of(late))) is Held.LOST
        assert renew(store, lease_of(late)) == [Held.LOST]
        assert see(store, late.id) == before
        assert end_one(store, finish(new)) is Held.DONE
        assert end_one(store, ENDINGS[name](lease_of(late))) is Held.LOST
        assert see(store, late.id).state is JobState.SUCCEEDED

    def test_a_late_finish_is_taken_while_nobody_has_the_job(self, store: Store, clock: Clock) -> None:
        late = running(store)
        clock.advance(LEASE + 1)
        assert [answer for _, answer in store.run(duties.rescue(put_back))] == [Held.DONE]
        assert see(store, late.id).state is JobState.READY
        assert end_one(store, finish(late, result='"late"')) is Held.DONE
        found = see(store, late.id)
        assert (found.state, found.result) == (JobState.SUCCEEDED, "late")
        assert take(store) == []

    def test_a_late_finish_is_lost_where_the_rescue_ended_the_job(self, store: Store, clock: Clock) -> None:
        late = running(store)
        clock.advance(LEASE + 1)
        store.run(duties.rescue(convict))
        before = see(store, late.id)
        assert end_one(store, finish(late)) is Held.LOST
        assert end_one(store, finish(late, JobState.FAILED, error=error_entry("late"))) is Held.LOST
        assert end_one(store, requeue(late)) is Held.LOST
        assert see(store, late.id) == before
        assert before.reason == "crashed"

    def test_a_late_retry_does_not_undo_a_rescue(self, store: Store, clock: Clock) -> None:
        late = running(store)
        clock.advance(LEASE + 1)
        store.run(duties.rescue(put_back))
        before = see(store, late.id)
        assert end_one(store, requeue(late, JobState.SCHEDULED, reason="retry", delay=9.0)) is Held.LOST
        assert see(store, late.id) == before

    def test_a_finished_job_has_no_lease(self, store: Store) -> None:
        claimed = running(store)
        end_one(store, finish(claimed))
        assert renew(store, lease_of(claimed)) == [Held.LOST]
        assert take(store) == []

    def test_a_job_ends_once(self, store: Store) -> None:
        claimed = running(store)
        assert end_one(store, finish(claimed, result="1")) is Held.DONE
        before = see(store, claimed.id)
        assert end_one(store, finish(claimed, JobState.FAILED, error=error_entry())) is Held.LOST
        assert end_one(store, finish(claimed, JobState.CANCELLED, reason="explicit")) is Held.LOST
        assert end_one(store, requeue(claimed)) is Held.LOST
        assert see(store, claimed.id) == before

    def test_a_requeued_job_is_not_requeued_again(self, store: Store) -> None:
        claimed = running(store)
        retry = requeue(claimed, reason="retry", error=error_entry())
        assert end(store, retry) == [Held.DONE]
        before = see(store, claimed.id)
        assert end(store, retry) == [Held.DONE]  # ours, from the first time
        assert see(store, claimed.id) == before

    def test_the_answers_of_a_mixed_batch(self, store: Store) -> None:
        add(store, *(job() for _ in range(6)))
        held = take(store)
        end_one(store, finish(held[1]))
        endings: list[Ending] = [
            finish(held[0]),
            requeue(held[1]),
            requeue(held[2]),
            finish(Lease("default", held[3].id, 9)),
            requeue(Lease("default", held[4].id, 9)),
            finish(held[5], JobState.FAILED),
        ]
        assert end(store, *endings) == [Held.DONE, Held.LOST, Held.DONE, Held.LOST, Held.LOST, Held.DONE]
        assert end(store) == []
