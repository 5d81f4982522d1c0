"""Databases with something wrong in them, and what the doctor says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from holdfast import Holdfast
from holdfast.doctor.examination import examine
from holdfast.model.finding import Finding, Level

Found = dict[str, list[Finding]]


@pytest.fixture
def app(database_url: str) -> Iterator[Holdfast]:
    """An app on a migrated database."""
    app = Holdfast(database_url, migrate=True)
    app.migrate()
    yield app
    app.close()


@pytest.fixture
def look(app: Holdfast) -> Callable[..., Found]:
    """What is found, by the name of the check."""
    return lambda examined=app: findings(examined)


def findings(app: Holdfast) -> Found:
    found: Found = {}
    for name, finding in examine(app.store, "test"):
        found.setdefault(name, []).append(finding)
    return found


def worst(found: list[Finding]) -> Level:
    order = list(Level)
    return max((finding.level for finding in found), key=order.index)


def told(found: list[Finding]) -> str:
    return "; ".join(f"{finding.what} -> {finding.remedy}" for finding in found)


def healthy(found: Found, *, but: tuple[str, ...] = ()) -> None:
    """Nothing is wrong but these; SQLite's own version is the machine's affair."""
    bad = {name: told(each) for name, each in found.items() if worst(each) is not Level.OK}
    assert set(bad) - {"SQLite"} == set(but), bad
