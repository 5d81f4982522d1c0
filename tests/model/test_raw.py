"""Bytes in JSON and back, exactly."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import InvalidArguments, InvalidResult
from holdfast.model.raw import LARGEST, RawBody, RawResult, dump_body, dump_result, given_back, is_raw, load_body

TARGETS = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=3), st.lists)
BODIES = st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "ignore"))
TYPES = st.none() | st.sampled_from(["application/json", "text/plain; charset=utf-8"])


@given(BODIES, TYPES, TARGETS)
def test_bodies_come_back_exactly(body: bytes, content_type: str | None, target: object) -> None:
    text = dump_body(body, content_type, target, "x")
    assert is_raw(text)
    assert load_body(text) == RawBody(body, content_type, target)
    assert load_body(json.dumps(json.loads(text), indent=1)) == RawBody(body, content_type, target)
    assert "\x00" not in text
    assert not re.search(r"(?<!\\)(?:\\\\)*\\u0000", text)  # an escaped NUL, which PostgreSQL's JSON cannot hold


@given(st.none() | BODIES, TYPES, TARGETS)
def test_results_come_back_exactly(body: bytes | None, content_type: str | None, data: object) -> None:
    result = RawResult(data, body, content_type)
    assert given_back(json.loads(dump_result(result, "x"))) == result


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        (b'{"a": 1}', '"utf-8","body":"{\\"a\\": 1}"'),
        ("Grüße \u2028".encode(), '"utf-8","body":"Grüße \u2028"'),
        (b"\xef\xbb\xbfbom", '"utf-8","body":"\ufeffbom"'),
        (b"", '"utf-8","body":""'),
        (b"\x00text", '"base64","body":"AHRleHQ="'),
        (b"\xff", '"base64","body":"/w=="'),
        (b"\xed\xa0\x80", '"base64"'),  # half of a surrogate pair
        (b"\x01" * 100, '"base64"'),  # as text it would be six times as long
    ],
)
def test_text_stays_readable(body: bytes, stored: str) -> None:
    text = dump_body(body, None, None, "x")
    assert text.startswith('{"$raw":' + stored)
    assert load_body(text).body == body


def test_never_much_longer_than_base64() -> None:
    for body in (b"\x01" * LARGEST, b'"' * LARGEST, b"\xff" * LARGEST, b"a" * LARGEST):
        text = dump_body(body, None, None, "x")
        assert len(text) < LARGEST * 4 / 3 + 100
        assert load_body(text).body == body


@pytest.mark.parametrize("bad", ["text", 5, None, [1], bytes(LARGEST + 1)])
def test_what_is_no_bytes_is_refused(bad: object) -> None:
    with pytest.raises(InvalidArguments, match="the body of x"):
        dump_body(bad, None, None, "x")
    if bad is not None:
        with pytest.raises(InvalidResult):
            dump_result(RawResult(body=bad), "x")  # type: ignore[arg-type]


def test_other_forms_of_bytes_are_taken() -> None:
    for body in (bytearray(b"ab"), memoryview(b"ab")):
        assert load_body(dump_body(body, None, None, "x")).body == b"ab"


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", "5", '{"a":{"$raw":1}}', '{"$raw":"utf-16","body":"a"}', '{"$raw":"base64","body":"%"}',
     '{"$raw":"utf-8","body":5}', '{"$raw":null,"body":null}'],
)  # fmt: skip
def test_other_json_is_no_raw_job(text: str) -> None:
    with pytest.raises(ValueError):
        load_body(text)


def test_plain_results_stay_as_they_are() -> None:
    for value in (
        {"a": 1},
        {"$raw": "utf-8", "body": "a"},
        [1],
        None,
        {"$raw": 5, "body": 1, "content_type": 2, "data": 3},
    ):
        assert given_back(value) is value
