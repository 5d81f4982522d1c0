"""`app.queues`: queues paused, resumed, limited and given defaults while workers run, and looked at."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from holdfast.actor import whoami
from holdfast.errors import InvalidOption, MisuseError
from holdfast.executor import Executor
from holdfast.model.duration import Duration, seconds
from holdfast.model.limit import check_places
from holdfast.model.options import UNSET, Unset
from holdfast.model.queue import Queue, QueueStats
from holdfast.model.retry import Retry, RetryOption
from holdfast.model.spacing import Rate, spaced
from holdfast.model.tenant import DEFAULT_TENANT, Scope
from holdfast.model.text import check_name, shown
from holdfast.storage.op import Op
from holdfast.storage.ops import queues as ops
from holdfast.storage.ops.queues import Changed

SOME_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for the instant of a pause: which one it is, the database says."""

Found: TypeAlias = list[Queue]  # named out here: in the class, `list` is a verb


class Queues:
    """The queues of one app. Each verb has a twin for event loops: `pause` and `apause`.

    What is said of a queue is kept in the database, holds for the jobs of all who share it, and is known to every
    worker within a second. Any name will do: a queue comes into being with its first job, or with what is said of it.
    """

    def __init__(self, executor: Executor, scope: Scope) -> None:
        self._executor = executor
        self._scope = scope

    # Doing

    def pause(self, name: str, *, by: str | None = None) -> Queue:
        """Start none of its jobs until `resume`, also after restarts; those that run go on, and enqueueing does.

        A second after this has answered no worker starts one any more. A paused queue stays as it was paused first.
        `app.tenant(name).queues.pause` does so for the tenant's jobs alone.

        by: who pauses it, for people; None: the user and host of this process.

        >>> app.queues.pause("mail", by="ops, while the mail server is down").paused
        True
        """
        return self._done(self._executor.run(self._change(name, _pause(by), own=True)))

    async def apause(self, name: str, *, by: str | None = None) -> Queue:
        """`pause` for event loops."""
        return self._done(await self._executor.arun(self._change(name, _pause(by), own=True)))

    def resume(self, name: str) -> Queue:
        """Let its jobs start again, within a second; nothing changes where it is not paused.

        >>> app.queues.resume("mail").paused
        False
        """
        return self._done(self._executor.run(self._change(name, _resumed, own=True)))

    async def aresume(self, name: str) -> Queue:
        """`resume` for event loops."""
        return self._done(await self._executor.arun(self._change(name, _resumed, own=True)))

    def configure(
        self,
        name: str,
        *,
        display_name: str | Unset | None = UNSET,
        concurrency: int | Unset | None = UNSET,
        rate: Rate | Unset | None = UNSET,
        retry: RetryOption | Unset = UNSET,
        keep_succeeded: Duration | Unset | None = UNSET,
        keep_failed: Duration | Unset | None = UNSET,
    ) -> Queue:
        """Say something of a queue; what is not given stays as it is, and None takes it back.

        display_name: what people call it.
        concurrency: how many of its jobs run at once in the whole fleet, 1 or more.
        rate: how fast they start in the whole fleet: a rate (`"10/s"`), or the time between two starts. Those that are
            due within a twentieth of a second may start together.
        retry, keep_succeeded, keep_failed: as in `Task.using`, for its jobs that say nothing of it, nor their task;
            they are given it when they begin for the first time. What is code in `retry` cannot be stored.

        Workers know it within a second; jobs that run by then go on. Raises InvalidOption, and changes nothing.

        >>> app.queues.configure("render", concurrency=4, rate="2/s", keep_failed="90d").concurrency
        4
        """
        change = _configured(display_name, concurrency, rate, retry, keep_succeeded, keep_failed)
        return self._done(self._executor.run(self._change(name, change)))

    async def aconfigure(
        self,
        name: str,
        *,
        display_name: str | Unset | None = UNSET,
        concurrency: int | Unset | None = UNSET,
        rate: Rate | Unset | None = UNSET,
        retry: RetryOption | Unset = UNSET,
        keep_succeeded: Duration | Unset | None = UNSET,
        keep_failed: Duration | Unset | None = UNSET,
    ) -> Queue:
        """`configure` for event loops."""
        change = _configured(display_name, concurrency, rate, retry, keep_succeeded, keep_failed)
        return self._done(await self._executor.arun(self._change(name, change)))

    # Reading

    def get(self, name: str) -> Queue:
        """A queue, and what was said of it.

        >>> app.queues.get("mail").concurrency is None
        True
        """
        return self._executor.run(ops.get(_name(name), self._scope), "read")

    async def aget(self, name: str) -> Queue:
        """`get` for event loops."""
        return await self._executor.arun(ops.get(_name(name), self._scope), "read")

    def list(self) -> Found:
        """Queues by name, 10,000 at most: those of which something was said, and those in which jobs wait or run.

        Of jobs that are blocked or due later it looks at 1,000: a queue of such jobs alone may be missed.

        >>> [queue.name for queue in app.queues.list() if queue.paused]
        """
        return self._executor.run(ops.every(self._scope), "read")

    async def alist(self) -> Found:
        """`list` for event loops."""
        return await self._executor.arun(ops.every(self._scope), "read")

    def stats(self, name: str) -> QueueStats:
        """How many jobs it has, by state: `counts`, and in `more` the states of which there may be more.

        It looks at 10,000 rows of each state at most, whoever's they are where no index knows their queue, and of the
        finished jobs at the newest 10,000.

        >>> app.queues.stats("mail").shown("ready")
        '10,000+'
        """
        return self._executor.run(ops.stats(_name(name), self._scope), "read")

    async def astats(self, name: str) -> QueueStats:
        """`stats` for event loops."""
        return await self._executor.arun(ops.stats(_name(name), self._scope), "read")

    def _change(self, name: str, change: Callable[[Queue], Queue], own: bool = False) -> Op[Changed]:
        if not self._scope.implied and not (own and self._scope.tenant != DEFAULT_TENANT):
            raise MisuseError(
                f"queues are shared by all tenants, and tenant {shown(self._scope.tenant)} alone cannot limit "
                "them: app.queues does, for all"
            )
        return ops.change(_name(name), self._scope, change)

    def _done(self, changed: Changed) -> Queue:
        now = changed.now
        if now.paused and not changed.before.paused:
            self._executor.tell("queue.paused", queue=now.name, by=now.paused_by)
        if changed.before.paused and not now.paused:
            self._executor.tell("queue.resumed", queue=now.name)
        return now


def _name(name: object) -> str:
    return check_name(name, "queue")


def _pause(by: str | None) -> Callable[[Queue], Queue]:
    who = whoami() if by is None else check_name(by, "by")

    def paused(queue: Queue) -> Queue:
        return queue if queue.paused else replace(queue, paused_at=SOME_TIME, paused_by=who)

    return paused


def _resumed(queue: Queue) -> Queue:
    return replace(queue, paused_at=None, paused_by=None)


def _configured(
    display_name: Any, concurrency: Any, rate: Any, retry: Any, keep_succeeded: Any, keep_failed: Any
) -> Callable[[Queue], Queue]:
    checks: dict[str, tuple[Any, Callable[[Any], Any]]] = {
        "display_name": (display_name, lambda value: check_name(value, "display_name")),
        "concurrency": (concurrency, lambda value: check_places(value, "concurrency")),
        "rate": (rate, lambda value: spaced(value, "rate")),
        "retry": (retry, _stored_retry),
        "keep_succeeded": (keep_succeeded, lambda value: seconds(value, "keep_succeeded")),
        "keep_failed": (keep_failed, lambda value: seconds(value, "keep_failed")),
    }
    changes: dict[str, Any] = {
        name: None if value is None else check(value)
        for name, (value, check) in checks.items()
        if not isinstance(value, Unset)
    }
    if not changes:
        raise InvalidOption(f"say what to change: {'=, '.join(checks)}=")
    return lambda queue: replace(queue, **changes)


def _stored_retry(value: Any) -> Retry:
    retry = Retry.of(value)
    if retry.function is not None or retry.give_up_on:
        raise InvalidOption("retry of a queue is stored, and code cannot be: give functions and exceptions to the task")
    return retry
