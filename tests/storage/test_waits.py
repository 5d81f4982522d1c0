"""Jobs that wait, by chance and in races: each runs once, after what it waits for, and none waits for ever."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from holdfast.config import Settings
from holdfast.errors import BatchEnded, DependencyCycle
from holdfast.ids import new_id
from holdfast.model.job import ClaimedJob, JobRecord, JobState
from holdfast.storage.base import Store, drive
from holdfast.storage.open import open_store
from holdfast.storage.ops import admit, batches, effects, inspect, jobs, manage, passing
from holdfast.storage.ops.jobs import Held
from holdfast.testing import Clock
from holdfast.testing.conformance.dependencies import after, lent, see_to
from holdfast.testing.conformance.kit import (
    OURS,
    add,
    end,
    end_one,
    finish,
    job,
    look,
    requeue,
    see,
    states,
    take,
    take_one,
)

MOST = int(os.environ.get("HOLDFAST_EXAMPLES", "40"))
TABLES = ("jobs", "history", "waits", "wait_notes", "batches")
ENDS = st.sampled_from([*[JobState.SUCCEEDED] * 4, JobState.FAILED, JobState.STALLED, JobState.CANCELLED])
WHENS = ["succeeded", "succeeded", "finished", "failed"]


def met(state: str, when: str) -> bool:
    return when == "finished" or (when == "succeeded") == (state == "succeeded")


@dataclass
class Known:
    """A job as the test knows it. `touched`: a person did something to it, so that it need not follow the rules."""

    needs: list[tuple[str, str]]
    started: int = 0
    touched: bool = False


@dataclass
class Set:
    open: bool = True
    touched: bool = False
    members: list[str] = field(default_factory=list[str])


class Machine(RuleBasedStateMachine):
    """One example. `store` is emptied before it."""

    store: Store
    empty: Callable[[], None]

    def __init__(self) -> None:
        super().__init__()
        type(self).empty()
        self.jobs: dict[str, Known] = {}
        self.batches: dict[str, Set] = {}
        self.running: list[ClaimedJob] = []

    def choose(self, data: Any, from_: list[Any], most: int) -> list[Any]:
        return data.draw(st.lists(st.sampled_from(from_), max_size=most, unique=True)) if from_ else []

    @rule(data=st.data(), noted=st.booleans(), many=st.integers(1, 3))
    def enqueue(self, data: Any, noted: bool, many: int) -> None:
        new = []
        ids: list[str] = []
        for _ in range(many):
            needs = [
                (id, data.draw(st.sampled_from(WHENS)))
                for id in self.choose(data, [*self.jobs, *self.batches, *ids], 3)
                if id in self.batches or id in ids or look(self.store, id) is not None
            ]
            batch = data.draw(st.sampled_from([None, None, *self.batches]))
            plain = job()
            made = after(of=plain, batch=batch)
            from holdfast.model.need import Need
            from holdfast.model.policy import linked_policy

            after_ = tuple(Need(id, when) for id, when in needs)
            new.append(made._replace(after=after_, policy=linked_policy("{}", after_, batch)))
            ids.append(plain.id)
        op = jobs.enqueue(new, OURS)
        try:
            self.store.run(lent(op) if noted else op)
        except (BatchEnded, DependencyCycle):
            return
        for each in new:
            self.jobs[each.id] = Known([(need.id, need.when) for need in each.after])
            if each.batch is not None:
                self.batches[each.batch].members.append(each.id)

    @rule(count=st.integers(1, 4))
    def claim(self, count: int) -> None:
        for taken in take(self.store, count):
            known = self.jobs[taken.id]
            known.started += 1
            self.running.append(taken)
            if not known.touched:
                for id, when in known.needs:
                    self.must_be_met(id, when)

    def must_be_met(self, id: str, when: str) -> None:
        if id in self.batches:
            (found,) = self.store.run(batches.get([id], OURS))
            assert found is not None
            assert found.finished
            assert met(found.state, when)
        elif not self.jobs[id].touched:
            record = see(self.store, id)
            assert record.state.finished, f"started before {id}"
            assert met(record.state, when)

    @rule(data=st.data(), noted=st.booleans())
    def end(self, data: Any, noted: bool) -> None:
        if not self.running:
            return
        held = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        ending = finish(held, data.draw(ENDS))
        if noted:
            assert self.store.run(lent(effects.complete(ending))) in (Held.DONE, Held.LOST)
        else:
            assert end_one(self.store, ending) in (Held.DONE, Held.LOST)

    @rule()
    def end_all(self) -> None:
        end(self.store, *(finish(held) for held in self.running))
        self.running.clear()

    @rule(data=st.data())
    def try_again(self, data: Any) -> None:
        if self.running:
            held = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
            end_one(self.store, requeue(held, reason="retry"))

    @rule(data=st.data(), verb=st.sampled_from(["cancel", "delete", "retry"]))
    def by_hand(self, data: Any, verb: str) -> None:
        if self.jobs:
            id = data.draw(st.sampled_from(list(self.jobs)))
            self.jobs[id].touched = True
            op: Any = getattr(manage, verb)([id], OURS)
            self.store.run(op)

    @rule(data=st.data(), noted=st.booleans())
    def open(self, data: Any, noted: bool) -> None:
        batch = new_id()
        follow = [after(batch, when=when) for when in self.choose(data, ["succeeded", "failed", "finished"], 3)]
        op = batches.opened(batch, "b", 600.0, follow, OURS)
        self.store.run(lent(op) if noted else op)
        self.batches[batch] = Set()
        for each in follow:
            self.jobs[each.id] = Known([(need.id, need.when) for need in each.after])

    @rule(data=st.data(), stop=st.sampled_from([False, False, True]))
    def close(self, data: Any, stop: bool) -> None:
        if self.batches:
            batch = data.draw(st.sampled_from(list(self.batches)))
            self.batches[batch].open = False
            if stop:
                for id in self.batches[batch].members:
                    self.jobs[id].touched = True
            self.store.run(batches.closed(batch, OURS, stop=stop))

    @rule()
    def see_to(self) -> None:
        self.store.run(passing.calls(batch=3))

    def teardown(self) -> None:
        for batch in self.batches:
            self.store.run(batches.closed(batch, OURS))
        for _ in range(10 * len(self.jobs) + 10):
            self.store.run(manage.overdue())  # those that were asked to stop, and wait again
            see_to(self.store)
            self.end_all()
            self.claim(100)
            if not self.running and not self.store.run(passing.due()).now:
                break
        counts = self.store.run(inspect.count(OURS))
        live = [state for state in counts if not JobState(state).finished]
        assert not live, f"stuck: {counts}"
        assert self.store.run(passing.due()) == passing.Due(False, False)
        final = {id: look(self.store, id) for id in self.jobs}
        for batch, known in self.batches.items():
            (found,) = self.store.run(batches.get([batch], OURS))
            assert found is not None
            assert found.finished
            assert found.left == 0
            assert found.total == len(known.members)
        for id, known in self.jobs.items():
            record = final[id]
            if known.touched or any(dep in self.jobs and self.jobs[dep].touched for dep, _ in known.needs):
                continue
            assert isinstance(record, JobRecord)
            fits = all(met(self.final_state(final, dep), when) for dep, when in known.needs)
            assert bool(known.started) == fits, f"{id}: {known}, {record.state} {record.reason}"
            if not fits:
                assert (record.state, record.reason) == (JobState.CANCELLED, "dependency")

    def final_state(self, final: dict[str, Any], id: str) -> str:
        if id in self.batches:
            (found,) = self.store.run(batches.get([id], OURS))
            assert found is not None
            return found.state
        return str(final[id].state)


@pytest.fixture
def opened(database_url: str) -> Iterator[Store]:
    store = open_store(Settings.load(url=database_url, migrate=True), Clock())
    store.migrate()
    yield store
    store.close()


def test_by_chance(opened: Store, database_url: str) -> None:
    from holdfast import Holdfast

    beside = Holdfast(database_url)
    sqlite = database_url.startswith("sqlite")

    def empty() -> None:
        with beside.transaction() as connection:
            for table in TABLES:
                connection.execute(f"delete from {'holdfast_' if sqlite else 'holdfast.'}{table}")

    given = type("Given", (Machine,), {"store": opened, "empty": staticmethod(empty)})
    chances = settings(
        max_examples=MOST, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate], report_multiple_bugs=False, database=None,
    )  # fmt: skip
    run_state_machine_as_test(given, settings=chances)  # type: ignore[no-untyped-call]
    beside.close()


# Races on PostgreSQL, step by step: on SQLite one writes at a time


@dataclass
class Step:
    """An op under way on a connection of its own, whose transaction is open until `commit`."""

    session: Any
    answer: Any = None

    def commit(self) -> None:
        self.session.commit()
        self.session.close()


def begin(store: Store, op: Any) -> Step:
    session = store._open()
    session.begin()
    return Step(session, drive(session, op.steps(False)))


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Store]:
    store = open_store(Settings.load(url=postgres_url, migrate=True), Clock())
    store.migrate()
    yield store
    store.close()


def test_an_end_amid_the_enqueue_of_who_waits(postgres: Store) -> None:
    """The end finds the row locked and is tried again: then it finds who waits."""
    (first,) = add(postgres, job())
    held = take_one(postgres)
    new = after(first)
    enqueue = begin(postgres, jobs.enqueue([new], OURS))
    assert end_one(postgres, finish(held)) is Held.LOCKED
    enqueue.commit()
    assert end_one(postgres, finish(held)) is Held.DONE
    assert see(postgres, new.id).state is JobState.READY


def test_an_enqueue_amid_the_end(postgres: Store) -> None:
    """It cannot mark the row, and the pass finds that it has ended."""
    (first,) = add(postgres, job())
    held = take_one(postgres)
    ended = begin(postgres, jobs.end([finish(held)]))
    new = after(first)
    postgres.run(jobs.enqueue([new], OURS))
    assert see(postgres, new.id).state is JobState.BLOCKED
    postgres.run(passing.calls())
    assert see(postgres, new.id).state is JobState.BLOCKED
    ended.commit()
    see_to(postgres)
    assert see(postgres, new.id).state is JobState.READY


def test_two_ends_at_once(postgres: Store) -> None:
    """Each sees the other's job as live: neither lets the third go, the pass does."""
    first, second = add(postgres, job(), job())
    (third,) = add(postgres, after(first, second))
    held = {each.id: each for each in take(postgres)}
    one = begin(postgres, jobs.end([finish(held[first])]))
    assert end_one(postgres, finish(held[second])) is Held.DONE
    assert see(postgres, third).state is JobState.BLOCKED
    one.commit()
    see_to(postgres)
    assert see(postgres, third).state is JobState.READY


def test_a_person_amid_the_end(postgres: Store) -> None:
    """Somebody cancels who waits in a long transaction, and then does not."""
    (first,) = add(postgres, job())
    (second,) = add(postgres, after(first))
    held = take_one(postgres)
    cancelling = begin(postgres, manage.cancel([second], OURS))
    assert end_one(postgres, finish(held)) is Held.DONE
    for _ in range(3):
        postgres.run(passing.calls())
    cancelling.session.rollback()
    cancelling.session.close()
    assert see(postgres, second).state is JobState.BLOCKED
    see_to(postgres)
    assert see(postgres, second).state is JobState.READY


def test_of_a_ring_of_two_requests_at_once_one_is_refused(postgres: Store) -> None:
    """The first keeps the job that it waits for locked until it is committed."""
    one, two = job(key="one"), job(key="two")
    postgres.run(admit.admit([one, two], OURS))
    first = begin(postgres, admit.admit([after(one.id, key="two", on_conflict="replace")], OURS))
    errors: list[BaseException] = []

    def second() -> None:
        try:
            postgres.run(admit.admit([after(two.id, key="one", on_conflict="replace")], OURS))
        except DependencyCycle as error:
            errors.append(error)

    thread = threading.Thread(target=second, daemon=True)
    thread.start()
    thread.join(0.2)
    first.commit()
    thread.join(10)
    assert len(errors) == 1
    assert drained(postgres) == [one.id, two.id]


def test_or_the_pass_ends_what_would_wait_for_ever(postgres: Store) -> None:
    """In transactions of somebody else's neither locks what it waits for, nor sees what the other makes."""
    one, two = job(key="one"), job(key="two")
    postgres.run(admit.admit([one, two], OURS))
    first = begin(postgres, lent(admit.admit([after(one.id, key="two", on_conflict="replace")], OURS)))
    second = begin(postgres, lent(admit.admit([after(two.id, key="one", on_conflict="replace")], OURS)))
    first.commit()
    second.commit()
    assert drained(postgres) == []
    assert set(states(postgres, [one.id, two.id])) == {"cancelled"}


def drained(store: Store) -> list[str]:
    """Everything is run that can be: in which order."""
    ran: list[str] = []
    while True:
        see_to(store)
        taken = take(store, 1)
        if not taken:
            return ran
        ran.append(taken[0].id)
        end(store, *(finish(each) for each in taken))


def test_a_batch_cannot_end_amid_an_addition(postgres: Store) -> None:
    """And who closes it does not wait for who adds to it."""
    batch = new_id()
    postgres.run(batches.opened(batch, "b", 600.0, [], OURS))
    adding = begin(postgres, jobs.enqueue([after(batch=batch)], OURS))
    postgres.run(batches.closed(batch, OURS))
    for _ in range(3):
        postgres.run(passing.calls())
    adding.commit()
    see_to(postgres)
    (found,) = postgres.run(batches.get([batch], OURS))
    assert found is not None
    assert (found.state, found.total) == ("running", 1)


def test_nor_be_cancelled_but_then_it_is(postgres: Store) -> None:
    batch = new_id()
    postgres.run(batches.opened(batch, "b", 600.0, [], OURS))
    new = after(batch=batch)
    adding = begin(postgres, jobs.enqueue([new], OURS))
    postgres.run(batches.closed(batch, OURS, stop=True))
    for _ in range(3):
        postgres.run(passing.calls())
    adding.commit()
    see_to(postgres)
    assert see(postgres, new.id).state is JobState.CANCELLED
    (found,) = postgres.run(batches.get([batch], OURS))
    assert found is not None
    assert found.state == "cancelled"
