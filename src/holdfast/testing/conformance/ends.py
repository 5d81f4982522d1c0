"""Ends of jobs that somebody hears of."""

from typing import Any

from holdfast.model.job import JobState
from holdfast.model.tenant import Scope
from holdfast.storage.base import Store
from holdfast.storage.ops import deliveries, ends, pipes
from holdfast.storage.ops.ends import Heard
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import OURS, Fixtures, end, error_entry, finish, repeated, running

ADDED = Heard("added", "add", "succeeded")
ANY = Heard("any", "add", None)


def hear(store: Store, *heard: Heard) -> None:
    store.run(deliveries.declare([(each.pipe, "next") for each in heard], ["next"], heard))


def values(store: Store, pipe: str, scope: Scope = OURS) -> list[Any]:
    return [each.value for each in store.run(pipes.page(pipe, scope, 100))][::-1]


class Ends(Fixtures):
    def test_ends_are_told_once_in_their_order(self, store: Store, peer: Store, clock: Clock) -> None:
        assert not store.run(ends.wanted(), "read")
        assert store.run(ends.tell()) == 0
        end(store, finish(running(store)))
        clock.advance("1s")
        hear(store, ADDED, ANY)
        assert store.run(ends.wanted(), "read")
        first, second, other = running(store), running(store, args='{"a":2}'), running(store, task="other")
        end(store, finish(first, result="7"))
        clock.advance("1s")
        end(store, finish(second, JobState.FAILED, reason="exhausted", error=error_entry("no")), finish(other))
        op = ends.tell()
        assert peer.run(op) == 3
        assert peer.run(repeated(op)) == 0
        assert store.run(ends.tell()) == 0
        (told,) = values(store, "added")
        assert (told["id"], told["version"], told["state"], told["args"]) == (first.id, 1, "succeeded", {"a": 1})
        assert (told["result"], told["error"], told["tenant"], told["task"]) == ("7", None, "default", "add")
        assert [each["id"] for each in values(store, "any")] == [first.id, second.id]
        failed = values(store, "any")[1]
        assert (failed["state"], failed["reason"], failed["error"]) == ("failed", "exhausted", ["ValueError", "no"])

    def test_ends_are_told_in_pages(self, store: Store) -> None:
        hear(store, ADDED)
        end(store, *(finish(running(store)) for _ in range(5)))
        assert [store.run(ends.tell(2)) for _ in range(4)] == [2, 2, 1, 0]
        assert len(values(store, "added")) == 5

    def test_each_tenant_is_told_of_its_own(self, store: Store) -> None:
        hear(store, ADDED)
        mine, others = running(store), running(store, tenant="other")
        end(store, finish(mine), finish(others))
        store.run(ends.tell())
        assert [each["id"] for each in values(store, "added")] == [mine.id]
        assert [each["id"] for each in values(store, "added", Scope("other"))] == [others.id]

    def test_a_job_of_which_nothing_is_kept(self, store: Store) -> None:
        hear(store, ADDED)
        end(store, finish(running(store), keep=0.0, result="7"))
        store.run(ends.tell())
        (told,) = values(store, "added")
        assert (told["args"], told["result"]) == (None, None)

    def test_what_triggers_nothing_any_more_is_not_told(self, store: Store, clock: Clock) -> None:
        hear(store, ADDED, ANY)
        hear(store, ANY)
        end(store, finish(running(store)))
        assert store.run(ends.tell()) == 1
        assert values(store, "added") == []
        assert store.run(ends.drop()) == 0
        hear(store)
        assert not store.run(ends.wanted(), "read")
        clock.advance("1d")
        end(store, finish(running(store)))
        clock.advance("1s")
        hear(store, ANY)
        assert store.run(ends.tell()) == 0, "nobody heard of it when it came"
