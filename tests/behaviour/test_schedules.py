"""Schedules, on both databases and by a clock that the tests move."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast import Context, Holdfast, JobState, Limit
from holdfast.errors import InvalidArguments, InvalidOption, KeyTaken, RateLimited, ScheduleNotFound
from holdfast.testing import Clock, drain

from .conftest import MakeApp

Facts = Callable[[str], list[Any]]
NOON = datetime(2026, 3, 27, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def ticks(app: Holdfast) -> list[datetime | None]:
    """The ticks of the jobs of `note`, which ran."""
    found: list[datetime | None] = []

    @app.task
    def note(ctx: Context) -> None:
        found.append(ctx.tick)

    return found


def note(app: Holdfast) -> Any:
    return next(task for task in app.tasks if task.name == "note")


# From code


def test_cron_from_code_fires_at_its_instants(app: Holdfast, clock: Clock) -> None:
    found: list[datetime | None] = []

    @app.task(cron="30 2 * * *", tz="Europe/Oslo")
    async def nightly(ctx: Context) -> None:
        found.append(ctx.tick)

    assert app.work_once().claimed == 0
    clock.set(datetime(2026, 3, 28, 1, 29, 59, tzinfo=UTC))
    assert app.work_once().claimed == 0
    clock.advance("1s")
    assert app.work_once().succeeded == 1
    assert app.work_once().claimed == 0
    clock.advance("1d")
    app.work_once()
    assert found == [datetime(2026, 3, 28, 1, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)]


def test_an_interval_fires_at_once_and_then_on_its_grid(app: Holdfast, clock: Clock) -> None:
    found: list[datetime | None] = []

    @app.task(every="1h")
    def hourly(ctx: Context) -> None:
        found.append(ctx.tick)

    drain(app)
    clock.advance("90m")
    drain(app)
    clock.advance("30m")
    drain(app)
    assert found == [NOON, NOON + HOUR, NOON + 2 * HOUR]


def test_several_expressions_are_one_schedule(app: Holdfast, clock: Clock) -> None:
    @app.task(cron=["0 13 * * *", "0 */13 * * *"])
    def work() -> None: ...

    drain(app)
    clock.advance("2h")
    assert drain(app).succeeded == 1
    (record,) = app.schedules.list()
    assert record.cron == ("0 13 * * *", "0 */13 * * *")


def test_a_running_worker_fires_and_its_leader_wakes_for_it(live: Holdfast) -> None:
    from .support import until

    found: list[datetime | None] = []

    @live.task(every="1s")
    def work(ctx: Context) -> None:
        found.append(ctx.tick)

    with live.worker(poll_interval=0.5):
        until(lambda: len(found) >= 3)
    assert len(found) == len(set(found))


def test_arguments_come_from_the_schedule_or_it_is_refused(app: Holdfast) -> None:
    with pytest.raises(InvalidArguments, match="args="):

        @app.task(cron="0 3 * * *")  # type: ignore[arg-type]
        def needs(n: int) -> None: ...

    with pytest.raises(InvalidArguments):

        @app.task(cron="0 3 * * *", args={"n": "many"})
        def wrong(n: int) -> None: ...

    assert [task.name for task in app.tasks] == []
    found: list[int] = []

    @app.task(every="1h", args={"n": 5})
    def good(n: int) -> None:
        found.append(n)

    drain(app)
    assert found == [5]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"cron": "0 3 30 2 *"}, "day-of-month"),
        ({"cron": "0 3 * * *", "tz": "Mars/Olympus"}, "tz"),
        ({"every": 0}, "every"),
        ({"cron": "0 3 * * *", "every": "1h"}, "either cron= or every="),
        ({"tz": "Europe/Oslo"}, "tz is about a schedule"),
        ({"args": {}}, "args is about a schedule"),
        ({"every": "1h", "run_at": NOON}, "run_at"),
        ({"every": "1h", "args": {1: 2}}, "1 is no name"),
        ({"every": "1h", "jitter": "400 d"}, "jitter"),
        ({"cron": ["0 3 * * *", "0 25 * * *"]}, r"cron\[1\]: the hour field"),
        ({"every": "1h", "key": "k", "on_conflict": "merge"}, "merge"),
    ],
)
def test_bad_input_at_the_decorator(app: Holdfast, given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidOption, match=says):
        app.task(**given)(lambda_task)
    assert not list(app.tasks)


def lambda_task() -> None: ...
def takes_a_number(n: int) -> None: ...


# Reconciliation


def test_a_restart_loses_no_run_and_adds_none(make_app: MakeApp, clock: Clock) -> None:
    ran: list[datetime | None] = []

    def declare(app: Holdfast, **when: Any) -> None:
        def work(ctx: Context) -> None:
            ran.append(ctx.tick)

        app.task(name="work", **when)(work)

    first = make_app()
    declare(first, every="6h")
    drain(first)
    clock.advance("2h")
    second = make_app()
    declare(second, every="6h")
    drain(second)
    assert ran == [NOON]
    clock.advance("4h")
    drain(second)
    assert ran == [NOON, NOON + 6 * HOUR]
    record = second.schedules.get("work")
    assert record is not None
    assert (record.fired, record.last_due) == (2, NOON + 6 * HOUR)


def test_another_period_changes_it_without_an_extra_run(make_app: MakeApp, clock: Clock) -> None:
    def declared(every: str) -> Holdfast:
        app = make_app()
        app.task(name="work", every=every)(lambda_task)
        return app

    drain(declared("6h"))
    clock.advance("90m")
    app = declared("1h")
    assert drain(app).claimed == 0
    record = app.schedules.get("work")
    assert record is not None
    assert (record.every, record.next_due, record.last_due) == ("1h", NOON + 2 * HOUR, NOON)
    clock.advance("30m")
    assert drain(app).succeeded == 1


def test_an_instant_that_was_missed_is_made_up_for_after_a_deployment_that_changed_the_rule(
    make_app: MakeApp, clock: Clock
) -> None:
    before = make_app()
    before.task(name="work", cron="0 13 * * *")(lambda_task)
    before.declare_schedules()
    clock.advance("2h")  # nobody was there at 13
    after = make_app()
    after.task(name="work", cron="0 20 * * *")(lambda_task)
    assert drain(after).succeeded == 1
    (job,) = after.schedules.runs("work")
    assert job.tick == NOON + HOUR
    record = after.schedules.get("work")
    assert record is not None
    assert record.next_due == NOON + 8 * HOUR


def test_what_code_declares_no_more_is_removed_and_comes_back_new(make_app: MakeApp, clock: Clock) -> None:
    first = make_app()
    first.task(name="work", every="1h")(lambda_task)
    assert first.declare_schedules() == (1, 0, 0)
    assert first.declare_schedules() == (0, 0, 0)
    second = make_app()
    second.task(name="work")(lambda_task)
    assert second.declare_schedules() == (0, 0, 1)
    assert list(second.schedules.list()) == []


def test_a_renamed_task_keeps_its_schedule(make_app: MakeApp, clock: Clock) -> None:
    ran: list[datetime | None] = []

    def deployed(name: str, *aliases: str) -> Holdfast:
        app = make_app()

        def work(ctx: Context) -> None:
            ran.append(ctx.tick)

        app.task(name=name, aliases=aliases, every="6h", overlap="skip")(work)
        app.declare_schedules()
        return app

    old = deployed("report")
    old.promote()
    new = deployed("reports", "report")
    clock.advance("6h")
    new.promote()
    assert (record := new.schedules.get("reports")) is not None
    assert (record.fired, record.skipped) == (1, 1), "a job under the old name is one of its own"
    assert new.schedules.get("report") is None
    drain(new)
    clock.advance("6h")
    drain(new)
    assert ran == [NOON, NOON + 12 * HOUR], "no extra run at once, no other grid"
    assert [job.tick for job in new.schedules.runs("reports")] == [NOON + 12 * HOUR, NOON]
    assert new.schedules.backfill("reports", NOON, NOON) == 0, "that instant had its job"
    assert new.declare_schedules() == (0, 0, 0)


def test_a_task_added_while_a_worker_runs_has_its_schedule(live: Holdfast) -> None:
    from .support import until

    ran: list[datetime | None] = []
    with live.worker(poll_interval=0.2, lease=2):

        @live.task(every="1h")
        def late(ctx: Context) -> None:
            ran.append(ctx.tick)

        until(lambda: ran)
    assert live.schedules.get("late") is not None


def test_deployments_leave_each_others_schedules_alone(make_app: MakeApp) -> None:
    billing, mail = make_app(), make_app()
    billing.task(name="invoices", every="1h")(lambda_task)
    mail.task(name="digest", every="1h")(lambda_task)
    billing.declare_schedules()
    mail.declare_schedules()
    billing.declare_schedules()
    assert [record.name for record in mail.schedules.list()] == ["digest", "invoices"]


def test_a_named_deployment_removes_what_is_its_own(make_app: MakeApp) -> None:
    def deployed(name: str | None, **tasks: bool) -> Holdfast:
        app = make_app(deployment=name)
        for task, scheduled in tasks.items():
            app.task(name=task, **({"every": "1h"} if scheduled else {}))(lambda_task)
        return app

    deployed("a", one=True, two=True).declare_schedules()
    deployed("b", two=False, three=True).declare_schedules()
    app = deployed(None, one=False)
    app.declare_schedules()
    assert [record.name for record in app.schedules.list()] == ["one", "three", "two"]
    deployed("a", two=True).declare_schedules()
    assert [(record.name, record.deployment) for record in app.schedules.list()] == [("three", "b"), ("two", "a")]


def test_rows_made_by_api_are_left_alone(make_app: MakeApp, clock: Clock) -> None:
    app = make_app()

    @app.task(every="6h")
    def work() -> None: ...

    app.declare_schedules()
    app.schedules.put("work", work.call(), cron="0 5 * * *")
    app.schedules.put("other", work.call(), cron="0 6 * * *")
    app.declare_schedules()
    assert [(record.name, record.source, record.when) for record in app.schedules.list()] == [
        ("other", "api", "0 6 * * *"),
        ("work", "api", "0 5 * * *"),
    ]


def test_a_pause_outlives_a_deployment(make_app: MakeApp, clock: Clock) -> None:
    for every in ("1h", "1h", "2h"):
        app = make_app()
        app.task(name="work", every=every)(lambda_task)
        app.declare_schedules()
        app.schedules.pause("work")
        clock.advance("1d")
    app.declare_schedules()
    assert drain(app).claimed == 0
    (record,) = app.schedules.list()
    assert (record.paused, record.every, record.state) == (True, "2h", "paused")


# By API


def test_put_get_list_and_delete(app: Holdfast, ticks: list[Any], clock: Clock) -> None:
    @app.task
    def greet(name: str) -> str:
        return name

    made = app.schedules.put("hello", greet.using(queue="mail", priority=3, tags=["x"]).call("Ada"), cron="0 13 * * *")
    assert (made.name, made.paused, made.parked, made.next_due, made.last_due) == (
        "hello", False, None, NOON + HOUR, None,
    )  # fmt: skip
    assert app.schedules.get("hello") == made
    assert app.schedules.get("nothing") is None
    app.schedules.put("again", note(app), every="1d")
    page = app.schedules.list(limit=1)
    assert ([one.name for one in page], page.next) == (["again"], "again")
    assert [one.name for one in app.schedules.list(limit=1, after=page.next)] == ["hello"]
    clock.advance("1h")
    drain(app)
    (job,) = app.schedules.runs("hello")
    assert (job.result, job.queue, job.priority, job.tags, job.schedule_id, job.tick) == (
        "Ada", "mail", 3, ("x",), "hello", NOON + HOUR,
    )  # fmt: skip
    assert app.schedules.delete("hello").name == "hello"
    assert app.schedules.get("hello") is None
    assert len(app.schedules.runs("hello")) == 1, "its jobs stay"


def test_a_name_that_is_not_there(app: Holdfast) -> None:
    verbs: list[Callable[[], object]] = [
        lambda: app.schedules.pause("x"),
        lambda: app.schedules.resume("x"),
        lambda: app.schedules.delete("x"),
        lambda: app.schedules.trigger("x"),
        lambda: app.schedules.simulate("x"),
        lambda: app.schedules.runs("x"),
        lambda: app.schedules.backfill("x", NOON - DAY, NOON),
    ]
    for verb in verbs:
        with pytest.raises(ScheduleNotFound, match="there is no schedule 'x'") as caught:
            verb()
        assert (caught.value.name, caught.value.code) == ("x", "schedule_not_found")


def test_bad_input_stores_nothing(app: Holdfast, ticks: list[Any]) -> None:
    call = note(app).call()
    bad: list[dict[str, Any]] = [
        {"cron": "0 0 30 2 *"},
        {"cron": "\u0663 * * * *"},
        {"cron": ",".join("1" * 200_000) + " * * * *"},
        {"cron": ["* * * * *"] * 200_000},
        {"every": 0},
        {"every": "1h", "tz": "Nowhere"},
        {"every": "1h", "paused": "yes"},
        {"every": "1h", "surprise": 1},
        {},
    ]
    for given in bad:
        with pytest.raises(InvalidOption):
            app.schedules.put("x", call, **given)
    for name in ("", "x" * 256, "a\nb", 5, None):
        with pytest.raises(InvalidOption, match="name"):
            app.schedules.put(name, call, every="1h")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="call"):
        app.schedules.put("x", "note", every="1h")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="run_at"):
        app.schedules.put("x", note(app).using(run_at=NOON).call(), every="1h")
    with pytest.raises(InvalidOption, match="after="):
        app.schedules.put("x", note(app).using(after=[note(app).enqueue()]).call(), every="1h")
    with pytest.raises(InvalidOption, match="count"):
        app.schedules.simulate(every="1h", count=0)
    with pytest.raises(InvalidOption, match="not both"):
        app.schedules.simulate("x", every="1h")
    assert not list(app.schedules.list())


def test_pause_and_resume(app: Holdfast, ticks: list[Any], clock: Clock) -> None:
    app.schedules.put("x", note(app), cron="0 * * * *")
    assert app.schedules.pause("x").paused
    clock.advance("150m")
    assert drain(app).claimed == 0
    assert app.schedules.resume("x").next_due == NOON + 3 * HOUR
    assert drain(app).claimed == 0, "what passed during the pause is not made up for"
    clock.advance("30m")
    drain(app)
    assert ticks == [NOON + 3 * HOUR]


def test_trigger_now(app: Holdfast, ticks: list[Any], clock: Clock) -> None:
    app.schedules.put("x", note(app), cron="0 13 * * *", paused=True)
    jobs = [app.schedules.trigger("x"), app.schedules.trigger("x")]
    drain(app)
    assert [job.refresh().state for job in jobs] == [JobState.SUCCEEDED] * 2
    assert ticks == [NOON, NOON]
    assert [job.id for job in app.schedules.runs("x")] != []
    app.schedules.resume("x")
    clock.set(NOON + HOUR)
    app.schedules.trigger("x")
    assert drain(app).succeeded == 2, "a job asked for at the very instant does not stand in for the rule's own"


def test_backfill(app: Holdfast, ticks: list[Any], clock: Clock) -> None:
    app.schedules.put("x", note(app), cron="0 0 * * *", catch_up="none")
    drain(app)
    clock.advance("2d")
    drain(app)
    span = (NOON - 5 * DAY, clock.now())
    assert app.schedules.backfill("x", *span, dry_run=True) == 7
    assert app.schedules.backfill("x", *span) == 7
    assert app.schedules.backfill("x", *span) == app.schedules.backfill("x", *span, dry_run=True) == 0
    drain(app)
    assert sorted(ticks) == [NOON + timedelta(days=n, hours=-12) for n in range(-4, 3)]
    with pytest.raises(InvalidOption, match="ahead"):
        app.schedules.backfill("x", NOON, clock.now() + DAY)
    app.schedules.put("fast", note(app), cron="* * * * * *", paused=True)
    with pytest.raises(InvalidOption, match="10000"):
        app.schedules.backfill("fast", NOON - DAY, NOON)


def test_simulate(app: Holdfast, ticks: list[Any]) -> None:
    app.schedules.put("x", note(app), cron="30 2 * * *", tz="Europe/Oslo", max_runs=2)
    assert app.schedules.simulate("x") == [
        datetime(2026, 3, 28, 1, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    ]
    after = datetime(2026, 10, 24, 12, tzinfo=UTC)
    both = app.schedules.simulate(cron="30 2 * * *", tz="Europe/Oslo", twice="both", after=after, count=2)
    assert both == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]
    assert app.schedules.simulate(every="1mo", after=NOON, count=1) == [NOON.replace(month=4)]


def test_put_changes_what_is_there(app: Holdfast, ticks: list[Any], clock: Clock) -> None:
    app.schedules.put("x", note(app), cron="0 13 * * *")
    clock.advance("1h")
    drain(app)
    changed = app.schedules.put("x", note(app), cron="0 13,14 * * *")
    assert (changed.fired, changed.last_due, changed.next_due) == (1, NOON + HOUR, NOON + 2 * HOUR)
    again = app.schedules.put("x", note(app), every="1h")
    assert again.next_due == NOON + 2 * HOUR, "a period in the place of a cron fires nothing at once"


def test_an_end_by_date_and_by_number(app: Holdfast, ticks: list[Any], clock: Clock) -> None:
    app.schedules.put("dated", note(app), cron="0 * * * *", end_at=NOON + 2 * HOUR)
    app.schedules.put("counted", note(app), cron="30 * * * *", max_runs=1)
    for _ in range(5):
        clock.advance("1h")
        drain(app)
    assert ticks.count(NOON + 2 * HOUR) == 1
    assert len(ticks) == 3
    assert [(one.name, one.state, one.next_due) for one in app.schedules.list()] == [
        ("counted", "ended", None), ("dated", "ended", None),
    ]  # fmt: skip
    assert app.schedules.put("counted", note(app), cron="30 * * * *", max_runs=2).state == "active"


@pytest.mark.parametrize(("catch_up", "made"), [("none", 0), ("latest", 1), (3, 3), ("all", 6)])
def test_catch_up(app: Holdfast, ticks: list[Any], clock: Clock, catch_up: Any, made: int) -> None:
    app.schedules.put("x", note(app), cron="0 * * * *", catch_up=catch_up)
    clock.advance("390m")
    drain(app)
    assert ticks == [NOON + n * HOUR for n in range(7 - made, 7)]
    clock.advance("30m")
    drain(app)
    assert ticks[-1] == NOON + 7 * HOUR


def test_all_of_more_than_a_page(app: Holdfast, clock: Clock) -> None:
    @app.task
    def work() -> None: ...

    app.schedules.put("x", work.call(), cron="* * * * *", catch_up="all")
    clock.advance("40h")
    app.promote()
    assert app.jobs.count() == {"ready": 1000}
    for _ in range(3):
        app.promote()
    assert app.jobs.count() == {"ready": 2400}
    assert len({job.tick for after in pages(app, "x") for job in after}) == 2400


def pages(app: Holdfast, name: str) -> list[Any]:
    found = [app.schedules.runs(name, limit=1000)]
    while found[-1].next is not None:
        found.append(app.schedules.runs(name, limit=1000, after=found[-1].next))
    return found


def test_jitter_moves_the_start_and_not_the_tick(app: Holdfast, ticks: list[Any], clock: Clock) -> None:
    app.schedules.put("x", note(app), cron="0 13 * * *", jitter="30m")
    clock.advance("1h")
    app.promote()
    (job,) = app.schedules.runs("x")
    assert job.state is JobState.SCHEDULED
    assert timedelta(0) < job.due_at - (NOON + HOUR) < timedelta(minutes=30)
    clock.advance("30m")
    drain(app)
    assert ticks == [NOON + HOUR]


# Overlap


def test_overlap_skip(app: Holdfast, clock: Clock) -> None:
    @app.task
    def work() -> None: ...

    app.schedules.put("x", work.call(), cron="0 * * * *", overlap="skip")
    for _ in range(3):
        clock.advance("1h")
        app.promote()
    assert app.jobs.count() == {"ready": 1}
    record = app.schedules.get("x")
    assert record is not None
    assert (record.fired, record.skipped, record.next_due) == (1, 2, NOON + 4 * HOUR)
    drain(app)
    clock.advance("1h")
    assert drain(app).succeeded == 1


def test_what_is_skipped_is_none_of_its_runs(app: Holdfast, clock: Clock) -> None:
    app.task(name="work")(lambda_task)
    app.schedules.put("x", next(app.tasks), cron="0 * * * *", overlap="skip", max_runs=2)
    for _ in range(4):
        clock.advance("1h")
        app.promote()
    drain(app)
    clock.advance("1h")
    drain(app)
    record = app.schedules.get("x")
    assert record is not None
    assert (record.fired, record.skipped, record.state) == (2, 3, "ended")


def test_overlap_allow(app: Holdfast, clock: Clock) -> None:
    app.task(name="work")(lambda_task)
    app.schedules.put("x", next(app.tasks), cron="0 * * * *")
    for _ in range(3):
        clock.advance("1h")
        app.promote()
    assert app.jobs.count() == {"ready": 3}


def test_overlap_queue_one(app: Holdfast, ticks: list[Any], clock: Clock) -> None:
    app.schedules.put("x", note(app), cron="0 * * * *", overlap="queue-one", catch_up="none")
    for _ in range(4):
        clock.advance("1h")
        app.promote()
    assert app.jobs.count() == {"ready": 1}, "the others would meet it"
    clock.advance("10m")
    drain(app)
    clock.advance("1s")
    drain(app)
    assert ticks == [NOON + HOUR, NOON + 4 * HOUR], "one waited, the newest, and it is not missed"
    clock.set(NOON + 5 * HOUR)
    drain(app)
    assert ticks[2:] == [NOON + 5 * HOUR]


def test_overlap_cancel_old(app: Holdfast, ticks: list[Any], clock: Clock, facts: Facts) -> None:
    app.schedules.put("x", note(app), cron="0 * * * *", overlap="cancel-old")
    for _ in range(3):
        clock.advance("1h")
        app.promote()
    assert app.jobs.count() == {"ready": 1, "cancelled": 2}
    assert {job.reason for job in app.jobs.list(state="cancelled")} == {"superseded"}
    assert len(facts("job.cancelled")) == 2
    drain(app)
    assert ticks == [NOON + 3 * HOUR]


# Keys and limits of its jobs


def test_a_key_holds_for_scheduled_jobs_too(app: Holdfast, ticks: list[Any], clock: Clock) -> None:
    app.schedules.put("x", note(app).using(key="one").call(), cron="0 * * * *")
    app.schedules.put("y", note(app).using(key="one", on_conflict="reject").call(), cron="0 0 1 1 *")
    clock.advance("1h")
    app.promote()
    (job,) = app.schedules.runs("x")
    clock.advance("1h")
    app.promote()
    assert [one.id for one in app.schedules.runs("x")] == [job.id, job.id], "the live one answers for both"
    with pytest.raises(KeyTaken):
        app.schedules.trigger("y")
    drain(app)
    assert ticks == [NOON + HOUR]


def test_groups_and_limits_hold_for_scheduled_jobs_too(app: Holdfast, clock: Clock) -> None:
    limit = Limit(concurrency=2, by=lambda n: n, weight=2)
    task = app.task(name="gated", group=lambda n: f"g{n}", limit=limit, priority=lambda n: n)(takes_a_number)
    app.schedules.put("x", task.call(7), cron="0 * * * *", catch_up=2)
    app.schedules.put("y", task.using(group="own", throttle="1/m").call(8), cron="0 * * * *")
    clock.advance("2h")
    app.promote()
    jobs = [job for name in "xy" for job in app.schedules.runs(name)]
    assert [(job.group, job.priority) for job in jobs] == [("g7", 7), ("g7", 7), ("own", 8)]
    assert app.limits.get("gated", "7") is not None
    assert sorted(job.state for job in jobs) == ["blocked", "ready", "ready"], "one place in each group"
    assert drain(app).succeeded == 3


def test_an_instant_whose_job_was_refused_may_have_one_later(app: Holdfast, ticks: list[Any], clock: Clock) -> None:
    app.schedules.put("x", note(app).using(rate_limit="1/d").call(), cron="0 * * * *", catch_up="all")
    clock.advance("2h")
    drain(app)
    assert ticks == [NOON + HOUR]
    record = app.schedules.get("x")
    assert record is not None
    assert (record.fired, record.skipped) == (1, 1)
    clock.advance("1d")
    span = NOON + 2 * HOUR, NOON + 2 * HOUR
    assert app.schedules.backfill("x", *span) == 1
    assert app.schedules.backfill("x", *span) == 0
    drain(app)
    assert ticks[-1] == NOON + 2 * HOUR
    with pytest.raises(RateLimited):
        app.schedules.trigger("x")
    assert len(app.schedules.runs("x")) == 2, "what was refused is no run"


# Parking


def test_an_unknown_task_parks_its_schedule_and_stops_nothing_else(
    make_app: MakeApp, app: Holdfast, ticks: list[Any], clock: Clock, facts: Facts
) -> None:
    stranger = make_app()
    stranger.schedules.put("odd", stranger.task(name="elsewhere")(lambda_task), cron="0 * * * *")
    app.schedules.put("good", note(app), cron="0 * * * *")
    clock.advance("1h")
    drain(app)
    assert ticks == [NOON + HOUR]
    odd = app.schedules.get("odd")
    assert odd is not None
    assert odd.parked is not None
    assert "no live worker knows the task 'elsewhere'" in odd.parked
    assert odd.state == "parked"
    (event,) = facts("schedule.parked")
    assert (event.schedule, event.task, event.reason) == ("odd", "elsewhere", odd.parked)
    stats = app.schedules.stats()
    assert (stats.active, stats.parked, stats.reasons) == (1, 1, {odd.parked: 1})
    clock.advance("1d")
    assert drain(stranger).succeeded == 1, "a worker that knows it makes up for what was missed"
    assert [job.tick for job in app.schedules.runs("odd")] == [NOON + HOUR + DAY]


def test_a_leader_with_older_code_parks_nothing_for_good(make_app: MakeApp, clock: Clock) -> None:
    """In a deployment the old leader may refuse the new arguments; its successor takes them."""
    old, new = make_app(), make_app()
    old.task(name="work")(lambda_task)
    task = new.task(name="work")(takes_a_number)
    new.schedules.put("x", task.call(1), cron="0 * * * *")
    clock.advance("1h")
    old.promote()
    record = new.schedules.get("x")
    assert record is not None
    assert "not valid any more" in str(record.parked)
    old.do_duties()
    assert new.schedules.stats().parked == 1, "it still refuses them"
    assert drain(new).succeeded == 1
    assert new.schedules.stats().parked == 0


def test_a_task_that_a_live_worker_knows_is_known(make_app: MakeApp, app: Holdfast, clock: Clock) -> None:
    other = make_app()
    task = other.task(name="elsewhere")(lambda_task)
    other.schedules.put("x", task, cron="0 * * * *")
    clock.advance("1h")
    app.promote()
    record = app.schedules.get("x")
    assert record is not None
    assert record.parked
    with other.worker(leader=False):
        assert app.do_duties().fired == 1, "it owes what it owed, and nobody had to start a worker for it"
        record = app.schedules.get("x")
        assert record is not None
        assert (record.parked, record.fired) == (None, 1)


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("spec", '{"cron":["0 * * * *"],"tz":"Gone/Zone"}', "no time zone 'Gone/Zone'"),
        ("spec", "garbage", "cannot be understood"),
        ("job", "[]", "cannot be understood"),
        ("job", '{"priority":"high"}', "priority cannot be 'high'"),
        ("args", '{"n":"many"}', "not valid any more"),
    ],
)
def test_what_cannot_fire_parks_with_its_reason(
    app: Holdfast, database_url: str, clock: Clock, column: str, value: str, says: str
) -> None:
    ran: list[int] = []

    @app.task
    def work(n: int) -> None:
        ran.append(n)

    app.schedules.put("bad", work.call(1), cron="0 * * * *")
    app.schedules.put("good", work.call(2), cron="0 * * * *")
    table = '"holdfast".schedules' if database_url.startswith("postgres") else "holdfast_schedules"
    with app.transaction() as connection:
        connection.execute(f"update {table} set {column} = '{value}' where name = 'bad'")
    clock.advance("1h")
    drain(app)
    assert ran == [2]
    bad = app.schedules.get("bad")
    assert bad is not None
    assert bad.parked is not None
    assert says in bad.parked
    assert {one.name for one in app.schedules.list()} == {"bad", "good"}
    repaired = app.schedules.put("bad", work.call(1), cron="0 * * * *")
    assert repaired.parked is None
    drain(app)
    assert sorted(ran) == [1, 2]


# Telling


def test_what_is_told_of_a_firing(app: Holdfast, ticks: list[Any], clock: Clock, facts: Facts) -> None:
    app.schedules.put("x", note(app), cron="0 * * * *")
    clock.advance("1h")
    app.promote()
    (event,) = facts("schedule.fired")
    assert (event.schedule, event.tick, event.task, event.queue) == ("x", NOON + HOUR, "note", "default")
    assert event.job.schedule_id == "x"
    assert [one.job.id for one in facts("job.enqueued")] == [event.job.id]


def test_stats(app: Holdfast, clock: Clock) -> None:
    @app.task
    def fails() -> None:
        raise ValueError

    app.schedules.put("a", fails.call(), cron="0 * * * *")
    app.schedules.put("b", fails.call(), cron="0 * * * *", paused=True)
    clock.advance("1h")
    clock.advance("5s")
    drain(app)
    stats = app.schedules.stats()
    assert (stats.active, stats.paused, stats.parked, stats.ended) == (1, 1, 0, 0)
    assert (stats.next_due, stats.fired, stats.failed) == (NOON + 2 * HOUR, 1, 1)
    assert stats.lateness == stats.worst_lateness == pytest.approx(5.0)
    assert app.do_duties().fired == 0


async def test_the_twins_for_event_loops(app: Holdfast, ticks: list[Any], clock: Clock) -> None:
    schedules = app.schedules
    await schedules.aput("x", note(app), cron="0 * * * *")
    assert (await schedules.aget("x")) == (await schedules.alist())[0]
    assert (await schedules.apause("x")).paused
    assert not (await schedules.aresume("x")).paused
    job = await schedules.atrigger("x")
    assert [one.id for one in await schedules.aruns("x")] == [job.id]
    assert await schedules.asimulate("x", count=1) == [NOON + HOUR]
    assert (await schedules.astats()).active == 1
    assert await schedules.abackfill("x", NOON - HOUR, NOON) == 2
    await app.awork_once()
    assert len(ticks) == 3
    assert (await schedules.adelete("x")).name == "x"


def test_in_a_transaction_of_yours(app: Holdfast, ticks: list[Any]) -> None:
    def and_fails() -> None:
        with app.transaction() as connection:
            app.bind(connection).schedules.put("x", note(app), every="1h")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        and_fails()
    assert app.schedules.get("x") is None
    with app.transaction() as connection:
        app.bind(connection).schedules.put("x", note(app), every="1h")
    assert app.schedules.get("x") is not None


def test_a_clock_that_goes_back_fires_nothing_again(app: Holdfast, ticks: list[Any], clock: Clock) -> None:
    app.schedules.put("x", note(app), cron="*/10 * * * *")
    for minutes in (10, 20, 30):
        clock.set(NOON + timedelta(minutes=minutes))
        drain(app)
    clock.set(NOON + timedelta(minutes=5))
    for _ in range(10):
        clock.advance("3m")
        drain(app)
    clock.set(NOON + timedelta(minutes=40))
    drain(app)
    assert ticks == [NOON + timedelta(minutes=n) for n in (10, 20, 30, 40)]


OTHERS = ("notify", "gate_due", "ends_heard")
"""Statements of a look by hand that are about other things than schedules."""


def test_jobs_that_use_no_schedule_cost_what_they_did(
    app: Holdfast, count_statements: Callable[[Holdfast], list[str]]
) -> None:
    task = app.task(name="work")(lambda_task)
    task.enqueue()
    drain(app)
    statements = count_statements(app)
    task.enqueue()
    app.promote()
    assert [name for name in statements if name not in OTHERS] == ["enqueue", "promote"]


def test_one_look_however_many_schedules_there_are(
    app: Holdfast, ticks: list[Any], count_statements: Callable[[Holdfast], list[str]]
) -> None:
    for number in range(300):
        app.schedules.put(f"s{number}", note(app), cron="0 13 * * *")
    statements = count_statements(app)
    for _ in range(5):
        app.promote()
    assert [name for name in statements if name not in OTHERS] == ["promote"] * 5


def test_two_leaders_at_once_fire_each_instant_once(make_app: MakeApp, clock: Clock) -> None:
    apps = [make_app(), make_app()]
    for app in apps:
        app.task(name="work")(lambda_task)
    for number in range(40):
        apps[0].schedules.put(f"s{number}", next(apps[0].tasks), cron="* * * * *", catch_up="all")
    clock.advance("10m")

    async def both() -> None:
        await asyncio.gather(*(asyncio.to_thread(app.promote) for app in apps for _ in range(3)))

    asyncio.run(both())
    for app in apps:
        app.promote()
    assert apps[0].jobs.count() == {"ready": 400}
