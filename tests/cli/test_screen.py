"""What is shown, and how: text, times, widths, log lines."""

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.cli.logs import LineFormatter
from holdfast.cli.screen import print_json, printable
from holdfast.cli.tables import Column, widths
from holdfast.cli.times import exact, relative, utc

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "now"), (0.9, "now"), (1, "1s ago"), (59.9, "59s ago"), (60, "1m ago"), (3599, "59m ago"),
        (3600, "1h ago"), (86_399, "23h ago"), (86_400, "1d ago"), (400 * 86_400, "400d ago"),
        (-0.5, "now"), (-90, "in 1m"), (-7200, "in 2h"),
    ],
)  # fmt: skip
def test_relative(seconds: float, text: str) -> None:
    assert relative(NOON - timedelta(seconds=seconds), NOON) == text


def test_instants() -> None:
    moment = datetime.fromisoformat("2026-01-01T01:02:03.000004+05:00")
    assert exact(moment) == "2025-12-31T20:02:03.000004Z"
    assert utc(moment) == "2025-12-31 20:02:03Z"


def test_printable() -> None:
    assert printable("a\x1b[31m\tb\nc\x9b\u202ed") == "a\\x1b[31m\\tb\\nc\\x9b\\u202ed"
    assert printable("a\tb\nc\r", lines=True) == "a\tb\nc\\r"
    assert printable("blåbær 🫐") == "blåbær 🫐"


def test_json_survives_any_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": "blåbær", "b": ["\x1b"]})
    assert json.loads(capsys.readouterr().out) == {"a": "blåbær", "b": ["\x1b"]}


def test_widths() -> None:
    columns = [
        Column("A", lambda job, at: "", keep=True),
        Column("BB", lambda job, at: ""),
        Column("C", lambda job, at: ""),
    ]
    rows = [["x" * 20, "y" * 30, "z" * 12]]
    assert widths(columns, rows, 200) == [20, 30, 12]
    assert widths(columns, rows, 56) == [20, 18, 12]
    assert widths(columns, rows, 48) == [20, 11, 11]
    assert widths(columns, rows, 10) == [20, 8, 8]


def test_log_lines() -> None:
    def line(name: str, colour: bool = False) -> str:
        record = logging.LogRecord(name, logging.WARNING, "x.py", 1, "low on %s", ("milk",), None)
        record.created, record.msecs = NOON.timestamp(), 7.0
        return LineFormatter(colour).format(record)

    assert line("holdfast.events") == "2026-01-01 12:00:00.007Z WARNING  low on milk"
    assert line("shop") == "2026-01-01 12:00:00.007Z WARNING  shop: low on milk"
    assert line("shop", colour=True) == "2026-01-01 12:00:00.007Z \x1b[33mWARNING \x1b[0m shop: low on milk"
