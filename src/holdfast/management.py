"""`app.jobs`: reading jobs, and counting them."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

from holdfast.client import Client
from holdfast.errors import InvalidOption
from holdfast.ids import check_id
from holdfast.model.job import JobRecord, JobState
from holdfast.model.tenant import Scope
from holdfast.model.text import shown
from holdfast.storage.ops import inspect
from holdfast.task import Task

MOST_LISTED = 1000


class Page(Sequence[JobRecord]):
    """Some jobs, and where the next page begins: `next` is a cursor, or None on the last page."""

    def __init__(self, records: list[JobRecord], next: str | None) -> None:
        self._records = records
        self.next = next

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, place: int) -> JobRecord: ...
    @overload
    def __getitem__(self, place: slice) -> list[JobRecord]: ...
    def __getitem__(self, place: int | slice) -> JobRecord | list[JobRecord]:
        return self._records[place]

    def __iter__(self) -> Iterator[JobRecord]:
        return iter(self._records)


class Jobs:
    """The jobs of one app."""

    def __init__(self, client: Client, scope: Scope) -> None:
        self._client = client
        self._scope = scope

    def get(self, id: str) -> JobRecord | None:
        """The record of a job, live or finished; None for what is absent.

        >>> app.jobs.get(job.id).state
        <JobState.SUCCEEDED: 'succeeded'>
        """
        return self._client.get(check_id(id), self._scope)

    def list(
        self,
        *,
        state: JobState | str | None = None,
        queue: str | None = None,
        task: "Task[Any, Any, Any] | str | None" = None,
        tag: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Page:
        """Jobs, newest first: a page of at most `limit` (1 to 1,000), from the cursor `after` on.

        Raises InvalidOption for a state that does not exist, a bad limit or cursor.

        >>> page = app.jobs.list(state="failed", limit=50)
        >>> older = app.jobs.list(state="failed", limit=50, after=page.next)
        """
        if type(limit) is not int or not 1 <= limit <= MOST_LISTED:
            raise InvalidOption(f"limit must be a whole number from 1 to {MOST_LISTED}, not {shown(limit)}")
        which = inspect.Filter(_state(state), queue, task.name if isinstance(task, Task) else task, tag)
        start = None if after is None else check_id(after)
        found = self._client.store.run(inspect.page(which, self._scope, limit + 1, start), "read")
        return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)

    def count(self) -> dict[str, int]:
        """Jobs by state. It reads every row: for small databases and tests."""
        return self._client.store.run(inspect.count(self._scope), "read")


def _state(state: JobState | str | None) -> str | None:
    if state is None:
        return None
    try:
        return JobState(state).value
    except ValueError:
        raise InvalidOption(f"state must be one of {', '.join(JobState)}, not {shown(state)}") from None
