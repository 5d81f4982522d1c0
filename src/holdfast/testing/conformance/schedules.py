"""Schedules: what is due is fired once, whoever fires it, and nothing is asked of the others."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from holdfast.model.rule import Spec
from holdfast.model.schedule import NewSchedule
from holdfast.storage.base import Store
from holdfast.storage.ops import by_hand, duties, firing, schedules
from holdfast.storage.ops.firing import UNKNOWN
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import OURS, Fixtures, end_one, finish, repeated, see, take_one

HOUR = timedelta(hours=1)


def put(store: Store, name: str = "s", tenant: str = "default", **when: Any) -> Any:
    given = when or {"cron": "0 * * * *"}
    return store.run(schedules.put(NewSchedule(tenant, name, "add", '{"a":1}', "{}", Spec.of(**given))))


def known(task: str, args: str) -> str | None:
    return None


def fire(store: Store, batch: int = 100) -> list[datetime]:
    return [one.tick for one in store.run(firing.fire(known, batch)).fired]


def look(store: Store, name: str = "s") -> Any:
    return store.run(schedules.get(name, OURS), "read")


def hour(clock: Clock) -> datetime:
    """Go to the beginning of the next hour."""
    now = clock.now()
    return clock.set(now.replace(minute=0, second=0, microsecond=0) + HOUR)


class Schedules(Fixtures):
    def test_nothing_is_due_before_its_instant(self, store: Store, clock: Clock) -> None:
        hour(clock)
        made = put(store)
        assert made.next_due == clock.now() + HOUR
        assert fire(store) == []
        assert store.run(duties.promote()).schedule_in == pytest.approx(3600.0)

    def test_without_schedules_there_is_no_next_one(self, store: Store) -> None:
        assert store.run(duties.promote()).schedule_in is None

    def test_what_is_due_is_fired_once(self, store: Store, peer: Store, clock: Clock) -> None:
        put(store)
        tick = hour(clock)
        assert fire(store) == [tick]
        assert fire(peer) == fire(store) == []
        job = take_one(store)
        record = see(store, job.id)
        assert (record.task, record.args, record.schedule_id, record.tick) == ("add", {"a": 1}, "s", tick)
        assert (look(peer).fired, look(peer).last_due, look(peer).next_due) == (1, tick, tick + HOUR)

    def test_one_job_per_instant_by_a_unique_index(self, store: Store, clock: Clock) -> None:
        made = put(store)
        tick = hour(clock)
        span = by_hand.Range(made.next_due, clock.now())
        assert store.run(by_hand.backfill("s", OURS, span, False)) == 1
        assert fire(store) == [], "the instant has had its job"
        assert look(store).next_due == tick + HOUR

    def test_a_page_at_a_time_the_longest_due_first(self, store: Store, clock: Clock) -> None:
        hour(clock)
        clock.advance("10m")
        for number in range(5):
            put(store, f"s{number}", cron=f"{number} * * * *")
        hour(clock)
        clock.advance("30m")
        pages = [fire(store, 2) for _ in range(4)]
        assert [len(page) for page in pages] == [2, 2, 1, 0]
        assert [tick for page in pages for tick in page] == sorted(tick for page in pages for tick in page)

    def test_a_page_makes_a_bounded_number_of_jobs(self, store: Store, clock: Clock) -> None:
        for number in range(4):
            put(store, f"s{number}", cron="* * * * * *", catch_up="all")
        clock.advance("1000s")
        first = store.run(firing.fire(known))
        assert (len(first.fired), first.due, first.full) == (2000, 2, True)
        second = store.run(firing.fire(known))
        assert (len(second.fired), second.due) == (2000, 2)
        assert not store.run(firing.fire(known)).full

    def test_a_repeated_firing_fires_nothing_again(self, store: Store, clock: Clock) -> None:
        put(store)
        hour(clock)
        assert len(fire(store)) == 1
        assert store.run(repeated(firing.fire(known))).fired == []
        clock.advance("1h")
        assert len(store.run(repeated(firing.fire(known))).fired) == 1, "its first try was not committed"

    def test_a_repeated_trigger_makes_one_job(self, store: Store, clock: Clock) -> None:
        put(store)
        op = by_hand.trigger("s", OURS)
        first = store.run(op)
        clock.advance("1s")
        second = store.run(repeated(op))
        assert first is not None
        assert second is not None
        assert first.job == second.job
        assert len(store.run(firing.runs("s", OURS, 10, None), "read")) == 1

    def test_a_repeated_backfill_answers_as_the_first(self, store: Store, clock: Clock) -> None:
        put(store)
        start = hour(clock)
        clock.advance("2h")
        op = by_hand.backfill("s", OURS, by_hand.Range(start, clock.now()), False)
        assert store.run(op) == store.run(repeated(op)) == 3
        assert len(store.run(firing.runs("s", OURS, 10, None), "read")) == 3

    def test_a_schedule_goes_on_under_another_name(self, store: Store, clock: Clock) -> None:
        old = NewSchedule("default", "old", "old", "{}", "{}", Spec.of(cron="0 * * * *", overlap="skip"), "code")
        store.run(schedules.declare([old], ["old"], None))
        hour(clock)
        assert len(fire(store)) == 1
        new = old._replace(name="new", task="new", formerly=("older", "old"))
        op = schedules.declare([new], ["new", "older", "old"], None)
        assert store.run(op) == (0, 1, 0)
        assert store.run(repeated(op)) == (0, 0, 0)
        assert look(store, "old") is None
        assert len(store.run(firing.runs("new", OURS, 10, None), "read")) == 1
        hour(clock)
        assert fire(store) == []
        assert (look(store, "new").fired, look(store, "new").skipped) == (1, 1)

    def test_parked_schedules_are_looked_at_page_by_page(self, store: Store, clock: Clock) -> None:
        for name in "abc":
            put(store, name)
        hour(clock)
        store.run(firing.fire(lambda task, args: UNKNOWN))
        assert store.run(schedules.stats(OURS), "read").reasons == {"no live worker knows the task 'add'": 3}
        going = store.run(firing.revive(lambda task, args: UNKNOWN, batch=2))
        assert going == (0, ("default", "b"))
        assert store.run(firing.revive(known, ("default", "b"), batch=2)) == (1, None)
        assert [look(store, name).parked is None for name in "abc"] == [False, False, True]

    def test_a_repeated_put_and_declaration_change_nothing(self, store: Store, clock: Clock) -> None:
        new = NewSchedule("default", "s", "add", "{}", "{}", Spec.of(every="1h"), "code")
        assert store.run(schedules.declare([new], ["add"], None)) == (1, 0, 0)
        before = look(store)
        assert store.run(repeated(schedules.declare([new], ["add"], None))) == (0, 0, 0)
        assert store.run(repeated(schedules.put(new._replace(source="code")))).next_due == before.next_due
        assert store.run(schedules.declare([], ["add"], "another")) == (0, 0, 0)
        assert store.run(schedules.declare([], ["add"], None)) == (0, 0, 1)

    def test_what_cannot_fire_is_parked_and_stops_no_other(self, store: Store, clock: Clock) -> None:
        put(store, "a")
        put(store, "b")
        hour(clock)
        done = store.run(firing.fire(lambda task, args: UNKNOWN))
        assert [one.schedule for one in done.parked] == ["a", "b"]
        assert look(store, "a").parked
        assert store.run(duties.promote()).schedule_in is None
        assert store.run(firing.revive(known)) == (2, None)
        assert len(fire(store)) == 2

    def test_the_live_jobs_of_a_schedule_are_its_own(self, store: Store, clock: Clock) -> None:
        put(store, "a", cron="0 * * * *", overlap="skip")
        put(store, "b", cron="0 * * * *", overlap="skip")
        hour(clock)
        assert len(fire(store)) == 2
        held = take_one(store)
        end_one(store, finish(held))
        clock.advance("1h")
        assert len(fire(store)) == 1, "the one whose job has ended"
        assert sorted((look(store, name).fired, look(store, name).skipped) for name in "ab") == [(1, 1), (2, 0)]

    def test_pages_by_name_and_tenants_apart(self, store: Store) -> None:
        for name in ("b", "a", "c"):
            put(store, name)
        put(store, "z", tenant="other")
        assert [one.name for one in store.run(schedules.page(OURS, 2), "read")] == ["a", "b"]
        assert [one.name for one in store.run(schedules.page(OURS, 2, "b"), "read")] == ["c"]
        assert store.run(schedules.get("z", OURS), "read") is None
        assert store.run(schedules.stats(OURS), "read").active == 3

    def test_runs_of_long_ago_are_forgotten(self, store: Store, clock: Clock) -> None:
        put(store)
        hour(clock)
        fire(store)
        assert store.run(firing.prune_runs(86_400.0)) == 0
        clock.advance("2d")
        assert store.run(firing.prune_runs(86_400.0)) == 1

    def test_a_paused_schedule_is_not_due(self, store: Store) -> None:
        put(store)
        paused = store.run(schedules.pause("s", OURS))
        assert paused is not None
        assert paused.next_due is not None
        assert store.run(duties.promote()).schedule_in is None
