"""Kinds of JSON that values of a type become, to see where two types can never meet."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, cast, get_args, get_origin

from pydantic import PydanticUserError, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema

ALL = frozenset({"string", "integer", "number", "boolean", "null", "array", "object"})
_OF_VALUES: dict[type, str] = {
    str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null", list: "array", dict: "object",
}  # fmt: skip


def misfit(given: Any, taken: Any) -> str | None:
    """Where JSON of `given` may be what `taken` never takes: "str, not int"; None where they meet, or nobody knows."""
    if given is taken or taken is Any or given is Any:
        return None
    if kinds(given, "serialization") <= _widened(kinds(taken, "validation")):
        return None
    return f"{named(given)}, not {named(taken)}"


def kinds(annotation: Any, mode: Literal["serialization", "validation"]) -> frozenset[str]:
    """What JSON text of such values can begin with; all kinds where it cannot be known."""
    try:
        schema = TypeAdapter(annotation).json_schema(mode=mode)
    except (PydanticUserError, PydanticInvalidForJsonSchema, TypeError, NameError):
        return frozenset() if mode == "serialization" else ALL
    return _of(schema, schema.get("$defs", {}), mode)


def named(annotation: Any) -> str:
    """A type as people write it."""
    if get_origin(annotation) is Annotated:
        return named(get_args(annotation)[0])
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _of(schema: dict[str, Any], known: dict[str, Any], mode: str) -> frozenset[str]:
    if "$ref" in schema:
        return _of(known.get(schema["$ref"].rpartition("/")[2], {}), known, mode)
    parts: list[dict[str, Any]] | None = schema.get("anyOf") or schema.get("oneOf")
    if parts:
        return frozenset[str]().union(*(_of(part, known, mode) for part in parts))
    if isinstance(found := schema.get("type"), str):
        return frozenset({found})
    values = cast(
        "Iterable[object]", schema["enum"] if "enum" in schema else [schema["const"]] if "const" in schema else ()
    )
    told = frozenset(_OF_VALUES[type(value)] for value in values if type(value) in _OF_VALUES)
    return told or (frozenset() if mode == "serialization" else ALL)


def _widened(taken: frozenset[str]) -> frozenset[str]:
    """What takes any number takes whole ones."""
    return taken | {"integer"} if "number" in taken else taken
