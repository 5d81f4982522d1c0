"""Partial matches: what a message, or a job's arguments, must hold."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.errors import InvalidOption
from holdfast.model.match import filter_text, matches

SONG = {"song": 7, "tags": ["a", {"b": 1}, None], "by": None, "ok": True, "rate": 1.0, "deep": {"x": {"y": "z"}}}


@pytest.mark.parametrize(
    "where",
    [
        {}, {"song": 7}, {"song": 7.0}, {"deep": {"x": {}}}, {"deep": {"x": {"y": "z"}}}, {"by": None}, {"ok": True},
        {"tags": []}, {"tags": ["a"]}, {"tags": [..., {"b": 1}]}, {"tags": [..., {}, None]}, {"rate": 1}, {"by": ...},
        ...,
    ],
)  # fmt: skip
def test_holds(where: Any) -> None:
    assert matches(filter_text(where), SONG)


@pytest.mark.parametrize(
    "where",
    [
        {"song": 8}, {"song": "7"}, {"song": None}, {"sung": None}, {"by": 0}, {"by": "x"}, {"ok": 1}, {"rate": True},
        {"ok": False}, {"tags": ["b"]}, {"tags": [{"b": 1}]}, {"tags": ["a", {"b": 1}, None, ...]}, {"deep": []},
        {"deep": {"x": {"y": None}}}, {"tags": {}}, [], "song",
    ],
)  # fmt: skip
def test_does_not_hold(where: Any) -> None:
    """None is met by None alone, a flag is no number, and a list by position."""
    assert not matches(filter_text(where), SONG)


def test_what_json_cannot_hold_is_no_filter() -> None:
    with pytest.raises(InvalidOption, match="where"):
        filter_text({"song": object()})
    assert matches(None, SONG)
