"""The page of guarantees, and the tests named after its numbers, are the same list; and the tests it names exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "guarantees.md"
TEST = re.compile(r"^ *(?:async )?def (test_\w+)\(", re.MULTILINE)


def promised() -> list[int]:
    return [int(number) for number in re.findall(r"^\*\*G(\d+)\. ", PAGE.read_text("utf-8"), re.MULTILINE)]


def names_in(file: Path) -> set[str]:
    return set(TEST.findall(file.read_text("utf-8")))


def test_numbers_count_up() -> None:
    assert promised() == list(range(1, len(promised()) + 1))


def test_each_number_has_its_test_and_each_test_its_number() -> None:
    names = {name for file in (ROOT / "tests").rglob("test_*.py") for name in names_in(file)}
    numbers = {int(found[1]) for name in names if (found := re.match(r"test_g(\d+)_", name))}
    assert numbers == set(promised())


def test_the_tests_that_the_page_names_are_there() -> None:
    named = re.findall(r"\[`(test_\w+)`\]\(([^)]+)\)", PAGE.read_text("utf-8"))
    assert named
    for name, target in named:
        file = (PAGE.parent / target).resolve()
        assert name in names_in(file), f"{target} has no {name}"
