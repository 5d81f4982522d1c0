"""A step in a transaction of the caller's: its writes and its record are one commit.

The record is written last, under the job's row, which is locked until the commit. A try that was given up for its time
may still be about to commit then; so what another try has recorded already is found before anything is recorded again,
and this one's writes are rolled back.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdfast.durable.steps import StepFunction
from holdfast.errors import DatabaseUnavailable, LeaseLost, MisuseError, StepTimeout
from holdfast.storage.base import Store
from holdfast.storage.borrow import Borrowed, Desk
from holdfast.storage.lender import Lender
from holdfast.storage.lenders import find, recognise
from holdfast.storage.op import Op
from holdfast.storage.ops.jobs import Held

if TYPE_CHECKING:
    from holdfast.durable.run import Run

LOCKED_PAUSE = 0.02
LOCKED_TRIES = 250
"""How often, and how far apart, the record is tried while somebody else has the job's row locked."""


class Recorded(Exception):
    """An earlier try of the step has been committed."""


@dataclass(slots=True)
class Try:
    """One try of a step. `write`: what records this result; `over`: nobody waits for it any more; `doubt`: its commit
    may or may not have happened."""

    write: Callable[[Any], Op[Held]]
    over: bool = False
    doubt: bool = False
    connection: Any = field(default=None)

    # What the function's context reaches it by

    def open(self) -> Any:
        return self.connection

    async def aopen(self) -> Any:
        return self.connection


def within(run: "Run", name: str, given: Any, function: StepFunction, one: Try) -> StepFunction:
    """The same function, in a transaction that is committed with its record."""
    store: Store = run.office.store
    made = function.within(_async(store, name, given, function, one) if function.is_async
                           else _sync(store, name, given, function, one))  # fmt: skip
    return made


def check_free(given: Any, name: str) -> None:
    """Raise MisuseError where a transaction is open there, whose commit that of the step would be; and SQLite would let
    nobody record anything before it."""
    if find(given) is None:
        return
    inside: Any = getattr(given, "in_transaction", None) or getattr(given, "is_in_transaction", None)
    if hasattr(given, "info") and hasattr(given.info, "transaction_status"):
        inside = given.info.transaction_status != 0
    if inside() if callable(inside) else inside:
        raise MisuseError(
            f"a transaction is open on the connection that step {name} is to commit: commit it or roll it back before"
        )


def _opened(desk: Desk, given: Any, awaits: bool) -> tuple[Lender, bool]:
    """The lender, and whether its connection is ours to close."""
    if given is True:
        return (desk.async_own() if awaits else desk.own()), True
    lender = find(given)
    return (recognise(given()), True) if lender is None else (lender, False)


def _sync(store: Store, name: str, given: Any, function: StepFunction, one: Try) -> Callable[..., Any]:
    desk = store.desk

    def call(*args: Any, **kwargs: Any) -> Any:
        lender, ours = _opened(desk, given, awaits=False)
        if lender.awaits:
            raise MisuseError(f"step {name} has an async connection, so its function must be async")
        turn: AbstractContextManager[object] = nullcontext() if given is True else desk.turn()
        with turn:
            try:
                lender.begin()
                one.connection = lender.given
                value = function.function(*args, **kwargs)
                borrowed = Borrowed(desk, lender)
                held = borrowed.run(one.write(value))
                for _ in range(LOCKED_TRIES):
                    if held is not Held.LOCKED:
                        break
                    time.sleep(LOCKED_PAUSE)
                    held = borrowed.run(one.write(value))
                _judge(held, name, one)
                lender.commit()
            except BaseException:
                with suppress(Exception):  # what broke it is what was raised
                    lender.rollback()
                raise
            finally:
                with suppress(Exception):
                    lender.close() if ours else lender.leave()
        return value

    return call


def _async(store: Store, name: str, given: Any, function: StepFunction, one: Try) -> Callable[..., Any]:
    desk = store.desk

    async def call(*args: Any, **kwargs: Any) -> Any:
        lender, ours = _opened(desk, given, awaits=True)
        try:
            await lender.abegin()
            one.connection = lender.given
            value = await function.function(*args, **kwargs)
            borrowed = Borrowed(desk, lender)
            held = await borrowed.arun(one.write(value))
            for _ in range(LOCKED_TRIES):
                if held is not Held.LOCKED:
                    break
                await asyncio.sleep(LOCKED_PAUSE)
                held = await borrowed.arun(one.write(value))
            _judge(held, name, one)
            await lender.acommit()
        except BaseException:
            with suppress(Exception):
                await lender.arollback()
            raise
        finally:
            with suppress(Exception):
                await lender.aclose() if ours else lender.leave()
        return value

    return call


def _judge(held: Held, name: str, one: Try) -> None:
    """Before the commit: whether it is to be."""
    match held:
        case Held.DONE:
            if one.over:
                raise StepTimeout(name, "timeout", "its time was over")
            one.doubt = True
        case Held.REPLACED:
            raise Recorded
        case Held.LOCKED:
            raise DatabaseUnavailable("the job's row stayed locked; the step's writes were rolled back")
        case _:
            raise LeaseLost("another worker holds the job now; the step's writes were rolled back")
