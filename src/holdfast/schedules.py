"""`app.schedules`: rules by which jobs come into being, put and read, paused, triggered, tried out."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar, overload

from typing_extensions import Unpack

from holdfast.clock import from_micros, to_micros
from holdfast.config import Settings
from holdfast.errors import InvalidOption, KeyTaken, RateLimited, Refused, ScheduleNotFound
from holdfast.executor import Executor
from holdfast.handle import Job
from holdfast.model.job import JobRecord
from holdfast.model.options import NO_OPTIONS, JobOptions, check_moment
from holdfast.model.rule import CronOption, Every, ScheduleArguments, Spec
from holdfast.model.schedule import NewSchedule, Schedule, ScheduleStats
from holdfast.model.tenant import Scope
from holdfast.model.text import check_name, shown
from holdfast.paging import Page, check_count
from holdfast.scheduled import as_new_job, declared, scheduled
from holdfast.storage.base import Store
from holdfast.storage.op import Op
from holdfast.storage.ops import by_hand, firing
from holdfast.storage.ops import schedules as ops
from holdfast.storage.ops.by_hand import Range
from holdfast.storage.ops.firing import Fired
from holdfast.storage.ops.schedules import Declared
from holdfast.task import Call, Task
from holdfast.taskset import TaskSet

R = TypeVar("R")
Instants: TypeAlias = list[datetime]  # named out here: in the class, `list` is a verb
Found: TypeAlias = list[Schedule]


class SchedulePage(Sequence[Schedule]):
    """Some schedules, and where the next page begins: `next` is a cursor, or None on the last page."""

    def __init__(self, records: list[Schedule], next: str | None) -> None:
        self._records = records
        self.next = next

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, place: int) -> Schedule: ...
    @overload
    def __getitem__(self, place: slice) -> list[Schedule]: ...
    def __getitem__(self, place: int | slice) -> Schedule | list[Schedule]:
        return self._records[place]

    def __iter__(self) -> Iterator[Schedule]:
        return iter(self._records)


class Schedules:
    """The schedules of one app. Each verb has a twin for event loops: `put` and `aput`.

    All raise ScheduleNotFound for a name that is not there, but for `put`, and `get`, which answers None.
    """

    def __init__(self, executor: Executor, scope: Scope, defaults: JobOptions = NO_OPTIONS) -> None:
        self._executor = executor
        self._scope = scope
        self._defaults = defaults

    # Putting

    def put(
        self,
        name: str,
        call: "Call[Any] | Task[[], Any, Any]",
        *,
        cron: CronOption | None = None,
        every: Every | None = None,
        paused: bool | None = None,
        **when: Unpack[ScheduleArguments],
    ) -> Schedule:
        """Store a schedule, or change the one of this name, and answer it.

        call: what it enqueues: `task.call(…)`, with the options of `task.using(…)`, or a task that needs no arguments.
        cron: an expression of five fields, or six with seconds first, or several. every: a period such as "15m",
            "1 day", "3 months".
        tz, start_at, end_at, max_runs, catch_up, overlap, jitter, twice, missing: see `holdfast.model.rule.Spec`.
        paused: whether it is stored paused; None: as it was.

        A schedule that was there keeps its last run, and fires no instant twice; a new rule begins after now. One that
        code declared is the API's from then on, and deployments leave it alone.
        Raises InvalidOption (nothing is stored) for what cannot be.

        >>> app.schedules.put("digest-42", digest.call(user=42), cron="0 8 * * *", tz="Asia/Tokyo").next_due
        """
        return self._run(ops.put(self._new(name, call, cron, every, paused, when)))

    async def aput(
        self,
        name: str,
        call: "Call[Any] | Task[[], Any, Any]",
        *,
        cron: CronOption | None = None,
        every: Every | None = None,
        paused: bool | None = None,
        **when: Unpack[ScheduleArguments],
    ) -> Schedule:
        """`put` for event loops."""
        return await self._arun(ops.put(self._new(name, call, cron, every, paused, when)))

    def pause(self, name: str) -> Schedule:
        """Fire no more until `resume`; the jobs that are there go on."""
        return self._known(name, self._run(ops.pause(_name(name), self._scope)))

    async def apause(self, name: str) -> Schedule:
        """`pause` for event loops."""
        return self._known(name, await self._arun(ops.pause(_name(name), self._scope)))

    def resume(self, name: str) -> Schedule:
        """Go on: after a pause with the next instant from now on, after it was parked with what it still owes.

        Instants during a pause are not made up for: `backfill` does that.
        """
        return self._known(name, self._run(ops.resume(_name(name), self._scope)))

    async def aresume(self, name: str) -> Schedule:
        """`resume` for event loops."""
        return self._known(name, await self._arun(ops.resume(_name(name), self._scope)))

    def delete(self, name: str) -> Schedule:
        """Remove a schedule, and answer it as it was; its jobs stay. One that code declares comes back when a worker
        starts: pause it instead."""
        return self._known(name, self._run(ops.delete(_name(name), self._scope)))

    async def adelete(self, name: str) -> Schedule:
        """`delete` for event loops."""
        return self._known(name, await self._arun(ops.delete(_name(name), self._scope)))

    # Making jobs

    def trigger(self, name: str) -> Job[Any]:
        """Enqueue a job of the schedule now, beside its rule, also of a paused one; its tick is this instant.

        Raises KeyTaken and RateLimited where the job's own options refuse it.

        >>> app.schedules.trigger("nightly").result(timeout=60)
        """
        return self._job(name, self._run(by_hand.trigger(_name(name), self._scope)))

    async def atrigger(self, name: str) -> Job[Any]:
        """`trigger` for event loops."""
        return self._job(name, await self._arun(by_hand.trigger(_name(name), self._scope)))

    def backfill(self, name: str, start: datetime, end: datetime, *, dry_run: bool = False) -> int:
        """Enqueue the jobs of the instants from `start` to `end`, both included, that have none; answers how many.

        For nights that were missed, or paused. An instant that has had its job, in the last 90 days, gets no other.
        dry_run: only answer how many. Raises InvalidOption for a range that ends after now or has over 10,000 instants.

        >>> app.schedules.backfill("nightly", datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC))
        7
        """
        return self._known(name, self._run(by_hand.backfill(_name(name), self._scope, _range(start, end), dry_run)))

    async def abackfill(self, name: str, start: datetime, end: datetime, *, dry_run: bool = False) -> int:
        """`backfill` for event loops."""
        op = by_hand.backfill(_name(name), self._scope, _range(start, end), dry_run)
        return self._known(name, await self._arun(op))

    # Reading

    def get(self, name: str) -> Schedule | None:
        """One schedule, None where it is not."""
        return self._run(ops.get(_name(name), self._scope), "read")

    async def aget(self, name: str) -> Schedule | None:
        """`get` for event loops."""
        return await self._arun(ops.get(_name(name), self._scope), "read")

    def list(self, *, limit: int = 100, after: str | None = None) -> SchedulePage:
        """Schedules in the order of their names: a page of at most `limit` (1 to 1,000), after the cursor `after`.

        >>> [(one.name, one.next_due) for one in app.schedules.list() if not one.paused]
        """
        return _cut(self._run(ops.page(self._scope, _limit(limit) + 1, _after(after)), "read"), limit)

    async def alist(self, *, limit: int = 100, after: str | None = None) -> SchedulePage:
        """`list` for event loops."""
        return _cut(await self._arun(ops.page(self._scope, _limit(limit) + 1, _after(after)), "read"), limit)

    def simulate(
        self,
        name: str | None = None,
        *,
        cron: CronOption | None = None,
        every: Every | None = None,
        after: datetime | None = None,
        count: int = 10,
        **when: Unpack[ScheduleArguments],
    ) -> Instants:
        """The next `count` (1 to 1,000) instants after `after`, or now: of a stored schedule by its name, or of
        a rule that is not stored. Nothing is changed.

        >>> app.schedules.simulate(cron="0 3 * * *", tz="Europe/Oslo", count=2)
        """
        asked = _simulated(name, cron, every, after, count, when)
        return asked(*self._run(ops.stored_rule(name or "-", self._scope), "read"))

    async def asimulate(
        self,
        name: str | None = None,
        *,
        cron: CronOption | None = None,
        every: Every | None = None,
        after: datetime | None = None,
        count: int = 10,
        **when: Unpack[ScheduleArguments],
    ) -> Instants:
        """`simulate` for event loops."""
        asked = _simulated(name, cron, every, after, count, when)
        return asked(*await self._arun(ops.stored_rule(name or "-", self._scope), "read"))

    def runs(self, name: str, *, limit: int = 100, after: str | None = None) -> Page:
        """The jobs that a schedule made, the newest instant first, while their rows are kept; also of a schedule that
        was deleted. Each job's `tick` is the instant it is for. Pages as `list` does.
        """
        found = self._run(firing.runs(_name(name), self._scope, _limit(limit) + 1, _before(after)), "read")
        if not found and self.get(name) is None:
            raise _absent(name)
        return _runs(found, limit)

    async def aruns(self, name: str, *, limit: int = 100, after: str | None = None) -> Page:
        """`runs` for event loops."""
        found = await self._arun(firing.runs(_name(name), self._scope, _limit(limit) + 1, _before(after)), "read")
        if not found and await self.aget(name) is None:
            raise _absent(name)
        return _runs(found, limit)

    def stats(self) -> ScheduleStats:
        """How many are active, paused, parked and ended, when the next is due, and of the last 24 hours how many jobs
        they made, how many of these failed, and how late they were enqueued."""
        return self._run(ops.stats(self._scope), "read")

    async def astats(self) -> ScheduleStats:
        """`stats` for event loops."""
        return await self._arun(ops.stats(self._scope), "read")

    # How

    def _run(self, op: Op[R], lane: str = "write") -> R:
        return self._executor.run(op, lane)

    async def _arun(self, op: Op[R], lane: str = "write") -> R:
        return await self._executor.arun(op, lane)

    def _new(
        self,
        name: str,
        call: "Call[Any] | Task[[], Any, Any]",
        cron: CronOption | None,
        every: Every | None,
        paused: bool | None,
        when: ScheduleArguments,
    ) -> NewSchedule:
        if paused is not None and type(paused) is not bool:
            raise InvalidOption(f"paused must be True, False or None, not {shown(paused)}")
        spec = Spec.of(cron, every, **when)
        new = as_new_job(call, self._defaults)
        if new.tenant != self._scope.tenant:
            raise InvalidOption(
                f"the jobs would be tenant {shown(new.tenant)}'s, and these are the schedules of tenant "
                f"{shown(self._scope.tenant)}; nothing was stored: app.tenant({shown(new.tenant)}).schedules does it"
            )
        return scheduled(name, new, spec)._replace(paused=paused)

    def _job(self, name: str, fired: Fired | None) -> Job[Any]:
        made = self._known(name, fired)
        if made.refusal is not None:
            raise _refused(made, Job(self._executor.client, made.job, json.loads, Scope(made.tenant)))
        return Job(self._executor.client, made.job, json.loads, Scope(made.tenant))

    def _known(self, name: str, found: R | None) -> R:
        if found is None:
            raise _absent(name)
        return found


def _absent(name: str) -> ScheduleNotFound:
    return ScheduleNotFound(f"there is no schedule {shown(name)}", name)


class DeclaresSchedules:
    """For an app: the schedules that its code declares."""

    _settings: Settings
    _tasks: TaskSet
    _defaults: JobOptions

    @property
    def store(self) -> Store:
        """The store behind the app."""
        raise NotImplementedError

    def declare_schedules(self) -> Declared:
        """Make the stored schedules of tasks those that their decorators declare (`cron=`, `every=`): new, changed and
        removed ones. Every worker does so when it starts, and `work_once`; here for deployments that want it earlier.

        A schedule that was there keeps its last run and fires no instant twice; those put by API are left alone, and so
        are those of other deployments.
        """
        return self.store.run(self._declaration())

    async def adeclare_schedules(self) -> Declared:
        """`declare_schedules` for event loops."""
        return await self.store.arun(self._declaration())

    def _declaration(self) -> Op[Declared]:
        deployment = self._settings.deployment
        found = (declared(task, self._defaults, deployment) for task in self._tasks)
        return ops.declare([each for each in found if each is not None], self._tasks.names(), deployment)


def _refused(made: Fired, there: Job[Any]) -> Refused:
    """What a job's own options say against it."""
    if made.refusal is not None and made.refusal.how == "refused":
        wait = made.refusal.retry_after
        return RateLimited(f"schedule {shown(made.schedule)} comes too soon: in {wait:g} s it may be let in", wait)
    return KeyTaken(f"job {there.id} has the key of schedule {shown(made.schedule)}; nothing was enqueued", there)


def _name(name: object) -> str:
    return check_name(name, "a schedule's name")


def _limit(limit: object) -> int:
    return check_count(limit, "limit")


def _after(cursor: str | None) -> str | None:
    return None if cursor is None else check_name(cursor, "after")


def _cut(found: Found, limit: int) -> SchedulePage:
    return SchedulePage(found[:limit], found[limit - 1].name if len(found) > limit else None)


def _before(cursor: str | None) -> datetime | None:
    if cursor is None:
        return None
    text = str(cursor)
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise InvalidOption(f"after must be the cursor that a page ended with, not {shown(cursor)}")
    return from_micros(int(text))


def _runs(found: "list[tuple[Any, datetime]]", limit: int) -> Page:
    cursor = str(to_micros(found[limit - 1][1])) if len(found) > limit else None
    return Page([record for record, _ in found[:limit] if isinstance(record, JobRecord)], cursor)


def _range(start: datetime, end: datetime) -> Range:
    span = Range(check_moment(start, "start"), check_moment(end, "end"))
    if span.end < span.start:
        raise InvalidOption(f"end must not be before start: {shown(end)} is")
    return span


def _simulated(
    name: str | None,
    cron: CronOption | None,
    every: Every | None,
    after: datetime | None,
    count: int,
    when: ScheduleArguments,
) -> Callable[[ops.Stored | None, datetime], Instants]:
    """What answers a simulation, given what is stored and the present."""
    since = None if after is None else check_moment(after, "after")
    most = check_count(count)
    if name is not None and not (cron is None and every is None and not when):
        raise InvalidOption("simulate takes the name of a schedule, or a rule of its own: not both")
    spec = Spec.of(cron, every, **when) if name is None else None
    if name is not None:
        _name(name)

    def answer(stored: ops.Stored | None, now: datetime) -> Instants:
        begin = since or now
        if spec is not None:
            return spec.rule(begin).several(begin, min(most, spec.max_runs or most))
        if stored is None:
            raise _absent(name or "")
        kept, rule = stored.rule()
        left = most if kept.max_runs is None else max(0, kept.max_runs - stored.fired)
        return rule.several(begin, min(most, left))

    return answer
