"""Limits: places for weights, starts that are spaced, parts by an argument, sizes changed while jobs wait."""

from holdfast.model.gate import Pass
from holdfast.model.job import JobState, NewJob
from holdfast.model.lifecycle import Requeue
from holdfast.storage.base import Store
from holdfast.storage.op import Op, Statement, Steps
from holdfast.storage.ops import duties, gates, standing
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import (
    LEASE,
    Fixtures,
    add,
    drain,
    end,
    end_one,
    finish,
    gated,
    grouped,
    ids_of,
    limited,
    see,
    states,
    sweep,
    take,
    take_one,
)


class Limits(Fixtures):
    def test_weights(self, store: Store) -> None:
        ids = add(store, *(gated(limited(size=4, weight=weight)) for weight in (3, 2, 1, 4)))
        first = take(store)
        assert ids_of(first) == ids[:1]  # the second does not fit, and holds up the lighter third
        end_one(store, finish(first[0]))
        second = take(store)
        assert ids_of(second) == ids[1:3]
        end(store, *map(finish, second))
        assert ids_of(take(store)) == ids[3:]

    def test_a_job_heavier_than_the_gate_runs_alone(self, store: Store) -> None:
        """It was resized since."""
        ids = add(store, gated(limited(size=5, weight=5)), gated(limited(size=5)))
        store.run(gates.edit("limit:api", "default", 2, None))
        assert drain(store) == ids

    def test_a_job_with_several_gates_needs_a_place_in_all(self, store: Store) -> None:
        both = [Pass("group:a"), limited(size=2)]
        ids = add(store, gated(*both), gated(*both), gated(Pass("group:b"), limited(size=2)), gated(limited(size=2)))
        first = take(store)
        assert ids_of(first) == [ids[0], ids[2]]
        end_one(store, finish(first[1]))
        assert ids_of(take(store)) == [ids[3]]
        end_one(store, finish(first[0]))
        assert ids_of(take(store)) == [ids[1]]

    def test_who_is_held_up_elsewhere_holds_up_nobody(self, store: Store) -> None:
        """A thousand jobs of one full group before one of another, all under one limit with free places."""
        add(store, *(gated(Pass("group:a"), limited(size=5)) for _ in range(60)))
        (other,) = add(store, gated(Pass("group:b"), limited(size=5)))
        assert other in ids_of(take(store))

    def test_who_is_held_up_elsewhere_is_not_overtaken_in_its_group(self, store: Store) -> None:
        (busy,) = add(store, gated(limited(size=1)))
        held = take_one(store)
        assert held.id == busy
        first, second = add(store, gated(Pass("group:a"), limited(size=1)), gated(Pass("group:a")))
        assert take(store) == []
        (urgent,) = add(store, gated(limited(size=1), priority=5))
        end_one(store, finish(held))
        assert drain(store) == [urgent, first, second]

    def test_nobody_holds_a_place_while_he_waits(self, store: Store) -> None:
        slow = limited("slow", size=1)
        ids = add(store, *(gated(limited("a", size=2), slow) for _ in range(5)))
        (free,) = add(store, gated(limited("a", size=2)))
        assert ids_of(take(store)) == [ids[0], free]

    def test_rates_space_starts(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(gated(limited(size=None, spacing=10.0)) for _ in range(3)))
        first = take(store)
        assert ids_of(first) == ids[:1]
        assert take(store) == []
        end_one(store, finish(first[0], elapsed=0.0))
        clock.advance(9)
        sweep(store)
        assert take(store) == []
        clock.advance(1.5)
        assert store.run(gates.due()).now
        sweep(store)
        second = take(store)
        assert ids_of(second) == ids[1:2]
        clock.advance(10.5)  # while it still runs
        assert store.run(gates.due()).now
        sweep(store)
        assert ids_of(take(store)) == ids[2:]

    def test_a_late_claim_moves_the_next_start(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(gated(limited(size=None, spacing=10.0)) for _ in range(2)))
        clock.advance(60)
        sweep(store)
        assert ids_of(take(store)) == ids[:1]
        clock.advance(9)
        sweep(store)
        assert take(store) == []
        clock.advance(2)
        sweep(store)
        assert ids_of(take(store)) == ids[1:]

    def test_no_burst_after_a_pause(self, store: Store, clock: Clock) -> None:
        add(store, gated(limited(size=None, spacing=1.0)))
        end_one(store, finish(take_one(store), elapsed=0.0))
        clock.advance(3600)
        add(store, *(gated(limited(size=None, spacing=1.0)) for _ in range(3)))
        assert len(take(store)) == 1

    def test_a_rescued_job_waits_for_the_rate_again(self, store: Store, clock: Clock) -> None:
        first, second = add(store, *(gated(limited(size=None, spacing=LEASE)) for _ in range(2)))
        take_one(store)
        clock.advance(LEASE - 1)
        sweep(store)
        clock.advance(1.5)
        sweep(store)
        (holder,) = take(store)
        assert holder.id == second
        lapse_first = store.run(
            duties.rescue(lambda lapsed: Requeue(JobState.READY, "rescued", uncounted=True, crashed=True))
        )
        assert [each.lease.id for each, _ in lapse_first] == [first]
        assert see(store, first).state is JobState.BLOCKED
        clock.advance(LEASE - 1)
        sweep(store)
        assert take(store) == []
        clock.advance(2)
        sweep(store)
        assert ids_of(take(store)) == [first]

    def test_editing_makes_room_and_lasts(self, store: Store) -> None:
        ids = add(store, *(gated(limited(size=1)) for _ in range(4)))
        assert len(take(store)) == 1
        store.run(gates.edit("limit:api", "default", 3, None))
        assert ids_of(take(store)) == ids[1:3]
        assert store.run(gates.reconcile([("limit:api", 1, None)])) == 0
        found = store.run(standing.get([("default", "limit:api")]))[0]
        assert found is not None
        assert (found.size, found.edited, found.used) == (3, True, 3)

    def test_reconciling_with_the_code(self, store: Store) -> None:
        ids = add(store, *(gated(limited(size=1)) for _ in range(4)))
        store.run(gates.reconcile([("limit:api", 2, None), ("limit:other", 5, 1.0)]))
        sweep(store)
        assert ids_of(take(store)) == ids[:2]

    def test_a_smaller_size_lets_what_runs_go_on(self, store: Store) -> None:
        ids = add(store, *(gated(limited(size=3)) for _ in range(5)))
        first = take(store)
        store.run(gates.edit("limit:api", "default", 1, None))
        end(store, finish(first[0]), finish(first[1]))
        assert take(store) == []
        end_one(store, finish(first[2]))
        assert ids_of(take(store)) == ids[3:4]

    def test_parts_of_a_limit(self, store: Store) -> None:
        def part(name: str) -> NewJob:
            return gated(Pass(f"limit:api/{name}", "limit:api", size=1))

        ids = add(store, part("a"), part("a"), part("b"))
        assert ids_of(take(store)) == [ids[0], ids[2]]
        store.run(gates.edit("limit:api", "default", 2, None))
        assert ids_of(take(store)) == [ids[1]]
        add(store, *(part("c") for _ in range(3)))
        assert len(take(store)) == 2

    def test_unused_gates_are_pruned_after_a_day(self, store: Store, clock: Clock) -> None:
        add(store, grouped("used"), grouped("gone"))
        for each in take(store):
            if see(store, each.id).group == "gone":
                end_one(store, finish(each))
        store.run(gates.edit("limit:kept", "default", 2, None))
        assert store.run(gates.prune()) == 0
        clock.advance(86401)
        assert store.run(gates.prune()) == 1
        (again,) = add(store, grouped("gone"))
        assert again in ids_of(take(store))

    def test_the_slow_look_finds_what_was_lost(self, store: Store) -> None:
        """Whatever was changed by hand, or by a fault: no job waits for ever."""
        ids = add(store, *(grouped(name) for name in ("a", "b", "b", "c")))
        assert states(store, ids) == ["ready", "ready", "blocked", "ready"]
        taken = {each.id: each for each in take(store)}
        lost = taken[ids[1]]
        row = (lost.tenant, lost.id, lost.token)
        store.run(Op("by hand", lambda again: _alone(Statement("discard", [row]))))
        assert take(store) == []
        last: tuple[str, str] | None = ("", "")
        while last is not None:
            last = store.run(gates.sweep(last, 1))
        assert ids_of(take(store)) == [ids[2]]


def _alone(statement: Statement) -> Steps[None]:
    yield statement
