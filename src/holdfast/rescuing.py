"""`app.jobs.rescue`: running jobs put back by hand, whose workers are gone or are to be taken for it."""

from collections.abc import Mapping
from typing import Any

from typing_extensions import Unpack

from holdfast.errors import InvalidOption
from holdfast.many import MOST, PAGE, Changed, Many, Run, deed_of
from holdfast.model.duration import Duration, seconds
from holdfast.model.event import ENDED
from holdfast.model.job import JobRecord, JobState
from holdfast.model.lifecycle import Finish, Verdict
from holdfast.model.verbs import after
from holdfast.paging import FilterArguments
from holdfast.storage.op import Op
from holdfast.storage.ops import bulk, inspect
from holdfast.storage.ops.bulk import Change, Old
from holdfast.storage.ops.duties import Lapsed
from holdfast.storage.ops.inspect import Gone
from holdfast.storage.ops.manage import Answer

RUNNING = 10_000
"""Running jobs that one call looks at."""


class Rescuing(Many):
    """The verb `rescue`, and its twin for event loops."""

    def rescue(
        self,
        older_than: Duration = 0,
        *,
        force: bool = False,
        dry_run: bool = False,
        limit: int = MOST,
        by: str | None = None,
        **filters: Unpack[FilterArguments],
    ) -> Changed:
        """Put running jobs back now whose lease ran out, which the leader does by itself within seconds.

        older_than: those that began so long ago. force: take the others, too, whose workers live: these are told that
            they lost the job, and once it has begun again nothing that they write about it is accepted.
        filters, dry_run, limit, by: as in the other verbs about many jobs.

        Each counts a crash, as ever: with `max_crashes` of them it ends, failed. Looks at 10,000 running jobs at most;
        `more` says that there are others. Raises InvalidOption.

        >>> app.jobs.rescue("10m", queue="render", dry_run=True)
        3
        """
        asked = self._rescuing(older_than, force, limit, by, filters)
        with asked.run.honest(dry_run):
            ids = self._executor.run(asked.look(), "read")
            while asked.run.left > 0 and (page := asked.take(ids)):
                if dry_run:
                    asked.would(self._executor.run(inspect.get(page, asked.run.scope), "read"))
                    continue
                changes = self._executor.run(asked.run.page(page, 0))
                done = asked.run.count(changes)
                ends = asked.ended(done)
                self._rescued(
                    asked, changes, self._executor.run(inspect.get(ends, asked.run.scope), "read") if ends else []
                )
        return asked.run.answer

    async def arescue(
        self,
        older_than: Duration = 0,
        *,
        force: bool = False,
        dry_run: bool = False,
        limit: int = MOST,
        by: str | None = None,
        **filters: Unpack[FilterArguments],
    ) -> Changed:
        """`rescue` for event loops."""
        asked = self._rescuing(older_than, force, limit, by, filters)
        with asked.run.honest(dry_run):
            ids = await self._executor.arun(asked.look(), "read")
            while asked.run.left > 0 and (page := asked.take(ids)):
                if dry_run:
                    asked.would(await self._executor.arun(inspect.get(page, asked.run.scope), "read"))
                    continue
                changes = await self._executor.arun(asked.run.page(page, 0))
                done = asked.run.count(changes)
                ends = asked.ended(done)
                found = await self._executor.arun(inspect.get(ends, asked.run.scope), "read") if ends else []
                self._rescued(asked, changes, found)
        return asked.run.answer

    def _rescuing(
        self, older_than: Duration, force: bool, limit: int, by: str | None, filters: Mapping[str, Any]
    ) -> "_Rescue":
        old = Old(seconds(older_than, "older_than"), force)
        if filters.get("state") not in (None, JobState.RUNNING, [JobState.RUNNING], (JobState.RUNNING,)):
            raise InvalidOption("state must be running here: others have no worker to be rescued from")
        which, scope = self._asked({**filters, "state": JobState.RUNNING}, (JobState.RUNNING,), limit)
        deed = deed_of("rescue", by, which)
        verdicts: dict[str, tuple[Lapsed, Verdict]] = {}
        run = Run(which, scope, limit, lambda ids, _: bulk.rescue(ids, which, scope, deed, old, verdicts))
        return _Rescue(run, old, verdicts)

    def _rescued(self, asked: "_Rescue", changes: list[Change], found: list[JobRecord | Gone | None]) -> None:
        """Tell of it, as the leader does."""
        records = {each.id: each for each in found if isinstance(each, JobRecord)}
        for change in changes:
            if change.answer is not Answer.DONE or change.id not in asked.verdicts:
                continue
            lapsed, verdict = asked.verdicts[change.id]
            counted = isinstance(verdict, Finish) or verdict.crashed
            what = f"it is {verdict.state} now ({verdict.reason})" if isinstance(verdict, Finish) else "it runs again"
            self._executor.tell(
                "job.rescued",
                queue=lapsed.queue,
                task=lapsed.task,
                id=change.id,
                worker=lapsed.worker,
                crashes=lapsed.crashes + counted,
                what=what,
            )
            if isinstance(verdict, Finish):
                record = records.get(change.id)
                if record is None or not record.state.finished:  # it is kept for no time, or a newer version lives
                    record = after(change.before, verdict, self._executor.now())
                for name in (ENDED[verdict.state], "job.finished"):
                    self._executor.tell(name, record)
                self._executor.ended()


class _Rescue:
    """One call on its way."""

    def __init__(self, run: Run, old: Old, verdicts: dict[str, tuple[Lapsed, Verdict]]) -> None:
        self.run = run
        self.verdicts = verdicts
        self._old = old
        self._place = 0

    def look(self) -> Op[list[str]]:
        return bulk.running(self._old, self.run.scope, RUNNING)

    def take(self, ids: list[str]) -> list[str]:
        """The next page of these; past the last of them it is over, unless there were as many as a look sees."""
        page = ids[self._place : self._place + min(PAGE, max(self.run.left, 1))]
        self._place += len(page)
        self.run.over = self._place >= len(ids) and len(ids) < RUNNING
        return page

    def would(self, found: list[JobRecord | Gone | None]) -> None:
        fit = [each.id for each in found if isinstance(each, JobRecord) and self.run.which.fits(each)]
        self.run.count([Change(None, id, Answer.DONE) for id in fit])

    def ended(self, done: list[str]) -> list[str]:
        """Those of them that are over now."""
        return [id for id in done if id in self.verdicts and isinstance(self.verdicts[id][1], Finish)]
