"""`app.audit`: who did what to jobs by hand."""

from collections.abc import Iterator, Sequence
from typing import overload

from holdfast.errors import InvalidOption
from holdfast.executor import Executor
from holdfast.ids import check_id
from holdfast.model.audit import AuditEntry
from holdfast.model.tenant import Scope
from holdfast.model.text import shown
from holdfast.paging import checked
from holdfast.storage.op import Op
from holdfast.storage.ops import bulk
from holdfast.storage.ops.bulk import LAST, Entries


class AuditPage(Sequence[AuditEntry]):
    """Some notes, the newest first; `next` is the cursor of the page after it, or None."""

    def __init__(self, entries: list[AuditEntry], next: str | None) -> None:
        self._entries = entries
        self.next = next

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, place: int) -> AuditEntry: ...
    @overload
    def __getitem__(self, place: slice) -> list[AuditEntry]: ...
    def __getitem__(self, place: int | slice) -> AuditEntry | list[AuditEntry]:
        return self._entries[place]

    def __iter__(self) -> Iterator[AuditEntry]:
        return iter(self._entries)


class Audit:
    """Notes of what `edit` and the verbs about many jobs have changed, each written with its change; for 90 days."""

    def __init__(self, executor: Executor, scope: Scope) -> None:
        self._executor = executor
        self._scope = scope

    def list(self, *, job: str | None = None, limit: int = 100, after: str | None = None) -> AuditPage:
        """A page of at most `limit` (1 to 1,000) notes, the newest first: about one job, or about any.

        Raises InvalidOption for a bad id, limit or cursor.

        >>> for note in app.audit.list(job=job.id):
        ...     print(note.at, note.actor, note.verb, note.before, note.after)
        """
        return _page(self._executor.run(self._op(job, limit, after), "read"))

    async def alist(self, *, job: str | None = None, limit: int = 100, after: str | None = None) -> AuditPage:
        """`list` for event loops."""
        return _page(await self._executor.arun(self._op(job, limit, after), "read"))

    def _op(self, job: str | None, limit: int, after: str | None) -> Op[Entries]:
        if after is not None and not (after.isascii() and after.isdigit() and len(after) < 19):
            raise InvalidOption(f"after must be a cursor that a page came with, not {shown(after)}")
        id = None if job is None else check_id(job)
        return bulk.audited(self._scope, checked(limit), id, LAST if after is None else int(after))


def _page(found: Entries) -> AuditPage:
    return AuditPage(found.entries, str(found.entries[-1].seq) if found.more else None)
