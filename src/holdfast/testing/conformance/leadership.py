"""One leader at a time, and a term that grows with every change of hands."""

import threading
from concurrent.futures import ThreadPoolExecutor

from holdfast.storage.base import Store
from holdfast.storage.ops import duties
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import Fixtures


class Leadership(Fixtures):
    def test_one_leads_and_keeps_its_term(self, store: Store, clock: Clock) -> None:
        assert store.run(duties.lead("r", "a", 5.0)) == 1
        assert store.run(duties.lead("r", "b", 5.0)) is None
        clock.advance(4)
        assert store.run(duties.lead("r", "a", 5.0)) == 1
        clock.advance(4)
        assert store.run(duties.lead("r", "b", 5.0)) is None

    def test_a_late_leader_is_followed(self, store: Store, clock: Clock) -> None:
        store.run(duties.lead("r", "a", 5.0))
        clock.advance(5.000001)
        assert store.run(duties.lead("r", "b", 5.0)) == 2
        assert store.run(duties.lead("r", "a", 5.0)) is None
        clock.advance(60)
        assert store.run(duties.lead("r", "a", 5.0)) == 3

    def test_a_leader_gives_up_at_once(self, store: Store, clock: Clock) -> None:
        store.run(duties.lead("r", "a", 5.0))
        store.run(duties.abdicate("r", "b"))
        assert store.run(duties.lead("r", "b", 5.0)) is None
        store.run(duties.abdicate("r", "a"))
        assert store.run(duties.lead("r", "b", 5.0)) == 2
        store.run(duties.abdicate("nobody's", "a"))

    def test_roles_are_apart(self, store: Store) -> None:
        assert store.run(duties.lead("r", "a", 5.0)) == 1
        assert store.run(duties.lead("s", "b", 5.0)) == 1

    def test_of_many_at_once_one_wins(self, store: Store, peer: Store) -> None:
        start = threading.Barrier(6)

        def stand(number: int) -> int | None:
            start.wait()
            return (store, peer)[number % 2].run(duties.lead("r", f"boot {number}", 5.0))

        with ThreadPoolExecutor(6) as pool:
            terms = list(pool.map(stand, range(6)))
        assert sorted(term for term in terms if term) == [1]
