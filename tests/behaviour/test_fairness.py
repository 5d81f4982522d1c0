"""Tenants that wait in one queue and priority are served in turns, whatever waits behind."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from holdfast import Holdfast
from holdfast.errors import InvalidOption, MisuseError, QuotaExceeded
from holdfast.model.turns import MOST_LINES
from holdfast.testing import Clock

pytestmark = pytest.mark.usefixtures("time_limit")


class Bakery:
    """An app whose jobs note for whom they ran."""

    def __init__(self, make_app: Any, **settings: Any) -> None:
        self.make_app = make_app
        self.served: list[str] = []
        self.app = self.branch(**settings)

    def branch(self, **settings: Any) -> Holdfast:
        """One more process that works on the same."""
        app: Holdfast = self.make_app(**settings)

        @app.task
        async def bake(who: str) -> None:
            self.served.append(who)

        self.bake = bake
        return app

    def order(self, tenant: str, count: int = 1, **options: Any) -> None:
        self.app.tenant(tenant).enqueue_many([self.bake.using(**options).call(tenant) for _ in range(count)])

    def serve(self, batch: int, **options: Any) -> Counter[str]:
        """So many jobs, one after the other; whose they were."""
        before = len(self.served)
        self.app.work_once(batch=batch, concurrency=1, **options)
        return Counter(self.served[before:])


@pytest.fixture
def bakery(make_app: Any) -> Bakery:
    return Bakery(make_app)


def jain(each: Iterable[int]) -> float:
    """1 where all have as much, 1/n where one has all."""
    counts = list(each)
    return sum(counts) ** 2 / (len(counts) * sum(one * one for one in counts))


def test_g30_a_backlog_delays_anothers_job_by_one_round_at_most(bakery: Bakery) -> None:
    bakery.order("default", 300)
    bakery.order("acme", 600)
    bakery.order("zeta")
    served = bakery.serve(31)
    assert bakery.served.index("zeta") <= 2
    assert served == {"acme": 15, "default": 15, "zeta": 1}
    bakery.order("beta")
    bakery.serve(3)
    assert "beta" in bakery.served[-3:]


def test_what_a_tenant_leaves_is_the_others(bakery: Bakery) -> None:
    bakery.order("acme", 40)
    bakery.order("beta", 2)
    assert bakery.serve(20) == {"acme": 18, "beta": 2}


def test_higher_priorities_first_whosever_they_are(bakery: Bakery) -> None:
    bakery.order("acme", 10)
    bakery.order("beta", 3, priority=1)
    bakery.order("zeta", 1, priority=2)
    assert bakery.serve(4) == {"beta": 3, "zeta": 1}
    assert bakery.served[0] == "zeta"


def test_a_hundred_tenants_of_very_different_backlogs(bakery: Bakery) -> None:
    tenants = [f"t{number}" for number in range(100)]
    for number, tenant in enumerate(tenants):
        bakery.order(tenant, 2000 if number == 50 else 2 + number % 5)
    served = bakery.serve(200)
    assert jain(served[tenant] for tenant in tenants) >= 0.98


def test_processes_that_serve_a_few_each_begin_where_others_ended(bakery: Bakery) -> None:
    """More tenants than one look sees, none is left out and none is served twice."""
    tenants = [f"t{number:03}" for number in range(3 * MOST_LINES)]
    for tenant in tenants:
        bakery.order(tenant, 2)
    for _ in range(8):
        bakery.branch().work_once(batch=12, concurrency=12)
    assert Counter(bakery.served) == dict.fromkeys(tenants, 1)


def test_processes_that_serve_few_tenants_begin_where_others_ended(bakery: Bakery) -> None:
    for tenant in "abcdef":
        bakery.order(tenant, 4)
    for _ in range(6):
        bakery.branch().work_once(batch=2, concurrency=1)
    assert Counter(bakery.served) == dict.fromkeys("abcdef", 2)


def test_in_one_of_several_queues(bakery: Bakery) -> None:
    bakery.order("acme", 50, queue="bread")
    bakery.order("acme", 50, queue="cake")
    bakery.order("beta", 1, queue="cake")
    bakery.order("default", 50, queue="cake")
    served = bakery.serve(9, queues=["cake"])
    assert served == {"acme": 4, "beta": 1, "default": 4}
    assert bakery.serve(6, queues=["bread", "cake"])["default"] == 3


def test_a_queue_with_a_limit(bakery: Bakery) -> None:
    bakery.app.queues.configure("cake", concurrency=1)
    bakery.order("acme", 20, queue="cake")
    bakery.order("beta", 2, queue="cake")
    bakery.order("zeta", 10)
    bakery.serve(2)
    bakery.serve(6)
    assert Counter(bakery.served)["beta"] >= 1


def test_jobs_that_come_back_keep_their_turn(bakery: Bakery, clock: Clock) -> None:
    bakery.order("acme", 20)
    bakery.order("beta", 2, delay="1m")
    assert bakery.serve(4) == {"acme": 4}
    clock.advance("1m")
    assert bakery.serve(4) == {"acme": 2, "beta": 2}


def test_a_tenant_of_more_weight_has_more_turns(bakery: Bakery) -> None:
    assert bakery.app.tenants.configure("acme", weight=3).weight == 3
    bakery.order("acme", 40)
    bakery.order("beta", 40)
    assert bakery.serve(20) == {"acme": 15, "beta": 5}
    assert [one.name for one in bakery.app.tenants.list()] == ["acme"]


def test_a_tenant_holds_back_its_own_jobs(bakery: Bakery) -> None:
    acme = bakery.app.tenant("acme")
    assert acme.queues.pause("default", by="acme's ops").paused
    bakery.order("acme", 3)
    bakery.order("acme", 1, queue="other")
    bakery.order("beta", 3)
    assert not bakery.app.queues.get("default").paused
    assert bakery.serve(10) == {"acme": 1, "beta": 3}
    assert bakery.serve(10, queues=["default"]) == {}
    (first, *_) = acme.jobs.list(state="ready")
    why = acme.jobs.explain(first.id)
    assert why is not None
    assert why.reasons[0].code == "queue_paused"
    with pytest.raises(MisuseError, match=r"app\.queues"):
        acme.queues.configure("default", concurrency=1)
    assert not acme.queues.resume("default").paused
    assert bakery.serve(10) == {"acme": 3}


def test_no_more_live_jobs_than_a_quota(bakery: Bakery) -> None:
    bakery.app.tenants.configure("acme", live=3)
    bakery.order("beta", 5)
    bakery.order("acme", 2)
    with pytest.raises(QuotaExceeded) as refused:
        bakery.order("acme", 2)
    assert (refused.value.code, refused.value.quota, refused.value.most, refused.value.had) == (
        "quota_exceeded", "live", 3, 2,
    )  # fmt: skip
    with pytest.raises(QuotaExceeded):
        bakery.app.tenant("acme").enqueue_many([bakery.bake.using(key=str(n)).call("acme") for n in range(2)])
    with pytest.raises(QuotaExceeded), bakery.app.tenant("acme").transaction() as mine:
        bakery.app.bind(mine).enqueue_many([bakery.bake.using(tenant="acme").call("acme") for _ in range(2)])
    assert bakery.app.tenant("acme").jobs.count() == {"ready": 2}
    bakery.order("acme", 1)
    bakery.serve(10)
    bakery.order("acme", 3)
    bakery.app.tenants.configure("acme", live=None)
    bakery.order("acme", 3)


def test_no_more_stored_than_a_quota(bakery: Bakery) -> None:
    bakery.app.tenants.configure("acme", live=100, storage=8000)
    bakery.app.tenant("acme").enqueue_many([bakery.bake.call("x" * 3000) for _ in range(2)])
    with pytest.raises(QuotaExceeded, match="bytes"):
        bakery.app.tenant("acme").enqueue_many([bakery.bake.call("x" * 3000)])
    assert bakery.app.tenant("acme").jobs.count() == {"ready": 2}


@pytest.mark.parametrize(
    "bad", [{}, {"weight": 0}, {"weight": 1.5}, {"live": -1}, {"live": True}, {"storage": 5}, {"live": 10**6}], ids=str
)
def test_what_cannot_be_said_of_a_tenant(bakery: Bakery, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        bakery.app.tenants.configure("acme", **bad)
    with pytest.raises(InvalidOption, match="default"):
        bakery.app.tenants.configure("default", live=5)
    with pytest.raises(MisuseError):
        bakery.app.tenant("acme").tenants.configure("acme", weight=2)
    assert bakery.app.tenants.get("acme").updated_at is None


def test_quotas_cost_nothing_where_there_are_none(bakery: Bakery, count_statements: Any) -> None:
    bakery.app.tenants.configure("acme", live=5)
    bakery.app.tenants.configure("acme", live=None)
    names = count_statements(bakery.app)
    bakery.app.enqueue_many([bakery.bake.call("default")])
    for _ in range(3):
        bakery.order("acme", 1)
    assert [name for name in names if name != "notify"] == ["enqueue", "quotas", "enqueue", "enqueue", "enqueue"]


def test_higher_priorities_first_however_many_wait_below(bakery: Bakery) -> None:
    for number in range(2 * MOST_LINES):
        bakery.order(f"t{number:03}", 2)
    assert bakery.serve(40).keys() == {f"t{number:03}" for number in range(40)}
    bakery.order("t001", 1, priority=1)
    bakery.order("t002", 1, priority=1)
    assert bakery.serve(2) == {"t001": 1, "t002": 1}
    assert bakery.serve(30)["t063"] == 1


def test_two_workers_take_turns_and_run_each_job_once(make_app: Any) -> None:
    bakery = Bakery(make_app, clock=None)
    tenants = [f"t{number:02}" for number in range(50)]
    for tenant in tenants:
        bakery.order(tenant, 12)
    other = bakery.branch(clock=None)
    with bakery.app.worker(concurrency=3), other.worker(concurrency=3):
        deadline = time.monotonic() + 30
        while len(bakery.served) < 600 and time.monotonic() < deadline:
            time.sleep(0.02)
    assert Counter(bakery.served) == dict.fromkeys(tenants, 12)
    assert jain(Counter(bakery.served[:300])[tenant] for tenant in tenants) >= 0.8  # each counts by itself
