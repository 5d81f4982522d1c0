"""JSON text: what is refused wherever it stands in a value, and that nothing else is."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from holdfast.errors import ConfigError, InvalidOption
from holdfast.model.jsontext import DEEPEST, LARGEST, Codec, dump_json


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


class Opaque: ...


class Model(BaseModel):
    x: float = 1.0
    anything: Any = None


GOOD = [
    None, True, 0, -(2**63), 2**200, 0.1, "", "NaN", "Infinity", r"\u0000", "\\", '"', "\x7f\x01", "🙂",
    "**********",
    [], {}, [None], {"": 1}, {"NaN": "-Infinity"}, nested(DEEPEST), ["["] * 500, 10**4299, "1" * 10_000,
    "x" * (LARGEST - 2), [{"a": [r"\\u0000", "\\\\"]}], Model(),
]  # fmt: skip
BAD = [
    math.nan, math.inf, -math.inf, [{"a": math.nan}], "\x00", ["a\x00"], {"a\x00": 1}, "\\\x00", "\ud800",
    {"\udfff": 1}, nested(DEEPEST + 1), nested(5_000), [10**4300], "x" * (LARGEST - 1), object(),
    {1: object()},
    Model(x=math.nan), Model(anything=[math.inf]), [Model(anything=Model(x=-math.inf))], SecretStr("hush"),
    {"a": [SecretStr("hush")]},
]  # fmt: skip


@pytest.mark.parametrize("value", GOOD, ids=lambda value: f"{type(value).__name__}")
def test_kept(value: Any) -> None:
    text = dump_json(value, "metadata")
    assert len(text.encode()) <= LARGEST
    json.loads(text)


@pytest.mark.parametrize("value", BAD, ids=lambda value: f"{type(value).__name__}")
def test_refused_in_a_short_message(value: Any) -> None:
    with pytest.raises(InvalidOption, match=r"^metadata cannot be kept as JSON: ") as raised:
        dump_json(value, "metadata")
    assert len(str(raised.value).encode()) < 300


def test_a_circle_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(InvalidOption, match="Circular"):
        dump_json(circle, "metadata")


any_text = st.text(st.characters(exclude_categories=()), max_size=20) | st.sampled_from(
    ["NaN", "Infinity", "\x00", r"\u0000", "\\\x00", "\\\\", '"NaN', "\ud800", "[", "{" * 60]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=15,
)


def can_be_kept(value: Any) -> bool:
    """The rule, written plainly."""
    if isinstance(value, str):
        return "\x00" not in value and not any("\ud800" <= each <= "\udfff" for each in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(can_be_kept(each) for pair in value.items() for each in pair)
    return all(can_be_kept(each) for each in value) if isinstance(value, list) else True


@given(values)
def test_the_verdict_is_the_plain_rule_and_what_is_kept_comes_back(value: Any) -> None:
    if can_be_kept(value):
        assert json.loads(dump_json(value, "x")) == value
    else:
        with pytest.raises(InvalidOption):
            dump_json(value, "x")


def test_a_type_that_is_no_json_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="an argument cannot be kept as JSON"):
        Codec(Opaque, "an argument")
