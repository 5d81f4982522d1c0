from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from holdfast.model.job import ClaimedJob
from holdfast.model.turns import Ask, Line, Served, Turns


def job(tenant: str, seq: int, rank: int = 0, queue: str = "q") -> ClaimedJob:
    return ClaimedJob(tenant, str(seq), 1, 1, "t", queue, "{}", -rank, 1, 1, 0, None, "{}", 0, seq)


class Shop:
    """Lines of jobs, and a worker that takes from them by turns."""

    def __init__(self, waiting: dict[str, int], weights: dict[str, int] | None = None) -> None:
        self.waiting = Counter(waiting)
        self.weights = weights or {}
        self.turns = Turns()
        self.seq = 0

    def lines(self) -> list[Line]:
        return [Line(0, name, self.weights.get(name, 1)) for name, left in sorted(self.waiting.items()) if left]

    def take(self, batch: int) -> list[str]:
        """Claimed and begun, in this order."""
        lines = self.lines()
        self.turns.looked(lines, False)
        asks = self.turns.ask(self.turns.lines, False, batch)
        assert sum(ask.most for ask in asks) <= batch
        jobs: list[ClaimedJob] = []
        for ask in asks:
            for _ in range(min(ask.most, self.waiting[ask.line.tenant])):
                self.seq += 1
                self.waiting[ask.line.tenant] -= 1
                jobs.append(job(ask.line.tenant, self.seq))
        taken = self.turns.took(asks, jobs, "")
        self.turns.served.recount(taken[-1].turn if taken else 0, {})
        return [one.tenant for one in taken]


def test_weights_are_shares() -> None:
    shop = Shop({"a": 1000, "b": 1000, "c": 1000}, {"a": 3, "b": 2})
    served = [name for _ in range(20) for name in shop.take(6)]
    assert Counter(served) == {"a": 60, "b": 40, "c": 20}
    assert all(Counter(served[at : at + 6])["c"] <= 2 for at in range(0, 120, 6))


def test_weights_are_shares_when_one_job_is_taken_at_a_time() -> None:
    shop = Shop({"a": 1000, "b": 1000}, {"a": 4})
    assert Counter(name for _ in range(50) for name in shop.take(1)) == {"a": 40, "b": 10}


def test_what_was_taken_ahead_does_not_hold_up_who_comes_later() -> None:
    shop = Shop({"a": 1000})
    shop.turns.looked(shop.lines(), False)
    asks = shop.turns.ask(shop.turns.lines, False, 100)
    ahead = shop.turns.took(asks, [job("a", seq) for seq in range(100)], "")
    shop.turns.served.recount(ahead[2].turn, {"a": 97})
    lines = [Line(0, "a", 1), Line(0, "b", 1)]
    shop.turns.looked(lines, False)
    asks = shop.turns.ask(shop.turns.lines, False, 1)
    assert asks == [Ask(lines[1], 1)]
    (late,) = shop.turns.took(asks, [job("b", 1000)], "")
    assert ahead[1].order < late.order < ahead[4].order


def test_what_was_given_back_is_not_counted() -> None:
    served = Served()
    served.ends["a"] = 500.0
    served.recount(3.0, {"a": 2})
    assert served.begin("a") == 6.0


def test_lines_of_one_tenant_share_its_turns() -> None:
    turns = Turns()
    lines = [Line(0, "a", 1, "x"), Line(0, "a", 1, "y"), Line(0, "b", 1, "x")]
    asks = turns.ask(lines, False, 8)
    assert Counter({(ask.line.tenant): 0 for ask in asks}) | Counter(
        {name: sum(ask.most for ask in asks if ask.line.tenant == name) for name in "ab"}
    ) == {"a": 4, "b": 4}


def test_no_more_of_a_queue_than_it_lets_in() -> None:
    lines = [Line(0, "a", 1, "x"), Line(0, "b", 1, "x"), Line(0, "b", 1, "y"), Line(1, "c", 1, "x")]
    asks = Turns().ask(lines, False, 10, {"x": 1})
    assert sum(ask.most for ask in asks if ask.line.queue == "x") == 1
    assert sum(ask.most for ask in asks if ask.line.queue == "y") == 9


def test_more_lines_than_a_look_sees_are_visited_one_after_the_other() -> None:
    lines = [Line(0, name, weight) for name, weight in (("a", 1), ("b", 3), ("c", 1))]
    asks = Turns().ask(lines, True, 3)
    assert [(ask.line.tenant, ask.most) for ask in asks] == [("a", 1), ("b", 2)]


@given(
    waiting=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 200), min_size=2),
    batch=st.integers(1, 60),
)
def test_who_has_jobs_left_got_as_much_as_anybody(waiting: dict[str, int], batch: int) -> None:
    shop = Shop(waiting)
    served: Counter[str] = Counter()
    while sum(shop.waiting.values()):
        before = +shop.waiting
        served.update(shop.take(batch))
        backlogged = [name for name in before if shop.waiting[name]]
        most = max(served.values())
        assert all(most - served[name] <= 1 for name in backlogged), (served, shop.waiting)
