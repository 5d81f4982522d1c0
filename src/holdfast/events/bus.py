"""The bus of one app: facts go to subscribers of this process, in order, after the commit they speak of."""

import inspect
import logging
from collections.abc import Callable
from datetime import datetime
from difflib import get_close_matches
from functools import partial
from typing import Any, TypeAlias

from holdfast.clock import DatabaseClock, instant
from holdfast.errors import InvalidOption
from holdfast.model.batch import BatchRecord
from holdfast.model.event import EVENTS, Event
from holdfast.model.job import AttemptError, JobRecord
from holdfast.model.text import shown

log = logging.getLogger("holdfast.events")
Subscriber: TypeAlias = Callable[[Event], object]
EVERYTHING = "*"


def check_event(name: str) -> None:
    """Raise InvalidOption for a name that nobody can subscribe to."""
    if name != EVERYTHING and name not in EVENTS:
        close = get_close_matches(name, EVENTS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(EVENTS)}"
        raise InvalidOption(f"there is no event {shown(name)}{hint}")


class Bus:
    """A subscriber that raises is logged and changes nothing."""

    def __init__(self) -> None:
        self._subscribers: dict[str, tuple[Subscriber, ...]] = {}
        self._chosen: dict[tuple[str, Subscriber], list[Subscriber]] = {}
        self.now: Callable[[], datetime] = partial(instant, DatabaseClock())
        """When an event is said to have happened."""
        self.drained: set[str] = set()
        """Queues of which it was told that they ran dry, and nothing was claimed since."""

    def subscribe(self, name: str, subscriber: Subscriber, task: str | None = None, queue: str | None = None) -> None:
        """Call `subscriber` for events named `name`, or for all with "*", about this task and queue if given.

        Raises InvalidOption for a name that is no event.
        """
        check_event(name)
        if inspect.iscoroutinefunction(subscriber):
            raise InvalidOption(f"{shown(subscriber)} must be a plain function: nobody awaits it")
        chosen = subscriber if task is None and queue is None else _about(subscriber, task, queue)
        self._chosen.setdefault((name, subscriber), []).append(chosen)
        self.on(name, chosen)

    def unsubscribe(self, name: str, subscriber: Subscriber) -> None:
        for chosen in self._chosen.pop((name, subscriber), []):
            self.off(name, chosen)

    def on(self, name: str, subscriber: Subscriber) -> None:
        self._subscribers[name] = (*self._subscribers.get(name, ()), subscriber)

    def off(self, name: str, subscriber: Subscriber) -> None:
        left = tuple(one for one in self._subscribers.get(name, ()) if one is not subscriber)
        self._subscribers[name] = left

    def wanted(self, name: str) -> bool:
        """False where telling would be work for nobody."""
        return bool(self._subscribers.get(name) or self._subscribers.get(EVERYTHING))

    def tell(
        self,
        name: str,
        /,
        *,
        job: JobRecord | None = None,
        queue: str | None = None,
        task: str | None = None,
        error: AttemptError | None = None,
        will_retry: bool | None = None,
        count: int | None = None,
        schedule: str | None = None,
        tick: datetime | None = None,
        reason: str | None = None,
        batch: BatchRecord | None = None,
        **details: Any,
    ) -> None:
        """State a fact. Names that are no events (see log.py) are for the log alone."""
        hearers = self._subscribers.get(name, ())
        if name in EVENTS:
            hearers = (*hearers, *self._subscribers.get(EVERYTHING, ()))
        if not hearers:
            return
        event = Event(
            name, self.now(), job, queue, task, error, will_retry, count, details, schedule, tick, reason, batch
        )  # fmt: skip
        for subscriber in hearers:
            try:
                subscriber(event)
            except KeyboardInterrupt:
                raise
            except BaseException:  # SystemExit, too, would otherwise end whatever thread tells this
                log.exception("a subscriber of %s raised", name)


def _about(subscriber: Subscriber, task: str | None, queue: str | None) -> Subscriber:
    def chosen(event: Event) -> object:
        if (task is None or event.task == task) and (queue is None or event.queue == queue):
            return subscriber(event)
        return None

    return chosen
