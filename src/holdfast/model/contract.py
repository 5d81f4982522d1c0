"""What a declared task takes and gives, and whether a handler fits: one readable object of arguments, as of any task.

The producer's side binds and dumps by the declaration. The worker's side loads by it, and by the handler's own
annotations. A handler fits where it takes whatever a producer may send: names, and kinds of JSON.
"""

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NotRequired, Required, TypeAlias, cast, get_args, get_origin

from pydantic import BaseModel, RootModel
from typing_extensions import is_typeddict

from holdfast.errors import ConfigError, HoldfastError, InvalidArguments
from holdfast.model.codec import Signature
from holdfast.model.jsontext import Codec, describe
from holdfast.model.kinds import misfit, named
from holdfast.model.lazy import lazy
from holdfast.model.options import UNSET
from holdfast.model.text import shown

VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
Arguments: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]


class Contract(Signature):
    """The parameters of a stub, and what it gives.

    handler: the signature of the function that does the work, None where only producers are.
    result: its type where that is not the stub's return annotation.
    """

    def __init__(self, function: Callable[..., Any], name: str, result: Any = UNSET) -> None:
        super().__init__(function, name)
        self.handler: Signature | None = None
        self._given_result = result

    def spread(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments:
        """Arguments of a call, as its handler takes them."""
        return args, dict(kwargs)

    def load_handled(self, text: str) -> Arguments:
        """Arguments for the handler, validated by the declaration and by itself; InvalidArguments on a mismatch."""
        self.load_call(text)
        return self._served.load_call(text)

    def prepare(self) -> None:
        super().prepare()
        if self.handler is not None:
            self.handler.prepare()

    def misfit(self, early: bool = False) -> str | None:
        """What keeps the handler from doing what was declared, as a sentence; None where it fits.

        early: leave for later what annotations cannot tell yet, for they may name what is defined further down.
        """
        if self.handler is None:
            return None
        try:
            wrong = self._wrong_arguments(self.handler) or self._wrong_result(self.handler)
        except ConfigError as error:
            return None if early else str(error)
        return None if wrong is None else f"the handler {place(self.handler.function)} of task {self.name} {wrong}"

    def named(self) -> dict[str, tuple[Any, bool]]:
        """Every argument's type, and whether it is always given."""
        return {each.name: (self.hint(each.name), each.default is each.empty) for each in self.parameters}

    @lazy
    def result_type(self) -> Any:
        return super().result_type if self._given_result is UNSET else self._given_result

    @property
    def _served(self) -> Signature:
        assert self.handler is not None
        return self.handler

    def _wrong_arguments(self, handler: Signature) -> str | None:
        """By name: what is declared must be taken, and nothing else be asked for."""
        declared, taken = self.named(), {each.name: each for each in handler.parameters}
        for name, (kind, always) in declared.items():
            there = taken.get(name)
            if there is None:
                return f"does not take {name}: it was declared with {_list(declared)}"
            if not always and not _optional(there):
                return f"has no default for {name}, which may be left out"
            if (wrong := misfit(kind, handler.hint(name))) is not None:
                return f"takes another {name} than was declared: {wrong}"
        for name, each in taken.items():
            if name not in declared and not _optional(each):
                return f"takes {name}, which was not declared: it was declared with {_list(declared)}"
        return None

    def _wrong_result(self, handler: Signature) -> str | None:
        wrong = misfit(handler.result_type, self.result_type)
        return None if wrong is None else f"returns another thing than was declared: {wrong}"


class ArgsContract(Contract):
    """Arguments declared as a class: a Pydantic model, dataclass or TypedDict, whose fields are the arguments."""

    def __init__(self, kind: type[Any], name: str, result: Any = UNSET) -> None:
        super().__init__(kind, name, result)
        self.kind = kind
        if not _has_fields(kind):
            raise ConfigError(
                f"args of task {name} must be a Pydantic model, dataclass or TypedDict, or a function that takes the "
                f"same; not {shown(kind)}"
            )

    def bind_dump(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """One of the class, or the values of its fields, as JSON text."""
        one = len(args) == 1 and not kwargs and self._is_one(args[0])
        try:
            given = opened(args[0]) if one else self._bind_any(args, kwargs)
            return self._arguments.dump(given).decode()
        except HoldfastError:
            raise
        except Exception as error:  # validators and serializers of users may raise anything
            if one:
                raise InvalidArguments(f"{self.name}: {describe(error)}") from error
            raise self._refused(args, kwargs, error) from error

    def ask(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What a function of one of the class answers for a call."""
        given = self.load_call(self.bind_dump(args, kwargs))[0]
        return Signature(function, self.name).ask(function, given, {})

    def load_call(self, text: str) -> Arguments:
        try:
            return (self._arguments.load(text),), {}
        except HoldfastError:
            raise
        except Exception as error:
            raise InvalidArguments(f"{self.name}: {describe(error)}; it takes {self._takes}") from error

    def load_handled(self, text: str) -> Arguments:
        whole = self.load_call(text)
        return whole if self._takes_one else self._served.load_call(text)

    def spread(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments:
        return self.load_handled(self.bind_dump(args, kwargs))

    def named(self) -> dict[str, tuple[Any, bool]]:
        if issubclass(self.kind, BaseModel):
            names: Iterable[str] = self.kind.model_fields
        elif dataclasses.is_dataclass(self.kind):
            names = [each.name for each in dataclasses.fields(self.kind) if each.init]
        else:
            names = self._hints
        always: Iterable[str] = getattr(self.kind, "__required_keys__", names)
        return {name: (self.hint(name), name in always) for name in names}

    def _wrong_arguments(self, handler: Signature) -> str | None:
        if not self._takes_one:
            return super()._wrong_arguments(handler)
        hint = handler.hint(handler.parameters[0].name)
        fits = hint is Any or _is_kind(self.kind, hint)
        return None if fits else f"takes {named(hint)}: it was declared with {named(self.kind)}"

    @lazy
    def takes_context(self) -> bool:
        return False

    @lazy
    def _whole(self) -> inspect.Signature:
        if not is_typeddict(self.kind):
            return inspect.signature(self.kind)
        kind, empty = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.empty
        always = self.kind.__required_keys__
        return inspect.Signature(
            [
                inspect.Parameter(name, kind, default=empty if name in always else ...)
                for name in self.kind.__annotations__
            ]
        )

    @lazy
    def _arguments(self) -> Codec:
        return Codec(self.kind, f"an argument of task {self.name}")

    @property
    def _takes_one(self) -> bool:
        """Whether the handler takes one of the class, and not its fields."""
        parameters = self._served.parameters
        if len(parameters) != 1 or parameters[0].kind in (
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        ):
            return False
        name = parameters[0].name
        return _is_kind(self.kind, self._served.hint(name)) or name not in self.named()

    def _is_one(self, value: object) -> bool:
        return isinstance(value, Mapping if is_typeddict(self.kind) else self.kind)


def _has_fields(kind: type[Any]) -> bool:
    if get_origin(kind) is not None or issubclass(kind, cast("type[Any]", RootModel)):
        return False
    return issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind) or is_typeddict(kind)


def place(function: Callable[..., Any]) -> str:
    """Where a function is defined, for people."""
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', shown(function))}"


def opened(value: Any) -> Any:
    """An instance of a plain dataclass as its fields, for pydantic trusts the values of one as they are."""
    if isinstance(value, BaseModel) or not dataclasses.is_dataclass(value):
        return value
    return {each.name: getattr(value, each.name) for each in dataclasses.fields(value) if each.init}


def _is_kind(kind: type[Any], hint: Any) -> bool:
    if hint is kind:
        return True
    return isinstance(hint, type) and not is_typeddict(hint) and not is_typeddict(kind) and issubclass(kind, hint)


def _optional(parameter: inspect.Parameter) -> bool:
    return parameter.default is not parameter.empty or parameter.kind in VARIABLE


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "no arguments"


def _bare(hint: Any) -> Any:
    """The type of a TypedDict's key, without what says whether the key must be there."""
    return _bare(get_args(hint)[0]) if get_origin(hint) in (Required, NotRequired) else hint
