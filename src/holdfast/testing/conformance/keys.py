"""Requests on which other jobs decide: keys, known inputs, debounces and rates, also repeated and in one batch."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from holdfast.model.gate import Pass, dump_passes
from holdfast.model.inputs import Cache
from holdfast.model.job import JobState, NewJob
from holdfast.model.spacing import Space
from holdfast.storage.base import Store
from holdfast.storage.ops import duties, inspect, manage
from holdfast.storage.ops.admit import admit, by_key, join, merge
from holdfast.storage.ops.admitted import Admitted, Answer, Clash
from holdfast.storage.ops.jobs import Held, end
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import (
    LEASE,
    OURS,
    Fixtures,
    end_one,
    error_entry,
    finish,
    job,
    listed,
    repeated,
    requeue,
    see,
    states,
    take,
    take_one,
)
from holdfast.testing.conformance.repeats import committed, try_twice
from holdfast.testing.conformance.rescue import judged

WRITERS = 20


def keyed(**columns: Any) -> NewJob:
    return job(**{"key": "k", **columns})


def replacing(**columns: Any) -> NewJob:
    return keyed(on_conflict="replace", **columns)


def cached(**columns: Any) -> NewJob:
    return job(cache=Cache(60.0), **columns)


def debounced(number: int = 1, space: Space = Space("d", 10.0), **columns: Any) -> NewJob:  # noqa: B008 - frozen
    return job(args=f'{{"a":{number}}}', debounce=space, **columns)


def limited(**columns: Any) -> NewJob:
    return job(rate_limit=Space("r", 10.0), **columns)


def ask(store: Store, *requests: NewJob) -> list[Admitted]:
    """Run the requests as one op; no merges among them."""
    found = store.run(admit(requests, OURS), "keys")
    assert all(isinstance(each, Admitted) for each in found)
    return [each for each in found if isinstance(each, Admitted)]


def ask_one(store: Store, request: NewJob) -> Admitted:
    (found,) = ask(store, request)
    return found


def clash(store: Store, request: NewJob) -> Clash:
    (found,) = store.run(admit([request], OURS), "keys")
    assert isinstance(found, Clash)
    return found


def counted(store: Store) -> dict[str, int]:
    return {state: number for state, number in store.run(inspect.count(OURS)).items() if number}


FIRST: dict[str, Callable[[], NewJob]] = {
    "key": keyed,
    "replaced key": replacing,
    "cache": cached,
    "debounce": debounced,
    "rate": limited,
}


class Keys(Fixtures):
    @committed
    @pytest.mark.parametrize("kind", FIRST)
    def test_a_first_request_repeated(self, store: Store, kind: str, committed: bool) -> None:
        request = FIRST[kind]()
        op = admit([request], OURS)
        assert try_twice(store, op, committed) == [Admitted("new", request.id)]
        assert store.run(repeated(op)) == [Admitted("new", request.id)]
        assert sum(counted(store).values()) == 1

    @pytest.mark.parametrize("keep", [600.0, 0.0])
    @pytest.mark.parametrize("kind", FIRST)
    def test_a_first_request_repeated_after_its_job_has_run(
        self, store: Store, clock: Clock, kind: str, keep: float
    ) -> None:
        request = FIRST[kind]()
        op = admit([request], OURS)
        store.run(op)
        clock.advance(10)
        if kind == "debounce":
            store.run(duties.promote())
        end_one(store, finish(take_one(store), keep=keep))
        assert store.run(repeated(op)) == [Admitted("new", request.id)]
        assert take(store) == []

    @committed
    def test_a_replacement_repeated(self, store: Store, committed: bool) -> None:
        first, newer = keyed(), replacing(args='{"a":2}')
        ask_one(store, first)
        op = admit([newer], OURS)
        assert try_twice(store, op, committed) == [Admitted("replaced", first.id, 2)]
        assert store.run(repeated(op)) == [Admitted("replaced", first.id, 2)]
        assert (see(store, first.id).version, see(store, first.id).args) == (2, {"a": 2})

    @committed
    def test_a_replacement_of_a_running_job_repeated(self, store: Store, committed: bool) -> None:
        first, newer = keyed(), replacing(args='{"a":2}', delay=5.0, max_attempts=4)
        ask_one(store, first)
        held = take_one(store)
        op = admit([newer], OURS)
        assert try_twice(store, op, committed) == [Admitted("replaced", first.id, 2)]
        assert store.run(repeated(op)) == [Admitted("replaced", first.id, 2)]
        assert see(store, first.id).args == {"a": 1}
        assert end_one(store, finish(held)) is Held.DONE
        assert store.run(repeated(op)) == [Admitted("replaced", first.id, 2)]
        found = see(store, first.id)
        assert (found.version, found.args, found.state, found.max_attempts) == (2, {"a": 2}, JobState.SCHEDULED, 4)

    @committed
    @pytest.mark.parametrize("runs", [False, True])
    def test_a_merge_repeated(self, store: Store, runs: bool, committed: bool) -> None:
        first, newer = keyed(), keyed(args='{"a":2}', on_conflict="merge")
        ask_one(store, first)
        held = take_one(store) if runs else None
        found = clash(store, newer)
        op = merge(newer, found, '{"a":[1,2]}', OURS)
        answer = Admitted("merged", first.id, 2 if runs else 1)
        assert try_twice(store, op, committed) == answer
        assert store.run(repeated(op)) == answer
        if held is not None:
            end_one(store, finish(held))
        assert see(store, first.id).args == {"a": [1, 2]}

    @pytest.mark.parametrize("runs", [False, True])
    def test_a_merge_of_what_has_changed_is_refused(self, store: Store, runs: bool) -> None:
        first = keyed()
        ask_one(store, first)
        held = take_one(store) if runs else None
        one, other = (keyed(args=f'{{"a":{n}}}', on_conflict="merge") for n in (2, 3))
        seen = clash(store, one)
        assert clash(store, other) == seen
        assert store.run(merge(one, seen, '{"a":[1,2]}', OURS)) is not None
        assert store.run(merge(other, seen, '{"a":[1,3]}', OURS)) is None
        again = clash(store, other)
        assert again.live_args == '{"a":[1,2]}'
        assert store.run(merge(other, again, '{"a":[1,2,3]}', OURS)) is not None
        if held is not None:
            end_one(store, finish(held))
        assert see(store, first.id).args == {"a": [1, 2, 3]}

    @committed
    def test_the_end_of_a_replaced_job_repeated(self, store: Store, committed: bool) -> None:
        first = keyed()
        ask_one(store, first)
        held = take_one(store)
        ask_one(store, replacing(args='{"a":2}'))
        op = end([finish(held, JobState.FAILED, reason="timeout", error=error_entry())])
        assert try_twice(store, op, committed) == [Held.DONE]
        assert store.run(repeated(op)) == [Held.DONE]
        (again,) = take(store)
        assert (again.id, again.version, again.args, again.attempt) == (first.id, 2, '{"a":2}', 1)
        assert again.token > held.token
        assert end_one(store, finish(held)) is Held.LOST
        assert end_one(store, finish(again)) is Held.DONE
        versions = listed(store, 10)
        assert [(each.version, each.state, len(each.errors)) for each in versions] == [
            (2, JobState.SUCCEEDED, 0), (1, JobState.FAILED, 1)
        ]  # fmt: skip

    @committed
    def test_a_replaced_job_that_would_be_tried_again_ends(self, store: Store, committed: bool) -> None:
        first = keyed()
        ask_one(store, first)
        held = take_one(store)
        ask_one(store, replacing(args='{"a":2}'))
        op = end([requeue(held, JobState.SCHEDULED, reason="retry", delay=5.0, error=error_entry())])
        assert try_twice(store, op, committed) == [Held.REPLACED]
        assert store.run(repeated(op)) == [Held.REPLACED]
        assert (see(store, first.id).state, see(store, first.id).version) == (JobState.READY, 2)
        found = store.run(inspect.version(first.id, 1, OURS))
        assert found.record is not None
        assert (found.record.state, found.record.reason, found.successor) == ("cancelled", "superseded", first.id)

    def test_a_replaced_job_whose_worker_vanished_makes_way(self, store: Store, clock: Clock) -> None:
        first = keyed()
        ask_one(store, first)
        held = take_one(store)
        ask_one(store, replacing(args='{"a":2}'))
        clock.advance(LEASE + 1)
        assert [answer for _, answer in store.run(duties.rescue(judged))] == [Held.REPLACED]
        (again,) = take(store)
        assert (again.version, again.args, again.crashes) == (2, '{"a":2}', 0)
        assert end_one(store, finish(held)) is Held.LOST

    def test_many_ends_some_of_them_replaced(self, store: Store) -> None:
        ask(store, *(keyed(key=f"k{n}") for n in range(6)))
        held = take(store)
        ask(store, *(replacing(key=f"k{n}", args='{"a":2}') for n in (1, 4)))
        assert store.run(end([finish(each) for each in held])) == [Held.DONE] * 6
        assert counted(store) == {"ready": 2, "succeeded": 6}

    def test_the_order_of_a_bulk_is_its_own(self, store: Store) -> None:
        requests = [keyed(key=key) for key in "zaybx"]
        ask(store, *requests)
        assert [each.id for each in take(store)] == [each.id for each in requests]

    def test_many_ops_in_one_batch(self, store: Store) -> None:
        """Ops that wait for each other's commit would never end; ops that share one must see each other."""
        requests = [make() for make in (keyed, replacing, cached, debounced, limited, cached) for _ in range(10)]

        def run(request: NewJob) -> Answer:
            return store.run(admit([request], OURS), "keys")[0]

        with ThreadPoolExecutor(len(requests)) as pool:
            answers = list(pool.map(run, requests))
        how = [answer.how for answer in answers if isinstance(answer, Admitted)]
        assert len(how) == len(requests)
        assert how[:20].count("new") == 1
        assert how[:10].count("kept") + how[:10].count("new") == 10
        assert how[20:30].count("new") + how[50:].count("new") == 1
        assert how[30:40].count("new") == 1
        assert (how[40:50].count("new"), how[40:50].count("refused")) == (1, 9)
        assert sum(counted(store).values()) == 4

    @pytest.mark.parametrize("kind", ["key", "cache"])
    def test_writers_of_two_processes(self, store: Store, peer: Store, kind: str) -> None:
        for number in range(5):
            one = keyed(key=f"k{number}") if kind == "key" else cached(args=f'{{"a":{number}}}')
            requests = [one._replace(id=job().id) for _ in range(WRITERS)]

            def run(place: int, requests: list[NewJob] = requests) -> Answer:
                return (store, peer)[place % 2].run(admit([requests[place]], OURS), "keys")[0]

            with ThreadPoolExecutor(WRITERS) as pool:
                answers = list(pool.map(run, range(WRITERS)))
            assert len({answer.id for answer in answers}) == 1
            assert sum(isinstance(answer, Admitted) and answer.how == "new" for answer in answers) == 1
        assert sum(counted(store).values()) == 5

    def test_by_key(self, store: Store) -> None:
        assert store.run(by_key("default", "k", OURS)) is None
        first = keyed()
        ask_one(store, first)
        assert store.run(by_key("default", "k", OURS)) == first.id
        end_one(store, finish(take_one(store)))
        assert store.run(by_key("default", "k", OURS)) == first.id
        second = keyed()
        ask_one(store, second)
        assert store.run(by_key("default", "k", OURS)) == second.id
        assert store.run(by_key("other", "k", OURS)) is None

    def test_a_known_input(self, store: Store, clock: Clock) -> None:
        first = cached()
        assert store.run(join([first], OURS)) == [None]
        ask_one(store, first)
        assert ask_one(store, cached()) == Admitted("joined", first.id)
        end_one(store, finish(take_one(store)))
        clock.advance(59)
        assert store.run(join([cached(), cached(args="{}")], OURS)) == [Admitted("joined", first.id), None]
        clock.advance(1)
        second = cached()
        assert ask_one(store, second) == Admitted("new", second.id)

    def test_the_loser_of_a_debounce_names_the_newer(self, store: Store, clock: Clock) -> None:
        first, second = debounced(1), debounced(2)
        ask_one(store, first)
        clock.advance(3)
        assert ask_one(store, second) == Admitted("new", second.id, loser=first.id)
        assert states(store, [first.id, second.id]) == ["cancelled", "scheduled"]
        assert see(store, first.id).reason == "debounced"
        assert store.run(inspect.version(first.id, 1, OURS)).successor == second.id

    def test_a_debounce_that_goes_on(self, store: Store, clock: Clock) -> None:
        bounded = Space("d", 10.0, 15.0)
        first = debounced(space=bounded)
        ask_one(store, first)
        for _ in range(2):
            clock.advance(6)
            assert ask_one(store, debounced(space=bounded)) == Admitted("joined", first.id)
        found = see(store, first.id)
        assert (found.due_at - found.created_at).total_seconds() == pytest.approx(15)

    def test_a_rate(self, store: Store, clock: Clock) -> None:
        assert ask_one(store, limited()).how == "new"
        clock.advance(4)
        refused = ask_one(store, limited())
        assert refused.how == "refused"
        assert refused.retry_after == pytest.approx(6)
        clock.advance(6)
        assert ask_one(store, limited()).how == "new"
        assert counted(store) == {"ready": 2}

    def test_marks_are_forgotten(self, store: Store, clock: Clock) -> None:
        ask(store, limited(), debounced(), cached(args="{}"))
        late = cached(delay=864_000.0)
        ask_one(store, late)
        ask_one(store, keyed())
        ask_one(store, replacing())
        clock.advance(2 * 86_400)
        assert store.run(duties.prune_marks()) == 3  # a rate, a debounce, a request; of two inputs the jobs are live
        assert store.run(duties.prune_marks()) == 0
        assert store.run(manage.delete([late.id], OURS)) == [manage.Answer.DONE]
        clock.advance(86_400)
        assert store.run(duties.prune_marks()) == 1

    def test_a_key_and_a_group(self, store: Store, clock: Clock) -> None:
        """A keyed job stands before its gates like any other, also as a newer version."""
        gates = {"group": "g", "gates": dump_passes([Pass("group:g")])}
        first, second = keyed(key="a", **gates), keyed(key="b", **gates)
        ask(store, first, second)
        (held,) = take(store)
        assert held.id == first.id
        ask_one(store, replacing(key="a", args='{"a":2}', **gates))
        assert take(store) == []
        clock.advance(1)
        assert end_one(store, finish(held)) is Held.DONE
        (other,) = take(store)
        assert other.id == second.id
        assert (see(store, first.id).state, see(store, first.id).version) == (JobState.BLOCKED, 2)
        end_one(store, finish(other))
        (again,) = take(store)
        assert (again.id, again.version, again.args) == (first.id, 2, '{"a":2}')

    def test_a_replaced_job_gives_up_its_place(self, store: Store) -> None:
        gates = {"group": "g", "gates": dump_passes([Pass("group:g")])}
        first, second = keyed(key="a", **gates), keyed(key="b", **gates)
        ask(store, first, second)
        assert states(store, [first.id, second.id]) == ["ready", "blocked"]
        ask_one(store, replacing(key="a", delay=60.0, **gates))
        assert states(store, [first.id, second.id]) == ["scheduled", "ready"]
