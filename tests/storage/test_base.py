"""A batch: each name once, each op its own rows, and an error only for the op it belongs to."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import pytest

from holdfast.errors import DatabaseError
from holdfast.storage.base import ConnectionLost, drive, guard, run_batch, wake_all
from holdfast.storage.op import Op, Row, Statement

from .fakes import FakeSession, ask, lost, op


def answers_of(found: list[tuple[Any, BaseException | None]]) -> list[Any]:
    return [error if error is not None else value for value, error in found]


# ---------------------------------------------------------------- merging


def test_one_op_of_one_statement_needs_no_transaction() -> None:
    session = FakeSession()
    assert answers_of(run_batch(session, [ask("a")])) == [[[(1, "t", "a")]]]
    assert session.said == ["rows"]


def test_ops_of_one_statement_are_merged_into_one() -> None:
    session = FakeSession()
    found = answers_of(run_batch(session, [ask("a", "b"), ask("c"), ask("d", "e", "f")]))
    assert found == [
        [[(1, "t", "a"), (2, "t", "b")]],
        [[(1, "t", "c")]],
        [[(1, "t", "d"), (2, "t", "e"), (3, "t", "f")]],
    ]
    assert session.said == ["rows"]
    assert [len(rows) for _, rows in session.given] == [6]


def test_rows_without_an_answer_do_not_shift_the_others() -> None:
    found = answers_of(run_batch(FakeSession(), [ask("silent", "b"), ask("c"), ask("silent2"), ask("d", "e")]))
    assert found == [[[(2, "t", "b")]], [[(1, "t", "c")]], [[(1, "t", "silent2")]], [[(1, "t", "d"), (2, "t", "e")]]]


def test_ops_without_rows_are_answered_with_none() -> None:
    found = answers_of(run_batch(FakeSession(), [ask("a"), ask(), ask("b")]))
    assert found == [[[(1, "t", "a")]], [[]], [[(1, "t", "b")]]]


def test_two_ops_on_one_job_are_never_in_one_statement() -> None:
    session = FakeSession()
    found = answers_of(run_batch(session, [ask("a"), ask("a"), ask("b")]))
    assert found == [[[(1, "t", "a")]], [[(1, "t", "a")]], [[(1, "t", "b")]]]
    assert session.said == ["begin", "rows", "rows", "rows", "commit"]


def test_different_names_share_a_transaction() -> None:
    session = FakeSession()
    run_batch(session, [ask("a", name="rows 1"), ask("a", name="rows 2"), ask("b", name="rows 1")])
    assert session.said == ["begin", "rows 1", "rows 2", "commit"]


def test_statements_of_one_row_are_not_merged() -> None:
    session = FakeSession()
    found = answers_of(run_batch(session, [op(("one", [("x",)])), op(("one", [("y",)]))]))
    assert found == [[[("x",)]], [[("y",)]]]
    assert session.said == ["begin", "one", "one", "commit"]


def test_reading_together_needs_no_transaction() -> None:
    session = FakeSession()
    run_batch(session, [op(("read", [("x",)])), ask("a", name="read rows"), ask("a", name="read rows")])
    assert session.said == ["read", "read rows", "read rows"]


def test_ops_go_round_by_round() -> None:
    session = FakeSession()
    long = op(("rows 1", [("t", "a")]), ("rows 2", [("t", "a")]), ("rows 3", [("t", "a")]))
    short = op(("rows 1", [("t", "b")]), ("rows 2", [("t", "b")]))
    found = answers_of(run_batch(session, [long, short, ask("c", name="rows 2")]))
    assert [len(each) for each in found] == [3, 2, 1]
    assert session.said == ["begin", "rows 1", "rows 2", "rows 2", "rows 3", "commit"]
    assert session.given[2] == ("rows 2", [("t", "a"), ("t", "b")])


def test_the_second_round_of_merged_ops_is_merged_too() -> None:
    """A fenced write and the question about the rows it did not find."""

    def steps(again: bool) -> Generator[Statement, list[Row], list[Row]]:
        yield Statement("rows", [("t", "silent", id(again))])
        return (yield Statement("read rows", [("t", "silent", "asked")]))

    session = FakeSession()
    odd = Op("fenced", steps, single=True)
    run_batch(session, [odd, ask("a")])
    assert session.said == ["rows", "read rows"]


def test_an_op_that_wants_nothing() -> None:
    session = FakeSession()
    assert answers_of(run_batch(session, [op(), op()])) == [[], []]
    assert answers_of(run_batch(session, [op(single=True)])) == [[]]
    assert "rows" not in session.said


def test_a_repetition_is_one_transaction() -> None:
    session = FakeSession()
    assert answers_of(run_batch(session, [ask("a")], again=True)) == [["again", [(1, "t", "a")]]]
    assert session.said == ["begin", "rows", "commit"]
    session = FakeSession()
    assert answers_of(run_batch(session, [ask("a"), ask("b")], again=True))[1] == ["again", [(1, "t", "b")]]
    assert session.said == ["begin", "rows", "commit"]


# ---------------------------------------------------------------- errors


def refuse(word: str) -> Any:
    def trouble(name: str, rows: Sequence[Row]) -> BaseException | None:
        return DatabaseError(f"{word} is refused") if any(word in row for row in rows) else None

    return trouble


@pytest.mark.parametrize("names", [("rows", "rows", "rows"), ("rows 1", "rows 2", "rows 1")])
def test_only_the_guilty_errs(names: tuple[str, str, str]) -> None:
    session = FakeSession(refuse("bad"))
    ops = [ask(word, name=name) for word, name in zip(("a", "bad", "c"), names, strict=True)]
    found = answers_of(run_batch(session, ops))
    assert found[0] == [[(1, "t", "a")]]
    assert isinstance(found[1], DatabaseError)
    assert found[2] == [[(1, "t", "c")]]
    assert session.said.count("begin") == session.said.count("commit") + session.said.count("rollback")


def test_an_op_of_several_statements_is_rolled_back_whole() -> None:
    session = FakeSession(refuse("bad"))
    (found,) = answers_of(run_batch(session, [op(("rows", [("t", "a")]), ("rows", [("t", "bad")]))]))
    assert isinstance(found, DatabaseError)
    assert session.said == ["begin", "rows", "rows", "rollback"]


def test_an_op_whose_own_code_raises() -> None:
    def steps(again: bool) -> Generator[Statement, list[Row], None]:
        yield Statement("rows 2", [("t", "x")])
        raise ZeroDivisionError

    session = FakeSession()
    found = answers_of(run_batch(session, [ask("a"), Op("broken", steps), ask("b")]))
    assert [type(each) for each in found] == [list, ZeroDivisionError, list]


def test_a_commit_that_is_refused_errs_all_that_still_cannot() -> None:
    session = FakeSession(lambda name, rows: DatabaseError("no") if name == "commit" else None)
    found = answers_of(run_batch(session, [ask("a", name="rows 1"), op(("rows 1", [("t", "b")]), single=False)]))
    assert found[0] == [[(1, "t", "a")]]
    assert isinstance(found[1], DatabaseError)


@pytest.mark.parametrize("where", ["begin", "rows", "commit"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_lost_connection_is_nobodys_own(where: str, count: int) -> None:
    session = FakeSession(lambda name, rows: lost(True) if name == where else None)
    ops = [op(("rows", [("t", str(number))]), single=False) for number in range(count)]
    with pytest.raises(ConnectionLost):
        run_batch(session, ops)
    assert "rollback" not in session.said


def test_a_connection_lost_between_ops_run_one_by_one_tells_what_was_done() -> None:
    def trouble(name: str, rows: Sequence[Row]) -> BaseException | None:
        if len(rows) > 1:
            return DatabaseError("together they do not fit")
        return lost(False) if ("t", "c") in rows else None

    with pytest.raises(ConnectionLost) as caught:
        run_batch(FakeSession(trouble), [ask("a"), ask("b"), ask("c"), ask("d")])
    assert answers_of(list(caught.value.answered)) == [[[(1, "t", "a")]], [[(1, "t", "b")]]]


def test_a_keyboard_interrupt_is_not_swallowed() -> None:
    session = FakeSession(lambda name, rows: KeyboardInterrupt() if name == "rows" else None)
    with pytest.raises(KeyboardInterrupt):
        run_batch(session, [ask("a"), ask("b")])


# ---------------------------------------------------------------- the rest


def test_a_guard_commits_or_rolls_back() -> None:
    session = FakeSession()
    with guard(session):
        pass
    with pytest.raises(ZeroDivisionError), guard(session):
        raise ZeroDivisionError
    assert session.said == ["begin", "commit", "begin", "rollback"]


def test_driving_an_op_needs_no_transaction() -> None:
    session = FakeSession()
    assert drive(session, op(("one", [(1,)]), ("one", [(2,)])).steps(False)) == [[(1,)], [(2,)]]
    assert session.said == ["one", "one"]


def test_a_listener_that_raises_keeps_nobody_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[int] = []
    wake_all([lambda: heard.append(1), lambda: 1 // 0, lambda: heard.append(2)])  # type: ignore[list-item]
    assert heard == [1, 2]
    assert "a listener raised" in caplog.text
