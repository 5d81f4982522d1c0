"""Raw jobs: bytes that are kept exactly as they came, in a form of JSON that every database and language can read.

    {"$raw":"utf-8","body":"<order/>","content_type":"application/xml","target":null}
    {"$raw":"base64","body":"AAEC/w==","content_type":null,"target":{"tenant":7}}

A body that is UTF-8 stands there as text, so that people and SQL can read it; any other, and one that JSON would have
to escape a lot, as base64 (`hex` where SQLite's SQL wrote it). No parameter of a function is called `$raw`, so no other
job's arguments look like this.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from holdfast.errors import InvalidArguments, InvalidResult
from holdfast.model.jsontext import dump_json
from holdfast.model.text import check_name, shown

LARGEST = 1024 * 1024
MARK = "$raw"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class RawBody:
    """What came with a raw job.

    body: the bytes; content_type: what they are, as whoever sent them said; target: anything else that JSON can hold.
    """

    body: bytes = field(repr=False)
    content_type: str | None = None
    target: Any = None


@dataclass(frozen=True, slots=True)
class RawResult:
    """What a raw task may return: kept, and given back by `job.result()`, unchanged.

    data: anything that JSON can hold; body: bytes, up to 1 MiB; content_type: what these are.

    >>> return RawResult(data={"status": 200}, body=b"\\x89PNG…", content_type="image/png")
    """

    data: Any = None
    body: bytes | None = field(default=None, repr=False)
    content_type: str | None = None


def dump_body(body: object, content_type: object, target: object, what: str) -> str:
    """JSON text of a raw job; InvalidArguments for what is no bytes, is too long, or JSON cannot hold."""
    more = {"target": "null" if target is None else dump_json(target, f"target of {what}")}
    return _dump(_bytes(body, what), _content_type(content_type, what), more)


def load_body(text: str) -> RawBody:
    """The raw job of JSON text; ValueError for other JSON."""
    return body_of(json.loads(text))


def body_of(stored: Any) -> RawBody:
    """The same of parsed JSON."""
    body = _body(stored)
    if body is None:
        raise ValueError("a raw job has a body")
    return RawBody(body, stored.get("content_type"), stored.get("target"))


def is_raw(text: str) -> bool:
    """Whether JSON text of arguments is a raw job's."""
    return text.lstrip("{ \t\r\n").startswith('"$raw"')


def dump_result(result: RawResult, what: str) -> str:
    """JSON text of a raw result; InvalidResult for what cannot be kept."""
    try:
        body = None if result.body is None else _bytes(result.body, what)
        text = {"data": dump_json(result.data, what)}
        return _dump(body, _content_type(result.content_type, what), text)
    except ValueError as error:
        raise InvalidResult(str(error)) from error


def given_back(stored: Any) -> Any:
    """A stored result as it was returned: a RawResult of what `dump_result` wrote, anything else as it is."""
    if not isinstance(stored, dict) or stored.keys() != {MARK, "body", "content_type", "data"}:
        return stored  # pyright: ignore[reportUnknownVariableType]
    found = cast("dict[str, Any]", stored)
    try:
        return RawResult(found["data"], _body(found), found["content_type"])
    except ValueError:  # a stranger's
        return found


def _dump(body: bytes | None, content_type: str | None, more: Mapping[str, str]) -> str:
    encoding, text = _text(body)
    parts = {MARK: _encode(encoding), "body": text, "content_type": _encode(content_type), **more}
    return "{" + ",".join(f'"{name}":{part}' for name, part in parts.items()) + "}"


def _text(body: bytes | None) -> tuple[str | None, str]:
    """The encoding, and the body in it as JSON text: the shorter of the two, text where they are as long."""
    if body is None:
        return None, "null"
    longest = 4 * ((len(body) + 2) // 3) + 2
    if b"\0" not in body:  # PostgreSQL's own JSON functions could not read it
        try:
            text = _encode(body.decode("utf-8"))
        except UnicodeDecodeError:
            pass
        else:
            if len(text.encode()) <= max(longest, len(body) + 2):
                return "utf-8", text
    return "base64", f'"{base64.b64encode(body).decode()}"'


def _body(stored: Any) -> bytes | None:
    if not isinstance(stored, dict) or MARK not in stored:
        raise ValueError("it is no raw job")
    found = cast("dict[str, Any]", stored)
    encoding, body = found[MARK], found.get("body")
    if encoding is None and body is None:
        return None
    if encoding == "utf-8" and isinstance(body, str):
        return body.encode()
    if encoding == "base64" and isinstance(body, str):
        return base64.b64decode(body, validate=True)
    if encoding == "hex" and isinstance(body, str):
        return bytes.fromhex(body)
    raise ValueError(f"its body is in no encoding known here: {shown(encoding)}")


def _bytes(body: object, what: str) -> bytes:
    if isinstance(body, str):
        raise InvalidArguments(f"the body of {what} must be bytes, not text: text.encode() makes bytes of it")
    if not isinstance(body, bytes | bytearray | memoryview):
        raise InvalidArguments(f"the body of {what} must be bytes, not {shown(body)}")
    data = bytes(cast("bytes", body))
    if len(data) > LARGEST:
        raise InvalidArguments(
            f"the body of {what} has {len(data):,} bytes, the limit is {LARGEST:,}: store it elsewhere and pass where"
        )
    return data


def _content_type(value: object, what: str) -> str | None:
    return None if value is None else check_name(value, f"content_type of {what}")
