"""The policy of a job, as text."""

from typing import Any

import pytest

from holdfast.errors import InvalidOption
from holdfast.model.policy import Policy
from holdfast.model.retry import Retry


def test_the_default_policy_is_an_empty_object() -> None:
    assert Policy().dumps() == "{}"
    assert Policy(retry=Retry(attempts=9)).dumps() == "{}", "the number of runs is a column"
    assert Policy.loads("{}") == Policy()


@pytest.mark.parametrize(
    "policy",
    [
        Policy(on_timeout="stall"),
        Policy(on_crash="stall", max_crashes=None),
        Policy(keep_succeeded=0, keep_failed=1.5),
        Policy(retry=Retry(backoff=["1s", "5m"], jitter=0.25)),
        Policy(retry=Retry(backoff="constant"), max_crashes=1, on_timeout="stall", keep_failed=0.0),
    ],
)
def test_what_is_stored_comes_back(policy: Policy) -> None:
    assert Policy.loads(policy.dumps()) == policy


def test_the_text_holds_only_what_differs_and_is_read_once() -> None:
    text = Policy(on_timeout="stall", keep_failed=60).dumps()
    assert text == '{"keep_failed":60,"on_timeout":"stall"}'
    assert Policy.loads(text) is Policy.loads(text)


def test_names_of_a_later_version_are_left_out() -> None:
    assert Policy.loads('{"moon":1,"on_crash":"stall"}') == Policy(on_crash="stall")


@pytest.mark.parametrize("text", ["", "[]", "nope", "7", "null", "[" * 100_000])
def test_other_text_is_refused(text: Any) -> None:
    with pytest.raises(InvalidOption, match="a stored policy must be a JSON object"):
        Policy.loads(text)


UNFIT = [
    '{"on_timeout":"sleep"}', '{"on_crash":1}', '{"max_crashes":"3"}', '{"max_crashes":true}', '{"keep_failed":"1d"}',
    '{"keep_failed":-1}', '{"keep_succeeded":NaN}', '{"keep_succeeded":1e300}', '{"retry":7}',
]  # fmt: skip


@pytest.mark.parametrize("text", UNFIT)
def test_values_that_do_not_fit_are_refused(text: str) -> None:
    with pytest.raises(InvalidOption):
        Policy.loads(text)


@pytest.mark.parametrize("text", ["", "nope", "[" * 100_000, *UNFIT])
def test_a_row_that_nobody_understands_is_treated_as_any_other(text: str) -> None:
    assert Policy.read(text) == Policy()


def test_a_row_that_is_understood_is_read() -> None:
    assert Policy.read('{"on_crash":"stall"}') == Policy(on_crash="stall")
