"""Cron expressions: what they take, which instants they mean, and the days on which clocks are changed.

The oracle goes through every second-zero minute of the zone's time and asks of each whether the expression holds.
"""

# ruff: noqa: DTZ001 - times on the wall have no zone
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import InvalidOption
from holdfast.model.cron import ALIASES, Cron
from holdfast.model.zone import wall, zone

MINUTE = timedelta(minutes=1)
ZONES = (
    "Europe/Oslo", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca",
    "America/Santiago", "Asia/Beirut", "Pacific/Auckland", "America/Asuncion", "Africa/Cairo",
)  # fmt: skip
YEARS = range(2016, 2026)
FIXED = ("30 2 * * *", "0 0 * * *", "15 1 * * *", "45 2 * * *", "30 23 * * *", "*/20 1-3 * * *", "59 1,2 * * SUN")
EVERY_HOUR = ("0 * * * *", "*/15 * * * *", "45 * * * *")


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


@cache
def transitions(name: str) -> tuple[datetime, ...]:
    """Every instant of the ten years at which the zone's offset changes."""
    tz = ZoneInfo(name)
    found: list[datetime] = []
    hour = at(YEARS[0], 1, 1)
    while hour < at(YEARS[-1] + 1, 1, 1):
        later = hour + timedelta(hours=1)
        if hour.astimezone(tz).utcoffset() != later.astimezone(tz).utcoffset():
            minute = hour
            while minute.astimezone(tz).utcoffset() == hour.astimezone(tz).utcoffset():
                minute += MINUTE
            found.append(minute)
        hour = later
    return tuple(found)


def local(instant: datetime, tz: ZoneInfo) -> datetime:
    return instant.astimezone(tz).replace(tzinfo=None, fold=0)


@cache
def chosen(text: str) -> tuple[frozenset[int], ...]:
    """The values of each field of an expression of plain fields; written anew for the test."""
    weekdays = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
    found: list[frozenset[int]] = []
    for part, lowest, highest in zip(text.split(), (0, 0, 1, 1, 0), (59, 23, 31, 12, 6), strict=True):
        values: set[int] = set()
        for item in part.split(","):
            span, _, step = item.partition("/")
            low, _, high = ("-" if span == "*" else span).partition("-")
            ends = [weekdays.index(end) if end in weekdays else int(end) for end in (low, high) if end]
            first, last = (ends[0], ends[-1]) if ends else (lowest, highest)
            values.update(range(first, last + 1, int(step or 1)))
        found.append(frozenset(values))
    return tuple(found)


def holds(text: str, moment: datetime) -> bool:
    minutes, hours, days, months, weekdays = chosen(text)
    return (
        moment.minute in minutes
        and moment.hour in hours
        and moment.day in days
        and moment.month in months
        and moment.isoweekday() % 7 in weekdays
    )


def expected(text: str, tz: ZoneInfo, start: datetime, end: datetime, twice: str, missing: str) -> list[datetime]:
    """All instants after `start` and by `end`, found minute by minute."""
    found: set[datetime] = set()
    seen: set[datetime] = set()
    instant = start - timedelta(hours=4)
    before = local(instant - MINUTE, tz)
    while instant <= end:
        now = local(instant, tz)
        skipped = before + MINUTE
        while skipped < now:  # the clocks were put forward: these times were left out
            if holds(text, skipped) and missing == "next":
                found.add(instant)
            skipped += MINUTE
        if holds(text, now) and (twice == "both" or now not in seen):
            found.add(instant)
        seen.add(now)
        before = now
        instant += MINUTE
    return sorted(one for one in found if start < one <= end)


def fired(cron: Cron, tz: ZoneInfo, start: datetime, end: datetime, **choice: object) -> list[datetime]:
    found: list[datetime] = []
    one = cron.next(start, tz, **choice)  # type: ignore[arg-type]
    while one is not None and one <= end:
        found.append(one)
        one = cron.next(one, tz, **choice)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("name", ZONES)
def test_every_change_of_the_clocks_in_ten_years(name: str) -> None:
    tz = ZoneInfo(name)
    changes = transitions(name)
    assert changes, "ten years without a change test nothing"
    for number, change in enumerate(changes):
        start, end = change - timedelta(hours=6), change + timedelta(hours=25)
        text = FIXED[number % len(FIXED)]
        for twice in ("once", "both"):
            for missing in ("next", "skip"):
                wanted = expected(text, tz, start, end, twice, missing)
                assert fired(Cron.of(text), tz, start, end, twice=twice, missing=missing) == wanted, (text, change)
                if (twice, missing) == ("once", "next"):
                    assert fired(Cron.of(text), tz, start, end) == wanted, "the default"


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("text", EVERY_HOUR)
def test_what_holds_in_every_hour_goes_by_the_time_that_passes(name: str, text: str) -> None:
    """No hour without its job when clocks are put back, and none too many when they are put forward."""
    tz = ZoneInfo(name)
    for change in transitions(name)[:6]:
        start, end = change - timedelta(hours=5), change + timedelta(hours=5)
        found = fired(Cron.of(text), tz, start, end)
        assert found == expected(text, tz, start, end, "both", "skip")
        gaps = [later - earlier for earlier, later in pairwise(found)]
        assert max(gaps) <= timedelta(minutes=90), "Lord Howe moves by half an hour"


def test_lord_howe_moves_by_half_an_hour_and_casablanca_four_times_in_two_years() -> None:
    shifts = {
        abs((a.second or a.first) - a.first) for a in [wall(datetime(2024, 4, 7, 1, 45), zone("Australia/Lord_Howe"))]
    }
    assert shifts == {timedelta(minutes=30)}
    assert len([one for one in transitions("Africa/Casablanca") if one.year in (2022, 2023)]) == 4
    assert wall(datetime(2024, 10, 6, 2, 15), zone("Australia/Lord_Howe")).missing


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(FIXED + EVERY_HOUR),
    st.integers(0, 15),
    st.integers(-20 * 60, 20 * 60),
    st.sampled_from(["once", "both"]),
    st.sampled_from(["next", "skip"]),
)
def test_any_start_near_a_change_gives_the_same_instants(
    name: str, text: str, which: int, minutes: int, twice: str, missing: str
) -> None:
    tz = ZoneInfo(name)
    changes = transitions(name)
    start = changes[which % len(changes)] + minutes * MINUTE
    end = start + timedelta(hours=8)
    assert fired(Cron.of(text), tz, start, end, twice=twice, missing=missing) == expected(
        text, tz, start, end, twice, missing
    )


FIELDS = st.tuples(
    st.sampled_from(["*", "0", "*/7", "5-9", "1,30,59", "10-50/20"]),
    st.sampled_from(["*", "3", "*/5", "9-17", "0,23"]),
    st.sampled_from(["*", "1", "15", "*/10", "28,31"]),
    st.sampled_from(["*", "2", "JAN-MAR", "*/4", "6,12"]),
    st.sampled_from(["*", "MON", "0", "MON-FRI", "6,7", "WED"]),
)


@settings(max_examples=200, deadline=None)
@given(FIELDS, st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)))
def test_without_changes_of_the_clocks_it_says_what_croniter_says(parts: tuple[str, ...], start: datetime) -> None:
    text = " ".join(parts)
    # croniter takes day-of-month OR day-of-week as soon as both are given; as Debian does, we want both where one of
    # them begins with a star.
    day_or = not (parts[2].startswith("*") or parts[4].startswith("*"))
    since = start.replace(tzinfo=UTC)
    oracle = croniter(text, since, day_or=day_or)
    cron, found = Cron.of(text), since
    for _ in range(5):
        following = cron.next(found, ZoneInfo("UTC"))
        assert following == oracle.get_next(datetime)
        assert following is not None
        found = following


def test_seconds_come_first() -> None:
    cron = Cron.of("*/20 5 * * * *")
    assert fired(cron, ZoneInfo("UTC"), at(2026, 1, 1), at(2026, 1, 1, 0, 59)) == [
        at(2026, 1, 1, 0, 5, second) for second in (0, 20, 40)
    ]


@pytest.mark.parametrize("alias", ALIASES)
def test_names_for_common_ones(alias: str) -> None:
    assert Cron.of(alias.upper()).text == ALIASES[alias]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 25 * * *", "the hour field of '0 25 * * *' cannot be '25'"),
        ("60 * * * *", "the minute field"),
        ("61 * * * * *", "the second field"),
        ("0 0 32 * *", "the day-of-month field"),
        ("0 0 30 2 *", "the day-of-month field of '0 0 30 2 *' cannot be '30'"),
        ("0 0 31 4,6 *", "the day-of-month field"),
        ("0 0 * 13 *", "the month field"),
        ("0 0 * * 8", "the day-of-week field"),
        ("0 0 * * FRI-MON", "the day-of-week field"),
        ("*/0 * * * *", "the minute field"),
        ("a * * * *", "the minute field"),
        ("1, * * * *", "the minute field"),
        ("1-2-3 * * * *", "the minute field"),
        ("* * *", "has 3"),
        ("* * * * * * *", "has 7"),
        ("", "has 0"),
        ("@reboot", "there is no '@reboot'"),
        ("\u0663\u0665 * * * *", "must be ASCII"),
        ("0 0 * * \uff11", "must be ASCII"),
        (",".join(["1"] * 200_000) + " * * * *", "at most 256 characters"),
        (None, "must be text"),
        (5, "must be text"),
        (b"* * * * *", "must be text"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(text: object, says: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        Cron.of(text)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 300


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet="0123456789*,-/ LW#@MONJAFEB\u0663\x00\n\U0001f600", max_size=40))
def test_any_text_is_taken_or_refused_with_one_error(text: str) -> None:
    try:
        cron = Cron.of(text)
    except InvalidOption:
        return
    assert cron.next(at(2026, 1, 1), ZoneInfo("Europe/Oslo")) is not None


@pytest.mark.parametrize(
    "name",
    [
        "Nowhere/City",
        "",
        "../etc/passwd",
        "/etc/localtime",
        "America",
        "Europe/Ö",
        5,
        None,
        "localtime",
        "right/Europe/Oslo",
        "x" * 300,
    ],
)
def test_a_zone_that_is_none(name: object) -> None:
    with pytest.raises(InvalidOption, match="tz"):
        zone(name)


def test_instants_end_with_the_calendar() -> None:
    assert Cron.of("0 0 1 1 *").next(at(9999, 6, 1), ZoneInfo("UTC")) is None
