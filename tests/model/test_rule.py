"""Specs of schedules, intervals, and what is to be fired of instants that have come."""

# ruff: noqa: DTZ001 - times on the wall have no zone
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import InvalidOption
from holdfast.model.period import Period
from holdfast.model.rule import MOST_CAUGHT_UP, Spec, delay_of, firing

OSLO = ZoneInfo("Europe/Oslo")
SECOND = timedelta(seconds=1)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def several(anchor: datetime, count: int, **given: Any) -> list[datetime]:
    return Spec.of(**given).rule(anchor).several(anchor, count)


@pytest.mark.parametrize(
    ("value", "months", "days", "seconds"),
    [
        ("90s", 0, 0, 90),
        (90, 0, 0, 90),
        ("15m", 0, 0, 900),
        ("1h 30m", 0, 0, 5400),
        (timedelta(days=1), 0, 0, 86_400),
        ("1 day", 0, 1, 0),
        ("2w", 0, 14, 0),
        ("P1D", 0, 1, 0),
        ("PT5M", 0, 0, 300),
        ("3 months", 3, 0, 0),
        ("1y 6mo", 18, 0, 0),
        ("1d 12h", 0, 1, 43_200),
    ],
)
def test_periods(value: Any, months: int, days: int, seconds: float) -> None:
    period = Period.of(value)
    assert (period.months, period.days, period.micros) == (months, days, seconds * 1_000_000)
    assert Period.of(str(period)) == period


@pytest.mark.parametrize(
    "value", [0, "0", "0s", "500ms", -5, "-1h", "1.5 days", "0.5mo", "5000 y", True, None, "soon", "", "\u0665m"]
)
def test_what_is_no_period(value: Any) -> None:
    with pytest.raises(InvalidOption, match="every"):
        Period.of(value)


def test_days_are_those_of_the_calendar_and_hours_those_that_pass() -> None:
    start = at(2026, 3, 28, 8)  # 9 in Oslo; clocks go forward on the 29th
    assert several(start, 2, every="1 day", tz="Europe/Oslo") == [at(2026, 3, 29, 7), at(2026, 3, 30, 7)]
    assert several(start, 2, every="24h", tz="Europe/Oslo") == [at(2026, 3, 29, 8), at(2026, 3, 30, 8)]
    assert several(start, 2, every=timedelta(days=1), tz="Europe/Oslo") == [at(2026, 3, 29, 8), at(2026, 3, 30, 8)]


def test_months_and_years_do_not_drift() -> None:
    assert [one.day for one in several(at(2026, 1, 31, 12), 5, every="1 month")] == [28, 31, 30, 31, 30]
    assert [one.date().isoformat() for one in several(at(2024, 2, 29), 4, every="1 year")] == [
        "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29",
    ]  # fmt: skip


def test_a_day_without_that_time() -> None:
    start = at(2026, 3, 28, 1, 30)  # 2:30 in Oslo, which the 29th does not have
    assert several(start, 2, every="1d", tz="Europe/Oslo") == [at(2026, 3, 29, 1), at(2026, 3, 30, 0, 30)]
    assert several(start, 1, every="1d", tz="Europe/Oslo", missing="skip") == [at(2026, 3, 30, 0, 30)]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["1s", "7m", "90m", "1d", "1w", "1mo", "5mo", "1y", "1d 3h"]),
    st.sampled_from(["UTC", "Europe/Oslo", "Australia/Lord_Howe", "America/St_Johns"]),
    st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)),
    st.integers(0, 10**9),
)
def test_the_grid_is_the_same_from_wherever_it_is_asked(every: str, tz: str, start: datetime, later: int) -> None:
    anchor = start.replace(tzinfo=UTC)
    rule = Spec.of(every=every, tz=tz).rule(anchor)
    one = rule.next(anchor + timedelta(seconds=later / 10))
    assert one is not None
    assert one > anchor + timedelta(seconds=later / 10)
    assert rule.next(one - timedelta(microseconds=1)) == one, "an instant of the grid is found from just before it"
    following = rule.next(one)
    assert following is not None
    assert following > one
    assert rule.next(one + (following - one) / 2) == following


def test_several_expressions_are_one_schedule() -> None:
    found = several(at(2026, 1, 1), 4, cron=["0 */12 * * *", "0 12,18 * * *"])
    assert found == [at(2026, 1, 1, 12), at(2026, 1, 1, 18), at(2026, 1, 2), at(2026, 1, 2, 12)]


def test_start_and_end() -> None:
    found = several(at(2026, 1, 1), 9, cron="0 0 * * *", start_at=at(2026, 2, 1), end_at=at(2026, 2, 3, 12), tz="UTC")
    assert found == [at(2026, 2, 1), at(2026, 2, 2), at(2026, 2, 3)]
    spec = Spec.of(every="1h", start_at=at(2026, 2, 1, 0, 30))
    assert spec.rule(at(2026, 1, 1)).first(at(2026, 1, 1)) == at(2026, 2, 1, 0, 30)
    assert spec.rule(at(2026, 1, 1)).first(at(2026, 3, 1)) == at(2026, 3, 1, 0, 30)


def test_an_interval_begins_at_once_and_a_cron_at_its_first_instant() -> None:
    now = at(2026, 1, 1, 10, 7)
    assert Spec.of(every="1h").rule(now).first(now) == now
    assert Spec.of(cron="0 * * * *").rule(now).first(now) == at(2026, 1, 1, 11)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "either cron= or every="),
        ({"cron": "* * * * *", "every": "1h"}, "either cron= or every="),
        ({"cron": []}, "the list is empty"),
        ({"cron": ["* * * * *", 5]}, "must be text"),
        ({"cron": ["* * * * *"] * 200_000}, "at most 100 expressions"),
        ({"cron": 5}, "an expression, or a list"),
        ({"cron": {"a": 1}}, "an expression, or a list"),
        ({"cron": "* * * * *", "tz": "Mars/Olympus"}, "tz: there is no time zone 'Mars/Olympus'"),
        ({"cron": "* * * * *", "catch_up": -1}, "catch_up"),
        ({"cron": "* * * * *", "catch_up": True}, "catch_up"),
        ({"cron": "* * * * *", "catch_up": "some"}, "catch_up"),
        ({"cron": "* * * * *", "catch_up": 1001}, "catch_up"),
        ({"cron": "* * * * *", "overlap": "perhaps"}, "overlap"),
        ({"cron": "* * * * *", "overlap": None}, "overlap"),
        ({"cron": "* * * * *", "jitter": "-5s"}, "jitter"),
        ({"cron": "* * * * *", "max_runs": 0}, "max_runs"),
        ({"cron": "* * * * *", "max_runs": 1.5}, "max_runs"),
        ({"cron": "* * * * *", "start_at": datetime(2026, 1, 1)}, "start_at must say its time zone"),
        ({"cron": "* * * * *", "end_at": "2026-01-01"}, "end_at"),
        ({"cron": "* * * * *", "start_at": at(2026, 2, 1), "end_at": at(2026, 1, 1)}, "end_at must not be before"),
        ({"cron": "* * * * *", "twice": "thrice"}, "twice"),
        ({"every": "1d", "twice": "both"}, "twice"),
        ({"cron": "* * * * *", "missing": "never"}, "missing"),
        ({"every": 0}, "every"),
        ({"cron": "* * * * *", "until": at(2026, 1, 1)}, "no until"),
    ],
)
def test_what_is_wrong_is_told_by_its_name(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        Spec.of(**given)
    assert says in str(caught.value)


def test_a_spec_is_stored_and_read() -> None:
    spec = Spec.of(
        cron=["@daily", "0 12 * * MON"], tz="Asia/Tokyo", start_at=at(2026, 1, 1), end_at=at(2030, 1, 1), max_runs=7,
        catch_up=5, overlap="queue_one", jitter="30s", twice="both", missing="skip",
    )  # fmt: skip
    assert Spec.loads(spec.dumps()) == spec
    assert spec.overlap == "queue-one"
    assert Spec.of(every="60m").dumps() == Spec.of(every="1h").dumps()
    for text in ("", "[]", "5", '{"cron": 5}', '{"every": "0s"}', '{"cron": ["* * * * *"], "evil": 1}', '{"tz": {}}'):
        with pytest.raises(InvalidOption):
            Spec.loads(text)


# Firing


def judged(now: datetime, due: datetime, fired: int = 0, waited: bool = False, **given: Any) -> Any:
    spec = Spec.of(**given)
    return firing(spec, spec.rule(due), due, now, fired, waited)


MISSED = [at(2026, 1, 1, hour) for hour in range(3, 9)]
HOURLY = "0 * * * *"


@pytest.mark.parametrize(
    ("catch_up", "chosen"),
    [("latest", MISSED[-1:]), (1, MISSED[-1:]), (3, MISSED[-3:]), (50, MISSED), ("all", MISSED), ("none", []), (0, [])],
)
def test_catch_up(catch_up: Any, chosen: list[datetime]) -> None:
    found = judged(at(2026, 1, 1, 8, 30), MISSED[0], cron=HOURLY, catch_up=catch_up)
    assert list(found.instants) == chosen
    assert (found.last, found.next) == (MISSED[-1], at(2026, 1, 1, 9))


def test_none_fires_what_is_not_missed_yet() -> None:
    assert list(judged(MISSED[-1] + 40 * SECOND, MISSED[0], cron=HOURLY, catch_up="none").instants) == MISSED[-1:]
    assert list(judged(MISSED[0], MISSED[0], cron=HOURLY, catch_up="none").instants) == MISSED[:1]
    late = judged(at(2026, 1, 1, 8, 30), MISSED[0], waited=True, cron=HOURLY, catch_up="none", overlap="queue-one")
    assert list(late.instants) == MISSED[-1:], "what waited for a job of its own is not missed"


def test_all_goes_on_page_by_page() -> None:
    due, now = at(2026, 1, 1), at(2026, 1, 1, 1)
    found = judged(now, due, cron="* * * * * *", catch_up="all")
    assert len(found.instants) == MOST_CAUGHT_UP
    assert found.next == due + MOST_CAUGHT_UP * SECOND, "due still: the next firing takes it up"
    rest = judged(now, found.next, fired=1000, cron="* * * * * *", catch_up="all")
    assert rest.instants[0] == found.next


def test_the_newest_of_very_many_are_found_without_going_through_them() -> None:
    now = at(2026, 6, 1, 0, 0, 0) + SECOND / 2
    found = judged(now, at(2016, 1, 1), cron="* * * * * *", catch_up=3)
    assert list(found.instants) == [at(2026, 5, 31, 23, 59, 58), at(2026, 5, 31, 23, 59, 59), at(2026, 6, 1)]
    found = judged(now, at(2016, 1, 1), cron="* * * 1 1 *", catch_up="latest")
    assert list(found.instants) == [at(2026, 1, 1, 23, 59, 59)]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 0 1 * *", "* 9-17 * * MON-FRI"]),
    st.datetimes(datetime(2025, 1, 1), datetime(2025, 2, 1)),
    st.integers(60, 40 * 86_400),
)
def test_the_latest_is_the_last_of_all(text: str, start: datetime, length: int) -> None:
    since, now = start.replace(tzinfo=UTC), start.replace(tzinfo=UTC) + length * SECOND
    rule = Spec.of(cron=text, tz="Europe/Oslo").rule(since)
    last, one = None, rule.next(since)
    while one is not None and one <= now:
        last, one = one, rule.next(one)
    assert rule.latest(since, now) == last


def test_an_end_by_number_and_by_date() -> None:
    found = judged(at(2026, 1, 1, 8, 30), MISSED[0], fired=3, cron=HOURLY, catch_up="all", max_runs=5)
    assert (list(found.instants), found.next) == (MISSED[:2], None)
    found = judged(at(2026, 1, 1, 8, 30), MISSED[0], cron=HOURLY, end_at=at(2026, 1, 1, 6, 30))
    assert (list(found.instants), found.next) == ([at(2026, 1, 1, 6)], None)


def test_of_jobs_that_must_not_meet_one_is_made_at_a_time() -> None:
    for overlap in ("skip", "queue-one", "cancel-old"):
        found = judged(at(2026, 1, 1, 8, 30), MISSED[0], cron=HOURLY, catch_up="all", overlap=overlap)
        assert list(found.instants) == MISSED[-1:]


def test_jitter_is_the_same_whoever_asks() -> None:
    drawn = [delay_of(30.0, "default", "nightly", at(2026, 1, day)) for day in range(1, 29)]
    assert drawn == [delay_of(30.0, "default", "nightly", at(2026, 1, day)) for day in range(1, 29)]
    assert all(0 <= one < 30 for one in drawn)
    assert len(set(drawn)) > 20
    assert delay_of(0.0, "default", "nightly", at(2026, 1, 1)) == 0
