"""A lane is one connection, one owner at a time, one list of pending operations.

Whoever owns the lane runs all that is pending as one batch; the next batch starts when the last has returned, with
no timer, so batches grow with the load and a lone call waits for nobody. A sync caller that finds the lane idle runs
its op on its own thread; otherwise, and for async callers, the lane's thread does, and one wake-up of an event loop
answers its whole batch. What the tasks of a loop ask for in one of its turns is handed over together, for each
hand-over by itself costs a lock that the lane's thread wants too. Nothing is answered before it is durable.
"""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, TypeVar

from holdfast.errors import DatabaseUnavailable, OutcomeUnknown
from holdfast.storage.base import Answer, ConnectionLost, Session, run_batch
from holdfast.storage.op import Op

R = TypeVar("R")
log = logging.getLogger("holdfast.storage")

MOST_OPS = 1000
"""Ops in one batch: bounds the time for which anybody waits for a transaction."""

PATIENCE = 30.0
"""Seconds a call keeps trying to reach the database before it errs."""


@dataclass(slots=True, eq=False)
class Ticket:
    """An op in the lane and who waits for it: a thread (`done`) or a future of `loop`."""

    op: Op[Any]
    future: "asyncio.Future[Any] | None" = None
    done: threading.Event | None = None
    answer: Answer = (None, None)


@dataclass(slots=True)
class _Shared:
    """What callers and the lane's thread share, under `mutex`."""

    mutex: threading.Lock = field(default_factory=threading.Lock)
    pending: list[Ticket] = field(default_factory=list[Ticket])
    busy: bool = False
    owner: int | None = None
    """Ident of the caller's thread that owns the lane, or of the lane's own thread once it has taken over."""
    handed: bool = False
    """The lane was handed to its thread, which has not taken over yet."""
    closed: bool = False
    stopped: bool = False
    ended: threading.Event = field(default_factory=threading.Event)


class Lane:
    """See the module. `connect` opens its session at first use; `woken` is called after commits that make work.

    `patience` answers for how many seconds a call keeps trying: none at all before the first contact, so that a
    wrong URL errs at once.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Session],
        woken: Callable[[], None],
        patience: Callable[[], float] = lambda: PATIENCE,
    ) -> None:
        self.name = name
        self._connect = connect
        self._woken = woken
        self._patience = patience
        self._session: Session | None = None
        self._shared = _Shared()
        self._handed = threading.Semaphore(0)
        self._thread: threading.Thread | None = None
        self._asked: dict[asyncio.AbstractEventLoop, list[Ticket]] = {}
        """Of each event loop, what its tasks asked for in this turn."""
        self.trouble_at = float("-inf")
        """When (monotonic) the database was last found away."""

    def run(self, op: Op[R]) -> R:
        """Run `op` and answer once it is durable."""
        shared = self._shared
        with shared.mutex:
            self._refuse_closed()
            mine = not shared.busy
            if mine:
                shared.busy = True
                shared.owner = threading.get_ident()
                ticket = Ticket(op)
            else:
                ticket = Ticket(op, done=threading.Event())
                shared.pending.append(ticket)
        if mine:
            try:
                self._serve([ticket])
            finally:
                self._hand_on()
        else:
            assert ticket.done is not None
            ticket.done.wait()
        answer, error = ticket.answer
        if error is not None:
            raise error
        value: R = answer
        return value

    async def arun(self, op: Op[R]) -> R:
        """Run `op` on the lane's thread."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        asked = self._asked.get(loop)
        if asked is None:
            self._refuse_closed()
            asked = self._asked[loop] = []
            loop.call_soon(self._hand_over, loop)
        asked.append(Ticket(op, future=future))
        return await future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """At the end of a loop's turn: everything its tasks asked for."""
        tickets = self._asked.pop(loop, [])
        shared = self._shared
        with shared.mutex:
            if not shared.closed:
                shared.pending += tickets
                if not shared.busy:
                    shared.busy = True
                    self._wake_thread()
                return
        for ticket in tickets:
            assert ticket.future is not None
            if not ticket.future.done():
                ticket.future.set_exception(_closed())

    def close(self) -> None:
        """Finish what is pending, then close the connection. Called by the owner, it is done when the owner is."""
        shared = self._shared
        with shared.mutex:
            if shared.closed:
                return
            shared.closed = True
            idle = not shared.busy
            shared.stopped = idle
            thread = self._thread
        if idle:
            self._handed.release()
            self._drop_session()
            shared.ended.set()
        if shared.owner != threading.get_ident():
            shared.ended.wait(PATIENCE)
            if thread is not None:
                thread.join(PATIENCE)

    def forget(self) -> None:
        """After a fork: the parent's connection, thread and waiters are not ours to touch."""
        _left_behind.append((self._session, self._shared, self._thread))
        self._session = None
        self._shared = _Shared()
        self._handed = threading.Semaphore(0)
        self._thread = None
        self._asked = {}

    def _refuse_closed(self) -> None:
        if self._shared.closed:
            raise _closed()

    def _hand_on(self) -> None:
        """A caller's thread gives the lane to the lane's thread, or leaves it idle."""
        shared = self._shared
        with shared.mutex:
            shared.owner = None
            if shared.pending:
                self._wake_thread()
                return
            ends = self._leave()
        if ends:
            self._end()
            self._handed.release()

    def _leave(self) -> bool:
        """The lane is idle from here on; true where its last owner must end it. The caller holds the mutex."""
        shared = self._shared
        shared.busy = False
        shared.stopped = shared.closed
        return shared.stopped

    def _end(self) -> None:
        self._drop_session()
        self._shared.ended.set()

    def _wake_thread(self) -> None:
        """Hand the lane to its thread. The caller holds the mutex."""
        if self._thread is None:
            thread = threading.Thread(target=self._work, name=f"holdfast-{self.name}", daemon=True)
            thread.start()
            self._thread = thread
        self._shared.handed = True
        self._handed.release()

    def _work(self) -> None:
        """The lane's thread: owns the lane from each hand-over until nothing is pending."""
        shared = self._shared
        handed = self._handed
        while True:
            handed.acquire()
            with shared.mutex:
                mine, shared.handed = shared.handed, False
                if mine:
                    shared.owner = threading.get_ident()
                elif shared.stopped:
                    return
            while mine:
                batch = self._next_batch()
                if not batch:
                    break
                self._serve(batch)
            if mine and shared.stopped:
                return

    def _next_batch(self) -> list[Ticket]:
        """What is pending; if nothing is, the lane is left idle."""
        shared = self._shared
        with shared.mutex:
            batch, shared.pending = shared.pending[:MOST_OPS], shared.pending[MOST_OPS:]
            if batch:
                return batch
            shared.owner = None
            ends = self._leave()
        if ends:
            self._end()
        return batch

    def _serve(self, batch: list[Ticket]) -> None:
        """Run a batch, answer everybody in it, then wake others if it made work for them."""
        if self._session is not None and self._session.one_tenant:
            batch.sort(key=lambda ticket: ticket.op.scope.tenant or "")
        ops = [ticket.op for ticket in batch]
        try:
            answers: list[Answer] = self._persist(ops)
        except Exception as error:
            answers = [(None, error)] * len(ops)
        except BaseException:  # Ctrl-C amid a statement: nobody knows in which state it left the connection
            self._drop_session()
            raise
        _answer(batch, answers)
        if any(_wakes(op) and error is None for op, (_, error) in zip(ops, answers, strict=True)):
            self._wake_others()

    def _wake_others(self) -> None:
        """A hint: what is committed stays committed whatever comes of it."""
        try:
            self._woken()
        except Exception:
            log.exception("lane %s: others could not be woken; they poll", self.name)

    def _persist(self, ops: list[Op[Any]]) -> list[Answer]:
        """Run the batch, over new connections if need be, until its outcome is known or patience is over."""
        patience = self._patience()
        give_up = time.monotonic() + patience
        in_doubt = False
        settled: list[Answer] = []
        pause = 0.01
        while True:
            rest = ops[len(settled) :]
            try:
                if self._session is None:
                    self._session = self._connect()
                if self._session.one_tenant:
                    rest = _of_one_tenant(rest)
                    self._session.enter(rest[0].scope)
                answers = run_batch(self._session, rest, again=in_doubt)
                settled += _doubted(answers) if in_doubt else answers
                if len(settled) < len(ops):
                    in_doubt = False  # what comes next was not sent before
                    continue
                self._rest(self._session)
                return settled
            except ConnectionLost as lost:
                settled += _doubted(lost.answered) if in_doubt else lost.answered
                in_doubt = in_doubt or lost.in_doubt
                self._drop_session()
                reason: BaseException = lost.cause
            except DatabaseUnavailable as error:
                reason = error
            except Exception as error:
                settled += (_doubted if in_doubt else list)([(None, error)] * len(rest))
                if len(settled) == len(ops):
                    return settled
                in_doubt = False
                continue
            self.trouble_at = time.monotonic()
            if self._shared.closed or time.monotonic() >= give_up:
                return settled + [(None, _gave_up(in_doubt, reason, patience))] * (len(ops) - len(settled))
            log.debug("lane %s: %s; trying again", self.name, reason)
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, 1.0)

    def _rest(self, session: Session) -> None:
        """What the batch did is done: that its connection cannot be given back changes no answer."""
        try:
            session.rest()
        except Exception as error:
            log.warning("lane %s: a connection could not be given back (%s); another one is taken", self.name, error)
            self._drop_session()

    def _drop_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            try:
                session.close()
            except Exception as error:
                log.debug("lane %s: closing a broken connection: %s", self.name, error)


def _of_one_tenant(ops: Sequence[Op[Any]]) -> list[Op[Any]]:
    """Those at the beginning that can share a transaction where each is for one tenant."""
    return list(takewhile(lambda op: op.scope == ops[0].scope, ops))


def _wakes(op: Op[Any]) -> bool:
    return op.wakes or (op.woken is not None and op.woken())


def _closed() -> DatabaseUnavailable:
    return DatabaseUnavailable("this app was closed; make a new Holdfast(…) to go on")


def _doubted(answers: Sequence[Answer]) -> list[Answer]:
    """Answers to a repetition: an error of it does not say that the first try had no effect."""
    return [(value, None if error is None else _unknown(error)) for value, error in answers]


def _unknown(error: BaseException) -> OutcomeUnknown:
    unknown = OutcomeUnknown(
        f"the connection went while committing, and the repetition met an error ({error}); "
        "the change may have happened: look the job up by its id before repeating the call"
    )
    unknown.__cause__ = error
    return unknown


def _gave_up(in_doubt: bool, reason: BaseException, patience: float) -> Exception:
    if in_doubt:
        error: Exception = OutcomeUnknown(
            f"the connection went while committing and the database has not come back for {patience:g} s ({reason}); "
            "the change may have happened: look the job up by its id before repeating the call"
        )
    elif patience == 0 and isinstance(reason, DatabaseUnavailable):
        return reason
    else:
        error = DatabaseUnavailable(f"the database could not be reached for {patience:g} s: {reason}; nothing changed")
    error.__cause__ = reason
    return error


_left_behind: list[object] = []
"""What a fork left us of the parent's: kept, so that no destructor touches the parent's connection."""


def _answer(batch: list[Ticket], answers: list[Answer]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[Ticket]] = {}
    for ticket, answer in zip(batch, answers, strict=True):
        ticket.answer = answer
        if ticket.future is not None:
            loops.setdefault(ticket.future.get_loop(), []).append(ticket)
        elif ticket.done is not None:
            ticket.done.set()
    for loop, tickets in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, tickets)
        except RuntimeError:  # the loop closed while its caller waited: there is nobody left to tell
            log.debug("an event loop closed before its answer came")


def _resolve(tickets: list[Ticket]) -> None:
    for ticket in tickets:
        future = ticket.future
        if future is None or future.done():
            continue
        value, error = ticket.answer
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
