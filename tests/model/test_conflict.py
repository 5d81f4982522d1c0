"""Merging the arguments of two jobs of one key."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.errors import InvalidOption
from holdfast.model.codec import Signature
from holdfast.model.conflict import merged, newest_wins


def add(ids: list[int], note: str = "") -> None: ...


DUMP = Signature(add, "add").dump_arguments


def test_the_newer_arguments_are_put_over_the_older() -> None:
    assert merged(newest_wins, DUMP, '{"ids":[1],"note":"a"}', '{"ids":[2]}') == '{"ids":[2],"note":"a"}'


def test_a_function_says_how() -> None:
    def join(live: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        return {"ids": live["ids"] + new["ids"]}

    assert merged(join, DUMP, '{"ids":[1]}', '{"ids":[2]}') == '{"ids":[1,2]}'


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda live, new: 1 / 0, "raised ZeroDivisionError"),
        (lambda live, new: None, "must answer arguments by name, not None"),
        (lambda live, new: {"ids": "x"}, "add: 'ids'"),
        (lambda live, new: {"ids": [1], "more": 2}, "add: 'more'"),
    ],
)
def test_what_is_no_merge(answer: Any, message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        merged(answer, DUMP, '{"ids":[1]}', '{"ids":[2]}')
