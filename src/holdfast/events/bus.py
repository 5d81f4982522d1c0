"""The bus of one app: facts go to subscribers of this process, in order, after the commit they speak of."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from holdfast.model.event import Event

log = logging.getLogger("holdfast.events")
Subscriber: TypeAlias = Callable[[Event], object]


class Bus:
    """A subscriber that raises is logged and changes nothing."""

    def __init__(self) -> None:
        self._subscribers: dict[str, tuple[Subscriber, ...]] = {}

    def on(self, name: str, subscriber: Subscriber) -> None:
        """Call `subscriber` for every fact named `name`, or for all with "*"."""
        self._subscribers[name] = (*self._subscribers.get(name, ()), subscriber)

    def off(self, name: str, subscriber: Subscriber) -> None:
        self._subscribers[name] = tuple(one for one in self._subscribers.get(name, ()) if one is not subscriber)

    def wanted(self, name: str) -> bool:
        """False where telling would be work for nobody."""
        return bool(self._subscribers.get(name) or self._subscribers.get("*"))

    def tell(
        self, name: str, /, *, job: Any = None, queue: str | None = None, task: str | None = None, **details: Any
    ) -> None:
        """State a fact."""
        hearers = (*self._subscribers.get(name, ()), *self._subscribers.get("*", ()))
        if not hearers:
            return
        event = Event(name, datetime.now(UTC), job, queue, task, details)
        for subscriber in hearers:
            try:
                subscriber(event)
            except Exception:
                log.exception("a subscriber of %s raised", name)
