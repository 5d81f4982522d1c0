"""Options of a job: each checked by name, unset apart from None, and what they store."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.errors import InvalidOption
from holdfast.model.inputs import Cache
from holdfast.model.labels import MOST_TAGS
from holdfast.model.options import NO_OPTIONS, UNSET, JobOptions
from holdfast.model.policy import Policy
from holdfast.model.retry import Retry
from holdfast.model.spacing import Space, Spacing

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
        ({"retry": 3}, {"max_attempts": 3, "policy": '{"said":"r"}'}),
        ({"retry": None}, {"max_attempts": 1, "policy": '{"said":"r"}'}),
        ({"on_crash": "stall"}, {"max_attempts": 1, "policy": '{"on_crash":"stall"}'}),
        ({"max_crashes": None}, {"max_attempts": 1, "policy": '{"max_crashes":null}'}),
        ({"keep_succeeded": 0, "keep_failed": "1d"},
         {"max_attempts": 1, "policy": '{"keep_failed":86400.0,"keep_succeeded":0.0,"said":"sf"}'}),
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
        ({"key": ""}, "key must have 1 to 255 characters, not 0"),
        ({"key": "x" * 256}, "key must have 1 to 255 characters, not 256"),
        ({"key": 5}, "key must be text"),
        ({"key": "a\x00"}, "key must not hold control characters"),
        ({"on_conflict": "ignore"}, "on_conflict must be 'keep', 'replace', 'merge', 'reject' or a function"),
        ({"cache": "soon"}, "cache must be a duration"),
        ({"cache": -1}, "cache must not be negative"),
        ({"debounce": 0}, "debounce must be a rate"),
        ({"rate_limit": "0/s"}, "rate_limit must be a rate"),
        ({"rate_limit": Spacing(1, max_wait=1)}, "max_wait belongs to debounce"),
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
    assert Policy.loads(both.columns()["policy"]) == Policy(retry=Retry(jitter=0), on_timeout="stall", said="r")
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


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # of a busy machine
@given(st.dictionaries(st.sampled_from([*NO_OPTIONS.__dataclass_fields__]), anything, max_size=3))
def test_any_value_is_taken_or_an_invalid_option(given: dict[str, Any]) -> None:
    try:
        options(**given).columns()
    except InvalidOption as error:
        str(error).encode()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"key": "a"}, {"cache": "1d"}),
        ({"key": "a"}, {"debounce": "1s"}),
        ({"key": lambda n: n}, {"cache": 5}),
        ({"cache": "1d"}, {"debounce": "1s"}),
        ({"delay": 1}, {"debounce": "1s"}),
        ({"run_at": NOON}, {"debounce": "1s"}),
        ({"delay": 1}, {"run_at": NOON}),
    ],
)
def test_options_that_contradict_each_other(one: dict[str, Any], other: dict[str, Any]) -> None:
    names = f"give {next(iter(one))} or {next(iter(other))}, not both"
    with pytest.raises(InvalidOption, match=names):
        options(**one, **other)
    if "run_at" not in other:
        with pytest.raises(InvalidOption, match=names):
            options(**other).over(options(**one))
        assert options(**dict.fromkeys(one), **other).over(options(**one)).columns()


def test_functions_of_the_arguments() -> None:
    given = options(
        priority=lambda n: n, timeout=lambda n: f"{n}m", key=lambda n: f"k{n}", rate_limit=lambda n: f"{n}/s", queue="q"
    )
    assert given.open == ("priority", "timeout", "key", "rate_limit")
    told = given.told(lambda function: function(4), "t")
    assert told == JobOptions(priority=4, timeout=240.0, key="k4", rate_limit=Space("task t", 0.25))
    assert told.over(given).columns() == {
        "queue": "q", "priority": 4, "timeout": 240.0, "key": "k4", "rate_limit": Space("task t", 0.25)
    }  # fmt: skip
    assert options(key=lambda: None).told(lambda function: function(), "t").columns() == {"key": None}
    assert options(debounce=lambda: None).told(lambda function: function(), "t").columns() == {"debounce": None}


def test_a_spacing_is_split_and_shared() -> None:
    def space(spacing: Any, task: str = "t") -> Space:
        found = options(debounce=spacing).told(lambda function: function("a@b.c", [1]), task).debounce
        assert isinstance(found, Space)
        return found

    assert space("2/s") == Space("task t", 0.5)
    assert space(Spacing("1m", max_wait="5m")) == Space("task t", 60.0, 300.0)
    assert space(Spacing("1m", name="mail")) == space(Spacing("1m", name="mail"), "other")
    assert space(Spacing("1m", by=lambda to, n: to)) == Space('task t by "a@b.c"', 60.0)
    assert space(lambda to, n: Spacing("1m", by=lambda to, n: n)) == Space("task t by [1]", 60.0)
    long = [space(Spacing("1m", by=lambda to, n, last=last: "x" * 400 + last)).name for last in "ab"]
    assert long[0] != long[1]
    assert all(len(name) <= 255 for name in long)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"key": lambda: 5}, "key must be text"),
        ({"key": lambda: ""}, "key must have 1 to 255 characters"),
        ({"priority": lambda: "high"}, "priority must be a whole number"),
        ({"timeout": lambda: "soon"}, "timeout must be a duration"),
        ({"rate_limit": lambda: "0/s"}, "rate_limit must be a rate"),
        ({"rate_limit": lambda: Spacing(1, max_wait=2)}, "max_wait belongs to debounce"),
        ({"debounce": Spacing(1, by=lambda: object())}, "what by answered cannot be kept"),
        ({"key": lambda: len}, "answered a function"),
    ],
)
def test_what_a_function_cannot_mean(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        options(**given).told(lambda function: function(), "t")


@pytest.mark.parametrize("given", [{"key": "a"}, {"priority": len}, {"debounce": "1s"}, {"rate_limit": "1/s"}])
def test_what_is_no_default_of_an_app(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match="about the arguments of one task"):
        JobOptions.of_app(given)


def test_a_cache_keeps_what_it_answers_with() -> None:
    def policy(**given: Any) -> Policy:
        return Policy.loads(options(**given).columns()["policy"])

    assert policy(cache="1d") == Policy(said="sf")
    assert policy(cache="1y").keep_succeeded == 365.25 * 86400
    assert policy(cache="1d", keep_succeeded=0, keep_failed=0) == Policy(
        keep_succeeded=86400.0, keep_failed=0.0, said="sf"
    )
    assert policy(cache=Cache("1d", failures=True), keep_failed=0).keep_failed == 86400.0


def test_what_the_app_says_is_not_what_the_task_says() -> None:
    app = JobOptions.of_app({"retry": 5, "keep_failed": "90d", "queue": "q"})
    assert app.said == JobOptions.of({"priority": 3}).over(app).said == ""
    assert JobOptions.of({"keep_failed": "30d"}).over(app).said == "f"
    task = JobOptions.of({"retry": 2})
    assert JobOptions.of({"keep_succeeded": 0}).over(task).over(app).said == "rs"
    columns = JobOptions.of({"priority": 3}).over(app).columns()
    assert columns["max_attempts"] == 5
    assert Policy.loads(columns["policy"]) == Policy(keep_failed=90 * 86400.0)
