"""Fixtures of the fault tests, and their figures at the end of the run."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.audit import Database
from tests.faults.nursery import Nursery

FIGURES = "fault figures"
"""Property of a test: its line."""

COUNTS = "fault counts"
"""Property of a test: (kind, numbers by name), to be added to those of its kind."""


@pytest.fixture(scope="session")
def seed() -> int:
    """Where this run's chances come from: HOLDFAST_SEED replays one."""
    return int(os.environ.get("HOLDFAST_SEED") or random.SystemRandom().randrange(10**9))


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    """Starts processes; all are gone when the test is over."""
    made = Nursery(tmp_path)
    yield made
    made.close()


@pytest.fixture
def database(database_url: str) -> Database:
    """Each database in turn, its tables watched by triggers."""
    made = Database(database_url)
    made.set_up()
    return made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each loop did. Figures travel with the tests' reports, so that they arrive from xdist too."""
    told = [
        prop
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        for prop in report.user_properties
        if report.when == "call"
    ]
    lines = [str(text) for name, text in told if name == FIGURES]
    totals: dict[str, Counter[str]] = {}
    for name, value in told:
        if name == COUNTS:
            kind, counts = value
            totals.setdefault(kind, Counter()).update({"tests": 1, **counts})
    lines += [f"{kind}: {', '.join(f'{n} {what}' for what, n in counts.items())}" for kind, counts in totals.items()]
    if lines:
        terminalreporter.section("faults")
        for line in lines:
            terminalreporter.write_line(line)
