"""Options of a job: each checked by name, unset apart from None, and what they store."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import InvalidOption
from holdfast.model.options import MOST_TAGS, NO_OPTIONS, UNSET, JobOptions
from holdfast.model.policy import Policy
from holdfast.model.retry import Retry

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def options(**given: Any) -> JobOptions:
    return JobOptions.of(given)


def test_nothing_given_is_nothing_stored() -> None:
    assert options() == NO_OPTIONS
    assert NO_OPTIONS.columns() == {}
    assert NO_OPTIONS.timeout is UNSET
    assert repr(UNSET) == "UNSET"


@pytest.mark.parametrize(
    ("given", "columns"),
    [
        ({"queue": "mail"}, {"queue": "mail"}),
        ({"priority": -(2**31)}, {"priority": -(2**31)}),
        ({"delay": "5m"}, {"delay": 300.0}),
        ({"delay": None}, {"delay": None}),
        ({"delay": None, "run_at": NOON}, {"delay": None, "run_at": NOON}),
        ({"run_at": NOON.astimezone(timezone(timedelta(hours=5)))}, {"run_at": NOON}),
        ({"timeout": None}, {"timeout": None}),
        ({"timeout": 0}, {"timeout": 0.0}),
        ({"retry": 3}, {"max_attempts": 3, "policy": "{}"}),
        ({"retry": None}, {"max_attempts": 1, "policy": "{}"}),
        ({"on_crash": "stall"}, {"max_attempts": 1, "policy": '{"on_crash":"stall"}'}),
        ({"max_crashes": None}, {"max_attempts": 1, "policy": '{"max_crashes":null}'}),
        ({"keep_succeeded": 0, "keep_failed": "1d"},
         {"max_attempts": 1, "policy": '{"keep_failed":86400.0,"keep_succeeded":0.0}'}),
        ({"tags": ("a", "b", "a")}, {"tags": '["a","b"]'}),
        ({"tags": []}, {"tags": None}),
        ({"metadata": {"a": {"b": 1}}}, {"metadata": '{"a":{"b":1}}'}),
        ({"metadata": None}, {"metadata": None}),
        ({"tenant": "acme"}, {"tenant": "acme"}),
    ],
)  # fmt: skip
def test_what_is_stored(given: dict[str, Any], columns: dict[str, Any]) -> None:
    assert options(**given).columns() == columns


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"queu": "a"}, "there is no option 'queu'; did you mean 'queue'?"),
        ({"x" * 99: 1}, "there is no option .*; there are queue, priority"),
        ({"queue": ""}, "queue must have 1 to 255 characters"),
        ({"queue": "a\x00"}, "queue must not hold control characters"),
        ({"queue": None}, "queue must be text"),
        ({"tenant": "\ud800"}, "tenant must not hold"),
        ({"priority": 2**31}, "priority must be -2147483648 to 2147483647"),
        ({"priority": True}, "priority must be a whole number, not True"),
        ({"priority": 1.0}, "priority must be a whole number"),
        ({"delay": -1}, "delay must not be negative"),
        ({"delay": "soon"}, "delay must be a duration"),
        ({"delay": 1, "run_at": NOON}, "give delay or run_at, not both"),
        ({"run_at": datetime(2026, 1, 1)}, "run_at must say its time zone"),  # noqa: DTZ001
        ({"run_at": "2026-01-01"}, "run_at must be an aware datetime"),
        ({"run_at": datetime(1969, 12, 31, tzinfo=UTC)}, "run_at must be from 1970 to 9999"),
        ({"run_at": datetime.max.replace(tzinfo=timezone(-timedelta(hours=5)))}, "run_at must be from 1970"),
        ({"retry": 0}, "attempts must be 1"),
        ({"retry": "3"}, "attempts must be a whole number"),
        ({"timeout": -1}, "timeout must not be negative"),
        ({"timeout": float("nan")}, "timeout must be a duration"),
        ({"on_timeout": "retry"}, "on_timeout must be 'fail' or 'stall', not 'retry'"),
        ({"on_crash": None}, "on_crash must be 'retry' or 'stall'"),
        ({"on_crash": []}, "on_crash must be"),
        ({"max_crashes": 0}, "max_crashes must be 1 to"),
        ({"keep_succeeded": None}, "keep_succeeded must be a duration"),
        ({"keep_failed": "1001y"}, "keep_failed must be at most 1000 years"),
        ({"tags": "a"}, "tags must be a list of names"),
        ({"tags": None}, "tags must be a list of names"),
        ({"tags": {"a": 1}}, "tags must be a list of names"),
        ({"tags": ["a", ""]}, "a tag must have 1 to 255"),
        ({"tags": map(str, range(MOST_TAGS + 1))}, "at most 100 tags, not 101"),
        ({"metadata": [1]}, "metadata must be a mapping"),
        ({"metadata": {1: 2}}, "metadata must have text as keys, not 1"),
        ({"metadata": {"a": float("nan")}}, "metadata cannot be kept as JSON: NaN is no JSON"),
        ({"metadata": {"a": object()}}, "metadata cannot be kept as JSON"),
    ],
)
def test_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message) as raised:
        options(**given)
    str(raised.value).encode()


def test_options_lie_over_others() -> None:
    below = options(queue="mail", priority=1, timeout="5s", delay=9)
    assert options().over(below) == below
    assert options(priority=2, timeout=None).over(below) == options(queue="mail", priority=2, timeout=None, delay=9)


def test_delay_and_run_at_take_each_other_back() -> None:
    assert options(run_at=NOON).over(options(delay=9)) == options(run_at=NOON)
    assert options(delay=9).over(options(run_at=NOON)) == options(delay=9)
    assert options(delay=None).over(options(run_at=NOON)).columns() == {"delay": None}


def test_columns_are_those_of_the_whole_policy() -> None:
    both = options(retry=Retry(attempts=4, jitter=0)).over(options(on_timeout="stall"))
    assert both.columns()["max_attempts"] == 4
    assert Policy.loads(both.columns()["policy"]) == Policy(retry=Retry(jitter=0), on_timeout="stall")
    assert both.columns() is both.columns()


anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes()
    | st.lists(st.text())
    | st.dictionaries(st.text(), st.floats())
)


@given(st.dictionaries(st.sampled_from([*NO_OPTIONS.__dataclass_fields__]), anything, max_size=3))
def test_any_value_is_taken_or_an_invalid_option(given: dict[str, Any]) -> None:
    try:
        options(**given).columns()
    except InvalidOption as error:
        str(error).encode()
