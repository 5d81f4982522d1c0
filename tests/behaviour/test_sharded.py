"""Several databases behind one app: a tenant is in one of them, workers serve all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import Context, Holdfast, TaskSet
from holdfast.errors import ConfigError, InvalidOption
from holdfast.sharded import Sharded

pytestmark = pytest.mark.usefixtures("time_limit")

tasks = TaskSet()
SHARDS: list[Sharded[Holdfast]] = []


@tasks.task(name="double")
def double(ctx: Context, a: int) -> int:
    if a > 100:
        shards = SHARDS[-1]
        shards.tenant(ctx.job.tenant).enqueue_many([double.call(a - 100)])
    return 2 * a


@pytest.fixture
def places() -> dict[str, str]:
    return {}


@pytest.fixture
def shards(database_url: str, sqlite_url: str, places: dict[str, str], tmp_path: Path) -> Iterator[Sharded[Holdfast]]:
    """`acme` in the one database, all others in another."""
    other = f"sqlite:///{tmp_path}/other.db"
    places["acme"] = database_url
    made = Holdfast.sharded(lambda tenant: places.get(tenant, other), [database_url, other], tasks)
    made.migrate()
    SHARDS.append(made)
    yield made
    SHARDS.pop()
    made.close()


def test_a_tenant_is_in_one_of_them(shards: Sharded[Holdfast]) -> None:
    (job,) = shards.tenant("acme").enqueue_many([double.call(2)])
    (other,) = shards.tenant("beta").enqueue_many([double.call(3)])
    assert shards.app_of("acme") is not shards.app_of("beta")
    assert shards.tenant("acme").jobs.get(other.id) is None
    assert shards.app_of("beta").tenant("acme").jobs.count() == {}
    assert [report.succeeded for report in shards.work_once()] == [1, 1]
    assert (job.result(timeout=5), other.result(timeout=5)) == (4, 6)


def test_workers_serve_all_and_bodies_enqueue_where_they_run(shards: Sharded[Holdfast]) -> None:
    jobs = [shards.tenant(name).enqueue_many([double.call(101)])[0] for name in ("acme", "beta")]
    with shards.worker(concurrency=2) as workers:
        assert len(workers) == 2
        assert [job.result(timeout=20) for job in jobs] == [202, 202]

    async def again() -> list[int]:
        async with shards.aworker(concurrency=2):
            later = [shards.tenant(name).enqueue_many([double.call(5)])[0] for name in ("acme", "beta")]
            return [await job.aresult(timeout=20) for job in later]

    assert asyncio.run(again()) == [10, 10]
    for name in ("acme", "beta"):
        assert shards.tenant(name).jobs.count()["succeeded"] == 3


def test_a_tenant_moves_and_what_it_left_is_worked_off(shards: Sharded[Holdfast], places: dict[str, str]) -> None:
    before = shards.app_of("acme")
    (left,) = shards.tenant("acme").enqueue_many([double.call(1)])
    url = places.pop("acme")
    (new,) = shards.tenant("acme").enqueue_many([double.call(2)])
    assert shards.elsewhere("acme") == {url: {"ready": 1}}
    shards.work_once()
    assert shards.elsewhere("acme") == {}
    assert (left.result(timeout=5), new.result(timeout=5)) == (2, 4)
    assert shards.tenant("acme").jobs.get(left.id) is None
    assert before.tenant("acme").jobs.get(left.id) is not None


def test_a_file_for_each_tenant(tmp_path: Path) -> None:
    def place(tenant: str) -> str:
        return f"sqlite:///{tmp_path}/{tenant.encode().hex()}.db"

    urls: Callable[[], Any] = lambda: [f"sqlite:///{file}" for file in sorted(tmp_path.glob("*.db"))]  # noqa: E731
    shards = Holdfast.sharded(place, urls, tasks)
    jobs = [shards.tenant(name).enqueue_many([double.call(1)])[0] for name in ("acme", "a/b")]
    assert sorted(file.name for file in tmp_path.glob("*.db")) == ["612f62.db", "61636d65.db"]
    shards.work_once()
    assert [job.result(timeout=5) for job in jobs] == [2, 2]
    shards.close()


@pytest.mark.parametrize("bad", [None, "", "somewhere", 5])
def test_no_place_for_a_tenant(bad: Any) -> None:
    shards = Holdfast.sharded(lambda tenant: bad, [], tasks)
    with pytest.raises(ConfigError, match="place must answer the URL"):
        shards.tenant("acme")
    with pytest.raises(InvalidOption):
        shards.tenant("")
