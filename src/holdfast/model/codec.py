"""Arguments and results of a function as JSON text, bound and validated by its own annotations.

    send_mail.enqueue("a@b.c", subject="hi") ─bind_dump─▶ {"to":"a@b.c","subject":"hi"} ─load_call─▶ the body
    the body returns "sent" ─dump_result─▶ "sent" as JSON ─load_result─▶ job.result()

Arguments are one readable object with a name for each parameter given; defaults are not written, they are
those of the code that runs.
"""

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import lru_cache, partial
from typing import Any, Never, NoReturn, NotRequired, cast, get_args, get_origin, get_type_hints

from pydantic import ConfigDict
from typing_extensions import TypedDict, Unpack

from holdfast.errors import ConfigError, HoldfastError, InvalidArguments, InvalidOption, InvalidResult
from holdfast.model.jsontext import Codec, describe, shown_text
from holdfast.model.jsontext import dump_json as dump_json
from holdfast.model.lazy import lazy
from holdfast.model.text import clean_text as clean_text


class Signature:
    """What a function takes and returns, as JSON text. Annotations are looked at on first use.

    A leading parameter annotated with `Context` is not among the arguments: the worker supplies it.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.function = function
        self.name = name

    def bind_dump(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Arguments of a call as JSON text; InvalidArguments where the function would not take them.

        >>> Signature(send_mail, "send_mail").bind_dump(("a@b.c",), {"subject": "hi"})
        '{"to":"a@b.c","subject":"hi"}'
        """
        try:
            names = self._plain_names
            if names is None:
                given = self._bind_any(args, kwargs)
            else:
                given = dict(zip(names, args, strict=False))
                given.update(kwargs)
                if len(given) != len(args) + len(kwargs):
                    raise TypeError("too many or repeated arguments")
            return self._arguments.dump(given).decode()
        except HoldfastError:
            raise
        except Exception as error:  # validators and serializers of users may raise anything
            raise self._refused(args, kwargs, error) from error

    def ask(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What a function of the task's own arguments answers for a call, its defaults filled in.

        A function whose parameters are named like the task's may leave some of these out.
        """
        names, rest = _named(function)
        quick = self._by_name(args, kwargs) if names is not None else None
        try:
            if quick is not None and names == quick.keys():
                return function(**quick)
            given = self._call.bind(*args, **kwargs)
            given.apply_defaults()
            if names is None or not names <= given.arguments.keys():
                return function(*given.args, **given.kwargs)
            return function(**{name: value for name, value in given.arguments.items() if rest or name in names})
        except Exception as error:
            raise InvalidOption(
                f"{self.name}: an option's function raised {type(error).__name__}: {shown_text(str(error))}"
            ) from error

    def _by_name(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a call gives each parameter, for a tenth of what `bind` takes; None for a call that only it can tell."""
        names = self._plain_names
        if names is None or len(args) + len(kwargs) > len(self.parameters):
            return None
        given = {**self._defaults, **dict(zip(names, args, strict=False)), **kwargs}
        return given if len(given) == len(self.parameters) and not kwargs.keys() & set(names[: len(args)]) else None

    def dump_arguments(self, given: Mapping[str, Any]) -> str:
        """Arguments by parameter name as JSON text; InvalidArguments where the function would not take them."""
        try:
            return self._arguments.dump(dict(given)).decode()
        except HoldfastError:
            raise
        except Exception as error:
            raise InvalidArguments(f"{self.name}: {describe(error)}; it takes {self._takes}") from error

    def load_call(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments for the body, validated again; InvalidArguments on a mismatch."""
        try:
            given = self._arguments.load(text)
        except HoldfastError:
            raise
        except Exception as error:
            raise InvalidArguments(f"{self.name}: {describe(error)}; it takes {self._takes}") from error
        if self._plain_names is not None:
            return (), given
        return self._spread(given)

    def dump_result(self, value: Any) -> str:
        """A return value as JSON text; InvalidResult where the return annotation or JSON cannot hold it."""
        try:
            return self._result.dump(value).decode()
        except HoldfastError:
            raise
        except Exception as error:
            raise InvalidResult(f"the result of {self.name}: {describe(error)}") from error

    def load_result(self, text: str) -> Any:
        """The value `dump_result` wrote, validated again; InvalidResult on a mismatch."""
        try:
            return self._result.load(text)
        except HoldfastError:
            raise
        except Exception as error:
            raise InvalidResult(f"the stored result of {self.name}: {describe(error)}") from error

    def prepare(self) -> None:
        """Look at all annotations now; ConfigError for one that cannot be resolved or kept as JSON."""
        _ = self._arguments, self._result

    @lazy
    def takes_context(self) -> bool:
        """Whether the function's first parameter is its `Context`."""
        first = next(iter(self._whole.parameters.values()), None)
        if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
            return False
        hint = self._hints.get(first.name)
        return bool(getattr(get_origin(hint) or hint, "__holdfast_context__", False))

    @lazy
    def deps_type(self) -> Any:
        """What its `Context[…]` says that `ctx.deps` is; None where it does not say."""
        if not self.takes_context:
            return None
        told = get_args(self._hints.get(next(iter(self._whole.parameters))))
        return told[0] if told and told[0] not in (object, Any) else None

    @lazy
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """The parameters that are arguments of a job."""
        every = tuple(self._whole.parameters.values())
        return every[1:] if self.takes_context else every

    def hint(self, name: str) -> Any:
        """What the parameter of this name is annotated with, Any where it is not."""
        return self._hints.get(name, Any)

    @lazy
    def result_type(self) -> Any:
        """What the function gives once it is awaited, None for nothing."""
        return _result_type(self._hints.get("return", Any))

    @lazy
    def _whole(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @lazy
    def _hints(self) -> dict[str, Any]:
        try:
            return get_type_hints(_annotated(self.function), include_extras=True)
        except Exception as error:  # an annotation is any expression
            raise ConfigError(
                f"an annotation of task {self.name} cannot be resolved: {shown_text(str(error))}; "
                "the names in it must be importable at run time, not under TYPE_CHECKING alone"
            ) from error

    @lazy
    def _call(self) -> inspect.Signature:
        return self._whole.replace(parameters=self.parameters)

    @lazy
    def _takes(self) -> str:
        return f"({', '.join(str(each.replace(annotation=each.empty)) for each in self.parameters)})"[:200]

    @lazy
    def _plain_names(self) -> tuple[str, ...] | None:
        """Positional names of a function whose calls can be bound by `zip`, None for others."""
        kinds = {each.kind for each in self.parameters}
        if kinds - {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}:
            return None
        return tuple(each.name for each in self.parameters if each.kind is each.POSITIONAL_OR_KEYWORD)

    @lazy
    def _defaults(self) -> dict[str, Any]:
        return {each.name: each.default for each in self.parameters if each.default is not each.empty}

    @lazy
    def _arguments(self) -> Codec:
        fields: dict[str, Any] = {}
        for each in self.parameters:
            hint = _argument_type(each, self._hints.get(each.name, Any))
            optional = each.default is not each.empty or each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
            fields[each.name] = NotRequired[hint] if optional else hint
        kind = cast(Any, TypedDict)(f"arguments of {self.name}", fields)
        kind.__pydantic_config__ = ConfigDict(extra="forbid", val_json_bytes="base64")
        return Codec(kind, f"an argument of task {self.name}")

    @lazy
    def _result(self) -> Codec:
        return Codec(self.result_type, f"the result of task {self.name}")

    def _bind_any(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        given = self._call.bind(*args, **kwargs).arguments
        for each in self.parameters:
            if each.kind is each.VAR_POSITIONAL and each.name in given:
                given[each.name] = list(given[each.name])
        return given

    def _spread(self, given: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments by name, dealt to `*args` and `**kwargs` of the call."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        has_rest = any(given.get(each.name) for each in self.parameters if each.kind is each.VAR_POSITIONAL)
        for each in self.parameters:
            if each.kind is each.VAR_POSITIONAL:
                args.extend(given.get(each.name, ()))
            elif each.kind is each.VAR_KEYWORD:
                kwargs.update(given.get(each.name, {}))
            elif each.kind is each.POSITIONAL_ONLY or (has_rest and each.kind is each.POSITIONAL_OR_KEYWORD):
                if each.name in given or has_rest or self._later_is_given(each, given):
                    args.append(given.get(each.name, each.default))
            elif each.name in given:
                kwargs[each.name] = given[each.name]
        return tuple(args), kwargs

    def _later_is_given(self, parameter: inspect.Parameter, given: Mapping[str, Any]) -> bool:
        names = [each.name for each in self.parameters if each.kind is each.POSITIONAL_ONLY]
        return any(name in given for name in names[names.index(parameter.name) :])

    def _refused(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], error: Exception) -> InvalidArguments:
        try:
            self._call.bind(*args, **kwargs)
        except TypeError as mismatch:
            return InvalidArguments(f"{self.name}: {shown_text(str(mismatch))}; it takes {self._takes}")
        return InvalidArguments(f"{self.name}: {describe(error)}")


def _named(function: Callable[..., Any]) -> tuple[frozenset[str] | None, bool]:
    """The parameters of a function where all can be given by name, and whether it takes any others by name, too."""
    try:
        return _named_once(function)
    except TypeError:  # an object that is callable and has no hash
        return _named_once.__wrapped__(function)


@lru_cache(maxsize=256)
def _named_once(function: Callable[..., Any]) -> tuple[frozenset[str] | None, bool]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None, False
    kinds = {each.kind for each in parameters}
    if kinds & {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL}:
        return None, False
    rest = inspect.Parameter.VAR_KEYWORD
    return frozenset(each.name for each in parameters if each.kind is not rest), rest in kinds


def _annotated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where the annotations of a callable are: a partial's function, an object's `__call__`."""
    while isinstance(function, partial):
        function = function.func
    return function if inspect.isroutine(function) or isinstance(function, type) else type(function).__call__


def _argument_type(parameter: inspect.Parameter, hint: Any) -> Any:
    if parameter.kind is parameter.VAR_POSITIONAL:
        return list[hint]
    if parameter.kind is parameter.VAR_KEYWORD:
        return get_args(hint)[0] if get_origin(hint) is Unpack else dict[str, hint]
    return hint


def _result_type(hint: Any) -> Any:
    if get_origin(hint) in (Coroutine, Awaitable):
        hint = get_args(hint)[-1]
    return None if hint in (None, Never, NoReturn) else hint
