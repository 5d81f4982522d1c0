"""The instances of an app's consumers in one worker: made when it starts, told of events, left when it stops."""

from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from holdfast.consumer import Consumer
from holdfast.errors import ConfigError
from holdfast.events.bus import Bus
from holdfast.model.event import Event
from holdfast.model.text import shown
from holdfast.worker.attempt import AnyTask
from holdfast.worker.plan import Plan, Tasks
from holdfast.worker.providers import Building


class Crew:
    """One instance for each consumer that this worker runs handlers of."""

    def __init__(self, tasks: Tasks, plan: Plan, bus: Bus) -> None:
        self._tasks = tasks
        self._plan = plan
        self._bus = bus
        self._instances: dict[Consumer, Any] = {}
        self._heard: list[tuple[str, Any]] = []
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Build all. Raises ConfigError naming the one that cannot be built."""
        building = Building(self._plan.providers, self._stack)
        for consumer in self._tasks.consumers():
            resolver = consumer.resolver or self._plan.providers.resolver
            try:
                instance = await building.build(consumer.kind, resolver)
            except Exception as error:
                raise ConfigError(f"consumer {consumer.name} cannot be built: {shown(error, 200)}") from error
            self._instances[consumer] = instance
        if self._instances:
            self._plan.providers.crews.append(self)
            for consumer, instance in self._instances.items():
                for event, method in consumer.listeners:
                    hear = partial(self._hear, getattr(instance, method))
                    self._bus.subscribe(event, hear, None, consumer.queue)
                    self._heard.append((event, hear))

    async def close(self) -> None:
        for event, hear in self._heard:
            self._bus.unsubscribe(event, hear)
        if self in (others := self._plan.providers.crews):
            others.remove(self)
        await self._stack.aclose()

    def owner(self, task: AnyTask) -> Any:
        """The instance whose method this task is; None for other tasks."""
        consumer = getattr(task, "consumer", None)
        return None if consumer is None else self._instances.get(consumer)

    def _hear(self, method: Any, event: Event) -> None:
        """Where several workers of the app are in this process one hears: who runs the job, else the first."""
        others = self._plan.providers.crews
        worker = None if event.job is None else event.job.worker
        named = next((crew for crew in others if crew._plan.boot == worker), others[0])
        if named is self:
            method(event)
