"""A lane: one owner at a time, batches under load, and an honest answer when the connection goes."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from holdfast.errors import DatabaseError, DatabaseUnavailable, OutcomeUnknown, SchemaMissing
from holdfast.storage.lane import MOST_OPS, Lane
from holdfast.storage.op import Op, Row, Steps, one

from .fakes import FakeSession, ask, lost, op

SOON = 10.0


class Sessions:
    """Opens fake sessions for a lane, and remembers them."""

    def __init__(self, trouble: Callable[[str, Sequence[Row]], BaseException | None] | None = None) -> None:
        self.opened: list[FakeSession] = []
        self.trouble = trouble
        self.refusals: list[BaseException] = []

    def __call__(self) -> FakeSession:
        if self.refusals:
            raise self.refusals.pop(0)
        self.opened.append(FakeSession(self.trouble))
        return self.opened[-1]

    @property
    def said(self) -> list[str]:
        return [word for session in self.opened for word in session.said]


class Bench:
    """A lane over fake sessions; `held()` keeps it busy while others gather behind it."""

    def __init__(self, patience: float = 5.0, trouble: Any = None) -> None:
        self.sessions = Sessions(trouble)
        self.woken = 0
        self.lane = Lane("test", self.sessions, self._wake, lambda: patience)

    def _wake(self) -> None:
        self.woken += 1

    def held(self) -> Held:
        return Held(self.lane)


class Held:
    """While it is entered, an op on another thread owns the lane."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._begun, self._free = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        def steps(again: bool) -> Steps[None]:
            self._begun.set()
            assert self._free.wait(SOON)
            yield one("held")

        self._lane.run(Op("hold", steps, single=True))

    def __enter__(self) -> Held:
        self._thread.start()
        assert self._begun.wait(SOON)
        return self

    def free(self) -> None:
        self._free.set()

    def __exit__(self, *_: object) -> None:
        self._free.set()
        self._thread.join(SOON)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.lane.close()


def waiting(lane: Lane, count: int) -> None:
    """Until so many ops are in the lane."""
    until = time.monotonic() + SOON
    while len(lane._shared.pending) < count:
        assert time.monotonic() < until
        time.sleep(0.001)


def lane_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "holdfast-test"]


# ---------------------------------------------------------------- who runs what


def test_a_lone_sync_caller_runs_on_its_own_thread(bench: Bench) -> None:
    ran_on: list[int] = []

    def steps(again: bool) -> Steps[str]:
        ran_on.append(threading.get_ident())
        yield one("x")
        return "answer"

    assert bench.lane.run(Op("x", steps, single=True)) == "answer"
    assert ran_on == [threading.get_ident()]
    assert lane_threads() == []
    assert bench.sessions.said == ["x"]


def test_nothing_is_opened_before_it_is_used(bench: Bench) -> None:
    assert bench.sessions.opened == []
    for word in "ab":
        bench.lane.run(ask(word))
    assert len(bench.sessions.opened) == 1
    assert bench.sessions.opened[0].rested == 2


def test_those_that_come_while_it_is_busy_are_one_batch(bench: Bench) -> None:
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(bench.lane.run(ask(n)))) for n in range(20)]
    with bench.held():
        for thread in threads:
            thread.start()
        waiting(bench.lane, 20)
    for thread in threads:
        thread.join(SOON)
    assert sorted(answer[0][0][2] for answer in answers) == list(range(20))
    assert bench.sessions.said == ["held", "rows"]


def test_async_callers_are_served_by_the_lanes_thread(bench: Bench) -> None:
    async def main() -> list[Any]:
        return await asyncio.gather(*(bench.lane.arun(ask(n)) for n in range(50)))

    assert [answer[0][0][2] for answer in asyncio.run(main())] == list(range(50))
    assert len(lane_threads()) == 1
    assert len(bench.sessions.said) < 50


def test_callers_of_both_kinds_and_several_loops(bench: Bench) -> None:
    def sync_caller(number: int) -> None:
        for turn in range(25):
            assert bench.lane.run(ask((number, turn))) == [[(1, "t", (number, turn))]]

    async def one_loop(number: int) -> None:
        for turn in range(5):
            found = await asyncio.gather(*(bench.lane.arun(ask((number, turn, n))) for n in range(10)))
            assert [answer[0][0][2] for answer in found] == [(number, turn, n) for n in range(10)]

    threads = [threading.Thread(target=sync_caller, args=(n,)) for n in range(4)]
    threads += [threading.Thread(target=lambda n=n: asyncio.run(one_loop(n))) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
        assert not thread.is_alive()
    assert sum(len(rows) for _, rows in bench.sessions.opened[0].given) == 4 * 25 + 3 * 50
    assert len(bench.sessions.opened) == 1


def test_a_batch_has_its_bounds(bench: Bench) -> None:
    async def main() -> None:
        with bench.held() as held:
            many = [asyncio.ensure_future(bench.lane.arun(ask(n))) for n in range(MOST_OPS + 5)]
            await asyncio.sleep(0)
            held.free()
            await asyncio.gather(*many)

    asyncio.run(main())
    assert [len(rows) for name, rows in bench.sessions.opened[0].given if name == "rows"] == [MOST_OPS, 5]


def test_the_lane_goes_back_to_callers_when_its_thread_is_idle(bench: Bench) -> None:
    asyncio.run(bench.lane.arun(ask("a")))
    mine = threading.get_ident()
    ran_on: list[int] = []

    def steps(again: bool) -> Steps[None]:
        ran_on.append(threading.get_ident())
        yield one("x")

    until = time.monotonic() + SOON
    while ran_on[-1:] != [mine]:  # its thread lets go of the lane just after it has answered
        bench.lane.run(Op("x", steps, single=True))
        assert time.monotonic() < until


def test_a_cancelled_caller_disturbs_nobody(bench: Bench) -> None:
    async def main() -> Any:
        with bench.held() as held:
            first = asyncio.ensure_future(bench.lane.arun(ask("a")))
            second = asyncio.ensure_future(bench.lane.arun(ask("b")))
            await asyncio.sleep(0)
            first.cancel()
            held.free()
            return await second

    assert asyncio.run(main()) == [[(1, "t", "b")]]


def test_a_loop_that_closes_before_its_answer(bench: Bench) -> None:
    with bench.held(), pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(bench.lane.arun(ask("a")), 0.01))
    assert bench.lane.run(ask("b")) == [[(1, "t", "b")]]


# ---------------------------------------------------------------- errors and waking


def refuse(name: str, rows: Sequence[Row]) -> BaseException | None:
    return DatabaseError("refused") if any("bad" in row for row in rows) else None


def test_an_error_is_its_own_ops() -> None:
    bench = Bench(trouble=refuse)

    async def main() -> list[Any]:
        ops = [ask("a"), ask("bad"), ask("c")]
        return await asyncio.gather(*(bench.lane.arun(each) for each in ops), return_exceptions=True)

    first, second, third = asyncio.run(main())
    assert (first, third) == ([[(1, "t", "a")]], [[(1, "t", "c")]])
    assert isinstance(second, DatabaseError)
    with pytest.raises(DatabaseError):
        bench.lane.run(ask("bad"))
    assert bench.lane.run(ask("d")) == [[(1, "t", "d")]]
    bench.lane.close()


def test_work_wakes_others_once_a_batch(bench: Bench) -> None:
    bench.lane.run(ask("a"))
    assert bench.woken == 0
    bench.lane.run(op(("rows", [("t", "b")]), wakes=True))
    assert bench.woken == 1


def test_what_failed_wakes_nobody() -> None:
    bench = Bench(trouble=refuse)
    with pytest.raises(DatabaseError):
        bench.lane.run(op(("rows", [("t", "bad")]), wakes=True))
    assert bench.woken == 0
    bench.lane.close()


def test_an_error_while_waking_does_not_make_the_op_fail() -> None:
    lane = Lane("test", Sessions(), lambda: 1 // 0, lambda: 5.0)  # type: ignore[arg-type, return-value]
    wakes = op(("rows", [("t", "a")]), wakes=True)
    assert lane.run(wakes) == [[(1, "t", "a")]]
    assert asyncio.run(lane.arun(wakes)) == [[(1, "t", "a")]]
    assert asyncio.run(lane.arun(wakes)) == [[(1, "t", "a")]]
    lane.close()


def test_a_connection_that_cannot_be_given_back_changes_no_answer(bench: Bench) -> None:
    assert bench.lane.run(ask("a")) == [[(1, "t", "a")]]
    bench.sessions.opened[0].rest = lambda: 1 // 0  # type: ignore[assignment, method-assign, return-value]
    assert bench.lane.run(ask("b")) == [[(1, "t", "b")]]
    assert bench.sessions.opened[0].closed
    assert bench.lane.run(ask("c")) == [[(1, "t", "c")]]
    assert len(bench.sessions.opened) == 2


def test_a_keyboard_interrupt_leaves_a_lane_that_works() -> None:
    strokes = [KeyboardInterrupt()]
    bench = Bench(trouble=lambda name, rows: strokes.pop() if strokes else None)
    with pytest.raises(KeyboardInterrupt):
        bench.lane.run(ask("a"))
    assert bench.sessions.opened[0].closed, "nobody knows in which state its connection is"
    assert bench.lane.run(ask("b")) == [[(1, "t", "b")]]
    bench.lane.close()


# ---------------------------------------------------------------- lost connections


class Breaks:
    """Breaks the connection at the first so many times that `name` is said."""

    def __init__(self, name: str, in_doubt: bool, times: int = 1) -> None:
        self.name, self.in_doubt, self.times = name, in_doubt, times

    def __call__(self, name: str, rows: Sequence[Row]) -> BaseException | None:
        if name == self.name and self.times:
            self.times -= 1
            return lost(self.in_doubt)
        return None


def test_a_connection_lost_before_anything_was_sent_is_a_first_try_again() -> None:
    bench = Bench(trouble=Breaks("rows", in_doubt=False, times=3))
    assert bench.lane.run(ask("a")) == [[(1, "t", "a")]]
    assert len(bench.sessions.opened) == 4
    assert [session.closed for session in bench.sessions.opened] == [True, True, True, False]
    assert bench.lane.trouble_at > 0
    bench.lane.close()


def test_a_connection_lost_in_doubt_is_a_repetition() -> None:
    bench = Bench(trouble=Breaks("rows", in_doubt=True))
    assert bench.lane.run(ask("a")) == ["again", [(1, "t", "a")]]
    bench.lane.close()


def test_doubt_stays_when_the_next_try_is_lost_without() -> None:
    breaks = Breaks("commit", in_doubt=True)
    others = Breaks("begin", in_doubt=False, times=2)

    def trouble(name: str, rows: Sequence[Row]) -> BaseException | None:
        if not breaks.times and others(name, rows) is not None:
            return lost(False)
        return breaks(name, rows)

    bench = Bench(trouble=trouble)
    several = op(("rows", [("t", "a")]), single=False)
    assert bench.lane.run(several) == ["again", [(1, "t", "a")]]
    bench.lane.close()


def test_a_server_that_is_away_is_waited_for() -> None:
    bench = Bench()
    bench.sessions.refusals = [DatabaseUnavailable("away"), DatabaseUnavailable("still away"), lost(False)]
    assert bench.lane.run(ask("a")) == [[(1, "t", "a")]]
    bench.lane.close()


def test_patience_ends_with_nothing_changed() -> None:
    bench = Bench(patience=0.05)
    bench.sessions.refusals = [DatabaseUnavailable("no route")] * 1000
    with pytest.raises(DatabaseUnavailable, match=r"0\.05 s: no route; nothing changed"):
        bench.lane.run(ask("a"))
    bench.sessions.refusals = []
    assert bench.lane.run(ask("a")) == [[(1, "t", "a")]]
    bench.lane.close()


def test_patience_ends_in_doubt() -> None:
    bench = Bench(patience=0.05, trouble=Breaks("rows", in_doubt=True, times=9999))
    with pytest.raises(OutcomeUnknown, match="look the job up by its id"):
        bench.lane.run(ask("a"))
    bench.lane.close()


def test_before_the_first_contact_there_is_no_patience() -> None:
    bench = Bench(patience=0.0)
    bench.sessions.refusals = [DatabaseUnavailable("wrong port")]
    with pytest.raises(DatabaseUnavailable, match=r"^wrong port$"):
        bench.lane.run(ask("a"))
    bench.lane.close()


def test_other_errors_of_opening_are_told_at_once() -> None:
    bench = Bench()
    bench.sessions.refusals = [SchemaMissing("run migrate"), SchemaMissing("run migrate")]
    with pytest.raises(SchemaMissing):
        bench.lane.run(ask("a"))
    with pytest.raises(SchemaMissing):
        asyncio.run(bench.lane.arun(ask("a")))
    assert bench.lane.run(ask("a")) == [[(1, "t", "a")]]
    bench.lane.close()


def test_a_repetition_that_errs_leaves_the_outcome_unknown() -> None:
    breaks = Breaks("rows", in_doubt=True)

    def trouble(name: str, rows: Sequence[Row]) -> BaseException | None:
        return breaks(name, rows) or (DatabaseError("no") if name == "rows" else None)

    bench = Bench(trouble=trouble)
    with pytest.raises(OutcomeUnknown):
        bench.lane.run(ask("a"))
    bench.lane.close()


def test_everybody_in_a_batch_whose_connection_goes_is_answered() -> None:
    bench = Bench(trouble=Breaks("rows", in_doubt=True))

    async def main() -> list[Any]:
        with bench.held() as held:
            many = [asyncio.ensure_future(bench.lane.arun(ask(n))) for n in range(5)]
            await asyncio.sleep(0)
            held.free()
            return await asyncio.gather(*many)

    assert asyncio.run(main()) == [["again", [(1, "t", n)]] for n in range(5)]
    bench.lane.close()


# ---------------------------------------------------------------- closing


def test_closing_closes_the_connection_and_ends_the_thread(bench: Bench) -> None:
    asyncio.run(bench.lane.arun(ask("a")))
    bench.lane.close()
    assert bench.sessions.opened[0].closed
    assert lane_threads() == []
    bench.lane.close()


def test_a_lane_never_used_can_be_closed(bench: Bench) -> None:
    bench.lane.close()
    assert bench.sessions.opened == []


def test_a_closed_lane_refuses(bench: Bench) -> None:
    bench.lane.close()
    with pytest.raises(DatabaseUnavailable, match="closed"):
        bench.lane.run(ask("a"))
    with pytest.raises(DatabaseUnavailable, match="closed"):
        asyncio.run(bench.lane.arun(ask("a")))


@pytest.mark.parametrize("with_thread", [False, True])
def test_closing_waits_for_the_owner_and_for_all_that_is_pending(bench: Bench, with_thread: bool) -> None:
    if with_thread:
        asyncio.run(bench.lane.arun(ask("before")))
    answers: list[Any] = []
    with bench.held() as held:
        session = bench.sessions.opened[0]
        late = threading.Thread(target=lambda: answers.append(bench.lane.run(ask("late"))))
        late.start()
        waiting(bench.lane, 1)
        closing = threading.Thread(target=bench.lane.close)
        closing.start()
        while not bench.lane._shared.closed:
            time.sleep(0.001)
        closing.join(0.05)
        assert closing.is_alive(), "close must wait for the owner"
        assert not session.closed, "the owner still speaks on it"
        held.free()
        closing.join(SOON)
        late.join(SOON)
    assert not closing.is_alive()
    assert answers == [[[(1, "t", "late")]]]
    assert session.closed
    assert session.said[-2:] == ["held", "rows"]


def test_closing_from_within_a_wake_up_does_not_wait_for_itself() -> None:
    sessions = Sessions()
    lane = Lane("test", sessions, lambda: lane.close(), lambda: 5.0)
    began = time.monotonic()
    assert lane.run(op(("rows", [("t", "a")]), wakes=True)) == [[(1, "t", "a")]]
    assert time.monotonic() - began < 2.0
    assert sessions.opened[0].closed


def test_closing_ends_the_waiting_for_a_server_that_is_away() -> None:
    bench = Bench(patience=60.0)
    bench.sessions.refusals = [DatabaseUnavailable("away")] * 100_000
    errors: list[BaseException] = []

    def call() -> None:
        try:
            bench.lane.run(ask("a"))
        except DatabaseUnavailable as error:
            errors.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    while bench.lane.trouble_at < 0:
        time.sleep(0.001)
    bench.lane.close()
    caller.join(SOON)
    assert len(errors) == 1


def test_a_session_that_cannot_be_closed_is_no_trouble(bench: Bench) -> None:
    bench.lane.run(ask("a"))
    bench.sessions.opened[0].close = lambda: 1 // 0  # type: ignore[method-assign, assignment, return-value]
    bench.lane.close()


# ---------------------------------------------------------------- forks


def test_a_forked_child_begins_anew_and_leaves_the_parents_alone(bench: Bench) -> None:
    bench.lane.run(ask("a"))
    asyncio.run(bench.lane.arun(ask("b")))
    parents = bench.sessions.opened[0]
    with bench.held() as held:
        bench.lane.forget()  # as it happens in the child, where nobody holds the lane any more
        assert bench.lane.run(ask("child")) == [[(1, "t", "child")]]
        assert asyncio.run(bench.lane.arun(ask("child"))) == [[(1, "t", "child")]]
        assert len(bench.sessions.opened) == 2
        held.free()
    assert not parents.closed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_nothing_of_the_parents_is_destroyed_in_the_child(bench: Bench) -> None:
    destroyed: list[str] = []

    class Watched(FakeSession):
        def __del__(self) -> None:
            destroyed.append("parent's session")

    bench.sessions.opened.append(Watched())
    bench.lane._session = bench.sessions.opened.pop()
    bench.lane.forget()
    assert destroyed == []
