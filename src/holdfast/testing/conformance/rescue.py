"""Jobs whose worker vanished are found when their lease is over, and not before."""

from holdfast.model.job import JobState
from holdfast.model.lifecycle import Finish, Requeue, Verdict, decide
from holdfast.model.outcome import Crashed
from holdfast.model.policy import Policy
from holdfast.storage.base import Store
from holdfast.storage.ops import duties
from holdfast.storage.ops.duties import Lapsed
from holdfast.storage.ops.jobs import Held, lease_of
from holdfast.storage.ops.leases import renew
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import (
    FOREVER,
    LEASE,
    Fixtures,
    add,
    end_one,
    error_entry,
    finish,
    job,
    running,
    seconds_between,
    see,
    states,
    take,
    take_one,
)


def judged(lapsed: Lapsed) -> Verdict:
    """As a leader judges."""
    return decide(lapsed, Crashed(error_entry("crashed", worker=lapsed.worker)), Policy.read(lapsed.policy))


class Rescue(Fixtures):
    def test_what_lapsed_is_described(self, store: Store, clock: Clock) -> None:
        claimed = running(store, task="t", queue="q", policy='{"max_crashes":7}', max_attempts=4)
        seen: list[Lapsed] = []

        def judge(lapsed: Lapsed) -> Verdict:
            seen.append(lapsed)
            return judged(lapsed)

        clock.advance(LEASE + 1)
        assert store.run(duties.rescue(judge)) == [(seen[0], Held.DONE)]
        assert seen == [Lapsed(lease_of(claimed), 1, 4, 0, '{"max_crashes":7}', "worker", "t", "q")]
        found = see(store, claimed.id)
        assert (found.state, found.reason, found.attempt, found.crashes) == (JobState.READY, "rescued", 0, 1)
        assert [(each.message, each.worker) for each in found.errors] == [("crashed", "worker")]

    def test_only_what_lapsed_and_nothing_twice(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(job() for _ in range(4)))
        held = take(store, 3)
        clock.advance(LEASE - 1)
        store.run(renew([(lease_of(held[0]), 1.0)], LEASE))
        end_one(store, finish(held[1]))
        clock.advance(2)
        assert [lapsed.lease.id for lapsed, _ in store.run(duties.rescue(judged))] == [ids[2]]
        assert store.run(duties.rescue(judged)) == []
        assert states(store, ids) == ["running", "succeeded", "ready", "ready"]

    def test_a_page_at_a_time_the_longest_lapsed_first(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(job() for _ in range(5)))
        for _ in ids:
            take(store, 1)
            clock.advance(1)
        clock.advance(LEASE)
        pages = [[lapsed.lease.id for lapsed, _ in store.run(duties.rescue(judged, batch=2))] for _ in range(4)]
        assert pages == [ids[:2], ids[2:4], ids[4:], []]

    def test_a_rescued_job_keeps_its_place(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(job() for _ in range(3)))
        take(store, 1)
        clock.advance(LEASE + 1)
        store.run(duties.rescue(judged))
        assert [each.id for each in take(store)] == ids

    def test_a_job_that_kills_its_workers_ends(self, store: Store, clock: Clock) -> None:
        (id,) = add(store, job(max_attempts=99))
        began = clock.now()
        for expected in (JobState.READY, JobState.SCHEDULED, JobState.FAILED):
            store.run(duties.promote())
            take_one(store)
            clock.advance(LEASE + 1)
            store.run(duties.rescue(judged))
            assert see(store, id).state is expected
            clock.advance(60)
        found = see(store, id)
        assert (found.reason, found.crashes, len(found.errors)) == ("crashed", 3, 3)
        assert seconds_between(began, found.finished_at) > 3 * LEASE
        assert take(store) == []

    def test_verdicts_of_both_kinds_in_one_page(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(job(priority=-number) for number in range(4)))
        take(store)

        def judge(lapsed: Lapsed) -> Verdict:
            if ids.index(lapsed.lease.id) % 2:
                return Requeue(JobState.READY, "rescued", uncounted=True, crashed=True)
            return Finish(JobState.STALLED, FOREVER, "crashed")

        clock.advance(LEASE + 1)
        assert [answer for _, answer in store.run(duties.rescue(judge))] == [Held.DONE] * 4
        assert states(store, ids) == ["stalled", "ready", "stalled", "ready"]

    def test_nothing_to_rescue(self, store: Store) -> None:
        add(store, job())
        assert store.run(duties.rescue(judged)) == []

    def test_a_dead_workers_jobs_come_back_at_once(self, store: Store) -> None:
        ids = add(store, *(job() for _ in range(5)))
        mine = [each.id for each in take(store, 3, worker="dead")]
        others = [each.id for each in take(store, 2, worker="alive")]
        first = store.run(duties.bury("dead", judged, 2))
        assert [(lapsed.worker, answer) for lapsed, answer in first] == [("dead", Held.DONE)] * 2
        rest = store.run(duties.bury("dead", judged))
        assert {lapsed.lease.id for lapsed, _ in (*first, *rest)} == set(mine)
        assert store.run(duties.bury("dead", judged)) == []
        assert states(store, others) == ["running", "running"]
        assert {(each, see(store, each).crashes) for each in ids if each in mine} == {(each, 1) for each in mine}

    def test_a_dead_workers_late_write_is_refused(self, store: Store) -> None:
        claimed = running(store)
        store.run(duties.bury("worker", judged))
        take_one(store, worker="another")
        assert end_one(store, finish(claimed)) is Held.LOST
        assert see(store, claimed.id).state == JobState.RUNNING
