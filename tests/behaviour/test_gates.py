"""Groups, limits and throttles as a user sees them."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import Any

import pytest

from holdfast import Context, Holdfast, JobState, Limit, Spacing
from holdfast.errors import ConfigError, InvalidOption
from holdfast.storage.ops import gates
from holdfast.testing import Clock, drain

from .conftest import MakeApp
from .support import Level, until


def test_a_group_runs_one_at_a_time_in_order(make_app: MakeApp) -> None:
    app = make_app(clock=None)
    level, ran = Level(), []

    @app.task(group=lambda customer, number: f"customer:{customer}")
    def sync(customer: int, number: int) -> None:
        with level.inside():
            ran.append((customer, number))
            time.sleep(0.002)

    jobs = app.enqueue_many([sync.call(0, number) for number in range(12)])
    with app.worker(concurrency=8):
        until(lambda: all(job.refresh().state.finished for job in jobs))
    assert level.most == 1
    assert ran == [(0, number) for number in range(12)]


def test_groups_run_beside_each_other(make_app: MakeApp) -> None:
    app = make_app(clock=None)
    both = threading.Barrier(2, timeout=10)

    @app.task(group=lambda name: name)
    def meet(name: str) -> None:
        both.wait()

    jobs = [meet.enqueue("a"), meet.enqueue("b")]
    with app.worker(concurrency=4):
        for job in jobs:
            job.result(timeout=15)


def test_a_limit_is_shared_by_name(make_app: MakeApp) -> None:
    app = make_app(clock=None)
    level = Level()
    api = Limit(concurrency=2, name="api")

    @app.task(limit=api)
    def one(number: int) -> None:
        with level.inside():
            time.sleep(0.01)

    @app.task(limit=[api])
    def other(number: int) -> None:
        with level.inside():
            time.sleep(0.01)

    jobs = [task.enqueue(number) for number in range(6) for task in (one, other)]
    with app.worker(concurrency=8), app.worker(concurrency=8):
        for job in jobs:
            job.result(timeout=20)
    assert level.most == 2
    assert level.total == 12


def test_what_a_blocked_job_says(app: Holdfast) -> None:
    @app.task(group="imports")
    def load(name: str) -> None: ...

    first, second = load.enqueue("a"), load.enqueue("b")
    assert first.record.state is JobState.READY
    assert (second.record.state, second.record.reason, second.record.group) == (JobState.BLOCKED, "gate", "imports")
    gate = app.groups.get("imports")
    assert gate is not None
    assert (gate.size, gate.used, gate.stopped) == (1, 1, False)
    assert app.groups.get("nobody's") is None


def test_throttled_jobs_start_apart(app: Holdfast, clock: Clock) -> None:
    starts: list[Any] = []

    @app.task(throttle="2/s")
    def call(number: int) -> None:
        starts.append((number, clock.now()))

    for number in range(4):
        call.enqueue(number)
    for _ in range(40):
        app.work_once()
        clock.advance("100ms")
    assert [number for number, _ in starts] == [0, 1, 2, 3]
    gaps = [(later - earlier).total_seconds() for (_, earlier), (_, later) in pairwise(starts)]
    assert all(0.5 <= gap <= 0.6 for gap in gaps), gaps


def test_a_shared_spacing_by_an_argument(app: Holdfast) -> None:
    site = Spacing("10s", by=lambda url: url.split("/")[0], name="site")

    @app.task(throttle=site)
    def fetch(url: str) -> None: ...

    @app.task(throttle=site)
    def head(url: str) -> None: ...

    jobs = [fetch.enqueue("a/1"), fetch.enqueue("b/1"), head.enqueue("a/2")]
    assert [job.record.state for job in jobs] == [JobState.READY, JobState.READY, JobState.BLOCKED]


def test_a_rate_runs_by_itself_under_a_worker(make_app: MakeApp) -> None:
    app = make_app(clock=None)
    starts: list[float] = []

    @app.task(limit=Limit(throttle="20/s"))
    def call(number: int) -> None:
        starts.append(time.monotonic())

    jobs = app.enqueue_many([call.call(number) for number in range(6)])
    with app.worker(poll_interval="50ms"):
        for job in jobs:
            job.result(timeout=20)
    assert starts[-1] - starts[0] >= 5 * 0.05 - 0.04


def test_many_queued_in_a_borrowed_transaction(make_app: MakeApp) -> None:
    app = make_app(clock=None)

    @app.task(group="g")
    def run(number: int) -> int:
        return number

    with app.transaction() as connection:
        jobs = [run.using(connection=connection).enqueue(number) for number in range(3)]
    assert {job.record.reason for job in jobs} == {"gate_entry"}
    with app.worker(poll_interval="50ms"):
        assert [job.result(timeout=20) for job in jobs] == [0, 1, 2]


def test_effects_of_a_body_make_room_too(make_app: MakeApp) -> None:
    app = make_app(clock=None)

    @app.task(group="g", transaction=True)
    def run(ctx: Context[None], number: int) -> int:
        ctx.connection.execute("select 1")
        return number

    jobs = app.enqueue_many([run.call(number) for number in range(4)])
    with app.worker(poll_interval="50ms"):
        assert [job.result(timeout=20) for job in jobs] == [0, 1, 2, 3]


def test_work_once_does_the_pass(app: Holdfast, clock: Clock) -> None:
    @app.task(group="g")
    def run(number: int) -> None: ...

    with app.transaction() as connection:
        jobs = [run.using(connection=connection).enqueue(number) for number in range(3)]
    assert app.work_once().succeeded == 3
    assert all(job.refresh().state is JobState.SUCCEEDED for job in jobs)


def test_a_stopped_group_and_its_failed_job(app: Holdfast) -> None:
    fails = [True]

    @app.task(group="steps", on_failure="stop")
    def step(number: int) -> None:
        if number == 1 and fails[0]:
            raise ValueError("not now")

    jobs = [step.enqueue(number) for number in range(4)]
    drain(app)
    assert [job.refresh().state.value for job in jobs] == ["succeeded", "failed", "blocked", "blocked"]
    gate = app.groups.get("steps")
    assert gate is not None
    assert gate.stopped
    fails.clear()
    fails.append(False)
    app.jobs.retry(jobs[1].id)
    drain(app)
    assert [job.refresh().state.value for job in jobs] == ["succeeded"] * 4


def test_going_on_without_the_failed_one(app: Holdfast) -> None:
    @app.task(group="steps", on_failure="stop")
    def step(number: int) -> None:
        if number == 0:
            raise ValueError("never")

    jobs = [step.enqueue(number) for number in range(2)]
    drain(app)
    assert app.groups.resume("steps")
    assert not app.groups.resume("steps")
    drain(app)
    assert [job.refresh().state.value for job in jobs] == ["failed", "succeeded"]


def test_a_retry_is_overtaken_or_not(app: Holdfast, clock: Clock) -> None:
    ran: list[tuple[str, int]] = []

    @app.task(group="free", retry=2)
    def free(number: int) -> None:
        ran.append(("free", number))
        if ran.count(("free", 0)) == 1 and number == 0:
            raise ValueError("again")

    @app.task(group="block", on_retry="block", retry=2)
    def block(number: int) -> None:
        ran.append(("block", number))
        if ran.count(("block", 0)) == 1 and number == 0:
            raise ValueError("again")

    for number in range(2):
        free.enqueue(number)
        block.enqueue(number)
    for _ in range(3):
        drain(app)
        clock.advance("1m")
    drain(app)
    assert [number for name, number in ran if name == "free"] == [0, 1, 0]
    assert [number for name, number in ran if name == "block"] == [0, 0, 1]


def test_limits_are_set_at_run_time(app: Holdfast) -> None:
    @app.task(limit=Limit(concurrency=1, name="api"))
    def call(number: int) -> None: ...

    jobs = [call.enqueue(number) for number in range(3)]
    app.limits.set("api", concurrency=2)
    assert [job.refresh().state.value for job in jobs] == ["ready", "ready", "blocked"]
    limit = app.limits.get("api")
    assert limit is not None
    assert (limit.size, limit.spacing, limit.edited, limit.used) == (2, None, True, 2)
    app.limits.reset("api")
    limit = app.limits.get("api")
    assert limit is not None
    assert (limit.size, limit.edited) == (2, False)


def test_a_worker_brings_limits_up_to_the_code(make_app: MakeApp) -> None:
    app = make_app(clock=None)

    @app.task(limit=Limit(concurrency=1, name="api"))
    def call(number: int) -> None: ...

    jobs = [call.enqueue(number) for number in range(4)]
    app.store.run(gates.edit("limit:api", "default", 3, None, edited=False))  # as an older release had it
    with app.worker(concurrency=4):
        for job in jobs:
            job.result(timeout=15)
        limit = app.limits.get("api")
    assert limit is not None
    assert (limit.size, limit.edited) == (1, False)


def test_two_meanings_of_one_limit_are_refused(app: Holdfast) -> None:
    @app.task(limit=Limit(concurrency=1, name="api"))
    def call(number: int) -> None: ...

    @app.task(limit=Limit(concurrency=5, name="api"))
    def other(number: int) -> None: ...

    with pytest.raises(ConfigError, match="limit api is one thing in call and another in other"), app.worker():
        pass


@pytest.mark.parametrize(
    "options",
    [
        {"group": ""},
        {"group": "x" * 256},
        {"group": 7},
        {"group_limit": 0},
        {"group_limit": -1},
        {"group_limit": True},
        {"on_retry": "wait"},
        {"on_failure": "halt"},
        {"limit": 3},
        {"limit": ["api"]},
        {"throttle": 0},
        {"throttle": "0/s"},
    ],
)
def test_what_cannot_be_meant_is_refused(app: Holdfast, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        app.task(name="bad", **options)(print)


@pytest.mark.parametrize(
    "numbers",
    [
        {},
        {"concurrency": 0},
        {"concurrency": -1},
        {"concurrency": 2, "weight": 3},
        {"concurrency": 2, "weight": 0},
        {"concurrency": 2, "weight": -1},
        {"concurrency": 2, "name": ""},
        {"concurrency": 2, "name": "x" * 256},
        {"concurrency": 2, "by": "account"},
        {"throttle": "fast"},
    ],
)
def test_what_is_no_limit(numbers: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        Limit(**numbers)


def test_functions_that_answer_what_cannot_be_meant_store_nothing(app: Holdfast) -> None:
    @app.task(group=lambda number: "x" * number, limit=Limit(concurrency=2, weight=lambda number: number, name="l"))
    def run(number: int) -> None: ...

    for number in (0, 3, 256):
        with pytest.raises(InvalidOption):
            run.enqueue(number)
    assert app.jobs.count() == {}
    run.enqueue(2)
    assert app.jobs.count() == {"ready": 1}


def test_pruned_gates_are_told(app: Holdfast, clock: Clock) -> None:
    counts: list[int | None] = []
    app.on("gate.pruned")(lambda event: counts.append(event.count))

    @app.task(group=lambda number: f"g{number}")
    def run(number: int) -> None: ...

    for number in range(3):
        run.enqueue(number)
    drain(app)
    app.do_duties()
    assert counts == []
    clock.advance("25h")
    app.do_duties()
    assert counts == [3]
