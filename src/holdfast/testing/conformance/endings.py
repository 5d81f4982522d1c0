"""How a job ends or goes back, and what is kept of it."""

import json

import pytest

from holdfast.model.job import JobState
from holdfast.model.policy import raw_policy
from holdfast.storage.base import Store
from holdfast.storage.ops import workers
from holdfast.storage.ops.jobs import Held
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import (
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
    states,
    take,
    take_one,
)

ODD = "NUL \x00, half a pair \ud83d, quote \", backslash \\, newline \n, 😀, ]}, 'null'"


class Endings(Fixtures):
    def test_a_finished_job_keeps_everything(self, store: Store, clock: Clock) -> None:
        extras = {"tags": '["a"]', "metadata": '{"m":1}', "priority": 4, "queue": "mail", "max_attempts": 3}
        claimed = running(store, **extras)
        before = see(store, claimed.id)
        clock.advance(10)
        assert end_one(store, finish(claimed, result='{"sum":[1,2]}', elapsed=2.5)) is Held.DONE
        found = see(store, claimed.id)
        assert (found.state, found.reason, found.result) == (JobState.SUCCEEDED, None, {"sum": [1, 2]})
        assert (found.finished_at, found.updated_at) == (clock.now(), clock.now())
        assert seconds_between(before.created_at, found.started_at) == 7.5
        for name in ("task", "queue", "tenant", "version", "priority", "args", "attempt", "max_attempts", "crashes"):
            assert getattr(found, name) == getattr(before, name), name
        for name in ("timeout", "tags", "metadata", "created_at", "due_at", "worker", "errors"):
            assert getattr(found, name) == getattr(before, name), name

    @pytest.mark.parametrize(
        ("state", "reason"),
        [("succeeded", None), ("failed", "crashed"), ("cancelled", "explicit"), ("stalled", "timeout")],
    )
    def test_every_way_to_end(self, store: Store, state: str, reason: str | None) -> None:
        claimed = running(store)
        end_one(store, finish(claimed, JobState(state), reason=reason))
        assert (see(store, claimed.id).state, see(store, claimed.id).reason) == (state, reason)

    @pytest.mark.parametrize("result", [None, "null", "0", '""', "[]", '"ü"', "1e300", "12345678901234567890"])
    def test_results_come_back(self, store: Store, result: str | None) -> None:
        claimed = running(store)
        end_one(store, finish(claimed, result=result))
        found = see(store, claimed.id)
        assert (found.result_text, found.result) == (result, None if result is None else json.loads(result))

    def test_a_body_that_never_began(self, store: Store, clock: Clock) -> None:
        claimed = running(store)
        began = see(store, claimed.id).started_at
        clock.advance(5)
        end_one(store, finish(claimed, JobState.FAILED, reason="invalid_arguments", elapsed=None))
        assert see(store, claimed.id).started_at == began

    def test_a_job_that_went_back_unbegun_has_not_started(self, store: Store, clock: Clock) -> None:
        claimed = running(store)
        end_one(store, requeue(claimed, uncounted=True, elapsed=None))
        assert see(store, claimed.id).started_at is None

    def test_errors_gather_with_their_instants(self, store: Store, clock: Clock) -> None:
        (id,) = add(store, job(max_attempts=3))
        began = clock.now()
        for number in range(1, 4):
            claimed = take_one(store)
            clock.advance(1)
            entry = error_entry(f"no. {number}", attempt=number, worker="w", data={"n": number})
            failed = finish(claimed, JobState.FAILED, error=entry)
            end_one(store, requeue(claimed, error=entry) if number < 3 else failed)
        errors = see(store, id).errors
        assert [(each.attempt, each.kind, each.message) for each in errors] == [
            (1, "ValueError", "no. 1"), (2, "ValueError", "no. 2"), (3, "ValueError", "no. 3"),
        ]  # fmt: skip
        assert [seconds_between(began, each.at) for each in errors] == [1.0, 2.0, 3.0]
        assert [(each.worker, each.data) for each in errors] == [("w", {"n": 1}), ("w", {"n": 2}), ("w", {"n": 3})]

    def test_errors_are_not_lost_by_success(self, store: Store) -> None:
        (id,) = add(store, job(max_attempts=2))
        end_one(store, requeue(take_one(store), error=error_entry("once")))
        end_one(store, finish(take_one(store), result="1"))
        assert [each.message for each in see(store, id).errors] == ["once"]

    def test_any_valid_json_in_an_error(self, store: Store) -> None:
        (id,) = add(store, job(max_attempts=9))
        entry = error_entry(ODD, data={ODD: [ODD, 1e300, 10**30]})
        end_one(store, requeue(take_one(store), error=entry))
        end_one(store, requeue(take_one(store), error=entry))
        end_one(store, finish(take_one(store), JobState.FAILED, error=entry))
        errors = see(store, id).errors
        assert [each.message for each in errors] == [ODD] * 3
        assert errors[2].data == {ODD: [ODD, 1e300, 10**30]}

    def test_going_back_keeps_the_place(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(job() for _ in range(4)))
        first, second = take(store, 2)
        clock.advance(60)
        end(store, requeue(second, uncounted=True), requeue(first))
        assert [each.id for each in take(store)] == ids

    def test_a_retry_later(self, store: Store, clock: Clock) -> None:
        claimed = running(store)
        clock.advance(3)
        retry = requeue(claimed, JobState.SCHEDULED, reason="retry", delay=12.25, error=error_entry())
        assert end_one(store, retry) is Held.DONE
        found = see(store, claimed.id)
        assert (found.state, found.reason, found.attempt) == (JobState.SCHEDULED, "retry", 1)
        assert seconds_between(clock.now(), found.due_at) == 12.25
        assert (found.worker, found.finished_at, found.updated_at) == (None, None, clock.now())

    def test_what_counts(self, store: Store) -> None:
        ids = add(store, *(job() for _ in range(4)))
        first, second, third, fourth = take(store)
        end(
            store,
            requeue(first),
            requeue(second, uncounted=True),
            requeue(third, crashed=True),
            requeue(fourth, uncounted=True, crashed=True),
        )
        found = [see(store, id) for id in ids]
        assert [(each.attempt, each.crashes) for each in found] == [(1, 0), (0, 0), (1, 1), (0, 1)]

    def test_an_unknown_task_waits_for_a_worker_that_knows_it(self, store: Store) -> None:
        ids = add(store, job(task="a"), job(task="b"), job(task="a"))
        back = [requeue(each, JobState.BLOCKED, reason="unknown_task", uncounted=True) for each in take(store)]
        end(store, *back)
        assert states(store, ids) == ["blocked"] * 3
        assert store.run(workers.unblock(["c"])) == 0
        assert store.run(workers.unblock([])) == 0
        assert store.run(workers.unblock(["a", "c"], batch=1)) == 1
        assert store.run(workers.unblock(["a", "c"])) == 1
        assert states(store, ids) == ["ready", "blocked", "ready"]
        assert [(each.id, each.attempt) for each in take(store)] == [(ids[0], 1), (ids[2], 1)]

    def test_what_is_left_of_a_queue_is_freed_and_claimed_by_its_marks(self, store: Store) -> None:
        """A tab before a queue: its raw jobs; a line end: its other jobs."""
        raw = raw_policy("{}")
        ids = add(
            store, job(task="a", queue="q"), job(task="b", queue="q", policy=raw), job(task="c", policy=raw),
            job(task="d", queue="q"),
        )  # fmt: skip
        end(store, *(requeue(each, JobState.BLOCKED, reason="unknown_task", uncounted=True) for each in take(store)))
        assert store.run(workers.unblock(["nobody's"], rest=["\tother", "\nother"])) == 0
        assert store.run(workers.unblock([], rest=["\tq"])) == 1
        assert states(store, ids) == ["blocked", "ready", "blocked", "blocked"]
        assert store.run(workers.unblock(["a"], rest=["\tdefault"])) == 2
        assert store.run(workers.unblock([], rest=["\tq", "\nq"])) == 1
        assert [each.id for each in take(store, tasks=("\tq",))] == [ids[1]]
        assert [each.id for each in take(store, tasks=("\nq", "\tdefault"), queues=("default", "q"))] == [
            ids[0], ids[2], ids[3],
        ]  # fmt: skip

    def test_other_blocked_jobs_stay_blocked(self, store: Store) -> None:
        claimed = running(store, task="a")
        end_one(store, requeue(claimed, JobState.BLOCKED, reason="something else", uncounted=True))
        assert store.run(workers.unblock(["a"])) == 0

    def test_hundreds_at_once(self, store: Store) -> None:
        ids = add(store, *(job() for _ in range(500)))
        claimed = take(store, 500)
        endings = [finish(each) if number % 2 else requeue(each) for number, each in enumerate(claimed)]
        assert end(store, *endings) == [Held.DONE] * 500
        assert states(store, ids[:4]) == ["ready", "succeeded", "ready", "succeeded"]
