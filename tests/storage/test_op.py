"""Operations are values that make fresh generators."""

from __future__ import annotations

import pytest

from holdfast.model.filter import JobFilter
from holdfast.model.tenant import ALL, Scope
from holdfast.storage.op import Op, Statement, one
from holdfast.storage.ops import doubt, duties, inspect, jobs, leases, lists, workers
from holdfast.storage.ops.workers import Sign
from holdfast.testing.conformance import kit

LEASE = jobs.Lease("default", kit.new_id(), 1)

EVERY: dict[str, Op[object]] = {
    "enqueue": jobs.enqueue([kit.job()], kit.OURS),
    "claim": jobs.claim(kit.wanted()),
    "claim queues": jobs.claim(kit.wanted(queues=("a",))),
    "claim again": jobs.claim(kit.wanted(), again=True),
    "claimed under": doubt.claimed_under(kit.wanted()),
    "finish": jobs.end([kit.finish(LEASE)]),
    "requeue": jobs.end([kit.requeue(LEASE)]),
    "finish and requeue": jobs.end([kit.finish(LEASE), kit.requeue(LEASE)]),
    "renew": leases.renew([(LEASE, 1.0)], 30.0),
    "unblock": workers.unblock(["a"]),
    "promote": duties.promote(),
    "prune": duties.prune(),
    "partitions": duties.partitions(),
    "lead": duties.lead("r", "b", 5.0),
    "abdicate": duties.abdicate("r", "b"),
    "prune workers": duties.prune_workers(),
    "get": inspect.get([LEASE.id], kit.OURS),
    "page": lists.page(JobFilter(), kit.OURS, 5),
    "count": inspect.count(kit.OURS),
    "workers": inspect.workers(),
    "seen": workers.seen(Sign("b", "n", "h", 1, None, "[]", 30.0, 0, "0")),
    "gone": workers.gone("b"),
}

ANSWERS: dict[str, list[tuple[object, ...]]] = {"promote": [(0, None, False)], "prune": [(0,)], "partitions": [(0, 0)]}
"""What statements that always answer answer."""


@pytest.mark.parametrize("name", EVERY)
def test_each_try_starts_anew_with_the_same_statement(name: str) -> None:
    first, second = EVERY[name].steps(False), EVERY[name].steps(False)
    assert next(first) == next(second)


@pytest.mark.parametrize("name", [name for name, op in EVERY.items() if op.single])
def test_single_ops_need_one_statement_where_all_goes_well(name: str) -> None:
    steps = EVERY[name].steps(False)
    statement = next(steps)
    answer = ANSWERS.get(statement.name) or [(ordinal,) for ordinal, _ in enumerate(statement.rows, 1)]
    if statement.name in ("get", "list", "claim", "claim_queues", "claim_again", "count", "workers", "lead"):
        answer = []
    with pytest.raises(StopIteration):
        steps.send(answer)


def test_ops_are_frozen() -> None:
    with pytest.raises(AttributeError):
        EVERY["count"].name = "other"  # type: ignore[misc]


def test_the_scope_is_everything_unless_said() -> None:
    assert EVERY["promote"].scope == ALL
    assert EVERY["enqueue"].scope == Scope("default")


def test_one_is_a_statement_of_one_row() -> None:
    assert one("x", 1, None) == Statement("x", ((1, None),))
    assert one("x") == Statement("x", ((),))


def test_what_makes_work_wakes() -> None:
    assert jobs.enqueue([kit.job()], kit.OURS).wakes
    assert jobs.enqueue([kit.job(delay=5.0), kit.job()], kit.OURS).wakes
    assert not jobs.enqueue([kit.job(delay=5.0)], kit.OURS).wakes
    assert not jobs.end([kit.finish(LEASE)]).wakes
    assert jobs.end([kit.requeue(LEASE)]).wakes
    assert not jobs.end([kit.requeue(LEASE, delay=5.0)]).wakes
