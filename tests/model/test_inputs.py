"""One input, however it was passed."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.errors import InvalidOption
from holdfast.model.inputs import Cache, canonical, input_name


def test_equal_arguments_are_one_input() -> None:
    assert canonical('{"b": 1, "a": {"z": [2, 1], "y": null}}') == '{"a":{"y":null,"z":[2,1]},"b":1}'
    assert input_name("t", '{"a":1,"b":"é"}') == input_name("t", '{"b":"\\u00e9", "a":1}')


@pytest.mark.parametrize("other", ['{"a":2}', '{"a":"1"}', '{"a":[1]}', '{"a":null}', "{}", '{"a":1.5}', '{"a":true}'])
def test_other_arguments_are_another(other: str) -> None:
    assert input_name("t", '{"a":1}') != input_name("t", other)


def test_tasks_share_no_input() -> None:
    assert input_name("t", "{}") != input_name("u", "{}")


@pytest.mark.parametrize("given", [("soon",), (-1,), ("1d", "yes"), (None,)])
def test_what_is_no_cache(given: Any) -> None:
    with pytest.raises(InvalidOption):
        Cache(*given)
