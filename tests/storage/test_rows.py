"""Rows of either database become the same values; what a stranger wrote raises nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from holdfast.clock import to_micros
from holdfast.model.job import AttemptError, JobState
from holdfast.storage.rows import attempt_errors, is_stub, moment, moment_or_none, record

NOON = datetime(2026, 6, 15, 12, 0, 0, 123_456, tzinfo=UTC)
COLUMNS = (
    "tenant", "id", "version", "seq", "task", "queue", "state", "reason", "priority", "due", "args", "result", "key",
    "group", "tags", "metadata", "attempt", "max_attempts", "crashes", "timeout", "policy", "errors", "progress",
    "schedule_id", "worker", "created_at", "started_at", "finished_at", "updated_at", "stub", "token",
)  # fmt: skip


def row(**columns: Any) -> tuple[Any, ...]:
    plain: dict[str, Any] = {
        "tenant": "default", "id": "i", "version": 1, "seq": 5, "task": "t", "queue": "q", "state": "ready",
        "priority": 0, "due": NOON, "args": "{}", "attempt": 0, "max_attempts": 1, "crashes": 0, "policy": "{}",
        "created_at": NOON, "updated_at": NOON, "stub": False, "token": 0,
    }  # fmt: skip
    return tuple({**dict.fromkeys(COLUMNS), **plain, **columns}[name] for name in COLUMNS)


def test_instants_of_both_databases() -> None:
    assert moment(to_micros(NOON)) == NOON
    elsewhere = moment(NOON.astimezone(timezone(timedelta(hours=5))))
    assert (elsewhere, elsewhere.tzinfo) == (NOON, UTC)
    assert (moment_or_none(None), moment_or_none(to_micros(NOON))) == (None, NOON)


def test_both_databases_give_the_same_record() -> None:
    micros = to_micros(NOON)
    assert record(row()) == record(row(due=micros, created_at=micros, updated_at=micros, stub=0))


def test_a_bare_row() -> None:
    found = record(row(timeout=None))
    assert (found.state, found.args, found.tags, found.metadata, found.errors) == (JobState.READY, {}, (), {}, ())
    assert (found.result, found.result_text, found.progress, found.started_at, found.finished_at) == (None,) * 5
    assert (found.keep_succeeded, found.keep_failed, found.on_timeout) == (7 * 86400.0, 30 * 86400.0, "fail")


def test_a_full_row() -> None:
    found = record(
        row(
            state="failed", reason="timeout", args='{"a":[1]}', result="[2]", key="k", group="g", tags='["x","y"]',
            metadata='{"m":null}', attempt=2, crashes=1, timeout=1.5, policy='{"keep_failed":0.0}', progress='{"p":1}',
            errors='[{"at":1,"attempt":1,"kind":"K","message":"m","traceback":"t","data":{"d":1},"worker":"w"}]',
            schedule_id="s", worker="w", started_at=NOON, finished_at=NOON,
        )
    )  # fmt: skip
    assert (found.args, found.result, found.result_text) == ({"a": [1]}, [2], "[2]")
    assert (found.tags, found.metadata, found.progress) == (("x", "y"), {"m": None}, {"p": 1})
    assert (found.key, found.group, found.schedule_id, found.worker) == ("k", "g", "s", "w")
    assert (found.keep_failed, found.started_at, found.finished_at) == (0.0, NOON, NOON)
    at = datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    assert found.errors == (AttemptError(1, "K", "m", "t", {"d": 1}, at, "w"),)


def test_stubs() -> None:
    assert [is_stub(row(stub=value)) for value in (True, 1, False, 0)] == [True, True, False, False]


@pytest.mark.parametrize("text", [None, "", "[]"])
def test_no_errors(text: str | None) -> None:
    assert attempt_errors(text) == ()


def test_entries_of_other_versions() -> None:
    assert attempt_errors('[{}, {"new":1}]') == (AttemptError(0, "Error", ""), AttemptError(0, "Error", ""))


NESTED = "[" * 100_000


@pytest.mark.parametrize("text", ["", "{", "null", "1", '"x"', "[1]", '{"a":', "NaN", "9" * 5_000, NESTED, "\ud800"])
@pytest.mark.parametrize("column", ["args", "result", "tags", "metadata", "policy", "errors", "progress"])
def test_no_row_is_poison(column: str, text: str) -> None:
    """Strangers write rows, too. One that nobody understands must not hide the others of its page."""
    found = record(row(**{column: text}))
    assert found.id == "i"
    assert isinstance(found.args, dict)
    assert isinstance(found.metadata, dict)
    assert isinstance(found.tags, tuple)
    assert isinstance(found.errors, tuple)


def test_a_state_of_the_future_is_poison_no_more() -> None:
    with pytest.raises(ValueError):  # CHECK constraints keep every other word out
        record(row(state="dreaming"))
