"""Arguments and results of functions as JSON text."""

import dataclasses
import json
import math
from collections.abc import Awaitable, Coroutine
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Generic, NoReturn, TypeVar
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, Json, SecretStr, computed_field, field_serializer, field_validator
from typing_extensions import TypedDict, Unpack

from holdfast.errors import ConfigError, InvalidArguments, InvalidOption, InvalidResult
from holdfast.model.codec import Signature

D = TypeVar("D")


class Ctx(Generic[D]):
    __holdfast_context__ = True


class Colour(Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Song(BaseModel):
    title: str = Field(alias="Title")
    plays: int = 0
    score: float | None = None

    @computed_field
    @property
    def shout(self) -> str:
        return self.title.upper()


def send_mail(to: str, subject: str) -> str:
    return to + subject


def returned(function: Any) -> Signature:
    return Signature(function, function.__name__)


def round_trip(function: Any, *args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    signature = returned(function)
    return signature.load_call(signature.bind_dump(args, kwargs))


def outcome(function: Any, *args: Any, **kwargs: Any) -> Any:
    """What the function gives when it is called with arguments that travelled as text."""
    loaded, named = round_trip(function, *args, **kwargs)
    return function(*loaded, **named)


def test_arguments_are_one_object_by_name() -> None:
    signature = returned(send_mail)
    text = '{"to":"a@b.c","subject":"hi"}'
    assert signature.bind_dump(("a@b.c",), {"subject": "hi"}) == text
    assert signature.load_call(text) == ((), {"to": "a@b.c", "subject": "hi"})


def plain(a: int, b: int = 2, *, c: int = 3) -> Any:
    return a, b, c


def positional(a: int, b: int = 2, /, c: int = 3) -> Any:
    return a, b, c


def optional_positional(a: int = 1, b: int = 2, /) -> Any:
    return a, b


def variadic(a: int, b: int = 2, *rest: int, c: int = 3, **named: int) -> Any:
    return a, b, rest, c, named


def awkward(self: int, cls: int, /, args: int, *kwargs: int, **rest: int) -> Any:
    return self, cls, args, kwargs, rest


def untyped(a, b=2, *c, **d):  # type: ignore[no-untyped-def]
    return a, b, c, d


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (plain, (1,), {}), (plain, (1, 5), {"c": 6}), (plain, (), {"c": 6, "a": 1}),
        (positional, (1,), {}), (positional, (1, 5, 6), {}), (positional, (1,), {"c": 4}),
        (optional_positional, (), {}), (optional_positional, (7,), {}), (optional_positional, (7, 8), {}),
        (variadic, (1,), {}), (variadic, (1, 2, 3, 4), {"c": 9, "z": 1}), (variadic, (1,), {"z": 1}),
        (awkward, (1, 2, 3, 4, 5), {"self": 6, "z": 7}), (untyped, (1, [2], {"x": None}), {"z": "q"}),
    ],
)  # fmt: skip
def test_every_kind_of_parameter_travels(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    assert outcome(function, *args, **kwargs) == function(*args, **kwargs)


def test_defaults_are_those_of_the_code_that_runs() -> None:
    assert returned(plain).bind_dump((1,), {}) == '{"a":1}'


class Options(TypedDict, total=False):
    width: int


def unpacked(**options: Unpack[Options]) -> Any:
    return options


def test_unpacked_options_are_checked_by_name() -> None:
    assert outcome(unpacked, width=3) == {"width": 3}
    with pytest.raises(InvalidArguments, match=r"options\.width"):
        round_trip(unpacked, width="wide")


def typed(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (UUID, UUID("186b8fb5-7051-4c59-8b71-e9c659dd1daf")),
        (datetime, datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)), (timedelta, timedelta(1)),
        (Decimal, Decimal("1.10")), (Path, Path("/tmp/a b")), (Colour, Colour.RED), (Point, Point(1.5)),
        (bytes, b"\xff\x00\xfe"), (tuple[int, str], (1, "a")), (set[int], {1, 2}), (dict[int, str], {1: "a"}),
        (int | None, None), (Song, Song(Title="a")), (list[Song], [Song(Title="a", plays=2)]),
        (Annotated[int, Field(gt=3)], 4), (Json[list[int]], [1, 2]), (float, -0.0), (int, 2**100),
    ],
    ids=str,
)  # fmt: skip
def test_rich_types_come_back_as_they_were(annotation: Any, value: Any) -> None:
    def function(value: Any) -> Any: ...

    function.__annotations__ = {"value": annotation, "return": annotation}
    signature = returned(function)
    given = json.dumps(value) if annotation == Json[list[int]] else value
    assert signature.load_call(signature.bind_dump((given,), {})) == ((), {"value": value})
    assert signature.load_result(signature.dump_result(given)) == value


def test_models_are_written_by_field_name_and_read_by_either() -> None:
    def play(song: Song) -> None: ...

    signature = returned(play)
    assert signature.bind_dump((Song(Title="a"),), {}) == '{"song":{"title":"a","plays":0,"score":null}}'
    assert signature.bind_dump(({"Title": "a"},), {}) == '{"song":{"title":"a","plays":0,"score":null}}'
    assert signature.load_call('{"song":{"Title":"b"}}') == ((), {"song": Song(Title="b")})


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, r"send_mail: missing a required argument: 'to'; it takes \(to, subject\)"),
        (("a",), {}, "missing a required argument: 'subject'"),
        (("a", "b", "c"), {}, "too many positional arguments"),
        (("a", "b"), {"to": "c"}, "multiple values for argument 'to'"),
        (("a", "b"), {"cc": "c"}, "got an unexpected keyword argument 'cc'"),
        ((1, "b"), {}, "send_mail: 'to': Input should be a valid string, not int"),
        ((1, None), {}, r"'to': .*; 'subject': .*, not NoneType"),
        (("a\x00", "b"), {}, "NUL"),
        (("\ud800", "b"), {}, "surrogates not allowed"),
        (("a" * 1_100_000, "b"), {}, r"1,100,0.. bytes, the limit is 1,048,576"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(args: Any, kwargs: Any, message: str) -> None:
    with pytest.raises(InvalidArguments, match=message) as raised:
        returned(send_mail).bind_dump(args, kwargs)
    assert isinstance(raised.value, InvalidOption)
    assert len(str(raised.value).encode()) < 700


def test_a_message_never_holds_the_payload() -> None:
    def pay(card: int, options: dict[str, int]) -> None: ...

    secret = "4111-1111-1111-1111 and much more"
    with pytest.raises(InvalidArguments) as raised:
        returned(pay).bind_dump((secret, {"a": secret}), {})
    assert "4111" not in str(raised.value)
    assert "options.a" in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        '{"to":"a"}',
        '{"to":"a","subject":1}',
        '{"to":"a","subject":"b","x":1}',
        "\ud800",
    ],
)
def test_stored_arguments_that_no_longer_fit_are_refused(text: str) -> None:
    with pytest.raises(InvalidArguments, match=r"^send_mail: "):
        returned(send_mail).load_call(text)


class Vault(BaseModel):
    key: SecretStr
    note: str = "**********"


class OpenVault(Vault):
    @field_serializer("key", when_used="json")
    def write_key(self, key: SecretStr) -> str:
        return key.get_secret_value()


def test_a_secret_is_never_stored_as_asterisks() -> None:
    def lock(vault: Vault) -> OpenVault: ...

    signature = returned(lock)
    with pytest.raises(InvalidArguments, match="a secret would be stored as asterisks"):
        signature.bind_dump((Vault(key=SecretStr("hush")),), {})
    opened = OpenVault(key=SecretStr("hush"), note="n")
    assert signature.load_result(signature.dump_result(opened)) == opened


class Angry(BaseModel):
    x: int

    @field_validator("x")
    @classmethod
    def never(cls, value: int) -> int:
        raise KeyError("oops")


def test_any_error_of_a_users_validator_is_a_typed_error() -> None:
    def take(angry: Angry) -> Angry: ...

    signature = returned(take)
    with pytest.raises(InvalidArguments, match="oops"):
        signature.bind_dump(({"x": 1},), {})
    with pytest.raises(InvalidArguments, match="oops"):
        signature.load_call('{"angry":{"x":1}}')
    with pytest.raises(InvalidResult, match="oops"):
        signature.dump_result({"x": 1})
    with pytest.raises(InvalidResult, match="oops"):
        signature.load_result('{"x":1}')


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.floats() | st.text(max_size=5), max_size=3))
@settings(deadline=None)
def test_any_payload_is_stored_faithfully_or_refused(value: dict[str, Any]) -> None:
    signature = returned(typed)
    try:
        text = signature.bind_dump((value,), {})
    except InvalidArguments:
        assert "\x00" in str(value.items()) or r"\x00" in repr(value) or "nan" in repr(value) or "inf" in repr(value)
    else:
        assert signature.load_call(text) == ((), {"value": value})


async def fetch() -> int:
    return 1


def fetch_later() -> Coroutine[Any, Any, int]:
    return fetch()


def fetch_somehow() -> Awaitable[int]:
    return fetch()


def nothing() -> None: ...


def never() -> NoReturn:
    raise KeyError


@pytest.mark.parametrize("function", [fetch, fetch_later, fetch_somehow])
def test_a_coroutines_result_is_what_it_returns(function: Any) -> None:
    signature = returned(function)
    assert signature.dump_result(5) == "5"
    assert signature.load_result("5") == 5
    with pytest.raises(InvalidResult, match=f"the result of {function.__name__}: Input should be a valid integer"):
        signature.dump_result("x")


def test_results_are_held_to_the_annotation() -> None:
    assert returned(untyped).dump_result({"a": [1]}) == '{"a":[1]}'
    assert returned(nothing).dump_result(None) == "null"
    assert returned(never).load_result("null") is None
    with pytest.raises(InvalidResult, match="not int"):
        returned(nothing).dump_result(1)
    with pytest.raises(InvalidResult, match="NaN is no JSON"):
        returned(untyped).dump_result(math.nan)
    with pytest.raises(InvalidResult, match="the stored result of fetch"):
        returned(fetch).load_result('"x"')


def with_context(ctx: "Ctx[int]", a: int) -> int:
    return a


def bare_context(ctx: Ctx, /, a: int) -> int:  # type: ignore[type-arg]
    return a


def later_context(a: int, ctx: "Ctx[int] | None" = None) -> int:
    return a


def test_a_leading_context_is_no_argument() -> None:
    for function in (with_context, bare_context):
        signature = returned(function)
        assert signature.takes_context
        assert signature.bind_dump((1,), {}) == '{"a":1}'
        with pytest.raises(InvalidArguments, match=r"it takes \(a\)"):
            signature.bind_dump((1, 2), {})
    assert not returned(later_context).takes_context
    assert not returned(fetch).takes_context


def broken(a: "Missing") -> int:  # type: ignore[name-defined]  # noqa: F821
    return 1


def unsuitable(a: Any) -> int:
    return 1


unsuitable.__annotations__["a"] = type("Socket", (), {})


def test_annotations_are_looked_at_on_first_use_and_blamed_by_name() -> None:
    with pytest.raises(ConfigError, match="an annotation of task broken cannot be resolved: name 'Missing'"):
        returned(broken).prepare()
    with pytest.raises(ConfigError, match="an argument of task unsuitable cannot be kept as JSON"):
        returned(unsuitable).bind_dump((1,), {})
    returned(send_mail).prepare()
