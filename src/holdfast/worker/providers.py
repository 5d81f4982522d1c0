"""What consumers are built from: an app's providers by type, and a resolver for all others."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeAlias, get_type_hints

from holdfast.consumer import Consumer
from holdfast.errors import ConfigError
from holdfast.model.kinds import named
from holdfast.worker.deps import enter

Resolver: TypeAlias = Callable[[Any], Any]


class Providers:
    """An app's own, by type; the last one given for a type counts."""

    def __init__(self, resolver: Resolver | None) -> None:
        self.resolver = resolver
        self.makers: dict[Any, Callable[..., Any]] = {}
        self.crews: list[Any] = []
        """The consumers of each worker of the app that runs in this process."""

    def missing(self, consumer: Consumer) -> str | None:
        """Why the consumer cannot be built, as far as the code tells; nothing is made."""
        try:
            self._look(consumer.kind, consumer.resolver or self.resolver, ())
        except ConfigError as error:
            return str(error)
        return None

    def _look(self, make: Callable[..., Any], resolver: Resolver | None, path: tuple[Any, ...]) -> None:
        for name, hint, optional in parameters(make):
            if hint in path:
                raise ConfigError(f"providers go round in a circle: {' → '.join(map(named, (*path, hint)))}")
            if hint in self.makers:
                self._look(self.makers[hint], resolver, (*path, hint))
            elif resolver is None and not optional:
                what = "is not annotated" if hint is None else f"is a {named(hint)}, which nothing provides"
                raise ConfigError(
                    f"parameter {name} of {getattr(make, '__qualname__', make)} {what}: app.provide(type, factory), "
                    "or a resolver= does"
                )


class Building:
    """The values of one worker, each made once."""

    def __init__(self, providers: Providers, stack: AsyncExitStack) -> None:
        self._providers = providers
        self._stack = stack
        self._made: dict[Any, Any] = {}

    async def build(self, make: Callable[..., Any], resolver: Resolver | None) -> Any:
        """Call with every parameter that is provided."""
        given: dict[str, Any] = {}
        for name, hint, optional in parameters(make):
            if hint in self._providers.makers:
                given[name] = await self._value(hint, resolver)
            elif resolver is not None and hint is not None and not optional:
                given[name] = await self._resolved(hint, resolver)
        return make(**given)

    async def _value(self, hint: Any, resolver: Resolver | None) -> Any:
        if hint not in self._made:
            maker = self._providers.makers[hint]
            made = await self.build(maker, resolver)
            self._made[hint] = await enter(self._stack, lambda: made, own=maker is not hint)
        return self._made[hint]

    async def _resolved(self, hint: Any, resolver: Resolver) -> Any:
        value = resolver(hint)
        return await value if inspect.isawaitable(value) else value


def parameters(make: Callable[..., Any]) -> Iterator[tuple[str, Any, bool]]:
    """Name, annotation (None: it has none) and whether it may be left out, of each parameter. Raises ConfigError."""
    try:
        found = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):  # a builtin that does not tell: it is called with nothing
        return
    function: Any = getattr(make, "__init__") if isinstance(make, type) else make  # noqa: B009 - checkers fear it
    try:
        hints = get_type_hints(inspect.unwrap(function))
    except Exception as error:  # an annotation is any expression
        whose = getattr(make, "__qualname__", make)
        raise ConfigError(f"an annotation of {whose} cannot be resolved: {error}") from error
    for each in found:
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            yield each.name, hints.get(each.name), each.default is not each.empty
