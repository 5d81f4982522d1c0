"""Handles on jobs: what an enqueue answers, and how its result is waited for."""

from collections.abc import Callable
from typing import Generic, TypeVar

from holdfast.client import Client
from holdfast.clock import monotonic
from holdfast.errors import JobNotFound, Refused, ResultGone, ResultTimeout, Superseded
from holdfast.ids import check_id
from holdfast.model.duration import Duration, seconds
from holdfast.model.job import JobRecord, JobState
from holdfast.model.tenant import Scope
from holdfast.results import Successor, judge, result_text, to_ask
from holdfast.storage.ops import telling
from holdfast.storage.ops.inspect import Gone
from holdfast.storage.ops.telling import LogEntry
from holdfast.waiting import refuse_inside_body

R = TypeVar("R")


class Job(Generic[R]):
    """A handle on one job. It knows the id; everything else is asked of the database.

    id: the job's id.
    created: False where an existing job answered instead of a new one, or the request was refused.
    version: which of the job's versions is meant; None: whichever is the newest.
    refused: KeyTaken or RateLimited, in the answer of a bulk; a single enqueue raises it.
    """

    __slots__ = ("_client", "_decode", "_record", "_scope", "created", "id", "refused", "version")

    def __init__(
        self,
        client: Client,
        id: str,
        decode: Callable[[str], R],
        scope: Scope | None = None,
        created: bool = True,
        version: int | None = None,
        refused: Refused | None = None,
    ) -> None:
        self._client = client
        self.id = check_id(id) if scope is None else id
        self._decode = decode
        self._scope = scope or Scope()
        self._record: JobRecord | None = None
        self.created = created
        self.version = version
        self.refused = refused

    def __repr__(self) -> str:
        return f"<Job {self.id}>"

    @property
    def record(self) -> JobRecord:
        """The record as last read; read now if it never was. Raises JobNotFound."""
        return self._record if self._record is not None else self.refresh()

    @property
    def state(self) -> JobState:
        """The state as last read (`refresh` reads it anew). Raises JobNotFound."""
        return self.record.state

    def refresh(self) -> JobRecord:
        """Read the job's record anew. Raises JobNotFound where it is not, or no longer, there."""
        return self._seen(self._client.get(self.id, self._scope))

    async def arefresh(self) -> JobRecord:
        """`refresh` for event loops."""
        return self._seen(await self._client.aget(self.id, self._scope))

    def result(self, timeout: Duration | None = None) -> R:
        """Wait until the job has ended and answer what it returned.

        timeout: the longest wait, None for ever; the job is not touched when it is over.

        Raises JobFailed (with kind, message and traceback of the body's error), JobCancelled, JobStalled, Superseded
        (a newer request took its place), ResultTimeout, ResultGone where the row was removed, JobNotFound;
        MisuseError inside a body.

        >>> send_mail.enqueue("a@b.c", subject="hi").result(timeout=10)
        'sent'
        """
        limit = self._until(timeout)
        while True:
            watch = self._client.watch(self.id, self._scope, self.version)
            try:
                found = watch.wait(None if limit is None else max(0.0, limit - monotonic()))
            except TimeoutError:
                raise self._late(timeout) from None
            finally:
                watch.close()
            ask = to_ask(found, self.version, self._scope)
            if ask is None:
                return self._value(found)
            own = judge(self._seen(found), self._client.store.run(ask, "read"))
            if own is not None:
                return self._value(own)
            self.version = self.record.version

    async def aresult(self, timeout: Duration | None = None) -> R:
        """`result` for event loops."""
        limit = self._until(timeout)
        while True:
            watch = self._client.watch(self.id, self._scope, self.version)
            try:
                found = await watch.await_(None if limit is None else max(0.0, limit - monotonic()))
            except TimeoutError:
                raise self._late(timeout) from None
            finally:
                watch.close()
            ask = to_ask(found, self.version, self._scope)
            if ask is None:
                return self._value(found)
            own = judge(self._seen(found), await self._client.store.arun(ask, "read"))
            if own is not None:
                return self._value(own)
            self.version = self.record.version

    def decode(self, text: str) -> R:
        """A result as it is stored becomes what the task returned."""
        return self._decode(text)

    def logs(self, limit: int = 1000) -> list[LogEntry]:
        """What the job's attempts said with `ctx.log`, oldest first: entries with at, level, message, attempt, step."""
        return self._client.store.run(telling.logs(self.id, self._scope, limit=limit), "read")

    async def alogs(self, limit: int = 1000) -> list[LogEntry]:
        """`logs` for event loops."""
        return await self._client.store.arun(telling.logs(self.id, self._scope, limit=limit), "read")

    def _until(self, timeout: Duration | None) -> float | None:
        refuse_inside_body()
        if self.refused is not None:
            raise self.refused
        return None if timeout is None else monotonic() + seconds(timeout, "timeout")

    def _seen(self, record: JobRecord | Gone | None) -> JobRecord:
        if not isinstance(record, JobRecord):
            raise JobNotFound(f"there is no job {self.id} (any more)", self.id)
        self._record = record
        return record

    def _late(self, timeout: Duration | None) -> ResultTimeout:
        return ResultTimeout(f"job {self.id} had not ended after {timeout}; it goes on", self.id)

    def _value(self, found: JobRecord | Gone | Successor | None) -> R:
        if isinstance(found, Gone):
            raise ResultGone(f"job {self.id} ended, and its row was removed as its retention asked", self.id)
        if isinstance(found, Successor):
            newer = Job(self._client, found.id, self._decode, self._scope, version=found.version)
            raise Superseded(
                f"job {self.id} never ran: a newer request, job {newer.id}, took its place", self.id, newer
            )
        return self._decode(result_text(self._seen(found), self.version))
