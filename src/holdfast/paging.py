"""Lists of jobs, a page at a time."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

from holdfast.errors import InvalidOption
from holdfast.ids import check_id
from holdfast.model.job import JobRecord, JobState
from holdfast.model.tenant import Scope
from holdfast.model.text import check_name, shown
from holdfast.storage.op import Op
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


def page(
    scope: Scope,
    state: JobState | str | None,
    queue: str | None,
    task: "Task[Any, Any, Any] | str | None",
    tag: str | None,
    limit: int,
    after: str | None,
) -> "Op[list[JobRecord]]":
    checked(limit)
    name = task.name if isinstance(task, Task) else task
    which = inspect.Filter(_state(state), _name(queue, "queue"), _name(name, "task"), _name(tag, "tag"))
    id, version = (None, 0) if after is None else _cursor(after)
    return inspect.page(which, scope, limit + 1, id, version)


def _name(value: str | None, what: str) -> str | None:
    return None if value is None else check_name(value, what)


def checked(limit: int) -> int:
    """How many a page may hold; InvalidOption for what is no such number."""
    if type(limit) is not int or not 1 <= limit <= MOST_LISTED:
        raise InvalidOption(f"limit must be a whole number from 1 to {MOST_LISTED}, not {shown(limit)}")
    return limit


def cut(found: list[JobRecord], limit: int) -> Page:
    """A page of what was found, one more than it holds."""
    last = found[limit - 1] if len(found) > limit else None
    return Page(found[:limit], None if last is None else last.id if last.version == 1 else f"{last.id}.{last.version}")


def _cursor(text: str) -> tuple[str, int]:
    """The job and version after which a page begins; an id alone is its first version, after which none is left."""
    id, _, version = str(text).partition(".")
    if version and not (version.isascii() and version.isdigit() and len(version) < 10):
        raise InvalidOption(f"after must be the cursor that a page ended with, not {shown(text)}")
    return check_id(id), int(version or 0)


def _state(state: JobState | str | None) -> str | None:
    if state is None:
        return None
    try:
        return JobState(state).value
    except ValueError:
        raise InvalidOption(f"state must be one of {', '.join(JobState)}, not {shown(state)}") from None
