"""Retry: the wait of every kind, what is refused, and what of it is stored."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import InvalidOption
from holdfast.model.retry import UNLIMITED, Retry


def waits(retry: Retry, runs: int = 5) -> list[float | None]:
    return [retry.wait(attempt) for attempt in range(1, runs + 1)]


def test_alone_it_is_one_run_exponential_from_10_s_to_15_min_with_10_percent_jitter() -> None:
    retry = Retry()
    assert (retry.attempts, retry.kind, retry.base, retry.cap, retry.jitter) == (
        1,
        "exponential",
        10,
        900,
        0.1,
    )
    assert [retry.wait(n, random=lambda: 0.5) for n in range(1, 9)] == [10, 20, 40, 80, 160, 320, 640, 900]


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        ("exponential", [10, 20, 40, 80, 160]),
        ("linear", [10, 20, 30, 40, 50]),
        ("polynomial", [10, 40, 90, 160, 250]),
        ("constant", [10] * 5),
        ("1m", [60] * 5),
        (5, [5] * 5),
        (timedelta(hours=2), [7200] * 5),
        (["1s", 2, timedelta(days=1)], [1, 2, 86400, 86400, 86400]),
        (lambda attempt, error: f"{attempt}m", [60, 120, 180, 240, 300]),
        (lambda attempt, error: 1 if attempt < 3 else None, [1, 1, None, None, None]),
    ],
)
def test_the_wait_before_each_run(backoff: Any, expected: list[float | None]) -> None:
    assert waits(Retry(attempts=9, backoff=backoff, jitter=0)) == expected


def test_the_cap_cuts_every_kind_before_the_jitter() -> None:
    for backoff in (
        "exponential",
        "linear",
        "polynomial",
        "constant",
        "1h",
        ["1h"],
        lambda attempt, error: "1h",
    ):
        retry = Retry(backoff=backoff, base="1m", cap="30s", jitter=0.5)  # type: ignore[arg-type]
        assert retry.wait(3, random=lambda: 1.0) == 45
        assert retry.wait(3, random=lambda: 0.0) == 15


def test_a_base_of_nothing_waits_nothing() -> None:
    assert waits(Retry(base=0)) == [0] * 5


@given(st.integers(1, UNLIMITED), st.sampled_from(["exponential", "linear", "polynomial", "constant"]))
def test_no_attempt_overflows(attempt: int, kind: str) -> None:
    assert 0 <= (Retry(backoff=kind, base="1000y", cap="1000y").wait(attempt) or 0) <= 1000 * 365.25 * 86400


@given(st.floats(0, 1), st.floats(0, 1))
def test_jitter_stays_within_its_share(jitter: float, luck: float) -> None:
    wait = Retry(backoff="10s", jitter=jitter).wait(1, random=lambda: luck)
    assert wait is not None
    assert 10 * (1 - jitter) - 1e-9 <= wait <= 10 * (1 + jitter) + 1e-9


def test_given_up_errors_end_at_once() -> None:
    retry = Retry(attempts=5, give_up_on=(LookupError,))
    assert retry.wait(1, KeyError("x")) is None
    assert retry.wait(1, ValueError("x")) is not None
    assert Retry(give_up_on=KeyError).give_up_on == (KeyError,)


def test_a_function_sees_the_error_and_decides_alone() -> None:
    retry = Retry.of(lambda attempt, error: 7 if isinstance(error, OSError) else None)
    assert (retry.attempts, retry.jitter) == (UNLIMITED, 0)
    assert retry.wait(1000, OSError()) == 7
    assert retry.wait(1, ValueError()) is None


def test_what_a_function_answers_is_checked() -> None:
    with pytest.raises(InvalidOption, match="the wait a retry function answers must be a duration"):
        Retry(backoff=lambda attempt, error: "soon").wait(1)


def test_what_retry_may_be() -> None:
    assert Retry.of(None) == Retry()
    assert Retry.of(3) == Retry(attempts=3)
    assert Retry.of(Retry(attempts=4)) == Retry(attempts=4)


async def wait_async(attempt: int, error: BaseException) -> int:
    return attempt


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attempts": 0}, "attempts must be 1 to"),
        ({"attempts": UNLIMITED + 1}, "attempts must be 1 to"),
        ({"attempts": True}, "attempts must be a whole number"),
        ({"attempts": 2.0}, "attempts must be a whole number"),
        ({"backoff": "exponental"}, "backoff must be 'exponential', .* not 'exponental'"),
        ({"backoff": None}, "backoff must be"),
        ({"backoff": -1}, "backoff must be"),
        ({"backoff": []}, "a backoff table has 1 to 100"),
        ({"backoff": [1] * 101}, "a backoff table has 1 to 100"),
        ({"backoff": [1, "x"]}, "an entry of backoff must be a duration"),
        ({"backoff": wait_async}, "plain function"),
        ({"base": "x"}, "base must be a duration"),
        ({"cap": -1}, "cap must not be negative"),
        ({"jitter": 1.1}, "jitter must be a share"),
        ({"jitter": float("nan")}, "jitter must be a share"),
        ({"jitter": True}, "jitter must be a share"),
        ({"give_up_on": ("KeyError",)}, "exception classes only"),
        ({"give_up_on": int}, "exception classes only"),
    ],
)
def test_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        Retry(**options)


@pytest.mark.parametrize("value", ["3", 0, True, 2.5])
def test_what_retry_may_not_be(value: Any) -> None:
    with pytest.raises(InvalidOption, match="attempts must be"):
        Retry.of(value)


@pytest.mark.parametrize(
    "retry",
    [
        Retry(),
        Retry(attempts=5, jitter=0),
        Retry(backoff=["1s", "2s"]),
        Retry(backoff="linear", base="1s", cap="1d"),
    ],
)
def test_what_is_stored_comes_back(retry: Retry) -> None:
    stored = json.loads(json.dumps(retry.to_json()))
    assert Retry.from_json(stored | {"of_a_later_version": 1}) == retry


def test_the_default_stores_nothing_and_code_is_never_stored() -> None:
    assert Retry().to_json() == {}
    code = Retry(attempts=5, backoff=lambda attempt, error: 1, give_up_on=(KeyError,), jitter=0)
    stored = Retry.from_json(code.to_json())
    assert (stored.kind, stored.function, stored.give_up_on) == ("function", None, ())
    assert waits(stored, 2) == [10, 20], "without its code a worker falls back to the growing wait"
    assert stored.with_code(code) == code
    assert code.with_attempts(2).attempts == 2
