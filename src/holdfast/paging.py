"""Lists of jobs, a page at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args, overload

from typing_extensions import TypedDict

from holdfast.errors import InvalidOption
from holdfast.ids import check_id
from holdfast.model.filter import JobFilter, When
from holdfast.model.job import JobRecord, JobState
from holdfast.model.tenant import Scope
from holdfast.model.text import check_name, shown
from holdfast.storage.op import Op
from holdfast.storage.ops import lists
from holdfast.storage.ops.lists import ByClaim, ById, Found
from holdfast.task import Task

MOST_LISTED = 1000
Order: TypeAlias = Literal["created", "-created", "claim", "-claim"]


class FilterArguments(TypedDict, total=False, closed=True):
    """Which jobs are meant. All conditions hold; None asks nothing.

    state: one state, or several. queue, key, group, tenant: this very one. task: a task, or its name.
    tag: one of its tags. priority: a number, or (lowest, highest), both included.
    created, due, finished: an instant, or (start, end): from `start` on and before `end`; one of them may be None.
    error: text in the kind or message of one of its errors; capitals matter.
    """

    state: JobState | str | Iterable[JobState | str] | None
    queue: str | None
    task: "Task[Any, Any, Any] | str | None"
    tag: str | None
    key: str | None
    group: str | None
    tenant: str | None
    priority: int | tuple[int | None, int | None] | None
    created: When | None
    due: When | None
    finished: When | None
    error: str | None


class Page(Sequence[JobRecord]):
    """Some jobs, and where to go on: `next` and `previous` are cursors, or None where nothing is.

    partial: so many rows were looked at without filling the page; what fits may lie beyond, from `next` on.
    """

    def __init__(
        self, records: list[JobRecord], next: str | None, previous: str | None = None, partial: bool = False
    ) -> None:
        self._records = records
        self.next = next
        self.previous = previous
        self.partial = partial

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


class Counts(dict[str, int]):
    """Jobs by state. `complete`: these are all; else only the newest rows were counted, and there are more."""

    def __init__(self, counts: Mapping[str, int], complete: bool = True) -> None:
        super().__init__(counts)
        self.complete = complete

    @property
    def total(self) -> int:
        return sum(self.values())


@dataclass(frozen=True, slots=True)
class Asked:
    """A page that is asked for: after a place or before one, in an order."""

    which: JobFilter
    scope: Scope
    order: Order
    limit: int
    place: ById | ByClaim | None
    backward: bool

    @staticmethod
    def of(
        scope: Scope, given: Mapping[str, Any], order: Order, limit: int, after: str | None, before: str | None
    ) -> "Asked":
        """Raises InvalidOption for what cannot be asked."""
        which, scope = filtered(scope, given)
        if order not in get_args(Order):
            raise InvalidOption(f"order must be one of {', '.join(get_args(Order))}, not {shown(order)}")
        if after is not None and before is not None:
            raise InvalidOption("give after or before, not both: a page is on one side of a cursor")
        claim = order.endswith("claim")
        if claim and which.states not in (None, (JobState.READY,)):
            raise InvalidOption("the order of claims is that of ready jobs: leave out state, or say ready")
        cursor, name = (before, "before") if after is None else (after, "after")
        place = None if cursor is None else _claim_cursor(cursor, name) if claim else _cursor(cursor, name)
        return Asked(which, scope, order, checked(limit), place, before is not None)

    def op(self) -> Op[Found]:
        if isinstance(self.place, ByClaim) or self.order.endswith("claim"):
            place = self.place if isinstance(self.place, ByClaim) else None
            return lists.line(self.which, self.scope, self.limit, place, (self.order == "-claim") != self.backward)
        up = (self.order == "created") != self.backward
        return lists.page(self.which, self.scope, self.limit, self.place, up)

    def page(self, found: Found) -> Page:
        """What was found, in the order that was asked for."""
        jobs = found.jobs[::-1] if self.backward else found.jobs
        onward = found.jobs[-1][1] if found.more else found.edge
        back = found.jobs[0][1] if found.jobs and self.place is not None else self.place
        on, other = (None if at is None else _written(at) for at in (onward, back))
        records = [record for record, _ in jobs]
        partial = not found.more and found.edge is not None
        return Page(records, other, on, partial) if self.backward else Page(records, on, other, partial)


def filtered(scope: Scope, given: Mapping[str, Any]) -> tuple[JobFilter, Scope]:
    """The conditions that were given, and whose jobs are meant."""
    asked = dict(given)
    tenant = asked.pop("tenant", None)
    if isinstance(task := asked.get("task"), Task):
        asked["task"] = task.name
    which = JobFilter.of(**asked)
    if tenant is None or check_name(tenant, "tenant") == scope.tenant:
        return which, scope
    if not scope.implied:
        raise InvalidOption(f"tenant {shown(tenant)} was asked for, and this is the surface of {shown(scope.tenant)}")
    return which, Scope(tenant)


def checked(limit: int) -> int:
    """How many a page may hold; InvalidOption for what is no such number."""
    if type(limit) is not int or not 1 <= limit <= MOST_LISTED:
        raise InvalidOption(f"limit must be a whole number from 1 to {MOST_LISTED}, not {shown(limit)}")
    return limit


def _written(place: ById | ByClaim) -> str:
    """A place as a cursor. An id alone stands past all versions of its job."""
    if isinstance(place, ByClaim):
        return f"{-place.rank}.{place.due}.{place.seq}"
    return f"{place.id}.{place.version}" if place.version else str(place.id)


def _cursor(text: str, what: str) -> ById:
    """The job and version beyond which a page begins."""
    id, dot, version = str(text).partition(".")
    if dot and not (version.isascii() and version.isdigit() and 0 < len(version) < 10):
        raise InvalidOption(f"{what} must be a cursor that a page came with, not {shown(text)}")
    return ById(check_id(id), int(version or 0))


def _claim_cursor(text: str, what: str) -> ByClaim:
    parts = str(text).split(".")
    digits = [part.removeprefix("-") for part in parts]
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 18 for part in digits):
        raise InvalidOption(f"{what} must be a cursor that a page in the order of claims came with, not {shown(text)}")
    priority, due, seq = map(int, parts)
    if abs(priority) > 2**31 or not 0 <= due < 2**53 or seq < 0:
        raise InvalidOption(f"{what} must be a cursor that a page in the order of claims came with, not {shown(text)}")
    return ByClaim(-priority, due, seq)


def check_count(number: object, what: str = "count") -> int:
    """A number of things to list: 1 to 1,000; InvalidOption for anything else."""
    if type(number) is not int or not 1 <= number <= MOST_LISTED:
        raise InvalidOption(f"{what} must be a whole number from 1 to {MOST_LISTED}, not {shown(number)}")
    return number
