"""`app.jobs.cancel_many` and its like: what is done to all jobs that meet conditions, page by page, and noted."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from typing_extensions import Unpack

from holdfast.actor import whoami
from holdfast.errors import DatabaseError, InvalidOption, OutcomeUnknown
from holdfast.executor import Executor
from holdfast.model.audit import Deed
from holdfast.model.duration import Duration, seconds
from holdfast.model.edit import Edit
from holdfast.model.filter import JobFilter
from holdfast.model.job import FINISHED, JobRecord, JobState
from holdfast.model.jsontext import dump_json
from holdfast.model.spacing import Rate, spaced
from holdfast.model.tenant import Scope
from holdfast.model.text import check_name, shown
from holdfast.paging import FilterArguments, filtered
from holdfast.storage.op import Op, Steps
from holdfast.storage.ops import bulk, inspect, lists
from holdfast.storage.ops.bulk import CHANGED, Change
from holdfast.storage.ops.lists import ById, Found
from holdfast.storage.ops.manage import RETRIED, Answer

R = TypeVar("R")
PAGE = 200
"""Jobs of one transaction."""
MOST = 10_000
LIVE = tuple(state for state in JobState if state not in FINISHED)
UPCOMING = (JobState.SCHEDULED, JobState.BLOCKED, JobState.READY)


class Changed(int):
    """How many jobs were changed, or would be. `more`: there may be others; the same call goes on."""

    more: bool = False

    @staticmethod
    def of(number: int, more: bool) -> "Changed":
        changed = Changed(number)
        changed.more = more
        return changed


@dataclass(slots=True)
class Run:
    """One bulk verb on its way: where it stands, and what it has changed."""

    which: JobFilter
    scope: Scope
    left: int
    page: Callable[[list[str], int], Op[list[Change]]]
    event: str | None = None
    lane: str = "write"
    changed: int = 0
    place: ById | None = None
    over: bool = False
    last: str | None = None

    def look(self) -> Op[Found]:
        return lists.page(self.which, self.scope, min(PAGE, self.left), self.place, up=True)

    def take(self, found: Found) -> list[str]:
        """The ids of a page, each once, and where the next page begins."""
        ids = list(dict.fromkeys(record.id for record, _ in found.jobs))
        if ids and ids[0] == self.last:
            ids = ids[1:]
        self.last = found.jobs[-1][0].id if found.jobs else self.last
        place = found.jobs[-1][1] if found.more else found.edge
        self.place = place if isinstance(place, ById) else None
        self.over = self.place is None
        return ids

    def count(self, changes: list[Change]) -> list[str]:
        """What was changed of a page, by id."""
        done = [each.id for each in changes if each.answer in CHANGED]
        self.changed += len(done)
        self.left -= len(done)
        return done

    @contextmanager
    def honest(self, dry_run: bool) -> Generator[None]:
        """Whoever loses the database in the middle is told what is done."""
        try:
            yield
        except DatabaseError as error:
            if dry_run or not self.changed:
                raise
            raise OutcomeUnknown(
                f"{self.changed} jobs were changed before this, and the same call does the rest: {error}"
            ) from error

    @property
    def answer(self) -> Changed:
        return Changed.of(self.changed, not self.over)


class Many:
    """Verbs about all jobs that meet conditions: `cancel_many` and its like, each with a twin for event loops.

    filters: the conditions that `list` takes; at least one is asked for. limit: change at most so many.
    dry_run: change nothing, only count. by: who does it, for the notes of `app.audit`; None: user and host.

    Each page of 200 jobs is a transaction of its own with its notes, so that a call that is cut off has done whole
    pages, and the same call again does the rest. Only what still meets the conditions under its lock is changed.
    Raises InvalidOption, and changes nothing, for what is no filter, or for none.
    """

    _executor: Executor
    _scope: Scope

    def cancel_many(
        self, *, dry_run: bool = False, limit: int = MOST, by: str | None = None, **filters: Unpack[FilterArguments]
    ) -> Changed:
        """Cancel what waits, and ask what runs to stop: live jobs that meet the conditions.

        >>> app.jobs.cancel_many(queue="mail", state=["scheduled", "ready"], dry_run=True)
        120
        """
        return self._all(self._cancelling(limit, by, filters), dry_run)

    async def acancel_many(
        self, *, dry_run: bool = False, limit: int = MOST, by: str | None = None, **filters: Unpack[FilterArguments]
    ) -> Changed:
        """`cancel_many` for event loops."""
        return await self._aall(self._cancelling(limit, by, filters), dry_run)

    def retry_many(
        self,
        *,
        rate: Rate | None = None,
        force: bool = False,
        dry_run: bool = False,
        limit: int = MOST,
        by: str | None = None,
        **filters: Unpack[FilterArguments],
    ) -> Changed:
        """Run failed, cancelled and stalled jobs again whose newest version meets the conditions.

        rate: how fast they become ready, as in "10/s"; None: all at once. force: take succeeded ones too.

        >>> app.jobs.retry_many(task="send_mail", error="ConnectionRefused", rate="10/s")
        84
        """
        return self._all(self._retrying(rate, force, limit, by, filters), dry_run)

    async def aretry_many(
        self,
        *,
        rate: Rate | None = None,
        force: bool = False,
        dry_run: bool = False,
        limit: int = MOST,
        by: str | None = None,
        **filters: Unpack[FilterArguments],
    ) -> Changed:
        """`retry_many` for event loops."""
        return await self._aall(self._retrying(rate, force, limit, by, filters), dry_run)

    def delete_many(
        self, *, dry_run: bool = False, limit: int = MOST, by: str | None = None, **filters: Unpack[FilterArguments]
    ) -> Changed:
        """Remove jobs whose newest version meets the conditions, with all their versions; who runs one is fenced."""
        return self._all(self._deleting(limit, by, filters), dry_run)

    async def adelete_many(
        self, *, dry_run: bool = False, limit: int = MOST, by: str | None = None, **filters: Unpack[FilterArguments]
    ) -> Changed:
        """`delete_many` for event loops."""
        return await self._aall(self._deleting(limit, by, filters), dry_run)

    def prune(
        self, older_than: Duration, *, states: "tuple[JobState | str, ...] | JobState | str | None" = None,
        dry_run: bool = False, limit: int = MOST, by: str | None = None,
    ) -> Changed:  # fmt: skip
        """Remove jobs that ended longer ago than `older_than`: all of them, or those in these states."""
        return self.delete_many(dry_run=dry_run, limit=limit, by=by, **self._old(older_than, states))

    async def aprune(
        self, older_than: Duration, *, states: "tuple[JobState | str, ...] | JobState | str | None" = None,
        dry_run: bool = False, limit: int = MOST, by: str | None = None,
    ) -> Changed:  # fmt: skip
        """`prune` for event loops."""
        return await self.adelete_many(dry_run=dry_run, limit=limit, by=by, **self._old(older_than, states))

    def edit_many(
        self, changes: Mapping[str, Any], *, dry_run: bool = False, limit: int = MOST, by: str | None = None,
        **filters: Unpack[FilterArguments],
    ) -> Changed:  # fmt: skip
        """Edit jobs that wait, as `edit` does: those that meet the conditions.

        >>> app.jobs.edit_many({"priority": 10}, queue="mail", tag="urgent")
        12
        """
        return self._all(self._editing(changes, limit, by, filters), dry_run)

    async def aedit_many(
        self, changes: Mapping[str, Any], *, dry_run: bool = False, limit: int = MOST, by: str | None = None,
        **filters: Unpack[FilterArguments],
    ) -> Changed:  # fmt: skip
        """`edit_many` for event loops."""
        return await self._aall(self._editing(changes, limit, by, filters), dry_run)

    # How

    def _asked(
        self, filters: Mapping[str, Any], takes: tuple[JobState, ...] | None, limit: int
    ) -> tuple[JobFilter, Scope]:
        """The conditions, narrowed to the states that the verb takes."""
        which, scope = filtered(self._scope, filters)
        if which.empty:
            raise InvalidOption("say which jobs are meant: give at least one condition, such as queue= or state=")
        if type(limit) is not int or limit < 1:
            raise InvalidOption(f"limit must be a whole number from 1 on, not {shown(limit)}")
        if takes is not None:
            states = takes if which.states is None else tuple(state for state in which.states if state in takes)
            if not states:
                raise InvalidOption(f"state must be one of {', '.join(takes)} here: others it does not change")
            which = replace(which, states=states)
        return which, scope

    def _cancelling(self, limit: int, by: str | None, filters: Mapping[str, Any]) -> Run:
        which, scope = self._asked(filters, LIVE, limit)
        deed = deed_of("cancel", by, which)
        return Run(which, scope, limit, lambda ids, _: bulk.cancel(ids, which, scope, deed), "job.cancelled")

    def _retrying(self, rate: Rate | None, force: bool, limit: int, by: str | None, filters: Mapping[str, Any]) -> Run:
        apart = 0.0 if rate is None else spaced(rate, "rate")
        takes = tuple(RETRIED) + ((JobState.SUCCEEDED,) if force else ())
        which, scope = self._asked(filters, takes, limit)
        deed = deed_of("retry", by, which)

        def page(ids: list[str], done: int) -> Op[list[Change]]:
            delays = {id: (done + place) * apart for place, id in enumerate(ids)}
            return bulk.retry(delays, which, scope, deed, force)

        return Run(which, scope, limit, page, "job.retried", "keys")

    def _deleting(self, limit: int, by: str | None, filters: Mapping[str, Any]) -> Run:
        which, scope = self._asked(filters, None, limit)
        deed = deed_of("delete", by, which)
        return Run(which, scope, limit, lambda ids, _: bulk.delete(ids, which, scope, deed), "job.deleted")

    def _editing(self, changes: Mapping[str, Any], limit: int, by: str | None, filters: Mapping[str, Any]) -> Run:
        edit = Edit.of(changes)
        which, scope = self._asked(filters, UPCOMING, limit)
        deed = deed_of("edit", by, which)
        return Run(which, scope, limit, lambda ids, _: bulk.edit(ids, which, edit, scope, deed))

    def _old(self, older_than: Duration, states: Any) -> Any:
        end = self._executor.now() - timedelta(seconds=seconds(older_than, "older_than"))
        return {"finished": (None, end), "state": tuple(FINISHED) if states is None else states}

    def _all(self, run: Run, dry_run: bool) -> Changed:
        with run.honest(dry_run):
            while not run.over and run.left > 0:
                ids = run.take(self._executor.run(run.look(), "read"))
                if dry_run:
                    run.count([Change(None, id, Answer.DONE) for id in ids])
                elif ids:
                    changes = self._executor.run(run.page(ids, run.changed), run.lane)
                    done = run.count(changes)
                    if run.event is not None and self._executor.wanted(run.event):
                        self._told(
                            run, changes, self._executor.run(inspect.get(done, run.scope), "read") if done else []
                        )
        return run.answer

    async def _aall(self, run: Run, dry_run: bool) -> Changed:
        with run.honest(dry_run):
            while not run.over and run.left > 0:
                ids = run.take(await self._executor.arun(run.look(), "read"))
                if dry_run:
                    run.count([Change(None, id, Answer.DONE) for id in ids])
                elif ids:
                    changes = await self._executor.arun(run.page(ids, run.changed), run.lane)
                    done = run.count(changes)
                    if run.event is not None and self._executor.wanted(run.event):
                        found = await self._executor.arun(inspect.get(done, run.scope), "read") if done else []
                        self._told(run, changes, found)
        return run.answer

    def _told(self, run: Run, changes: list[Change], found: list[Any]) -> None:
        before = {each.id: each.before for each in changes if each.answer is Answer.DONE}
        after = {record.id: record for record in found if isinstance(record, JobRecord)}
        for id, was in before.items():
            record = was if run.event == "job.deleted" else after.get(id)
            if record is not None and run.event is not None:
                self._executor.tell(run.event, record)
                if run.event == "job.cancelled":
                    self._executor.tell("job.finished", record)


def deed_of(verb: str, by: str | None, which: JobFilter) -> Deed:
    return Deed(verb, whoami() if by is None else check_name(by, "by"), dump_json(which.told(), "the conditions"))


def edit_of(id: str, changes: Mapping[str, Any], scope: Scope, by: str | None) -> Op[list[Answer]]:
    """Edit one job, whatever it is like."""
    edit = Edit.of(changes)
    inner = bulk.edit([id], JobFilter(), edit, scope, deed_of("edit", by, JobFilter()))

    def steps(again: bool) -> Steps[list[Answer]]:
        return [each.answer for each in (yield from inner.steps(again))]

    return Op("edit", steps, scope, wakes=True)
