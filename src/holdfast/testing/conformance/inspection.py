"""Reading: by id and in pages, of one's own tenant only."""

import json

import pytest

from holdfast.ids import new_id
from holdfast.model.filter import JobFilter
from holdfast.model.job import JobState
from holdfast.model.tenant import ALL, Scope
from holdfast.storage.base import Store
from holdfast.storage.ops import inspect, jobs, lists
from holdfast.testing.conformance.kit import (
    OURS,
    Fixtures,
    add,
    end,
    end_one,
    finish,
    job,
    requeue,
    running,
    take,
)


def pages(store: Store, size: int, which: JobFilter | None = None, scope: Scope = OURS) -> list[str]:
    """All ids, page by page."""
    ids: list[str] = []
    after: lists.ById | None = None
    while True:
        found = store.run(lists.page(which or JobFilter(), scope, size, after))
        assert len(found.jobs) <= size
        ids += [record.id for record, _ in found.jobs]
        if not found.more:
            return ids
        last = found.jobs[-1][0]
        after = lists.ById(last.id, last.version)


class Inspection(Fixtures):
    def test_in_the_order_asked_and_nothing_for_the_absent(self, store: Store) -> None:
        ids = add(store, *(job() for _ in range(4)))
        end_one(store, finish(take(store, 1)[0]))
        asked = [ids[2], new_id(), ids[0], ids[3], ids[0]]
        found = store.run(inspect.get(asked, OURS))
        assert [getattr(each, "id", None) for each in found] == [ids[2], None, ids[0], ids[3], ids[0]]

    def test_nothing_asked(self, store: Store) -> None:
        assert store.run(inspect.get([], OURS)) == []

    def test_many_at_once(self, store: Store) -> None:
        ids = add(store, *(job() for _ in range(700)))
        end(store, *(finish(each) for each in take(store, 350)))
        found = store.run(inspect.get(ids, OURS))
        assert [getattr(each, "id", None) for each in found] == ids

    def test_pages_newest_first_live_and_finished(self, store: Store) -> None:
        ids = add(store, *(job() for _ in range(11)))
        end(store, *(finish(each) for each in take(store, 11)[::2]))
        for size in (1, 4, 11, 100):
            assert pages(store, size) == ids[::-1]

    @pytest.mark.parametrize(
        ("which", "expected"),
        [
            (JobFilter.of(state="succeeded"), [0]),
            (JobFilter.of(state="ready"), [5, 4, 3, 2, 1]),
            (JobFilter.of(state="running"), []),
            (JobFilter.of(queue="b"), [5, 3, 1]),
            (JobFilter.of(task="t1"), [4, 1]),
            (JobFilter.of(tag="even"), [4, 2, 0]),
            (JobFilter.of(tag="eve"), []),
            (JobFilter.of(tag="'\"%"), [5]),
            (JobFilter.of(state="ready", queue="a", task="t1", tag="even"), [4]),
        ],
    )
    def test_filters(self, store: Store, which: JobFilter, expected: list[int]) -> None:
        made = [
            job(
                queue="ab"[number % 2],
                task=f"t{number % 3}",
                tags={0: '["even","x"]', 5: json.dumps(["'\"%"])}.get(number if number == 5 else number % 2),
                priority=-number,
            )
            for number in range(6)
        ]
        ids = add(store, *made)
        end_one(store, finish(take(store, 1)[0]))
        for size in (1, 2, 10):
            assert pages(store, size, which) == [ids[number] for number in expected]

    def test_tenants_see_their_own(self, store: Store) -> None:
        for tenant in ("a", "b"):
            store.run(jobs.enqueue([job(tenant=tenant), job(tenant=tenant)], Scope(tenant)))
        end(store, *(finish(each) for each in take(store)[::2]))
        mine = pages(store, 10, scope=Scope("a"))
        assert len(mine) == 2
        assert [found for found in store.run(inspect.get(mine, Scope("b"))) if found] == []
        assert store.run(inspect.count(Scope("a"))) == {"running": 1, "succeeded": 1}
        assert store.run(inspect.count(ALL)) == {"running": 2, "succeeded": 2}
        assert store.run(inspect.count(Scope("nobody"))) == {}
        assert pages(store, 10) == []

    def test_reading_has_a_lane_of_its_own(self, store: Store) -> None:
        claimed = running(store)
        (found,) = store.run(inspect.get([claimed.id], OURS), "read")
        assert getattr(found, "state", None) is JobState.RUNNING
        end_one(store, requeue(claimed))
        (found,) = store.run(inspect.get([claimed.id], OURS), "read")
        assert getattr(found, "state", None) is JobState.READY
