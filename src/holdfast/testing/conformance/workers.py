"""Workers say that they live, and are forgotten when they do not."""

from typing import Any

from holdfast.ids import new_id
from holdfast.storage.base import Store
from holdfast.storage.ops import duties, inspect, workers
from holdfast.storage.ops.workers import Sign
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import Fixtures


def sign(boot: str = "boot", **others: Any) -> Sign:
    values: dict[str, Any] = {
        "name": "host:1", "host": "host", "pid": 1, "queues": None, "tasks": '["a"]', "lease": 30.0, "running": 0,
        "concurrency": 10, "paused": False, "version": "0.1", **others,
    }  # fmt: skip
    return Sign(boot, **values)


class Workers(Fixtures):
    def test_a_sign_of_life(self, store: Store, clock: Clock) -> None:
        store.run(workers.seen(sign(queues='["q"]', pid=2**22, running=3)))
        (found,) = store.run(inspect.workers())
        assert (found.boot, found.name, found.host, found.pid) == ("boot", "host:1", "host", 2**22)
        assert (found.queues, found.tasks, found.lease, found.running) == ('["q"]', '["a"]', 30.0, 3)
        assert (found.version, found.alive) == ("0.1", True)
        assert found.started_at == found.seen_at == clock.now()

    def test_the_next_sign_renews(self, store: Store, clock: Clock) -> None:
        began = clock.now()
        store.run(workers.seen(sign()))
        clock.advance(50)
        store.run(workers.seen(sign(tasks='["a","b"]', running=2)))
        (found,) = store.run(inspect.workers())
        assert (found.started_at, found.seen_at) == (began, clock.now())
        assert (found.tasks, found.running) == ('["a","b"]', 2)

    def test_two_leases_of_silence_are_taken_for_death(self, store: Store, clock: Clock) -> None:
        store.run(workers.seen(sign()))
        clock.advance(59)
        assert [each.alive for each in store.run(inspect.workers())] == [True]
        clock.advance(2)
        assert [each.alive for each in store.run(inspect.workers())] == [False]

    def test_newest_first(self, store: Store, clock: Clock) -> None:
        for boot in "abc":
            store.run(workers.seen(sign(boot)))
            clock.advance(1)
        assert [each.boot for each in store.run(inspect.workers())] == ["c", "b", "a"]

    def test_one_that_stops_in_order_leaves(self, store: Store) -> None:
        store.run(workers.seen(sign("a")))
        store.run(workers.seen(sign("b")))
        store.run(workers.gone("a"))
        store.run(workers.gone("a"))
        assert [each.boot for each in store.run(inspect.workers())] == ["b"]

    def test_the_dead_are_forgotten_after_an_hour(self, store: Store, clock: Clock) -> None:
        for boot in "abc":
            store.run(workers.seen(sign(boot)))
        clock.advance(3_600)
        store.run(workers.seen(sign("c")))
        assert store.run(duties.prune_workers()) == 0
        clock.advance(61)
        assert store.run(duties.prune_workers(batch=1)) == 1
        assert store.run(duties.prune_workers()) == 1
        assert [each.boot for each in store.run(inspect.workers())] == ["c"]

    def test_one_that_lives_is_not_mourned(self, store: Store, peer: Store) -> None:
        life = store.live(new_id())
        dead: list[str] = []
        assert store.mourn(dead.append) in (0, None)
        assert peer.mourn(dead.append) in (0, None)
        life.close()
        life.close()  # as often as one likes
        assert store.mourn(dead.append) in (0, None)
        assert dead == []
