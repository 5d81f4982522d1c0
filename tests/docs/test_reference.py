"""The reference pages say what the code says."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest
from tests.docs.pages import ROOT
from tools import docs

from holdfast import errors
from holdfast.model.event import EVENTS
from holdfast.model.job import JobRecord, JobState
from holdfast.model.options import OptionArguments
from holdfast.storage.migrate import migrations

REFERENCE = ROOT / "docs" / "reference"


def first_cells(page: Path) -> list[str]:
    """The names in the first column of a page's tables."""
    return re.findall(r"`([\w.]+)`", "\n".join(re.findall(r"^\| (`.*?) \|", page.read_text("utf-8"), re.MULTILINE)))


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text("utf-8")
    assert docs.generated(text) == text, "run: python tools/docs.py"


def test_every_generated_part_is_on_a_page() -> None:
    text = "".join(page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md"))
    assert set(re.findall(r"<!-- generated: (\w+) -->", text)) == set(docs.PARTS)


def test_options_are_all_there_in_their_order() -> None:
    assert first_cells(REFERENCE / "options.md") == list(OptionArguments.__annotations__)


def test_the_record_is_all_there() -> None:
    assert sorted(first_cells(REFERENCE / "job-record.md")) == sorted(
        ["raw", *(each.name for each in fields(JobRecord) if each.repr)]
    )


def test_states_are_all_there_in_their_order() -> None:
    assert first_cells(REFERENCE / "states.md")[: len(JobState)] == list(JobState)


def test_events_are_all_there() -> None:
    assert first_cells(REFERENCE / "events.md")[: len(EVENTS)] == list(EVENTS)


def test_errors_are_all_in_the_tree() -> None:
    tree = errors.__doc__ or ""
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        line = re.search(rf"^[│├└─ ]*{name}\b.*$", tree, re.MULTILINE)
        assert line, name
        if name not in ("HoldfastError", "JobError", "NoResult") and hasattr(kind, "code"):
            assert re.search(rf" {kind.code}( |$)", line[0]), f"{name}: {kind.code}"


def test_tables_are_all_there() -> None:
    page = (ROOT / "docs/operating/repair-by-hand.md").read_text("utf-8")
    steps = migrations("holdfast.storage.sqlite")
    tables = {name for step in steps for name in re.findall(r"create table (\w+)", step.sql)}
    unused = {"holdfast_queues"}
    assert not {name for name in tables - unused if f"`{name}`" not in page}
