"""Pieces of jobs are recorded under their token, and read as they were written."""

from typing import Any

from holdfast.model.job import JobState
from holdfast.model.step import Waits
from holdfast.storage.base import Store
from holdfast.storage.ops import jobs as jobs_ops
from holdfast.storage.ops import steps
from holdfast.storage.ops.duties import promote
from holdfast.storage.ops.jobs import Held, lease_of
from holdfast.storage.ops.steps import Begun, Entry, StepKey, StepRecord, StepRow
from holdfast.storage.ops.waking import Answered, answer, waits_for
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import (
    OURS,
    Fixtures,
    add,
    end_one,
    finish,
    gated,
    grouped,
    job,
    limited,
    repeated,
    requeue,
    running,
    see,
    states,
    take,
    take_one,
)


def piece(name: str = "a", nth: int = 0, branch: str = "", **others: Any) -> StepRow:
    given: dict[str, Any] = {"place": nth, "kind": "step", "state": "done", "result": "1", **others}
    return StepRow(StepKey(branch, name, nth), **given)


def entry(held: Any, row: StepRow | None = None, first: bool = True, **others: Any) -> Entry:
    begun = Begun(others.pop("code", None)) if first else None
    return Entry(lease_of(held), held.version, held.attempt, row or piece(), begun)


def kept(store: Store, held: Any, version: int | None = None) -> list[StepRecord]:
    found = store.run(steps.read(held.id, held.version if version is None else version, OURS))
    return [] if found is None else found.steps


class StepRecords(Fixtures):
    def test_pieces_are_read_as_they_were_written(self, store: Store, clock: Clock) -> None:
        held = running(store)
        rows = [
            piece("b", 0, "0.1", place=3, mark="m", tries=2, elapsed=2.0),
            piece("b", 1, "0.1", place=4, state="failed", result=None, error='{"kind":"E"}'),
            piece("c", 0, "", kind="sleep", state="waiting", result=None, delay=60.0, topic="t"),
        ]
        assert store.run(steps.record([entry(held, row, code="7") for row in rows])) == [Held.DONE] * 3
        clock.advance(10)
        found = store.run(steps.read(held.id, 1, OURS))
        assert found is not None
        assert found.code == "7"
        assert [each.key for each in found.steps] == [("", "c", 0), ("0.1", "b", 0), ("0.1", "b", 1)]
        waits, done, failed = found.steps
        assert (done.place, done.kind, done.state, done.mark, done.result) == (3, "step", "done", "m", "1")
        assert (done.tries, done.attempt) == (2, 1)
        assert done.ended_at is not None
        assert (done.ended_at - done.began_at).total_seconds() == 2.0
        assert (failed.state, failed.error, failed.result) == ("failed", '{"kind":"E"}', None)
        assert (waits.topic, waits.left, waits.ended_at) == ("t", 50.0, None)

    def test_nothing_is_recorded_of_what_never_began(self, store: Store) -> None:
        held = running(store)
        assert store.run(steps.read(held.id, 1, OURS)) is None

    def test_a_newer_word_takes_the_place_of_an_older(self, store: Store, clock: Clock) -> None:
        held = running(store)
        store.run(steps.record([entry(held, piece(state="waiting", result=None, delay=5.0))]))
        clock.advance(5)
        store.run(steps.record([entry(held, piece(result="2"), first=False)]))
        (found,) = kept(store, held)
        assert (found.state, found.result) == ("done", "2")
        assert found.ended_at is not None
        assert (found.ended_at - found.began_at).total_seconds() == 5.0, "it began when it began to wait"

    def test_many_jobs_record_in_one_write(self, store: Store) -> None:
        add(store, *(job() for _ in range(30)))
        held = take(store, 30)
        rows = [entry(one, piece(str(n), n)) for n in range(10) for one in held]
        assert store.run(steps.record(rows)) == [Held.DONE] * 300
        assert all(len(kept(store, one)) == 10 for one in held)

    def test_a_late_worker_records_nothing(self, store: Store) -> None:
        late = running(store)
        end_one(store, requeue(late))
        held = take_one(store)
        assert store.run(steps.record([entry(late), entry(held, piece("b"))])) == [Held.LOST, Held.DONE]
        assert [each.key.name for each in kept(store, held)] == ["b"]

    def test_nothing_is_recorded_of_a_job_that_does_not_run(self, store: Store) -> None:
        held = running(store)
        end_one(store, requeue(held, JobState.SCHEDULED, delay=60.0))
        assert store.run(steps.record([entry(held)])) == [Held.LOST]
        ended = running(store)
        end_one(store, finish(ended))
        assert store.run(steps.record([entry(ended)])) == [Held.LOST]
        assert kept(store, ended) == []

    def test_repeated_it_records_the_same(self, store: Store) -> None:
        held = running(store)
        op = steps.record([entry(held)])
        assert store.run(op) == store.run(repeated(op)) == [Held.DONE]
        assert len(kept(store, held)) == 1

    def test_each_version_has_a_journal_of_its_own(self, store: Store) -> None:
        from holdfast.storage.ops.manage import retry

        held = running(store)
        store.run(steps.record([entry(held)]))
        end_one(store, finish(held, JobState.FAILED))
        store.run(retry([held.id], OURS))
        again = take_one(store)
        assert again.version == 2
        assert kept(store, again) == []
        assert len(kept(store, again, version=1)) == 1

    def test_pieces_go_when_their_job_is_gone(self, store: Store, clock: Clock) -> None:
        held = running(store)
        store.run(steps.record([entry(held)]))
        end_one(store, finish(held, keep=2 * 86400.0))
        live = running(store)
        store.run(steps.record([entry(live)]))
        assert store.run(steps.prune()) == 0
        clock.advance("25h")
        assert store.run(steps.prune()) == 2
        assert len(kept(store, held)) == 1
        clock.advance("25h")
        store.run(steps.prune())
        assert kept(store, held) == []
        assert len(kept(store, live)) == 1


class Suspension(Fixtures):
    """Jobs wait in the middle of their bodies, and are woken by time, or by what others write."""

    def test_time_wakes_a_suspended_job(self, store: Store, clock: Clock) -> None:
        held = running(store)
        assert end_one(store, suspend(held, piece("nap", state="waiting", result=None, delay=60.0))) is Held.DONE
        record = see(store, held.id)
        assert (record.state, record.attempt) == (JobState.SUSPENDED, 0)
        clock.advance(59)
        assert (store.run(promote()).count, take(store)) == (0, [])
        clock.advance(1)
        assert store.run(promote()).count == 1
        again = take_one(store)
        assert (again.id, again.attempt) == (held.id, 1)
        (found,) = kept(store, again)
        assert (found.state, found.left) == ("waiting", 0.0)

    def test_an_answer_wakes_exactly_those_it_is_for(self, store: Store) -> None:
        add(store, *(job() for _ in range(4)))
        jobs = take(store, 4)
        for n, held in enumerate(jobs):
            topic = f"pipe:{n % 2}"
            end_one(store, suspend(held, piece("w", state="waiting", result=None, topic=topic, mark=str(n))))
        even, none = store.run(waits_for([("default", "pipe:0"), ("other", "pipe:0")]))
        assert sorted(each.mark or "" for each in even) == ["0", "2"]
        assert none == []
        answers = [Answered(each, "done", '"yes"') for each in even]
        assert store.run(answer(answers)) == ([True, True], [])
        assert store.run(answer(answers)) == ([False, False], []), "each is answered once"
        assert states(store, [held.id for held in jobs]) == ["ready", "suspended", "ready", "suspended"]
        (found,) = kept(store, jobs[0])
        assert (found.state, found.result) == ("done", '"yes"')

    def test_an_answer_that_comes_before_the_job_is_suspended_is_not_missed(self, store: Store) -> None:
        held = running(store)
        row = piece("w", state="waiting", result=None, topic="pipe:0")
        store.run(steps.record([entry(held, row)]))
        ((found,),) = store.run(waits_for([("default", "pipe:0")]))
        assert store.run(answer([Answered(found, "done", "1")])) == ([True], [])
        assert see(store, held.id).state is JobState.RUNNING
        asked = ((held.tenant, held.id, held.version, *row.key),)
        waits = Waits(asked=asked)
        end_one(store, requeue(held, JobState.SUSPENDED, delay=600.0, uncounted=True, waits=waits))
        assert see(store, held.id).state is JobState.READY

    def test_a_late_worker_suspends_nothing(self, store: Store) -> None:
        late = running(store)
        end_one(store, requeue(late))
        held = take_one(store)
        assert end_one(store, suspend(late, piece())) is Held.LOST
        assert see(store, held.id).state is JobState.RUNNING
        assert kept(store, held) == []

    def test_suspending_repeated(self, store: Store) -> None:
        held = running(store)
        ending = suspend(held, piece("nap", state="waiting", result=None, delay=60.0))
        op = jobs_ops.end([ending])
        assert store.run(op) == store.run(repeated(op)) == [Held.DONE]
        assert len(kept(store, held)) == 1

    def test_a_suspended_job_keeps_its_group_and_gives_back_its_limit(self, store: Store) -> None:
        add(store, grouped(), grouped())
        held = take_one(store)
        end_one(store, suspend(held, piece("w", state="waiting", result=None, delay=60.0)))
        assert take(store) == [], "the next of the group waits"
        add(store, gated(limited()), gated(limited()))
        one = take_one(store)
        end_one(store, suspend(one, piece("w", state="waiting", result=None, delay=60.0)))
        assert len(take(store)) == 1, "its place in the limit is free"

    def test_a_suspended_job_can_be_cancelled(self, store: Store) -> None:
        from holdfast.storage.ops.manage import cancel

        held = running(store)
        end_one(store, suspend(held, piece("w", state="waiting", result=None, delay=60.0)))
        store.run(cancel([held.id], OURS))
        assert see(store, held.id).state is JobState.CANCELLED


def suspend(held: Any, row: StepRow) -> Any:
    rows = Waits((steps.entry_row(entry(held, row)),), (steps.journal_row(entry(held, row)),))
    return requeue(held, JobState.SUSPENDED, delay=row.delay or 600.0, uncounted=True, waits=rows)
