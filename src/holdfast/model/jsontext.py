"""JSON text that every database and every reader can hold, and nothing else.

NaN and infinities, NUL characters, lone surrogates, secrets that print as asterisks, numbers of more than
4,300 digits, nesting deeper than 100 and texts over 1 MiB get the same refusal whatever the database. Good
JSON pays for a few substring searches; only a hit is looked at token by token, without recursion.
"""

import math
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, cast

from pydantic import PydanticUserError, SecretBytes, SecretStr, TypeAdapter, ValidationError
from pydantic_core import CoreConfig, SchemaSerializer, SchemaValidator

from holdfast.errors import ConfigError, InvalidOption
from holdfast.model.text import clean_text, shown

LARGEST = 1024 * 1024
DEEPEST = 100
LONGEST_NUMBER = 4_300

_LONG_NUMBER = re.compile(rb"\d{%d}" % (LONGEST_NUMBER + 1))
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]|-?Infinity|NaN|\d{%d,}' % (LONGEST_NUMBER + 1), re.DOTALL)
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
_MASK = b"**********"

# Bytes travel as base64, whatever they hold; NaN is written so that it can be found and refused.
_CONFIG = CoreConfig(ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants")


class Codec:
    """JSON text of values of one type, by pydantic; `what` begins every message."""

    def __init__(self, annotation: Any, what: str) -> None:
        try:
            schema = TypeAdapter(annotation).core_schema
        except (PydanticUserError, TypeError, NameError) as error:
            first = str(error).partition("\n")[0].partition(". Set `")[0]
            raise ConfigError(f"{what} cannot be kept as JSON: {shown_text(first)}") from error
        self._validator = SchemaValidator(schema, _CONFIG)
        self._serializer = SchemaSerializer(schema, _CONFIG)
        self.validate = self._validator.validate_python
        self._only_none = annotation in (None, type(None))

    def dump(self, value: Any) -> bytes:
        """JSON of `value`, which is validated first. Raises whatever pydantic raises, and Unfit."""
        if value is None and self._only_none:  # what most tasks return
            return b"null"
        value = self.validate(value)
        data = self._serializer.to_json(value, by_alias=False, round_trip=True, warnings="error")
        refuse_unfit(data)
        # Models write NaN as null and secrets as asterisks, each by a configuration of its own.
        if b"null" in data or _MASK in data:
            _refuse_hidden(self._serializer.to_python(value), secrets=_MASK in data)
        return data

    def load(self, text: str) -> Any:
        """The value of JSON text. Raises ValidationError."""
        return self._validator.validate_json(text, by_alias=True, by_name=True)


class Unfit(ValueError):
    """Why JSON text cannot be stored; becomes the error of the caller's side."""


def refuse_unfit(data: bytes) -> None:
    """Raise Unfit for JSON that a database or a reader could not hold; cheap for good JSON."""
    if len(data) > LARGEST:
        raise Unfit(f"{len(data):,} bytes, the limit is {LARGEST:,}: store it elsewhere and pass where")
    if (
        b"\\u0000" in data
        or b"NaN" in data
        or b"Infinity" in data
        or data.count(b"[") + data.count(b"{") > DEEPEST
        or (len(data) > LONGEST_NUMBER and _LONG_NUMBER.search(data))
    ):
        _inspect(data)


def dump_json(value: object, what: str) -> str:
    """JSON text of any value, such as metadata; InvalidOption for what cannot be stored."""
    try:
        return _anything().dump(value).decode()
    except Exception as error:  # serializers of users may raise anything
        raise InvalidOption(f"{what} cannot be kept as JSON: {describe(error)}") from error


@cache
def _anything() -> "Codec":
    return Codec(Any, "a value")


def shown_text(text: str, limit: int = 200) -> str:
    """One line of a foreign message, cut."""
    return clean_text(" ".join(text.split()), 4 * limit)[:limit]


def _inspect(data: bytes) -> None:
    depth = 0
    for match in _TOKEN.finditer(data):
        token = match[0]
        if token in b"[{":
            depth += 1
            if depth > DEEPEST:
                raise Unfit(f"nested deeper than {DEEPEST}")
        elif token in b"]}":
            depth -= 1
        elif token[:1] != b'"':
            number = token.decode() if len(token) < 12 else "a number"
            raise Unfit(f"{number} is no JSON" if len(token) < 12 else f"more than {LONGEST_NUMBER} digits")
        elif _ESCAPED_NUL.search(token):
            raise Unfit("a NUL character, which PostgreSQL cannot hold")


def _refuse_hidden(value: Any, *, secrets: bool) -> None:
    rest: list[object] = [value]
    while rest:
        each = rest.pop()
        if isinstance(each, dict):
            rest.extend(cast("dict[object, object]", each).values())
        elif isinstance(each, list | tuple | set | frozenset):
            rest.extend(cast("Iterable[object]", each))
        elif isinstance(each, float) and not math.isfinite(each):
            raise Unfit(f"{each} is no JSON")
        elif secrets and isinstance(each, SecretStr | SecretBytes):
            raise Unfit("a secret would be stored as asterisks; pass the name of a secret, or plain text")


def describe(error: Exception) -> str:
    """What is wrong, naming the place and the type that came but never the value."""
    if not isinstance(error, ValidationError):
        return shown_text(str(error)).removeprefix("Error serializing to JSON: ")
    found = [_describe_one(each) for each in error.errors(include_url=False)[:3]]
    more = f"; and {error.error_count() - 3} more" if error.error_count() > 3 else ""
    return "; ".join(found) + more


def _describe_one(detail: Mapping[str, Any]) -> str:
    place = ".".join(str(part)[:40] for part in detail["loc"][:6])
    message = shown_text(detail["msg"])
    came = "" if detail["type"] in ("missing", "extra_forbidden") else f", not {type(detail['input']).__name__}"
    return f"{shown(place, 120)}: {message}{came}" if place else message + came
