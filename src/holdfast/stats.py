"""`app.stats`: how many jobs stand where, how many ended when, how long they waited and ran."""

from datetime import datetime
from typing import Any

from holdfast.errors import InvalidOption
from holdfast.executor import Executor
from holdfast.model.duration import Duration, seconds
from holdfast.model.schedule import ScheduleStats
from holdfast.model.stats import KEPT, Asked, Counts, Ended, Grain, Live, Slot, Times, Today, counted
from holdfast.model.tenant import Scope
from holdfast.model.text import check_name, shown
from holdfast.storage.ops import schedules
from holdfast.storage.ops import stats as ops
from holdfast.task import Task

DAY = 86_400.0
MONTH = 30 * DAY


class Stats:
    """Numbers about all jobs. Each verb has a twin for event loops: `now` and `anow`.

    None of them counts a large table: what ended is added up by the leader, by minute (for 2 days), hour (60 days) and
    day (3 years), and what ended since its last turn, some seconds ago, is added by who asks.
    """

    def __init__(self, executor: Executor, scope: Scope) -> None:
        self._executor = executor
        self._scope = scope

    def now(self) -> Live:
        """How many jobs wait, run or will run, by state, queue and task; since when the oldest waits, when the next is
        due.

        With fewer than 10,000 live jobs they are counted now; with more the leader counts them all the time on a walk,
        and `as_of` says when it came to its end.

        >>> app.stats.now().by_state["ready"]
        12
        """
        return self._executor.run(ops.live(self._scope), "read")

    async def anow(self) -> Live:
        """`now` for event loops."""
        return await self._executor.arun(ops.live(self._scope), "read")

    def histogram(
        self,
        by: Grain = "hour",
        *,
        last: Duration | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        queue: str | None = None,
        task: "Task[Any, Any, Any] | str | None" = None,
    ) -> list[Slot]:
        """How many jobs ended in each minute, hour or day (UTC), and how; those without jobs are there too.

        last: so long up to now; an hour by the minute, 24 hours by the hour, 30 days by the day. since, until: instants
            instead; the slots in which they lie are whole. The last slot is the one that is under way.
        queue, task: only of this one.

        Raises InvalidOption, also for more than 3,000 slots.

        >>> [slot.failed for slot in app.stats.histogram("day", last="7d", queue="mail")]
        [0, 0, 3, 0, 0, 0, 1]
        """
        asked = Asked.of(by, last, since, until)
        return self._executor.run(ops.histogram(asked, self._scope, _where(queue, task)), "read")

    async def ahistogram(
        self,
        by: Grain = "hour",
        *,
        last: Duration | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        queue: str | None = None,
        task: "Task[Any, Any, Any] | str | None" = None,
    ) -> list[Slot]:
        """`histogram` for event loops."""
        asked = Asked.of(by, last, since, until)
        return await self._executor.arun(ops.histogram(asked, self._scope, _where(queue, task)), "read")

    def times(
        self,
        last: Duration = "1h",
        *,
        queue: str | None = None,
        task: "Task[Any, Any, Any] | str | None" = None,
    ) -> Times:
        """How long the jobs that ended lately had waited for a worker, and how long their last run took.

        last: so long up to now; up to 6 hours it is put together of whole minutes, up to 7 days of hours, else of days.

        Raises InvalidOption.

        >>> app.stats.times("1h", task="render").runs.p95
        1.85
        """
        return self._executor.run(ops.times(_length(last), self._scope, _where(queue, task)), "read")

    async def atimes(
        self,
        last: Duration = "1h",
        *,
        queue: str | None = None,
        task: "Task[Any, Any, Any] | str | None" = None,
    ) -> Times:
        """`times` for event loops."""
        return await self._executor.arun(ops.times(_length(last), self._scope, _where(queue, task)), "read")

    def ended(self, last: Duration = "24h") -> list[Ended]:
        """How many jobs ended lately and how, by queue and task; when one failed last. `last` as in `times`.

        >>> [(one.task, one.failed) for one in app.stats.ended("24h") if one.failed]
        [('render', 2)]
        """
        return self._executor.run(ops.ended(_length(last), self._scope), "read")

    async def aended(self, last: Duration = "24h") -> list[Ended]:
        """`ended` for event loops."""
        return await self._executor.arun(ops.ended(_length(last), self._scope), "read")

    def queues(self, last: Duration = "24h") -> list[Counts]:
        """How many jobs of each queue are in each state: live ones now, the others that ended lately.

        >>> {one.name: one.counts["failed"] for one in app.stats.queues("7d")}
        {'default': 0, 'mail': 4}
        """
        return counted(self.now(), self.ended(last), "queue")

    async def aqueues(self, last: Duration = "24h") -> list[Counts]:
        """`queues` for event loops."""
        return counted(await self.anow(), await self.aended(last), "queue")

    def tasks(self, last: Duration = "24h") -> list[Counts]:
        """The same for each task."""
        return counted(self.now(), self.ended(last), "task")

    async def atasks(self, last: Duration = "24h") -> list[Counts]:
        """`tasks` for event loops."""
        return counted(await self.anow(), await self.aended(last), "task")

    def today(self) -> Today:
        """At a glance: what is pending, what failed in the last 24 hours, what comes next.

        >>> app.stats.today().failed_today
        0
        """
        coming = self._executor.run(schedules.stats(self._scope), "read")
        return _today(self.now(), self.ended(DAY), self.ended(MONTH), coming)

    async def atoday(self) -> Today:
        """`today` for event loops."""
        coming = await self._executor.arun(schedules.stats(self._scope), "read")
        return _today(await self.anow(), await self.aended(DAY), await self.aended(MONTH), coming)


def _where(queue: str | None, task: "Task[Any, Any, Any] | str | None") -> ops.Where:
    name = task.name if isinstance(task, Task) else task
    return ops.Where(
        None if queue is None else check_name(queue, "queue"), None if name is None else check_name(name, "task")
    )


def _length(last: Duration) -> float:
    length = seconds(last, "last")
    if not 0 < length <= KEPT["day"]:
        raise InvalidOption(f"last must be longer than 0 s and 3 years at most, not {shown(last)}")
    return length


def _today(live: Live, day: list[Ended], month: list[Ended], coming: ScheduleStats) -> Today:
    return Today(
        queues=len({*live.by_queue, *(one.queue for one in day)}),
        pending=live.total,
        schedules=coming.active,
        succeeded_today=sum(one.succeeded for one in day),
        failed_today=sum(one.failed for one in day),
        last_failed_at=max((one.last_failed_at for one in month if one.last_failed_at is not None), default=None),
        next_schedule=coming.next_due,
        oldest_due=live.oldest_due,
        next_due=live.next_due,
    )
