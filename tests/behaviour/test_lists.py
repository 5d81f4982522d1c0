"""Lists of jobs: every filter, pages both ways in each order, bounded counts; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from holdfast import Holdfast, JobState
from holdfast.errors import InvalidOption
from holdfast.storage.ops import lists
from holdfast.testing import Clock, drain


@pytest.fixture
def tasks(app: Holdfast) -> Any:
    @app.task(name="good", keep_succeeded="1d", keep_failed="1d")
    def good(n: int = 0) -> int:
        return n

    @app.task(name="bad")
    def bad(why: str) -> None:
        raise ValueError(why)

    class Tasks:
        pass

    tasks: Any = Tasks()
    tasks.good, tasks.bad = good, bad
    return tasks


def ids(app: Holdfast, **which: Any) -> list[str]:
    return [record.id for record in app.jobs.list(**which)]


def test_every_filter(app: Holdfast, tasks: Any, clock: Clock) -> None:
    born = clock.now()
    first = tasks.good.using(key="k", tags=["x"], priority=5).enqueue()
    clock.advance(60)
    second = tasks.good.using(queue="mail", group="g", priority=-1, delay="1h").enqueue()
    third = tasks.bad.enqueue("no such host: a%b_c'")
    drain(app, queues=["default"])
    clock.advance(60)
    middle = clock.now()
    fourth = tasks.good.using(priority=7).enqueue()
    found = app.jobs.get(third.id)
    assert found is not None
    assert found.finished_at is not None
    for which, expected in [
        ({"state": ["failed", JobState.READY]}, [fourth, third]),
        ({"state": "running"}, []),
        ({"key": "k", "queue": "default"}, [first]),
        ({"key": "k"}, [first]),
        ({"group": "g"}, [second]),
        ({"priority": 5}, [first]),
        ({"priority": (0, 6)}, [third, first]),
        ({"priority": (6, None)}, [fourth]),
        ({"created": born}, [first]),
        ({"created": (None, middle)}, [third, second, first]),
        ({"created": (middle, None)}, [fourth]),
        ({"due": (middle, None)}, [fourth, second]),
        ({"finished": found.finished_at}, [third, first]),
        ({"finished": (middle, None)}, []),
        ({"error": "host"}, [third]),
        ({"error": "a%b_c'"}, [third]),
        ({"error": "ValueError"}, [third]),
        ({"error": "a_b"}, []),
        ({"tenant": "default", "tag": "x"}, [first]),
        ({"tenant": "other"}, []),
    ]:
        assert ids(app, **which) == [job.id for job in expected], which
        assert app.jobs.count(**which).total == len(expected), which


@pytest.mark.parametrize("order", ["created", "-created", "claim", "-claim"])
@pytest.mark.parametrize("queue", [None, "a"])
def test_pages_both_ways(app: Holdfast, tasks: Any, order: Any, queue: str | None) -> None:
    for n in range(11):
        tasks.good.using(queue="ab"[n % 2], priority=n % 3).enqueue(n)
    whole = [job.id for job in app.jobs.list(order=order, queue=queue)]
    expected = [n for n in range(11) if queue is None or n % 2 == 0]
    key = (lambda n: (-(n % 3), n)) if "claim" in order else (lambda n: n)
    assert [job.args["n"] for job in app.jobs.list(order=order, queue=queue)] == sorted(
        expected, key=key, reverse=order.startswith("-")
    )
    page = app.jobs.list(order=order, queue=queue, limit=4)
    assert page.previous is None
    seen, pages = [job.id for job in page], [page]
    while page.next is not None:
        page = app.jobs.list(order=order, queue=queue, limit=4, after=page.next)
        seen += [job.id for job in page]
        pages.append(page)
    assert (seen, page.partial) == (whole, False)
    for earlier in reversed(pages[:-1]):
        page = app.jobs.list(order=order, queue=queue, limit=4, before=page.previous)
        assert list(page) == list(earlier)
    assert page.previous is None


def test_versions_are_rows_of_a_page_too(app: Holdfast, tasks: Any) -> None:
    id = tasks.bad.enqueue("x").id
    for _ in range(4):
        drain(app)
        app.jobs.retry(id)
    page = app.jobs.list(limit=2)
    rest = app.jobs.list(limit=10, after=page.next)
    assert [job.version for job in (*page, *rest)] == [5, 4, 3, 2, 1]
    assert [job.version for job in app.jobs.list(limit=2, before=rest.previous)] == [5, 4]


def test_a_page_looks_at_a_window_and_goes_on(app: Holdfast, tasks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "WINDOW", 5)
    monkeypatch.setattr(lists, "COUNTED", 8)
    rare = tasks.good.using(tags=["rare"]).enqueue()
    app.enqueue_many([tasks.good.call(n) for n in range(12)])
    for order in ("-created", "-claim"):
        page = app.jobs.list(tag="rare", order=order)
        looks = 1
        while not page:
            assert page.partial
            page = app.jobs.list(tag="rare", order=order, after=page.next)
            looks += 1
        assert ([job.id for job in page], looks, page.next) == ([rare.id], 3, None)
    counts = app.jobs.count()
    assert not counts.complete
    assert 8 <= counts.total < 13
    assert app.jobs.count(state="failed").complete


@pytest.mark.parametrize(
    "bad",
    [
        {"stat": "failed"}, {"state": "lost"}, {"state": []}, {"priority": "high"}, {"priority": (2, 1)},
        {"created": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"created": (None, None)}, {"due": (datetime(2026, 1, 2, tzinfo=UTC),)},
        {"order": "due"}, {"order": "claim", "state": "failed"}, {"limit": 0}, {"limit": 1001}, {"after": "x"},
        {"before": "x"}, {"order": "claim", "after": "1.2"}, {"order": "claim", "after": f"{2**40}.0.0"},
        {"error": ""}, {"error": "a\x00"}, {"key": ""}, {"tenant": ""},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_asked(app: Holdfast, tasks: Any, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        app.jobs.list(**bad)


def test_of_ones_own_tenant_only(app: Holdfast, tasks: Any) -> None:
    job = tasks.good.using(tenant="acme").enqueue()
    assert ids(app, tenant="acme") == [job.id]
    with pytest.raises(InvalidOption, match="acme"):
        app.tenant("beta").jobs.list(tenant="acme")
    with pytest.raises(InvalidOption, match="side"):
        app.jobs.list(after=job.id, before=job.id)


async def test_from_an_event_loop(app: Holdfast, tasks: Any) -> None:
    await tasks.good.aenqueue()
    assert list(await app.jobs.alist(priority=0)) == list(app.jobs.list(priority=0))
    assert (await app.jobs.acount(priority=(1, None))).total == 0
