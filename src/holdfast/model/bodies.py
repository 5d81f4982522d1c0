"""What a function must be like to be the body of a task."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from holdfast.errors import ConfigError
from holdfast.model.text import check_name, shown


def check_aliases(aliases: Iterable[str]) -> tuple[str, ...]:
    """Old names of a task, given as several or as one text. Raises InvalidOption."""
    return tuple(check_name(alias, "an alias") for alias in ((aliases,) if isinstance(aliases, str) else aliases))


def is_async(body: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine."""
    return inspect.iscoroutinefunction(body) or inspect.iscoroutinefunction(type(body).__call__)


def check_transaction(body: Callable[..., Any], name: str, cpu: bool, transaction: object) -> None:
    """Raise ConfigError for a `transaction=` that this body cannot have."""
    if not transaction:
        return
    if transaction is not True and not callable(transaction):
        raise ConfigError(
            f"transaction of task {name} must be True, or a function that opens a connection or session; "
            f"not {shown(transaction)}"
        )
    if cpu:
        raise ConfigError(f"task {name} runs in a process of its own, where it can have no transaction=")
    if inspect.iscoroutinefunction(transaction) and not is_async(body):
        raise ConfigError(f"task {name} is a plain function, and its transaction= must be awaited")
