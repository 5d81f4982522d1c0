"""Attributes that are computed at first use and kept."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T_co = TypeVar("T_co", covariant=True)


class lazy(Generic[T_co]):
    """`functools.cached_property` without a lock.

    Until Python 3.12 that one holds a lock of its class while it computes: a process that was forked meanwhile, from
    another thread, waits for it for ever. Two threads may compute the same value here, and either may be kept.
    """

    def __init__(self, make: Callable[[Any], T_co]) -> None:
        self._make = make
        self._name = ""
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T_co: ...
    def __get__(self, instance: object | None, owner: type) -> "Self | T_co":
        if instance is None:
            return self
        value: T_co = self._make(instance)
        instance.__dict__[self._name] = value
        return value
