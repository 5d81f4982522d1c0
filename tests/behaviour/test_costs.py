"""What a job costs the database, counted in statements."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable

import pytest

from holdfast import Holdfast
from holdfast.errors import RateLimited
from holdfast.testing import drain
from holdfast.worker.holding import Holding

from .support import until

Count = Callable[[Holdfast], list[str]]


def quick_task(app: Holdfast, is_async: bool = True):  # type: ignore[no-untyped-def]
    async def loop(n: int) -> int:
        return n

    def thread(n: int) -> int:
        return n

    return app.task(name="work")(loop if is_async else thread)


def test_an_enqueue_is_one_statement(app: Holdfast, count_statements: Count) -> None:
    work = quick_task(app)
    work.enqueue(0)
    statements = count_statements(app)
    work.enqueue(1)
    assert [name for name in statements if name != "notify"] == ["enqueue"]
    statements.clear()
    work.using(delay="1h", priority=3, tags=["x"], metadata={"a": 1}, retry=5).enqueue(2)
    assert [name for name in statements if name != "notify"] == ["enqueue"]


async def test_an_async_enqueue_is_one_statement(app: Holdfast, count_statements: Count) -> None:
    work = quick_task(app)
    await work.aenqueue(0)
    statements = count_statements(app)
    await work.aenqueue(1)
    assert [name for name in statements if name != "notify"] == ["enqueue"]


def test_enqueue_many_is_one_statement(app: Holdfast, count_statements: Count) -> None:
    work = quick_task(app)
    work.enqueue(0)
    statements = count_statements(app)
    app.enqueue_many([work.call(n) for n in range(1000)])
    assert [name for name in statements if name != "notify"] == ["enqueue"]


def test_reading_is_one_statement(app: Holdfast, count_statements: Count) -> None:
    job = quick_task(app).enqueue(1)
    drain(app)
    statements = count_statements(app)
    assert app.jobs.get(job.id) is not None
    assert statements == ["get"]
    statements.clear()
    app.jobs.list(limit=100)
    assert statements == ["list_edge", "list"], "how far to look, and the page"
    statements.clear()
    assert job.result() == 1
    assert statements == ["get"]


@pytest.mark.parametrize("is_async", [True, False])
def test_batches_keep_the_statements_per_job_down(app: Holdfast, count_statements: Count, is_async: bool) -> None:
    work = quick_task(app, is_async)
    app.enqueue_many([work.call(n) for n in range(3000)])
    statements = count_statements(app)
    assert drain(app, concurrency=100).succeeded == 3000
    counts = Counter(statements)
    assert counts["claim"] <= 3000 / 4
    assert counts["finish"] <= 3000 / 4
    assert len(statements) / 3000 <= 0.5
    assert counts["held"] == counts["claim_again"] == 0, "the first try suffices"


def test_a_worker_takes_many_at_once(live: Holdfast, count_statements: Count) -> None:
    work = quick_task(live)
    live.enqueue_many([work.call(n) for n in range(3000)])
    statements = count_statements(live)
    with live.worker(concurrency=100):
        until(lambda: live.jobs.count().get("succeeded") == 3000)
    counts = Counter(statements)
    assert counts["claim"] <= 3000 / 8
    assert counts["finish"] <= 3000 / 4


def test_finished_jobs_are_forgotten_without_the_collector(app: Holdfast) -> None:
    """Rings of objects, one for each job, once cost a fifth of the time."""
    work = quick_task(app)
    app.enqueue_many([work.call(n) for n in range(300)])
    gc.collect()
    gc.disable()
    try:
        drain(app)
        assert sum(isinstance(each, Holding) for each in gc.get_objects()) < 100
    finally:
        gc.enable()


@pytest.mark.slow
def test_an_idle_worker_asks_little(live: Holdfast, count_statements: Count) -> None:
    quick_task(live)
    statements = count_statements(live)
    with live.worker():
        time.sleep(1.5)
        statements.clear()
        began = time.monotonic()
        time.sleep(5)
        elapsed = time.monotonic() - began
        found = list(statements)
    counts = Counter(found)
    assert len(found) <= 3 * elapsed + 1, counts
    assert counts["claim"] <= elapsed + 1, counts


def test_a_failed_attempt_that_is_tried_again_is_one_write(app: Holdfast, count_statements: Count) -> None:
    from holdfast import Retry

    @app.task(retry=Retry(2, base=0))
    def work() -> None:
        raise ValueError

    work.enqueue()
    statements = count_statements(app)
    drain(app)
    counts = Counter(statements)
    assert (counts["requeue"], counts["finish"], counts["held"]) == (1, 1, 0)


def said(statements: list[str]) -> list[str]:
    """The statements so far but for wake-ups, and begin anew."""
    found = [name for name in statements if name != "notify"]
    statements.clear()
    return found


def test_a_keyed_enqueue_is_one_statement(app: Holdfast, count_statements: Count) -> None:
    work = quick_task(app)
    work.using(key="a").enqueue(0)
    statements = count_statements(app)
    for key in ("b", "b"):
        work.using(key=key).enqueue(1)
        assert said(statements) == ["enqueue_key"]
    work.using(key="b", on_conflict="replace").enqueue(2)
    assert said(statements) == ["enqueue_key", "replace"]
    work.using(key="b", on_conflict="merge").enqueue(2)
    assert said(statements) == ["enqueue_key", "merge"]
    work.enqueue(1)
    assert said(statements) == ["enqueue"]


def test_a_bulk_of_keys_is_one_statement(app: Holdfast, count_statements: Count) -> None:
    work = quick_task(app)
    work.using(key="a").enqueue(0)
    statements = count_statements(app)
    app.enqueue_many([work.using(key=f"k{n % 1000}").call(n) for n in range(1000)])
    assert said(statements) == ["enqueue_key"]
    app.enqueue_many([work.using(key=f"k{n}").call(n) for n in range(2000)])
    assert said(statements) == ["enqueue_key"]
    app.enqueue_many([work.using(key=f"r{n % 2}").call(n) for n in range(50)])
    assert len(said(statements)) <= 2, "those that repeat a key are asked for once more"


def test_what_rates_and_debounces_cost(app: Holdfast, count_statements: Count) -> None:
    work = quick_task(app)
    work.using(rate_limit="1/h", key="x").enqueue(0)
    statements = count_statements(app)
    with pytest.raises(RateLimited):
        work.using(rate_limit="1/h").enqueue(0)
    assert said(statements) == ["rate"]
    work.using(debounce="1m").enqueue(0)
    assert said(statements) == ["mark", "enqueue"]
    work.using(debounce="1m").enqueue(0)
    assert said(statements) == ["mark", "lock", "postpone"]
    work.using(debounce="1m").enqueue(1)
    assert said(statements) == ["mark", "lock", "finish", "supersede", "remark", "enqueue"]


def test_jobs_with_a_key_end_like_others(app: Holdfast, count_statements: Count) -> None:
    work = quick_task(app)
    app.enqueue_many([work.using(key=f"k{n}").call(n) for n in range(500)])
    statements = count_statements(app)
    drain(app, concurrency=100)
    counts = Counter(said(statements))
    assert counts["finish"] > 0
    assert counts["held"] == counts["hand_over"] == 0


def test_only_the_end_of_a_replaced_job_costs_more(app: Holdfast, count_statements: Count) -> None:
    from holdfast.storage.ops.jobs import end
    from holdfast.testing.conformance.kit import finish, take_one

    work = quick_task(app)
    work.using(key="a").enqueue(0)
    held = take_one(app.store)
    work.using(key="a", on_conflict="replace").enqueue(1)
    statements = count_statements(app)
    app.store.run(end([finish(held)]))
    assert said(statements) == ["finish", "held", "hand_over"]
