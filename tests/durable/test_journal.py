"""What a body asks for is matched with what it recorded: changed code is found, retried failures may go other ways."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from holdfast.durable.journal import Journal, marked
from holdfast.errors import NonDeterminism
from holdfast.storage.ops.steps import StepKey, StepRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def record(name: str, place: int, *, branch: str = "", nth: int = 0, attempt: int = 1, **others: Any) -> StepRecord:
    given: dict[str, Any] = {
        "kind": "step", "state": "done", "mark": None, "result": f'"{name}{nth}"', "error": None, "tries": 1,
        "began_at": NOW, "ended_at": NOW, "due": None, "topic": None, "left": None, **others,
    }  # fmt: skip
    return StepRecord(undo=None, key=StepKey(branch, name, nth), place=place, attempt=attempt, **given)


def results(journal: Journal, *names: str, branch: str = "") -> list[str | None]:
    asked = [journal.ask(branch, name, "step", None) for name in names]
    return [None if each.known is None else each.known.result for each in asked]


def test_pieces_are_known_by_line_name_and_number() -> None:
    journal = Journal([record("a", 0), record("a", 1, nth=1), record("a", 0, branch="0", result='"other"')], 1)
    assert results(journal, "a", "a", "a") == ['"a0"', '"a1"', None]
    assert results(journal, "a", branch="0") == ['"other"']


def test_another_name_at_a_place_is_found_before_anything_is_done() -> None:
    journal = Journal([record("a", 0), record("b", 1)], 1)
    journal.ask("", "a", "step", None)
    with pytest.raises(NonDeterminism, match=r"(?s)  a\n- step b\n\+ step c"):
        journal.ask("", "c", "step", None)


def test_a_step_put_in_between_is_found_though_the_next_has_its_name() -> None:
    journal = Journal([record("b", 0)], 1)
    with pytest.raises(NonDeterminism):
        journal.ask("", "a", "step", None)


def test_another_kind_or_other_arguments_are_found() -> None:
    with pytest.raises(NonDeterminism):
        Journal([record("a", 0)], 1).ask("", "a", "sleep", None)
    with pytest.raises(NonDeterminism, match="other arguments"):
        Journal([record("a", 0, mark="1")], 1).ask("", "a", "step", "2")
    Journal([record("a", 0, mark="1")], 1).ask("", "a", "step", None)


def test_a_piece_that_was_cut_off_left_a_gap() -> None:
    journal = Journal([record("a", 0), record("c", 2)], 1)
    assert results(journal, "a", "b", "c") == ['"a0"', None, '"c0"']


def test_a_failure_stands_within_its_attempt_and_is_forgotten_by_the_next() -> None:
    failed = record("a", 0, state="failed", result=None, error="{}")
    assert Journal([failed], 1).ask("", "a", "step", None).known is failed
    assert Journal([failed], 2).ask("", "a", "step", None).known is None


def test_after_a_forgotten_failure_the_body_may_go_another_way_also_when_it_is_replayed() -> None:
    failed = record("a", 0, state="failed", result=None, error="{}")
    journal = Journal([failed, record("plan_b", 1), record("end", 2)], 2)
    again = journal.ask("", "a", "step", None)
    assert again.place < 0
    assert results(journal, "next", "end") == [None, '"end0"']
    done = record("a", again.place, attempt=2)
    replayed = Journal([done, record("plan_b", 1), record("end", 2)], 2)
    assert results(replayed, "a", "next", "end") == ['"a0"', None, '"end0"']


def test_what_has_another_meaning_after_a_forgotten_failure_is_done_anew() -> None:
    failed = record("a", 0, state="failed", result=None, error="{}")
    journal = Journal([failed, record("pay", 1, mark="10 kr")], 2)
    journal.ask("", "a", "step", None)
    assert journal.ask("", "pay", "step", "20 kr").known is None


def test_arguments_have_one_digest_in_every_process() -> None:
    assert marked((), {}) is None
    assert marked(({"b": 1, "a": {"x", "y"}}, NOW), {"p": Path("/a")}) == marked(
        ({"a": {"y", "x"}, "b": 1}, NOW), {"p": Path("/a")}
    )
    assert marked((1,), {}) != marked((2,), {})
    assert marked((object(),), {}) is None
