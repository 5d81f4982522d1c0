"""A database that accepts everything and answers nothing: no caller and no worker waits for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from tests.faults.nursery import until
from tests.faults.proxy import Proxy

from holdfast import Holdfast
from holdfast.errors import DatabaseUnavailable, OutcomeUnknown
from holdfast.storage import lane
from holdfast.storage.postgres import deadline, session, store
from holdfast.storage.postgres.source import DEFAULTS


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    direct = Holdfast(postgres_url)
    direct.migrate()
    direct.close()
    made = Proxy(postgres_url)
    yield made
    made.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thirtieth of the patience: what takes 35 s takes one."""
    monkeypatch.setattr(deadline, "LOOK", 0.05)
    monkeypatch.setattr(store, "CALL", 1.0)
    monkeypatch.setattr(store, "LEASE_CALL", 0.3)
    monkeypatch.setattr(lane, "PATIENCE", 1.0)
    monkeypatch.setattr(store, "PATIENCE", 1.0)
    monkeypatch.setitem(DEFAULTS, "connect_timeout", 2)


def app_on(url: str) -> Holdfast:
    app = Holdfast(url, lease=1, poll_interval=0.1)

    @app.task
    def add(a: int, b: int) -> int:
        return a + b

    return app


@pytest.mark.usefixtures("hasty")
def test_a_caller_is_answered(proxy: Proxy) -> None:
    app = app_on(proxy.url)
    (add,) = app.tasks
    add.enqueue(1, 2)
    assert app.jobs.count() == {"ready": 1}
    proxy.freeze()
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        add.enqueue(1, 2)
    with pytest.raises(DatabaseUnavailable):
        app.jobs.count()
    assert time.monotonic() - began < 15
    proxy.thaw()
    add.enqueue(3, 4)
    assert app.jobs.count()["ready"] in (2, 3)
    app.close()


@pytest.mark.usefixtures("hasty")
def test_the_first_contact_is_refused_in_time(proxy: Proxy) -> None:
    proxy.freeze()
    app = app_on(proxy.url)
    with pytest.raises(DatabaseUnavailable, match="timeout"):
        app.check()
    app.close()


@pytest.mark.usefixtures("hasty")
def test_a_worker_goes_on_when_the_database_answers_again(proxy: Proxy, postgres_url: str) -> None:
    app, direct = app_on(proxy.url), app_on(postgres_url)
    (add,) = direct.tasks
    told: list[Any] = []
    app._bus.on("database.away", lambda event: told.append(event.details["what"]))
    with app.worker(concurrency=2):
        assert add.enqueue(1, 2).result(10) == 3
        proxy.freeze()
        jobs = [add.enqueue(1, number) for number in range(3)]
        until(lambda: "leases cannot be renewed" in told, "the silence noticed by the renewals")
        proxy.thaw()
        assert [job.result(20) for job in jobs] == [1, 2, 3]
        assert {job.refresh().crashes for job in jobs} == {0}
    app.close()
    direct.close()


def test_a_statement_that_waits_for_a_stranger_s_lock_ends(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PIN", session.PIN.replace(f"'{deadline.SERVER}s'", "'200ms'"))
    app = app_on(postgres_url)
    app.migrate()
    (add,) = app.tasks
    add.enqueue(1, 2)
    with psycopg.connect(postgres_url) as stranger:
        stranger.execute("lock table holdfast.jobs in access exclusive mode")
        with pytest.raises(DatabaseUnavailable, match="nothing changed"):
            add.enqueue(1, 2)
        stranger.rollback()
    app.close()
    monkeypatch.undo()  # on a busy machine the look below may take as long
    app = app_on(postgres_url)
    assert app.jobs.count() == {"ready": 1}
    app.close()
