"""Whoever listens hears of new work soon. It is a hint; polling is the truth."""

import threading
from contextlib import closing

from holdfast.storage.base import Store
from holdfast.testing.conformance.kit import Fixtures, add, end_one, finish, job, requeue, running, see

SOON = 5.0
"""Seconds: it takes a few milliseconds, and machines may be busy."""


class Waking(Fixtures):
    def test_an_enqueue_wakes(self, store: Store) -> None:
        woken = threading.Event()
        with closing(store.listen(woken.set)):
            add(store, job())
            assert woken.wait(SOON)

    def test_an_enqueue_elsewhere_wakes(self, store: Store, peer: Store) -> None:
        woken = threading.Event()
        add(store, job())
        with closing(store.listen(woken.set)):
            _settle(woken)
            add(peer, job())
            assert woken.wait(SOON)

    def test_a_ring_wakes_all(self, store: Store, peer: Store) -> None:
        first, second = threading.Event(), threading.Event()
        with closing(store.listen(first.set)), closing(peer.listen(second.set)):
            store.ring()
            assert first.wait(SOON)
            assert second.wait(SOON)

    def test_a_job_that_goes_back_wakes(self, store: Store) -> None:
        claimed = running(store)
        woken = threading.Event()
        with closing(store.listen(woken.set)):
            _settle(woken)
            end_one(store, requeue(claimed))
            assert woken.wait(SOON)

    def test_a_listener_that_raises_harms_nobody(self, store: Store) -> None:
        woken = threading.Event()

        def broken() -> None:
            raise RuntimeError("a listener's own trouble")

        with closing(store.listen(broken)), closing(store.listen(woken.set)):
            (id,) = add(store, job())
            assert woken.wait(SOON)
            assert see(store, id).id == id
            woken.clear()
            add(store, job())
            assert woken.wait(SOON)

    def test_a_closed_listener_hears_nothing(self, store: Store) -> None:
        woken = threading.Event()
        store.listen(woken.set).close()
        woken.clear()
        claimed = running(store)
        end_one(store, finish(claimed))
        assert not woken.is_set()


def _settle(woken: threading.Event) -> None:
    """Let what was rung before be heard, so that the next wake-up is that of the test."""
    woken.wait(0.15)
    woken.clear()
