"""A leader says what keeps its database from cleaning up, and who does it, without saying it all the time."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, cast

import psycopg
import pytest

from holdfast import Holdfast
from holdfast.events.bus import Bus
from holdfast.leader.duties import watch
from holdfast.model.finding import Finding, warning
from holdfast.storage.base import Store
from holdfast.storage.postgres import holders
from holdfast.storage.sqlite import checks


class Strained:
    """A store that has a strain for some looks."""

    def __init__(self, *looks: bool) -> None:
        self.looks = list(looks)

    def strain(self) -> Iterable[Finding]:
        return [warning("somebody holds on", "end it")] if self.looks.pop(0) else []


def test_it_is_told_at_its_beginning_and_ever_more_seldom() -> None:
    told: list[int] = []
    bus, lasted = Bus(), 0
    looks = [False, *[True] * 9, False, True]
    store = Strained(*looks)
    for number in range(len(looks)):
        bus.on("database.strained", lambda event, number=number: told.append(number))  # type: ignore[misc]
        lasted = watch.run_once(cast("Store", store), bus, lasted)
        bus = Bus()
    assert told == [1, 2, 4, 8, 11]


def test_nothing_strains_a_new_database(database_url: str) -> None:
    app = Holdfast(database_url, migrate=True)
    app.migrate()
    assert list(app.store.strain()) == []
    app.close()


def test_a_worker_that_leads_names_who_holds_a_snapshot(
    postgres_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders.holders, "__defaults__", (0.0, holders.MANY))
    app = Holdfast(postgres_url, migrate=True)
    app.migrate()
    with psycopg.connect(postgres_url, application_name="reporting") as reader:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select 1")
        strained(app, caplog, f"process {reader.info.backend_pid} (reporting")
    app.close()


def test_a_worker_that_leads_tells_of_a_long_log(
    sqlite_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "LARGE_WAL", 1)
    app = Holdfast(sqlite_url)
    strained(app, caplog, "the write-ahead log of")
    app.close()


def strained(app: Holdfast, caplog: pytest.LogCaptureFixture, text: str) -> None:
    """A leader of the app comes to its duty, and the log says this."""
    caretaker: Any = app.caretaker()
    with caplog.at_level(logging.WARNING, "holdfast"):
        caretaker.run_once()
    assert [record.getMessage() for record in caplog.records if text in record.getMessage()]
