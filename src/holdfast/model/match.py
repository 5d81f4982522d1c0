"""Partial matches: what a message, as JSON has it, must hold. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.errors import InvalidOption
from holdfast.model.jsontext import dump_json
from holdfast.model.text import shown

ANY = {"holdfast:any": True}
"""Stands in stored filters for `...`."""


def filter_text(where: object) -> str:
    """A filter as it is stored. Raises InvalidOption for what JSON cannot hold."""
    return dump_json(_stored(where), "where")


def _stored(where: Any) -> Any:
    if where is ...:
        return ANY
    if _is(where, Mapping):
        return {str(key): _stored(value) for key, value in where.items()}
    if _is(where, Sequence) and not _is(where, str | bytes):
        return [_stored(value) for value in where]
    return where


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind)


def matches(filter: str | None, value: Any) -> bool:
    """Whether a value holds what a stored filter asks for: mappings by subset, lists by position, scalars equal."""
    return filter is None or _holds(json.loads(filter), value)


def _holds(asked: Any, value: Any) -> bool:
    if asked == ANY:
        return True
    if _is(asked, dict):
        return _is(value, dict) and all(key in value and _holds(each, value[key]) for key, each in asked.items())
    if _is(asked, list):
        return _is(value, list) and len(asked) <= len(value) and all(map(_holds, asked, value))
    if isinstance(asked, bool) or isinstance(value, bool):
        return asked is value
    return bool(asked == value)


def check_fields(where: object, schema: Mapping[str, Any], pipe: str) -> None:
    """Raise InvalidOption where a filter names a field that no message of this JSON schema can have."""
    _check(where, schema, schema.get("$defs", {}), pipe, "")


def _check(where: Any, schema: Mapping[str, Any], defs: Mapping[str, Any], pipe: str, place: str) -> None:
    if "$ref" in schema:
        schema = defs.get(str(schema["$ref"]).rpartition("/")[2], {})
    if not _is(where, Mapping) or "properties" not in schema or schema.get("additionalProperties"):
        return
    known: Mapping[str, Any] = schema["properties"]
    for key, value in where.items():
        if key not in known:
            raise InvalidOption(
                f"messages of pipe {pipe} have no field {shown(place + str(key))}; there {_are(sorted(known))}"
            )
        _check(value, known[key], defs, pipe, f"{place}{key}.")


def _are(names: Sequence[str]) -> str:
    return "is " + names[0] if len(names) == 1 else "are " + (", ".join(names) or "none")
