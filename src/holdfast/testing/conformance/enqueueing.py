"""Jobs are stored as they were asked for, all of an op or none."""

import json
from datetime import timedelta

import pytest

from holdfast.errors import HoldfastError
from holdfast.ids import new_id
from holdfast.model.job import JobState
from holdfast.model.tenant import ALL, Scope
from holdfast.storage.base import Store
from holdfast.storage.ops import inspect, jobs
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import (
    OURS,
    Fixtures,
    add,
    end_one,
    finish,
    job,
    listed,
    look,
    see,
    states,
    take,
    take_one,
)

WORDS = "Grüße, 世界 🌍, ' \" \\ {} % $1 :now ?1 \u2028 \u200b null NULL"


class Enqueueing(Fixtures):
    def test_a_job_is_stored_as_it_was_asked_for(self, store: Store, clock: Clock) -> None:
        asked = job(
            task="mail.send",
            args='{"to":"a@b.c","n":[1,2.5,null,true]}',
            queue="mail",
            priority=7,
            max_attempts=5,
            timeout=12.5,
            policy='{"keep_failed":60.0,"keep_succeeded":5.0,"on_timeout":"stall"}',
            tags='["blue","red"]',
            metadata='{"who":"me","deep":{"x":[1]}}',
        )
        (id,) = add(store, asked)
        found = see(store, id)
        assert (found.id, found.tenant, found.task, found.queue) == (id, "default", "mail.send", "mail")
        assert found.args == {"to": "a@b.c", "n": [1, 2.5, None, True]}
        assert (found.state, found.reason, found.priority, found.version) == (JobState.READY, None, 7, 1)
        assert (found.attempt, found.max_attempts, found.crashes, found.timeout) == (0, 5, 0, 12.5)
        assert (found.on_timeout, found.keep_succeeded, found.keep_failed) == ("stall", 5.0, 60.0)
        assert found.tags == ("blue", "red")
        assert found.metadata == {"who": "me", "deep": {"x": [1]}}
        assert found.created_at == found.due_at == found.updated_at == clock.now()
        assert (found.started_at, found.finished_at, found.worker, found.errors) == (None, None, None, ())
        assert (found.result, found.key, found.group, found.progress, found.schedule_id) == (None,) * 5

    def test_no_time_limit_and_no_extras(self, store: Store) -> None:
        (id,) = add(store, job(timeout=None, args="{}"))
        found = see(store, id)
        assert (found.timeout, found.args, found.tags, found.metadata) == (None, {}, (), {})

    def test_a_delay_schedules(self, store: Store, clock: Clock) -> None:
        (id,) = add(store, job(delay=90.5))
        found = see(store, id)
        assert found.state is JobState.SCHEDULED
        assert found.due_at == clock.now() + timedelta(seconds=90.5)
        assert take(store) == []

    def test_an_instant_schedules_to_the_microsecond(self, store: Store, clock: Clock) -> None:
        moment = clock.now() + timedelta(days=400, microseconds=123_457)
        (id,) = add(store, job(run_at=moment))
        found = see(store, id)
        assert (found.state, found.due_at) == (JobState.SCHEDULED, moment)

    def test_far_instants(self, store: Store, clock: Clock) -> None:
        distant = clock.now().replace(year=9999)
        late, later = add(store, job(run_at=distant), job(delay=1000 * 365.25 * 86_400.0))
        assert see(store, late).due_at == distant
        assert see(store, later).due_at.year == clock.now().year + 1000

    @pytest.mark.parametrize("past", [{"delay": 0.0}, {"run_at": "past"}, {"run_at": "now"}])
    def test_what_is_due_is_ready_from_now(self, store: Store, clock: Clock, past: dict[str, object]) -> None:
        moments = {"past": clock.now() - timedelta(days=1), "now": clock.now()}
        columns = {name: moments.get(str(value), value) for name, value in past.items()}
        (id,) = add(store, job(**columns))
        found = see(store, id)
        assert (found.state, found.due_at) == (JobState.READY, clock.now())

    def test_jobs_of_one_op_keep_their_order(self, store: Store) -> None:
        wanted = [job() for _ in range(300)]
        wanted.sort(key=lambda each: each.id, reverse=True)
        ids = add(store, *wanted)
        assert [each.id for each in take(store, 1000)] == ids

    def test_jobs_of_many_ops_keep_their_order(self, store: Store) -> None:
        ids = [add(store, job())[0] for _ in range(5)]
        assert [each.id for each in take(store)] == ids

    def test_no_jobs(self, store: Store) -> None:
        add(store)
        assert store.run(inspect.count(OURS)) == {}

    def test_more_jobs_than_one_statement_holds(self, store: Store) -> None:
        ids = add(store, *(job(priority=number) for number in range(5_300)))
        assert store.run(inspect.count(OURS)) == {"ready": 5_300}
        assert take_one(store).id == ids[-1]

    def test_any_text(self, store: Store) -> None:
        asked = job(
            task=WORDS,
            queue=WORDS,
            args=json.dumps({WORDS: WORDS}, ensure_ascii=False),
            tags=json.dumps([WORDS]),
            metadata=json.dumps({WORDS: [WORDS]}, ensure_ascii=False),
        )
        (id,) = add(store, asked)
        found = see(store, id)
        assert (found.task, found.queue, found.args) == (WORDS, WORDS, {WORDS: WORDS})
        assert (found.tags, found.metadata) == ((WORDS,), {WORDS: [WORDS]})
        claimed = take_one(store, queues=(WORDS,), tasks=(WORDS,), worker=WORDS)
        assert (claimed.task, claimed.queue, claimed.args) == (WORDS, WORDS, asked.args)
        assert see(store, id).worker == WORDS

    @pytest.mark.parametrize("size", [1_000, 1_023, 1_024, 1_025, 1_026, 9_000, 1_000_000])
    def test_large_arguments_come_back_everywhere(self, store: Store, size: int) -> None:
        args = json.dumps({"text": "ö" * (size // 2) + "x" * (size // 2)}, ensure_ascii=False)
        (id,) = add(store, job(args=args))
        whole = json.loads(args)
        assert see(store, id).args == whole
        claimed = take_one(store)
        assert claimed.args == args
        assert [each.args for each in listed(store, 5)] == [whole]
        end_one(store, finish(claimed, result=json.dumps("r" * size)))
        ended = see(store, id)
        assert (ended.args, ended.result) == (whole, "r" * size)
        assert [each.args for each in listed(store, 5)] == [whole]

    def test_priorities_of_32_bits(self, store: Store) -> None:
        values = [0, 2**31 - 1, -(2**31), 1, -1]
        add(store, *(job(priority=value) for value in values))
        assert [each.priority for each in take(store)] == sorted(values, reverse=True)

    def test_an_id_that_is_taken_errs_and_nothing_is_stored(self, store: Store) -> None:
        (id,) = add(store, job(args='{"first":1}'))
        other = job()
        with pytest.raises(HoldfastError):
            store.run(jobs.enqueue([other, job(id=id, args='{"second":1}')], OURS))
        assert look(store, other.id) is None
        assert see(store, id).args == {"first": 1}

    def test_a_large_op_is_stored_whole_or_not_at_all(self, store: Store) -> None:
        (id,) = add(store, job())
        with pytest.raises(HoldfastError):
            store.run(jobs.enqueue([*(job() for _ in range(5_100)), job(id=id)], OURS))
        assert store.run(inspect.count(OURS)) == {"ready": 1}

    def test_tenants_have_ids_of_their_own(self, store: Store) -> None:
        id = new_id()
        store.run(jobs.enqueue([job(id=id, tenant="a", task="of a")], Scope("a")))
        store.run(jobs.enqueue([job(id=id, tenant="b", task="of b")], Scope("b")))
        assert see(store, id, Scope("a")).task == "of a"
        assert see(store, id, Scope("b")).task == "of b"
        assert look(store, id) is None
        first, second = take(store)
        end_one(store, finish(first))
        assert (see(store, id, Scope("a")).state, see(store, id, Scope("b")).state) == ("succeeded", "running")
        end_one(store, finish(second))
        assert store.run(inspect.count(ALL)) == {"succeeded": 2}

    def test_counts_are_of_all_states(self, store: Store) -> None:
        ids = add(store, job(priority=9), job(priority=8), job(), job(delay=5.0))
        first, _ = take(store, 2)
        end_one(store, finish(first, JobState.FAILED))
        assert states(store, ids) == ["failed", "running", "ready", "scheduled"]
        assert store.run(inspect.count(OURS)) == {"failed": 1, "running": 1, "ready": 1, "scheduled": 1}
