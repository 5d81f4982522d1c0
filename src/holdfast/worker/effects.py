"""Effects in one commit: what a body writes on `ctx.connection`, its child jobs, its result and the end of its job.

The connection is made for one attempt and belongs to it. When the body has returned, the fenced end is written there
and everything is committed at once; when it raised, or the lease is another's, everything is rolled back.
"""

import asyncio
import contextlib
import inspect
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar, cast

from holdfast.errors import ConfigError, DatabaseError, DatabaseUnavailable, MisuseError, TransactionTooLong
from holdfast.model.job import JobRecord
from holdfast.model.lifecycle import Finish, decide
from holdfast.model.outcome import Outcome, Succeeded
from holdfast.model.tenant import Scope
from holdfast.storage.announce import Ring, announcing
from holdfast.storage.base import Store, wake_all
from holdfast.storage.borrow import Borrowed
from holdfast.storage.lender import Lender
from holdfast.storage.lenders import find, recognise
from holdfast.storage.looks import Alarm, alarms
from holdfast.storage.op import Op
from holdfast.storage.ops.effects import complete, succeeded_under
from holdfast.storage.ops.inspect import get
from holdfast.storage.ops.jobs import Ending, Held
from holdfast.task import Transaction
from holdfast.worker.holding import Holding

R = TypeVar("R")
log = logging.getLogger("holdfast.worker")

LOCKED_PAUSE = 0.02
LOCKED_TRIES = 250
"""How often, and how far apart, the end is tried while somebody else's transaction has the row locked: a renewal."""


@dataclass(slots=True)
class Committed(Succeeded):
    """The body returned, and `ending` is written already, in one commit with its effects."""

    ending: Ending
    removed: JobRecord | None = None
    """The record, where the job is kept for no time."""


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Something went wrong on the way to the commit, or in it."""

    error: BaseException
    result: str
    ending: Ending


Said: TypeAlias = Callable[[], Op[None] | None]


class Effects:
    """The transaction of one attempt. Used by its body's thread or task only, but for the limit's alarm.

    fail: what an attempt that ended in an error comes to.
    said: what the body said that is not written yet, to go with its end.
    """

    def __init__(
        self,
        store: Store,
        transaction: Transaction,
        held: Holding,
        fail: Callable[[BaseException], Outcome | None],
        said: Said = lambda: None,
    ) -> None:
        self._store = store
        self._desk = store.desk
        self._transaction = transaction
        self._held = held
        self._fail = fail
        self._said = said
        self._lender: Lender | None = None
        self._outer = contextlib.ExitStack()
        self._async_outer = contextlib.AsyncExitStack()
        self._turn: AbstractContextManager[object] = contextlib.nullcontext()
        self._rings: list[Ring] = []
        self._used = False
        self._removed: JobRecord | None = None
        self._mutex = threading.Lock()
        self._state: Literal["open", "late", "ending"] = "open"
        self._alarm: Alarm | None = None
        self._body: asyncio.Task[Any] | None = None

    # What the body calls

    def open(self) -> Any:
        """The connection, opened now if it is not yet."""
        lender = self._lender or self._open()
        if self._state == "late":
            raise self._too_long()
        if not self._used:
            self._use(lender)
        return lender.given

    async def aopen(self) -> Any:
        """The same, awaiting what must be."""
        if self._lender is None:
            await self._aopen()
        return self.open()

    async def prepare(self) -> None:
        """Before an async body: a connection that must be awaited is opened now, for `ctx.connection` cannot."""
        self._body = asyncio.current_task()
        if self._transaction is not True:
            await self._aopen()

    # What its attempt calls at the end

    def end(self, outcome: Outcome | None) -> Outcome | None:
        """Commit or undo, and say what came of it."""
        lender, late = self._lender, self._close_door()
        if lender is None:
            return outcome
        try:
            end = self._end(lender, outcome, late)
        finally:
            _try(lender.close)
            _try(self._outer.close)
            self._turn.__exit__(None, None, None)
        return self._look(end) if isinstance(end, _Doubt) else end

    async def aend(self, outcome: Outcome | None) -> Outcome | None:
        """The same for an async body; a cancellation that comes meanwhile must not tear it."""
        if self._lender is None:
            return outcome
        ending = asyncio.ensure_future(self._aend_all(self._lender, outcome))
        while not ending.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(ending)
        return ending.result()

    # Opening

    def _open(self) -> Lender:
        """In a sync body."""
        if self._body is not None:
            raise MisuseError("in an async body transaction=True is opened by an await: await ctx.aconnection()")
        if self._transaction is True:
            lender = self._desk.own()
        else:
            lender = self._made()
            turn = self._desk.turn()
            try:
                turn.__enter__()
            except BaseException:
                _try(lender.close)
                raise
            self._turn = turn
        return self._keep(lender)

    def _made(self) -> Lender:
        """By the user's function."""
        made = self._call()
        if find(made) is None and isinstance(made, AbstractContextManager):
            made = self._outer.enter_context(cast("AbstractContextManager[Any]", made))
        if inspect.iscoroutine(made):
            made.close()
        if inspect.isawaitable(made) or hasattr(made, "__aenter__"):
            raise ConfigError("the body is a plain function, and its transaction= gives what must be awaited")
        return recognise(made)

    async def _aopen(self) -> Lender:
        lender = self._desk.async_own() if self._transaction is True else await self._amade()
        try:
            if lender.awaits:
                await lender.abegin()
        except BaseException:
            if self._transaction is not True:
                await _atry(lender.aclose())
            raise
        return self._keep(lender)

    async def _amade(self) -> Lender:
        made = self._call()
        if find(made) is None and inspect.isawaitable(made):
            made = await made
        if find(made) is None and hasattr(made, "__aenter__"):
            made = await self._async_outer.enter_async_context(made)
        elif find(made) is None and isinstance(made, AbstractContextManager):
            made = self._outer.enter_context(cast("AbstractContextManager[Any]", made))
        return recognise(made)

    def _call(self) -> Any:
        assert callable(self._transaction)
        return self._transaction()

    def _keep(self, lender: Lender) -> Lender:
        self._lender = lender
        return lender

    def _use(self, lender: Lender) -> None:
        """The first use: a synchronous connection begins its transaction, an awaited one has done so."""
        if not lender.awaits:
            try:
                lender.begin()
            except BaseException:
                if self._transaction is True:
                    self._lender = None  # it has given up what it had
                raise
        self._used = True
        self._rings = self._outer.enter_context(announcing(lender.given))
        if self._desk.limit is not None:
            self._alarm = alarms().set(self._desk.limit, self._expire)

    # The limit

    def _expire(self) -> None:
        with self._mutex:
            if self._state != "open":
                return
            self._state = "late"
        assert self._lender is not None
        if self._body is not None:
            self._body.get_loop().call_soon_threadsafe(self._body.cancel)
        _try(self._lender.expire)
        self._turn.__exit__(None, None, None)

    def _too_long(self) -> TransactionTooLong:
        return TransactionTooLong(
            f"the body kept its transaction for more than {self._desk.limit:g} s, and on SQLite all writers wait for "
            "it: it was rolled back. Do slow things before the first use of ctx.connection"
        )

    def _close_door(self) -> bool:
        """From here on the limit no longer counts; whether it was reached."""
        with self._mutex:
            late, self._state = self._state == "late", "ending"
        if self._alarm is not None:
            self._alarm.off()
        return late

    # Ending

    def _end(self, lender: Lender, outcome: Outcome | None, late: bool) -> "Outcome | _Doubt | None":
        if late or not self._used or not isinstance(outcome, Succeeded):
            _try(lender.rollback)
            return self._fail(self._too_long()) if late else outcome
        ending = self._ending(outcome)
        try:
            held = self._write_end(lender, ending)
            if held is Held.DONE:
                lender.commit()
        except BaseException as error:
            _try(lender.rollback)
            return _Doubt(error, outcome.result, ending)
        if held is not Held.DONE:
            _try(lender.rollback)
        return self._judged(held, outcome, ending)

    async def _aend_all(self, lender: Lender, outcome: Outcome | None) -> Outcome | None:
        late = self._close_door()
        try:
            end = await self._aend(lender, outcome, late)
        finally:
            await _atry(lender.aclose())
            await _atry(self._async_outer.aclose())
            _try(self._outer.close)
        return await asyncio.to_thread(self._look, end) if isinstance(end, _Doubt) else end

    async def _aend(self, lender: Lender, outcome: Outcome | None, late: bool) -> "Outcome | _Doubt | None":
        if late or not self._used or not isinstance(outcome, Succeeded):
            await _atry(lender.arollback())
            return self._fail(self._too_long()) if late else outcome
        ending = self._ending(outcome)
        try:
            held = await self._awrite_end(lender, ending)
            if held is Held.DONE:
                await lender.acommit()
        except BaseException as error:
            await _atry(lender.arollback())
            return _Doubt(error, outcome.result, ending)
        if held is not Held.DONE:
            await _atry(lender.arollback())
        return self._judged(held, outcome, ending)

    def _write_end(self, lender: Lender, ending: Ending) -> Held:
        borrowed = Borrowed(self._desk, lender)
        for op in self._before(ending):
            self._learn(borrowed.run(op))
        for _ in range(LOCKED_TRIES):
            held = borrowed.run(complete(ending))
            if held is not Held.LOCKED:
                return held
            time.sleep(LOCKED_PAUSE)
        return Held.LOCKED

    async def _awrite_end(self, lender: Lender, ending: Ending) -> Held:
        borrowed = Borrowed(self._desk, lender)
        for op in self._before(ending):
            self._learn(await borrowed.arun(op))
        for _ in range(LOCKED_TRIES):
            held = await borrowed.arun(complete(ending))
            if held is not Held.LOCKED:
                return held
            await asyncio.sleep(LOCKED_PAUSE)
        return Held.LOCKED

    def _before(self, ending: Ending) -> Iterator[Op[Any]]:
        """What must be said or known before the end, for the token, and perhaps the record, end with it."""
        said = self._said()
        if said is not None:
            yield said
        if isinstance(ending.verdict, Finish) and ending.verdict.keep <= 0:
            yield get([ending.lease.id], Scope(ending.lease.tenant))

    def _learn(self, answer: Any) -> None:
        if answer is not None and isinstance(answer[0], JobRecord):
            self._removed = answer[0]

    def _ending(self, outcome: Succeeded) -> Ending:
        held = self._held
        return Ending(held.lease, decide(held.job, outcome, held.policy), held.elapsed())

    def _judged(self, held: Held, outcome: Succeeded, ending: Ending) -> Outcome | None:
        match held:
            case Held.DONE | Held.REPLACED:
                wake_all(self._rings)
                return Committed(outcome.result, ending, self._removed)
            case Held.LOCKED | Held.UNDOING:  # of these two a success comes only to the first
                return self._fail(DatabaseUnavailable("the job's row stayed locked; its effects were rolled back"))
            case Held.LOST if self._held.stop in (None, "lost"):
                return None
            case Held.LOST:  # its time-out was written meanwhile
                return self._fail(TimeoutError("the attempt was over"))

    def _look(self, doubt: "_Doubt") -> Outcome | None:
        """Something went wrong on the way to the commit, or in it: whether it happened is for the database to say.

        A commit that is still on its way there keeps the row locked, so that the failure cannot be written before it
        is decided, nor after it has succeeded.
        """
        try:
            if self._store.run(succeeded_under(doubt.ending.lease), "read"):
                return Committed(doubt.result, doubt.ending, self._removed)
        except DatabaseError as unknown:
            log.warning("whether job %s was committed is not known yet: %s", doubt.ending.lease.id, unknown)
        return self._fail(doubt.error)


def _try(undo: Callable[[], object]) -> None:
    """A connection that is being given up may be broken already."""
    try:
        undo()
    except Exception as error:
        log.debug("giving up a body's connection: %s", error)


async def _atry(undo: Coroutine[Any, Any, object]) -> None:
    try:
        await undo
    except Exception as error:
        log.debug("giving up a body's connection: %s", error)
